"""Files that are what they ought to be: from the cache, a mirror or the network.

Every file is compared with the hash in its manifest before anybody sees it. A download grows
under the name ``<file>.part``, goes on from there when it was interrupted, and gets its final
name only when its hash is right.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from helpers import store
from helpers._sources import DataError, DataMissing, Entry, Source

CHUNK = 1 << 16
AGENT = "machine-hearing course (python urllib)"


@dataclass(frozen=True)
class Patience:
    """How long to wait for the network.

    Parameters
    ----------
    timeout
        Seconds without a byte after which a connection counts as stalled.
    attempts
        How often to try one file; a later attempt goes on where the one before stopped.
    pause
        Seconds before the second attempt; twice as long before each one after.
    """

    timeout: float = 30.0
    attempts: int = 4
    pause: float = 0.5


def fetch(
    source: Source,
    entries: Sequence[Entry],
    *,
    patience: Patience | None = None,
    connections: int = 4,
) -> dict[str, Path]:
    """Make sure that files are at hand, and say where.

    Looks in the cache (``HEARING_DATA``), then in the mirror (``HEARING_MIRROR``, read in place),
    then on the network unless ``HEARING_OFFLINE=1``.

    Parameters
    ----------
    source, entries
        What to fetch.
    patience
        How long to wait for the network.
    connections
        Downloads at the same time.

    Returns
    -------
    dict
        Path in the manifest to path on this machine; every file has the right hash.

    Raises
    ------
    DataMissing
        When a file is nowhere to be had. What was fetched is kept.
    DataError
        When a file in the cache, in the mirror or upstream differs from the manifest, or the
        disk is full.
    """
    found, missing = at_hand(source, entries)
    if not missing:
        return found
    if store.offline():
        raise DataMissing(how_to_get(source, missing, "HEARING_OFFLINE=1 forbids the network"))
    folder = store.data_folder() / source.name
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):  # one process downloads, the others find its files
        fetched, missing = at_hand(source, missing)
        found |= fetched
        if missing:
            found |= _download_all(source, missing, patience or Patience(), connections)
    return found


def at_hand(source: Source, entries: Sequence[Entry]) -> tuple[dict[str, Path], list[Entry]]:
    """Look for files in the cache and in the mirror; the second result is what is in neither."""
    places = [(store.data_folder() / source.name, lambda path: path)]
    if (mirror := mirror_folder()) is not None:
        places.append((mirror, source.in_mirror))
    found, missing = {}, []
    for entry in entries:
        paths = [folder / name(entry.path) for folder, name in places]
        path = next((path for path in paths if path.exists()), None)
        if path is None:
            missing.append(entry)
        else:
            verify(path, entry)
            found[entry.path] = path
    return found, missing


def mirror_folder() -> Path | None:
    """Folder named by ``HEARING_MIRROR``; None where there is none."""
    folder = store.folder_from_environment("HEARING_MIRROR")
    if folder is not None and not folder.is_dir():
        raise DataError(f"HEARING_MIRROR={folder}: no such folder: mend it, or unset it")
    return folder


def verify(path: Path, entry: Entry) -> None:
    """Refuse a file that is not the one of the manifest."""
    problem = _difference(path, entry)
    if problem:
        raise DataError(
            f"{path}: not the file that the manifest names ({problem}): "
            "it is corrupt or was changed; delete it and load again"
        )


def _difference(path: Path, entry: Entry) -> str:
    """Say how a file differs from its entry; empty where it does not."""
    size = path.stat().st_size
    if entry.size is not None and size != entry.size:
        return f"{size} bytes, {entry.size} expected"
    if entry.sha256:
        kind, found, wanted = "sha256", store.sha256(path), entry.sha256
    elif entry.md5:
        kind, found, wanted = "md5", md5(path), entry.md5
    else:
        kind, found, wanted = "sha1", git_blob_sha1(path), entry.git_blob_sha1
    return "" if found == wanted else f"{kind} {found[:12]}…, {wanted[:12]}… expected"


def git_blob_sha1(path: Path) -> str:
    """Name that git gives to the content of a file."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def md5(path: Path) -> str:
    """MD5 sum of a file; archives such as Zenodo publish no other."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _download_all(
    source: Source, entries: list[Entry], patience: Patience, connections: int
) -> dict[str, Path]:
    """Download several at a time; the first failure, or an interrupt, stops them all."""
    megabytes = sum(entry.size or 0 for entry in entries) / 1e6
    print(f"{source.name}: fetching {len(entries)} files, {megabytes:.1f} MB, from {source.base}")
    stop = threading.Event()
    folder = store.data_folder() / source.name
    with ThreadPoolExecutor(max_workers=connections) as pool:
        jobs = [
            pool.submit(download, source, entry, folder / entry.path, patience, stop)
            for entry in entries
        ]
        try:
            return {entry.path: job.result() for entry, job in zip(entries, jobs, strict=True)}
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def download(
    source: Source,
    entry: Entry,
    target: Path,
    patience: Patience,
    stop: threading.Event | None = None,
    report: Callable[[int, int | None], None] | None = None,
) -> Path:
    """Download one file to ``target``, going on from ``<target>.part`` where that exists.

    ``report`` is told after each block how many bytes are here, and of how many.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    stop = stop or threading.Event()
    reason = "stopped"
    for attempt in range(patience.attempts):
        if attempt:
            stop.wait(patience.pause * 2 ** (attempt - 1))
        if stop.is_set():
            break
        resumed = part.exists()
        try:
            _transfer(source, part, entry, patience.timeout, stop, report)
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code} {error.reason}"
            if error.code < 500 and error.code not in (408, 416, 429):
                break  # asking again would not help
        except (OSError, http.client.HTTPException) as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise _disk_full(part, entry) from error
            reason = f"{type(error).__name__}: {error}"
        else:
            if stop.is_set():
                break
            reason = _difference(part, entry)
            if not reason:
                os.replace(part, target)
                return target
            part.unlink()
            if not resumed:  # else its beginning may have been wrong: try once more from nothing
                raise DataError(_refusal(source, entry, reason))
    raise DataMissing(how_to_get(source, [entry], reason))


def _refusal(source: Source, entry: Entry, reason: str) -> str:
    return (
        f"{source.address(entry.path)}: not the file that the manifest names ({reason}): refused; "
        "load again, and if it happens again the file was changed upstream"
    )


def _transfer(
    source: Source, part: Path, entry: Entry, timeout: float, stop: threading.Event, report
) -> None:
    """Append to ``part`` what it lacks; raises OSError where the connection ends too early."""
    address = source.address(entry.path)
    have = part.stat().st_size if part.exists() else 0
    if entry.size is not None and have >= entry.size:
        if have == entry.size:
            return
        have = 0
    headers = {"User-Agent": AGENT} | ({"Range": f"bytes={have}-"} if have else {})
    request = urllib.request.Request(address, headers=headers)
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing beyond what is here: start again
            part.unlink(missing_ok=True)
        raise
    with response:
        resumed = response.status == 206
        total = _total(response, have if resumed else 0)
        watch = None if report is None else lambda have: report(have, entry.size or total)
        with open(part, "ab" if resumed else "wb") as file:
            whole = _copy(response, file, entry.size or source.limit, timeout, stop, watch)
    if not whole:
        part.unlink()
        raise DataError(f"{address}: longer than the manifest says: refused")
    size = part.stat().st_size
    if not stop.is_set() and size < (entry.size or total or 0):
        raise ConnectionError(f"the connection ended after {size} bytes")


def _total(response: http.client.HTTPResponse, have: int) -> int | None:
    """Size of the whole file as the server states it."""
    length = response.headers.get("Content-Length")
    return None if length is None else have + int(length)


def _copy(response, file, limit: int, timeout: float, stop: threading.Event, watch) -> bool:
    """Copy blocks; False where more comes than ``limit`` bytes in all.

    A server that sends less than a kilobyte a second counts as stalled.
    """
    began, copied = time.monotonic(), 0
    while not stop.is_set() and (block := response.read1(CHUNK)):
        file.write(block)
        copied += len(block)
        if file.tell() > limit:
            return False
        if watch is not None:
            watch(file.tell())
        waited = time.monotonic() - began
        if waited > 2 * timeout and copied < 1000 * waited:
            raise TimeoutError(f"stalled, {copied} bytes in {waited:.0f} s")
    return True


def _disk_full(part: Path, entry: Entry) -> DataError:
    free = shutil.disk_usage(part.parent).free / 1e6
    return DataError(
        f"{entry.path}: the disk is full ({free:.0f} MB free in {part.parent}): make room, or let "
        f"HEARING_DATA name a folder on another disk; what has come so far is kept in {part.name}"
    )


def how_to_get(source: Source, missing: Sequence[Entry], reason: str) -> str:
    """Name the three ways to get the data."""
    megabytes = sum(entry.size or 0 for entry in missing) / 1e6
    size = f" ({megabytes:.1f} MB)" if megabytes else ""
    return (
        f"{source.name}: {len(missing)} files{size} are not on this machine, for "
        f"instance {missing[0].path} ({reason}). Three ways to get them:\n"
        f"  1. with a network, and HEARING_OFFLINE not set, load again: they come from "
        f"{source.base}\n"
        f"  2. set HEARING_MIRROR to the absolute path of a folder that holds "
        f"{source.in_mirror(missing[0].path)}\n"
        f"  3. set HEARING_DATA to the absolute path of the cache of a machine that has them\n"
        f"Or call load(..., {source.stand_in}) to go on with synthetic recordings."
    )
