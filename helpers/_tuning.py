"""Choosing a decoder on validation recordings."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from ._decoder import Decoder, Scores
from ._matching import match_onsets


def grid(
    *,
    thresholds: Iterable[float],
    low_ratios: Iterable[float] = (1.0,),
    min_lengths: Iterable[float] = (0.0,),
    max_gaps: Iterable[float] = (0.0,),
) -> list[Decoder]:
    """List the decoders of every combination of settings, for :func:`tune`.

    Parameters
    ----------
    thresholds, low_ratios, min_lengths, max_gaps : iterable of float
        `low` is the threshold times the ratio.

    Returns
    -------
    list of Decoder
    """
    combinations = itertools.product(thresholds, low_ratios, min_lengths, max_gaps)
    return [
        Decoder(threshold=float(t), low=float(t * r), min_length=float(m), max_gap=float(g))
        for t, r, m, g in combinations
    ]


def default_grid() -> list[Decoder]:
    """List decoders worth trying on probabilities of short events."""
    return grid(
        thresholds=np.arange(0.1, 0.96, 0.05).round(2),
        low_ratios=(1.0, 0.7, 0.4),
        min_lengths=(0.0, 0.03, 0.06),
        max_gaps=(0.0, 0.03),
    )


def tune(
    scores: Mapping[str, Scores],
    events: pd.DataFrame,
    *,
    label: str,
    collar: float = 0.1,
    average: str = "pooled",
    decoders: Iterable[Decoder] | None = None,
    find_shift: bool = True,
) -> Decoder:
    """Choose the decoder with the best onset F1 on validation recordings.

    Parameters
    ----------
    scores : mapping of str to Scores
        Scores of each validation recording, by filename.
    events : DataFrame
        True events with columns filename, onset and event_label.
    label : str
        Which event label to tune for.
    collar : float
        Largest distance between a true and an estimated onset, in seconds.
    average : {"pooled", "macro"}
        All recordings together, or the mean over the recordings that hold events.
    decoders : iterable of Decoder, optional
        What to choose from; :func:`default_grid` by default. The first of equals wins.
    find_shift : bool
        Also take the median distance from estimated to true onset as the decoder's shift.

    Returns
    -------
    Decoder

    Raises
    ------
    ValueError
        When there are no recordings, no true events, or `average` is unknown.
    """
    if average not in ("pooled", "macro"):
        raise ValueError(f"average must be 'pooled' or 'macro', found {average!r}")
    truth = _true_onsets(scores, events, label)
    columns = {name: (s.of(label), s.times) for name, s in scores.items()}
    candidates = default_grid() if decoders is None else list(decoders)
    best = max(candidates, key=lambda d: _onset_f1(d, columns, truth, collar, average))
    if not find_shift:
        return best
    shifted = replace(best, shift=best.shift + _median_error(best, columns, truth, collar))
    better = _onset_f1(shifted, columns, truth, collar, average) >= _onset_f1(
        best, columns, truth, collar, average
    )
    return shifted if better else best


def best_f1(
    scores: Mapping[str, Scores],
    events: pd.DataFrame,
    *,
    label: str,
    collar: float = 0.1,
    average: str = "pooled",
    decoders: Iterable[Decoder] | None = None,
) -> float:
    """Onset F1 of the best of a few decoders: the metric that stops training.

    Parameters
    ----------
    scores, events, label, collar, average
        As in :func:`tune`.
    decoders : iterable of Decoder, optional
        Nine thresholds by default, with and without hysteresis, and a least length without which
        the metric jumps at every flicker of the scores.

    Returns
    -------
    float
        From 0 to 1; higher is better.
    """
    truth = _true_onsets(scores, events, label)
    columns = {name: (s.of(label), s.times) for name, s in scores.items()}
    if decoders is None:
        decoders = grid(
            thresholds=np.arange(0.1, 0.95, 0.1), low_ratios=(1.0, 0.6), min_lengths=(0.03,)
        )
    return max(_onset_f1(d, columns, truth, collar, average) for d in decoders)


def _true_onsets(scores, events, label):
    if not scores:
        raise ValueError("scores is empty: tuning needs validation recordings")
    chosen = events[(events["event_label"] == label) & events["filename"].isin(list(scores))]
    if chosen.empty:
        raise ValueError(f"no event {label!r} in the validation recordings: nothing to tune on")
    found = {name: np.sort(part["onset"].to_numpy()) for name, part in chosen.groupby("filename")}
    return {name: found.get(name, np.zeros(0)) for name in scores}


def _onset_f1(decoder, columns, truth, collar, average) -> float:
    """F1 of the onsets, by the fast matcher: sed_eval's own is for what is reported."""
    rows = []
    for name, (values, times) in columns.items():
        onsets = np.maximum(decoder.spans(values, times)[0], 0)
        rows.append(
            (match_onsets(truth[name], onsets, collar=collar), len(truth[name]), len(onsets))
        )
    hits, reference, estimated = np.array(rows, float).T
    if average == "pooled":
        return float(2 * hits.sum() / max(1.0, reference.sum() + estimated.sum()))
    held = reference > 0
    return float(np.mean(2 * hits[held] / (reference + estimated)[held]))


def _median_error(decoder, columns, truth, collar) -> float:
    """Median of true minus nearest estimated onset, where they are within the collar."""
    errors = []
    for name, (values, times) in columns.items():
        onsets = decoder.spans(values, times)[0]
        if len(onsets) and len(truth[name]):
            nearest = truth[name][:, None] - onsets[None, :]
            nearest = nearest[np.arange(len(nearest)), np.abs(nearest).argmin(1)]
            errors.append(nearest[np.abs(nearest) <= collar])
    pooled = np.concatenate(errors) if errors else np.zeros(0)
    return float(np.median(pooled).round(4)) if len(pooled) else 0.0
