"""What a detector is worth: hits, misses and false alarms, and all that follows from them.

Events are counted once for each recording, by sed_eval, and every figure is computed from that
table, so that an interval (`bootstrap`), a difference (`paired`), a floor (`chance_counts`) and a
score all speak of the same recordings. A figure that the data do not define, such as the F1 of
recordings without a single event, is NaN and says why; it is never a zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from helpers._floors import chance_counts, metronome_counts, operating_points, within_budget
from helpers._matching import as_lists, match_onsets, match_pairs, sed_eval_hits, tally
from helpers._rates import (
    poisson_rate,
    rate_by_count,
    rate_by_mean_interval,
    rate_by_median_interval,
    rate_errors,
    rate_within,
    reject_outliers,
)
from helpers._segments import segment_counts, segment_metrics, window_metrics
from helpers.intervals import (
    Interval,
    UndefinedWarning,
    bootstrap,
    paired,
    poisson_bounds,
    resample_weights,
    undefined,
)

__all__ = [
    "Interval",
    "UndefinedWarning",
    "bootstrap",
    "chance_counts",
    "counts",
    "error_rate",
    "f1",
    "false_alarms_per_hour",
    "fast_counts",
    "macro_f1",
    "match_onsets",
    "match_pairs",
    "metronome_counts",
    "operating_points",
    "outcomes",
    "paired",
    "poisson_bounds",
    "poisson_rate",
    "pooled_f1",
    "precision",
    "rate_by_count",
    "rate_by_mean_interval",
    "rate_by_median_interval",
    "rate_errors",
    "rate_within",
    "recall",
    "reject_outliers",
    "resample_weights",
    "segment_counts",
    "segment_metrics",
    "window_metrics",
    "within_budget",
]


def counts(
    reference, estimated, *, filenames: Iterable[str], label: str, collar: float = 0.1
) -> pd.DataFrame:
    """Hits, misses and false alarms of each recording, by sed_eval.

    An estimated onset hits a reference onset when they lie within the collar; each is used once,
    and as many as possible are paired ("optimal" matching). Offsets are not judged.

    Parameters
    ----------
    reference, estimated : DataFrame or mapping of filename to DataFrame
        Events with the columns (filename,) onset, offset and event_label; times in seconds.
    filenames : iterable of str
        The recordings scored; those without events must be named too, or their false alarms would
        not count.
    label : str
        The label that is scored; events with other labels are ignored.
    collar : float
        Largest difference of onsets in seconds.

    Returns
    -------
    DataFrame
        filename, hits, misses, false_alarms, n_reference, n_estimated; one row a recording, in
        the order of `filenames`.

    Raises
    ------
    ValueError
        When a table lacks a column or holds a time that is no number, a filename comes twice, or
        the events are about none of the recordings.

    References
    ----------
    Mesaros, Heittola and Virtanen, Metrics for polyphonic sound event detection, Applied Sciences
    6(6), 2016.
    """
    names, pairs = _both(reference, estimated, filenames, label)
    hits = [sed_eval_hits(first, second, label=label, collar=collar) for first, second in pairs]
    return tally(names, hits, [len(a) for a, _ in pairs], [len(b) for _, b in pairs])


def fast_counts(
    reference: Mapping[str, np.ndarray], estimated: Mapping[str, np.ndarray], *, collar: float = 0.1
) -> pd.DataFrame:
    """Make the table of `counts` from plain arrays of onsets, for loops that try many settings.

    Parameters
    ----------
    reference : mapping of filename to ndarray
        Onsets in seconds for every recording scored; empty where there is no event.
    estimated : mapping of filename to ndarray
        Estimated onsets; a recording that is missing here has none.
    collar : float
        Largest difference of onsets in seconds.

    Returns
    -------
    DataFrame
        As `counts`. A test proves that both agree.
    """
    names = list(reference)
    found = [np.asarray(estimated.get(name, ()), dtype=float) for name in names]
    truth = [np.asarray(reference[name], dtype=float) for name in names]
    hits = [match_onsets(a, b, collar=collar) for a, b in zip(truth, found, strict=True)]
    return tally(names, hits, [len(a) for a in truth], [len(b) for b in found])


def outcomes(reference: pd.DataFrame, estimated: pd.DataFrame, *, collar: float = 0.1):
    """Each event of one recording with what became of it.

    Parameters
    ----------
    reference, estimated : DataFrame
        Events of one recording and one label, with the columns onset and offset in seconds.
    collar : float
        Largest difference of onsets in seconds.

    Returns
    -------
    DataFrame
        onset, offset, outcome ("hit", "miss" or "false alarm") and, for hits, onset_error:
        estimated minus reference in seconds. Sorted by onset; hits and misses have the times of
        the reference.
    """
    in_reference, in_estimated = match_pairs(
        reference["onset"].to_numpy(float), estimated["onset"].to_numpy(float), collar=collar
    )
    truth = reference[["onset", "offset"]].reset_index(drop=True)
    truth = truth.assign(outcome="miss", onset_error=np.nan)
    shift = (
        estimated["onset"].to_numpy(float)[in_estimated]
        - truth["onset"].to_numpy(float)[in_reference]
    )
    truth.loc[in_reference, "outcome"] = "hit"
    truth.loc[in_reference, "onset_error"] = shift
    extra = estimated[["onset", "offset"]].reset_index(drop=True).drop(index=in_estimated)
    extra = extra.assign(outcome="false alarm", onset_error=np.nan)
    parts = [part for part in (truth, extra) if len(part)]
    return (pd.concat(parts) if parts else truth).sort_values("onset", ignore_index=True)


def f1(hits, misses, false_alarms):
    """Harmonic mean of precision and recall, 2h / (2h + m + f).

    Parameters
    ----------
    hits, misses, false_alarms : float or ndarray
        Counts.

    Returns
    -------
    float or ndarray
        NaN where there is neither a reference nor an estimated event.
    """
    hits, misses, false_alarms = (np.asarray(x, float) for x in (hits, misses, false_alarms))
    return _ratio(2 * hits, 2 * hits + misses + false_alarms)


def pooled_f1(counts: pd.DataFrame, *, weights: np.ndarray | None = None):
    """F1 of all recordings together: false alarms in recordings without events count.

    Parameters
    ----------
    counts : DataFrame
        As `counts` returns it.
    weights : ndarray, shape (resamples, recordings), optional
        How often each recording counts in each bootstrap resample.

    Returns
    -------
    float, or ndarray of shape (resamples,) with weights
    """
    hits, misses, false_alarms, _ = _sums(counts, weights)
    return _told(f1(hits, misses, false_alarms), "no reference and no estimated event: no F1")


def macro_f1(counts: pd.DataFrame, *, weights: np.ndarray | None = None):
    """Mean over recordings of each one's F1, among the recordings that hold events.

    A recording with 400 events weighs no more than one with 8. Recordings without events have no
    F1 and are left out; `pooled_f1` and `false_alarms_per_hour` see these.

    Parameters
    ----------
    counts, weights
        As in `pooled_f1`.

    Returns
    -------
    float, or ndarray of shape (resamples,) with weights
    """
    holds = counts["n_reference"].to_numpy(float) > 0
    each = np.where(holds, f1(counts["hits"], counts["misses"], counts["false_alarms"]), 0.0)
    drawn = _weights(counts, weights) * holds
    return _told(
        _ratio(drawn @ each, drawn.sum(axis=-1)), "no recording holds an event: no mean F1"
    )


def precision(counts: pd.DataFrame, *, weights: np.ndarray | None = None):
    """Share of the estimated events that are right, over all recordings."""
    hits, _, false_alarms, _ = _sums(counts, weights)
    return _told(_ratio(hits, hits + false_alarms), "no estimated event: no precision")


def recall(counts: pd.DataFrame, *, weights: np.ndarray | None = None):
    """Share of the reference events that are found, over all recordings."""
    hits, misses, _, _ = _sums(counts, weights)
    return _told(_ratio(hits, hits + misses), "no reference event: no recall")


def error_rate(counts: pd.DataFrame, *, weights: np.ndarray | None = None):
    """Misses and false alarms for each reference event; 0 is perfect, and it can exceed 1.

    With one label nothing can be substituted, so this is (deletions + insertions) / reference.
    """
    _, misses, false_alarms, reference = _sums(counts, weights)
    return _told(_ratio(misses + false_alarms, reference), "no reference event: no error rate")


def false_alarms_per_hour(counts: pd.DataFrame, *, durations, weights: np.ndarray | None = None):
    """Count the false alarms in an hour of audio.

    Parameters
    ----------
    counts : DataFrame
        As `counts` returns it.
    durations : mapping or Series
        Seconds of each recording by filename.
    weights : ndarray, shape (resamples, recordings), optional
        As in `pooled_f1`.

    Returns
    -------
    float, or ndarray of shape (resamples,) with weights
    """
    seconds = np.array([float(durations[name]) for name in counts["filename"]])
    drawn = _weights(counts, weights)
    alarms = drawn @ counts["false_alarms"].to_numpy(float)
    return _told(_ratio(3600 * alarms, drawn @ seconds), "no audio: no rate of false alarms")


def _both(reference, estimated, filenames, label):
    """Filenames, and for each the reference and the estimated events."""
    names = [str(name) for name in filenames]
    if len(set(names)) != len(names):
        raise ValueError("filenames names a recording twice; each is scored once.")
    first = as_lists(reference, names, label, "reference")
    second = as_lists(estimated, names, label, "estimated")
    return names, [(first[name], second[name]) for name in names]


def _weights(counts: pd.DataFrame, weights: np.ndarray | None) -> np.ndarray:
    """Weights given, or one for each recording."""
    return np.ones(len(counts)) if weights is None else np.asarray(weights, float)


def _sums(counts: pd.DataFrame, weights: np.ndarray | None):
    """Hits, misses, false alarms and reference events over all recordings."""
    drawn = _weights(counts, weights)
    columns = ("hits", "misses", "false_alarms", "n_reference")
    return tuple(drawn @ counts[name].to_numpy(float) for name in columns)


def _ratio(above, below):
    """Quotient, NaN where the divisor is zero."""
    above, below = np.broadcast_arrays(np.asarray(above, float), np.asarray(below, float))
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def _told(value: np.ndarray, reason: str):
    """Plain float for a single value; warn once where something is undefined."""
    if np.isnan(value).any():
        undefined(reason)
    return float(value) if np.ndim(value) == 0 else value
