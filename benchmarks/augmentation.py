"""What each augmentation brings on ESC-10, alone and all together, over folds and seeds.

    python benchmarks/augmentation.py [--dataset esc10] [--seeds 0 1] [--changes ...] [--fresh]

The strided network learns from three folds, is stopped on the fourth and tested on the fifth, with
the same seeds for every change. The difference to no change at all is paired: the same clips, the
same folds. About an hour on two cores; what a fold gave is kept in build/benchmarks/.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass

import namers
import pandas as pd
import rows
from rungs import KEPT

from helpers import (
    augment,
    classification,
    classifiers,
    clips,
    datasets,
    decisions,
    intervals,
    splits,
)

NOTHING = "no change"
TOGETHER = "all together"


@dataclass(frozen=True)
class Change:
    """One way to augment.

    Parameters
    ----------
    steps : tuple of str
        Changes of the waveform, made beforehand: four versions of each clip.
    changes : tuple of str
        Changes of the windows, by their names in `namers.CHANGES`.
    shift : bool
        Draw windows from anywhere, not from the grid of the cut.
    """

    steps: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    shift: bool = False


CHANGES = {
    NOTHING: Change(),
    "time shift": Change(shift=True),
    "stretch": Change(steps=("stretch",)),
    "pitch": Change(steps=("pitch",)),
    "noise": Change(steps=("noise",)),
    "background": Change(changes=("background",)),
    "level and tilt": Change(changes=("level and tilt",)),
    "masks (SpecAugment)": Change(changes=("masks",)),
    "mixup": Change(changes=("mixup",)),
    TOGETHER: Change(("stretch", "pitch", "noise"), tuple(namers.CHANGES), True),
}


def main() -> None:
    """Run what is not there yet, and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="esc10")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--changes", nargs="+", default=list(CHANGES), choices=list(CHANGES))
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    dataset = datasets.load(options.dataset)
    bench = namers.Bench(dataset, clips.material(dataset))
    wanted = dict.fromkeys([NOTHING, *options.changes])
    tables = {name: measured(name, bench, options.seeds, fresh=options.fresh) for name in wanted}
    rows.add(as_rows(tables, options.dataset, len(options.seeds)))


def measured(name: str, bench, seeds: list[int], *, fresh: bool) -> pd.DataFrame:
    """Decide every clip in the fold that tests it; one row a clip, the mean over seeds."""
    tables = [
        one_fold(name, bench, turn, seed, fresh=fresh)
        for seed in seeds
        for turn in splits.by_fold(bench.dataset.recordings)
    ]
    everything = pd.concat(tables)
    about = {"group": "first", "fold": "first", "correct": "mean"}
    table = everything.groupby("filename").agg(about).reset_index()
    print(f"{name}: {table['correct'].mean():.3f}", flush=True)
    return table


def one_fold(name: str, bench, turn, seed: int, *, fresh: bool) -> pd.DataFrame:
    """Train with one change and decide one fold, or read what was kept of it."""
    place = KEPT / bench.dataset.name / "augmentation"
    path = place / f"{name.replace(' ', '_')}-{seed}-{turn.test_fold}.json"
    if path.exists() and not fresh:
        return pd.DataFrame(json.loads(path.read_text()))
    start, change, versions = time.perf_counter(), CHANGES[name], None
    if change.steps:
        options = {"front_end": bench.material.front_end, "count": 4, "steps": change.steps}
        versions = augment.versions(bench.dataset, turn.train, **options)
    made = classification.train(
        classifiers.strided,
        bench.material,
        turn.train,
        turn.validation,
        cut=namers.CUT,
        changes=[namers.CHANGES[one] for one in change.changes],
        versions=versions,
        fixed=not change.shift,
        per_epoch=1000,
        epochs=30,
        batch_size=64,
        seed=seed,
    )
    table = made.decide(bench.material, turn.test)[["filename", "group", "fold", "correct"]]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(table.to_dict(orient="list"))
    rows.write_whole(path, lambda file: file.write(text.encode()))
    told = f"{table['correct'].mean():.3f} in {time.perf_counter() - start:.0f} s"
    print(f"  {name}, fold {turn.test_fold}, seed {seed}: {told}", flush=True)
    return table


def as_rows(tables: dict[str, pd.DataFrame], dataset: str, seeds: int) -> list[dict]:
    """Accuracy of every change, and its paired difference to none."""
    made = []
    for name, table in tables.items():
        about = {
            "area": "classification",
            "dataset": dataset,
            "method": name,
            "role": "baseline" if name == NOTHING else "ours",
            "condition": {"network": "strided", "folds": 5, "seeds": seeds},
            "command": f"python benchmarks/augmentation.py --dataset {dataset}",
        }
        groups = table["group"].to_numpy()
        value = intervals.bootstrap(table, decisions.accuracy, groups=groups)
        made.append(rows.row(**about, metric="accuracy", value=value))
        if name != NOTHING:
            gain = intervals.paired(table, tables[NOTHING], decisions.accuracy, groups=groups)
            made.append(rows.row(**about, metric="accuracy_difference", value=gain))
    return made


if __name__ == "__main__":
    main()
