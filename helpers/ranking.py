"""How well scores put anomalies above what is normal, whatever the threshold.

Functions take a table with a row a clip: ``label`` ("normal" or "anomaly") and ``score`` (higher is
more anomalous). With ``weights`` they give one value for each bootstrap resample, all at once, so
that :func:`interval` and :func:`difference` can resample whole sessions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from . import intervals
from .intervals import Interval, undefined

NORMAL, ANOMALY = "normal", "anomaly"


def auc(table: pd.DataFrame, *, weights: np.ndarray | None = None):
    """Area under the ROC curve: how often an anomaly scores higher than a normal clip.

    Parameters
    ----------
    table : DataFrame
        With label and score.
    weights : ndarray, shape (resamples, rows), optional
        How often each row counts in each resample.

    Returns
    -------
    float, or ndarray of shape (resamples,)
        NaN, with a warning that says why, where a label is missing: not 0, and not .5.

    References
    ----------
    Mann and Whitney (1947), On a test of whether one of two random variables is stochastically
    larger than the other; ties count half.
    """
    return partial_auc(table, max_fpr=1.0, weights=weights)


def partial_auc(table: pd.DataFrame, *, max_fpr: float = 0.1, weights: np.ndarray | None = None):
    """Area under the left end of the ROC curve, scaled so that chance is .5 and perfect is 1.

    Parameters
    ----------
    table, weights
        As for :func:`auc`.
    max_fpr : float
        The curve counts up to this share of false alarms: 0.1 in the DCASE challenges.

    Returns
    -------
    float, or ndarray of shape (resamples,)

    Raises
    ------
    ValueError
        When a label is neither "normal" nor "anomaly", a score is not a number, or `max_fpr` is
        not above 0 and at most 1.

    References
    ----------
    McClish (1989), Analyzing a portion of the ROC curve; the scaling is that of scikit-learn's
    ``roc_auc_score(max_fpr=...)``.
    """
    if not 0 < max_fpr <= 1:
        raise ValueError(f"max_fpr must be above 0 and at most 1, found {max_fpr}")
    anomalous, score = _checked(table)
    alone = weights is None
    if alone and (anomalous.all() or not anomalous.any()):
        return undefined(f"no {NORMAL if anomalous.all() else ANOMALY} clip to rank against")
    weights = np.ones((1, len(table))) if alone else np.asarray(weights, dtype=float)
    fpr, tpr = _curve(anomalous, score, weights)
    area = _area_until(fpr, tpr, max_fpr)
    least = max_fpr**2 / 2
    scaled = 0.5 * (1 + (area - least) / (max_fpr - least)) if max_fpr < 1 else area
    return float(scaled[0]) if alone else scaled


def by_machine(statistic):
    """Turn a statistic into its mean over the machines of a table (column ``machine``).

    Every machine counts alike, however many clips it has. One that lacks a label is left out, with
    the warning of the statistic, and so is one that lost a label in a resample.
    """

    def mean(table: pd.DataFrame, *, weights: np.ndarray | None = None):
        machines = table["machine"].to_numpy()
        values = []
        for machine in np.unique(machines):
            chosen = machines == machine
            part = None if weights is None else np.asarray(weights)[:, chosen]
            values.append(np.atleast_1d(statistic(table[chosen], weights=part)))
        found = _mean_of_defined(np.array(values))
        return float(found[0]) if weights is None else found

    return mean


def interval(
    table: pd.DataFrame, statistic: Callable = auc, *, group: str = "group", **options
) -> Interval:
    """Figure with its interval over groups of clips (sessions, days), never over single clips.

    The basic bootstrap: an area compares pairs of clips, and those of one session are easier to
    order than those of two; a session that is drawn twice brings more of them.

    Parameters
    ----------
    table : DataFrame
        With label, score and the column `group`.
    statistic : callable
        :func:`auc`, :func:`partial_auc`, or what :func:`by_machine` makes of one.
    group : str
        Column of the groups that are resampled whole.
    **options
        For `helpers.intervals.bootstrap`: n, seed, level.

    Returns
    -------
    Interval
        Within 0 and 1, and wide enough to hold the figure itself: with few sessions the correction
        may be larger than the spread.

    References
    ----------
    Davison and Hinkley (1997), Bootstrap methods and their application, section 5.2.
    """
    groups = table[group].to_numpy()
    found = intervals.bootstrap(table, statistic, groups=groups, kind="basic", **options)
    low, high = min(found.low, found.value), max(found.high, found.value)
    return replace(found, low=max(0.0, low), high=min(1.0, high))


def difference(
    a: pd.DataFrame, b: pd.DataFrame, statistic: Callable = auc, *, group: str = "group", **options
) -> Interval:
    """Figure of A minus that of B on the same clips, with its interval over groups.

    Parameters
    ----------
    a, b : DataFrame
        With filename, label, score and the column `group`.
    statistic, group, **options
        As for :func:`interval`.

    Returns
    -------
    Interval
        A is better beyond doubt (at this level) when ``low`` is above 0.

    Raises
    ------
    ValueError
        When the tables are not about the same clips.
    """
    groups = a[group].to_numpy()
    return intervals.paired(a, b, statistic, groups=groups, kind="basic", **options)


def _mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is not NaN; NaN where nothing is left."""
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def _checked(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    unknown = sorted(set(table["label"]) - {NORMAL, ANOMALY})
    if unknown:
        raise ValueError(f"label must be {NORMAL!r} or {ANOMALY!r}, found {unknown[0]!r}")
    score = table["score"].to_numpy(dtype=float)
    if np.isnan(score).any():
        name = table.get("filename", pd.Series(range(len(table)))).to_numpy()[np.isnan(score)][0]
        raise ValueError(f"score of {name} is not a number: look at the clip that it came from")
    return (table["label"] == ANOMALY).to_numpy(), score


def _curve(anomalous, score, weights) -> tuple[np.ndarray, np.ndarray]:
    """Count the rates of false and of true alarms at every threshold, from the highest down."""
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(score[order]) != 0, True])  # ties step together
    start = np.zeros((len(weights), 1))
    rates = []
    for chosen in (~anomalous, anomalous):
        counted = np.cumsum((weights * chosen)[:, order], axis=1)[:, ends]
        total = counted[:, -1:]
        with np.errstate(invalid="ignore"):
            rates.append(np.hstack([start, counted / total]))  # no such clip drawn: NaN
    return rates[0], rates[1]


def _area_until(fpr: np.ndarray, tpr: np.ndarray, limit: float) -> np.ndarray:
    """Area under each curve from 0 to a limit, the last piece cut where the limit falls."""
    left, right = fpr[:, :-1], np.minimum(fpr[:, 1:], limit)
    width = np.maximum(right - left, 0.0)
    whole = np.diff(fpr, axis=1)
    share = np.divide(width, whole, out=np.zeros_like(width), where=whole > 0)
    low = tpr[:, :-1]
    high = low + share * (tpr[:, 1:] - low)
    return (width * (low + high) / 2).sum(axis=1) + 0 * fpr[:, -1] + 0 * tpr[:, -1]
