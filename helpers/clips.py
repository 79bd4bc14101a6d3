"""Clips in windows: cut them, set the quiet ones aside, score them, draw them for training.

A clip has one label and many windows. What a window model says of them is kept as
:class:`~helpers.detection.Scores`, windows x labels with times, like the scores of a detector, so
that plots and decoders never know which model made them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from . import features
from ._decoder import Scores
from .features import FrontEnd

__all__ = ["Cut", "Draws", "Material", "level_db", "material", "per_window", "score"]

#: Front end of the classifier: as the detector's, with frames twice as long, half as often.
FRONT_END = FrontEnd(n_fft=1024, hop=320, n_mels=64, fmin=50.0)

Change = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Cut:
    """How clips are cut into windows.

    Parameters
    ----------
    length : int
        Frames in a window.
    hop : int
        Frames from one window to the next; half the length is an overlap of 50 %.
    quiet_db : float or None
        Windows below this level, in dB re full scale, are set aside; None keeps all. A clip that
        is quiet throughout keeps its loudest window: an answer is wanted for every clip.

    Raises
    ------
    ValueError
        When `hop` is not from 1 to `length`.
    """

    length: int = 50
    hop: int = 25
    quiet_db: float | None = -60.0

    def __post_init__(self) -> None:
        if not 1 <= self.hop <= self.length:
            raise ValueError(f"hop must be from 1 to length ({self.length}), found {self.hop}")

    def windows(self, log_mel: np.ndarray, *, front_end: FrontEnd) -> tuple[np.ndarray, np.ndarray]:
        """Cut one clip.

        Parameters
        ----------
        log_mel : ndarray, shape (frames, n_mels)
            Not standardised. A clip shorter than a window is padded with its last frame.
        front_end : FrontEnd
            What made it: it knows the level that a frame stands for.

        Returns
        -------
        values : ndarray, shape (n, length, n_mels)
            At least one.
        starts : ndarray of int, shape (n,)
            First frame of each.
        """
        values, _ = features.windows(log_mel, length=self.length, hop=self.hop)
        starts = self.starts(log_mel, front_end=front_end)
        return values[starts // self.hop], starts

    def starts(self, log_mel: np.ndarray, *, front_end: FrontEnd) -> np.ndarray:
        """First frame of each window of a clip that is not set aside; see :meth:`windows`."""
        cut = {"length": self.length, "hop": self.hop}
        if self.quiet_db is None:
            return features.windows(log_mel[:, 0], **cut)[1]
        powers, starts = features.windows(_power(log_mel, front_end), **cut)
        level = _decibels(powers, front_end)
        return starts[level >= min(self.quiet_db, level.max())]


def level_db(log_mel: np.ndarray, *, front_end: FrontEnd) -> np.ndarray:
    """Mean level of windows in dB, 0 for a sine at full scale.

    Parameters
    ----------
    log_mel : ndarray, shape (..., frames, n_mels)
        Not standardised.
    front_end : FrontEnd
        Its floor is taken off, so that digital silence is minus infinity or close to it.

    Returns
    -------
    ndarray, shape (...)
    """
    return _decibels(_power(log_mel, front_end), front_end)


def _decibels(power: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Level of windows from the power of their frames, (..., frames) to (...)."""
    return 10 * np.log10(power.mean(-1) / _full_scale(front_end) + 1e-12)


@lru_cache(maxsize=8)
def _full_scale(front_end: FrontEnd) -> float:
    """Power of a frame of a sine at full scale: the front end itself is asked."""
    times = np.arange(8 * front_end.n_fft) / front_end.sample_rate
    sine = plain(front_end).log_mel(np.sin(2 * np.pi * 1000.0 * times).astype(np.float32))
    return float(np.median(_power(sine, front_end)))


def _power(log_mel: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Power of each frame: a mel band holds the mean over its width, so widths are the weights."""
    low, high = (float(features.hz_to_mel(f)) for f in (front_end.fmin, front_end.fmax))
    edges = features.mel_to_hz(np.linspace(low, high, front_end.n_mels + 2))
    widths = (edges[2:] - edges[:-2]) / 2
    power = np.exp(np.asarray(log_mel, np.float64)) - front_end.floor
    return np.maximum(power, 0) @ widths


def plain(front_end: FrontEnd) -> FrontEnd:
    """Return the front end without the mean and deviation that it was fitted with."""
    return replace(front_end, mean=None, std=None)


def per_window(values: np.ndarray) -> np.ndarray:
    """Normalise each window by itself: mean 0 and deviation 1 over its frames and bands.

    How loud a window is no longer matters, which helps where the gain of a recording means
    nothing, and blows up the noise of a window that holds nothing else.

    Parameters
    ----------
    values : ndarray, shape (n, length, n_mels)

    Returns
    -------
    ndarray, shape (n, length, n_mels), float32
    """
    mean = values.mean(axis=(1, 2), keepdims=True)
    deviation = values.std(axis=(1, 2), keepdims=True)
    return ((values - mean) / np.maximum(deviation, 1e-2)).astype(np.float32)


@dataclass(frozen=True)
class Material:
    """Log-mel frames and the label of every clip, ready for each model.

    Parameters
    ----------
    recordings : DataFrame
        As in the dataset, indexed by filename.
    log_mels : dict of str to ndarray, shape (frames, n_mels)
        Not standardised.
    labels : tuple of str
        The classes, sorted.
    front_end : FrontEnd
        Not fitted.
    """

    recordings: pd.DataFrame
    log_mels: dict[str, np.ndarray]
    labels: tuple[str, ...]
    front_end: FrontEnd

    def targets(self, filenames: Iterable[str]) -> np.ndarray:
        """Index of the class of each clip, shape (clips,)."""
        return np.array([self.labels.index(self.recordings["label"][n]) for n in filenames])

    def fit(self, filenames: Iterable[str]) -> FrontEnd:
        """Return the front end with the mean and deviation of each band over these clips."""
        return self.front_end.fit(self.log_mels[name] for name in filenames)


def material(dataset, *, front_end: FrontEnd = FRONT_END) -> Material:
    """Compute the log-mel frames of a dataset of clips, or find those kept.

    Parameters
    ----------
    dataset : helpers.datasets.Dataset
        Of labelled clips.
    front_end : FrontEnd

    Returns
    -------
    Material

    Raises
    ------
    ValueError
        When the recordings have no column ``label``.
    """
    if "label" not in dataset.recordings:
        raise ValueError(
            f"the recordings of {dataset.name} carry no label: they have events, for a detector"
        )
    log_mels = features.of_dataset(dataset, front_end=front_end)
    recordings = dataset.recordings.set_index("filename")
    return Material(recordings, log_mels, tuple(sorted(set(recordings["label"]))), front_end)


@dataclass
class Draws:
    """Windows drawn at random from clips, every clip as often as any other.

    Parameters
    ----------
    log_mels : mapping of str to ndarray or sequence of ndarray, shape (frames, n_mels)
        Not standardised. Several versions of a clip (augmented beforehand) are drawn in turn.
    targets : mapping of str to int
        Index of the class of each clip.
    classes : int
        Number of classes.
    front_end : FrontEnd
        Fitted on the training clips.
    cut : Cut
        Its length and its level count; starts are drawn anywhere, not on its hop, unless `fixed`.
    changes : sequence of callable
        Each takes (windows, targets, generator) and returns both, changed; see `helpers.augment`.
        Windows are log-mel frames, not standardised yet.
    fixed : bool
        Draw from the windows of the cut alone: no shift in time.
    prepare : callable, optional
        From windows to what the model takes; standardised by the front end by default.
    """

    log_mels: Mapping[str, np.ndarray | Sequence[np.ndarray]]
    targets: Mapping[str, int]
    classes: int
    front_end: FrontEnd
    cut: Cut
    changes: Sequence[Change] = ()
    fixed: bool = False
    prepare: Callable[[np.ndarray], np.ndarray] | None = None

    def __post_init__(self) -> None:
        if not self.log_mels:
            raise ValueError("log_mels is empty: there is nothing to train on")
        self.names = sorted(self.log_mels)
        self._versions = {n: _versions(self.log_mels[n], self.cut.length) for n in self.names}
        every = self.cut if self.fixed else replace(self.cut, hop=1)
        self._starts = {
            name: [self._usable(every, v) for v in versions]
            for name, versions in self._versions.items()
        }

    def draw(self, n: int, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw `n` windows: (n, length, n_mels) and one row of class shares each, (n, classes)."""
        rounds = -(-n // len(self.names))
        order = np.concatenate([rng.permutation(self.names) for _ in range(rounds)])[:n]
        x = np.stack([self._one(name, rng) for name in order])
        y = np.eye(self.classes, dtype=np.float32)[[self.targets[name] for name in order]]
        for change in self.changes:
            x, y = change(x, y, rng)
        prepare = self.prepare or self.front_end.standardise
        return prepare(x).astype(np.float32), y

    def _usable(self, cut: Cut, version: np.ndarray) -> np.ndarray:
        """Give starts of windows; the last one is moved back to where the frames are real."""
        starts = cut.starts(version, front_end=self.front_end)
        return np.minimum(starts, len(version) - cut.length)

    def _one(self, name: str, rng: np.random.Generator) -> np.ndarray:
        which = rng.integers(len(self._versions[name]))
        start = rng.choice(self._starts[name][which])
        return self._versions[name][which][start : start + self.cut.length]


def _versions(given, length: int) -> list[np.ndarray]:
    """Every version of a clip, as long as a window at least."""
    versions = [given] if isinstance(given, np.ndarray) else list(given)
    return [
        np.pad(v, ((0, max(0, length - len(v))), (0, 0)), mode="edge").astype(np.float32)
        for v in versions
    ]


def score(
    model,
    log_mels: Mapping[str, np.ndarray],
    *,
    front_end: FrontEnd,
    cut: Cut,
    labels: Sequence[str],
    prepare: Callable[[np.ndarray], np.ndarray] | None = None,
    batch_size: int = 256,
) -> dict[str, Scores]:
    """Score the windows of each clip.

    Parameters
    ----------
    model : keras.Model
        (batch, length, n_mels) to (batch, labels).
    log_mels : mapping of str to ndarray, shape (frames, n_mels)
        Not standardised.
    front_end : FrontEnd
        Fitted on the training clips.
    cut : Cut
    labels : sequence of str
        One output each.
    prepare : callable, optional
        As in :class:`Draws`.
    batch_size : int

    Returns
    -------
    dict of str to Scores
        One row a window that was not set aside, its time the centre of the window.
    """
    prepare = prepare or front_end.standardise
    found = {name: cut.windows(x, front_end=front_end) for name, x in log_mels.items()}
    stacked = np.concatenate([values for values, _ in found.values()])
    said = np.concatenate(
        [
            model.predict_on_batch(prepare(stacked[i : i + batch_size]).astype(np.float32))
            for i in range(0, len(stacked), batch_size)
        ]
    )
    scores, at = {}, 0
    for name, (values, starts) in found.items():
        rows = said[at : at + len(values)]
        at += len(values)
        times = window_times(starts, cut=cut, front_end=front_end)
        seconds = len(log_mels[name]) * front_end.hop / front_end.sample_rate
        scores[name] = Scores(rows, times, tuple(labels), max(seconds, float(times[-1])))
    return scores


def window_times(starts: np.ndarray, *, cut: Cut, front_end: FrontEnd) -> np.ndarray:
    """Centre in seconds of windows that begin at these frames, shape (windows,)."""
    span = (cut.length - 1) * front_end.hop + front_end.n_fft
    return (np.asarray(starts) * front_end.hop + span / 2) / front_end.sample_rate
