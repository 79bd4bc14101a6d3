"""How sure a figure is: intervals by bootstrap, of a count, and of a mean interval.

What is resampled are whole recordings (or whole groups of them), never single events: the events
of one recording succeed or fail together, and pretending otherwise makes intervals far too narrow.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


class UndefinedWarning(UserWarning):
    """A figure that the data at hand do not define; it is NaN, and the message says why."""


def undefined(reason: str) -> float:
    """Return NaN, and say why as an `UndefinedWarning`."""
    warnings.warn(reason, UndefinedWarning, stacklevel=3)
    return math.nan


@dataclass(frozen=True)
class Interval:
    """A figure with the interval that it lies in.

    Attributes
    ----------
    value : float
        The figure itself; NaN where it is undefined.
    low, high : float
        Ends of the interval, in the unit of the value.
    level : float
        Confidence level.
    n : int
        How many independent units (recordings, groups, events) it stands on.
    reason : str
        Why the value or its interval is NaN, or what was left out of it; else empty.
    """

    value: float
    low: float
    high: float
    level: float = 0.95
    n: int = 0
    reason: str = ""

    def __str__(self) -> str:
        return format(self, ".3f")

    def __format__(self, spec: str) -> str:
        if math.isnan(self.value):
            return f"undefined ({self.reason})"
        spec = spec or ".3f"
        if math.isnan(self.low) or math.isnan(self.high):
            return f"{self.value:{spec}} (no interval: {self.reason or 'undefined'})"
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"

    def above(self, threshold: float = 0.0) -> bool:
        """Say whether the whole interval lies above a threshold."""
        return bool(self.low > threshold)


def bootstrap(
    counts: pd.DataFrame,
    statistic: Callable[..., float],
    *,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    groups: Sequence | None = None,
    kind: str = "percentile",
) -> Interval:
    """Bootstrap interval of a figure, over recordings or groups of them.

    Parameters
    ----------
    counts : DataFrame
        One row a recording.
    statistic : callable
        Takes such a table and returns one number. One that also accepts ``weights`` of shape
        (resamples, recordings), as all of `helpers.evaluation` do, is computed for all resamples
        at once; any other is called on each resampled table.
    n : int
        Number of resamples.
    seed : int
        Seed of the resampling.
    level : float
        Confidence level between 0 and 1.
    groups : sequence, optional
        A group for each row (brews, machines): whole groups are then drawn.
    kind : {"percentile", "basic"}
        How the resampled figures become an interval. "basic" turns their quantiles round the figure
        itself, and so takes out the bias that resampling brings: what compares *pairs* of
        recordings needs it, since a group that is drawn twice is compared with itself.

    Returns
    -------
    Interval
        With ``n`` the number of units drawn from. NaN ends, and a reason, where there are fewer
        than two units or the statistic is undefined.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; for resampling
    conditions rather than events see Ferrer and Riera, arXiv 2412.03700.
    """
    return _interval(
        lambda weights: _apply(statistic, counts, weights), counts, n, seed, level, groups, kind
    )


def paired(
    counts_a: pd.DataFrame,
    counts_b: pd.DataFrame,
    statistic: Callable[..., float],
    *,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    groups: Sequence | None = None,
    kind: str = "percentile",
) -> Interval:
    """Bootstrap interval of the difference A - B, both scored on the same resampled recordings.

    What makes a recording easy or hard makes it so for both methods; in the difference it cancels,
    so that this interval is narrower than the two apart would suggest.

    Parameters
    ----------
    counts_a, counts_b : DataFrame
        One row a recording, with the same ``filename``s in both (in any order).
    statistic, n, seed, level, kind
        As in `bootstrap`.
    groups : sequence, optional
        A group for each row of `counts_a`.

    Returns
    -------
    Interval
        A is better beyond doubt (at this level) when ``low`` is above 0.

    Raises
    ------
    ValueError
        When the two tables are not about the same recordings.
    """
    different = set(counts_a["filename"]) ^ set(counts_b["filename"])
    if different or len(counts_a) != len(counts_b) or counts_a["filename"].duplicated().any():
        example = f", for instance {sorted(different)[0]}" if different else ""
        raise ValueError(
            f"counts_a and counts_b are not about the same recordings ({len(different)} differ"
            f"{example}); score both methods on the same filenames."
        )
    aligned = counts_b.set_index("filename").loc[counts_a["filename"]].reset_index()

    def difference(weights: np.ndarray | None) -> np.ndarray:
        return _apply(statistic, counts_a, weights) - _apply(statistic, aligned, weights)

    return _interval(difference, counts_a, n, seed, level, groups, kind)


def resample_weights(
    n_rows: int, *, n: int = 1000, seed: int = 0, groups: Sequence | None = None
) -> np.ndarray:
    """How often each row is drawn in each bootstrap resample.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    n : int
        Number of resamples.
    seed : int
        Seed of the resampling.
    groups : sequence of length n_rows, optional
        Rows of one group are drawn together.

    Returns
    -------
    ndarray of float, shape (n, n_rows)
    """
    if groups is not None and len(groups) != n_rows:
        raise ValueError(
            f"groups has {len(groups)} entries for {n_rows} recordings; give one each."
        )
    units = np.arange(n_rows) if groups is None else np.unique(groups, return_inverse=True)[1]
    n_units = int(units.max()) + 1 if n_rows else 0
    if n_units == 0:
        return np.zeros((n, 0))
    share = np.full(n_units, 1.0 / n_units)
    drawn = np.random.default_rng(seed).multinomial(n_units, share, size=n)
    return drawn[:, units].astype(float)


def _interval(function, counts, n, seed, level, groups, kind) -> Interval:
    """Value and percentile interval of a function of the resampling weights."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}.")
    if kind not in ("percentile", "basic"):
        raise ValueError(f"kind must be 'percentile' or 'basic', not {kind!r}.")
    n_units = len(counts) if groups is None else len(set(groups))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UndefinedWarning)
        value = float(function(None))
    reasons = [str(item.message) for item in caught if item.category is UndefinedWarning]
    if math.isnan(value):
        return Interval(
            value, math.nan, math.nan, level, n_units, "; ".join(reasons) or "undefined"
        )
    if n_units < 2:
        reason = f"{n_units} recording or group, 2 are needed"
        return Interval(value, math.nan, math.nan, level, n_units, reason)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedWarning)
        drawn = function(resample_weights(len(counts), n=n, seed=seed, groups=groups))
    low, high = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    if kind == "basic":
        low, high = 2 * value - high, 2 * value - low
    return Interval(value, float(low), float(high), level, n_units, "; ".join(reasons))


def _apply(statistic, counts: pd.DataFrame, weights: np.ndarray | None):
    """Value of a statistic, or one value a resample."""
    if weights is None:
        return statistic(counts)
    if "weights" in inspect.signature(statistic).parameters:
        return np.asarray(statistic(counts, weights=weights), dtype=float)
    rows = np.arange(len(counts))
    draws = (counts.iloc[np.repeat(rows, draw.astype(int))] for draw in weights)
    return np.array([statistic(draw) for draw in draws], dtype=float)


def poisson_bounds(count, *, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Exact interval of the expected number behind a count of independent events.

    Parameters
    ----------
    count : int or array of int
        Events counted, 0 or more.
    level : float
        Confidence level.

    Returns
    -------
    low, high : ndarray, shaped as `count`

    References
    ----------
    Garwood, Fiducial limits for the Poisson distribution, Biometrika 28, 1936.
    """
    from scipy.stats import chi2

    count = np.asarray(count, dtype=float)
    if np.any(count < 0) or np.any(count != np.floor(count)):
        raise ValueError("count must hold whole numbers, 0 or more.")
    alpha = 1 - level
    low = np.where(count > 0, chi2.ppf(alpha / 2, 2 * np.maximum(count, 1)) / 2, 0.0)
    high = chi2.ppf(1 - alpha / 2, 2 * (count + 1)) / 2
    return low, high
