"""One look at the tracker's database: everything that the page shows."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from helpers.apps.journal import Reader
from helpers.apps.page._alarms import Alarm, alarms
from helpers.apps.records import MINUTE, Event, Minute, Notice, Picture, Session

VARIABLE = "HEARING_TRACKER_DB"  # of the environment, through which a kernel finds the database


@dataclass
class Look:
    """What the database holds.

    Parameters
    ----------
    minutes : list of Minute
        Closed ones, in order.
    going : list of (int, int, float)
        Start, events and seconds heard of minutes that are not closed.
    notices : list of Notice
    session : Session, optional
        The newest.
    picture : Picture, optional
    events : list of Event
        Those of the picture.
    """

    minutes: list[Minute] = field(default_factory=list)
    going: list[tuple[int, int, float]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    session: Session | None = None
    picture: Picture | None = None
    events: list[Event] = field(default_factory=list)

    @property
    def last(self) -> Minute | None:
        """The newest closed minute."""
        return self.minutes[-1] if self.minutes else None

    @cached_property
    def alarms(self) -> list[Alarm]:
        """All alarms, in order."""
        return alarms(self.minutes, self.notices)

    @cached_property
    def plops(self) -> int:
        """All that were counted, those of the minute that goes on included."""
        return sum(one.count for one in self.minutes) + sum(count for _, count, _ in self.going)

    @property
    def heard_of(self) -> float | None:
        """When the tracker last wrote anything, as unix seconds."""
        times = [notice.time for notice in self.notices[-1:]]
        times += [start + seconds for start, _, seconds in self.going]
        times += [one.start + MINUTE for one in self.minutes[-1:]]
        times += [self.picture.time] if self.picture else []
        if self.session:
            times += [self.session.started, self.session.ended or 0.0]
        return max(times, default=None)


def look(path: Path, before: Look | None = None) -> Look:
    """Read what the page shows; the file is opened for this look and closed again.

    Parameters
    ----------
    path : Path
    before : Look, optional
        The last look: of its minutes only those that came since are read.

    Returns
    -------
    Look

    Raises
    ------
    JournalError
        When there is no database, or it cannot be used; the message says why.
    """
    with Reader(path) as reader:
        sessions = reader.sessions()
        picture = reader.picture()
        events = []
        if picture is not None:
            length = picture.frames * picture.hop
            events = reader.events(picture.time - length, picture.time)
        return Look(
            _minutes(reader, before.minutes if before else []),
            reader.open_minutes(math.inf),
            reader.notices(),
            sessions[-1] if sessions else None,
            picture,
            events,
        )


def _minutes(reader: Reader, known: list[Minute]) -> list[Minute]:
    """Add what came since to what is known, unless the file was changed for another."""
    if known:
        new = reader.minutes(known[-1].start)
        if new and repr(new[0]) == repr(known[-1]):  # NaN is like NaN here
            return known + new[1:] if new[1:] else known
    return reader.minutes()
