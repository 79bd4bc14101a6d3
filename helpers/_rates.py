"""Events per minute: estimators, their intervals, errors by recording. See `helpers.evaluation`."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from helpers._matching import as_lists
from helpers.intervals import Interval, poisson_bounds, undefined


def _intervals_of(onsets) -> np.ndarray:
    """Take the times from each onset to the next, in seconds."""
    return np.diff(np.sort(np.asarray(onsets, dtype=float)))


def rate_by_count(n: int, *, duration: float) -> float:
    """Events per minute as their number over the time listened.

    Parameters
    ----------
    n : int
        Number of events.
    duration : float
        Seconds listened, silence before the first and after the last event included.
    """
    _check_duration(duration)
    return 60.0 * n / duration


def rate_by_median_interval(onsets) -> float:
    """Events per minute as 60 over the median interval; NaN with fewer than two events.

    Robust against a few missed events, but wrong where bubbles come in clusters: the median then
    tells the rhythm within a cluster and not the rate. A check, not the estimate.

    Parameters
    ----------
    onsets : array-like, shape (n,)
        Times in seconds.
    """
    gaps = _intervals_of(onsets)
    if len(gaps) == 0 or np.median(gaps) <= 0:
        return undefined(f"{len(gaps) + 1 if len(gaps) else 'fewer than 2'} events: no interval")
    return float(60.0 / np.median(gaps))


def reject_outliers(intervals, *, factor: float = 1.5) -> np.ndarray:
    """Intervals that lie within the quartiles, widened by a factor of their distance.

    A missed event doubles an interval and a false alarm cuts one in two; both are thrown out as
    long as most intervals are right.

    Parameters
    ----------
    intervals : array-like, shape (n,)
        Seconds between events.
    factor : float
        How many interquartile ranges beyond the quartiles are still accepted.

    Returns
    -------
    ndarray, shape (m,), m <= n

    References
    ----------
    Tukey, Exploratory Data Analysis, 1977 (the fences of a box plot).
    """
    gaps = np.asarray(intervals, dtype=float)
    if len(gaps) == 0:
        return gaps
    low, high = np.quantile(gaps, [0.25, 0.75])
    margin = factor * (high - low)
    return gaps[(gaps >= low - margin) & (gaps <= high + margin)]


def rate_by_mean_interval(onsets, *, level: float = 0.95, reject: bool = False) -> Interval:
    """Events per minute as 60 over the mean interval, with Student's t interval of that mean.

    The t interval takes intervals to be independent and near normal, and it knows nothing of the
    time before the first event and after the last.

    Parameters
    ----------
    onsets : array-like, shape (n,)
        Times in seconds.
    level : float
        Confidence level.
    reject : bool
        Drop the intervals outside the quartile range first, see `reject_outliers`.

    Returns
    -------
    Interval
        Per minute; ``n`` is the number of intervals used. The high end is infinite where the t
        interval of the mean reaches zero seconds.

    References
    ----------
    Student, The probable error of a mean, Biometrika 6, 1908.
    """
    from scipy.stats import t as student

    gaps = _intervals_of(onsets)
    gaps = reject_outliers(gaps) if reject else gaps
    if len(gaps) < 2:
        reason = f"{len(gaps)} interval(s): a deviation needs 2 or more"
        value = 60.0 / gaps[0] if len(gaps) and gaps[0] > 0 else math.nan
        return Interval(value, math.nan, math.nan, level, len(gaps), reason)
    mean = float(gaps.mean())
    if mean <= 0:
        return Interval(math.nan, math.nan, math.nan, level, len(gaps), "all events at one time")
    half = student.ppf((1 + level) / 2, len(gaps) - 1) * gaps.std(ddof=1) / math.sqrt(len(gaps))
    high = 60.0 / (mean - half) if mean > half else math.inf
    return Interval(60.0 / mean, float(60.0 / (mean + half)), float(high), level, len(gaps))


def poisson_rate(n: int, *, duration: float, level: float = 0.95) -> Interval:
    """Events per minute as count over time, with the exact interval of a Poisson count.

    Right for events that come independently of each other; too wide for a regular airlock, whose
    count varies less, and too narrow where bubbles come in clusters.

    Parameters
    ----------
    n : int
        Number of events.
    duration : float
        Seconds listened.
    level : float
        Confidence level.

    Returns
    -------
    Interval
        Per minute. With no event at all the low end is 0 and the high end is not.
    """
    _check_duration(duration)
    low, high = poisson_bounds(n, level=level)
    per_minute = 60.0 / duration
    return Interval(
        n * per_minute, float(low * per_minute), float(high * per_minute), level, int(n)
    )


def rate_errors(reference, estimated, *, filenames, durations, label: str) -> pd.DataFrame:
    """Rate of each recording, by the labels and by the detector, and the error between the two.

    Parameters
    ----------
    reference, estimated : DataFrame or mapping of filename to DataFrame
        Events with the columns (filename,) onset, offset and event_label.
    filenames : iterable of str
        The recordings compared.
    durations : mapping or Series
        Seconds of each recording by filename.
    label : str
        The label that is counted.

    Returns
    -------
    DataFrame
        filename, duration, n_reference, n_estimated, reference_per_minute, estimated_per_minute,
        relative_error (NaN where the reference has no event), error_per_minute, and the rate by
        median interval of both (NaN with fewer than two events).
    """
    names = [str(name) for name in filenames]
    first = as_lists(reference, names, label, "reference")
    second = as_lists(estimated, names, label, "estimated")
    rows = [
        _rate_row(name, float(durations[name]), _onsets(first[name]), _onsets(second[name]))
        for name in names
    ]
    return pd.DataFrame(rows)


def rate_within(
    errors: pd.DataFrame,
    *,
    tolerance: float = 0.1,
    minimum: int = 20,
    weights: np.ndarray | None = None,
):
    """Share of recordings whose rate is right within a tolerance.

    Only recordings with enough events are judged: with fewer than 10, a single event more or less
    is already an error beyond 10 %.

    Parameters
    ----------
    errors : DataFrame
        As `rate_errors` returns it.
    tolerance : float
        Largest relative error that is still right.
    minimum : int
        Recordings with fewer reference events are left out.
    weights : ndarray, shape (resamples, recordings), optional
        How often each recording counts in each bootstrap resample.

    Returns
    -------
    float, or ndarray of shape (resamples,) with weights
        NaN where no recording has enough events.
    """
    judged = errors["n_reference"].to_numpy() >= minimum
    # whole counts are compared, not quotients of floats, so that 22 of 20 is within 10 %
    off = np.abs(errors["n_estimated"] - errors["n_reference"]).to_numpy(float)
    right = off <= tolerance * errors["n_reference"].to_numpy(float) * (1 + 1e-12)
    drawn = (np.ones(len(errors)) if weights is None else np.asarray(weights, float)) * judged
    total = drawn.sum(axis=-1)
    share = np.divide(drawn @ right, total, out=np.full(np.shape(total), np.nan), where=total > 0)
    if np.isnan(share).any():
        undefined(f"no recording has {minimum} events or more: no share")
    return float(share) if np.ndim(share) == 0 else share


def _rate_row(name: str, duration: float, truth: np.ndarray, found: np.ndarray) -> dict:
    """One row of `rate_errors`."""
    rates = [rate_by_count(len(onsets), duration=duration) for onsets in (truth, found)]
    return {
        "filename": name,
        "duration": duration,
        "n_reference": len(truth),
        "n_estimated": len(found),
        "reference_per_minute": rates[0],
        "estimated_per_minute": rates[1],
        "error_per_minute": rates[1] - rates[0],
        "relative_error": (len(found) - len(truth)) / len(truth) if len(truth) else math.nan,
        "reference_median": _median_or_nan(truth),
        "estimated_median": _median_or_nan(found),
    }


def _median_or_nan(onsets: np.ndarray) -> float:
    """Rate by median interval, silently NaN where there is none."""
    gaps = _intervals_of(onsets)
    return float(60.0 / np.median(gaps)) if len(gaps) and np.median(gaps) > 0 else math.nan


def _onsets(events: list[dict]) -> np.ndarray:
    """Onsets of a list of events."""
    return np.array([event["onset"] for event in events], dtype=float)


def _check_duration(duration: float) -> None:
    """Refuse a duration that cannot be one."""
    if not (math.isfinite(duration) and duration > 0):
        raise ValueError(f"duration must be above 0 seconds, not {duration}.")
