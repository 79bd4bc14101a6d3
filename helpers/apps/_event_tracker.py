"""Hysteresis one frame at a time: what :class:`helpers.detection.Decoder` finds in a file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._decoder import Decoder


@dataclass
class Span:
    """An event that goes on, or that waits for one close enough to join it."""

    onset: float
    offset: float
    score: float
    announced: bool = False


class EventTracker:
    """Follow one column of scores and say when an event has begun and when it is over.

    Given the same frames it finds the events of :meth:`Decoder.spans`, in the same order, however
    the frames are cut into pieces. It looks back only.

    Parameters
    ----------
    decoder : Decoder
    half : float
        Half a hop in seconds: a frame stands for its centre and this much to either side.
    """

    def __init__(self, decoder: Decoder, *, half: float) -> None:
        self.decoder = decoder
        self.half = half
        self._threshold = _as_compared(decoder.threshold)
        self._low = self._threshold if decoder.low is None else _as_compared(decoder.low)
        self._peak = -np.inf  # of the run above `low` that goes on now
        self._running = False
        self._last = 0.0  # centre of the frame before
        self._current: Span | None = None  # its run reached the threshold
        self._waiting: Span | None = None  # its run is over; may be joined

    def feed(self, values: np.ndarray, times: np.ndarray) -> tuple[list[Span], list[Span]]:
        """Take the next frames.

        Parameters
        ----------
        values, times : ndarray, shape (frames,)
            Scores, and the centre of each frame in seconds.

        Returns
        -------
        begun, ended : lists of Span
            Events that became long enough to count, and events that are over; not shifted.
        """
        begun, ended = [], []
        if not (self._running or self._waiting) and values.max(initial=-np.inf) < self._low:
            self._last = float(times[-1]) if len(times) else self._last
            return begun, ended  # nearly always: nothing is going on
        for value, time in zip(values.tolist(), times.tolist(), strict=True):
            if value >= self._low:
                self._above(value, time, ended)
            elif self._running:
                self._close(ended)
            self._expire(time, ended)
            self._announce(begun)
            self._last = time
        return begun, ended

    def flush(self) -> tuple[list[Span], list[Span]]:
        """End what goes on, as the end of a recording does."""
        ended: list[Span] = []
        if self._running:
            self._close(ended)
        self._settle(ended)
        return [], ended

    def announced(self) -> list[Span]:
        """Events that were announced and are not over."""
        return [span for span in (self._waiting, self._current) if span and span.announced]

    def undecided(self) -> list[Span]:
        """List what may become an event and was not announced."""
        return [span for span in (self._waiting, self._current) if span and not span.announced]

    def _above(self, value: float, time: float, ended: list[Span]) -> None:
        """Go on with a run, or begin one; it is an event from where it reaches the threshold."""
        self._peak = max(self._peak, value) if self._running else value
        self._running = True
        if self._current is None and value >= self._threshold:
            self._begin(time - self.half, ended)
        if self._current is not None:
            self._current.offset = time + self.half
            self._current.score = max(self._current.score, self._peak)

    def _begin(self, onset: float, ended: list[Span]) -> None:
        gap = self.decoder.max_gap
        if self._waiting and gap > 0 and onset - self._waiting.offset <= gap + 1e-9:
            self._current, self._waiting = self._waiting, None
        else:
            self._settle(ended)
            self._current = Span(onset, onset, -np.inf)

    def _close(self, ended: list[Span]) -> None:
        """End the run; what was an event waits for a gap's length."""
        self._running = False
        if self._current is None:
            return
        self._settle(ended)
        self._waiting, self._current = self._current, None
        if self.decoder.max_gap <= 0:
            self._settle(ended)

    def _expire(self, time: float, ended: list[Span]) -> None:
        """Let go of what nothing can join any more: no event can begin before this frame."""
        waiting, gap = self._waiting, self.decoder.max_gap
        if waiting and self._current is None and time - self.half - waiting.offset > gap + 1e-9:
            self._settle(ended)

    def _settle(self, ended: list[Span]) -> None:
        if self._waiting and self._long(self._waiting):
            ended.append(self._waiting)
        self._waiting = None

    def _announce(self, begun: list[Span]) -> None:
        if self._current and not self._current.announced and self._long(self._current):
            self._current.announced = True
            begun.append(self._current)

    def _long(self, span: Span) -> bool:
        return span.offset - span.onset >= self.decoder.min_length - 1e-9


def _as_compared(level: float) -> float:
    """Round a level as NumPy does when it compares float32 scores with it: batch does that."""
    return float(level) if isinstance(level, np.float64) else float(np.float32(level))
