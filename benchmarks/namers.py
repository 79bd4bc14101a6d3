"""How each method of the classification benchmark names the clips of one fold."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shallow

from helpers import (
    augment,
    classification,
    classifiers,
    clips,
    embeddings,
    features,
    imagenet,
    training,
)

CUT = clips.Cut(50, 25)  # windows of a second, half overlap
CHANGES = {
    "masks": augment.spec_augment(bands=8, frames=0.1, count=1),
    "level and tilt": augment.level(),
    "background": augment.behind(),
    "mixup": augment.mixup(alpha=1.0, share=0.5),
}


@dataclass(frozen=True)
class Bench:
    """The clips, and what is computed of them once."""

    dataset: object
    material: clips.Material

    @functools.cached_property
    def labels(self) -> pd.Series:
        """Class of each clip."""
        return self.material.recordings["label"]

    @functools.cached_property
    def mfcc(self) -> dict[str, np.ndarray]:
        """Statistics of 13 MFCC and of their slopes over each clip."""
        return {name: mfcc_statistics(x) for name, x in self.material.log_mels.items()}

    def yamnet(self, how: str) -> dict[str, np.ndarray]:
        """YAMNet's embedding of each clip."""
        return embeddings.of_dataset(self.dataset, "yamnet", how=how, report=print)

    @functools.cached_property
    def stacks(self) -> dict[str, dict[str, tuple[np.ndarray, ...]]]:
        """Spectrograms for pictures, by mode and clip."""
        sounds = {name: self.dataset.audio(name) for name in self.labels.index}
        return {
            mode: {name: imagenet.spectrograms(x, mode=mode) for name, x in sounds.items()}
            for mode in imagenet.MODES
        }


def mfcc_statistics(log_mel: np.ndarray) -> np.ndarray:
    """Mean, deviation and quantiles of 13 MFCC and of their slopes."""
    mfcc = features.mfcc(log_mel)
    both = np.hstack([mfcc, features.delta(mfcc)])
    return np.concatenate([both.mean(0), both.std(0), *np.quantile(both, (0.1, 0.5, 0.9), axis=0)])


# --- classifiers on one vector a clip -------------------------------------------------------


def by_vectors(vectors: dict, kind: str, bench: Bench, turn, seed: int) -> pd.DataFrame:
    """Decide by a classifier on vectors, tuned on the validation clips, which it then learns."""
    make, settings = shallow.CLASSIFIERS[kind]

    def part(names):
        return np.stack([vectors[name] for name in names]), bench.labels[names].to_numpy()

    model = shallow.tuned(make, settings, part(turn.train), part(turn.validation), seed=seed)
    model.fit(*part(turn.train + turn.validation))
    return table_of(bench, turn.test, model.predict(part(turn.test)[0]))


def table_of(bench: Bench, test, named) -> pd.DataFrame:
    """One row a clip: filename, label, decided, correct, group and fold."""
    about = bench.material.recordings.loc[test, ["label", "group", "fold"]].reset_index()
    about["decided"] = list(named)
    return about.assign(correct=about["label"] == about["decided"])


def described(give: Callable, kind: str) -> Callable:
    """Name clips by one vector each."""

    def name(bench, turn, seed):
        return by_vectors(give(bench), kind, bench, turn, seed), {}

    return name


def yamnet_windows(bench, turn, seed):
    """Learn every window of YAMNet by itself; a clip is named by the mean of their scores."""
    windows = embeddings.of_dataset(bench.dataset, "yamnet", report=print)
    make, settings = shallow.CLASSIFIERS["linear"]

    def part(names):
        x = [windows[name].values for name in names]
        return np.concatenate(x), np.repeat(bench.labels[names].to_numpy(), [len(v) for v in x])

    model = shallow.tuned(make, settings, part(turn.train), part(turn.validation), seed=seed)
    model.fit(*part(turn.train + turn.validation))
    said = [model.predict_proba(windows[name].values).mean(axis=0) for name in turn.test]
    return table_of(bench, turn.test, model.classes_[np.argmax(said, axis=1)]), {}


# --- networks from scratch ------------------------------------------------------------------


def scratch(build: Callable, *, augmented: bool, epochs: int, **options):
    """Train a window model from scratch, in the two steps of `twice`.

    Without augmentation its windows stay on their grid: moving them would be a time shift.
    """

    def name(bench, turn, seed):
        common = {"cut": CUT, "fixed": not augmented, "seed": seed, "epochs": epochs}
        common["per_epoch"] = 1200
        common |= {"changes": tuple(CHANGES.values()) if augmented else ()} | options
        made = twice(bench, turn, build, common, versions=6 if augmented else 0)
        found = made.decide(bench.material, turn.test)
        about = {"parameters": made.model.count_params(), "epochs": len(made.history)}
        return found.drop(columns="score"), about

    return name


def twice(bench, turn, build, common: dict, *, versions: int) -> classification.Classifier:
    """Find on the validation fold how long to train, then train so long on that fold too.

    The test fold has no part in either.
    """

    def several(names):
        front_end = bench.material.front_end
        return augment.versions(bench.dataset, names, front_end=front_end, count=versions)

    first = classification.train(
        build,
        bench.material,
        turn.train,
        turn.validation,
        versions=several(turn.train) if versions else None,
        **common,
    )
    best = int(first.history["metric"].idxmax()) + 1
    names = sorted(turn.train + turn.validation)
    return classification.train(
        build,
        bench.material,
        names,
        None,
        versions=several(names) if versions else None,
        stop_after=best,
        **common,
    )


def raw_waveform(bench, turn, seed):
    """Train a network on the samples of one-second windows, drawn anywhere."""
    rate, sounds = 16_000, {name: bench.dataset.audio(name) for name in bench.labels.index}
    sounds = {n: np.pad(x, (0, max(0, rate - len(x)))) for n, x in sounds.items()}
    classes = list(bench.material.labels)
    training.seed_everything(seed)
    model = classifiers.raw(samples=rate, classes=len(classes))

    def draw(rng):
        names = [n for _ in range(5) for n in rng.permutation(turn.train)]
        starts = [rng.integers(len(sounds[n]) - rate + 1) for n in names]
        x = np.stack([sounds[n][s : s + rate] for n, s in zip(names, starts, strict=True)])
        return x, np.eye(len(classes), dtype=np.float32)[bench.material.targets(names)]

    def named(names):
        cut = {n: features.windows(sounds[n], length=rate, hop=rate // 2)[0] for n in names}
        means = [model.predict(x, verbose=0).mean(axis=0) for x in cut.values()]
        return np.array(classes)[np.argmax(means, axis=1)]

    def validate(_):
        return float((named(turn.validation) == bench.labels[turn.validation]).mean())

    history = training.fit(
        model,
        draw=draw,
        validate=validate,
        epochs=30,
        patience=30,
        batch_size=32,
        loss="categorical_crossentropy",
        seed=seed,
    )
    about = {"parameters": model.count_params(), "epochs": len(history)}
    return table_of(bench, turn.test, named(turn.test)), about


# --- networks that know photographs ---------------------------------------------------------


def pictures(bench: Bench, mode: str, learn) -> dict[str, np.ndarray]:
    """Picture of each clip, its limits taken from the clips to learn from."""
    stacks = bench.stacks[mode]
    limits = imagenet.limits([stacks[name] for name in learn])
    options = {"mode": mode, "low": limits.low, "high": limits.high}
    return {name: imagenet.image(stack, **options) for name, stack in stacks.items()}


def frozen(mode: str) -> Callable:
    """Put a linear classifier on the features of the frozen network."""

    def name(bench, turn, seed):
        learn = turn.train + turn.validation
        net = imagenet.network(weights="package")
        shown = pictures(bench, mode, learn)
        vectors = {n: net.predict_on_batch(shown[n][None])[0] for n in learn + turn.test}
        found = by_vectors(vectors, "linear", bench, turn, seed)
        return found, {"parameters": net.count_params()}

    return name


def tuned(layers: str, *, mode: str = "copy", epochs: int = 8) -> Callable:
    """Fine-tune: start from the linear classifier on frozen features, then let layers learn.

    Twice, as in `twice`: the validation fold says how long, then its clips are learnt too.
    """

    def name(bench, turn, seed):
        _, history, _ = _tuned(bench, turn.train, turn.validation, layers, mode, epochs, seed)
        best = int(history["metric"].idxmax()) + 1
        names = sorted(turn.train + turn.validation)
        options = {"stop_after": best}
        model, history, shown = _tuned(bench, names, None, layers, mode, epochs, seed, **options)
        learning = sum(int(np.prod(one.shape)) for one in model.trainable_variables)
        about = {"parameters": model.count_params(), "learning": learning, "epochs": best}
        return table_of(bench, turn.test, _named(model, bench, shown, turn.test)), about

    return name


def _tuned(bench, learn, validation, layers, mode, epochs, seed, **options):
    """Train once; return the model, its history, and the pictures it was shown."""
    from keras import Input, Model
    from keras import layers as blocks

    training.seed_everything(seed)
    shown = pictures(bench, mode, learn)
    net = imagenet.network(weights="package")
    head = blocks.Dense(len(bench.material.labels), activation="softmax")
    inputs = Input(net.input_shape[1:])
    model = Model(inputs, head(blocks.Dropout(0.3)(net(inputs))))
    _start_head(head, net, bench, shown, learn)
    imagenet.freeze(model, layers)
    history = _fine_tune(model, bench, learn, validation, shown, epochs, seed, **options)
    return model, history, shown


def _start_head(head, net, bench, shown, names) -> None:
    """Set the new last layer to a logistic regression on what the network gives already."""
    x = np.concatenate([net.predict_on_batch(shown[n][None]) for n in names])
    scale, model = shallow.linear(0.01).fit(x, bench.labels[names].to_numpy())
    weights = model.coef_.T / scale.scale_[:, None]
    bias = model.intercept_ - scale.mean_ @ weights
    head.set_weights([weights.astype(np.float32), bias.astype(np.float32)])


def _fine_tune(model, bench, learn, validation, shown, epochs, seed, **options) -> pd.DataFrame:
    classes, later = len(bench.material.labels), itertools.count()

    def draw(rng):
        names = list(rng.permutation(learn))
        x = np.stack([np.roll(shown[n], rng.integers(shown[n].shape[1]), axis=1) for n in names])
        for one in x:
            for axis, most in ((0, 20), (1, 40)):
                wide = rng.integers(most)
                start = rng.integers(one.shape[axis] - wide)
                one[(slice(None),) * axis + (slice(start, start + wide),)] = 0
        return x, np.eye(classes, dtype=np.float32)[bench.material.targets(names)]

    def validate(_):
        if validation is None:  # nothing chooses: the last weights stay
            return next(later)
        named = _named(model, bench, shown, validation)
        return float((named == bench.labels[validation]).mean())

    return training.fit(
        model,
        draw=draw,
        validate=validate,
        epochs=epochs,
        patience=epochs,
        batch_size=16,
        learning_rate=2e-4,
        loss="categorical_crossentropy",
        seed=seed,
        blend=0.5,
        **options,
    )


def _named(model, bench, shown, names) -> np.ndarray:
    said = [model.predict_on_batch(shown[n][None])[0] for n in names]
    return np.array(bench.material.labels)[np.argmax(said, axis=1)]
