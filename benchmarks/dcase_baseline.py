"""The published baseline of DCASE 2020 Task 2, to the letter: one autoencoder a kind of machine.

    python benchmarks/dcase_baseline.py [--family dcase2020] [--kinds fan ...] [--folder FOLDER]
                                        [--epochs 100]

All machines of a kind share a model; a clip's score is the mean squared error over its 309 vectors.
Areas under the curve are computed for each machine and averaged over the machines of a kind, the
partial one up to a tenth of false alarms, beside the figures that the organisers published.

Needs the development set (over a gigabyte a kind; see data/README.md), about ten minutes a kind on
two cores. With ``--family machines`` it runs on the synthetic machines, whose figures are nobody's
but theirs. Rows are only written for all epochs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import rows

from helpers import anomaly, datasets, ranking

EPOCHS = 100
SEVERITY = 0.5
# Published (README of the baseline, development set): AUC and partial AUC in per cent.
PUBLISHED = {
    "ToyCar": (80.09, 67.22),
    "ToyConveyor": (72.68, 60.66),
    "fan": (65.16, 52.59),
    "pump": (72.59, 60.00),
    "slider": (84.99, 66.93),
    "valve": (66.46, 50.60),
}
KINDS = {"dcase2020": tuple(PUBLISHED), "machines": ("fan", "pump", "slider", "valve")}


def main() -> None:
    """Train and score one kind after the other, and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", default="dcase2020", choices=list(KINDS))
    parser.add_argument("--kinds", nargs="+")
    parser.add_argument("--folder", type=Path, help="a folder laid out as upstream")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    for kind in options.kinds or KINDS[options.family]:
        name = f"{options.family}/{kind}"
        folder = options.folder
        data = datasets.from_folder(name, folder) if folder else datasets.load(name)
        table = of_kind(data, epochs=options.epochs)
        made = as_rows(table, options.family, kind)
        for one in made:
            print(f"{name}, {one['role']}: {one['metric']} {rows.figure(one)}", flush=True)
        if options.epochs == EPOCHS and not folder:
            rows.add(made)


def of_kind(data, *, epochs: int = EPOCHS) -> pd.DataFrame:
    """Train on every normal training clip of a kind and score its test clips."""
    recordings = data.recordings
    if "severity" in recordings:
        recordings = usual(recordings)
    frames = anomaly.log_mels(data, recordings["filename"])
    learn = recordings[(recordings["split"] == "train") & (recordings["label"] == "normal")]
    detector = anomaly.fit(
        "dense autoencoder", [frames[name] for name in learn["filename"]], epochs=epochs
    )
    return anomaly.scores(detector, frames, recordings[recordings["split"] == "test"])


def usual(recordings: pd.DataFrame) -> pd.DataFrame:
    """Take, of the synthetic machines, anomalies of one severity, and no shifted domain."""
    wanted = (recordings["label"] == "normal") | (recordings["severity"] == SEVERITY)
    return recordings[wanted & (recordings["domain"] == "source")]


def as_rows(table: pd.DataFrame, family: str, kind: str) -> list[dict]:
    """Rows of a kind: its mean over machines, ours and where there is one the published one."""
    about = {
        "area": "anomaly",
        "dataset": family if family != "machines" else "machines (synthetic)",
        "condition": {"machine_type": kind, "model": "one for each kind"},
        "command": f"python benchmarks/dcase_baseline.py --family {family}",
    }
    made = []
    metrics = {"auc": ranking.auc, "pauc": ranking.partial_auc}
    for place, (metric, statistic) in enumerate(metrics.items()):
        value = ranking.interval(table, ranking.by_machine(statistic))
        ours = {"method": "dense autoencoder, as published", "role": "ours"}
        made.append(rows.row(**about, **ours, metric=metric, value=value))
        if family == "dcase2020":
            theirs = {"method": "published baseline", "role": "peer"}
            published = PUBLISHED[kind][place] / 100
            made.append(rows.row(**about, **theirs, metric=metric, value=published))
    return made


if __name__ == "__main__":
    main()
