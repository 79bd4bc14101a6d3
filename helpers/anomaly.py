"""Does this machine sound wrong? Detectors that learn from normal sound alone.

A clip becomes log-mel frames, frames become vectors (:class:`Framing`), an estimator that has seen
normal vectors scores each of them, and the scores of a clip are pooled into one. Every detector of
:data:`METHODS`, from the level to the autoencoders, goes this way, so that only one thing differs
between two rows of a table.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from . import _one_class
from .audio import SAMPLE_RATE

POOLS: dict[str, Callable[[np.ndarray], float]] = {
    "mean": lambda scores: float(np.mean(scores)),
    "quantile": lambda scores: float(np.quantile(scores, 0.9)),
    "maximum": lambda scores: float(np.max(scores)),
}


@dataclass(frozen=True)
class Framing:
    """How a clip becomes vectors; the defaults are those of the DCASE 2020 Task 2 baseline.

    Parameters
    ----------
    n_fft, hop : int
        Samples in a frame, and from one frame to the next. Frames are centred on multiples of the
        hop and the sound is mirrored at its ends, as librosa did when the baseline was published.
    n_mels : int
        Mel bands from 0 Hz to half the sample rate.
    frames : int
        Frames in a vector, laid one behind the other.
    stride : int
        Frames from one vector to the next.
    """

    n_fft: int = 1024
    hop: int = 512
    n_mels: int = 128
    frames: int = 5
    stride: int = 1

    def log_mel(self, samples: np.ndarray) -> np.ndarray:
        """Mel power in decibels, shape (frames, n_mels), float32.

        Parameters
        ----------
        samples : ndarray, shape (n,)
            Mono sound at 16 kHz.

        Raises
        ------
        ValueError
            When `samples` is not one row, too short for one vector, or not finite.
        """
        import librosa

        samples = np.asarray(samples, dtype=np.float32)
        least = (self.frames - 1) * self.hop + 1
        if samples.ndim != 1:
            found = f"found shape {samples.shape}: take one channel, and say which"
            raise ValueError(f"samples must be one row, {found}")
        if len(samples) < max(least, self.n_fft // 2 + 1):
            raise ValueError(
                f"samples must hold {self.frames} frames ({least / SAMPLE_RATE:.2f} s) or more, "
                f"found {len(samples) / SAMPLE_RATE:.2f} s: leave the clip out"
            )
        if not np.isfinite(samples).all():
            raise ValueError("samples hold NaN or infinity: look at the file that they came from")
        options = {"n_fft": self.n_fft, "hop_length": self.hop, "pad_mode": "reflect"}
        power = np.abs(librosa.stft(samples, **options)) ** 2
        mel = (_filters(self.n_fft, self.n_mels) @ power).T
        return (10 * np.log10(mel + sys.float_info.epsilon)).astype(np.float32)

    def vectors(self, log_mel: np.ndarray) -> np.ndarray:
        """Lay neighbouring frames one behind the other: (vectors, frames * n_mels)."""
        count = (len(log_mel) - self.frames) // self.stride + 1
        if count < 1:
            raise ValueError(
                f"log_mel must hold {self.frames} frames or more, found {len(log_mel)}"
            )
        starts = np.arange(count) * self.stride
        index = starts[:, None] + np.arange(self.frames)
        return log_mel[index].reshape(count, -1)

    def spread(self, errors: np.ndarray, *, n_frames: int) -> np.ndarray:
        """Lay errors of vectors back on the spectrogram: the mean wherever several meet.

        Parameters
        ----------
        errors : ndarray, shape (vectors, frames or 1, n_mels)
            With 1, the error belongs to the frame in the middle of the vector.
        n_frames : int
            Frames of the clip.

        Returns
        -------
        ndarray, shape (n_frames, n_mels)
            NaN where no vector says anything.
        """
        first = 0 if errors.shape[1] == self.frames else self.frames // 2
        total, count = np.zeros((n_frames, self.n_mels)), np.zeros((n_frames, 1))
        for offset in range(errors.shape[1]):
            at = first + offset + self.stride * np.arange(len(errors))
            np.add.at(total, at, errors[:, offset])
            np.add.at(count, at, 1.0)
        return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


@functools.cache
def _filters(n_fft: int, n_mels: int) -> np.ndarray:
    import librosa

    return librosa.filters.mel(sr=SAMPLE_RATE, n_fft=n_fft, n_mels=n_mels)


def level(log_mel: np.ndarray) -> np.ndarray:
    """Level of a clip and how much it moves, in dB: one vector of two numbers."""
    loud = 10 * np.log10(np.sum(10 ** (log_mel.astype(np.float64) / 10), axis=1) + 1e-12)
    return np.array([[loud.mean(), loud.std()]])


def statistics(log_mel: np.ndarray) -> np.ndarray:
    """Mean and deviation of every band over the clip: one vector."""
    return np.concatenate([log_mel.mean(axis=0), log_mel.std(axis=0)])[None]


@dataclass(frozen=True)
class Method:
    """One way to tell normal from anomalous.

    Parameters
    ----------
    make : callable
        From the vectors that it will be fitted on and a seed to an estimator with ``fit`` and
        ``score_samples``, as scikit-learn's outlier detectors have them.
    framing : Framing
    describe : callable, optional
        From log-mel frames to vectors, in place of the framing's: one vector for a whole clip.
    at_most : int, optional
        Vectors that it learns from, drawn at random where there are more.
    """

    make: Callable[[np.ndarray, int], object]
    framing: Framing = field(default_factory=Framing)
    describe: Callable[[np.ndarray], np.ndarray] | None = None
    at_most: int | None = None

    def vectors(self, log_mel: np.ndarray) -> np.ndarray:
        """Vectors of one clip, (n, d)."""
        return (self.describe or self.framing.vectors)(log_mel)


def _dense(x: np.ndarray, seed: int, **options) -> _one_class.Prediction:
    """As published: decibels as they are, 100 epochs, batches of 512, the last tenth watched."""
    from . import autoencoders

    build = functools.partial(autoencoders.dense, size=x.shape[1])
    options = {"frames": 5, "standardise": False, "epochs": 100, "seed": seed} | options
    return _one_class.Prediction(build, **options)


def _convolutional(x: np.ndarray, seed: int, **options) -> _one_class.Prediction:
    from . import autoencoders

    build = functools.partial(autoencoders.convolutional, n_mels=x.shape[1] // 32)
    options = {"frames": 32, "epochs": 30, "batch_size": 64, "seed": seed} | options
    return _one_class.Prediction(build, **options)


def _interpolation(x: np.ndarray, seed: int, **options) -> _one_class.Prediction:
    from . import autoencoders

    build = functools.partial(autoencoders.interpolation, n_mels=x.shape[1] // 5)
    options = {"frames": 5, "middle": True, "epochs": 50, "batch_size": 128, "seed": seed} | options
    return _one_class.Prediction(build, **options)


METHODS: dict[str, Method] = {
    "level": Method(_one_class.mahalanobis, describe=level),
    "clip statistics, Mahalanobis": Method(_one_class.mahalanobis, describe=statistics),
    "PCA, Mahalanobis": Method(_one_class.mahalanobis),
    "Gaussian mixture": Method(_one_class.mixture, at_most=8000),
    "local outlier factor": Method(_one_class.local_outlier_factor, at_most=4000),
    "nearest neighbours": Method(_one_class.neighbours, at_most=8000),
    "dense autoencoder": Method(_dense),
    "convolutional autoencoder": Method(_convolutional, Framing(frames=32, stride=8)),
    "interpolation network": Method(_interpolation),
}
"""Every detector by name; the framing of all is the same but for the convolutional one's window."""


@dataclass
class Detector:
    """A method that has learnt what is normal.

    Parameters
    ----------
    name : str
        A key of :data:`METHODS`, or a name of your own.
    method : Method
    estimator : object
        Fitted.
    pool : str
        How the scores of a clip's vectors become one: a key of :data:`POOLS`.
    """

    name: str
    method: Method
    estimator: object
    pool: str = "mean"

    def each(self, log_mel: np.ndarray) -> np.ndarray:
        """Score every vector of a clip, higher is more anomalous; (n,)."""
        return -self.estimator.score_samples(self.method.vectors(log_mel))

    def score(self, log_mel: np.ndarray, *, pool: str | None = None) -> float:
        """Score a clip: log-mel frames of its framing, pooled by `pool` or the detector's own."""
        how = pool or self.pool
        if how not in POOLS:
            raise ValueError(f"pool must be one of {', '.join(POOLS)}, found {how!r}")
        return POOLS[how](self.each(log_mel))

    def of_samples(self, samples: np.ndarray) -> float:
        """Score a sound: float32, mono, 16 kHz."""
        return self.score(self.method.framing.log_mel(samples))

    def where(self, log_mel: np.ndarray) -> np.ndarray:
        """Error of a network at every place of the spectrogram, (frames, n_mels).

        Raises
        ------
        TypeError
            When the method predicts nothing, so that it has no error to draw.
        """
        if not hasattr(self.estimator, "errors"):
            raise TypeError(f"{self.name} gives one number a vector: only networks say where")
        errors = self.estimator.errors(self.method.vectors(log_mel))
        return self.method.framing.spread(errors, n_frames=len(log_mel))


def fit(
    method: str | Method,
    log_mels: Iterable[np.ndarray],
    *,
    pool: str = "mean",
    seed: int = 0,
    **options,
) -> Detector:
    """Learn what is normal.

    Parameters
    ----------
    method : str or Method
        A key of :data:`METHODS`, or one of your own.
    log_mels : iterable of ndarray, each (frames, n_mels)
        Clips of normal sound, of any lengths.
    pool : str
        A key of :data:`POOLS`.
    seed : int
    **options
        For the networks: epochs, batch_size, learning_rate.

    Returns
    -------
    Detector

    Raises
    ------
    ValueError
        When the method is unknown, there is no clip, too few vectors (one clip, for methods that
        look at whole clips), or nothing in them ever changes.
    """
    if isinstance(method, str) and method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, found {method!r}")
    chosen = METHODS[method] if isinstance(method, str) else method
    name = method if isinstance(method, str) else "own"
    x = [chosen.vectors(log_mel) for log_mel in log_mels]
    if not x:
        raise ValueError("log_mels is empty: a detector needs clips of normal sound")
    x = np.concatenate(x)
    _check(x, name)
    if chosen.at_most and len(x) > chosen.at_most:
        x = x[np.random.default_rng(seed).choice(len(x), chosen.at_most, replace=False)]
    return Detector(name, chosen, chosen.make(x, seed, **options).fit(x), pool)


def _check(x: np.ndarray, name: str) -> None:
    if len(x) < 2:
        raise ValueError(f"{name}: {len(x)} vector to learn from: it needs two clips or more")
    if not np.isfinite(x).all():
        raise ValueError(f"{name}: NaN or infinity among the vectors: look for broken clips")
    if np.ptp(x, axis=0).max() == 0:
        raise ValueError(
            f"{name}: all vectors are the same, as of silence: is the microphone connected?"
        )


def log_mels(
    dataset, filenames: Iterable[str], *, framing: Framing | None = None
) -> dict[str, np.ndarray]:
    """Log-mel frames of clips of a dataset, by filename.

    Raises
    ------
    ValueError
        When a clip cannot be used; names it.
    """
    framing, made = framing or Framing(), {}
    for filename in filenames:
        try:
            made[filename] = framing.log_mel(dataset.audio(filename))
        except ValueError as error:
            raise ValueError(f"{filename}: {error}") from error
    return made


def scores(
    detectors: Detector | Mapping[str, Detector],
    log_mels: Mapping[str, np.ndarray],
    recordings: pd.DataFrame,
    *,
    pool: str | None = None,
) -> pd.DataFrame:
    """Score clips: the rows of `recordings` that there are frames of, and a column ``score``.

    Parameters
    ----------
    detectors : Detector, or mapping of machine to Detector
        With a mapping each clip goes to the detector of its machine: the column ``machine_type``
        and ``machine``, joined by a slash ("fan/id_00").
    log_mels : mapping of str to ndarray
        By filename.
    recordings : DataFrame
        With filename, and with machine_type and machine for a mapping.
    pool : str, optional
        In place of the detectors' own.

    Raises
    ------
    KeyError
        When there is no detector for a machine: it was not among those of training.
    """
    chosen = recordings[recordings["filename"].isin(log_mels)].reset_index(drop=True)
    values = []
    for row in chosen.to_dict("records"):
        detector = detectors if isinstance(detectors, Detector) else _of(detectors, row)
        values.append(detector.score(log_mels[row["filename"]], pool=pool))
    return chosen.assign(score=np.array(values, dtype=float))


def machine(row: Mapping) -> str:
    """Full name of the machine of a recording, such as "fan/id_00"."""
    return f"{row['machine_type']}/{row['machine']}"


def _of(detectors: Mapping[str, Detector], row: Mapping) -> Detector:
    name = machine(row)
    if name not in detectors:
        raise KeyError(
            f"{name}: no detector has heard this machine (there are {', '.join(detectors)}); "
            "record it while it is normal, and train one"
        )
    return detectors[name]


def parts(recordings: pd.DataFrame, *, share: float = 0.25, seed: int = 0) -> tuple[list, list]:
    """Split the normal training clips by group: filenames to fit on, and to hold back.

    Thresholds are chosen on the second part: a detector's scores of what it was fitted on are
    lower than those of anything else.

    Parameters
    ----------
    recordings : DataFrame
        With filename, split, label, domain and group.
    share : float
        Share of the groups that is held back.
    seed : int

    Raises
    ------
    ValueError
        When there are fewer than two groups of normal training clips.
    """
    normal = recordings[(recordings["split"] == "train") & (recordings["label"] == "normal")]
    groups = np.unique(normal["group"])
    if len(groups) < 2:
        raise ValueError(f"{len(groups)} group of normal training clips: two or more are needed")
    held = np.random.default_rng(seed).permutation(groups)[: max(1, round(share * len(groups)))]
    back = normal["group"].isin(held)
    return list(normal.loc[~back, "filename"]), list(normal.loc[back, "filename"])


def as_sequence(log_mels: Mapping[str, np.ndarray], names: Sequence[str]) -> list[np.ndarray]:
    """Frames of some clips, in the order of their names."""
    return [log_mels[name] for name in names]
