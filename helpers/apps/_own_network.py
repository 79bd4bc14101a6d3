"""One network for all labels of a collection, and a decoder that suits all of its outputs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .. import models, training
from ..detection import Decoder, Scores, best_f1, grid, tune
from ..features import FrontEnd
from ..ladder import Material
from ..splits import Split

RIGHT = 13  # frames of look-ahead: 146 ms, as the shipped detector
COLLARS = (0.05, 0.1, 0.2)
FEWEST, MOST = 4, 60  # epochs
SHARE = 0.85  # of the time; the rest is for tuning and testing
THRESHOLDS = np.arange(0.1, 0.96, 0.05).round(2)


@dataclass(frozen=True)
class Network:
    """A trained network with what is needed to run it.

    Parameters
    ----------
    model : keras.Model
        One output a label.
    front_end : FrontEnd
        Fitted.
    decoder : Decoder
        The same for every label.
    margins : tuple of int
        Frames that a score needs before and after its own.
    materials : dict of str to Material
        By label, in the order of the outputs.
    history : DataFrame
        One row an epoch.
    """

    model: object
    front_end: FrontEnd
    decoder: Decoder
    margins: tuple[int, int]
    materials: dict[str, Material]
    history: pd.DataFrame

    def detect(self, filenames: Iterable[str]) -> dict[str, pd.DataFrame]:
        """Events of recordings by label: filename, onset, offset, event_label, score."""
        scores = scored(self.model, self.materials, filenames, self.front_end, self.margins)
        parts = [self.decoder.decode(s).assign(filename=name) for name, s in scores.items()]
        events = pd.concat(parts, ignore_index=True)
        return {label: _of(events, label) for label in self.materials}


def network(
    materials: Mapping[str, Material],
    cut: Split,
    *,
    seconds: float,
    seed: int = 0,
    report: Callable[[str], None] = lambda _: None,
) -> Network:
    """Train the network that can stream for as long as there is time.

    Parameters
    ----------
    materials : mapping of str to Material
        By label; features are the same in all.
    cut : Split
    seconds : float
        For training and tuning; how many epochs fit is found out with the first two.
    seed : int
    report : callable

    Returns
    -------
    Network
    """
    begun = time.monotonic()
    first, labels = next(iter(materials.values())), list(materials)
    margins = models.margins(right=RIGHT)
    crops = _crops(materials, cut.train, margins)
    validate = _validation(materials, cut.validation, crops.front_end, margins)

    def build():
        training.seed_everything(seed)
        return models.dilated(n_mels=first.front_end.n_mels, right=RIGHT, outputs=len(labels))

    def run(model, epochs, told):
        return training.fit(
            model,
            draw=lambda rng: crops.draw(240, rng=rng),
            validate=validate,
            epochs=epochs,
            patience=epochs,
            batch_size=8,
            seed=seed,
            report=told,
        )

    times: list[float] = []
    run(build(), 2, lambda _: times.append(time.monotonic()))
    left = SHARE * seconds - (time.monotonic() - begun)
    epochs = int(np.clip(left / max(times[1] - times[0], 1e-3), FEWEST, MOST))
    model = build()
    history = run(model, epochs, report)
    scores = scored(model, materials, cut.validation, crops.front_end, margins)
    decoder = settle(model, scores, materials)
    return Network(model, crops.front_end, decoder, margins, dict(materials), history)


def _crops(materials, train, margins) -> training.Crops:
    first = next(iter(materials.values()))
    log_mels = {name: first.training[name] for name in train}
    targets = {n: np.stack([m.targets[n] for m in materials.values()], axis=1) for n in train}
    front_end = first.front_end.fit(log_mels.values())
    return training.Crops(log_mels, targets, front_end, length=300, margins=margins)


def _validation(materials, filenames, front_end, margins) -> Callable[[object], float]:
    """Mean onset F1 over labels and collars: what stops the training."""

    def validate(model) -> float:
        scores = scored(model, materials, filenames, front_end, margins)
        quality = [
            best_f1(scores, material.events, label=label, collar=collar)
            for label, material in materials.items()
            for collar in COLLARS
        ]
        return float(np.mean(quality))

    return validate


def scored(
    model, materials: Mapping[str, Material], filenames, front_end: FrontEnd, margins
) -> dict[str, Scores]:
    """Scores of every label in every frame of recordings."""
    first = next(iter(materials.values()))
    durations = first.recordings.set_index("filename")["duration"]
    given = {name: first.training[name] for name in filenames}
    values = training.predict(model, given, front_end=front_end, margins=margins)
    labels = tuple(materials)
    return {
        name: Scores(v, front_end.times(len(v)), labels, float(durations[name]))
        for name, v in values.items()
    }


def settle(model, scores: Mapping[str, Scores], materials: Mapping[str, Material]) -> Decoder:
    """Choose one decoder for all labels; each output is moved so that its threshold is the same.

    A detector has one decoder. With one label it is tuned as every rung is. With several, lengths
    and gaps are chosen together, each label gets the threshold that suits it, and the bias of its
    output is moved until that threshold stands at .5: the model is changed in place.

    Parameters
    ----------
    model : keras.Model
        Its last layer is dense with a sigmoid.
    scores : mapping of str to Scores
        Of the validation recordings.
    materials : mapping of str to Material

    Returns
    -------
    Decoder
    """
    if len(materials) == 1:
        ((label, material),) = materials.items()
        return tune(scores, material.events, label=label)
    best = max(_shared(), key=lambda shape: np.mean(_best(shape, scores, materials)[1]))
    thresholds, _ = _best(best, scores, materials)
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel, bias - np.log(thresholds / (1 - thresholds))])
    ratio, min_length, max_gap = best
    return Decoder(0.5, low=0.5 * ratio, min_length=min_length, max_gap=max_gap)


def _shared() -> list[tuple[float, float, float]]:
    """Shapes that all labels share: ratio of the two thresholds, least length, largest gap."""
    return [(r, m, g) for r in (1.0, 0.7, 0.4) for m in (0.0, 0.03, 0.06) for g in (0.0, 0.03)]


def _best(shape, scores, materials) -> tuple[np.ndarray, list[float]]:
    """Best threshold of each label for a shape, and the F1 that it reaches."""
    ratio, min_length, max_gap = shape
    thresholds, reached = [], []
    for label, material in materials.items():
        quality = [
            best_f1(scores, material.events, label=label, decoders=[decoder])
            for decoder in grid(
                thresholds=THRESHOLDS,
                low_ratios=(ratio,),
                min_lengths=(min_length,),
                max_gaps=(max_gap,),
            )
        ]
        thresholds.append(THRESHOLDS[int(np.argmax(quality))])
        reached.append(max(quality))
    return np.array(thresholds), reached


def _of(events: pd.DataFrame, label: str) -> pd.DataFrame:
    return events[events["event_label"] == label].reset_index(drop=True)
