"""Vibration of a ceiling fan: tables of numbers, made ones and the real ones of the mirror."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback_data import serving, write_manifest
from made_machines import written

from helpers import _sources, _vibration, datasets, splits
from helpers._sources import SOURCES, DataError, DataMissing, Source

NORMAL, COIN, MOVED = "fan_0_low_0_weight", "fan_0_low_1_weight", "fan_0_low_0_weight-moving"
ROWS = b"0.012695, 0.203125, 0.970703\n0.000488, -0.208008, 0.979981\n"


def made(counts: dict[str, int]) -> dict[str, bytes]:
    """Files of two rows; the number of the file is in its first value."""
    return {
        f"{condition}/{n:04d}.csv": b"%d.5, 0, 1\n" % n + ROWS
        for condition, count in counts.items()
        for n in range(count)
    }


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARING_DATA", str(tmp_path / "cache"))
    monkeypatch.delenv("HEARING_MIRROR", raising=False)
    monkeypatch.delenv("HEARING_OFFLINE", raising=False)


def test_a_file_is_three_columns_in_g(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(ROWS + b"\n\n")  # blank lines at the end are none
    values = _vibration.read(path)
    assert values.dtype == np.float32
    expected = [[0.012695, 0.203125, 0.970703], [0.000488, -0.208008, 0.979981]]
    np.testing.assert_array_equal(values, np.float32(expected))


@given(values=st.lists(st.tuples(*[st.floats(-16, 16, width=32)] * 3), min_size=1, max_size=30))
def test_what_is_written_is_read_back(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("v") / "a.csv"
    path.write_text("".join(", ".join(map(repr, row)) + "\n" for row in values))
    np.testing.assert_array_equal(_vibration.read(path), np.float32(values))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", r"a\.csv: empty"),
        (b"\n \n", r"a\.csv: empty"),
        (ROWS + b"0.1, nan, 1\n", r"a\.csv, line 3: .*not finite"),
        (ROWS + b"0.1, inf, 1\n" + ROWS, r"a\.csv, line 3: .*not finite"),
        (ROWS + b"0.1, 1\n", r"a\.csv, line 3: 2 columns, 3 wanted"),
        (b"0.1, 1, 2, 3\n", r"a\.csv, line 1: 4 columns, 3 wanted"),
        (ROWS + b"\n" + ROWS, r"a\.csv, line 3: 1 columns, 3 wanted"),
        (b"x, y, z\n" + ROWS, r"a\.csv, line 1: could not convert .*mend the line"),
        (ROWS + b"0.1, , 1\n", r"a\.csv, line 3: could not convert"),
        (b"\xff\xfe\x00", r"a\.csv: no text, but bytes"),
    ],
)
def test_what_is_wrong_with_a_file_is_named_with_its_line(tmp_path, data, said):
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    with pytest.raises(DataError, match=said):
        _vibration.read(path)
    with pytest.raises(DataMissing, match=r"b\.csv: no such file"):
        _vibration.read(tmp_path / "b.csv")


def test_a_folder_tells_condition_label_and_domain(tmp_path):
    written(tmp_path, made({NORMAL: 100, COIN: 45, MOVED: 20, "fan_1_high_2_weight": 1}))
    dataset = datasets.from_folder("ceiling-fan", tmp_path)
    table = dataset.recordings.set_index("filename")
    assert len(table) == 166
    row = table.loc[f"{COIN}/0044.csv"]
    assert (row.label, row.domain, row.split) == ("anomaly", "source", "test")
    assert (row.machine, row.condition, row.speed) == ("fan_0", COIN, "low")
    assert (row.sample_rate, row.duration) == (200.0, 3 / 200)
    moved = table[table["condition"] == MOVED]
    assert set(moved["label"] + moved["domain"] + moved["split"]) == {"normaltargettest"}
    assert table.loc["fan_1_high_2_weight/0000.csv", "label"] == "anomaly"
    assert dataset.labels == ["anomaly", "normal"]
    assert dataset.signal(f"{NORMAL}/0007.csv")[0].tolist() == [7.5, 0, 1]
    with pytest.raises(DataError, match="holds vibration, not sound: use signal"):
        dataset.audio(f"{NORMAL}/0007.csv")
    assert "one session" in dataset.note
    assert "of your own" in dataset.note


def test_consecutive_files_stay_together_and_training_comes_first(tmp_path):
    written(tmp_path, made({NORMAL: 100, COIN: 45}))
    table = _vibration.read_folder(tmp_path)
    size = table.groupby("group").size()
    assert size.max() == _vibration.BLOCK
    assert size[f"{COIN}-002"] == 5
    normal = table[table["condition"] == NORMAL]
    assert (normal["split"] == "train").tolist() == [True] * 60 + [False] * 40
    assert table.groupby("group")["split"].nunique().max() == 1
    assert table.groupby("group")["condition"].nunique().max() == 1
    for train, test in splits.by_group(table):
        splits.assert_disjoint(table, train, test)


def test_one_file_is_enough_and_another_rate_is_taken(tmp_path):
    written(tmp_path, made({NORMAL: 1}))
    table = _vibration.read_folder(tmp_path, sample_rate=100, provenance="http://x")
    row = table.iloc[0]
    assert (row.duration, row.sample_rate, row.split) == (0.03, 100.0, "train")
    assert row.provenance == f"http://x/{NORMAL}/0000.csv"


def test_a_folder_that_does_not_fit_is_named(tmp_path):
    with pytest.raises(DataMissing, match=r"no files such as fan_0_low_0_weight/0000\.csv"):
        datasets.from_folder("ceiling-fan", tmp_path)
    written(tmp_path, {"healthy/0000.csv": ROWS})
    with pytest.raises(DataError, match=r"healthy/: not named like fan_0_low_0_weight"):
        datasets.from_folder("ceiling-fan", tmp_path)


def test_it_is_fetched_and_what_is_wrong_with_a_file_is_said_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(_sources, "manifest_folder", lambda: tmp_path / "manifests")
    files = made({NORMAL: 3, COIN: 2, MOVED: 2})
    write_manifest(tmp_path / "manifests" / "ceiling-fan.csv", files)
    with serving(files) as server:
        source = Source("ceiling-fan", server.base, "x", stand_in="fallback='machines-vibration'")
        monkeypatch.setitem(SOURCES, "ceiling-fan", source)
        dataset = datasets.load("ceiling-fan")
        assert sorted(dataset.recordings["filename"]) == sorted(files)
        assert dataset.folder == tmp_path / "cache" / "ceiling-fan"
        address = dataset.recordings["provenance"].iloc[0]
        assert address.removeprefix(server.base + "/") in files
        files[f"{NORMAL}/0003.csv"] = ROWS + b"nan, 0, 0\n"
        write_manifest(tmp_path / "manifests" / "ceiling-fan.csv", files)
        with pytest.raises(DataError, match=r"0003\.csv, line 3: .*not finite"):
            datasets.load("ceiling-fan")
    monkeypatch.setenv("HEARING_OFFLINE", "1")
    files[f"{COIN}/0009.csv"] = ROWS
    write_manifest(tmp_path / "manifests" / "ceiling-fan.csv", files)
    with pytest.raises(DataMissing, match="fallback='machines-vibration'"):
        datasets.load("ceiling-fan")


@pytest.mark.mirror
def test_the_real_ceiling_fan(mirror, monkeypatch):
    monkeypatch.setenv("HEARING_MIRROR", str(mirror))
    monkeypatch.setenv("HEARING_OFFLINE", "1")
    dataset = datasets.load("ceiling-fan")
    table = dataset.recordings
    assert table["condition"].value_counts().to_dict() == {NORMAL: 585, COIN: 580, MOVED: 299}
    assert set(table["duration"]) == {1.0}
    assert dataset.folder == mirror / "ceiling-fan"
    signal = dataset.signal(f"{NORMAL}/0000.csv")
    assert signal.shape == (200, 3)
    length = np.linalg.norm(signal.mean(axis=0))
    assert 0.9 < length < 1.1  # gravity: the values are in g
    steps = signal * 2048  # 14 bits over plus and minus 4 g
    assert np.abs(steps - np.round(steps)).max() < 0.01
    with pytest.raises(DataError, match="use signal"):
        dataset.audio(f"{NORMAL}/0000.csv")
