"""What the detection benchmarks share: one function a rung, and the rows of what was measured."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import rows
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import evaluation, ladder, networks

KEPT = Path(__file__).resolve().parent.parent / "build" / "benchmarks"
COLLARS = (0.05, 0.1, 0.2)


def _energy(material, train, validation, *, average, seed):
    return ladder.best_energy(material, train + validation, average=average)


def _onsets(material, train, validation, *, average, seed):
    rung = ladder.onset_strength(material)
    return rung, ladder.tuned(rung, material, train + validation, average=average)


def _classical(name: str, make: Callable):
    def fit(material, train, validation, *, average, seed):
        rung = ladder.classical(name, make(seed), material, train, seed=seed)
        return rung, ladder.tuned(rung, material, validation, average=average)

    return fit


def _network(make: Callable, **options):
    def fit(material, train, validation, *, average, seed):
        rung = make(material, train, validation, average=average, seed=seed, **options)
        return rung, ladder.tuned(rung, material, validation, average=average)

    return fit


RUNGS = {
    "energy": _energy,
    "librosa onsets": _onsets,
    "logistic regression": _classical(
        "logistic regression",
        lambda seed: make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)),
    ),
    "random forest": _classical(
        "random forest",
        lambda seed: RandomForestClassifier(60, min_samples_leaf=5, n_jobs=2, random_state=seed),
    ),
    # Each network hears six hours of crops: 24 x 4000 x .24 s, 30 x 560 x 1.28 s, 30 x 240 x 3 s.
    "CNN": _network(networks.cnn, epochs=24, per_epoch=4000, patience=24),
    "RNN": _network(networks.rnn, epochs=30, per_epoch=560, patience=30),
    "dilated": _network(networks.dilated, epochs=30, patience=30),
}


def run(
    name: str,
    material,
    *,
    part: str,
    train: list[str],
    validation: list[str],
    test: list[str],
    folder: str,
    average: str,
    seed: int,
    fresh: bool = False,
    recipes: dict[str, Callable] | None = None,
) -> tuple[pd.DataFrame, dict]:
    """Fit one rung on one part and detect in its test recordings, or read what was kept of it.

    `recipes` holds other rungs than :data:`RUNGS`.
    """
    path = KEPT / folder / f"{name.replace(' ', '_')}-{part}.csv"
    about_path = path.with_suffix(".json")
    if about_path.exists() and not fresh:
        return pd.read_csv(path), json.loads(about_path.read_text())
    start = time.perf_counter()
    fit = (recipes or RUNGS)[name]
    rung, decoder = fit(material, train, validation, average=average, seed=seed)
    fitted = time.perf_counter() - start
    start = time.perf_counter()
    found = ladder.detect(rung, decoder, material, test)
    seconds = time.perf_counter() - start
    durations = material.recordings.set_index("filename")["duration"]
    about = {
        "parameters": rung.parameters,
        "training_seconds": fitted,
        "x_realtime": float(durations.loc[test].sum() / seconds),
        "decoder": vars(decoder),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    found.to_csv(path, index=False)
    rows.write_whole(about_path, lambda file: file.write(json.dumps(about).encode()))
    print(f"  {folder} {part}: {name} in {fitted:.0f} s", flush=True)
    return found, about


class Report:
    """Collect the rows of one dataset: each method at each collar, macro and pooled."""

    def __init__(self, material, filenames, *, dataset: str, command: str, condition: dict):
        self.material, self.filenames = material, list(filenames)
        self.common = {"area": "detection", "dataset": dataset, "command": command}
        self.condition = condition
        self.rows: list[dict] = []
        self.counts: dict[tuple[str, float], pd.DataFrame] = {}
        groups = material.recordings.set_index("filename")["group"]
        self.groups = groups.loc[self.filenames].to_numpy()

    def add(self, method: str, role: str, metric: str, value, **more) -> None:
        """Add one row."""
        options = {"condition": self.condition, **more}
        self.rows.append(
            rows.row(**self.common, method=method, role=role, metric=metric, value=value, **options)
        )

    def add_events(self, method: str, role: str, found: pd.DataFrame) -> None:
        """Add the figures of a method's events."""
        for collar in COLLARS:
            table = evaluation.counts(
                self.material.events,
                found,
                filenames=self.filenames,
                label=self.material.label,
                collar=collar,
            )
            self.add_counts(method, role, table, collar)

    def add_counts(self, method: str, role: str, table: pd.DataFrame, collar: float) -> None:
        """Add macro and pooled onset F1 with their intervals over groups."""
        self.counts[method, collar] = table
        for statistic, tail in ((evaluation.macro_f1, ""), (evaluation.pooled_f1, "_pooled")):
            value = evaluation.bootstrap(table, statistic, groups=self.groups)
            self.add(method, role, f"onset_f1_{collar * 1000:.0f}ms{tail}", value)

    def add_differences(self, against: str, pooled: bool) -> None:
        """Add the paired difference of every method to one."""
        statistic = evaluation.pooled_f1 if pooled else evaluation.macro_f1
        tail = "_pooled" if pooled else ""
        for (method, collar), table in list(self.counts.items()):
            if method == against:
                continue
            other = self.counts[against, collar]
            value = evaluation.paired(table, other, statistic, groups=self.groups)
            metric = f"onset_f1_{collar * 1000:.0f}ms{tail}_difference"
            self.add(method, "ours", metric, value, condition={**self.condition, "to": against})

    def add_floor_and_ceiling(self) -> None:
        """Add chance, a metronome, and perfect targets through a plain decoder."""
        material, names = self.material, self.filenames
        durations = material.recordings.set_index("filename")["duration"]
        common = {"filenames": names, "durations": durations, "label": material.label}
        for collar in COLLARS:
            chance = evaluation.chance_counts(material.events, collar=collar, **common)
            self.add_counts("chance", "chance", chance, collar)
            metronome = evaluation.metronome_counts(material.events, collar=collar, **common)
            self.add_counts("metronome", "chance", metronome, collar)
        perfect = ladder.Rung("perfect targets", material.scores)
        targets = {name: material.targets[name] for name in names}
        decoder = ladder.Decoder(0.5)
        found = [decoder.decode(s).assign(filename=n) for n, s in perfect.score(targets).items()]
        self.add_events("perfect targets", "oracle", pd.concat(found))

    def add_cost(self, method: str, abouts: list[dict]) -> None:
        """Add parameters, training time and speed, as the mean over the parts."""
        for key, unit in (("parameters", ""), ("training_seconds", "s"), ("x_realtime", "x")):
            value = float(np.mean([about[key] for about in abouts]))
            self.add(method, "ours", key, value, unit=unit)
