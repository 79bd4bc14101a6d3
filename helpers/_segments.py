"""Metrics on a grid of segments and on windows. See `helpers.evaluation`."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd

from helpers._matching import as_lists, load_sed_eval, tally
from helpers.intervals import UndefinedWarning


def segment_counts(
    reference, estimated, *, filenames, durations, label: str, resolution: float = 1.0
) -> pd.DataFrame:
    """Count segments that hold the label in both, in one or in the other, by sed_eval.

    Parameters
    ----------
    reference, estimated : DataFrame or mapping of filename to DataFrame
        Events with the columns (filename,) onset, offset and event_label; times in seconds.
    filenames : iterable of str
        The recordings scored.
    durations : mapping or Series
        Seconds of each recording by filename.
    label : str
        The label that is scored.
    resolution : float
        Length of a segment in seconds.

    Returns
    -------
    DataFrame
        The columns of `helpers.evaluation.counts`, counting segments in place of events, so that
        its figures and the bootstrap apply.

    References
    ----------
    Mesaros, Heittola and Virtanen, Metrics for polyphonic sound event detection, Applied Sciences
    6(6), 2016.
    """
    names = [str(name) for name in filenames]
    first = as_lists(reference, names, label, "reference")
    second = as_lists(estimated, names, label, "estimated")
    rows = [
        _segments(first[name], second[name], label, float(durations[name]), resolution)
        for name in names
    ]
    table = np.array(rows, dtype=int).reshape(-1, 3)
    return tally(names, table[:, 0], table[:, 1], table[:, 2])


def segment_metrics(
    reference, estimated, *, filenames, durations, label: str, resolution: float = 1.0
) -> dict:
    """Precision, recall, F1 and error rate of segments, all recordings together.

    A segment of one second that holds ten plops and one that holds a single plop count the same,
    so this says whether something happens, not how often.

    Parameters
    ----------
    reference, estimated, filenames, durations, label, resolution
        As in `segment_counts`.

    Returns
    -------
    dict
        precision, recall, f1, error_rate, n_segments (that hold a reference event), reason (why
        something is NaN, else empty).
    """
    from helpers import evaluation

    table = segment_counts(
        reference,
        estimated,
        filenames=filenames,
        durations=durations,
        label=label,
        resolution=resolution,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UndefinedWarning)
        result = {
            "precision": evaluation.precision(table),
            "recall": evaluation.recall(table),
            "f1": evaluation.pooled_f1(table),
            "error_rate": evaluation.error_rate(table),
            "n_segments": int(table["n_reference"].sum()),
        }
    return result | {"reason": "; ".join(str(item.message) for item in caught)}


def window_metrics(targets, scores, *, threshold: float = 0.5) -> dict:
    """Metrics of windows or frames, each a trial of its own.

    Parameters
    ----------
    targets : array-like of bool, shape (n,)
        Whether the window holds the event.
    scores : array-like of float, shape (n,)
        The higher, the more likely an event. Need not be probabilities.
    threshold : float
        A window is called positive where its score is at or above it.

    Returns
    -------
    dict
        precision, recall, f1, false_negative_rate and false_positive_rate at the threshold;
        average_precision and roc_auc over all thresholds; n, n_positive, threshold, reason (why
        something is NaN, else empty).

    Raises
    ------
    ValueError
        When the shapes differ or a score is not finite.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    targets, scores = np.asarray(targets).astype(bool), np.asarray(scores, dtype=float)
    if targets.ndim != 1 or targets.shape != scores.shape:
        raise ValueError(
            f"targets {targets.shape} and scores {scores.shape} must be 1-D and alike."
        )
    if not np.isfinite(scores).all():
        raise ValueError("scores holds NaN or infinity; look at what made them.")
    called = scores >= threshold
    hits, n_positive = int((called & targets).sum()), int(targets.sum())
    misses, alarms = n_positive - hits, int(called.sum()) - hits
    n_negative = len(targets) - n_positive
    reasons = _reasons(len(targets), n_positive, int(called.sum()))
    both = n_positive and n_negative
    return {
        "precision": _share(hits, hits + alarms),
        "recall": _share(hits, n_positive),
        "f1": _share(2 * hits, 2 * hits + misses + alarms),
        "false_negative_rate": _share(misses, n_positive),
        "false_positive_rate": _share(alarms, n_negative),
        "average_precision": float(average_precision_score(targets, scores))
        if n_positive
        else math.nan,
        "roc_auc": float(roc_auc_score(targets, scores)) if both else math.nan,
        "n": len(targets),
        "n_positive": n_positive,
        "threshold": float(threshold),
        "reason": "; ".join(reasons),
    }


def _segments(reference, estimated, label, duration, resolution) -> tuple[int, int, int]:
    """Segments of one recording: both, with a reference event, with an estimated one."""
    if not (duration > 0 and resolution > 0):
        raise ValueError(f"duration {duration} and resolution {resolution} must be above 0 s.")
    if not reference and not estimated:
        return 0, 0, 0
    metric = load_sed_eval().sound_event.SegmentBasedMetrics(
        event_label_list=[label], time_resolution=resolution
    )
    # an event past the end would make segments that the other side lacks
    inside = [
        [event | {"offset": min(event["offset"], duration)} for event in side]
        for side in (reference, estimated)
    ]
    kept = [[event for event in side if event["onset"] < duration] for side in inside]
    metric.evaluate(*kept, evaluated_length_seconds=float(duration))
    found = metric.class_wise[label]
    return int(found["Ntp"]), int(found["Nref"]), int(found["Nsys"])


def _share(part: int, whole: int) -> float:
    """Quotient of two counts, NaN where there is nothing to divide by."""
    return part / whole if whole else math.nan


def _reasons(n: int, n_positive: int, n_called: int) -> list[str]:
    """Why some of the window metrics are undefined."""
    found = {
        "no window at all": n == 0,
        "no window holds an event": n > 0 and n_positive == 0,
        "every window holds an event": n > 0 and n_positive == n,
        "no window is called positive: no precision": n_called == 0,
    }
    return [reason for reason, holds in found.items() if holds]
