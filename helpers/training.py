"""Training: crops of recordings, augmentation in the spectrogram, stopping on the task's metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from . import _quiet


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow.

    What still varies is the order in which threads add up numbers: scores differ in the last
    digits, and after many steps a little more.

    Parameters
    ----------
    seed : int
    """
    _quiet.start_keras()
    import keras

    keras.utils.set_random_seed(seed)


@dataclass(frozen=True)
class Augment:
    """Changes made to a crop of log-mel frames, each drawn anew every time.

    Parameters
    ----------
    gain : float
        Level up or down by as much as this, in dB.
    mix : float
        Chance to add another recording's frames, whose events then count as well.
    mix_level : tuple of float
        Range of the level of what is added, in dB against the crop.
    mask_bands : int
        Most bands set to their mean (0 for none).
    tilt : float
        Largest slope across the bands, in dB from lowest to highest: another microphone.
    shift_bands : int
        Most bands by which the spectrum moves up or down: an event of another pitch.
    """

    gain: float = 10.0
    mix: float = 0.5
    mix_level: tuple[float, float] = (-20.0, 0.0)
    mask_bands: int = 8
    tilt: float = 6.0
    shift_bands: int = 10


NO_AUGMENT = Augment(gain=0.0, mix=0.0, mask_bands=0, tilt=0.0, shift_bands=0)
_NEPER = np.log(10) / 10  # natural logarithm of the power ratio of one decibel


@dataclass
class Crops:
    """Random crops of recordings, half of them around events.

    Parameters
    ----------
    log_mels : mapping of str to ndarray, shape (frames, n_mels)
        Not standardised.
    targets : mapping of str to ndarray, shape (frames,) or (frames, outputs)
    front_end : FrontEnd
        Fitted on the training recordings.
    length : int
        Frames that are scored in a crop.
    margins : tuple of int
        Frames before and after them that the model needs to see.
    augment : Augment
    backgrounds : sequence of ndarray, shape (frames, n_mels)
        Log-mel frames without events; where there are some, mixing adds these alone.
    """

    log_mels: Mapping[str, np.ndarray]
    targets: Mapping[str, np.ndarray]
    front_end: object
    length: int = 300
    margins: tuple[int, int] = (0, 0)
    augment: Augment = field(default_factory=Augment)
    backgrounds: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names = sorted(self.log_mels)
        if not self.names:
            raise ValueError("log_mels is empty: there is nothing to train on")
        wide = self.length + sum(self.margins)
        self._x = [_widen(self.log_mels[name], self.margins, wide) for name in self.names]
        self._y = [_as_columns(self.targets[name], self.length) for name in self.names]
        self._positive = [np.flatnonzero(y.max(axis=1) > 0.5) for y in self._y]

    def draw(self, n: int, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw crops: features (n, left + length + right, n_mels), targets (n, length, outputs)."""
        pairs = [self._one(rng, around_event=index % 2 == 0) for index in range(n)]
        x = np.stack([self.front_end.standardise(x) for x, _ in pairs])
        return x.astype(np.float32), np.stack([y for _, y in pairs])

    def _one(self, rng, *, around_event: bool):
        x, y = self._cut(rng, around_event)
        a = self.augment
        if a.mix and rng.random() < a.mix:
            x, y = self._mixed(rng, x, y)
        bands = x.shape[1]
        if a.shift_bands:
            moved = np.arange(bands) - rng.integers(-a.shift_bands, a.shift_bands + 1)
            x = x[:, np.clip(moved, 0, bands - 1)]
        tilt = np.linspace(-0.5, 0.5, bands) * rng.uniform(-a.tilt, a.tilt)
        x = x + (rng.uniform(-a.gain, a.gain) + tilt) * _NEPER
        x = np.maximum(x, np.log(self.front_end.floor))
        if a.mask_bands:
            width = rng.integers(0, a.mask_bands + 1)
            start = rng.integers(0, bands - width + 1)
            x[:, start : start + width] = np.mean(x[:, start : start + width]) if width else 0
        return x, y

    def _cut(self, rng, around_event: bool):
        index = rng.integers(len(self.names))
        if around_event and any(len(p) for p in self._positive):
            while not len(self._positive[index]):
                index = rng.integers(len(self.names))
        latest = len(self._y[index]) - self.length
        start = rng.integers(latest + 1)
        if around_event and len(self._positive[index]):
            start = rng.choice(self._positive[index]) - rng.integers(self.length)
        start = int(np.clip(start, 0, latest))
        wide = self.length + sum(self.margins)
        return self._x[index][start : start + wide], self._y[index][start : start + self.length]

    def _mixed(self, rng, x, y):
        level = rng.uniform(*self.augment.mix_level)
        if self.backgrounds:
            other = self.backgrounds[rng.integers(len(self.backgrounds))]
            other = _widen(other, (0, 0), len(x))
            start = rng.integers(len(other) - len(x) + 1)
            return add_at_level(x, other[start : start + len(x)], level), y
        other, other_y = self._cut(rng, False)
        return np.logaddexp(x, other + level * _NEPER), np.maximum(y, other_y * (level > -10))


def add_at_level(x: np.ndarray, other: np.ndarray, level: float) -> np.ndarray:
    """Add log-mel frames to others, `level` dB above the loud part of the first."""
    loud = np.log(np.percentile(np.exp(x).sum(1), 90) + 1e-12)
    shift = loud - np.log(np.exp(other).sum(1).mean() + 1e-12) + level * _NEPER
    return np.logaddexp(x, other + shift)


def _as_columns(targets, least):
    targets = np.asarray(targets, np.float32)
    targets = targets[:, None] if targets.ndim == 1 else targets
    return np.pad(targets, ((0, max(0, least - len(targets))), (0, 0)))


def _widen(log_mel, margins, least):
    """Repeat the first and last frame, so that every frame has the margins that a model needs."""
    left, right = margins
    right += max(0, least - left - right - len(log_mel))
    return np.pad(log_mel, ((left, right), (0, 0)), mode="edge")


def predict(
    model,
    log_mels: Mapping[str, np.ndarray],
    *,
    front_end,
    margins: tuple[int, int] = (0, 0),
    batch_size: int = 8,
) -> dict[str, np.ndarray]:
    """Scores of every frame of each recording.

    Parameters
    ----------
    model : keras.Model
        Takes (batch, left + frames + right, n_mels), gives (batch, frames, outputs).
    log_mels : mapping of str to ndarray, shape (frames, n_mels)
        Not standardised.
    front_end : FrontEnd
    margins : tuple of int
        Frames that the model needs on either side; the first and last frame are repeated.
    batch_size : int

    Returns
    -------
    dict of str to ndarray, shape (frames, outputs), float32
    """
    names = sorted(log_mels, key=lambda name: len(log_mels[name]))
    scores = {}
    for start in range(0, len(names), batch_size):
        part = names[start : start + batch_size]
        wide = max(len(log_mels[name]) for name in part) + sum(margins)
        x = np.stack([_widen(log_mels[name], margins, wide) for name in part])
        y = model.predict_on_batch(front_end.standardise(x).astype(np.float32))
        scores.update({n: y[i, : len(log_mels[n])] for i, n in enumerate(part)})
    return {name: scores[name] for name in log_mels}


def fit(
    model,
    *,
    draw: Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]],
    validate: Callable[[object], float],
    epochs: int = 20,
    patience: int = 8,
    batch_size: int = 16,
    learning_rate: float = 2e-3,
    loss: object = "binary_crossentropy",
    blend: float = 0.7,
    seed: int = 0,
    stop_after: int | None = None,
    report: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Train, look at the task's own metric after each epoch, and keep the best weights.

    The learning rate falls along a half cosine over the epochs.

    Parameters
    ----------
    model : keras.Model
        Uncompiled; holds the best weights afterwards.
    draw : callable
        Gives the inputs and targets of one epoch from a random generator.
    validate : callable
        Gives the metric of the model on validation recordings; higher is better.
    epochs, patience, batch_size : int
        Training stops after `patience` epochs without a better metric.
    learning_rate : float
        At the start, for Adam.
    loss : str or keras.losses.Loss
    blend : float
        What is validated and kept is a running average of the weights over epochs, in which the
        past weighs this much; 0 for the weights of the epoch alone.
    seed : int
    stop_after : int, optional
        End after this many of the `epochs`, on the learning rates of the whole: to train again for
        as long as turned out best.
    report : callable, optional
        Called with a line of progress after each epoch.

    Returns
    -------
    DataFrame
        One row an epoch: epoch, loss, metric, best.

    Raises
    ------
    FloatingPointError
        When the loss is not a number: try a lower learning rate.
    """
    import keras

    rng = np.random.default_rng(seed)
    seed_everything(seed)
    model.compile(optimizer=keras.optimizers.Adam(learning_rate), loss=loss)
    rows, best, kept, mean = [], -np.inf, model.get_weights(), None
    for epoch in range(min(epochs, stop_after or epochs)):
        model.optimizer.learning_rate = learning_rate * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
        x, y = draw(rng)
        value = model.fit(x, y, batch_size=batch_size, epochs=1, verbose=0).history["loss"][0]
        if not np.isfinite(value):
            raise FloatingPointError(
                f"the loss became {value} in epoch {epoch}: try a lower learning_rate"
            )
        mean, raw = _blend(mean, model.get_weights(), blend), model.get_weights()
        model.set_weights(mean)
        metric = float(validate(model))
        if metric > best:
            best, kept = metric, mean
        model.set_weights(raw)
        rows.append({"epoch": epoch, "loss": value, "metric": metric, "best": best})
        if report:
            report(f"epoch {epoch + 1}/{epochs}: loss {value:.4f}, metric {metric:.3f}")
        if epoch - int(np.argmax([row["metric"] for row in rows])) >= patience:
            break
    model.set_weights(kept)
    return pd.DataFrame(rows)


def _blend(mean, weights, share):
    if mean is None:
        return weights
    return [share * m + (1 - share) * w for m, w in zip(mean, weights, strict=True)]
