"""Clips that are classified: ESC-10 from the network, the mirror or its stand-in."""

import attributions
import numpy as np
import pandas as pd
import pytest
import soundfile
from loopback_data import serving, sound, write_manifest

from helpers import _attributions, _backgrounds, _sources, audio, datasets, splits
from helpers._sources import SOURCES, Source
from helpers.datasets import DataError, DataMissing
from helpers.synth import everyday

EXCLUDED = "009 - Rooster/1-40730-A.ogg"
LICENCE = {EXCLUDED: "CC-Sampling+"}


def made() -> dict[str, bytes]:
    """One clip of each of two classes in each fold, and upstream's note on who made them.

    One clip is silent, one is stereo, one is long and one is short.
    """
    files = {}
    for fold in range(1, 6):
        for folder, first in (("001 - Dog bark", 100), ("009 - Rooster", 40729)):
            options = {(1, 100): {"channels": 2}, (2, 100): {"rate": 22_050}}.get((fold, first), {})
            path = f"{folder}/{fold}-{first + fold}-A.ogg"
            seconds = {(3, 100): 0.3, (4, 100): 7.0}.get((fold, first), 1.0)
            bursts = [] if fold == 5 else [(0.1, 0.25)]
            files[path] = sound(
                seconds, **{"rate": 44_100, "seed": fold, "kind": "OGG", "bursts": bursts} | options
            )
    lines = [
        f"- [{path.split('/')[1]}]:  clip derived from a (b).wav (http://freesound.org/people/x/"
        f"sounds/{path.split('-')[2]}/) by An [author] [{LICENCE.get(path, 'CC0')}]"
        for path in files
    ]
    return files | {"README.txt": "\n".join(["# ESC-10", *lines]).encode(), "README.md": b"#"}


@pytest.fixture
def upstream(tmp_path, monkeypatch):
    """Made clips served under the layout of the real ones, and their manifest."""
    monkeypatch.setenv("HEARING_DATA", str(tmp_path / "cache"))
    monkeypatch.delenv("HEARING_MIRROR", raising=False)
    monkeypatch.delenv("HEARING_OFFLINE", raising=False)
    monkeypatch.setattr(_sources, "manifest_folder", lambda: tmp_path / "manifests")
    files = made()
    write_manifest(tmp_path / "manifests" / "esc10.csv", files)
    with serving(files) as server:
        monkeypatch.setitem(SOURCES, "esc10", Source("esc10", server.base, "none"))
        yield server


@pytest.fixture
def small_everyday(monkeypatch):
    """The stand-in, small enough to make again."""
    options = {"seed": 3, "n_folds": 3, "clips": 1}
    monkeypatch.setitem(everyday.SETS, "everyday", options)


def check_tables(dataset):
    """What holds for every dataset of clips."""
    recordings, events = dataset.recordings, dataset.events
    assert recordings["filename"].is_unique
    assert not recordings["filename"].str.contains("/").any()
    needed = ["filename", "duration", "label", "group", "fold", "provenance"]
    assert recordings[needed].notna().all(axis=None)
    assert recordings["fold"].dtype.kind == "i"
    assert recordings["label"].str.fullmatch("[a-z0-9_]+").all()
    assert list(events.columns) == ["filename", "onset", "offset", "event_label"]
    assert recordings.groupby("group")["fold"].nunique().max() == 1
    assert dataset.label is None
    assert dataset.labels == sorted(set(recordings["label"]))
    with pytest.raises(DataError, match="labels clips"):
        _ = dataset.positives
    for row in recordings.iloc[:12].itertuples():
        samples = dataset.audio(row.filename)
        assert samples.dtype == np.float32
        assert len(samples) == pytest.approx(row.duration * 16_000, abs=2)


def test_clips_from_the_network(upstream):
    dataset = datasets.load("esc10")
    check_tables(dataset)
    assert repr(dataset) == "<Dataset esc10 (real): 10 clips, 0.3 min, 2 classes>"
    recordings = dataset.recordings.set_index("filename")
    row = recordings.loc["2-102-A.ogg"]
    assert (row.label, row.group, row.fold) == ("dog_bark", "102", 2)
    assert (row.author, row.licence, row.title) == ("An [author]", "CC0", "a (b).wav")
    assert row.source.endswith("/sounds/102/")
    assert list(recordings.index[~recordings["shown"]]) == ["1-40730-A.ogg"]
    assert recordings.loc["1-40730-A.ogg", "licence"] == "CC Sampling+"
    assert dataset.path("2-102-A.ogg").parent.name == "001 - Dog bark"
    assert not any(path == "README.md" for path, _ in upstream.requests)
    assert len(splits.by_fold(dataset.recordings)) == 5


def test_clips_of_any_shape_are_read_and_the_silent_one_is_silent(upstream):
    dataset = datasets.load("esc10")
    shapes = {name: dataset.audio(f"{name}-A.ogg").shape[0] for name in ("1-101", "2-102", "4-104")}
    assert shapes == pytest.approx({"1-101": 16_000, "2-102": 16_000, "4-104": 112_000}, abs=2)
    raw, rate = soundfile.read(dataset.path("1-101-A.ogg"), dtype="float32")
    assert raw.shape[1] == 2
    expected = audio.resample(raw.mean(axis=1), source=rate, target=16_000)
    np.testing.assert_allclose(dataset.audio("1-101-A.ogg"), expected, atol=1e-6)
    assert audio.level_db(dataset.audio("5-105-A.ogg")) < -55
    assert dataset.events_of("5-105-A.ogg").empty
    part = dataset.subset(["4-104-A.ogg"])
    assert repr(part) == "<Dataset esc10 (real): 1 clips, 0.1 min, 1 classes>"


def test_a_clip_that_differs_is_named_and_not_hidden_by_the_stand_in(upstream, tmp_path):
    datasets.load("esc10")
    (tmp_path / "cache" / "esc10" / "001 - Dog bark" / "3-103-A.ogg").write_bytes(b"OggS")
    with pytest.raises(DataError, match=r"3-103-A\.ogg: not the file"):
        datasets.load("esc10", fallback="everyday")


def test_a_clip_with_the_right_hash_and_no_sound_is_named(upstream, tmp_path):
    path = "001 - Dog bark/3-103-A.ogg"
    upstream.files[path] = upstream.files[path][:60]
    write_manifest(tmp_path / "manifests" / "esc10.csv", upstream.files)
    with pytest.raises(audio.AudioError, match=r"3-103-A\.ogg"):
        datasets.load("esc10")


def test_without_network_three_ways_are_named_or_the_stand_in_speaks_up(
    upstream, monkeypatch, small_everyday, capsys
):
    monkeypatch.setenv("HEARING_OFFLINE", "1")
    with pytest.raises(DataMissing, match=r"esc10: .*\n.*1\. .*\n.*2\. .*\n.*3\. .*\n.*everyday"):
        datasets.load("esc10")
    dataset = datasets.load("esc10", fallback="everyday")
    said = capsys.readouterr().out
    assert "SYNTHETIC STAND-IN: 'esc10' is not at hand" in said
    assert dataset.name == "everyday"
    assert "SYNTHETIC" in dataset.note
    check_tables(dataset)
    assert repr(dataset) == "<Dataset everyday (synthetic): 30 clips, 2.5 min, 10 classes>"
    assert set(dataset.events["event_label"]) == set(dataset.labels)
    assert upstream.requests == []


def test_the_stand_in_is_made_once_and_read_back_as_it_was(upstream, small_everyday, monkeypatch):
    first = datasets.load("everyday")
    monkeypatch.setattr(everyday, "generate", lambda *a, **k: pytest.fail("made again"))
    again = datasets.load("everyday")
    pd.testing.assert_frame_equal(first.recordings, again.recordings)
    plan = everyday.plan(**everyday.SETS["everyday"])
    pd.testing.assert_frame_equal(
        first.recordings[plan.columns], plan, check_dtype=False, rtol=1e-13
    )
    row = first.recordings.iloc[11]
    samples, events = everyday.render(row)
    np.testing.assert_allclose(first.audio(row.filename), samples, atol=1 / 2**15)
    assert len(first.events_of(row.filename)) == len(events) == row.n_events


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("[CC0]", "[CC-BY-ND]", 1), "known licence"),
        (lambda text: text.replace("clip derived", "a clip", 1), "line 2"),
        (lambda text: text.replace("2-102-A", "1-101-A"), "1-101-A.ogg is named twice"),
        (lambda text: text.replace("2-102-A", "2-999-A"), r"2-102-A\.ogg: not in README\.txt"),
    ],
)
def test_a_note_on_authors_that_is_wrong_is_named(upstream, tmp_path, change, message):
    upstream.files["README.txt"] = change(upstream.files["README.txt"].decode()).encode()
    write_manifest(tmp_path / "manifests" / "esc10.csv", upstream.files)
    with pytest.raises(DataError, match=message):
        datasets.load("esc10")


@pytest.mark.parametrize(
    ("path", "message"),
    [("001 - Dog bark/dog.ogg", "FOLD-SOURCE-TAKE"), ("001 - Rain/1-101-A.ogg", "comes twice")],
)
def test_a_manifest_that_is_wrong_is_named(upstream, tmp_path, path, message):
    upstream.files[path] = upstream.files["001 - Dog bark/1-101-A.ogg"]
    write_manifest(tmp_path / "manifests" / "esc10.csv", upstream.files)
    with pytest.raises(DataError, match=message):
        datasets.load("esc10")


def test_real_esc_10(mirror):
    dataset = datasets.load("esc10")
    check_tables(dataset)
    recordings = dataset.recordings
    assert len(recordings) == 400
    assert (recordings.groupby(["label", "fold"]).size() == 8).all()
    assert dataset.labels[:3] == ["baby_cry", "chainsaw", "clock_tick"]
    assert set(recordings.loc[~recordings["shown"], "filename"]) == {
        path.rsplit("/", 1)[1] for path in _backgrounds.EXCLUDED
    }
    assert (recordings["licence"] == "CC Sampling+").eq(~recordings["shown"]).all()
    assert [len(turn.test) for turn in splits.by_fold(recordings)] == [80] * 5


def test_the_table_of_attributions_is_upstreams(mirror):
    assert attributions.TABLE.read_text(encoding="utf-8") == attributions.text()
    table = pd.read_csv(attributions.TABLE)
    assert list(table.columns) == list(_attributions.COLUMNS)
    assert table["filename"].is_unique
    assert table.notna().all(axis=None)
    kept = datasets.load("esc10").recordings.set_index("filename")
    assert (table.set_index("filename")["author"].sort_index() == kept["author"].sort_index()).all()
    assert table["licence"].value_counts().to_dict() == {
        "CC0": 233,
        "CC BY": 165,
        "CC Sampling+": 2,
    }


def test_the_data_sheet_shows_the_clips_that_are_made(monkeypatch):
    monkeypatch.syspath_prepend(str(attributions.TABLE.parents[1] / "benchmarks"))
    import data_sheet

    now = data_sheet.clip_facts(datasets.load("everyday"))
    lines = [line.strip("| ").split(" | ") for line in data_sheet.SHEET.read_text().splitlines()]
    shown = {line[0]: line[2] for line in lines if len(line) == 3 and line[0] in now}
    assert shown == now, "run benchmarks/data_sheet.py"
