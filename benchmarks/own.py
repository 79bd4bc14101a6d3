"""Bring a folder of coughs, get a detector in five minutes, and see what it is worth.

    python benchmarks/own.py [--datasets coughs-mini coughs-mini-0db] [--seeds 0 1 2] [--minutes 5]

What `python -m helpers.own FOLDER --label cough` does, on the real coughs as they are and with a
background as loud as they. Each seed holds other recordings out. In the noisy version recordings
that share a background clip are one group, so that no background is on both sides. Five minutes a
seed and version, on a machine that does nothing else: the budget is time.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import rows

from helpers import datasets, labels
from helpers.apps import own

COLLAR = 0.2


def main() -> None:
    """Train for every version and seed, and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", nargs="+", default=["coughs-mini", "coughs-mini-0db"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=5.0)
    options = parser.parse_args()
    for name in options.datasets:
        for seed in options.seeds:
            start = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                result = trained(datasets.load(name), Path(folder), options.minutes, seed)
            made = as_rows(result, name, options.minutes, seed, time.perf_counter() - start)
            rows.add(made)
            print(f"{name}, seed {seed}: {result.report.verdict}", flush=True)


def trained(data, folder: Path, minutes: float, seed: int) -> own.Result:
    """Lay a data set out as a folder of one's own, and train on it."""
    lay_out(data, folder)
    group = "recording"
    if "background_test" in data.recordings:
        group = folder / "groups.csv"
        shared = data.recordings[["filename", "background_test"]]
        shared.set_axis(["filename", "group"], axis=1).to_csv(group, index=False)
    collection = own.read(folder, labels=data.label, group=group)
    return own.train(collection, minutes=minutes, seed=seed)


def lay_out(data, folder: Path) -> None:
    """Write sounds and Audacity labels; a recording without events gets no label file."""
    for name in data.recordings["filename"]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(data.path(name), path)
        events = data.events_of(name, data.label)
        if len(events):
            labels.write_audacity(path.with_suffix(".txt"), events)


def as_rows(result: own.Result, dataset: str, minutes: float, seed: int, seconds: float) -> list:
    """Rows of one run: every rung, the gain over energy, and the time it took."""
    common = {
        "area": "own",
        "dataset": dataset,
        "command": "python benchmarks/own.py",
        "condition": {"minutes": minutes, "seed": seed},
    }
    roles = {"energy": "baseline", "chance": "chance"}
    table = result.report.table
    made = [
        rows.row(
            **common,
            method=row["rung"],
            role=roles.get(row["rung"], "ours"),
            metric=f"onset_f1_{1000 * row['collar']:.0f}ms_pooled",
            value=row["f1"],
        )
        for row in table.to_dict("records")
    ]
    gain = result.report.gain[result.collection.labels[0]]
    about = {"method": "network", "role": "ours"}
    named = common | {"condition": common["condition"] | {"to": "energy"}}
    metric = f"onset_f1_{1000 * COLLAR:.0f}ms_pooled_difference"
    made.append(rows.row(**named, **about, metric=metric, value=gain))
    made.append(rows.row(**common, **about, metric="seconds", value=seconds, unit="s"))
    return made


if __name__ == "__main__":
    main()
