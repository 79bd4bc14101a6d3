"""One line on how far an archive is: hours of sound done, how fast, how long it still takes."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from datetime import timedelta

from ._archive_files import Recording
from ._archive_parts import Parts
from ._archive_work import Outcome

TERMINAL, ELSEWHERE = 1.0, 60.0  # seconds between two lines


class Progress:
    """Write a line over itself on a terminal, and a line a minute where there is none.

    Parameters
    ----------
    todo : list of Recording
        What this run has to do.
    parts : Parts
        Where workers say how far they are.
    before : int
        Recordings that were done before.
    quiet : bool
        Write nothing.
    stream : text file, optional
        Standard error when left out.
    """

    def __init__(
        self, todo: list[Recording], parts: Parts, *, before: int, quiet: bool, stream=None
    ) -> None:
        self._sizes = {parts.path(one).name: max(0, one.size) for one in todo}
        self._parts, self._before = parts, before
        self._quiet, self._stream = quiet, stream or sys.stderr
        self._began = time.monotonic()
        self._seconds, self._bytes, self._failed = 0.0, 0, 0
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._left, self._width = dict(self._sizes), 0

    def __enter__(self) -> Progress:
        if not self._quiet:
            self._thread.start()
        return self

    def __exit__(self, kind, *_) -> None:
        if self._quiet:
            return
        self._ended.set()
        self._thread.join()
        self._show(self.told(), last=True)

    def add(self, outcome: Outcome) -> None:
        """Count a recording that is done or failed."""
        with self._lock:
            size = self._left.pop(self._parts.path(outcome.recording).name, 0)
            self._seconds += outcome.duration
            self._bytes += size
            self._failed += bool(outcome.error)

    def busy(self) -> list[str]:
        """Names of what workers were at when they were last heard."""
        return sorted(path.name.rsplit("-", 2)[0] for path in self._parts.under_way.iterdir())

    def told(self) -> str:
        """Say how far it is."""
        seconds, share = self._state()
        elapsed = max(1e-3, time.monotonic() - self._began)
        count = self._before + len(self._sizes) - len(self._left)
        said = [f"{count} of {self._before + len(self._sizes)} recordings"]
        said += [f"{self._before} of them before"] if self._before else []
        said += [f"{self._failed} failed"] if self._failed else []
        if seconds:
            said += [f"{seconds / 3600:.2f} h of sound", f"{seconds / elapsed:.0f} x real time"]
        if 0 < share < 1:
            left = timedelta(seconds=round(elapsed * (1 - share) / share))
            said.append(f"{left} left")
        return ", ".join(said)

    def _state(self) -> tuple[float, float]:
        """Seconds of sound done in this run, and the share of all bytes."""
        with self._lock:
            seconds, done, left = self._seconds, float(self._bytes), dict(self._left)
        for path in self._parts.under_way.iterdir():
            with contextlib.suppress(OSError, ValueError):  # done now, or being written
                heard, share = map(float, path.read_text().split())
                if path.name in left:
                    seconds, done = seconds + heard, done + share * left[path.name]
        return seconds, done / max(1, sum(self._sizes.values()))

    def _watch(self) -> None:
        while not self._ended.wait(TERMINAL if self._stream.isatty() else ELSEWHERE):
            self._show(self.told())

    def _show(self, text: str, *, last: bool = False) -> None:
        if self._stream.isatty():
            self._stream.write("\r" + text.ljust(self._width) + ("\n" if last else ""))
            self._width = len(text)
        else:
            self._stream.write(text + "\n")
        self._stream.flush()
