"""From the scores of windows to one decision a clip, and how good the decisions are.

Every figure is computed from one table with a row a clip, so that `helpers.intervals.bootstrap`
can draw the clips of whole groups again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from ._decoder import Scores
from .intervals import undefined

UNKNOWN = "unknown"
POOLS = ("mean", "majority", "max")


def pool(scores: Mapping[str, Scores], *, how: str = "mean") -> pd.DataFrame:
    """Turn the scores of windows into one row of scores a clip.

    Parameters
    ----------
    scores : mapping of str to Scores
        Filename to the scores of its windows.
    how : {"mean", "majority", "max"}
        "mean" averages the scores; "majority" gives each class the share of the windows that it
        wins (the mean score breaks a tie); "max" takes the surest window for each class.

    Returns
    -------
    DataFrame
        One row a clip, indexed by filename, one column a class.

    Raises
    ------
    ValueError
        When `how` is unknown or there are no clips.
    """
    if how not in POOLS:
        raise ValueError(f"how must be one of {', '.join(POOLS)}, found {how!r}")
    if not scores:
        raise ValueError("scores is empty: there is no clip to decide on")
    labels = next(iter(scores.values())).labels
    rows = {name: _pooled(one.values.astype(np.float64), how) for name, one in scores.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(labels)).rename_axis(
        "filename"
    )


def _pooled(values: np.ndarray, how: str) -> np.ndarray:
    if how == "max":
        return values.max(axis=0)
    mean = values.mean(axis=0)
    if how == "mean":
        return mean
    votes = np.bincount(values.argmax(axis=1), minlength=values.shape[1]) / len(values)
    return (votes + 1e-6 * mean) / (1 + 1e-6 * mean.sum())


def decide(
    pooled: pd.DataFrame, recordings: pd.DataFrame, *, threshold: float = 0.0
) -> pd.DataFrame:
    """Decide each clip: the class with the highest score, or "unknown" when that is too low.

    Parameters
    ----------
    pooled : DataFrame
        As :func:`pool` gives it.
    recordings : DataFrame
        With a column label, and filename as a column or as the index.
    threshold : float
        Least score of a decision.

    Returns
    -------
    DataFrame
        One row a clip: filename, label, decided, score (of the surest class) and correct, with
        group and fold where the recordings have them.

    Raises
    ------
    KeyError
        When a clip is not among the recordings.
    """
    known = recordings.set_index("filename") if "filename" in recordings else recordings
    missing = pooled.index.difference(known.index)
    if len(missing):
        raise KeyError(f"{missing[0]!r} is not among the recordings ({len(missing)} are not)")
    best = pooled.to_numpy().argmax(axis=1)
    highest = pooled.to_numpy().max(axis=1)
    named = np.array(pooled.columns, dtype=object)[best]
    table = pd.DataFrame(
        {
            "filename": pooled.index,
            "label": known.loc[pooled.index, "label"].to_numpy(),
            "decided": np.where(highest >= threshold, named, UNKNOWN),
            "score": highest,
        }
    )
    table["correct"] = table["label"] == table["decided"]
    for column in ("group", "fold"):
        if column in known:
            table[column] = known.loc[pooled.index, column].to_numpy()
    return table


def accuracy(table: pd.DataFrame, *, weights: np.ndarray | None = None):
    """Share of clips decided right, as a percentage is 100 times this.

    Parameters
    ----------
    table : DataFrame
        As :func:`decide` gives it.
    weights : ndarray, shape (resamples, clips), optional
        How often each clip counts; see `helpers.intervals.bootstrap`.

    Returns
    -------
    float or ndarray, shape (resamples,)
        NaN, with a warning that says why, where there is no clip.
    """
    right = table["correct"].to_numpy(dtype=float)
    if not len(right):
        return undefined("no clip was decided, so there is no accuracy")
    if weights is None:
        return float(right.mean())
    total = weights.sum(axis=1)
    return (weights @ right) / np.where(total > 0, total, np.nan)


def over_folds(table: pd.DataFrame) -> dict[str, float]:
    """Mean and standard deviation of the accuracy over folds.

    Parameters
    ----------
    table : DataFrame
        With the columns correct and fold.

    Returns
    -------
    dict
        mean, deviation (with n - 1; NaN for one fold), folds.
    """
    each = table.groupby("fold")["correct"].mean()
    return {"mean": each.mean(), "deviation": each.std(ddof=1), "folds": len(each)}


def confusion(table: pd.DataFrame, *, labels: Sequence[str] | None = None) -> pd.DataFrame:
    """Count clips: one row a true class, one column a decision, "unknown" last where it occurs.

    Parameters
    ----------
    table : DataFrame
        As :func:`decide` gives it.
    labels : sequence of str, optional
        Order of the classes; alphabetical by default.

    Returns
    -------
    DataFrame of int
    """
    seen = set(table["label"]) | set(table["decided"]) - {UNKNOWN}
    labels = sorted(seen) if labels is None else list(labels)
    columns = labels + [UNKNOWN] * int((table["decided"] == UNKNOWN).any())
    counted = pd.crosstab(table["label"], table["decided"])
    counted = counted.reindex(index=labels, columns=columns, fill_value=0)
    return counted.rename_axis(index="is", columns="decided")


def confused(table: pd.DataFrame, *, n: int = 3) -> pd.DataFrame:
    """List the pairs of classes that are confused most, the surest mistake of each as example.

    Parameters
    ----------
    table : DataFrame
        As :func:`decide` gives it.
    n : int
        How many pairs.

    Returns
    -------
    DataFrame
        label, decided, clips (how many), filename and score of the surest mistake; most first.
    """
    wrong = table[~table["correct"]].sort_values("score", ascending=False)
    pairs = wrong.groupby(["label", "decided"], sort=False)
    found = pairs.agg(
        clips=("filename", "size"), filename=("filename", "first"), score=("score", "first")
    )
    return found.sort_values(["clips", "score"], ascending=False).head(n).reset_index()


def threshold_for(known: Iterable[float], *, keep: float = 0.9) -> float:
    """Choose the threshold of "unknown": the one that keeps this share of known validation clips.

    Unknown sounds cannot be asked what they will be, so the threshold is chosen from clips of the
    known classes alone, and what it does to the unknown is measured.

    Parameters
    ----------
    known : iterable of float
        Highest score of each validation clip of a known class.
    keep : float
        Share of them to keep, above 0 and at most 1.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        When there is no clip or `keep` is out of its range.
    """
    known = np.sort(np.asarray(list(known), dtype=float))
    if not len(known):
        raise ValueError("known is empty: a threshold needs validation clips")
    if not 0 < keep <= 1:
        raise ValueError(f"keep must be above 0 and at most 1, found {keep}")
    return float(known[len(known) - int(np.ceil(keep * len(known) - 1e-9))])


def segments(scores: Scores, *, hop: float) -> pd.DataFrame:
    """Join neighbouring windows with the same decision: who is heard from when to when.

    Parameters
    ----------
    scores : Scores
        Of windows, in order; smooth them first (`helpers.detection.median_filter`).
    hop : float
        Seconds from one window to the next; a larger distance (quiet windows were set aside) ends
        a segment.

    Returns
    -------
    DataFrame
        onset, offset, event_label, score (the mean of the class over the segment): an event table.
    """
    best = scores.values.argmax(axis=1)
    new = (np.diff(best) != 0) | (np.diff(scores.times) > 1.5 * hop)
    rows = []
    for part in np.split(np.arange(len(best)), np.flatnonzero(new) + 1):
        if len(part):
            onset, offset = scores.times[part[0]] - hop / 2, scores.times[part[-1]] + hop / 2
            rows.append((max(0.0, onset), min(offset, scores.duration), best[part[0]], part))
    return pd.DataFrame(
        [
            (onset, offset, scores.labels[label], float(scores.values[part, label].mean()))
            for onset, offset, label, part in rows
        ],
        columns=["onset", "offset", "event_label", "score"],
    )
