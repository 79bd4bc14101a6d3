"""Train every rung of the ladder on a collection, inside a budget of time."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .. import ladder, splits
from ..features import FrontEnd
from ._own_network import Network, network
from ._own_reading import Collection

Report = Callable[[str], None]
ENERGY, NETWORK = "energy", "network"
LEAST_SECONDS = 20.0  # of training: less is no network
TEST, VALIDATION = 0.3, 0.2  # shares of the recordings


@dataclass(frozen=True)
class Trained:
    """What training gave: the parts, the network, and what every rung found in the test part.

    Parameters
    ----------
    materials : dict of str to Material
        By label.
    parts : Split
        Filenames of train, validation and test.
    network : Network
    found : dict of (str, str) to DataFrame
        Events of the test recordings by rung and label.
    seconds : dict of str to float
        Training and tuning time of each rung.
    """

    materials: dict[str, ladder.Material]
    parts: splits.Split
    network: Network
    found: dict[tuple[str, str], pd.DataFrame]
    seconds: dict[str, float] = field(default_factory=dict)


def classical(seed: int) -> dict[str, object]:
    """Rungs between the threshold and the network, as scikit-learn has them."""
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    forest = RandomForestClassifier(60, min_samples_leaf=5, n_jobs=2, random_state=seed)
    return {"logistic regression": linear, "random forest": forest}


def materials(collection: Collection) -> dict[str, ladder.Material]:
    """Features and targets for each label; the features are computed once.

    They are not kept on disk: a folder that somebody works on changes under the same names.
    """
    front_end, data = FrontEnd(), collection.dataset
    names = data.recordings["filename"]
    log_mels = {name: front_end.log_mel(data.audio(name)) for name in names}
    made = {}
    # a point has no length to learn from; the collection keeps its own offsets
    events = data.events.assign(
        offset=np.maximum(data.events["offset"], data.events["onset"] + ladder.ATTACK)
    )
    for label in collection.labels:
        given = replace(collection.for_label(label), events=events)
        made[label] = ladder.material(given, front_end=front_end, log_mels=log_mels)
    return made


def parts(collection: Collection, *, seed: int = 0, tries: int = 200) -> splits.Split:
    """Cut the groups into train, validation and test so that each part has its share of events.

    Groups are dealt out at random again and again, and the cut whose shares of events come nearest
    to the shares of recordings is taken, over all labels. Nothing but the labels' numbers is looked
    at.

    Raises
    ------
    SplitError
        When a label has no event in one of the parts, however the groups are cut.
    """
    recordings, events = collection.dataset.recordings, collection.dataset.events
    names = list(recordings["filename"])
    best, least = None, np.inf
    for attempt in range(tries):
        rest, test = splits.inner(recordings, names, share=TEST, seed=1000 * seed + attempt)
        train, held = splits.inner(recordings, rest, share=VALIDATION / (1 - TEST), seed=attempt)
        cut = splits.Split(train, held, test)
        far = _off(cut, events, collection.labels)
        if far < least:
            best, least = cut, far
    if best is None:
        raise splits.SplitError(
            f"a label ({', '.join(collection.labels)}) has no event in one of the three parts, "
            "however the groups are cut: label more recordings, or make smaller groups"
        )
    splits.assert_disjoint(recordings, *best)
    return best


def _off(cut: splits.Split, events: pd.DataFrame, labels: tuple[str, ...]) -> float:
    """Largest difference of a part's share of events to what it should be; infinite for none."""
    wanted = (1 - TEST - VALIDATION, VALIDATION, TEST)
    worst = 0.0
    for label in labels:
        of_label = events[events["event_label"] == label]
        shares = [of_label["filename"].isin(set(part)).mean() for part in cut]
        if min(shares) == 0:
            return np.inf
        worst = max(worst, max(abs(s - w) for s, w in zip(shares, wanted, strict=True)))
    return worst


def train(
    collection: Collection, *, minutes: float = 5.0, seed: int = 0, report: Report = lambda _: None
) -> Trained:
    """Train, tune and detect with every rung; what is left of the time belongs to the network.

    Parameters
    ----------
    collection : Collection
    minutes : float
        For everything, features included. The network gets twenty seconds at least.
    seed : int
    report : callable
        Called with a line of progress.

    Returns
    -------
    Trained

    Raises
    ------
    ValueError
        When `minutes` is not positive.
    SplitError
        When there are too few groups to hold some of them back.
    """
    if not minutes > 0:
        raise ValueError(f"minutes must be positive, found {minutes:g}")
    start = time.monotonic()
    cut = parts(collection, seed=seed)
    sizes = f"{len(cut.train)} to train, {len(cut.validation)} to tune, {len(cut.test)} to test"
    report(f"recordings: {sizes}")
    made = materials(collection)
    report(f"features of {len(collection.dataset.recordings)} recordings, {_since(start)}")
    found, seconds = {}, {}
    for name, label in itertools.product((ENERGY, *classical(seed)), collection.labels):
        begun = time.monotonic()
        found[name, label] = _detected(name, made[label], cut, seed)
        seconds[name] = seconds.get(name, 0.0) + time.monotonic() - begun
        report(f"{name}{_for(label, collection)}, {_since(start)}")
    left = max(LEAST_SECONDS, 60 * minutes - (time.monotonic() - start))
    if left == LEAST_SECONDS:
        report(f"of {60 * minutes:.0f} s too little is left: the network is trained its least")
    begun = time.monotonic()
    learnt = network(made, cut, seconds=left, seed=seed, report=report)
    seconds[NETWORK] = time.monotonic() - begun
    for label, events in learnt.detect(cut.test).items():
        found[NETWORK, label] = events
    report(f"network, {_since(start)}")
    return Trained(made, cut, learnt, found, seconds)


def _detected(name: str, material: ladder.Material, cut: splits.Split, seed: int) -> pd.DataFrame:
    """Fit one rung for one label, tune it, and let it detect in the test recordings."""
    if name == ENERGY:
        rung, decoder = ladder.best_energy(material, cut.train + cut.validation)
    else:
        rung = ladder.classical(name, classical(seed)[name], material, cut.train, seed=seed)
        decoder = ladder.tuned(rung, material, cut.validation)
    return ladder.detect(rung, decoder, material, cut.test)


def _since(start: float) -> str:
    return f"{time.monotonic() - start:.0f} s"


def _for(label: str, collection: Collection) -> str:
    return f" for {label!r}" if len(collection.labels) > 1 else ""
