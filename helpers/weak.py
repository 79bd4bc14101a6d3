"""Learn when an event happens from clips that only say whether it does, or how often.

One small network looks at every window of a clip, the same weights for each; a pooling turns its
scores into one answer for the clip, and only that answer is compared with the label. What the
network says of a window was never taught directly: it is what has to be said for the clips to come
out right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from . import _quiet, models, training
from ._pooling import POOLINGS, count_loss, pooled
from .detection import Decoder, grid
from .ladder import Material, Rung
from .networks import over_windows

if TYPE_CHECKING:
    import keras

__all__ = [
    "COUNT",
    "DECODERS",
    "POOLINGS",
    "Clips",
    "clip_model",
    "clips",
    "count_loss",
    "fit",
    "pooled",
    "tuned",
]

COUNT = "count"
WINDOW = 16  # frames that the network sees at once: 160 ms, an event and little more
STEP = 4  # frames from one window to the next
DECODERS = grid(thresholds=np.arange(0.02, 1.0, 0.02).round(2), low_ratios=(1.0, 0.7))


@dataclass(frozen=True)
class Clips:
    """Clips cut from recordings, each with what a listener would note of it.

    Parameters
    ----------
    table : DataFrame
        One row a clip: clip, filename, group, start (seconds), present (bool), count (events
        whose first moment lies in the clip).
    log_mels : dict of str to ndarray, shape (length, n_mels)
        By clip.
    length : int
        Frames of each clip.
    """

    table: pd.DataFrame
    log_mels: dict[str, np.ndarray]
    length: int

    def of(self, filenames: Iterable[str]) -> Clips:
        """Keep the clips of some recordings."""
        part = self.table[self.table["filename"].isin(set(filenames))].reset_index(drop=True)
        return replace(self, table=part, log_mels={n: self.log_mels[n] for n in part["clip"]})


def clips(material: Material, *, seconds: float = 2.0) -> Clips:
    """Cut recordings into clips and note for each whether the event is in it, and how often.

    The strong labels are read for nothing else: it is what a listener who hears the clip would
    tick. An event belongs to the clip in which it begins.

    Parameters
    ----------
    material : Material
    seconds : float
        Length of a clip; a rest shorter than that is left out, a shorter recording is padded with
        its quietest frames.

    Returns
    -------
    Clips

    Raises
    ------
    ValueError
        When a clip would be shorter than one window of the network.
    """
    front_end = material.front_end
    length = round(seconds * front_end.sample_rate / front_end.hop)
    if length < WINDOW:
        least = WINDOW * front_end.hop / front_end.sample_rate
        raise ValueError(f"seconds must be {least:g} or more, one window, found {seconds:g}")
    onsets = {n: e["onset"].to_numpy(float) for n, e in material.events.groupby("filename")}
    groups = material.recordings.set_index("filename")["group"]
    hop, rows, cut = front_end.hop / front_end.sample_rate, [], {}
    for name, log_mel in material.training.items():
        for start in range(0, max(len(log_mel) - length, 0) + 1, length):
            begin, end = start * hop, (start + length) * hop
            inside = onsets.get(name, np.zeros(0))
            count = int(((inside >= begin) & (inside < end)).sum())
            clip = f"{name}@{begin:.2f}"
            cut[clip] = _filled(log_mel[start : start + length], length)
            rows.append((clip, name, groups[name], begin, count > 0, count))
    columns = ["clip", "filename", "group", "start", "present", "count"]
    return Clips(pd.DataFrame(rows, columns=columns), cut, length)


def _filled(log_mel: np.ndarray, length: int) -> np.ndarray:
    """Pad a clip that is too short with its quietest frame."""
    missing = length - len(log_mel)
    if missing <= 0:
        return log_mel
    quiet = log_mel[np.argmin(log_mel.sum(axis=1))]
    return np.concatenate([log_mel, np.repeat(quiet[None], missing, axis=0)])


def clip_model(window_model: keras.Model, *, frames: int, pooling: str, step: int = STEP):
    """Lay a network over every window of a clip and pool its scores into one.

    Parameters
    ----------
    window_model : keras.Model
        (batch, window, n_mels) to (batch, 1), as :func:`helpers.models.cnn` makes it.
    frames : int
        Frames of a clip.
    pooling : str
        One of :data:`POOLINGS`, or ``"count"``: the scores of all windows, for
        :func:`count_loss`.
    step : int
        Frames from one window to the next.

    Returns
    -------
    keras.Model
        (batch, frames, n_mels) to (batch, 1), or to (batch, windows) for ``"count"``. It shares
        its weights with `window_model`.

    Notes
    -----
    It computes what ``keras.layers.TimeDistributed`` would, but for all windows at once, as one
    larger batch. TimeDistributed goes through them one after the other: slower, and in training its
    batch normalisation sees one window of each clip at a time.

    Raises
    ------
    ValueError
        When the pooling is unknown or the clip is shorter than a window.
    """
    _quiet.start_keras()
    from keras import Input, Model, layers, ops

    window, n_mels = window_model.input_shape[1:]
    if frames < window:
        raise ValueError(f"frames must be {window} or more, one window, found {frames}")
    if pooling not in (*POOLINGS, COUNT):
        known = ", ".join((*POOLINGS, COUNT))
        raise ValueError(f"pooling must be one of {known}, found {pooling!r}")
    hidden = Model(window_model.input, window_model.layers[-2].output, name="window")
    clip = Input((frames, n_mels))
    starts = np.arange(0, frames - window + 1, step)
    cut = ops.take(clip, starts[:, None] + np.arange(window), axis=1)
    features = hidden(ops.reshape(cut, (-1, window, n_mels)))
    features = ops.reshape(features, (-1, len(starts), features.shape[-1]))
    scores = window_model.layers[-1](features)
    if pooling == COUNT:
        return Model(clip, layers.Flatten()(scores), name="count")
    answer = pooled(scores, features, pooling=pooling)
    return Model(clip, answer, name=pooling.replace(" ", "_"))


def fit(
    material: Material,
    given: Clips,
    train: Iterable[str],
    validation: Iterable[str],
    *,
    pooling: str = "max",
    per_epoch: int = 480,
    epochs: int = 24,
    batch_size: int = 8,
    seed: int = 0,
    **options,
) -> Rung:
    """Train a network on clips that say whether, or how often; strong labels are never read.

    Training stops on how well the validation clips are told apart, or their events counted.

    Parameters
    ----------
    material : Material
        For its features alone.
    given : Clips
    train, validation : iterable of str
        Filenames of whole groups.
    pooling : str
        One of :data:`POOLINGS`, or ``"count"``.
    per_epoch, epochs, batch_size, seed : int
        A clip is many windows, so few clips make a batch.
    **options
        For :func:`helpers.training.fit`, and ``augment`` for the clips.

    Returns
    -------
    Rung
        Scores a window every :data:`STEP` frames.
    """
    learn, held = given.of(train), given.of(validation)
    target = "count" if pooling == COUNT else "present"
    crops = _crops(learn, material.front_end, target, options.pop("augment", None))
    training.seed_everything(seed)
    window_model = models.cnn(window=WINDOW, n_mels=crops.front_end.n_mels)
    if pooling == COUNT:
        _start_quiet(window_model, learn.table[target].mean() / _n_windows(given.length))
    model = clip_model(window_model, frames=given.length, pooling=pooling)
    x = np.stack([crops.front_end.standardise(held.log_mels[n]) for n in held.table["clip"]])
    truth = held.table[target].to_numpy(float)

    def draw(rng):
        x, y = crops.draw(per_epoch, rng=rng)
        return x, y[:, 0]

    history = training.fit(
        model,
        draw=draw,
        validate=lambda m: _goodness(m.predict(x, batch_size=64, verbose=0), truth, pooling),
        epochs=epochs,
        loss=count_loss if pooling == COUNT else "binary_crossentropy",
        batch_size=batch_size,
        seed=seed,
        **options,
    )
    score = over_windows(window_model, crops.front_end, material, step=STEP)
    details = {"model": window_model, "clip_model": model, "front_end": crops.front_end}
    details |= {"history": history, "margins": (WINDOW // 2, WINDOW - WINDOW // 2 - 1)}
    return Rung(f"weak, {pooling}", score, int(model.count_params()), details=details)


def tuned(
    rung: Rung,
    material: Material,
    given: Clips,
    filenames: Iterable[str],
    *,
    target: str = "present",
    decoders: Sequence[Decoder] | None = None,
) -> Decoder:
    """Choose a decoder with what is known of the clips, strong labels unread.

    Parameters
    ----------
    rung : Rung
    material : Material
        For its features.
    given : Clips
    filenames : iterable of str
        Validation recordings.
    target : {"present", "count"}
        Clips best told apart, those with an event from those without, by Matthews' correlation,
        which neither "always" nor "never" can please; or the smallest mean error of how many.
    decoders : sequence of Decoder, optional
        What to choose from; of equally good ones that in the middle of the list.

    Returns
    -------
    Decoder

    Raises
    ------
    ValueError
        When there is no clip, or `target` is unknown.
    """
    if target not in ("present", "count"):
        raise ValueError(f"target must be 'present' or 'count', found {target!r}")
    held = given.of(filenames)
    if not len(held.table):
        raise ValueError("filenames name no recording with clips: there is nothing to tune on")
    scores = rung.score({name: material.training[name] for name in held.table["filename"].unique()})
    choices = DECODERS if decoders is None else list(decoders)
    quality = [_agreement(_counted(d, scores, held, material), held, target) for d in choices]
    best = np.flatnonzero(np.isclose(quality, max(quality)))
    return choices[best[len(best) // 2]]


def _counted(decoder: Decoder, scores, held: Clips, material: Material) -> np.ndarray:
    """Events that a decoder finds in each clip, by where they begin."""
    hop = material.front_end.hop / material.front_end.sample_rate
    found = {name: decoder.spans(s.values[:, 0], s.times)[0] for name, s in scores.items()}
    rows = held.table[["filename", "start"]].itertuples(index=False)
    begins = [(found[name], start) for name, start in rows]
    return np.array([((t >= s) & (t < s + held.length * hop)).sum() for t, s in begins])


def _agreement(found: np.ndarray, held: Clips, target: str) -> float:
    if target == "count":
        return -float(np.abs(found - held.table["count"]).mean())
    from sklearn.metrics import matthews_corrcoef

    present, said = held.table["present"].to_numpy(), found > 0
    if present.all() or not present.any():
        return float((said == present).mean())
    return float(matthews_corrcoef(present, said))


def _crops(learn: Clips, front_end, target: str, augment) -> training.Crops:
    """Draw whole clips, half of them with the event; adding clips adds up no counts."""
    augment = training.Augment() if augment is None else augment
    if target == "count":
        augment = replace(augment, mix=0.0)
    values = dict(zip(learn.table["clip"], learn.table[target].to_numpy(np.float32), strict=True))
    return training.Crops(
        learn.log_mels,
        {name: np.full(learn.length, value) for name, value in values.items()},
        front_end.fit(learn.log_mels.values()),
        length=learn.length,
        augment=augment,
    )


def _n_windows(length: int) -> int:
    return len(range(0, length - WINDOW + 1, STEP))


def _start_quiet(window_model, share: float) -> None:
    """Let a network without training say of every window that events are as rare as they are.

    Otherwise every window starts at one half: a clip then seems to hold twenty events, and the
    true count is so unlikely that its loss has no slope.
    """
    share = min(max(share, 0.01), 0.5)
    window_model.layers[-1].bias.assign([np.log(share / (1 - share))])


def _goodness(said: np.ndarray, truth: np.ndarray, pooling: str) -> float:
    """Area under the curve for yes or no; for counts, minus the mean error."""
    from sklearn.metrics import roc_auc_score

    if pooling == COUNT:
        return -float(np.abs(said.sum(axis=1) - truth).mean())
    if truth.min() == truth.max():
        return -float(np.abs(said[:, 0] - truth).mean())
    return float(roc_auc_score(truth, said[:, 0]))
