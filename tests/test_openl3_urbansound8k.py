"""The benchmark of OpenL3 on UrbanSound8K: its whole path, on a small made folder."""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import openl3_urbansound8k as benchmark
import pandas as pd
import pytest
import rows
import shallow
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from reference import openl3_reference as reference

from helpers import _openl3, datasets, intervals

NAME = "openl3-mel128-env-512"
CLASSES = {3: "dog_bark", 8: "siren"}


def sound(number: int, seed: int) -> np.ndarray:
    """Return bursts of noise, or a tone that rises and falls: 0.4 s at 44.1 kHz."""
    rng = np.random.default_rng(seed)
    t = np.arange(17_640) / 44_100
    if number == 3:
        return rng.normal(size=t.size) * 0.2 * (np.sin(2 * np.pi * 8 * t) > 0)
    return 0.3 * np.sin(2 * np.pi * 900 * t + 40 * np.sin(2 * np.pi * 3 * t)) + rng.normal() * 0.01


def lay_out(folder: Path) -> Path:
    """Lay out ten folds with a clip of each class as upstream does; returns the index."""
    table, clips = [], {}
    for fold in range(1, 11):
        for number, label in CLASSES.items():
            source = 1000 * fold + number
            name = f"{source}-{number}-0-0.wav"
            path = folder / "audio" / f"fold{fold}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, sound(number, source), 44_100)
            table.append([name, source, 0.0, 0.4, 1, fold, number, label])
            clips[path.stem] = path
    heads = ["slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class"]
    metadata = folder / "metadata" / "UrbanSound8K.csv"
    metadata.parent.mkdir()
    pd.DataFrame(table, columns=heads).to_csv(metadata, index=False)

    def listed(path):
        place = path.relative_to(folder).as_posix()
        return [place, hashlib.md5(path.read_bytes()).hexdigest()]

    index = {
        "version": "1.0",
        "clips": {clip: {"audio": listed(path)} for clip, path in clips.items()},
        "metadata": {"UrbanSound8K.csv": listed(metadata)},
    }
    (folder / "small.json").write_text(json.dumps(index))
    return folder / "small.json"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small folder, its index, random weights, and a place to keep things."""
    folder = tmp_path_factory.mktemp("urbansound8k")
    weights = reference.write_weights(folder / "random.h5", reference.random_weights())
    return {"index": lay_out(folder), "folder": folder, "weights": weights, "kept": folder / "kept"}


@pytest.fixture
def quick(monkeypatch):
    """Few trees; and nothing may be written to the results."""
    monkeypatch.setattr(shallow, "TREES", 5)

    def refuse(*arguments, **options):
        raise AssertionError("rows were written from random weights")

    monkeypatch.setattr(rows, "add", refuse)


@pytest.fixture(scope="module")
def dataset(made):
    return datasets.from_folder("urbansound8k", made["folder"], index=made["index"])


@pytest.fixture(scope="module")
def extractor(made):
    return _openl3.Extractor(NAME, made["weights"])


def arguments(made) -> list[str]:
    given = [f"--{name}={made[name]}" for name in ("index", "folder", "weights", "kept")]
    return [*given, f"--embedding={NAME}"]


def test_it_runs_whole_goes_on_and_writes_no_row_of_random_weights(
    made, quick, monkeypatch, capsys
):
    before = rows.RESULTS.read_bytes()
    benchmark.main(arguments(made))
    first = capsys.readouterr().out
    assert "20 of 20 clips" in first
    assert f"No row is written: {made['weights']} is not the published file" in first
    lines = [line for line in first.splitlines() if "deviation over folds" in line]
    assert len(lines) == 2 + 2 * 3  # chance, baseline; two poolings, three classifiers
    kept = sorted(made["kept"].rglob("*.npy"))
    assert len(kept) == 40

    def again(make, settings, *_):
        assert make is benchmark._most_frequent, "computed again"  # chance costs nothing
        return make(settings[0])

    monkeypatch.setattr(benchmark, "tuned", again)
    monkeypatch.setattr(benchmark, "embedded", None)  # calling them would raise
    monkeypatch.setattr(benchmark, "mfcc_statistics", None)
    benchmark.main(arguments(made))
    assert [line for line in capsys.readouterr().out.splitlines() if "deviation" in line] == lines
    assert rows.RESULTS.read_bytes() == before


def test_only_what_is_missing_is_computed_again(made, dataset, extractor, tmp_path):
    asked = []

    def describe(path):
        if len(asked) == 12 and not (tmp_path / "kept" / "broken").exists():
            (tmp_path / "kept" / "broken").touch()
            raise KeyboardInterrupt
        asked.append(path.name)
        return np.array([len(path.name), 1.0])

    with pytest.raises(KeyboardInterrupt):
        benchmark.described(dataset, describe, tmp_path / "kept")
    assert len(list((tmp_path / "kept").glob("*"))) == 12 + 1  # nothing half-written is left
    vectors = benchmark.described(dataset, describe, tmp_path / "kept")
    assert sorted(asked) == sorted(dataset.recordings["filename"])
    assert vectors.shape == (20, 2)


def test_every_clip_is_decided_once_by_folds_that_do_not_hold_it(dataset):
    for number, train, held, test in benchmark.turns(dataset.recordings):
        folds = dataset.recordings["fold"].to_numpy()
        assert set(folds[test]) == {number}
        assert set(folds[held]) == {number % 10 + 1}
        assert (train.astype(int) + held + test == 1).all()
    told = np.where(dataset.recordings["label"] == "siren", 1.0, -1.0)[:, None]
    table = benchmark.decided(dataset, told, *benchmark.CLASSIFIERS["linear"])
    assert table["correct"].all()
    with pytest.raises(ValueError, match="2 folds"):
        benchmark.turns(dataset.recordings[dataset.recordings["fold"] < 3])


def test_rows_come_only_from_published_weights_and_every_official_clip(
    dataset, extractor, monkeypatch
):
    why = benchmark.why_no_rows
    assert "is not the published file openl3_audio_mel128_env-v0_4_0.h5.gz" in why(
        dataset, extractor, own_index=False
    )
    monkeypatch.setattr(extractor, "published", True)
    assert why(dataset, extractor, own_index=False) == "20 of the 8732 clips are here."
    monkeypatch.setattr(benchmark, "WHOLE", 20)
    assert "index of your own" in why(dataset, extractor, own_index=True)
    assert why(dataset, extractor, own_index=False) == ""


def decisions(right: list[bool], fold: list[int]) -> pd.DataFrame:
    names = [f"{i}.wav" for i in range(len(right))]
    return pd.DataFrame({"filename": names, "group": names, "fold": fold, "correct": right})


def test_rows_hold_accuracy_spread_folds_and_the_difference(tmp_path):
    rng = np.random.default_rng(0)
    fold = np.arange(200) % 10 + 1
    shares = {benchmark.CHANCE: 0.1, benchmark.BASELINE: 0.5, f"{NAME} mean, SVM": 0.9}
    tables = {name: decisions(list(rng.random(200) < p), fold) for name, p in shares.items()}
    made = benchmark.as_rows(tables, embedding=NAME, command=benchmark.COMMAND)
    rows.add(made, path=tmp_path / "results.json")
    assert len(made) == 3 * 12 + 1
    assert {row["command"] for row in made} == {f"{benchmark.COMMAND} --embedding {NAME}"}
    gain = made[-1]
    assert (gain["metric"], gain["role"]) == ("accuracy_difference", "ours")
    assert 0.2 < gain["low"] < gain["value"] < gain["high"] < 0.6
    first = made[0]
    assert (first["role"], first["n"]) == ("chance", 200)
    each = [row["value"] for row in made[2:12]]
    assert np.mean(each) == pytest.approx(first["value"])
    assert np.std(each, ddof=1) == pytest.approx(made[1]["value"], rel=1e-4)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 4)), min_size=1, max_size=30))
def test_the_mean_over_folds_is_that_of_the_table(clips):
    right, fold = map(list, zip(*clips, strict=True))
    table = decisions(right, fold)
    assert benchmark.fold_mean(table) == pytest.approx(benchmark.by_fold(table).mean())
    weights = intervals.resample_weights(len(table), n=5)
    drawn = benchmark.fold_mean(table, weights=weights)
    for row, found in zip(weights, drawn, strict=True):
        again = table.loc[np.repeat(table.index, row.astype(int))]
        assert found == pytest.approx(benchmark.by_fold(again).mean())


def test_the_package_is_chosen_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "openl3", None)
    with pytest.raises(ModuleNotFoundError, match="requirements-openl3"):
        benchmark.extractor_of("openl3-package-mel128-env-512", None)
