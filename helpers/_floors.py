"""What chance and a metronome reach, and operating points. See `helpers.evaluation`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from helpers._matching import as_lists, match_onsets, tally
from helpers.intervals import undefined


def chance_counts(
    reference,
    *,
    filenames: Iterable[str],
    durations,
    label: str,
    collar: float = 0.1,
    n_seeds: int = 100,
    seed: int = 0,
) -> pd.DataFrame:
    """Score random times, as many as there are reference events.

    The counts are means over seeds. As many events are estimated as there are in the reference, so
    F1 is hits / events, and the F1 of mean counts is the mean of the F1s.

    Parameters
    ----------
    reference : DataFrame or mapping of filename to DataFrame
        Events with the columns (filename,) onset, offset and event_label.
    filenames : iterable of str
        The recordings scored.
    durations : mapping or Series
        Seconds of each recording by filename.
    label : str
        The label that is scored.
    collar : float
        Largest difference of onsets in seconds.
    n_seeds : int
        Number of random draws.
    seed : int
        Seed of them all.

    Returns
    -------
    DataFrame
        The columns of `helpers.evaluation.counts`, with fractional counts.
    """
    rng = np.random.default_rng(seed)

    def hits(onsets: np.ndarray, duration: float) -> float:
        drawn = rng.uniform(0.0, duration, size=(n_seeds, len(onsets)))
        return float(np.mean([match_onsets(onsets, times, collar=collar) for times in drawn]))

    return _floor(reference, filenames, durations, label, hits)


def metronome_counts(
    reference, *, filenames: Iterable[str], durations, label: str, collar: float = 0.1
) -> pd.DataFrame:
    """Score regular times: right about the rate, deaf to everything else.

    Parameters
    ----------
    reference, filenames, durations, label, collar
        As in `chance_counts`.

    Returns
    -------
    DataFrame
        The columns of `helpers.evaluation.counts`. The times are the middles of as many equal
        parts of the recording as it has reference events.
    """

    def hits(onsets: np.ndarray, duration: float) -> float:
        times = (np.arange(len(onsets)) + 0.5) * duration / max(len(onsets), 1)
        return match_onsets(onsets, times, collar=collar)

    return _floor(reference, filenames, durations, label, hits)


def operating_points(
    reference,
    scores: Mapping,
    *,
    decoder,
    durations,
    label: str,
    collar: float = 0.1,
    thresholds: Iterable[float] | None = None,
) -> pd.DataFrame:
    """Misses against false alarms an hour while the threshold moves.

    Parameters
    ----------
    reference : DataFrame or mapping of filename to DataFrame
        Events with the columns (filename,) onset, offset and event_label.
    scores : mapping of filename to Scores
        Scores of every recording.
    decoder : Decoder
        Turns scores into events. Its threshold is replaced and its lower threshold moves along (in
        proportion for probabilities, by the same distance otherwise); lengths and gaps stay.
    durations : mapping or Series
        Seconds of each recording by filename.
    label : str
        The label that is scored.
    collar : float
        Largest difference of onsets in seconds.
    thresholds : iterable of float, optional
        Default: 0.02 to 0.98 in steps of 0.02 for scores between 0 and 1, else 49 quantiles of
        the scores above their median.

    Returns
    -------
    DataFrame
        threshold, hits, misses, false_alarms, miss_rate, false_alarms_per_hour, precision, recall,
        f1 (pooled); one row a threshold. By the fast matcher, which agrees with sed_eval.
    """
    names = [str(name) for name in scores]
    lists = as_lists(reference, names, label, "reference")
    truth = {name: _onsets(lists[name]) for name in names}
    hours = sum(float(durations[name]) for name in names) / 3600
    n_reference = sum(len(onsets) for onsets in truth.values())
    if n_reference == 0:
        undefined("no reference event: no miss rate")
    rows = []
    for threshold in _default_thresholds(scores, label) if thresholds is None else thresholds:
        setting = _moved(decoder, float(threshold))
        found = {name: _decoded(setting, scores[name], label) for name in names}
        hits = sum(match_onsets(truth[name], found[name], collar=collar) for name in names)
        n_found = sum(len(onsets) for onsets in found.values())
        rows.append(_point(float(threshold), hits, n_reference, n_found, hours))
    return pd.DataFrame(rows)


def within_budget(points: pd.DataFrame, *, false_alarms_per_hour: float) -> pd.Series:
    """Pick the operating point with the fewest misses within a budget of false alarms.

    Parameters
    ----------
    points : DataFrame
        As `operating_points` returns it.
    false_alarms_per_hour : float
        How many false alarms an hour can be borne.

    Returns
    -------
    Series
        One row of `points`; of several equally good, the one with the fewest false alarms.

    Raises
    ------
    ValueError
        When no threshold stays within the budget.
    """
    allowed = points[points["false_alarms_per_hour"] <= false_alarms_per_hour]
    if allowed.empty:
        raise ValueError(
            f"no threshold has {false_alarms_per_hour:g} false alarms an hour or fewer; the fewest "
            f"are {points['false_alarms_per_hour'].min():.1f}: allow more, or raise thresholds."
        )
    return allowed.sort_values(["misses", "false_alarms_per_hour"], kind="stable").iloc[0]


def _floor(reference, filenames, durations, label, hits) -> pd.DataFrame:
    """Count with as many estimated as reference events and the hits of a function."""
    names = [str(name) for name in filenames]
    lists = as_lists(reference, names, label, "reference")
    onsets = [_onsets(lists[name]) for name in names]
    n = np.array([len(times) for times in onsets], dtype=int)
    found = [
        hits(times, float(durations[name])) if len(times) else 0
        for name, times in zip(names, onsets, strict=True)
    ]
    return tally(names, found, n, n)


def _default_thresholds(scores, label: str) -> np.ndarray:
    """Thresholds that sweep the scores at hand."""
    values = np.concatenate([np.ravel(each.of(label)) for each in scores.values()])
    if values.min() >= 0 and values.max() <= 1:
        return np.arange(1, 50) / 50
    return np.unique(np.quantile(values, np.linspace(0.5, 1.0, 49)))


def _moved(decoder, threshold: float):
    """Return the decoder at another threshold, its lower one moved along."""
    if decoder.low is None:
        return dataclasses.replace(decoder, threshold=threshold)
    if 0 < decoder.threshold <= 1 and decoder.low >= 0 and threshold >= 0:
        low = threshold * decoder.low / decoder.threshold
    else:
        low = threshold - (decoder.threshold - decoder.low)
    return dataclasses.replace(decoder, threshold=threshold, low=min(low, threshold))


def _decoded(decoder, scores, label: str) -> np.ndarray:
    """Onsets that a decoder finds, as its `decode` gives them but without making tables."""
    onsets, offsets, _ = decoder.spans(scores.of(label), scores.times)
    onsets, offsets = np.clip(onsets, 0, scores.duration), np.clip(offsets, 0, scores.duration)
    return onsets[offsets > onsets]


def _onsets(events: list[dict]) -> np.ndarray:
    """Onsets of a list of events."""
    return np.array([event["onset"] for event in events], dtype=float)


def _point(threshold: float, hits: int, n_reference: int, n_found: int, hours: float) -> dict:
    """One row of `operating_points`."""
    nan = float("nan")
    total = n_reference + n_found
    return {
        "threshold": threshold,
        "hits": hits,
        "misses": n_reference - hits,
        "false_alarms": n_found - hits,
        "miss_rate": 1 - hits / n_reference if n_reference else nan,
        "false_alarms_per_hour": (n_found - hits) / hours if hours else nan,
        "precision": hits / n_found if n_found else nan,
        "recall": hits / n_reference if n_reference else nan,
        "f1": 2 * hits / total if total else nan,
    }
