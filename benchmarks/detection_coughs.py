"""The ladder on real coughs: five folds by recording, everything tuned inside the training folds.

    python benchmarks/detection_coughs.py [--dataset coughs-mini] [--seeds 0] [--rungs ...]

Needs the recordings (a mirror or a network). What a fold gave is kept in build/benchmarks/, so a
run that was broken off goes on where it was; --fresh starts again.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
import rows
import rungs

from helpers import datasets, evaluation, ladder, splits


def main() -> None:
    """Run the folds and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", nargs="+", default=["coughs-mini", "coughs-mini-0db"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--rungs", nargs="+", default=list(rungs.RUNGS))
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    for dataset in options.dataset:
        for seed in options.seeds:
            measure(dataset, seed, options)


def measure(name: str, seed: int, options) -> None:
    """Measure every rung on one dataset with one way to cut the folds."""
    dataset = datasets.load(name)
    material = ladder.material(dataset)
    report = rungs.Report(
        material,
        dataset.recordings["filename"],
        dataset=name,
        command=f"python benchmarks/detection_coughs.py --dataset {name} --seeds {seed}",
        condition={"folds": 5, "seed": seed},
    )
    report.add_floor_and_ceiling()
    folds = splits.by_group(dataset.recordings, n_folds=5, seed=seed)
    for rung in options.rungs:
        parts = [
            one_fold(rung, material, fold, i, name, seed, options) for i, fold in enumerate(folds)
        ]
        role = "baseline" if rung in ("energy", "librosa onsets") else "ours"
        report.add_events(rung, role, pd.concat([found for found, _ in parts]))
        report.add_cost(rung, [about for _, about in parts])
        table = report.counts[rung, 0.2]
        print(f"{name} seed {seed} {rung}: {evaluation.bootstrap(table, evaluation.pooled_f1)}")
    report.add_differences("energy", pooled=True)
    rows.add(report.rows)


def one_fold(rung, material, fold, index, name, seed, options):
    """Fit, tune and detect in one fold; validation is cut from the training part."""
    train, test = fold
    train, validation = splits.inner(material.recordings, train, share=0.2, seed=seed + index)
    return rungs.run(
        rung,
        material,
        part=f"{seed}-{index}",
        train=list(train),
        validation=list(validation),
        test=list(np.sort(test)),
        folder=name,
        average="pooled",
        seed=seed,
        fresh=options.fresh,
    )


if __name__ == "__main__":
    main()
