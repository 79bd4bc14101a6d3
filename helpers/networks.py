"""The upper rungs of the ladder: networks trained on crops, stopped on the task's own metric."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from . import features, models, training
from .detection import Scores, best_f1
from .ladder import Material, Rung

Report = Callable[[str], None] | None
WINDOW = 24  # frames in a window of the CNN: 240 ms, a little longer than most events
SEQUENCE = 128  # frames in a window of the RNN


def cnn(
    material: Material,
    train: Iterable[str],
    validation: Iterable[str],
    *,
    window: int = WINDOW,
    step: int = 2,
    per_epoch: int = 4000,
    epochs: int = 12,
    seed: int = 0,
    average: str = "pooled",
    report: Report = None,
    **options,
) -> Rung:
    """Rung 4: a convolutional network that looks at one short window at a time.

    Parameters
    ----------
    material : Material
    train, validation : iterable of str
        Filenames of whole groups; validation stops the training.
    window, step : int
        Frames in a window, and from one scored window to the next.
    per_epoch, epochs, seed : int
    average : {"pooled", "macro"}
        Of the onset F1 that stops the training.
    report : callable, optional
    **options
        For :func:`helpers.training.fit`, and ``augment`` for the crops.

    Returns
    -------
    Rung
    """
    before = window // 2
    margins = (before, window - before - 1)
    crops = _crops(material, train, length=1, margins=margins, augment=options.pop("augment", None))
    front_end = crops.front_end
    training.seed_everything(seed)
    model = models.cnn(window=window, n_mels=front_end.n_mels)

    score = over_windows(model, front_end, material, step=step)

    def draw(rng):
        x, y = crops.draw(per_epoch, rng=rng)
        return x, y[:, 0]

    return _fitted(
        "CNN",
        model,
        score,
        draw,
        material,
        validation,
        epochs=epochs,
        batch_size=64,
        seed=seed,
        average=average,
        report=report,
        margins=margins,
        front_end=front_end,
        **options,
    )


def rnn(
    material: Material,
    train: Iterable[str],
    validation: Iterable[str],
    *,
    length: int = SEQUENCE,
    per_epoch: int = 400,
    epochs: int = 14,
    seed: int = 0,
    average: str = "pooled",
    report: Report = None,
    **options,
) -> Rung:
    """Rung 5: convolutions and a recurrent layer that give a score for every frame.

    Parameters
    ----------
    material, train, validation, per_epoch, epochs, seed, average, report, **options
        As in :func:`cnn`.
    length : int
        Frames in a window; neighbours overlap by half and are merged.

    Returns
    -------
    Rung
    """
    crops = _crops(material, train, length=length, augment=options.pop("augment", None))
    front_end = crops.front_end
    training.seed_everything(seed)
    model = models.rnn(n_mels=front_end.n_mels)

    def score(log_mels):
        values = {}
        for name, log_mel in log_mels.items():
            cut, starts = features.windows(
                front_end.standardise(log_mel), length=length, hop=length // 2
            )
            predicted = np.concatenate(
                [model.predict_on_batch(cut[i : i + 64])[:, :, 0] for i in range(0, len(cut), 64)]
            )
            values[name] = merge_windows(predicted, starts, n_frames=len(log_mel))
        return material.scores(values)

    return _fitted(
        "RNN",
        model,
        score,
        lambda rng: crops.draw(per_epoch, rng=rng),
        material,
        validation,
        epochs=epochs,
        batch_size=16,
        seed=seed,
        average=average,
        report=report,
        margins=(0, 0),
        front_end=front_end,
        **options,
    )


def dilated(
    material: Material,
    train: Iterable[str],
    validation: Iterable[str],
    *,
    right: int | None = 13,
    length: int = 300,
    per_epoch: int = 240,
    epochs: int = 24,
    seed: int = 0,
    average: str = "pooled",
    report: Report = None,
    **options,
) -> Rung:
    """Rung 6: the dilated depthwise-separable network, which can run on a stream.

    Parameters
    ----------
    material, train, validation, per_epoch, epochs, seed, average, report, **options
        As in :func:`cnn`.
    right : int or None
        Most frames that a score may look ahead; with half a frame, 13 are 146 ms.
    length : int
        Frames that are scored in a crop.

    Returns
    -------
    Rung
    """
    margins = models.margins(right=right)
    crops = _crops(
        material, train, length=length, margins=margins, augment=options.pop("augment", None)
    )
    training.seed_everything(seed)
    model = models.dilated(n_mels=crops.front_end.n_mels, right=right)

    def score(log_mels):
        values = training.predict(model, log_mels, front_end=crops.front_end, margins=margins)
        return material.scores(values)

    return _fitted(
        "dilated",
        model,
        score,
        lambda rng: crops.draw(per_epoch, rng=rng),
        material,
        validation,
        epochs=epochs,
        batch_size=8,
        seed=seed,
        average=average,
        report=report,
        margins=margins,
        front_end=crops.front_end,
        **options,
    )


def over_windows(model, front_end, material: Material, *, step: int) -> Callable:
    """Score recordings with a model of one window, laid around every `step`-th frame.

    Parameters
    ----------
    model : keras.Model
        (batch, window, n_mels) to (batch, 1).
    front_end : FrontEnd
        Fitted.
    material : Material
    step : int

    Returns
    -------
    callable
        As ``score`` of a :class:`~helpers.ladder.Rung`.
    """
    window = model.input_shape[1]
    margins = (window // 2, window - window // 2 - 1)

    def score(log_mels):
        plain = material.scores({n: np.zeros(len(x)) for n, x in log_mels.items()})
        return {name: one(x, plain[name]) for name, x in log_mels.items()}

    def one(log_mel, plain):
        padded = np.pad(front_end.standardise(log_mel), (margins, (0, 0)), mode="edge")
        starts = np.arange(0, len(log_mel), step)
        values = [
            model.predict_on_batch(padded[part[:, None] + np.arange(window)])
            for part in np.array_split(starts, -(-len(starts) // 2048))
        ]
        return Scores(np.concatenate(values), plain.times[starts], plain.labels, plain.duration)

    return score


def merge_windows(predicted: np.ndarray, starts: np.ndarray, *, n_frames: int) -> np.ndarray:
    """Merge the scores of overlapping windows: the middle of a window weighs more than its ends.

    Parameters
    ----------
    predicted : ndarray, shape (windows, length)
    starts : ndarray of int, shape (windows,)
        First frame of each window.
    n_frames : int
        Frames of the recording.

    Returns
    -------
    ndarray, shape (n_frames,), float32

    Raises
    ------
    ValueError
        When the windows leave a frame out.
    """
    length = predicted.shape[1]
    weight = np.minimum(np.arange(1, length + 1), np.arange(length, 0, -1)).astype(float)
    total, weights = np.zeros(max(n_frames, starts[-1] + length)), None
    weights = np.zeros_like(total)
    for start, values in zip(starts, predicted, strict=True):
        total[start : start + length] += weight * values
        weights[start : start + length] += weight
    if (weights[:n_frames] == 0).any():
        raise ValueError("the windows leave frames out: cut them with helpers.features.windows")
    return (total[:n_frames] / weights[:n_frames]).astype(np.float32)


def _crops(material, train, *, length, margins=(0, 0), augment=None):
    log_mels = {name: material.training[name] for name in train}
    return training.Crops(
        log_mels,
        {name: material.targets[name] for name in log_mels},
        material.front_end.fit(log_mels.values()),
        length=length,
        margins=margins,
        augment=training.Augment() if augment is None else augment,
    )


def _fitted(
    name, model, score, draw, material, validation, *, average, margins, front_end, **options
) -> Rung:
    """Train the model of a rung; the metric is the onset F1 of the validation recordings."""
    held_back = {n: material.training[n] for n in validation}

    def validate(_):
        scores = score(held_back)
        # Both collars: the loose one moves early in training, the strict one is what we want.
        return np.mean(
            [
                best_f1(scores, material.events, label=material.label, collar=c, average=average)
                for c in (0.05, 0.1, 0.2)
            ]
        )

    history = training.fit(model, draw=draw, validate=validate, **options)
    details = {"model": model, "front_end": front_end, "margins": margins, "history": history}
    return Rung(name, score, int(model.count_params()), details=details)
