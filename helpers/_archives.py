"""Zip archives: fetched with a line of progress, unpacked whole or not at all, and thrown away.

What an archive says about itself is not trusted: a member that would land outside its folder, or
a link, is refused before anything is written.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
import tempfile
import time
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from filelock import FileLock

from helpers import _download
from helpers._sources import DataError, Entry, Source

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class Progress:
    """Write one line about a download, over and over: how much, how fast, how long still.

    Parameters
    ----------
    name
        What is being fetched.
    every
        Seconds between two lines.
    """

    def __init__(self, name: str, *, every: float = 0.5):
        self.name = name
        self.every = every
        self.began: tuple[float, int] | None = None
        self.said = -1e9
        self.width = 0

    def __call__(self, have: int, total: int | None) -> None:
        """Note that ``have`` bytes of ``total`` are here."""
        now = time.monotonic()
        if self.began is None:
            self.began = (now, have)
        if now - self.said >= self.every or have == total:
            self.said = now
            self._say(line(self.name, have, total, have - self.began[1], now - self.began[0]))

    def _say(self, text: str) -> None:
        """Write over the line before."""
        sys.stdout.write("\r" + text.ljust(self.width))
        sys.stdout.flush()
        self.width = len(text)

    def close(self) -> None:
        """End the line, if there is one."""
        if self.width:
            sys.stdout.write("\n")
            sys.stdout.flush()


def line(name: str, have: int, total: int | None, fetched: int, seconds: float) -> str:
    """Say how far a download is.

    Parameters
    ----------
    name
        What is being fetched.
    have, total
        Bytes that are here, and in all; None where nobody knows.
    fetched, seconds
        Bytes that came in this run, and how long they took: what was here before says nothing
        about the speed.
    """
    text = (
        f"{name}: {have / 1e6:.1f} MB"
        if total is None
        else (f"{name}: {have / 1e6:.1f} of {total / 1e6:.1f} MB")
    )
    if fetched <= 0 or seconds <= 0:
        return text
    rate = fetched / seconds
    text += f", {rate / 1e6:.1f} MB/s"
    if total is None:
        return text
    left = max(0, round((total - have) / rate))
    return f"{text}, {left // 60}:{left % 60:02d} min left"


def unpacked(
    source: Source,
    entry: Entry,
    target: Path,
    *,
    patience: _download.Patience | None = None,
) -> Path:
    """Make sure that the folder of an archive is at hand.

    Parameters
    ----------
    source, entry
        The archive, and where it comes from.
    target
        Where the folder of that name in the archive goes; it is moved there when it is whole, and
        the archive is deleted then.
    patience
        How long to wait for the network.

    Raises
    ------
    DataMissing
        When the network does not give the archive. What has come is kept, and the next call goes
        on from there.
    DataError
        When the archive differs from its entry, is broken, would write outside its folder or does
        not hold the folder, or when the disk is full.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / f".{target.name}.lock"):  # one process fetches, others find it
        if not target.is_dir():
            archive = _fetched(source, entry, target.parent / entry.path, patience)
            unpack(archive, target)
            archive.unlink()
    return target


def _fetched(
    source: Source, entry: Entry, archive: Path, patience: _download.Patience | None
) -> Path:
    """Return the archive, fetched unless it is here, for instance since the disk was full."""
    if archive.exists():
        _download.verify(archive, entry)
        return archive
    progress = Progress(f"{source.name}/{entry.path}")
    try:
        return _download.download(
            source, entry, archive, patience or _download.Patience(), report=progress
        )
    finally:
        progress.close()


def unpack(archive: Path, target: Path) -> None:
    """Unpack the folder ``target.name`` of an archive to ``target``, whole or not at all.

    The folder may lie at the top of the archive or one folder below. An archive that is refused
    is deleted, so that the next download starts anew; where the disk is full it is kept.
    """
    for left in target.parent.glob(f".{target.name}.*.tmp"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    room = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
    try:
        _extract(archive, room)
        os.replace(_inner(archive, room, target.name), target)
    except DataError:
        archive.unlink()
        raise
    except BROKEN as error:
        archive.unlink()
        raise DataError(
            f"{archive}: a broken zip archive ({error}): it was deleted; load again"
        ) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise _disk_full(archive, target) from error
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _extract(archive: Path, room: Path) -> None:
    """Write all members below ``room``, after a look at their names and at the disk."""
    with zipfile.ZipFile(archive) as file:
        members = file.infolist()
        for member in members:
            if reason := _wrong(member):
                raise DataError(
                    f"{archive}: member {member.filename!r} {reason}: the archive was refused and "
                    "deleted; it is not the one that was published"
                )
        needed = sum(member.file_size for member in members)
        if needed > shutil.disk_usage(room).free:
            raise OSError(errno.ENOSPC, "not enough room")
        print(f"{archive.name}: unpacking {len(members)} files, {needed / 1e6:.1f} MB")
        file.extractall(room)


def _wrong(member: zipfile.ZipInfo) -> str:
    """Say what is wrong with a member of an archive; empty where nothing is."""
    path = PurePosixPath(member.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in member.filename or not path.parts:
        return "leaves its folder"
    if ":" in path.parts[0]:
        return "names a drive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a link"
    return ""


def _inner(archive: Path, room: Path, name: str) -> Path:
    """Return the folder of this name in what was unpacked."""
    for folder in (room / name, *sorted(room.glob(f"*/{name}"))):
        if folder.is_dir():
            return folder
    found = ", ".join(sorted(path.name for path in room.iterdir())[:4]) or "nothing"
    raise DataError(
        f"{archive}: no folder {name}/ in it, but {found}: it was deleted; load again, and if it "
        "happens again the archive was changed upstream"
    )


def _disk_full(archive: Path, target: Path) -> DataError:
    free = shutil.disk_usage(target.parent).free / 1e6
    return DataError(
        f"{archive}: the disk is too full to unpack it ({free:.0f} MB free): make room, or let "
        "HEARING_DATA name a folder on another disk; the archive is kept, and nothing else"
    )
