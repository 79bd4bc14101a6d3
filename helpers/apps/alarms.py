"""What the brew is doing: a rate over a sliding time, a state, and alarms that do not flicker.

The rate is a count over the time that was heard, with the interval of a Poisson count. That
interval takes plops as independent of each other: an even airlock varies less and the interval is
wide for it, bursts vary more and it is too narrow. It knows nothing of what the detector misses or
invents.

Each change of state must hold for some time before it is believed (**hysteresis in time**), and the
level that ends a state lies away from the one that began it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ._poisson import poisson_bounds
from .records import Notice

NOT_STARTED = "not started"
ACTIVE = "active"
TOO_ACTIVE = "too active"
STALLED = "stalled"
STOPPED = "stopped abruptly"
FINISHED = "finished"
STATES = (NOT_STARTED, ACTIVE, TOO_ACTIVE, STALLED, STOPPED, FINISHED)
#: States that call for a look, and what to look at.
ALARMS = {
    TOO_ACTIVE: "foam may block the airlock and blow it out: look at it, and fit a blow-off tube",
    STALLED: "measure the gravity: the yeast may be stuck, or done early",
    STOPPED: "look for a leak, a lid that came open, or a microphone that moved",
}
LATE = "nothing has started: look for a leak, and whether the yeast is alive"


@dataclass(frozen=True)
class Rules:
    """Levels in plops a minute, times in minutes unless said.

    Parameters
    ----------
    window : int
        The rate is that of the last so many minutes.
    active, quiet : float
        At `active` or more a brew works; below `quiet` it does not. What lies between changes
        nothing. Both lie above what a detector invents in a quiet room.
    active_for, quiet_for : int
        How long that must hold.
    too_active, calm : float
        Begin and end of "too active".
    too_active_for, calm_for : int
    before : int
        "Stopped abruptly" compares the last `window` minutes with the hour that ended this long
        ago.
    drop : float
        It means a fall below this share of that hour's rate ...
    least : int
        ... which must hold this many plops, so that a slow brew's chance pauses are no stop.
    stopped_for : int
        How long that must hold.
    expected_days : float
        A brew that falls quiet later than this after its start is finished, not stalled.
    late_after : float
        Hours without any start until that is an alarm too.
    """

    window: int = 15
    active: float = 4.0
    quiet: float = 2.0
    active_for: int = 30
    quiet_for: int = 180
    too_active: float = 200.0
    calm: float = 150.0
    too_active_for: int = 10
    calm_for: int = 30
    before: int = 30
    drop: float = 0.2
    least: int = 200
    stopped_for: int = 10
    expected_days: float = 3.0
    late_after: float = 48.0

    def __post_init__(self) -> None:
        for low, high in (("quiet", "active"), ("calm", "too_active")):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(
                    f"{low} ({getattr(self, low):g}) must not be above {high} "
                    f"({getattr(self, high):g}): between them nothing changes"
                )
        if self.window < 1:
            raise ValueError(f"window must be 1 minute or more, found {self.window}")


@dataclass(frozen=True)
class Status:
    """What is known at the end of a minute; rates in plops a minute."""

    rate: float
    low: float
    high: float
    state: str
    notices: tuple[Notice, ...] = ()


class _Held:
    """True once a condition has held for so many minutes; false again after so many without."""

    def __init__(self, on_after: int, off_after: int) -> None:
        self.on_after, self.off_after = on_after, off_after
        self.on, self._against = False, 0

    def step(self, rises: bool, falls: bool) -> bool:
        wants = falls if self.on else rises
        self._against = self._against + 1 if wants else 0
        if self._against >= (self.off_after if self.on else self.on_after):
            self.on, self._against = not self.on, 0
        return self.on


class Watch:
    """Follow a brew minute by minute.

    Parameters
    ----------
    rules : Rules, optional
    """

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = r = rules or Rules()
        self.state = NOT_STARTED
        self._minutes: deque[tuple[int, int, float]] = deque()  # start, count, seconds heard
        self._working = _Held(r.active_for, r.quiet_for)
        self._storm = _Held(r.too_active_for, r.calm_for)
        self._fallen = _Held(r.stopped_for, r.active_for)
        self._first: int | None = None  # minute of the first step
        self._started: int | None = None  # minute in which the brew became active
        self._late = False

    @property
    def last(self) -> int | None:
        """Start of the minute of the last step."""
        return self._minutes[-1][0] if self._minutes else None

    def step(self, start: int, count: int, seconds: float) -> Status:
        """Take a minute that is over.

        Parameters
        ----------
        start : int
            Unix time at which the minute began; later than that of the step before.
        count : int
            Plops in it.
        seconds : float
            How much of it was heard.

        Returns
        -------
        Status
            With a notice for each alarm that begins or ends.

        Raises
        ------
        ValueError
            When the minutes go back.
        """
        if self._minutes and start <= self._minutes[-1][0]:
            raise ValueError(f"minute {start} after {self._minutes[-1][0]}: minutes must go on")
        self._first = start if self._first is None else self._first
        self._minutes.append((start, count, seconds))
        self._forget(start)
        n, heard = self._sum(start - 60 * (self.rules.window - 1), start)
        if heard < 0.2 * 60 * self.rules.window and heard < 60:
            return Status(float("nan"), 0.0, float("inf"), self.state)  # too little to judge
        low, high = (60 * bound / heard for bound in poisson_bounds(n))
        rate = 60 * n / heard
        notices = self._change(start, self._next(start, rate, high))
        return Status(rate, low, high, self.state, notices + self._too_late(start))

    def _forget(self, start: int) -> None:
        oldest = start - 60 * (self.rules.before + 60)
        while self._minutes[0][0] < oldest:
            self._minutes.popleft()

    def _sum(self, first: int, last: int) -> tuple[int, float]:
        """Count and seconds of the minutes from first to last, both included."""
        chosen = [(n, s) for start, n, s in self._minutes if first <= start <= last]
        return sum(n for n, _ in chosen), sum(s for _, s in chosen)

    def _next(self, start: int, rate: float, high: float) -> str:
        """Tell the state that the conditions speak for."""
        rules = self.rules
        working = self._working.step(rate >= rules.active, rate < rules.quiet)
        storm = self._storm.step(rate >= rules.too_active, rate < rules.calm)
        fallen = self._fallen.step(self._has_fallen(start, high), rate >= rules.active)
        if working and self._started is None:
            self._started = start
        if self._started is None:
            return NOT_STARTED
        if fallen:
            return STOPPED
        if storm:
            return TOO_ACTIVE
        if working:
            return ACTIVE
        old = start - self._started > 86_400 * rules.expected_days
        # What was told once stays: a brew that stalled does not finish by waiting.
        return self.state if self.state in (STALLED, FINISHED) else FINISHED if old else STALLED

    def _has_fallen(self, start: int, high: float) -> bool:
        rules = self.rules
        last = start - 60 * rules.before
        n, heard = self._sum(last - 60 * 59, last)
        return n >= rules.least and high < rules.drop * 60 * n / heard

    def _change(self, start: int, state: str) -> tuple[Notice, ...]:
        before, self.state = self.state, state
        if before == state:
            return ()
        time, notices = float(start + 60), []
        if before in ALARMS:
            notices.append(Notice(time, "alarm over", f"{before}: now {state}"))
        if state in ALARMS:
            notices.append(Notice(time, "alarm", f"{state}: {ALARMS[state]}"))
        return tuple(notices)

    def _too_late(self, start: int) -> tuple[Notice, ...]:
        if self._late or self.state != NOT_STARTED:
            return ()
        self._late = start - self._first >= 3600 * self.rules.late_after
        return (Notice(float(start + 60), "alarm", LATE),) if self._late else ()
