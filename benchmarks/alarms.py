"""Alarms on simulated brews of five days: how many are told, how late, and how many are false.

    python benchmarks/alarms.py [--brews 20]

Synthetic throughout. One plop in ten is missed and one a minute is invented, as by a detector in a
room with a little noise. An alarm is false when its kind is not the trouble of the brew, or when it
comes before the trouble begins.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
import rows

from helpers import evaluation
from helpers.apps.alarms import LATE, Watch
from helpers.synth.fermentations import KINDS, fermentation

COMMAND = "python benchmarks/alarms.py"


def main() -> None:
    """Watch all brews and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--brews", type=int, default=20, help="of each kind")
    options = parser.parse_args()
    table = pd.DataFrame([watch(kind, seed) for kind in KINDS for seed in range(options.brews)])
    made = []
    for kind, brews in table.groupby("kind", sort=False):
        common = {
            "area": "realtime",
            "dataset": "five days (synthetic)",
            "method": "alarms",
            "role": "ours",
            "condition": {"trouble": kind},
            "command": COMMAND,
        }
        found = {"false_alarms_per_brew": mean(brews, "false")}
        if kind != "normal":
            found["told"] = mean(brews, "told")
        if brews["late"].notna().any():
            found["hours_late"] = mean(brews.dropna(subset="late"), "late")
        for metric, value in found.items():
            print(kind, metric, value, flush=True)
            unit = "h" if metric == "hours_late" else ""
            made.append(rows.row(**common, metric=metric, value=value, unit=unit))
    rows.add(made)


def mean(table: pd.DataFrame, column: str, *, groups=None):
    """Mean of a column, with its interval over rows, or over groups of them."""
    values = table[[column]].astype(float).reset_index(drop=True)
    return evaluation.bootstrap(
        values, lambda t, weights=None: _mean(t[column], weights), groups=groups
    )


def _mean(values: pd.Series, weights) -> np.ndarray:
    weights = np.ones(len(values)) if weights is None else weights
    return weights @ values.to_numpy() / weights.sum(axis=-1)


def watch(kind: str, seed: int) -> dict:
    """Follow one brew minute by minute."""
    brew = fermentation(kind, rng=seed)
    follow, told, false = Watch(), None, 0
    for minute, count in enumerate(brew.counts(rng=1000 + seed)):
        for notice in follow.step(60 * minute, int(count), 60.0).notices:
            if notice.kind != "alarm":
                continue
            hour = (minute + 1) / 60
            what = "not started" if notice.text == LATE else notice.text.split(":")[0]
            if what == kind and hour >= brew.hour:
                told = hour if told is None else told
            else:
                false += 1
    late = np.nan if told is None or kind == "not started" else told - brew.hour
    return {"kind": kind, "told": told is not None, "late": late, "false": false}


if __name__ == "__main__":
    main()
