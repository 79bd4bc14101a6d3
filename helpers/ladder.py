"""The ladder: from an energy threshold to the network that ships, all on the same footing.

Every rung is trained on the same recordings, gives :class:`~helpers.detection.Scores`, is decoded
by the same decoder and scored by the same metrics. What a rung learns is the attack of an event,
its first 100 ms: events that follow each other without a pause stay apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from . import features
from .detection import Decoder, Scores, best_f1, grid, tune
from .features import FrontEnd
from .labels import frame_targets

ATTACK = 0.1


@dataclass(frozen=True)
class Material:
    """Log-mel frames and true events of a dataset, ready for every rung.

    Parameters
    ----------
    recordings, events : DataFrame
        As in the dataset; `events` holds those to detect alone.
    log_mels : dict of str to ndarray, shape (frames, n_mels)
        What is scored in a test.
    training : dict of str to ndarray, shape (frames, n_mels)
        What is trained on: the same, but for a dataset with two versions of its sound.
    targets : dict of str to ndarray, shape (frames,)
        1 in the attack of each event.
    front_end : FrontEnd
        Not fitted.
    label : str
    """

    recordings: pd.DataFrame
    events: pd.DataFrame
    log_mels: dict[str, np.ndarray]
    training: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]
    front_end: FrontEnd
    label: str

    def scores(self, values: dict[str, np.ndarray]) -> dict[str, Scores]:
        """Wrap one value a frame for each recording; one from elsewhere ends with its frames."""
        durations = self.recordings.set_index("filename")["duration"]
        made = {}
        for name, v in values.items():
            times = self.front_end.times(len(v))
            duration = durations[name] if name in durations else times[0] + times[-1]
            made[name] = Scores(v, times, (self.label,), float(duration))
        return made


@dataclass(frozen=True)
class Rung:
    """A trained detector of the ladder.

    Parameters
    ----------
    name : str
    score : callable
        From log-mel frames by filename to :class:`Scores` by filename.
    parameters : int
        Numbers that training set.
    decoders : list of Decoder or None
        What to tune among, where the default does not suit the scores.
    details : dict
        What the kind of rung adds: the network, its front end, its margins, its history.
    """

    name: str
    score: Callable[[dict[str, np.ndarray]], dict[str, Scores]]
    parameters: int = 0
    decoders: list[Decoder] | None = None
    details: dict = field(default_factory=dict)


def material(
    dataset,
    *,
    front_end: FrontEnd | None = None,
    log_mels: dict[str, np.ndarray] | None = None,
) -> Material:
    """Compute the features and targets of a dataset, or take those kept from earlier.

    Parameters
    ----------
    dataset : helpers.datasets.Dataset
    front_end : FrontEnd, optional
    log_mels : dict of str to ndarray, shape (frames, n_mels), optional
        Features of every recording, where they are at hand; nothing is kept on disk then.

    Returns
    -------
    Material
    """
    front_end = FrontEnd() if front_end is None else front_end
    if log_mels is None:
        log_mels = features.of_dataset(dataset, front_end=front_end)
    trained = log_mels
    if dataset.roles:
        trained = features.of_dataset(dataset, front_end=front_end, role="train")
    events = dataset.positives
    by_name = dict(list(events.groupby("filename")))
    targets = {
        name: attack_targets(
            by_name.get(name, events.iloc[:0]),
            front_end=front_end,
            n_frames=len(log_mel),
            label=dataset.label,
        )
        for name, log_mel in log_mels.items()
    }
    return Material(
        dataset.recordings, events, log_mels, trained, targets, front_end, dataset.label
    )


def attack_targets(
    events: pd.DataFrame,
    *,
    front_end: FrontEnd,
    n_frames: int,
    label: str,
    attack: float = ATTACK,
) -> np.ndarray:
    """Mark the frames of the first part of each event.

    Parameters
    ----------
    events : DataFrame
        Columns onset, offset, event_label; one recording.
    front_end : FrontEnd
    n_frames : int
    label : str
    attack : float
        Length of the part in seconds; a shorter event is marked whole, and an event that the next
        one cuts short ends a frame before it, so that the two stay apart.

    Returns
    -------
    ndarray, shape (n_frames,), float32
    """
    chosen = events[events["event_label"] == label].sort_values("onset")
    onsets = chosen["onset"].to_numpy(float)
    following = np.append(onsets[1:], np.inf)
    ends = np.minimum(chosen["offset"].to_numpy(float), onsets + attack)
    ends = np.minimum(ends, following - front_end.hop / front_end.sample_rate)
    short = chosen.assign(offset=np.maximum(ends, onsets))
    return frame_targets(short, front_end=front_end, n_frames=n_frames, label=label)


def tuned(
    rung: Rung,
    material: Material,
    filenames: Iterable[str],
    *,
    collar: float = 0.1,
    average: str = "pooled",
) -> Decoder:
    """Tune the decoder of a rung on training or validation recordings.

    Parameters
    ----------
    rung : Rung
    material : Material
    filenames : iterable of str
        Never recordings of the test part.
    collar : float
        In seconds.
    average : {"pooled", "macro"}

    Returns
    -------
    Decoder
    """
    scores = rung.score({name: material.training[name] for name in filenames})
    return tune(
        scores,
        material.events,
        label=material.label,
        collar=collar,
        average=average,
        decoders=rung.decoders,
    )


def detect(
    rung: Rung, decoder: Decoder, material: Material, filenames: Iterable[str]
) -> pd.DataFrame:
    """Detect the events of test recordings: filename, onset, offset, event_label, score.

    The rung may have been trained on other material.
    """
    scores = rung.score({name: material.log_mels[name] for name in filenames})
    durations = material.recordings.set_index("filename")["duration"]
    found = [
        decoder.decode(replace(s, duration=float(durations[name]))).assign(filename=name)
        for name, s in scores.items()
    ]
    return pd.concat(found, ignore_index=True)


def energy(material: Material, *, lowest: int = 0, over_floor: bool = False) -> Rung:
    """Rung 0: the level of each frame in decibels; nothing is learnt but the decoder.

    Parameters
    ----------
    material : Material
    lowest : int
        Mel bands left out at the low end.
    over_floor : bool
        Measure from the median level of the recording instead of full scale.

    Returns
    -------
    Rung
    """

    def level(log_mel: np.ndarray) -> np.ndarray:
        decibels = 10 * np.log10(np.exp(log_mel[:, lowest:]).sum(axis=1))
        return decibels - np.median(decibels) if over_floor else decibels

    pooled = np.concatenate([level(x) for x in material.training.values()])
    bottom, top = np.percentile(pooled, [20, 99.5])
    decoders = grid(
        thresholds=np.linspace(max(bottom, 1.0) if over_floor else bottom, top, 24),
        min_lengths=(0.0, 0.04, 0.1),
        max_gaps=(0.0, 0.03, 0.1),
    )
    name = "energy over the floor" if over_floor else "energy"
    return Rung(name, lambda x: material.scores({n: level(v) for n, v in x.items()}), 0, decoders)


def best_energy(
    material: Material, filenames: Iterable[str], *, collar: float = 0.1, average: str = "pooled"
) -> tuple[Rung, Decoder]:
    """Tune the energy threshold as carefully as a network: bands, floor, level, length and gap.

    Parameters
    ----------
    material : Material
    filenames : iterable of str
        All training recordings: nothing else is fitted, so none need be held back.
    collar, average
        As in :func:`tuned`.

    Returns
    -------
    rung, decoder
        The choice with the best F1 on `filenames`.
    """
    names = list(filenames)
    rungs = [
        energy(material, lowest=lowest, over_floor=over_floor)
        for lowest in (0, 8, 20)
        for over_floor in (False, True)
    ]

    def quality(rung: Rung) -> float:
        scores = rung.score({n: material.training[n] for n in names})
        plain = [d for d in rung.decoders if d.min_length == 0]
        return best_f1(
            scores,
            material.events,
            label=material.label,
            collar=collar,
            average=average,
            decoders=plain,
        )

    best = max(rungs, key=quality)
    return best, tuned(best, material, names, collar=collar, average=average)


def onset_strength(material: Material) -> Rung:
    """Rung 1: librosa's onset strength, the rise of the spectrum summed over the bands."""
    import librosa

    def strength(log_mel: np.ndarray) -> np.ndarray:
        decibels = 10 / np.log(10) * log_mel.T
        rate, hop = material.front_end.sample_rate, material.front_end.hop
        # Our frames are not padded, and their times are their centres: nothing to shift.
        return librosa.onset.onset_strength(
            S=decibels, sr=rate, hop_length=hop, lag=2, center=False
        )

    pooled = np.concatenate([strength(x) for x in list(material.training.values())[:40]])
    decoders = grid(
        thresholds=np.percentile(pooled, np.linspace(60, 99.8, 30)),
        low_ratios=(1.0, 0.6),
        max_gaps=(0.0, 0.03, 0.1, 0.2),
    )
    return Rung(
        "librosa onsets",
        lambda x: material.scores({n: strength(v) for n, v in x.items()}),
        0,
        decoders,
    )


def frame_features(log_mel: np.ndarray) -> np.ndarray:
    """Take MFCC and delta of a frame and of eight around it, for the classical rungs."""
    cepstra = features.mfcc(log_mel, n_mfcc=13)
    both = np.hstack([cepstra, features.delta(cepstra, width=7)])
    wide = features.context(both, before=8, after=8)
    return wide.reshape(len(log_mel), 17, 26)[:, ::4].reshape(len(log_mel), -1)


def classical(
    name: str, estimator, material: Material, train: Iterable[str], *, every: int = 4, seed: int = 0
) -> Rung:
    """Rungs 2 and 3: an estimator of scikit-learn on MFCC and delta with context.

    Parameters
    ----------
    name : str
    estimator : sklearn estimator
        Has ``predict_proba``; not fitted yet.
    material : Material
    train : iterable of str
    every : int
        All positive frames are used, and of the others one in so many, at random.
    seed : int

    Returns
    -------
    Rung
    """
    rng = np.random.default_rng(seed)
    inputs, outputs = [], []
    for filename in train:
        target = material.targets[filename] > 0.5
        kept = target | (rng.random(len(target)) < 1 / every)
        inputs.append(frame_features(material.training[filename])[kept])
        outputs.append(target[kept])
    estimator.fit(np.concatenate(inputs), np.concatenate(outputs))

    def score(log_mels):
        return material.scores(
            {n: estimator.predict_proba(frame_features(x))[:, 1] for n, x in log_mels.items()}
        )

    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    size = getattr(last, "coef_", np.zeros(0)).size
    if not size and hasattr(last, "estimators_"):
        size = sum(tree.tree_.node_count for tree in last.estimators_)
    return Rung(name, score, int(size), details={"estimator": estimator})
