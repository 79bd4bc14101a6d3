"""Estimators that learn what is normal; each has scikit-learn's ``fit`` and ``score_samples``.

As in scikit-learn, a higher score of ``score_samples`` is *more normal*; `helpers.anomaly` turns
the sign round.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


class Mahalanobis(BaseEstimator):
    """Squared distance from the mean in units of the spread, its covariance shrunk.

    References
    ----------
    Ledoit and Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices.
    """

    def fit(self, x: np.ndarray, y=None) -> Mahalanobis:
        """Learn mean and covariance of (n, d) vectors."""
        learnt = LedoitWolf().fit(x)
        self.location_, self.precision_ = learnt.location_, learnt.precision_
        return self

    def score_samples(self, x: np.ndarray) -> np.ndarray:
        """Minus the squared distance of each vector."""
        away = x - self.location_
        return -np.einsum("nd,nd->n", away @ self.precision_, away)


class Neighbours(BaseEstimator):
    """Mean distance to the nearest vectors of training."""

    def __init__(self, n_neighbors: int = 1):
        self.n_neighbors = n_neighbors

    def fit(self, x: np.ndarray, y=None) -> Neighbours:
        """Keep the vectors (n, d)."""
        self.index_ = NearestNeighbors(n_neighbors=min(self.n_neighbors, len(x))).fit(x)
        return self

    def score_samples(self, x: np.ndarray) -> np.ndarray:
        """Minus the mean distance of each vector to its neighbours."""
        return -self.index_.kneighbors(x)[0].mean(axis=1)


class Prediction(BaseEstimator):
    """A network that gives back its input, or the middle of it: its error is the anomaly.

    Parameters
    ----------
    build : callable
        Gives an uncompiled Keras model.
    frames : int
        Frames in a vector.
    middle : bool
        Whether only the frame in the middle is predicted, from the others.
    standardise : bool
        Whether each band is scaled to mean 0 and deviation 1 first, over all frames of training.
    epochs, batch_size : int
    learning_rate : float
        For Adam.
    validation_split : float
        Share of the vectors, the last ones, that are only watched.
    seed : int
    """

    def __init__(
        self,
        build: Callable,
        *,
        frames: int,
        middle: bool = False,
        standardise: bool = True,
        epochs: int = 50,
        batch_size: int = 512,
        learning_rate: float = 1e-3,
        validation_split: float = 0.1,
        seed: int = 0,
    ):
        self.build = build
        self.frames = frames
        self.middle = middle
        self.standardise = standardise
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_split = validation_split
        self.seed = seed

    def fit(self, x: np.ndarray, y=None) -> Prediction:
        """Train on vectors (n, frames * bands) of normal sound."""
        from . import training

        training.seed_everything(self.seed)
        self.scale_ = self._scale(x)
        self.model_ = self.build()
        import keras

        self.model_.compile(optimizer=keras.optimizers.Adam(self.learning_rate), loss="mse")
        history = self.model_.fit(
            *self._pairs(x),
            batch_size=self.batch_size,
            epochs=self.epochs,
            validation_split=self.validation_split,
            shuffle=True,
            verbose=0,
        )
        self.history_ = history.history
        return self

    def errors(self, x: np.ndarray) -> np.ndarray:
        """Squared error of every number: (n, frames, bands), or (n, 1, bands) for the middle."""
        given, wanted = self._pairs(x)
        found = np.concatenate(
            [self.model_.predict_on_batch(part) for part in _batches(given, 4096)]
        )
        return ((wanted - found) ** 2).reshape(len(x), -1, x.shape[1] // self.frames)

    def score_samples(self, x: np.ndarray) -> np.ndarray:
        """Minus the mean squared error of each vector."""
        return -self.errors(x).mean(axis=(1, 2))

    def _scale(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        bands = x.reshape(-1, x.shape[1] // self.frames)
        if not self.standardise:
            return np.float32(0), np.float32(1)
        mean, std = bands.mean(axis=0), np.maximum(bands.std(axis=0), 1e-3)
        return np.tile(mean, self.frames), np.tile(std, self.frames)

    def _pairs(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give what the network is given, and what it should say."""
        mean, std = self.scale_
        x = ((x - mean) / std).astype(np.float32)
        if not self.middle:
            return x, x
        whole = x.reshape(len(x), self.frames, -1)
        middle = self.frames // 2
        return np.delete(whole, middle, axis=1).reshape(len(x), -1), whole[:, middle]


def _batches(x: np.ndarray, size: int) -> list[np.ndarray]:
    return [x[start : start + size] for start in range(0, len(x), size)]


# What `helpers.anomaly` calls with the vectors that the estimator will be fitted on, and a seed.


def reduced(last: BaseEstimator, x: np.ndarray, *, components: int = 40) -> Pipeline:
    """Scale every number, keep the directions in which most happens, then the estimator."""
    few = min(components, *x.shape)
    return make_pipeline(StandardScaler(), PCA(few, random_state=0), last)


def whole(last: BaseEstimator) -> Pipeline:
    """Scale every number, then the estimator: a fault may lie where normal sound hardly moves."""
    return make_pipeline(StandardScaler(), last)


def pca_mahalanobis(x: np.ndarray, seed: int) -> Pipeline:
    """Mahalanobis distance over the first components."""
    return reduced(Mahalanobis(), x)


def mahalanobis(x: np.ndarray, seed: int) -> Pipeline:
    """Mahalanobis distance over all numbers."""
    return whole(Mahalanobis())


def mixture(x: np.ndarray, seed: int) -> Pipeline:
    """Gaussian mixture over the first components."""
    options = {"reg_covar": 1e-2, "max_iter": 60, "random_state": seed}
    return reduced(GaussianMixture(min(4, len(x)), **options), x)


def local_outlier_factor(x: np.ndarray, seed: int) -> Pipeline:
    """Local outlier factor: density against that of the neighbours."""
    return whole(LocalOutlierFactor(min(4, len(x) - 1), novelty=True))


def neighbours(x: np.ndarray, seed: int) -> Pipeline:
    """Distance to the nearest vector of training."""
    return whole(Neighbours())
