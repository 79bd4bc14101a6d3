"""Post-processing that needs the whole recording: lessons, not what ships."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ._decoder import EVENT_COLUMNS, Scores


def median_filter(scores: Scores, *, width: float) -> Scores:
    """Replace each score by the median of its neighbourhood.

    Parameters
    ----------
    scores : Scores
    width : float
        Length of the neighbourhood in seconds, rounded to an odd number of frames.

    Returns
    -------
    Scores

    Raises
    ------
    ValueError
        When `width` is not positive.
    """
    from scipy.ndimage import median_filter as filtered

    if not width > 0:
        raise ValueError(f"width must be positive, found {width}")
    frames = 2 * int(width / _hop(scores) / 2) + 1
    return replace(scores, values=filtered(scores.values, size=(frames, 1), mode="nearest"))


@dataclass(frozen=True)
class ChangePoints:
    """Boxes between the steps of the scores; a threshold then takes or leaves whole boxes.

    An onset is where the mean of the scores rises most from the half window before to the half
    window after, an offset where it falls most. Two boxes with no clear dip between them become
    one. The threshold moves no boundary.

    Parameters
    ----------
    threshold : float
        Least mean score of a box.
    step : float
        Length of the window that looks for steps, in seconds.
    dip, ratio : float
        Neighbours merge when, on both sides, the highest score is less than `dip` above the
        lowest score between them, and less than `ratio` times it.

    References
    ----------
    Ebbers, J., et al. (2024). Sound event bounding boxes. Interspeech.
    https://arxiv.org/abs/2406.04212
    """

    threshold: float = 0.5
    step: float = 0.1
    dip: float = 0.2
    ratio: float = 2.0

    def decode(self, scores: Scores) -> pd.DataFrame:
        """Events of all labels, columns as in :meth:`Decoder.decode`; score is the mean."""
        parts = [self._boxes(scores, column) for column in range(len(scores.labels))]
        events = pd.concat(parts, ignore_index=True)
        events = events[events["score"] >= self.threshold]
        return events.sort_values("onset", ignore_index=True)[EVENT_COLUMNS]

    def _boxes(self, scores: Scores, column: int) -> pd.DataFrame:
        values, hop = scores.values[:, column].astype(float), _hop(scores)
        bounds = _merge(_candidates(step_response(values, self.step / hop)), values, self)
        edges = np.append(scores.times - hop / 2, scores.times[-1] + hop / 2)
        return pd.DataFrame(
            {
                "onset": [max(0.0, edges[a]) for a, _ in bounds],
                "offset": [min(scores.duration, edges[b]) for _, b in bounds],
                "event_label": scores.labels[column],
                "score": [values[a:b].mean() for a, b in bounds],
            }
        )


def step_response(values: np.ndarray, frames: float) -> np.ndarray:
    """Mean of the half window after each frame's start, less the mean of the half before.

    Parameters
    ----------
    values : ndarray, shape (n,)
    frames : float
        Length of the window in frames, 2 or more.

    Returns
    -------
    ndarray, shape (n + 1,)
        Entry ``i`` belongs to the boundary before frame ``i``; scores outside count as zero.
    """
    half = max(1, int(round(frames / 2)))
    total = np.concatenate([[0], np.cumsum(np.pad(values, half))])
    return (total[2 * half :] - 2 * total[half:-half] + total[: -2 * half]) / half


def _candidates(response: np.ndarray) -> list[tuple[int, int]]:
    """Local maxima and minima of the response in turn: onset and offset of each candidate."""
    change = np.sign(np.diff(response, prepend=response[0] - 1e-12, append=response[-1]))
    turns = [i for i in range(len(response)) if change[i] != 0]
    bounds, onset = [], None
    for here, following in zip(turns, turns[1:] + [len(response)], strict=True):
        after = change[following] if following < len(change) else -change[here]
        if change[here] > 0 and after < 0 and onset is None and response[here] > 0:
            onset = here
        elif change[here] < 0 and after > 0 and onset is not None:
            bounds.append((onset, here))
            onset = None
    if onset is not None and onset < len(response) - 1:
        bounds.append((onset, len(response) - 1))
    return bounds


def _merge(bounds, values, rule):
    """Join neighbours while the dip between them is shallow on both sides."""
    merged: list[tuple[int, int]] = []
    for box in bounds:
        while merged and _shallow(values, merged[-1], box, rule):
            box = (merged.pop()[0], box[1])
        merged.append(box)
    return merged


def _shallow(values, before, after, rule) -> bool:
    gap = values[before[1] : after[0]]
    lowest = max(float(gap.min()) if len(gap) else float(values[after[0]]), 1e-9)
    peaks = [values[a:b].max() for a, b in (before, after)]
    return all(p - lowest < rule.dip and p / lowest < rule.ratio for p in peaks)


def _hop(scores: Scores) -> float:
    return float(scores.times[1] - scores.times[0]) if len(scores.times) > 1 else 1e-2
