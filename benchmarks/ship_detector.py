"""Train the detector that ships, and write its folder with its card.

    python benchmarks/ship_detector.py [--seed 0] [--epochs 40] [--keep-network]

Trained on the training brews of the synthetic brewery and 300 more from the same generator;
stopped and tuned on brews held back from them; reported once on the 120 recordings of
``brewery-large`` and on the test part of ``brewery``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import detection_brewery
import pandas as pd
import rows
import rungs

from helpers import bundle, datasets, evaluation, features, ladder, networks, splits, training

COMMAND = "python benchmarks/ship_detector.py"
FOLDER = Path(__file__).resolve().parent.parent / "data" / "models" / "airlock"


def main() -> None:
    """Train, save, load again, measure what was loaded, and write the card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument(
        "--keep-network", action="store_true", help="only tune and measure what is there again"
    )
    options = parser.parse_args()
    material = detection_brewery.together(
        ladder.material(datasets.load("brewery")), ladder.material(datasets.load("brewery-more"))
    )
    known = material.recordings[material.recordings["split"] == "train"]
    train, validation = splits.inner(known, known["filename"], share=0.12, seed=options.seed)
    start = time.perf_counter()
    if options.keep_network:
        rung = shipped_rung(material)
    else:
        rung = networks.dilated(
            material,
            train,
            validation,
            average="macro",
            seed=options.seed,
            epochs=options.epochs,
            patience=options.epochs,
            per_epoch=960,
            report=print,
        )
    decoder = ladder.tuned(rung, material, validation, average="macro")
    seconds = time.perf_counter() - start
    if options.keep_network:
        seconds = bundle.load(FOLDER).about["card"]["training_seconds"]
    card = {
        "what": "counts the plops of a fermentation airlock in 16 kHz audio",
        "trained_on": f"{len(train)} synthetic recordings of 30 s, "
        f"{len(material.events[material.events['filename'].isin(train)])} plops",
        "tuned_on": f"{len(validation)} synthetic recordings of other brews",
        "seed": options.seed,
        "training_seconds": round(seconds),
        "command": f"{COMMAND} --seed {options.seed} --epochs {options.epochs}",
    }
    save(rung, decoder, card)
    card["figures"] = {name: measure(name) for name in ("brewery", "brewery-large")}
    save(rung, decoder, card)


def shipped_rung(material: ladder.Material) -> ladder.Rung:
    """Take the network in the folder as a rung of the ladder."""
    detector = bundle.load(FOLDER)
    model, margins = bundle.load_keras(detector), detector.margins

    def score(log_mels):
        values = training.predict(model, log_mels, front_end=detector.front_end, margins=margins)
        return material.scores(values)

    details = {"model": model, "front_end": detector.front_end, "margins": margins}
    return ladder.Rung("shipped detector", score, details=details)


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
