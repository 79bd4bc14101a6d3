"""What the collector asks of yt-dlp: what is at an address, its bytes, and why that failed.

Only yt-dlp's own HTTP downloader is used. No postprocessor and no external downloader is set and
formats that would need one are refused, so that no text of a web page can reach a command line.
"""

from __future__ import annotations

import datetime
import errno
import hashlib
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from helpers.apps import _first_seconds

FIRST_LOOK = 48 * 1024  # bytes after which the download is looked into for the first time
GROWTH = 1.15  # and again each time it has grown by this factor
BLOCK = 4096  # bytes between two looks at the clock
PLAIN = "[protocol~='^https?$']"
GONE_CODES = (404, 410, 451)
GONE_WORDS = re.compile(
    r"private video|video (is )?(unavailable|not available|no longer available)|been removed|"
    r"removed by|account .{0,40}terminated|does not exist|copyright claim|members-only",
    re.IGNORECASE,
)


class NotFetchedError(Exception):
    """A recording was not fetched; ``status`` is "gone" or "failed"."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Options:
    """How patient to be: seconds of silence on the line, tries after the first, seconds in all."""

    timeout: float = 20.0
    retries: int = 2
    limit: float = 600.0


def open_session(options: Options, *, loopback: bool):
    """Make a quiet yt-dlp object that writes nothing but the file that it is told to write."""
    import yt_dlp

    params = {
        "quiet": True,
        "noprogress": True,
        "logger": _Silent(),
        "color": "never",
        "format": f"bestaudio{PLAIN}/best{PLAIN}",
        "noplaylist": True,
        "playlist_items": "1",
        "socket_timeout": options.timeout,
        "retries": options.retries,
        "extractor_retries": options.retries,
        "continuedl": True,
        "fixup": "never",
        "updatetime": False,
        "buffersize": BLOCK,
        "noresizebuffer": True,
        "ignoreerrors": False,
    }
    if loopback:  # a proxy cannot reach this machine's loopback interface
        params["proxy"] = ""
    return yt_dlp.YoutubeDL(params)


class _Silent:
    """Takes what yt-dlp would print; failures come back as exceptions."""

    def debug(self, message: str) -> None:
        """Drop a message."""

    info = warning = error = debug


def describe(session, address: str) -> dict:
    """Ask what is at an address: title, uploader, formats, the one that suits.

    Raises
    ------
    NotFetchedError
        When nothing is there, it cannot be understood, or it is a live stream.
    """
    import yt_dlp

    try:
        info = session.extract_info(address, download=False)
    except yt_dlp.utils.YoutubeDLError as error:
        raise explain(error) from error
    if info and info.get("entries"):
        info = next(iter(info["entries"]), None)
    if not info or not info.get("url"):
        raise NotFetchedError("failed", f"no recording found at {address}. {upgrade_hint()}")
    if info.get("is_live") or info.get("live_status") == "is_upcoming":
        raise NotFetchedError("failed", "a live stream, which has no first seconds to come back to")
    return info


def token(info: dict) -> str:
    """Name one format of one recording, so that parts of two are never joined by resuming."""
    marks = [info.get(name) for name in ("format_id", "ext", "filesize", "timestamp")]
    return hashlib.sha256(repr(marks).encode()).hexdigest()[:8]


def download(session, info: dict, path: Path, *, seconds: float, options: Options) -> bool:
    """Download until ``seconds`` of sound are there; go on from what an earlier try left.

    Parameters
    ----------
    session
        From :func:`open_session`.
    info
        From :func:`describe`.
    path
        Name of the whole file; the part on its way lies beside it with ``.part`` behind its name.
    seconds
        How much sound is wanted.
    options
        Patience.

    Returns
    -------
    bool
        Whether the file is whole; False when its beginning was enough.

    Raises
    ------
    NotFetchedError
        When the server does not give it; what arrived is kept.
    """
    import yt_dlp

    part = part_of(path)
    if not path.exists() and part.exists() and _first_seconds.holds(part, seconds):
        return False
    session.add_progress_hook(_Watch(seconds + _first_seconds.MARGIN, options.limit))
    try:
        done, _ = session.dl(str(path), info)
    except _EnoughError:
        return False
    except (yt_dlp.utils.YoutubeDLError, OSError) as error:
        raise explain(error, part=part) from error
    if not done:
        raise NotFetchedError("failed", f"the server sent nothing. {upgrade_hint()}")
    return True


def part_of(path: Path) -> Path:
    """Name that yt-dlp gives a file on its way."""
    return path.with_name(path.name + ".part")


class _EnoughError(Exception):
    """Ends a download that holds what was asked for."""


class _Watch:
    """Progress hook: looks whether there is enough, and at the clock."""

    def __init__(self, seconds: float, limit: float) -> None:
        self.seconds, self.limit = seconds, limit
        self.started, self.next_look = time.monotonic(), FIRST_LOOK

    def __call__(self, progress: dict) -> None:
        if progress.get("status") != "downloading":
            return
        if time.monotonic() - self.started > self.limit:
            raise NotFetchedError(
                "failed",
                f"too slow: not enough after {self.limit:g} s; what arrived is kept, "
                "run again to go on",
            )
        arrived = progress.get("downloaded_bytes") or 0
        if arrived < self.next_look:
            return
        self.next_look = arrived * GROWTH
        if _first_seconds.holds(Path(progress["tmpfilename"]), self.seconds):
            raise _EnoughError


def explain(error: BaseException, *, part: Path | None = None) -> NotFetchedError:
    """Turn what yt-dlp raised into a status and a reason that says what to do.

    A full disk is no fault of the recording: it is raised as the OSError that it is.
    """
    import yt_dlp

    text = re.sub(r"\s+", " ", re.sub(r"^(ERROR:|\s|\[[\w:+-]+\])+", "", str(error))).strip()
    if os.strerror(errno.ENOSPC) in text:
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: make room, then run again")
    chain = list(_chain(error))
    codes = [e.status for e in chain if isinstance(e, yt_dlp.networking.exceptions.HTTPError)]
    kept = f"; {part.stat().st_size} bytes are kept, run again to go on" if _has(part) else ""
    if codes and codes[0] in GONE_CODES:
        return NotFetchedError("gone", f"HTTP {codes[0]}: the recording is no longer there")
    if GONE_WORDS.search(text):
        return NotFetchedError("gone", text)
    if "timed out" in text:
        return NotFetchedError("failed", f"the server stopped sending (timed out){kept}")
    if more := re.search(r"more expected", text):
        text = text[: more.end()].removeprefix("Got error: ")
        return NotFetchedError("failed", f"the connection ended early: {text}{kept}")
    return NotFetchedError("failed", f"{text.rstrip('.')}{kept}. {upgrade_hint()}")


def _has(part: Path | None) -> bool:
    return part is not None and part.exists()


def _chain(error: BaseException | None):
    """Walk from an error to what caused it, by every way that yt-dlp keeps causes."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        held = getattr(error, "exc_info", None)
        error = (held and held[1]) or getattr(error, "cause", None) or error.__cause__


def upgrade_hint(*, today: datetime.date | None = None) -> str:
    """Say how old the installed yt-dlp is, from the date in its version, and how to renew it."""
    from yt_dlp.version import __version__ as version

    how = 'python -m pip install --upgrade "yt-dlp[default]"'
    try:
        made = datetime.date(*(int(part) for part in version.split(".")[:3]))
    except (ValueError, TypeError):
        return f"The installed yt-dlp is {version}; sites change often: {how}"
    days = ((today or datetime.date.today()) - made).days
    return (
        f"The installed yt-dlp {version} is {max(days, 0)} days old; sites change often and only "
        f"a recent one keeps up: {how}"
    )
