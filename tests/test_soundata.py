"""ESC-50 and UrbanSound8K through soundata, on small folders laid out as upstream."""

import hashlib
import json
import logging
import subprocess
import sys
from pathlib import Path

import made_soundata
import pytest

from helpers import _soundata, audio, datasets, splits
from helpers.datasets import DataError, DataMissing

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def nothing(tmp_path, monkeypatch):
    """A machine with an empty cache, no mirror and no network."""
    monkeypatch.setenv("HEARING_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("HEARING_OFFLINE", "1")
    monkeypatch.delenv("HEARING_MIRROR", raising=False)
    return tmp_path


@pytest.fixture
def esc50(tmp_path):
    index = made_soundata.esc50(tmp_path / "esc50", absent=3)
    return tmp_path / "esc50", index


@pytest.fixture
def urban(tmp_path):
    index = made_soundata.urbansound8k(tmp_path / "urbansound8k")
    return tmp_path / "urbansound8k", index


def test_esc_50_has_its_folds_its_classes_and_its_licence(esc50):
    folder, index = esc50
    dataset = datasets.from_folder("esc50", folder, index=index)
    assert repr(dataset) == "<Dataset esc50 (real): 10 clips, 0.1 min, 2 classes>"
    assert dataset.labels == ["dog", "rain"]
    assert dataset.label is None
    assert not dataset.synthetic
    row = dataset.recordings.set_index("filename").loc["3-3001-A-1.wav"]
    assert (row.label, row.group, row.fold, row.esc10) == ("rain", "3001", 3, False)
    assert row.duration == pytest.approx(0.5)
    assert "non-commercial" in dataset.note
    assert "3 of 13 clips are not in" in dataset.note
    assert len(splits.by_fold(dataset.recordings)) == 5
    for filename in dataset.recordings["filename"]:  # stereo, and of other rates
        assert dataset.audio(filename).shape == (8000,)


def test_urbansound8k_has_ten_folds_and_says_how_salient(urban):
    folder, index = urban
    dataset = datasets.from_folder("urbansound8k", folder, index=index)
    recordings = dataset.recordings
    assert sorted(recordings["fold"].unique()) == list(range(1, 11))
    assert set(recordings["salience"]) == {"foreground", "background"}
    row = recordings.set_index("filename").loc["401-1-0-0.wav"]
    assert (row.label, row.group, row.fold, row.salience) == ("siren", "401", 4, "foreground")
    assert "non-commercial" in dataset.note
    assert "never to be shuffled" in dataset.note
    assert "are not in" not in dataset.note
    assert [turn.test_fold for turn in splits.by_fold(recordings)] == list(range(1, 11))
    assert dataset.audio("401-1-0-0.wav").dtype == "float32"


@pytest.mark.parametrize("place", ["cache", "mirror"])
def test_the_official_index_beside_the_data_is_compared_with_its_sum(nothing, monkeypatch, place):
    folder = nothing / place / "esc50"
    index = made_soundata.esc50(folder)
    monkeypatch.setenv("HEARING_MIRROR", str(nothing / "mirror"))
    (nothing / "mirror").mkdir(exist_ok=True)
    with pytest.raises(
        DataMissing, match=r"index esc50_index_2\.0\.json.*not here.*fetches it alone"
    ):
        datasets.load("esc50")
    index.rename(folder / "esc50_index_2.0.json")
    with pytest.raises(DataError, match=r"not the index that soundata names.*\n.*'index'"):
        datasets.load("esc50")
    import soundata.datasets.esc50 as upstream

    digest = hashlib.md5((folder / "esc50_index_2.0.json").read_bytes()).hexdigest()
    monkeypatch.setattr(upstream.INDEXES["2.0"].remote, "checksum", digest)
    dataset = datasets.load("esc50")
    assert len(dataset.recordings) == 10
    assert dataset.folder == folder


@pytest.mark.parametrize("name", ["esc50", "urbansound8k"])
def test_nothing_is_downloaded_unasked(nothing, monkeypatch, name):
    monkeypatch.delenv("HEARING_OFFLINE")  # even where the network may be used
    with pytest.raises(DataMissing) as caught:
        datasets.load(name)
    said = str(caught.value)
    assert "non-commercial" in said
    for way in ("  1. ", "  2. set HEARING_MIRROR", "  3. set HEARING_DATA"):
        assert way in said
    line = next(line for line in said.splitlines() if "soundata.initialize" in line)
    code = line.split('"')[1].replace("d.download()", "d.download").replace("d.validate()", "0")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert not (nothing / "cache" / name).exists()


def test_a_file_that_differs_is_named_and_refused(urban):
    folder, index = urban
    path = folder / "audio" / "fold7" / "701-1-0-0.wav"
    path.write_bytes(path.read_bytes()[:-2] + b"??")
    with pytest.raises(DataError, match=r"701-1-0-0\.wav: not the file that soundata's index"):
        datasets.from_folder("urbansound8k", folder, index=index)


def test_a_file_with_the_right_sum_and_no_sound_in_it_is_named(esc50):
    folder, index = esc50
    path = folder / "audio" / "1-1000-A-0.wav"
    path.write_bytes(b"no sound")
    table = json.loads(index.read_text())
    table["clips"]["1-1000-A-0"]["audio"][1] = hashlib.md5(b"no sound").hexdigest()
    index.write_text(json.dumps(table))
    with pytest.raises(audio.AudioError, match=r"1-1000-A-0\.wav"):
        datasets.from_folder("esc50", folder, index=index)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("1-1000-A-0.wav,1", "1-1000-A-0.wav,2"), "fold 2 and source"),
        (lambda text: text.replace("1-1000-A-0.wav", "other.wav"), "not in meta/esc50.csv"),
        (lambda text: text.replace("1-1000-A-0.wav,1", "1-1000-A-0.wav,one"), "not upstream's"),
        (lambda text: text.split(",")[0] + "\n1-1000-A-0.wav\n", "not upstream's table"),
    ],
)
def test_a_table_that_does_not_fit_the_files_is_refused(esc50, change, message):
    folder, index = esc50
    table = folder / "meta" / "esc50.csv"
    table.write_text(change(table.read_text()))
    with pytest.raises(DataError, match=message):
        datasets.from_folder("esc50", folder, index=index)


@pytest.mark.parametrize("text", ["no json", "[]", '{"clips": {"a": {}}}', '{"clips": {"a": 3}}'])
def test_an_index_that_is_none_is_named(esc50, text):
    folder, index = esc50
    index.write_text(text)
    with pytest.raises(DataError, match=r"index\.json: no index of esc50"):
        datasets.from_folder("esc50", folder, index=index)


def test_what_is_not_there_is_named(esc50, tmp_path, nothing):
    folder, index = esc50
    with pytest.raises(DataMissing, match=r"none\.json: no such index"):
        datasets.from_folder("esc50", folder, index=tmp_path / "none.json")
    with pytest.raises(DataMissing, match=r"UrbanSound8K\.csv is not there"):
        datasets.from_folder("urbansound8k", folder, index=index)
    with pytest.raises(DataError, match="esc50 or urbansound8k"):
        datasets.from_folder("esc10", folder)
    for path in (folder / "audio").iterdir():
        path.unlink()
    with pytest.raises(DataMissing, match="holds none of the 13 clips"):
        datasets.from_folder("esc50", folder, index=index)


def test_soundata_is_kept_quiet_and_leaves_the_log_alone(esc50):
    folder, index = esc50
    code = (
        "import logging\n"
        "from helpers import datasets\n"
        f"datasets.from_folder('esc50', {str(folder)!r}, index={str(index)!r})\n"
        "root = logging.getLogger()\n"
        "assert root.level == logging.WARNING and not root.handlers, root.handlers\n"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_handlers_that_were_there_stay():
    root, mine = logging.getLogger(), logging.NullHandler()
    root.addHandler(mine)
    before = list(root.handlers)
    try:
        with _soundata._root_logger_kept():
            logging.basicConfig(level=logging.DEBUG)
            root.addHandler(logging.NullHandler())
        assert root.handlers == before
    finally:
        root.removeHandler(mine)
