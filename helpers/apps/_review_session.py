"""The logic of a review, with no browser in it. Used through :mod:`helpers.apps.review`."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import labels

UNDECIDED, KEPT, DROPPED = "undecided", "kept", "dropped"


@dataclass(frozen=True)
class Item:
    """One event under review."""

    onset: float
    offset: float
    label: str
    status: str = UNDECIDED


class ReviewSession:
    """The state of a review: events, the one at hand, and the file they are saved to.

    Parameters
    ----------
    samples : ndarray, shape (samples,)
        The recording, mono.
    events : DataFrame
        Proposals: onset, offset, event_label. Left aside when `path` exists already: then the
        review that is saved there goes on.
    path : path-like
        The Audacity label file to write.
    sample_rate : int
        Samples a second.
    context : float
        Seconds shown on either side of the event at hand.

    Raises
    ------
    helpers.labels.LabelError
        When the events, or those in an existing file, are not valid.
    """

    def __init__(
        self,
        samples: np.ndarray,
        events: pd.DataFrame,
        *,
        path: str | os.PathLike,
        sample_rate: int = 16_000,
        context: float = 0.75,
    ):
        self.samples, self.sample_rate, self.context = samples, sample_rate, context
        self.path = Path(path)
        self.duration = len(samples) / sample_rate
        self.resumed = self.path.exists()
        if self.resumed:
            events = labels.read_audacity(self.path, duration=self.duration, overlaps="allow")
            undecided = events["event_label"].str.endswith("?")
        else:
            events = labels.check_events(events, duration=self.duration, overlaps="allow")
            undecided = np.ones(len(events), bool)
        self.items = [
            Item(row.onset, row.offset, row.event_label.removesuffix("?"), status)
            for row, status in zip(
                events.itertuples(), np.where(undecided, UNDECIDED, KEPT), strict=True
            )
        ]
        self.position = 0
        self._past: list[tuple[list[Item], int]] = []
        self._to_undecided()

    @property
    def current(self) -> Item | None:
        """The event at hand; None when there is none at all."""
        return self.items[self.position] if self.items else None

    @property
    def done(self) -> bool:
        """Whether every event is decided."""
        return all(item.status != UNDECIDED for item in self.items)

    def events(self, *, undecided: bool = False) -> pd.DataFrame:
        """Return what was kept, sorted; with `undecided`, what waits too, its label marked "?"."""
        rows = [
            (item.onset, item.offset, item.label + ("?" if item.status == UNDECIDED else ""))
            for item in self.items
            if item.status == KEPT or (undecided and item.status == UNDECIDED)
        ]
        table = pd.DataFrame(rows, columns=["onset", "offset", "event_label"])
        return labels.check_events(table, overlaps="allow")

    def save(self) -> None:
        """Write the Audacity file, whole or not at all; undecided events end in "?"."""
        labels.write_audacity(self.path, self.events(undecided=True))

    def keep(self) -> None:
        """Keep the event at hand and go to the next undecided one."""
        self._decide(KEPT)

    def drop(self) -> None:
        """Drop the event at hand and go to the next undecided one."""
        self._decide(DROPPED)

    def shift(self, *, onset: float = 0.0, offset: float = 0.0) -> None:
        """Move the onset and the offset of the event at hand by so many seconds.

        An onset never passes its offset, and neither leaves the recording.
        """
        if self.current is None:
            return
        self._remember()
        item = self.current
        start = min(max(item.onset + onset, 0.0), self.duration)
        stop = min(max(item.offset + offset, 0.0), self.duration)
        if onset and not offset:
            start = min(start, stop)
        stop = max(start, stop)
        self.items[self.position] = replace(item, onset=round(start, 6), offset=round(stop, 6))

    def add(self, onset: float, *, length: float | None = None, label: str | None = None) -> None:
        """Add an event that the proposals missed, keep it, and make it the one at hand.

        Parameters
        ----------
        onset
            Seconds.
        length
            Seconds; the median of the others by default.
        label
            The most common of the others by default.

        Raises
        ------
        ValueError
            When the onset lies outside the recording.
        """
        if not 0 <= onset < self.duration:
            raise ValueError(f"onset {onset:g} s is outside the recording of {self.duration:g} s")
        self._remember()
        if length is None:
            length = float(np.median([i.offset - i.onset for i in self.items] or [0.1]))
        if label is None:
            names = [item.label for item in self.items] or ["p"]
            label = max(names, key=names.count)
        added = Item(onset, min(onset + length, self.duration), label, KEPT)
        self.position = sum(item.onset <= onset for item in self.items)
        self.items.insert(self.position, added)

    def go(self, step: int) -> None:
        """Go forward or back by so many events, not past the ends."""
        self.position = min(max(self.position + step, 0), max(len(self.items) - 1, 0))

    def undo(self) -> None:
        """Take the last decision, shift or addition back."""
        if self._past:
            self.items, self.position = self._past.pop()

    def view(self) -> tuple[float, float]:
        """Start and end in seconds of what is shown around the event at hand."""
        item = self.current
        centre = (item.onset + item.offset) / 2 if item else 0.0
        half = self.context + ((item.offset - item.onset) / 2 if item else 0.0)
        start = min(max(centre - half, 0.0), max(self.duration - 2 * half, 0.0))
        return start, min(start + 2 * half, self.duration)

    def clip(self) -> np.ndarray:
        """Return the samples of what is shown."""
        start, stop = (round(time * self.sample_rate) for time in self.view())
        return self.samples[start:stop]

    def status(self) -> str:
        """Say in one line where the review stands."""
        count = {name: sum(i.status == name for i in self.items) for name in (KEPT, DROPPED)}
        told = f"{count[KEPT]} kept, {count[DROPPED]} dropped"
        if self.current is None:
            return "no proposals; add what you hear"
        item = self.current
        here = f"{item.label} at {item.onset:.3f}–{item.offset:.3f} s, {item.status}"
        told = f"event {self.position + 1} of {len(self.items)}: {here}; {told}"
        return told + ("; all decided" if self.done else "")

    def _decide(self, status: str) -> None:
        if self.current is None:
            return
        self._remember()
        self.items[self.position] = replace(self.current, status=status)
        self._to_undecided()

    def _to_undecided(self) -> None:
        order = [*range(self.position, len(self.items)), *range(self.position)]
        waiting = (i for i in order if self.items[i].status == UNDECIDED)
        self.position = next(waiting, self.position)

    def _remember(self) -> None:
        self._past.append((list(self.items), self.position))
