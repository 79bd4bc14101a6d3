"""Does this machine sound wrong? Detectors that learn from normal sound alone.

A clip becomes log-mel frames, frames become vectors (:class:`Framing`), an estimator that has seen
normal vectors scores each of them, and the scores of a clip are pooled into one. Every detector of
:data:`METHODS`, from the level to the autoencoders, goes this way, so that only one thing differs
between two rows of a table.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from . import _one_class
from ._framing import Framing, level, statistics
from ._one_class import Neighbours, Prediction

__all__ = [
    "METHODS",
    "POOLS",
    "Detector",
    "Framing",
    "Method",
    "Neighbours",
    "Prediction",
    "crossed",
    "fit",
    "level",
    "log_mels",
    "machine",
    "parts",
    "scores",
    "statistics",
]

POOLS: dict[str, Callable[[np.ndarray], float]] = {
    "mean": lambda scores: float(np.mean(scores)),
    "quantile": lambda scores: float(np.quantile(scores, 0.9)),
    "maximum": lambda scores: float(np.max(scores)),
}


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
    pool : str
        How the scores of a clip's vectors become one: a key of :data:`POOLS`.
    """

    make: Callable[[np.ndarray, int], object]
    framing: Framing = field(default_factory=Framing)
    describe: Callable[[np.ndarray], np.ndarray] | None = None
    at_most: int | None = None
    pool: str = "mean"

    def vectors(self, log_mel: np.ndarray) -> np.ndarray:
        """Vectors of one clip, (n, d)."""
        return (self.describe or self.framing.vectors)(log_mel)


def _dense(x: np.ndarray, seed: int, **options) -> Prediction:
    """As published: decibels as they are, 100 epochs, batches of 512, the last tenth watched."""
    from . import autoencoders

    build = functools.partial(autoencoders.dense, size=x.shape[1])
    options = {"frames": 5, "standardise": False, "epochs": 100, "seed": seed} | options
    return Prediction(build, **options)


def _scaled(x: np.ndarray, seed: int, **options) -> Prediction:
    """Build the same network for bands that are scaled first: it need not learn their levels."""
    options = {"standardise": True, "epochs": 30, "batch_size": 128} | options
    return _dense(x, seed, **options)


def _convolutional(x: np.ndarray, seed: int, **options) -> Prediction:
    from . import autoencoders

    build = functools.partial(autoencoders.convolutional, n_mels=x.shape[1] // 32)
    options = {"frames": 32, "epochs": 30, "batch_size": 64, "seed": seed} | options
    return Prediction(build, **options)


def _interpolation(x: np.ndarray, seed: int, **options) -> Prediction:
    from . import autoencoders

    build = functools.partial(autoencoders.interpolation, n_mels=x.shape[1] // 5)
    options = {"frames": 5, "middle": True, "epochs": 50, "batch_size": 128, "seed": seed} | options
    return Prediction(build, **options)


METHODS: dict[str, Method] = {
    "level": Method(_one_class.mahalanobis, describe=level),
    "clip statistics, Mahalanobis": Method(_one_class.pca_mahalanobis, describe=statistics),
    "PCA, Mahalanobis": Method(_one_class.pca_mahalanobis),
    "Mahalanobis": Method(_one_class.mahalanobis),
    "Gaussian mixture": Method(_one_class.mixture, at_most=8000, pool="quantile"),
    "local outlier factor": Method(
        _one_class.local_outlier_factor, Framing(stride=4), at_most=2000, pool="quantile"
    ),
    "nearest neighbours": Method(
        _one_class.neighbours, Framing(stride=4), at_most=2000, pool="quantile"
    ),
    "dense autoencoder": Method(_dense),
    "dense autoencoder, scaled": Method(_scaled),
    "convolutional autoencoder": Method(_convolutional, Framing(frames=32, stride=8)),
    "interpolation network": Method(_interpolation),
}
"""Every detector by name. The framing of all is the same but for the convolutional one's window;
the two that measure distances look at every fourth vector, which is four times as fast.

Settings and pools of the quick ones were chosen on machines that nothing is reported on
(``benchmarks/anomaly_choice.py``); the networks take the mean, as published."""


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
        How the scores of a clip's vectors become one.
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
    pool: str | None = None,
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
    pool : str, optional
        A key of :data:`POOLS`, in place of the method's own.
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
    return Detector(name, chosen, chosen.make(x, seed, **options).fit(x), pool or chosen.pool)


def crossed(
    method: str | Method,
    log_mels: Mapping[str, np.ndarray],
    groups: Mapping[str, str],
    *,
    folds: int = 4,
    seed: int = 0,
    **options,
) -> dict[str, float]:
    """Score normal training clips by detectors that have not heard their group.

    Thresholds from these stand on all training clips, and the detector that is used in the end may
    be fitted on all of them too.

    Parameters
    ----------
    method, seed, **options
        As for :func:`fit`.
    log_mels : mapping of str to ndarray
        By filename.
    groups : mapping of str to str
        Filename to group.
    folds : int
        Parts that the groups are dealt into; each is scored by a detector fitted on the others.

    Returns
    -------
    dict of str to float

    Raises
    ------
    ValueError
        When there are fewer groups than folds.
    """
    names = np.unique([groups[name] for name in log_mels])
    if len(names) < folds:
        raise ValueError(
            f"{len(names)} groups cannot be dealt into {folds} folds: take fewer folds"
        )
    dealt = np.random.default_rng(seed).permutation(np.arange(len(names)) % folds)
    fold = dict(zip(names, dealt, strict=True))
    found = {}
    for k in range(folds):
        others = [x for name, x in log_mels.items() if fold[groups[name]] != k]
        detector = fit(method, others, seed=seed, **options)
        held = {name: x for name, x in log_mels.items() if fold[groups[name]] == k}
        found |= {name: detector.score(x) for name, x in held.items()}
    return {name: found[name] for name in log_mels}


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
