"""Train the detector that ships, and write its folder with its card.

    python benchmarks/ship_detector.py [--seed 0] [--epochs 40]

Trained on the training brews of the synthetic brewery and 100 more from the same generator, and
stopped on brews held back from them. A threshold tuned on known airlocks is too high for a new
one, so the decoder is tuned as it will be used: on scores of each kind of airlock by a network that
was trained on the other kind alone. Reported once on the 120 recordings of ``brewery-large`` and on
the test part of ``brewery``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import detection_brewery
import pandas as pd
import rows
import rungs

from helpers import bundle, datasets, detection, evaluation, features, ladder, networks, splits

COMMAND = "python benchmarks/ship_detector.py"
FOLDER = Path(__file__).resolve().parent.parent / "data" / "models" / "airlock"


def main() -> None:
    """Train, save, load again, measure what was loaded, and write the card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()
    material = detection_brewery.together(
        ladder.material(datasets.load("brewery")), ladder.material(datasets.load("brewery-more"))
    )
    training = material.recordings[material.recordings["split"] == "train"]
    train, validation = splits.inner(training, training["filename"], share=0.12, seed=options.seed)
    start = time.perf_counter()
    rung = networks.dilated(
        material,
        train,
        validation,
        average="macro",
        seed=options.seed,
        epochs=options.epochs,
        patience=options.epochs,
        per_epoch=480,
        report=print,
    )
    decoder = tuned_on_strangers(material, train, seed=options.seed)
    seconds = time.perf_counter() - start
    card = {
        "what": "counts the plops of a fermentation airlock in 16 kHz audio",
        "trained_on": f"{len(train)} synthetic recordings of 30 s, "
        f"{len(material.events[material.events['filename'].isin(train)])} plops",
        "stopped_on": f"{len(validation)} synthetic recordings of other brews",
        "tuned_on": "scores of each training airlock by a network trained on the others",
        "seed": options.seed,
        "training_seconds": round(seconds),
        "command": f"{COMMAND} --seed {options.seed} --epochs {options.epochs}",
    }
    save(rung, decoder, card)
    card["figures"] = {name: measure(name) for name in ("brewery", "brewery-large")}
    save(rung, decoder, card)


def tuned_on_strangers(material: ladder.Material, train: list[str], *, seed: int):
    """Tune the decoder on airlocks that the network which scores them never heard."""
    known = material.recordings[material.recordings["filename"].isin(train)]
    known = known[known["n_airlocks"] == 1]
    scores = {}
    for airlock, part in known.groupby("airlock"):
        others = known[known["airlock"] != airlock]
        fit, stop = splits.inner(others, others["filename"], share=0.15, seed=seed)
        rung = networks.dilated(
            material,
            fit,
            stop,
            average="macro",
            seed=seed,
            epochs=12,
            patience=12,
            per_epoch=300,
        )
        print(f"tuned on {airlock}, which {len(fit)} recordings do not have", flush=True)
        scores |= rung.score({name: material.training[name] for name in part["filename"]})
    return detection.tune(scores, material.events, label="p", average="macro")


def save(rung: ladder.Rung, decoder, card: dict) -> None:
    """Write the folder; it is loaded again and compared with Keras on the way."""
    details = rung.details
    bundle.save(
        FOLDER,
        details["model"],
        front_end=details["front_end"],
        decoder=decoder,
        labels=("p",),
        margins=details["margins"],
        card=card,
    )


def measure(name: str) -> dict[str, list[float]]:
    """Measure the folder as a user would run it, from samples, on a set it never heard."""
    dataset = datasets.load(name)
    material = ladder.material(dataset, front_end=features.FrontEnd())
    test = dataset.recordings.query("split == 'test'")["filename"]
    detector = bundle.load(FOLDER)
    found = pd.concat([detector.detect(dataset.audio(n)).assign(filename=n) for n in test])
    report = rungs.Report(
        material, test, dataset=f"{name} (synthetic)", command=COMMAND, condition={"shipped": True}
    )
    report.add_events("shipped detector", "ours", found)
    errors = evaluation.rate_errors(
        material.events,
        found,
        filenames=test,
        durations=dataset.recordings.set_index("filename")["duration"],
        label="p",
    )
    within = evaluation.bootstrap(errors, evaluation.rate_within, groups=report.groups)
    report.add("shipped detector", "ours", "rate_within_10pct", within)
    rows.add(report.rows)
    return {
        row["metric"]: [round(row[key], 4) for key in ("value", "low", "high")]
        for row in report.rows
    }


if __name__ == "__main__":
    main()
