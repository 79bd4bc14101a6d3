"""The benchmarks of anomaly detectors run whole on small folders and say what they ought to."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import anomaly as benchmark  # noqa: E402
import ceiling_fan  # noqa: E402
import dcase_baseline  # noqa: E402
import rows as results  # noqa: E402
from made_machines import dcase2020, written  # noqa: E402

from helpers import datasets  # noqa: E402


@pytest.fixture
def made() -> pd.DataFrame:
    """Scores that rise with severity, of two kinds with two machines, four sessions each."""
    rng = np.random.default_rng(0)
    table = []
    for kind in ("fan", "valve"):
        for machine in ("id_00", "id_02"):
            for domain in ("source", "target"):
                for session in range(4):
                    for severity in (None, 0.0, 0.25, 0.5, 1.0):
                        for clip in range(6):
                            score = rng.normal(4 * (severity or 0))
                            table.append(
                                {
                                    "filename": f"{len(table)}.wav",
                                    "machine_type": kind,
                                    "machine": machine,
                                    "label": "normal" if severity is None else "anomaly",
                                    "domain": domain,
                                    "group": f"{kind}-{machine}-{domain}-{session}",
                                    "severity": severity,
                                    "mean": score,
                                    "quantile": score,
                                    "maximum": rng.normal(),
                                    "seconds": 2.0,
                                    "clip": clip,
                                }
                            )
    return pd.DataFrame(table)


def test_rows_of_a_method_rise_with_severity_and_stand_at_chance_at_none(made):
    found = benchmark.as_rows(benchmark.scored(made, "level"), "level", -6)
    areas = {
        one["condition"]["severity"]: one
        for one in found
        if one["metric"] == "auc" and set(one["condition"]) == {"snr_db", "severity"}
    }
    assert list(sorted(areas)) == [0.0, 0.25, 0.5, 1.0]
    values = [areas[severity]["value"] for severity in sorted(areas)]
    assert values == sorted(values)
    assert areas[0.0]["low"] < 0.5 < areas[0.0]["high"]
    machines = {one["condition"].get("machine") for one in found} - {None}
    assert machines == {"fan/id_00", "fan/id_02", "valve/id_00", "valve/id_02"}
    pooled = {one["condition"].get("pool"): one["value"] for one in found if one["metric"] == "auc"}
    assert pooled["mean"] == pooled["quantile"] == areas[0.5]["value"]
    assert pooled["maximum"] < areas[0.5]["value"]
    assert all(one["condition"]["snr_db"] == -6 for one in found)
    assert {one["role"] for one in found} == {"baseline"}
    identities = [str([one[key] for key in results.IDENTITY]) for one in found]
    assert len(identities) == len(set(identities))


def test_differences_are_paired_and_none_is_of_a_method_to_itself(made):
    better = made.assign(mean=made["mean"] + (made["label"] == "anomaly"))
    tables = {
        "Mahalanobis": benchmark.scored(made, "level"),
        "dense autoencoder": benchmark.scored(better, "level"),
    }
    found = {
        (one["method"], one["condition"]["to"]): one for one in benchmark.differences(tables, 0)
    }
    assert set(found) == {
        ("dense autoencoder", "Mahalanobis"),
        ("Mahalanobis", "dense autoencoder"),
    }
    there, back = (
        found["dense autoencoder", "Mahalanobis"],
        found["Mahalanobis", "dense autoencoder"],
    )
    assert there["low"] > 0 > back["high"]
    assert there["value"] == pytest.approx(-back["value"])


def test_a_method_is_fitted_on_normal_training_clips_of_one_machine_and_kept(monkeypatch, tmp_path):
    heard = []

    class Level:
        def each(self, log_mel):
            return log_mel.ravel()

    def fit(method, log_mels):
        heard.append(sorted(float(x[0, 0]) for x in log_mels))
        return Level()

    monkeypatch.setattr(benchmark.anomaly, "fit", fit)
    recordings = pd.DataFrame(
        [
            (f"{k}", "fan", machine, split, label, domain, "g", "none", None)
            for k, (machine, split, label, domain) in enumerate(
                [
                    ("id_00", "train", "normal", "source"),
                    ("id_00", "train", "normal", "target"),
                    ("id_00", "test", "anomaly", "source"),
                    ("id_02", "train", "normal", "source"),
                    ("id_02", "test", "normal", "source"),
                ]
            )
        ],
        columns=[
            *("filename", "machine_type", "machine", "split", "label", "domain", "group"),
            *("fault", "severity"),
        ],
    )
    frames = {f"{k}": np.full((3, 2), float(k)) for k in range(5)}
    table = benchmark.of_method("level", recordings, frames)
    assert heard == [[0.0], [3.0]]
    assert list(table["filename"]) == ["2", "4"]
    assert list(table["maximum"]) == [2.0, 4.0]


def test_the_published_configuration_runs_on_a_folder_of_ones_own(tmp_path):
    data = datasets.from_folder("dcase2020/fan", written(tmp_path, dcase2020()))
    table = dcase_baseline.of_kind(data, epochs=1)
    assert sorted(table["label"]) == ["anomaly", "anomaly", "normal", "normal"]
    assert np.isfinite(table["score"]).all()
    made = dcase_baseline.as_rows(table, "dcase2020", "fan")
    ours = {one["metric"]: one["value"] for one in made if one["role"] == "ours"}
    published = {one["metric"]: one["value"] for one in made if one["role"] == "peer"}
    assert 0 <= ours["auc"] <= 1  # of the one machine that has both labels
    assert published == {"auc": 0.6516, "pauc": 0.5259}


def test_synthetic_figures_are_never_set_beside_published_ones():
    table = pd.DataFrame(
        {
            "filename": list("abcd"),
            "machine": "id_00",
            "label": ["normal", "anomaly"] * 2,
            "score": range(4),
            "group": list("xxyy"),
        }
    )
    made = dcase_baseline.as_rows(table, "machines", "fan")
    assert {one["role"] for one in made} == {"ours"}
    assert {one["dataset"] for one in made} == {"machines (synthetic)"}


def test_of_the_synthetic_machines_one_severity_and_the_usual_domain_are_scored():
    recordings = pd.DataFrame(
        {
            "filename": list("abcdef"),
            "domain": ["source"] * 5 + ["target"],
            "label": ["normal", "normal", "anomaly", "anomaly", "anomaly", "normal"],
            "split": ["train", "test", "test", "test", "test", "test"],
            "severity": [None, None, 0.0, 0.5, 1.0, None],
        }
    )
    kept = dcase_baseline.usual(recordings)
    assert list(kept["filename"]) == ["a", "b", "d"]


def test_the_ceiling_fan_keeps_a_quarter_of_its_blocks_for_the_threshold():
    recordings = pd.DataFrame(
        {"filename": [f"{k}" for k in range(40)], "group": [f"g{k // 5}" for k in range(40)]}
    )
    fitted, held = ceiling_fan.held_out(recordings)
    assert (len(fitted), len(held)) == (30, 10)
    group = recordings.set_index("filename")["group"]
    assert not set(group[fitted]) & set(group[held])


def test_tilt_and_strength_are_no_result_of_ours():
    assert ceiling_fan.role("shape") == "ours"
    assert {ceiling_fan.role("position"), ceiling_fan.role("strength")} == {"baseline"}
