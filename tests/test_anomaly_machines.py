"""Detectors on the synthetic machines: chance where nothing is broken, better where much is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers import anomaly, ranking
from helpers.synth import machines

CHOSEN = (("fan", "id_00"), ("valve", "id_02"))
NETWORKS = tuple(n for n in anomaly.METHODS if "autoencoder" in n or "network" in n)


@pytest.fixture(scope="module")
def clips() -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Two machines, clips of four seconds: to learn from, and normal, unbroken and broken ones."""
    parts = []
    for kind, machine in CHOSEN:
        table = machines.plan(kind, duration=4.0)
        usual = (table["machine"] == machine) & (table["domain"] == "source")
        wanted = (table["label"] == "normal") | table["severity"].isin([0.0, 1.0])
        parts.append(table[usual & wanted])
    table = pd.concat(parts, ignore_index=True)
    framing = anomaly.Framing()
    return table, {
        row["filename"]: framing.log_mel(machines.render(row)) for row in table.to_dict("records")
    }


def scored(method: str, table: pd.DataFrame, frames: dict) -> pd.DataFrame:
    options = {"epochs": 4, "batch_size": 64} if method in NETWORKS else {}
    detectors = {}
    for name, part in table.groupby(table["machine_type"] + "/" + table["machine"]):
        learn = part[part["split"] == "train"]["filename"]
        detectors[name] = anomaly.fit(method, [frames[n] for n in learn], **options)
    test = table[table["split"] == "test"]
    found = anomaly.scores(detectors, frames, test)
    return found.assign(machine=found["machine_type"] + "/" + found["machine"])


@pytest.mark.parametrize("method", anomaly.METHODS)
def test_where_nothing_is_broken_no_method_is_better_than_chance(method, clips):
    found = scored(method, *clips)
    mean = ranking.by_machine(ranking.auc)
    unbroken = found[(found["label"] == "normal") | (found["severity"] == 0.0)]
    area = ranking.interval(unbroken, mean)
    assert area.low <= 0.5 <= area.high, f"{method}: {area}: something but a fault tells the label"
    broken = found[(found["label"] == "normal") | (found["severity"] == 1.0)]
    if method != "level":  # a fault may be as quiet as it likes
        assert ranking.interval(broken, mean).low > 0.55
