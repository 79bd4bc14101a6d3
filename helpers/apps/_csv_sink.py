"""Minutes as lines of a CSV file, each exactly once, whatever was killed in between."""

from __future__ import annotations

import csv
import datetime
import io
import math
import os
from collections.abc import Callable
from pathlib import Path

from helpers.apps._secrets import SinkError
from helpers.apps._spool import NotDelivered, Spool
from helpers.apps.records import Minute, iso

HEADER = b"time,count,seconds,rate,low,high,state\n"
LINES = 256  # written at a time, so what a kill leaves to be compared is in the last lines
TAIL = 64 * 1024  # bytes that hold more than these lines


class CsvSink:
    """Append every closed minute to a local file.

    A line counts as told once it is on the disk. A half-written last line is cut off and written
    again; a file that was moved away is written anew, whole.

    Parameters
    ----------
    path : path
        Its folder must exist.

    Raises
    ------
    SinkError
        When the folder is missing.
    """

    longest = 60.0  # seconds between two tries
    later = 60.0  # seconds until it is tried again where only a person can mend it
    last_look = True  # when the tracker stops

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()
        self.name = f"csv:{self.path}"
        self._size = -1  # bytes of the file after our last line; -1 where it must be looked at
        self._last: set[int] = set()
        if not self.path.parent.is_dir():
            raise SinkError(f"{self.path}: the folder is missing: make it, or name another file")

    def __repr__(self) -> str:
        return f"CsvSink({str(self.path)!r})"

    def deliver(self, spool: Spool, clock: Callable[[], float]) -> float | None:
        """Append what is new; returns None: look again soon."""
        try:
            self._look(spool)
            spool.catch_up()
            while minutes := spool.unsent(LINES):
                self._append([one for one in minutes if one.start not in self._last])
                self._last = {one.start for one in minutes}
                spool.mark(self._last, clock())
        except OSError as error:
            self._size = -1
            raise NotDelivered(f"{self.path}: cannot be written ({error.strerror})") from error
        return None

    def close(self) -> None:
        """Nothing is held open."""

    def _look(self, spool: Spool) -> None:
        """Make a file of whole lines of whatever is there, and see which minutes it ends with."""
        if self._size >= 0 and self.path.exists() and self.path.stat().st_size == self._size:
            return
        with open(self.path, "a+b") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            start = file.read(len(HEADER))
            if HEADER.startswith(start) and start != HEADER:  # new, or killed within the header
                spool.forget()  # first: a kill in between must not leave an empty file as told
                file.truncate(0)
                size = _write(file, HEADER)
            elif start != HEADER:
                raise NotDelivered(
                    f"{self.path}: does not begin with the line {HEADER.decode().strip()!r}: move "
                    "it away, then it is written anew",
                    refused=True,
                )
            self._size = self._mend(file, size, spool)

    def _mend(self, file: io.BufferedRandom, size: int, spool: Spool) -> int:
        """Cut off a last line that has no end; returns the size."""
        file.seek(max(0, size - TAIL))
        whole, _, rest = file.read().rpartition(b"\n")
        if rest:
            start = _start(rest)
            if start is not None:  # an editor may have taken the end of a line that was told
                spool.forget(start)
            file.truncate(size - len(rest))
            os.fsync(file.fileno())
        starts = (_start(line) for line in whole.split(b"\n")[-LINES:])
        self._last = {start for start in starts if start is not None}
        return size - len(rest)

    def _append(self, minutes: list[Minute]) -> None:
        data = b"".join(line(one) for one in minutes)
        if data:
            with open(self.path, "ab") as file:
                self._size = _write(file, data)


def line(minute: Minute) -> bytes:
    """Write a minute as a line; a rate that is not known, or has no bound, is left empty."""
    rates = (f"{x:.3f}" if math.isfinite(x) else "" for x in (minute.rate, minute.low, minute.high))
    text = io.StringIO()
    row = [iso(minute.start), minute.count, f"{minute.seconds:.3f}", *rates, minute.state]
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue().encode()


def _start(line: bytes) -> int | None:
    """Read the minute that a line is about; None where that cannot be told."""
    try:
        text = line.split(b",", 1)[0].decode()
        moment = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return None
    return int(moment.replace(tzinfo=datetime.UTC).timestamp())


def _write(file: io.BufferedIOBase, data: bytes) -> int:
    """Write to the disk; returns the size of the file."""
    file.write(data)
    file.flush()
    os.fsync(file.fileno())
    return os.fstat(file.fileno()).st_size
