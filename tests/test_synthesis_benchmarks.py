"""The benchmarks of mixing, weak labels, one's own sound and the archive run whole, made small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import own as own_benchmark  # noqa: E402
import rungs  # noqa: E402
import synthesis  # noqa: E402
import weak as weak_benchmark  # noqa: E402
from test_own import folder_of  # noqa: E402

from helpers import datasets, ladder, splits, weak  # noqa: E402
from helpers.apps import own  # noqa: E402


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    """A data set of twelve recordings with beeps and hoots."""
    folder = folder_of(tmp_path_factory.mktemp("tones") / "tones", recordings=12)
    return own.read(folder, labels="beep").dataset


@pytest.fixture(scope="module")
def material(tones):
    return ladder.material(tones)


@pytest.fixture
def part(tones):
    names = sorted(tones.recordings["filename"])
    return splits.Split(names[:6], names[6:8], names[8:])


def events_of(material, names, *, later=0.0):
    true = material.events[material.events["filename"].isin(names)]
    return true.assign(onset=true["onset"] + later, score=1.0).reset_index(drop=True)


def weak_rows(monkeypatch, tmp_path, material, part, recipes):
    """What the benchmark of weak labels writes for these methods."""
    written = []
    monkeypatch.setattr(rungs, "KEPT", tmp_path)
    monkeypatch.setattr(weak_benchmark.rows, "add", written.extend)
    parts = (material, [part], "macro", "tones (synthetic)")
    monkeypatch.setattr(weak_benchmark, "parts_of", lambda *_: parts)
    monkeypatch.setattr(weak_benchmark, "recipes", lambda *_: recipes)
    weak_benchmark.measure("tones", 0, 2.0, SimpleNamespace(methods=None, fresh=False))
    return pd.DataFrame(written).set_index(["method", "metric"])["value"]


def perfect(material, later=0.0):
    """Find what is there, for methods that are not the point; later, so that it is missed."""

    def fit(_, train, validation, *, average, seed):
        moved = material.events.assign(onset=material.events["onset"] + later)
        targets = {
            name: ladder.attack_targets(
                moved[moved["filename"] == name],
                front_end=material.front_end,
                n_frames=len(frames),
                label=material.label,
            )
            for name, frames in material.log_mels.items()
        }
        rung = ladder.Rung("told", lambda x: material.scores({n: targets[n] for n in x}), 0)
        return rung, ladder.tuned(rung, material, validation)

    return fit


def test_weak_rows_count_events_clips_labels_and_edits(monkeypatch, tmp_path, material, part):
    recipes = {"strong labels": perfect(material), "max": perfect(material, later=0.15)}
    value = weak_rows(monkeypatch, tmp_path, material, part, recipes)
    assert value["strong labels", "onset_f1_100ms_pooled"] == 1
    assert value["max", "onset_f1_100ms_pooled"] < 0.1
    assert value["max", "onset_f1_100ms_pooled_difference"] < -0.9
    assert value["strong labels", "clip_f1"] == 1
    assert value["max", "clip_f1"] > 0.9  # an event that is late is in the right clip all the same
    known = [*part.train, *part.validation]
    n_events = material.events["filename"].isin(known).sum()
    assert value["strong labels", "labels"] == 2 * n_events
    assert (
        value["max", "labels"] == len(known) * 5
    )  # whole clips of two seconds in a little under twelve
    assert value["strong labels", "edits_per_event"] == 0
    assert value["max", "edits_per_event"] == pytest.approx(2, abs=0.2)
    assert value["chance", "onset_f1_100ms_pooled"] < 0.3


def test_every_method_of_weak_labels_learns_and_detects(monkeypatch, tmp_path, material, part):
    monkeypatch.setitem(weak_benchmark.EPOCHS, "tones", 1)
    monkeypatch.setattr(weak_benchmark, "PER_EPOCH", 32.0)
    recipes = weak_benchmark.recipes(material, "tones", 0, 2.0)
    assert set(recipes) >= {*weak.POOLINGS, weak.COUNT, *weak_benchmark.PLAIN}
    chosen = {name: recipes[name] for name in ("energy, clips", "attention", "count")}
    value = weak_rows(monkeypatch, tmp_path, material, part, chosen)
    assert value["energy, clips", "onset_f1_100ms_pooled"] > 0.5
    assert np.isfinite(value["attention", "clip_f1"])


def test_a_teachers_events_take_the_place_of_the_true_ones(material, part):
    late = {name: np.zeros(len(x)) for name, x in material.log_mels.items()}
    for scores in late.values():
        scores[100:110] = 1.0
    teacher = ladder.Rung("teacher", lambda x: material.scores({n: late[n] for n in x}), 0)
    decoder = weak.DECODERS[len(weak.DECODERS) // 2]
    heard = weak_benchmark.heard_by(teacher, decoder, material, part.train)
    assert list(heard.events.groupby("filename").size()) == [1] * len(part.train)
    assert heard.events["onset"].between(0.9, 1.2).all()
    assert all(heard.targets[name].sum() > 0 for name in part.train)


def test_one_run_of_own_gives_every_rung_its_row(tones, tmp_path):
    result = own_benchmark.trained(tones, tmp_path / "folder", 0.1, 0)
    found = pd.DataFrame(own_benchmark.as_rows(result, "tones", 0.1, 0, 12.0))
    by_rung = found[found["metric"] == "onset_f1_200ms_pooled"].set_index("method")
    assert set(by_rung.index) >= {"chance", "energy", "random forest", "network"}
    assert by_rung.loc["energy", "role"] == "baseline"
    gain = found[found["metric"] == "onset_f1_200ms_pooled_difference"]
    values = by_rung.loc["network", "value"] - by_rung.loc["energy", "value"]
    assert gain["value"].item() == pytest.approx(values, abs=1e-5)


def test_rows_of_mixing_pair_both_trainings_and_name_the_backgrounds(material):
    names = list(material.recordings["filename"])
    table = material.recordings.assign(
        background_test=[f"{'1 - dog' if i % 2 else '2 - rain'}/{n}" for i, n in enumerate(names)]
    )
    levels = [(level, events_of(material, names)) for level in synthesis.LEVELS]
    mixed = pd.concat([events.assign(level=level) for level, events in levels])
    clean = mixed[mixed.index % 2 == 0]  # half of them missed
    found = synthesis.as_rows("energy", {"mixed": mixed, "clean": clean}, material, table, 0)
    gains = [one for one in found if one["metric"].endswith("difference")]
    assert [one["condition"]["snr_db"] for one in gains][0] == 0
    assert len(gains) == len(synthesis.LEVELS)
    assert all(one["low"] > 0 for one in gains)
    kinds = {one["condition"].get("background") for one in found} - {None}
    assert kinds == {"dog", "rain"}
    assert all(one["value"] == 1 for one in found if one["condition"].get("background"))


def test_chance_of_mixing_knows_the_number_of_events(tones, material):
    found = synthesis.chance(tones, material)
    assert (found["method"], found["role"]) == ("chance", "chance")
    assert 0 < found["value"] < 0.4


@pytest.mark.real
@pytest.mark.mirror
def test_the_backgrounds_of_training_and_test_are_at_their_level_and_never_the_same():
    noisy, clean = datasets.load("coughs-mini-0db"), datasets.load("coughs-mini")
    recordings = noisy.recordings
    assert not set(recordings["background_train"]) & set(recordings["background_test"])
    row = next(recordings.itertuples())
    alone = clean.audio(row.source)
    events = noisy.events_of(row.filename)
    inside = np.zeros(len(alone), bool)
    for onset, offset in events[["onset", "offset"]].to_numpy():
        inside[round(onset * 16_000) : round(offset * 16_000)] = True
    for level in (-10.0, 10.0):
        mixed = synthesis.sound(noisy, clean, row, "test", level)
        gain = mixed @ alone / (alone @ alone)  # a loud mixture is turned down as a whole
        signal, behind = gain * alone, mixed - gain * alone
        measured = 10 * np.log10(np.mean(signal[inside] ** 2) / np.mean(behind[inside] ** 2))
        assert measured == pytest.approx(level, abs=3.0)
    assert np.array_equal(synthesis.sound(noisy, clean, row, "train", None), alone)


def test_the_archive_benchmark_runs():
    command = [sys.executable, BENCHMARKS / "archive.py", "--trial"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    assert "2 jobs" in ran.stdout
