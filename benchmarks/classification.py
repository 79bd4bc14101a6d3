"""Every way to name a clip, on ESC-10's own five folds, and how few clips are enough.

    python benchmarks/classification.py [--dataset esc10] [--methods ...] [--curves ...] [--fresh]

Each fold tests once. Classifiers on embeddings or statistics learn from the other four. Networks
that are trained or fine-tuned find on the next fold how long to train, and learn from it then; the
one on the raw waveform stops on that fold. Nothing looks at the test fold.

Needs the clips (a mirror or a network) and the packages of requirements-weights.txt. About 90
minutes on two cores. What a fold gave is kept in build/benchmarks/, so a run that was broken off
goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import namers
import numpy as np
import pandas as pd
import rows
from rungs import KEPT

from helpers import classifiers, clips, datasets, decisions, intervals, splits

BASELINE = "MFCC statistics, random forest"


@dataclass(frozen=True)
class Method:
    """One line of the table.

    Parameters
    ----------
    name : callable
        From bench, fold and seed to a table of decisions and what else is known.
    role : str
    seeds : int
        How many seeds it is run with: more where its training is quick and random.
    curve : int
        How many times few clips are drawn for each point of its learning curve, in every fold.
    """

    name: Callable
    role: str = "ours"
    seeds: int = 1
    curve: int = 3


def _mfcc(bench):
    return bench.mfcc


def _yamnet(how: str):
    return lambda bench: bench.yamnet(how)


small = partial(namers.scratch, classifiers.depthwise)
large = partial(namers.scratch, classifiers.three_blocks)
middle = partial(namers.scratch, classifiers.strided, batch_size=64)
METHODS = {
    "MFCC statistics, linear": Method(namers.described(_mfcc, "linear"), "baseline"),
    BASELINE: Method(namers.described(_mfcc, "random forest"), "baseline", 3),
    "YAMNet mean, linear": Method(namers.described(_yamnet("mean"), "linear")),
    "YAMNet mean and max, linear": Method(namers.described(_yamnet("mean_max"), "linear")),
    "YAMNet windows, linear": Method(namers.yamnet_windows),
    "YAMNet mean and max, forest": Method(namers.described(_yamnet("mean_max"), "random forest")),
    "YAMNet mean and max, SVM": Method(namers.described(_yamnet("mean_max"), "SVM")),
    "CNN depthwise": Method(small(augmented=False, epochs=30)),
    "CNN depthwise, augmented": Method(small(augmented=True, epochs=60, blend=0.9)),
    "CNN strided": Method(middle(augmented=False, epochs=40), seeds=3),
    "CNN strided, augmented": Method(middle(augmented=True, epochs=120, blend=0.9)),
    "CNN three blocks": Method(large(augmented=False, epochs=15)),
    "raw waveform": Method(namers.raw_waveform),
    "ImageNet frozen, copy": Method(namers.frozen("copy")),
    "ImageNet frozen, zeros": Method(namers.frozen("zeros")),
    "ImageNet frozen, resolutions": Method(namers.frozen("resolutions")),
    "ImageNet tuned, last": Method(namers.tuned("last")),
    "ImageNet tuned, first and last": Method(namers.tuned("first_and_last")),
    "ImageNet tuned, all": Method(namers.tuned("all")),
}
SHORT = {"CNN strided, 15 epochs": Method(middle(augmented=False, epochs=15), curve=1)}
COUNTS = (2, 5, 10, 20, 32)
ALL = METHODS | SHORT
CURVES = ("YAMNet windows, linear", "YAMNet mean and max, linear", BASELINE, *SHORT)


def main() -> None:
    """Run what is not there yet, and write the rows of what is complete."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="esc10")
    parser.add_argument("--methods", nargs="*", default=list(METHODS), help="none for the curves")
    parser.add_argument("--curves", nargs="*", default=list(CURVES), help="none to leave them out")
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    dataset = datasets.load(options.dataset)
    bench = namers.Bench(dataset, clips.material(dataset))
    command = f"python benchmarks/classification.py --dataset {options.dataset}"
    common = {"area": "classification", "dataset": options.dataset, "command": command}
    made = [_chance(bench, common)]
    for method in options.methods:
        made += measure(method, bench, common, fresh=options.fresh)
        rows.add(made)
    for method in options.curves:
        for count in COUNTS:
            made += measure(method, bench, common, count=count, fresh=options.fresh)
            rows.add(made)


def _chance(bench, common: dict) -> dict:
    share = bench.labels.value_counts(normalize=True).max()
    about = {"method": "most frequent class", "role": "chance", "metric": "accuracy"}
    return rows.row(**common, **about, value=float(share), condition={"folds": 5})


def measure(
    method: str, bench, common: dict, *, count: int | None = None, fresh: bool = False
) -> list[dict]:
    """Measure one method on all folds; `count`: learn from so many clips a class only."""
    seeds = ALL[method].curve if count else ALL[method].seeds
    tables, abouts = [], []
    for seed in range(seeds):
        for turn in splits.by_fold(bench.dataset.recordings):
            table, about = one_fold(method, bench, turn, seed, count=count, fresh=fresh)
            tables.append(table.assign(seed=seed))
            abouts.append(about)
    everything = pd.concat(tables, ignore_index=True)
    condition = {"folds": 5} | ({"clips_per_class": count} if count else {})
    about = common | {"method": method, "role": ALL[method].role, "condition": condition}
    found = as_rows(everything, pd.DataFrame(abouts), about, full=count is None)
    shown = found[0]
    print(f"{method}{f' {count} clips' if count else ''}: {rows.figure(shown)}", flush=True)
    return found


def one_fold(method, bench, turn, seed, *, count, fresh):
    """Name the clips of one fold, or read what was kept of it."""
    name = f"{method} {count or ''}".strip().replace(", ", "-").replace(" ", "_")
    path = KEPT / bench.dataset.name / f"{name}-{seed}-{turn.test_fold}.csv"
    about_path = path.with_suffix(".json")
    if about_path.exists() and not fresh:
        types = {"label": str, "decided": str, "group": str}
        return pd.read_csv(path, dtype=types), json.loads(about_path.read_text())
    start = time.perf_counter()
    table, about = ALL[method].name(bench, fewer(bench, turn, count, seed), seed)
    about = {key: int(value) for key, value in about.items()}
    about["training_seconds"] = time.perf_counter() - start
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)
    rows.write_whole(about_path, lambda file: file.write(json.dumps(about).encode()))
    right = table["correct"].mean()
    told = f"fold {turn.test_fold}, seed {seed}: {right:.3f} in {about['training_seconds']:.0f} s"
    print(f"  {name} {told}", flush=True)
    return table, about


def fewer(bench, turn, count: int | None, seed: int):
    """Leave so many clips of each class to learn from, of as many sources as there are.

    A fifth of them, one clip at least, takes the part of the validation fold.
    """
    if count is None:
        return turn
    names = turn.train + turn.validation
    order = bench.material.recordings.loc[names].sample(frac=1, random_state=seed)
    order = order.assign(again=order.groupby("group").cumcount())
    order = order.sort_values("again", kind="stable")
    chosen = order.groupby("label").head(count)
    held = set(chosen.groupby("label").head(max(1, count // 5)).index)
    parts = ([n for n in chosen.index if n not in held], sorted(held))
    return splits.OfficialFold(turn.test_fold, sorted(parts[0]), parts[1], turn.test)


def as_rows(table: pd.DataFrame, abouts: pd.DataFrame, about: dict, *, full: bool) -> list[dict]:
    """Rows of one method: accuracy with its interval, its spreads, and what it costs."""
    groups = table["group"].to_numpy()
    made = [("accuracy", intervals.bootstrap(table, decisions.accuracy, groups=groups), "")]
    if full:
        made.append(("accuracy_deviation", decisions.over_folds(table)["deviation"], ""))
        seeds = table.groupby("seed")["correct"].mean()
        if len(seeds) > 1:
            made.append(("seed_deviation", seeds.std(ddof=1), ""))
        for key, unit in (("parameters", ""), ("training_seconds", "s")):
            if key in abouts:
                # the median: a fold that was interrupted says nothing of the time
                made.append((key, float(np.median(abouts[key])), unit))
    return [rows.row(**about, metric=metric, value=v, unit=unit) for metric, v, unit in made]


if __name__ == "__main__":
    main()
