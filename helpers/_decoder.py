"""The type of every model's scores, and the decoder that turns them into events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # the small computer that listens has no pandas
    import pandas as pd

EVENT_COLUMNS = ["onset", "offset", "event_label", "score"]


@dataclass(frozen=True)
class Scores:
    """What a model says of each frame.

    Parameters
    ----------
    values : ndarray, shape (frames, labels), float32
        Higher means surer. Probabilities where the model gives them, decibels for energy.
    times : ndarray, shape (frames,)
        Centre of each frame in seconds, rising.
    labels : tuple of str
        One event label a column.
    duration : float
        Length of the recording in seconds.

    Raises
    ------
    ValueError
        When the shapes do not fit together or a value is not a number.
    """

    values: np.ndarray
    times: np.ndarray
    labels: tuple[str, ...]
    duration: float

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=np.float32)
        values = values[:, None] if values.ndim == 1 else values
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "times", np.asarray(self.times, dtype=np.float64))
        object.__setattr__(self, "labels", tuple(self.labels))
        expected = (len(self.times), len(self.labels))
        if values.shape != expected:
            raise ValueError(
                f"values must have the shape (times, labels) = {expected}, found {values.shape}"
            )
        if not np.isfinite(values).all():
            raise ValueError("values hold NaN or infinity: look at the model that made them")

    def of(self, label: str) -> np.ndarray:
        """Scores of one label, shape (frames,); KeyError names the labels there are."""
        if label not in self.labels:
            raise KeyError(f"no label {label!r} in these scores, only {list(self.labels)}")
        return self.values[:, self.labels.index(label)]


@dataclass(frozen=True)
class Decoder:
    """Hysteresis: an event begins at one threshold and ends below a lower one.

    It looks back only, so a stream decodes as a file does.

    Parameters
    ----------
    threshold : float
        An event begins at the first frame that reaches it.
    low : float or None
        The event goes on until a frame falls below it; None means the threshold itself.
    min_length : float
        Events shorter than this are dropped, in seconds.
    max_gap : float
        Events with a gap this long or shorter between them are one event, in seconds.
    shift : float
        Added to onsets and offsets, in seconds: a constant bias found on validation.

    Raises
    ------
    ValueError
        When `low` is above `threshold`, or a length is negative.

    References
    ----------
    Dinkel, H., & Yu, K. (2020). Duration robust weakly supervised sound event detection.
    ICASSP. https://arxiv.org/abs/1904.03841
    """

    threshold: float = 0.5
    low: float | None = None
    min_length: float = 0.0
    max_gap: float = 0.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        if self.low is not None and self.low > self.threshold:
            raise ValueError(f"low ({self.low:g}) must not be above threshold ({self.threshold:g})")
        for name in ("min_length", "max_gap"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, found {getattr(self, name):g}")

    def decode(self, scores: Scores) -> pd.DataFrame:
        """Turn scores into events.

        Parameters
        ----------
        scores : Scores

        Returns
        -------
        DataFrame
            Columns onset, offset, event_label and score (the highest of the event), sorted by
            onset; seconds, inside the recording.
        """
        spans = [self.spans(values, scores.times) for values in scores.values.T]
        return events_of_spans(spans, scores.labels, duration=scores.duration)

    def spans(
        self, values: np.ndarray, times: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Onsets, offsets and highest scores of the events in one column of scores."""
        low = self.threshold if self.low is None else self.low
        starts, stops = _runs(values >= low)
        if not len(starts):
            return np.zeros(0), np.zeros(0), np.zeros(0)
        peaks = np.maximum.reduceat(np.append(values, -np.inf), np.c_[starts, stops].ravel())[::2]
        sure = peaks.astype(values.dtype) >= self.threshold  # rounded as for the frames below
        starts, stops, peaks = starts[sure], stops[sure], peaks[sure]
        above = np.flatnonzero(values >= self.threshold)
        starts = above[np.searchsorted(above, starts)] if len(starts) else starts
        half = (times[1] - times[0]) / 2 if len(times) > 1 else times[0]
        onsets, offsets = times[starts] - half, times[stops - 1] + half
        onsets, offsets, peaks = _merge(onsets, offsets, peaks, self.max_gap)
        long = offsets - onsets >= self.min_length - 1e-9
        return onsets[long] + self.shift, offsets[long] + self.shift, peaks[long]


def events_of_spans(spans, labels: tuple[str, ...], *, duration: float) -> pd.DataFrame:
    """Lay the spans of all labels in one table of events, inside the recording.

    Parameters
    ----------
    spans : list of (onsets, offsets, scores), each ndarray, shape (events,)
        One a label, as :meth:`Decoder.spans` gives them.
    labels : tuple of str
    duration : float
        Length of the recording in seconds.
    """
    import pandas as pd

    parts = [
        pd.DataFrame(
            {
                "onset": np.clip(onsets, 0, duration),
                "offset": np.clip(offsets, 0, duration),
                "event_label": label,
                "score": peaks,
            }
        )
        for label, (onsets, offsets, peaks) in zip(labels, spans, strict=True)
    ]
    events = pd.concat(parts, ignore_index=True)
    # A shift may push an event out of the recording: nothing is left of it then.
    events = events[events["offset"] > events["onset"]]
    return events.sort_values("onset", ignore_index=True)[EVENT_COLUMNS]


def _runs(active: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and one-past-last index of each run of True."""
    edges = np.diff(np.concatenate([[0], active.astype(np.int8), [0]]))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _merge(onsets, offsets, peaks, max_gap):
    """Join events whose gap is at most `max_gap`; with 0 nothing is joined."""
    if len(onsets) < 2 or max_gap <= 0:
        return onsets, offsets, peaks
    first = np.concatenate([[True], onsets[1:] - offsets[:-1] > max_gap + 1e-9])
    starts = np.flatnonzero(first)
    last = np.concatenate([starts[1:] - 1, [len(onsets) - 1]])
    return onsets[starts], offsets[last], np.maximum.reduceat(peaks, starts)
