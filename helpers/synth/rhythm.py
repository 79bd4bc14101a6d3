"""When an airlock plops: intervals between plops, and their rate over a fermentation."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.synth import _noise

REFRACTORY = 0.075
"""Shortest time between two plops of one airlock in seconds: the water has to swing back.
Trackers report up to about 800 a minute, one every 75 ms."""

EVEN = 0.05
"""Coefficient of variation of the beat itself where a rhythm varies by pauses."""


def intervals(
    n: int,
    *,
    rate: float,
    cv: float,
    style: str = "renewal",
    rng: np.random.Generator | int | None = None,
) -> np.ndarray:
    """Draw the times between plops of one airlock.

    Parameters
    ----------
    n : int
        How many.
    rate : float
        Plops a minute.
    cv : float
        Coefficient of variation of the intervals: 0.05 is a metronome, 0.7 erratic.
    style : str
        ``renewal``: a refractory time and a gamma-distributed rest. ``pauses``: nearly even,
        with a wait of four intervals now and then, which is what most real label files show
        (a median interval hit within 2 percent, and a coefficient of 0.5 from a few pauses).
    rng : Generator or int, optional
        Source of randomness.

    Returns
    -------
    ndarray
        Shape (n,), seconds, with mean ``60 / rate`` in the long run.

    Raises
    ------
    ValueError
        If the rate or the coefficient is not above zero, or the style unknown.
    """
    if rate <= 0 or cv <= 0:
        raise ValueError(f"rate and cv must be above zero, got rate={rate}, cv={cv}")
    if style not in ("renewal", "pauses"):
        raise ValueError(f"style {style!r} is unknown; choose renewal or pauses")
    rng, mean = _noise.generator(rng), 60.0 / rate
    if style == "pauses":
        base = min(EVEN, 0.5 * cv)
        share = share_of_pauses(cv)
        # One pause in every 1 / share intervals, at any place among them: a recording of half a
        # minute then has the pauses that its coefficient speaks of.
        at = (np.arange(int(n * share) + 1) + rng.random(int(n * share) + 1)) / share
        factor = 1.0 + base * rng.standard_normal(n)
        factor[at[at < n].astype(int)] += 3.0
        return np.maximum(mean * factor / (1.0 + 3.0 * share), min(REFRACTORY, 0.5 * mean))
    refractory = min(REFRACTORY, 0.5 * mean)
    shape = ((mean - refractory) / (cv * mean)) ** 2
    return refractory + rng.gamma(shape, (mean - refractory) / shape, n)


def share_of_pauses(cv: float) -> float:
    """Share of waits four times as long that gives a coefficient of variation.

    With factors 1 and 4 the mean is 1 + 3 q and the variance 9 q (1 - q): q is the smaller root
    of 9 (1 + v) q^2 + (6 v - 9) q + v = 0, with v the squared coefficient less what the even
    beat has of its own.

    Parameters
    ----------
    cv : float
        Coefficient of variation wanted, up to 0.75.

    Returns
    -------
    float
        Share of the intervals, 0 to 0.2.
    """
    variance = cv**2 - min(EVEN, 0.5 * cv) ** 2
    a, b = 9.0 * (1.0 + variance), 6.0 * variance - 9.0
    return float((-b - np.sqrt(max(b * b - 4.0 * a * variance, 0.0))) / (2.0 * a))


def onsets(
    duration: float,
    *,
    rate: float,
    cv: float,
    style: str = "renewal",
    rng: np.random.Generator | int | None = None,
) -> np.ndarray:
    """Onsets of one airlock within a recording that starts at any moment of its rhythm.

    Parameters
    ----------
    duration : float
        Seconds.
    rate, cv, style, rng
        See `intervals`.

    Returns
    -------
    ndarray
        Ascending, in [0, duration).
    """
    rng = _noise.generator(rng)
    # A few intervals before the start are thrown away: then the start is no special moment.
    n = int(duration * rate / 60.0 * 1.6) + 40
    times = np.cumsum(intervals(n, rate=rate, cv=cv, style=style, rng=rng))
    times -= times[5] * rng.uniform(0.5, 1.0)
    return times[(times >= 0.0) & (times < duration)]


def rate_curve(
    hours: np.ndarray, *, peak: float = 120.0, lag: float = 8.0, peak_at: float = 36.0
) -> np.ndarray:
    """Bubbles a minute over a fermentation: lag, rise, peak, long decline.

    A gamma-shaped curve, ``x^3 exp(3 (1 - x))`` with x the time since the end of the lag in
    units of the time to the peak: yeast multiplies, then sugar runs out.

    Parameters
    ----------
    hours : ndarray
        Hours since the yeast was pitched.
    peak : float
        Highest rate in bubbles a minute; 100 to 200 are usual.
    lag : float
        Hours until the first bubble.
    peak_at : float
        Hours until the peak.

    Returns
    -------
    ndarray
        Bubbles a minute, as many as `hours`.

    Raises
    ------
    ValueError
        If the peak comes before the end of the lag.
    """
    if peak_at <= lag:
        raise ValueError(f"peak_at ({peak_at} h) must be later than lag ({lag} h)")
    x = np.maximum(np.asarray(hours, dtype=float) - lag, 0.0) / (peak_at - lag)
    return peak * x**3 * np.exp(3.0 * (1.0 - x))


def five_days(
    *,
    hours: float = 120.0,
    peak: float = 120.0,
    lag: float = 8.0,
    peak_at: float = 36.0,
    cv: float = 0.2,
    rng: np.random.Generator | int | None = None,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Simulate a whole fermentation: the rate curve and every plop's time.

    The plops are an inhomogeneous renewal process by time rescaling: events with mean
    distance 1 are drawn in operational time, and the integral of the rate, inverted, takes
    them to real time. So the expected count of any stretch is the integral of the curve over
    it (interpolating distances between events instead gives too many where the rate rises).

    Parameters
    ----------
    hours : float
        Length of the fermentation.
    peak, lag, peak_at
        See `rate_curve`.
    cv : float
        Coefficient of variation of the intervals.
    rng : Generator or int, optional
        Source of randomness.

    Returns
    -------
    curve : DataFrame
        Columns hours and rate (bubbles a minute), one row a minute.
    onsets : ndarray
        Times of the plops in seconds since pitching, ascending.

    References
    ----------
    D. J. Daley and D. Vere-Jones, "An Introduction to the Theory of Point Processes", 2nd
    edition, Springer, 2003, section 7.4 (random time change).
    """
    rng = _noise.generator(rng)
    seconds = np.arange(0.0, hours * 3600.0 + 60.0, 60.0)
    rate = rate_curve(seconds / 3600.0, peak=peak, lag=lag, peak_at=peak_at)
    per_step = 0.5 * (rate[1:] + rate[:-1])  # plops a minute, steps of a minute
    expected = np.concatenate([[0.0], np.cumsum(per_step)])
    shape = 1.0 / cv**2
    n = int(expected[-1] + 10.0 * np.sqrt(expected[-1] + 1.0)) + 10
    steps = rng.gamma(shape, 1.0 / shape, n)
    steps[0] *= rng.random()
    operational = np.cumsum(steps)
    operational = operational[operational < expected[-1]]
    times = np.interp(operational, expected, seconds)
    return pd.DataFrame({"hours": seconds / 3600.0, "rate": rate}), times[times < hours * 3600.0]
