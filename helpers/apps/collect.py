"""Collect the first seconds of recordings from the web, with a record of whose they are.

    python -m helpers.apps.collect

fetches the airlock videos of ``data/sources.csv`` whose labels are published.

For each recording: find the best plain audio format with yt-dlp, download only until the wanted
seconds are there, decode them with PyAV to 16 kHz mono FLAC, and write down id, title, uploader,
licence, duration, date and hash. Files are named by id alone. What cannot be had is skipped, and
the table says why. Running it again goes on where it stopped.
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from helpers import audio, store
from helpers.apps import _first_seconds, _provenance, _ytdlp
from helpers.apps._addresses import (
    YOUTUBE,
    CollectError,
    Wanted,
    is_loopback,
    read_sources,
    refuse_offline,
    sources_path,
)
from helpers.apps._ytdlp import upgrade_hint

__all__ = [
    "YOUTUBE",
    "CollectError",
    "fetch",
    "main",
    "read_sources",
    "sources_path",
    "upgrade_hint",
]

PARTS = ".partial"
HAVE = ("fetched", "present", "short", "cut")


def fetch(
    ids_or_urls: Iterable[str],
    folder: str | Path,
    *,
    seconds: float = 60.0,
    address: str = YOUTUBE,
    timeout: float = 20.0,
    retries: int = 2,
    limit: float = 600.0,
    pause: float = 1.0,
    report: Callable[[dict], None] | None = None,
) -> pd.DataFrame:
    """Fetch the first seconds of recordings as ``<id>.flac``, 16 kHz mono.

    Parameters
    ----------
    ids_or_urls
        Ids of recordings, or addresses of pages that yt-dlp knows.
    folder
        Where the recordings and ``provenance.csv`` go; made if it is not there.
    seconds
        How much of each recording, from its start.
    address
        Address of a recording's page, with ``{id}`` in the place of the id.
    timeout, retries
        Seconds of silence on the line before a try is given up, and tries after the first.
    limit
        Seconds for one recording at most.
    pause
        Seconds between two recordings of a site, out of courtesy; none on this machine.
    report
        Called with each row as soon as it is known.

    Returns
    -------
    DataFrame
        One row for each recording asked for, with the columns of the provenance table. Status is
        ``fetched``; ``present`` (was there already and is unchanged); ``short`` (the whole
        recording is shorter than asked); ``cut`` (it ends before its own header says);
        ``changed`` (the file here is not the one that was fetched, and is left alone); ``gone``
        or ``failed``, with the reason.

    Raises
    ------
    CollectError
        When an id could not be a file name, an address is not one, the network is switched off by
        ``HEARING_OFFLINE=1``, or another process is collecting into the folder.
    OSError
        When the folder cannot be written, for instance a full disk.
    """
    if not seconds > 0:
        raise CollectError(f"seconds: {seconds!r}, a length above 0 wanted")
    wanted = [Wanted.of(item, address) for item in ids_or_urls]
    folder = Path(folder)
    refuse_offline(one for one in wanted if not (folder / f"{one.key}.flac").exists())
    (folder / PARTS).mkdir(parents=True, exist_ok=True)
    options = _ytdlp.Options(timeout, retries, limit)
    rows = []
    try:
        with FileLock(folder / PARTS / "lock", timeout=limit):
            for number, one in enumerate(wanted):
                if number and not one.loopback and rows[-1]["status"] != "present":
                    time.sleep(pause)
                rows.append(_one(one, folder, seconds, options))
                if report is not None:
                    report(rows[-1])
    except Timeout:
        raise CollectError(f"{folder}: another process is collecting here: wait for it") from None
    return _provenance.typed(pd.DataFrame(rows, columns=list(_provenance.COLUMNS)))


def _one(one: Wanted, folder: Path, seconds: float, options: _ytdlp.Options) -> dict:
    """Fetch one recording, or find out why not, and write its row."""
    table = _provenance.read(folder)
    known = _provenance.find(table, one.key)
    here = _already(one, folder, known, seconds)
    if here is not None:
        return here
    refuse_offline([one])  # it is here, but more of it is wanted
    row = _row(one, seconds)
    try:
        with _ytdlp.open_session(options, loopback=one.loopback) as session:
            _get(session, one, folder, row, options)
    except _ytdlp.NotFetchedError as error:
        row |= {"status": error.status, "reason": _provenance.tidy(error, length=500)}
        if known is None or not known["file"]:
            _provenance.write(folder, _provenance.put(table, row))
    return row


def _row(one: Wanted, seconds: float) -> dict:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    row = dict.fromkeys(_provenance.COLUMNS, "")
    return row | {"id": one.key, "seconds": seconds, "address": one.address, "fetched": now}


def _already(one: Wanted, folder: Path, known: dict | None, seconds: float) -> dict | None:
    """Return the row of a recording that is here and need not be fetched."""
    path = folder / f"{one.key}.flac"
    if not path.exists():
        return None
    if known is None or not known["sha256"]:
        reason = "not in the provenance table, so not from here: left as it is"
        about = {"file": path.name, "duration": audio.duration(path)}
        return _row(one, seconds) | about | {"status": "present", "reason": reason}
    if store.sha256(path) != known["sha256"]:
        reason = f"{path.name} has changed since it was fetched: move it away to fetch it again"
        return known | {"status": "changed", "reason": reason}
    if known["status"] == "fetched" and known["seconds"] < seconds:
        return None  # more of it is wanted now
    reason = "" if known["status"] == "fetched" else f"{known['status']}: {known['reason']}"
    return known | {"status": "present", "reason": reason}


def _get(session, one: Wanted, folder: Path, row: dict, options: _ytdlp.Options) -> None:
    """Download, decode and put in place; fills ``row``."""
    info = _ytdlp.describe(session, one.address)
    if one.loopback and not is_loopback(info["url"]) and store.offline():
        raise _ytdlp.NotFetchedError("failed", "leads away from this machine, HEARING_OFFLINE=1")
    row |= _about(info)
    path = folder / PARTS / f"{one.key}.{_ytdlp.token(info)}"
    part = _ytdlp.part_of(path)
    resumed = part.stat().st_size if part.exists() else 0
    whole = _ytdlp.download(session, info, path, seconds=row["seconds"], options=options)
    source = path if whole else part
    try:
        beginning = _first_seconds.decode(source, row["seconds"])
    except _first_seconds.UndecodableError as error:
        row["bytes"] = source.stat().st_size
        source.unlink()
        again = "; resumed, so it may be two files in one: run again" if resumed else ""
        raise _ytdlp.NotFetchedError("failed", f"{error}{again}") from error
    row["status"], row["reason"] = _judge(beginning, row["seconds"], whole=whole)
    row["bytes"] = source.stat().st_size
    _keep(beginning, one, folder, row)
    for left in (folder / PARTS).glob(f"{one.key}.*"):
        left.unlink()


def _about(info: dict) -> dict:
    """Take from yt-dlp's description what the table holds."""
    date = str(info.get("upload_date") or "")
    return {
        "title": _provenance.tidy(info.get("title")),
        "uploader": _provenance.tidy(info.get("uploader") or info.get("channel")),
        "licence": _provenance.tidy(info.get("license")),
        "date": f"{date[:4]}-{date[4:6]}-{date[6:8]}" if re.fullmatch(r"\d{8}", date) else "",
        "format": _provenance.tidy(info.get("ext"), length=10),
    }


def _judge(beginning: _first_seconds.Beginning, seconds: float, *, whole: bool) -> tuple[str, str]:
    """Status and reason of what was decoded."""
    have = beginning.seconds
    due = min(seconds, beginning.promised or have)
    if beginning.damaged or (whole and have < due - 0.5):
        damage = f", {beginning.damaged} damaged packets" if beginning.damaged else ""
        return "cut", f"{have:.1f} s of sound where {due:.1f} s were due{damage}"
    if have < seconds - 0.1:
        return "short", f"the whole recording is {have:.1f} s, {seconds:g} s were asked for"
    return "fetched", ""


def _keep(beginning: _first_seconds.Beginning, one: Wanted, folder: Path, row: dict) -> None:
    """Write the FLAC, its row, then its name: a row with no file is fetched again."""
    made = folder / PARTS / f"{one.key}.whole.flac"
    audio.write(made, beginning.samples)
    row |= {
        "duration": round(beginning.seconds, 3),
        "sha256": store.sha256(made),
        "file": f"{one.key}.flac",
    }
    _provenance.write(folder, _provenance.put(_provenance.read(folder), row))
    made.replace(folder / row["file"])


def main(arguments: list[str] | None = None) -> int:
    """Run the collector from the command line; 0 when every recording is here."""
    options = _parser().parse_args(arguments)
    try:
        wanted = list(options.ids)
        if options.sources or not wanted:
            candidates = read_sources(options.sources or sources_path(), which=options.which)
            wanted += list(candidates["youtube_id"])
        folder = options.folder or store.data_folder() / "airlocks"
        table = fetch(
            wanted,
            folder,
            seconds=options.seconds,
            address=options.address,
            timeout=options.timeout,
            report=_print_row,
        )
    except (CollectError, _provenance.ProvenanceError, store.StoreError, OSError) as error:
        print(f"collect: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: nothing is lost, run again to go on", file=sys.stderr)
        return 130
    have = table["status"].isin(HAVE)
    print(f"{int(have.sum())} of {len(table)} recordings in {folder}")
    return 0 if have.all() else 1


def _print_row(row: dict) -> None:
    print(f"{row['id']:<16} {row['status']:<8} {row['reason']}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.apps.collect",
        description="Fetch the first seconds of recordings as 16 kHz mono FLAC, named by id, "
        "with a provenance table.",
        epilog="An id that starts with - goes behind a double dash: collect -- -E3T2OmjTLs",
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="ids, or addresses of pages")
    parser.add_argument(
        "--sources",
        metavar="CSV",
        help="table of candidates; data/sources.csv where no ID is given",
    )
    parser.add_argument(
        "--which",
        default="labelled",
        choices=("labelled", "included", "all"),
        help="of the candidates: with published labels (default), not excluded, or all",
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="of each, default %(default)g")
    parser.add_argument("--folder", type=Path, help="default: airlocks in the data folder")
    parser.add_argument("--address", default=YOUTUBE, help="page of an id, default %(default)s")
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds of silence allowed")
    return parser


if __name__ == "__main__":
    sys.exit(main())
