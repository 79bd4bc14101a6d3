"""Times in words and at axes, in English whatever the computer speaks."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MINUTE, HOUR, DAY = 60, 3600, 86_400
STEPS = [n * MINUTE for n in (1, 5, 10, 30)] + [n * HOUR for n in (1, 2, 3, 6, 12)]


def of(time: float, zone: tzinfo | None = None) -> datetime:
    """Date and time at a place; of this computer, where no zone is given."""
    return datetime.fromtimestamp(time, zone)


def clock(time: float, zone: tzinfo | None = None, *, seconds: bool = False) -> str:
    """Write the time of day."""
    moment = of(time, zone)
    return f"{moment:%H:%M:%S}" if seconds else f"{moment:%H:%M}"


def day(time: float, zone: tzinfo | None = None) -> str:
    """Write the day, such as "3 Mar"."""
    moment = of(time, zone)
    return f"{moment.day} {MONTHS[moment.month - 1]}"


def when(time: float, zone: tzinfo | None = None, *, now: float | None = None) -> str:
    """Write the time of day, and the day unless it is today."""
    if now is not None and of(time, zone).date() == of(now, zone).date():
        return clock(time, zone)
    return f"{DAYS[of(time, zone).weekday()]} {day(time, zone)}, {clock(time, zone)}"


def lasting(seconds: float) -> str:
    """Say how long something lasts, to two units at most: "2 hours 5 minutes"."""
    seconds = int(max(seconds, 0))
    if seconds < MINUTE:
        return _many(seconds, "second")
    if seconds < HOUR:
        return _many(seconds // MINUTE, "minute")
    if seconds < DAY:
        return _both(_many(seconds // HOUR, "hour"), seconds % HOUR // MINUTE, "minute")
    return _both(_many(seconds // DAY, "day"), seconds % DAY // HOUR, "hour")


def _both(first: str, count: int, unit: str) -> str:
    return f"{first} {_many(count, unit)}" if count else first


def _many(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"


def ticks(
    first: float, last: float, *, most: int, zone: tzinfo | None = None
) -> list[tuple[float, str]]:
    """Round times between two, no more than `most` and one, each with its label.

    Parameters
    ----------
    first, last : float
        Unix seconds.
    most : int
        How many labels have room.
    zone : tzinfo, optional
        By default this computer's.

    Returns
    -------
    list of (float, str)
        Unix seconds, and the time of day or, at midnight, the day.
    """
    span = last - first
    step = next((step for step in STEPS if span / step <= most), None)
    if step is None:
        step = DAY * max(1, -(-span // (most * DAY)))
    midnight = of(first, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    skipped = max(0, int((first - midnight.timestamp()) // step) - 1)
    found = []
    for n in range(skipped, skipped + most + 4):
        moment = midnight + n * timedelta(seconds=step)  # on the clock: days of 23 hours too
        time = moment.timestamp()
        if first <= time <= last:
            at_midnight = moment.hour == moment.minute == 0
            found.append((time, day(time, zone) if at_midnight else clock(time, zone)))
    return found[: most + 1]
