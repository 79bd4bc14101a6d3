"""What the fermentation tracker writes down: events, minutes, notices, a picture.

Times are unix seconds, UTC. Lengths are seconds, rates are bubbles per minute.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

MINUTE = 60


@dataclass(frozen=True, slots=True)
class Event:
    """One plop.

    Parameters
    ----------
    time : float
        Onset, unix seconds.
    length : float
        Seconds.
    score : float
        What the detector gave it, 0 to 1.
    label : str
    """

    time: float
    length: float
    score: float
    label: str = "p"


@dataclass(frozen=True, slots=True)
class Minute:
    """One closed minute; it never changes.

    Parameters
    ----------
    start : int
        Unix seconds, a multiple of 60.
    count : int
        Events whose onset lies in the minute.
    seconds : float
        How much of it was heard, 0 to 60.
    rate, low, high : float
        Bubbles per minute over the sliding time that ends with this minute, and the ends of the
        95 % interval. NaN where nothing was heard.
    state : str
        As :mod:`helpers.apps.alarms` names it.
    """

    start: int
    count: int
    seconds: float
    rate: float
    low: float
    high: float
    state: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person may want to know.

    Parameters
    ----------
    time : float
        Unix seconds.
    kind : str
        ``start``, ``stop``, ``gap``, ``overflow``, ``device lost``, ``device back``, ``silence``,
        ``sound again``, ``clipping``, ``alarm``, ``alarm over`` or ``sink``.
    text : str
    """

    time: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the tracker.

    Parameters
    ----------
    id : int
    started : float
        Unix seconds.
    ended : float or None
        None where it is still running, or was killed.
    source, detector : str
        What was listened to, and with what.
    """

    id: int
    started: float
    ended: float | None
    source: str
    detector: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Log-mel spectrogram of the last minute, coarse enough to be shown.

    Parameters
    ----------
    time : float
        Unix seconds of its end.
    frames, bands : int
        Its shape.
    hop : float
        Seconds from one frame to the next.
    low, high : float
        Decibels that 0 and 255 stand for.
    fmin, fmax : float
        Hz, the lowest and the highest band edge.
    values : bytes
        ``frames * bands`` of them, frame after frame.
    """

    time: float
    frames: int
    bands: int
    hop: float
    low: float
    high: float
    fmin: float
    fmax: float
    values: bytes


def minute_of(time: float) -> int:
    """Start of the minute in which a time lies."""
    return int(time // MINUTE) * MINUTE


def iso(time: float) -> str:
    """Write a time as ISO 8601 in UTC, to the second: ``2025-03-01T18:30:00Z``."""
    moment = datetime.datetime.fromtimestamp(time, datetime.UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
