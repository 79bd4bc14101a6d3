"""Does ten times more data buy anything? The dilated network on growing numbers of brews.

    python benchmarks/learning_curve.py [--brews 3 10 30 100 300] [--seeds 0]

Trains on brews of the synthetic sets ``brewery`` and ``brewery-more``, always for the same number
of steps, and tests on the 120 recordings of ``brewery-large``.
"""

from __future__ import annotations

import argparse

import detection_brewery
import numpy as np
import rows
import rungs

from helpers import datasets, evaluation, ladder, networks, splits

COMMAND = "python benchmarks/learning_curve.py"


def main() -> None:
    """Train once for each number of brews and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--brews", nargs="+", type=int, default=[3, 10, 30, 100, 300])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    material = ladder.material(datasets.load("brewery"))
    for name in ("brewery-more", "brewery-large"):
        material = detection_brewery.together(material, ladder.material(datasets.load(name)))
    large = material.recordings["group"].str.len() > len("brew_00")
    training = material.recordings[material.recordings["split"] == "train"]
    test = list(material.recordings[large & (material.recordings["split"] == "test")]["filename"])
    for seed in options.seeds:
        held = splits.inner(training, training["filename"], share=0.12, seed=seed)
        brews = np.random.default_rng(seed).permutation(
            training[training["filename"].isin(held[0])]["group"].unique()
        )
        for n in options.brews:
            names = training[training["group"].isin(brews[:n])]["filename"].tolist()
            measure(material, names, held[1], test, n, seed, options.epochs)


def measure(material, train, validation, test, brews, seed, epochs) -> None:
    """Train on these recordings, tune on the validation brews, test, and write the rows."""
    rung = networks.dilated(
        material, train, validation, average="macro", seed=seed, epochs=epochs, patience=epochs
    )
    decoder = ladder.tuned(rung, material, validation, average="macro")
    events = int(material.events["filename"].isin(train).sum())
    report = rungs.Report(
        material,
        test,
        dataset="brewery-large (synthetic)",
        command=f"{COMMAND} --seeds {seed}",
        condition={"brews": brews, "events": events, "seed": seed},
    )
    report.add_events("dilated", "ours", ladder.detect(rung, decoder, material, test))
    rows.add(report.rows)
    value = evaluation.bootstrap(report.counts["dilated", 0.1], evaluation.macro_f1)
    print(f"{brews} brews, {events} events: {value}", flush=True)


if __name__ == "__main__":
    main()
