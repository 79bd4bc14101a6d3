"""What was heard but could not be written yet, in memory, bounded."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from helpers.apps.records import MINUTE, Event, Minute, Notice, minute_of


@dataclass
class Waiting:
    """Items on their way to the database.

    Parameters
    ----------
    limit : int
        How many at most. Above it the oldest events go first, then the oldest notices; minutes
        are kept.
    """

    limit: int
    events: deque[Event] = field(default_factory=deque)
    notices: deque[Notice] = field(default_factory=deque)
    heard: dict[int, float] = field(default_factory=dict)
    minutes: dict[int, Minute] = field(default_factory=dict)
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.events) + len(self.notices) + len(self.minutes)

    def put(
        self,
        events: Iterable[Event],
        notices: Iterable[Notice],
        heard: Mapping[int, float],
    ) -> None:
        """Take all of it or, where something is no such item, nothing.

        Raises
        ------
        ValueError, TypeError
            When a value is no number, or a minute does not begin at a full minute.
        """
        events = [plain_event(event) for event in events]
        starts = [minute_of(event.time) for event in events]
        notices = [Notice(float(one.time), str(one.kind), str(one.text)) for one in notices]
        heard = {full_minute(start): float(seconds) for start, seconds in heard.items()}
        self.events.extend(events)
        self.notices.extend(notices)
        for start in starts:  # an event is progress of its minute, even if it comes first
            self.heard.setdefault(start, 0.0)
        for start, seconds in heard.items():
            self.heard[start] = self.heard.get(start, 0.0) + seconds

    def trim(self) -> None:
        """Drop the oldest until the limit is kept."""
        while len(self) > self.limit and (self.events or self.notices):
            (self.events or self.notices).popleft()
            self.dropped += 1

    def count(self, start: int) -> int:
        """How many waiting events lie in a minute."""
        return sum(start <= event.time < start + MINUTE for event in self.events)

    def oldest(self, count: int) -> list[Event]:
        """List the events that have waited longest."""
        return list(itertools.islice(self.events, count))

    def forget(self, count: int) -> None:
        """Drop the oldest events, since they are written now."""
        for _ in range(count):
            self.events.popleft()

    def clear(self) -> None:
        """Drop everything, since it is written now."""
        for items in (self.events, self.notices, self.heard, self.minutes):
            items.clear()
        self.dropped = 0


def plain_event(event: Event) -> Event:
    """Copy with plain numbers: SQLite knows none of NumPy's."""
    return Event(float(event.time), float(event.length), float(event.score), str(event.label))


def plain_minute(minute: Minute) -> Minute:
    """Copy with plain numbers: SQLite knows none of NumPy's.

    Raises
    ------
    ValueError
        When it does not begin at a full minute.
    """
    return Minute(
        full_minute(minute.start),
        int(minute.count),
        float(minute.seconds),
        float(minute.rate),
        float(minute.low),
        float(minute.high),
        str(minute.state),
    )


def full_minute(start: float) -> int:
    """Return the start of a minute as an int.

    Raises
    ------
    ValueError
        When it is not a multiple of 60.
    """
    if start % MINUTE:
        raise ValueError(f"minute {start!r}: a multiple of 60 unix seconds wanted")
    return int(start)
