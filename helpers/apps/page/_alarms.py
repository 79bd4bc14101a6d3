"""What called for a look, from when to when, out of minutes and notices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from helpers.apps import alarms as rules
from helpers.apps.records import MINUTE, Minute, Notice

# What ends a trouble with the microphone.
MENDED = {"device lost": "device back", "silence": "sound again"}


@dataclass(frozen=True)
class Alarm:
    """Something that calls, or called, for a look; unix seconds.

    Parameters
    ----------
    name, advice : str
    begin : float
    end : float or None
        None while it lasts.
    """

    name: str
    advice: str
    begin: float
    end: float | None = None


def alarms(minutes: Sequence[Minute], notices: Iterable[Notice] = ()) -> list[Alarm]:
    """List all alarms in order of their begin.

    Those that are a state of the brew are read off the minutes, since a killed tracker may not
    have come to write its notice; all others are read off the notices.

    Parameters
    ----------
    minutes : sequence of Minute
    notices : iterable of Notice

    Returns
    -------
    list of Alarm
    """
    found = [*_of_minutes(minutes), *_of_notices(minutes, notices)]
    return sorted(found, key=lambda alarm: alarm.begin)


def troubles(notices: Iterable[Notice], *, since: float = 0) -> list[Notice]:
    """List troubles with the microphone from `since` (unix seconds) on that are not over."""
    lasting: dict[str, Notice] = {}
    for notice in notices:
        if notice.kind in MENDED and notice.time >= since:
            lasting[MENDED[notice.kind]] = notice
        else:
            lasting.pop(notice.kind, None)
    return list(lasting.values())


def _of_minutes(minutes: Iterable[Minute]) -> list[Alarm]:
    found: list[Alarm] = []
    name, begin = "", 0.0
    for one in minutes:
        if one.state == name:
            continue
        time = float(one.start + MINUTE)
        if name in rules.ALARMS:
            found.append(Alarm(name, rules.ALARMS[name], begin, time))
        name, begin = one.state, time
    if name in rules.ALARMS:
        found.append(Alarm(name, rules.ALARMS[name], begin))
    return found


def _of_notices(minutes: Sequence[Minute], notices: Iterable[Notice]) -> list[Alarm]:
    found: list[Alarm] = []
    lasting: dict[str, Alarm] = {}
    for notice in notices:
        name, _, advice = notice.text.partition(": ")
        if name in rules.ALARMS:
            continue
        if notice.kind == "alarm":
            lasting.setdefault(name, Alarm(name, advice, notice.time))
        elif notice.kind == "alarm over" and name in lasting:
            begun = lasting.pop(name)
            found.append(Alarm(begun.name, begun.advice, begun.begin, notice.time))
    late = rules.LATE.partition(": ")[0]
    if late in lasting:  # nobody says that it is over: the brew does
        begun = lasting.pop(late)
        found.append(Alarm(begun.name, begun.advice, begun.begin, _started(minutes, begun.begin)))
    return found + list(lasting.values())


def _started(minutes: Sequence[Minute], since: float) -> float | None:
    """End of the first minute after a time in which the brew works."""
    later = (one.start + MINUTE for one in minutes if one.state != rules.NOT_STARTED)
    return next((float(time) for time in later if time >= since), None)
