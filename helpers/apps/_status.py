"""The tracker's one line of live status, and its last words."""

from __future__ import annotations

import math
import sys
import time

from .records import iso

EVERY = 1.0  # seconds between two lines


class Line:
    """Write a line over itself on a terminal; a line a minute where there is none.

    Parameters
    ----------
    quiet : bool
        Write nothing.
    """

    def __init__(self, *, quiet: bool = False, stream=None, clock=time.monotonic) -> None:
        self.stream = stream or sys.stderr
        self.quiet, self._clock = quiet, clock
        self._terminal = self.stream.isatty()
        self._last = clock()  # nothing is known yet
        self._width = 0

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_) -> None:
        if self._width:
            self.stream.write("\n")

    def show(self, keeper) -> None:
        """Write what the books say now, if it is time again."""
        now = self._clock()
        if self.quiet or now - self._last < (EVERY if self._terminal else 60 * EVERY):
            return
        self._last = now
        text = told(keeper)
        if self._terminal:
            self.stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self.stream.write(text + "\n")
        self.stream.flush()


def told(keeper) -> str:
    """Say it in one line: time, rate, state, plops, level."""
    status = keeper.status
    level = keeper.health.level
    loud = f"{level:.0f} dB" if math.isfinite(level) else "no level yet"
    return " | ".join([iso(keeper.now), rate_of(status), status.state, _counted(keeper), loud])


def rate_of(status) -> str:
    """Bubbles per minute with their interval."""
    if not math.isfinite(status.rate):
        return "no rate yet"
    return f"{status.rate:.1f} a minute ({status.low:.1f} to {status.high:.1f})"


def summary(keeper) -> str:
    """Say what this run heard, with its interval."""
    from ._poisson import poisson_bounds

    seconds = keeper.seconds
    if not seconds:
        return "Nothing was heard."
    low, high = (60 * bound / seconds for bound in poisson_bounds(keeper.plops))
    rate = 60 * keeper.plops / seconds
    return f"{_counted(keeper)} in {seconds:.1f} s: {rate:.1f} a minute ({low:.1f} to {high:.1f})"


def _counted(keeper) -> str:
    """Say how many there were, by name: plops of an airlock, or events of another detector."""
    if keeper.labels == ("p",):
        return f"{keeper.plops} plops"
    return f"{keeper.plops} events ({', '.join(keeper.labels)})"
