"""Train a window model on clips, and let it name clips: what notebooks and benchmarks share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from . import clips, decisions, training
from ._decoder import Scores
from .features import FrontEnd

Build = Callable[..., object]


@dataclass
class Classifier:
    """A trained window model with everything that it needs to name a clip.

    Parameters
    ----------
    model : keras.Model
        (batch, length, n_mels) to (batch, labels).
    front_end : FrontEnd
        Fitted on the training clips.
    cut : clips.Cut
    labels : tuple of str
    prepare : callable, optional
        From windows to what the model takes; standardised by the front end by default.
    history : DataFrame
        One row an epoch.
    """

    model: object
    front_end: FrontEnd
    cut: clips.Cut
    labels: tuple[str, ...]
    prepare: Callable[[np.ndarray], np.ndarray] | None = None
    history: pd.DataFrame = field(default_factory=pd.DataFrame)

    def scores(self, log_mels: Mapping[str, np.ndarray]) -> dict[str, Scores]:
        """Score the windows of each clip; log-mel frames that are not standardised."""
        return clips.score(
            self.model,
            log_mels,
            front_end=self.front_end,
            cut=self.cut,
            labels=self.labels,
            prepare=self.prepare,
        )

    def of_samples(self, samples: np.ndarray) -> Scores:
        """Score the windows of one sound: float32, mono, at the front end's sample rate."""
        return self.scores({"": clips.plain(self.front_end).log_mel(samples)})[""]

    def decide(
        self, material: clips.Material, filenames: Iterable[str], *, how: str = "mean", **options
    ) -> pd.DataFrame:
        """Decide clips of a material; `options` as for `helpers.decisions.decide`."""
        log_mels = {name: material.log_mels[name] for name in filenames}
        pooled = decisions.pool(self.scores(log_mels), how=how)
        return decisions.decide(pooled, material.recordings, **options)


def train(
    build: Build,
    material: clips.Material,
    train: Iterable[str],
    validation: Iterable[str] | None,
    *,
    cut: clips.Cut,
    changes: Sequence[clips.Change] = (),
    versions: Mapping[str, Sequence[np.ndarray]] | None = None,
    fixed: bool = False,
    prepare: Callable[[np.ndarray], np.ndarray] | None = None,
    per_epoch: int = 720,
    epochs: int = 20,
    seed: int = 0,
    **options,
) -> Classifier:
    """Train a window model, stopped on the accuracy that whole validation clips get.

    Parameters
    ----------
    build : callable
        Such as `helpers.classifiers.depthwise`; called with window, n_mels and classes.
    material : clips.Material
    train, validation : iterable of str
        Filenames; they must not share a source. With None for validation nothing chooses among the
        epochs, and the last weights are kept: to train again on all, as long as was best before.
    cut : clips.Cut
    changes, fixed, prepare
        As in `helpers.clips.Draws`.
    versions : mapping of str to sequence of ndarray, optional
        Log-mel frames of changed versions of the training clips (`helpers.augment.versions`).
    per_epoch, epochs, seed : int
        Windows an epoch, and epochs.
    **options
        For `helpers.training.fit`.

    Returns
    -------
    Classifier
        With the weights of the best epoch.
    """
    train = list(train)
    front_end = material.fit(train)
    draws = clips.Draws(
        {name: (versions or material.log_mels)[name] for name in train},
        dict(zip(train, material.targets(train), strict=True)),
        len(material.labels),
        front_end,
        cut,
        changes=changes,
        fixed=fixed,
        prepare=prepare,
    )
    training.seed_everything(seed)
    sizes = {"window": cut.length, "n_mels": front_end.n_mels, "classes": len(material.labels)}
    made = Classifier(build(**sizes), front_end, cut, material.labels, prepare)
    held = {name: material.log_mels[name] for name in validation or ()}
    later = itertools.count()
    made.history = training.fit(
        made.model,
        draw=lambda rng: draws.draw(per_epoch, rng=rng),
        validate=lambda _: (
            _goodness(decisions.pool(made.scores(held)), material) if held else next(later)
        ),
        epochs=epochs,
        seed=seed,
        **{"batch_size": 32, "loss": "categorical_crossentropy", "patience": epochs} | options,
    )
    return made


def _goodness(pooled: pd.DataFrame, material: clips.Material) -> float:
    """Accuracy; among epochs that are alike in it, the likelihood of the truth decides."""
    truth = material.targets(pooled.index)
    values = pooled.to_numpy()
    right = values.argmax(axis=1) == truth
    likelihood = np.log(values[np.arange(len(truth)), truth] + 1e-3)
    return float(right.mean() + 0.02 * likelihood.mean())
