"""Machine sounds of DCASE: two layouts, archives over a real web server, and MIMII samples."""

import hashlib
import itertools
import shutil
import signal
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from loopback_data import serving, write_manifest
from made_machines import clip, dcase2020, dcase2021, manifest, record, written, zipped

from helpers import _archives, _dcase, _download, _sources, _zenodo, audio, datasets
from helpers._download import Patience
from helpers._sources import ARCHIVES, SOURCES, Archives, DataError, DataMissing, Source

ROOT = Path(__file__).resolve().parents[1]
ARCHIVE = "dev_data_fan.zip"
FAN = zipped(dcase2020())
SOON = Patience(timeout=0.4, attempts=3, pause=0.01)
COLUMNS = ["filename", "duration", "machine_type", "machine", "split", "label", "domain", "group"]


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    """An empty cache, no mirror, and the manifests of the test."""
    monkeypatch.setenv("HEARING_DATA", str(tmp_path / "cache"))
    monkeypatch.delenv("HEARING_MIRROR", raising=False)
    monkeypatch.delenv("HEARING_OFFLINE", raising=False)
    monkeypatch.setattr(_sources, "manifest_folder", lambda: tmp_path / "manifests")
    monkeypatch.setattr(_download, "Patience", lambda: SOON)


@pytest.fixture
def upstream(tmp_path, monkeypatch):
    """Zenodo as the loaders see it: archives of 2020 by manifest, those of 2021 by record."""
    modern = zipped({f"dev_data_fan/{name}": data for name, data in dcase2021().items()})
    manifest(tmp_path / "manifests" / "dcase2020.csv", {ARCHIVE: FAN})
    files = {
        f"records/20/files/{ARCHIVE}": FAN,
        f"records/21/files/{ARCHIVE}": modern,
        "api/records/21": record({ARCHIVE: modern}),
    }
    with serving(files) as server:
        for edition, number in (("dcase2020", 20), ("dcase2021", 21)):
            source = Archives(edition, f"{server.base}/records/{number}/files", "none")
            monkeypatch.setitem(ARCHIVES, edition, source)
        yield server


def left(folder: Path) -> list[str]:
    """Files below a folder but for locks."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    )


def pushed(upstream, data: bytes, tmp_path) -> None:
    """Publish another archive, with its sum."""
    upstream.files[f"records/20/files/{ARCHIVE}"] = data
    manifest(tmp_path / "manifests" / "dcase2020.csv", {ARCHIVE: data})


# --- layouts --------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", [True, False])
def test_a_folder_of_2020_tells_machine_split_and_label(tmp_path, inside):
    written(tmp_path / "own", dcase2020())
    folder = tmp_path / "own" / "fan" if inside else tmp_path / "own"
    dataset = datasets.from_folder("dcase2020/fan", folder)
    table = dataset.recordings
    assert list(table.columns)[:8] == COLUMNS
    row = table.set_index("filename").loc["fan/test/anomaly_id_04_00000000.wav"]
    assert (row.machine_type, row.machine, row.split) == ("fan", "id_04", "test")
    assert (row.label, row.domain, row.number) == ("anomaly", "source", 0)
    assert row.duration == pytest.approx(0.25)
    assert sorted(table["filename"]) == sorted(dcase2020())
    assert table["group"].is_unique
    assert dataset.labels == ["anomaly", "normal"]
    assert list(dataset.events.columns) == ["filename", "onset", "offset", "event_label"]
    assert dataset.events.empty
    for filename in table["filename"]:
        assert dataset.audio(filename).shape == (4000,)
    assert "of your own" in dataset.note


def test_a_folder_of_2021_tells_section_domain_and_attributes(tmp_path):
    written(tmp_path, dcase2021("ToyTrain"))
    dataset = datasets.from_folder("dcase2021/ToyTrain", tmp_path)
    table = dataset.recordings.set_index("filename")
    assert len(table) == 7
    first = table.loc["ToyTrain/train/section_00_source_train_normal_0001_strength_1_ambient.wav"]
    assert (first.machine, first.domain, first.split) == ("section_00", "source", "train")
    assert (first.attributes, first.number) == ("strength_1_ambient", 1)
    last = table.loc["ToyTrain/target_test/section_00_target_test_anomaly_0000.wav"]
    assert (last.domain, last.split, last.label, last.attributes) == (
        "target",
        "test",
        "anomaly",
        "",
    )
    counted = table.groupby(["split", "domain"]).size().to_dict()
    assert counted == {
        ("train", "source"): 2,
        ("train", "target"): 1,
        ("test", "source"): 2,
        ("test", "target"): 2,
    }


def test_what_is_missing_from_a_folder_does_not_matter(tmp_path):
    files = dcase2020()
    for name in files:
        if name.startswith("fan/test/anomaly") or "train/normal_id_02" in name:
            continue
        written(tmp_path / "part", {name: files[name]})
    table = datasets.from_folder("dcase2020/fan", tmp_path / "part").recordings
    assert set(table["label"]) == {"normal"}  # a test set without anomalies
    seen = set(table.loc[table["split"] == "train", "machine"])
    assert set(table["machine"]) - seen == {"id_02"}  # a machine that training never saw
    one = written(tmp_path / "one", {"fan/test/normal_id_00_00000000.wav": clip(1)})
    assert len(datasets.from_folder("dcase2020/fan", one).recordings) == 1


def test_of_eight_channels_the_first_is_read_and_the_note_says_so(tmp_path):
    samples = np.linspace(-0.5, 0.5, 8) + np.zeros((1600, 1))
    path = tmp_path / "fan" / "train" / "normal_id_00_00000000.wav"
    path.parent.mkdir(parents=True)
    soundfile.write(path, samples, 16_000, subtype="FLOAT")
    dataset = datasets.from_folder("dcase2020/fan", tmp_path)
    assert dataset.audio(f"fan/train/{path.name}") == pytest.approx(-0.5)
    assert audio.read(path, quiet=True) == pytest.approx(0.0, abs=1e-6)  # the mean of all
    assert audio.read(path, channel=7, quiet=True) == pytest.approx(0.5)
    assert "several channels the first is read" in dataset.note
    for channel in (8, -1):
        with pytest.raises(audio.AudioError, match=rf"channel {channel} wanted, and it has 8"):
            audio.read(path, channel=channel)
    with pytest.raises(DataError, match="holds sound, not vibration: use audio"):
        dataset.signal(f"fan/train/{path.name}")


@pytest.mark.parametrize(
    ("edition", "name"),
    [
        ("dcase2020", "train/normal_id_00.wav"),
        ("dcase2020", "train/abnormal_id_00_00000000.wav"),
        ("dcase2020", "test/section_00_source_test_normal_0000.wav"),
        ("dcase2021", "source_test/section_03_source_test_0000.wav"),  # no label
        ("dcase2021", "train/normal_id_00_00000000.wav"),
        ("dcase2020", "train/00000000.wav"),  # as in MIMII itself
    ],
)
def test_a_name_that_does_not_fit_is_named_with_one_that_does(tmp_path, edition, name):
    written(tmp_path / "fan", {name: clip(0)})
    with pytest.raises(DataError, match=r"not named like (normal_id_00|section_00_source)") as told:
        datasets.from_folder(f"{edition}/fan", tmp_path)
    assert name.split("/")[1] in str(told.value)


@pytest.mark.parametrize(
    "name",
    [
        "train/section_00_source_test_normal_0000.wav",
        "source_test/section_00_target_test_normal_0000.wav",
        "target_test/section_00_target_train_normal_0000_a.wav",
    ],
)
def test_a_name_must_agree_with_its_folder(tmp_path, name):
    written(tmp_path / "fan", {name: clip(0)})
    with pytest.raises(DataError, match="by its name, and it lies in"):
        datasets.from_folder("dcase2021/fan", tmp_path)


@given(
    label=st.sampled_from(["normal", "anomaly"]),
    domain=st.sampled_from(["source", "target"]),
    section=st.integers(0, 99),
    number=st.integers(0, 9999),
    attributes=st.from_regex(r"[A-Za-z0-9]+(_[A-Za-z0-9]+){0,4}", fullmatch=True),
)
def test_names_of_2021_are_read_back(label, domain, section, number, attributes):
    layout = _dcase.LAYOUTS["dcase2021"]
    name = f"section_{section:02d}_{domain}_train_{label}_{number:04d}_{attributes}.wav"
    parts = layout.name.fullmatch(name)
    assert parts["machine"] == f"section_{section:02d}"
    assert (parts["domain"], parts["split"], parts["label"]) == (domain, "train", label)
    assert (int(parts["number"]), parts["attributes"]) == (number, attributes)


def test_other_files_are_left_aside_and_no_sound_at_all_is_an_error(tmp_path):
    folder = written(tmp_path, {"fan/train/.hidden.wav": b"", "fan/train/notes.txt": b"-"})
    with pytest.raises(DataMissing, match=r"no sound in train, test: put files such as normal_id"):
        datasets.from_folder("dcase2020/fan", folder)
    with pytest.raises(DataMissing, match=r"no folder train/ or test/ in it, nor in"):
        datasets.from_folder("dcase2020/pump", folder)


@pytest.mark.parametrize("name", ["dcase2020/ToyTrain", "dcase2021", "dcase2020/fan@6dB"])
def test_an_unknown_kind_is_told_the_known_ones(name):
    with pytest.raises(DataError, match=f"no dataset {name!r}: choose from .*dcase2020/fan"):
        datasets.load(name)
    with pytest.raises(DataError, match=r"no folder is read for .*ceiling-fan"):
        datasets.from_folder(name, ".")
    with pytest.raises(DataError, match="has no index"):
        datasets.from_folder("dcase2020/fan", ".", index="x.json")


# --- from the network -----------------------------------------------------------------------


@pytest.mark.parametrize("edition", ["dcase2020", "dcase2021"])
def test_a_kind_is_fetched_once_unpacked_and_its_archive_thrown_away(
    upstream, tmp_path, capsys, edition
):
    dataset = datasets.load(f"{edition}/fan")
    files = dcase2020() if edition == "dcase2020" else dcase2021()
    assert sorted(dataset.recordings["filename"]) == sorted(files)
    for name, data in files.items():
        assert dataset.path(name).read_bytes() == data
    folder = tmp_path / "cache" / edition
    beside = ["record.json"] if edition == "dcase2021" else []
    assert left(folder) == sorted([*files, *beside])
    said = capsys.readouterr().out
    size = len(upstream.files[f"records/{edition[-2:]}/files/{ARCHIVE}"]) / 1e6
    assert f"{edition}/{ARCHIVE}: {size:.1f} of {size:.1f} MB" in said
    assert "unpacking" in said
    asked = len(upstream.requests)
    again = datasets.load(f"{edition}/fan")
    assert again.recordings.equals(dataset.recordings)
    assert len(upstream.requests) == asked


@pytest.mark.parametrize("edition", ["dcase2020", "dcase2021"])
def test_a_cut_connection_is_resumed(upstream, edition):
    path = f"records/{edition[-2:]}/files/{ARCHIVE}"
    upstream.faults[path] = ["cut", "cut"]
    assert len(datasets.load(f"{edition}/fan").recordings)
    ranges = [asked for name, asked in upstream.requests if name == path]
    half = len(upstream.files[path]) // 2
    assert ranges[:2] == [None, f"bytes={half}-"]
    assert len(ranges) == 3


def test_what_came_before_the_network_failed_is_kept(upstream, tmp_path):
    path = f"records/20/files/{ARCHIVE}"
    upstream.faults[path] = ["cut", "503", "503"]
    with pytest.raises(
        DataMissing, match=r"HTTP 503(.|\n)*dcase2020/fan/train.*(.|\n)*own"
    ) as told:
        datasets.load("dcase2020/fan")
    assert "fallback='machines/fan'" in str(told.value)
    assert left(tmp_path / "cache" / "dcase2020") == [f"{ARCHIVE}.part"]
    assert len(datasets.load("dcase2020/fan").recordings) == 10
    assert upstream.requests[-1] == (path, f"bytes={len(FAN) // 2}-")


def test_an_archive_without_a_noted_size_is_resumed_too(upstream, tmp_path):
    manifest(tmp_path / "manifests" / "dcase2020.csv", {ARCHIVE: FAN}, sizes=False)
    upstream.faults[f"records/20/files/{ARCHIVE}"] = ["cut"]
    assert len(datasets.load("dcase2020/fan").recordings) == 10


@pytest.mark.parametrize("edition", ["dcase2020", "dcase2021"])
@pytest.mark.parametrize("fault", ["wrong", "longer"])
def test_a_tampered_archive_is_refused(upstream, tmp_path, fault, edition):
    upstream.faults[f"records/{edition[-2:]}/files/{ARCHIVE}"] = [fault]
    with pytest.raises(DataError, match=r"not the file.*md5|longer than"):
        datasets.load(f"{edition}/fan")
    assert [name for name in left(tmp_path / "cache" / edition) if name != "record.json"] == []


def test_an_archive_changed_in_one_byte_is_refused(upstream, tmp_path):
    changed = bytearray(FAN)
    changed[len(FAN) // 3] ^= 1
    upstream.files[f"records/20/files/{ARCHIVE}"] = bytes(changed)
    with pytest.raises(DataError, match=f"md5 {hashlib.md5(changed).hexdigest()[:12]}"):
        datasets.load("dcase2020/fan")
    assert left(tmp_path / "cache" / "dcase2020") == []


def link(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.create_system = 3
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil.wav", "leaves its folder"),
        ("fan/train/../../../evil.wav", "leaves its folder"),
        ("/evil.wav", "leaves its folder"),
        ("fan\\..\\..\\evil.wav", "leaves its folder"),
        ("C:/evil.wav", "names a drive"),
        (link("fan/train/evil.wav"), "is a link"),
    ],
)
def test_a_member_that_would_land_elsewhere_is_refused(upstream, tmp_path, name, why):
    pushed(upstream, zipped(dcase2020() | {name: b"/etc/passwd"}), tmp_path)
    with pytest.raises(DataError, match=f"member .*{why}: the archive was refused"):
        datasets.load("dcase2020/fan")
    assert left(tmp_path / "cache" / "dcase2020") == []
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("what", ["no zip", "cut", "damaged", "other folder"])
def test_a_broken_archive_is_named_and_nothing_is_left(upstream, tmp_path, what):
    damaged = bytearray(FAN)
    at = FAN.index(b"RIFF")  # in the first member, whose own sum no longer fits
    damaged[at + 100 : at + 110] = bytes(10)
    data = {
        "no zip": b"<html>not today</html>" * 100,
        "cut": FAN[: len(FAN) // 2],
        "damaged": bytes(damaged),
        "other folder": zipped(dcase2020("pump")),
    }[what]
    pushed(upstream, data, tmp_path)
    expected = r"no folder fan/ in it, but pump" if what == "other folder" else "broken zip archive"
    with pytest.raises(DataError, match=f"{ARCHIVE}: .*{expected}"):
        datasets.load("dcase2020/fan")
    assert left(tmp_path / "cache" / "dcase2020") == []
    pushed(upstream, FAN, tmp_path)
    assert len(datasets.load("dcase2020/fan").recordings) == 10


def test_without_room_to_unpack_the_archive_alone_is_kept(upstream, tmp_path, monkeypatch):
    real = shutil.disk_usage
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda path: real(path)._replace(free=1000))
        with pytest.raises(DataError, match=r"too full to unpack it .*HEARING_DATA"):
            datasets.load("dcase2020/fan")
    assert left(tmp_path / "cache" / "dcase2020") == [ARCHIVE]
    asked = len(upstream.requests)
    assert len(datasets.load("dcase2020/fan").recordings) == 10
    assert len(upstream.requests) == asked
    assert left(tmp_path / "cache" / "dcase2020") == sorted(dcase2020())


def test_a_disk_that_fills_while_unpacking_leaves_nothing_half(upstream, tmp_path, monkeypatch):
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full, a disk that is full")
    target = zipfile.ZipFile._extract_member

    def onto_a_full_disk(self, member, path, pwd):
        if "test" in getattr(member, "filename", str(member)):
            with open("/dev/full", "wb", buffering=0) as file:
                file.write(b"x")
        return target(self, member, path, pwd)

    with monkeypatch.context() as full:
        full.setattr(zipfile.ZipFile, "_extract_member", onto_a_full_disk)
        with pytest.raises(DataError, match="too full to unpack"):
            datasets.load("dcase2020/fan")
    assert left(tmp_path / "cache" / "dcase2020") == [ARCHIVE]


KILLED = """
import os, signal, sys, zipfile
from pathlib import Path
from helpers import _archives

def some(self, folder):
    for member in self.infolist()[:3]:
        self.extract(member, folder)
    os.kill(os.getpid(), signal.SIGKILL)

zipfile.ZipFile.extractall = some
_archives.unpack(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL, which Windows lacks")
def test_a_process_killed_while_unpacking_leaves_no_half_folder(upstream, tmp_path):
    folder = tmp_path / "cache" / "dcase2020"
    written(folder, {ARCHIVE: FAN})
    command = [sys.executable, "-c", KILLED, str(folder / ARCHIVE), str(folder / "fan")]
    ran = subprocess.run(command, capture_output=True, cwd=ROOT, timeout=120)
    assert ran.returncode == -signal.SIGKILL, ran.stderr.decode()
    assert len(left(folder)) == 4  # the archive, and three files in a room with another name
    assert not (folder / "fan").exists()
    assert len(datasets.load("dcase2020/fan").recordings) == 10
    assert left(folder) == sorted(dcase2020())
    assert upstream.requests == []


def test_offline_the_ways_to_get_it_are_told(tmp_path, monkeypatch, upstream):
    monkeypatch.setenv("HEARING_OFFLINE", "1")
    for edition in ("dcase2020", "dcase2021"):
        with pytest.raises(DataMissing) as told:
            datasets.load(f"{edition}/fan")
        said = str(told.value)
        for way in ("HEARING_OFFLINE not set", "HEARING_MIRROR", "HEARING_DATA", "from_folder("):
            assert way in said
        assert f"holds {edition}/fan/train" in said
    assert upstream.requests == []
    mirror = written(tmp_path / "mirror" / "dcase2020", dcase2020())
    monkeypatch.setenv("HEARING_MIRROR", str(mirror.parent))
    dataset = datasets.load("dcase2020/fan")
    assert dataset.folder == mirror
    assert "non-commercial" in dataset.note
    assert dataset.recordings["provenance"].str.endswith("/3678171").all()


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (b"[]", DataError, "no description of a record"),
        (b"<html>", DataError, "no description of a record"),
        (b'{"files": [{"key": "a"}]}', DataError, "no description of a record"),
        (b'{"files": []}', DataError, "nobody noted the MD5 sum"),
        (b" " * (_zenodo.MOST + 1), DataError, "more than"),
        (None, DataMissing, r"HTTP 404(.|\n)*HEARING_MIRROR"),
    ],
)
def test_a_record_that_does_not_tell_is_refused(upstream, tmp_path, answer, error, said):
    if answer is None:
        del upstream.files["api/records/21"]
    else:
        upstream.files["api/records/21"] = answer
    with pytest.raises(error, match=said):
        datasets.load("dcase2021/fan")
    assert f"records/21/files/{ARCHIVE}" not in dict(upstream.requests)


def test_the_sum_is_kept_so_that_both_halves_are_compared_with_the_same(upstream, tmp_path):
    upstream.faults[f"records/21/files/{ARCHIVE}"] = ["cut", "503", "503"]
    with pytest.raises(DataMissing):
        datasets.load("dcase2021/fan")
    upstream.files["api/records/21"] = record({ARCHIVE: b"another version"})
    assert len(datasets.load("dcase2021/fan").recordings) == 7


# --- progress -------------------------------------------------------------------------------


def test_a_line_of_progress_says_how_much_how_fast_and_how_long():
    at = _archives.line("x", 600_000_000, 1_350_000_000, 500_000_000, 50.0)
    assert at == "x: 600.0 of 1350.0 MB, 10.0 MB/s, 1:15 min left"
    assert _archives.line("x", 5_000_000, None, 5_000_000, 2.0) == "x: 5.0 MB, 2.5 MB/s"
    assert _archives.line("x", 5_000_000, 9_000_000, 0, 0.0) == "x: 5.0 of 9.0 MB"


@given(
    total=st.integers(1, 10**10),
    share=st.floats(0, 1),
    fetched=st.floats(0, 1),
    seconds=st.floats(0, 1e6),
)
def test_a_line_of_progress_never_fails(total, share, fetched, seconds):
    have = int(share * total)
    said = _archives.line("x", have, total, int(fetched * have), seconds)
    assert said.startswith(f"x: {have / 1e6:.1f} of {total / 1e6:.1f} MB")
    assert "-" not in said


def test_a_shorter_line_covers_a_longer_one(capsys):
    progress = _archives.Progress("x", every=0)
    progress(10_000_000_000, None)
    progress(1, None)
    progress.close()
    first, second = capsys.readouterr().out.strip("\r\n").split("\r")
    assert len(second) >= len(first)
    _archives.Progress("x").close()
    assert capsys.readouterr().out == ""


# --- the manifests that ship, and MIMII samples ---------------------------------------------


def test_every_archive_of_2020_has_a_sum(monkeypatch):
    monkeypatch.undo()
    entries = _sources.manifest("dcase2020")
    kinds = _dcase.LAYOUTS["dcase2020"].kinds
    assert set(entries) == {f"dev_data_{kind}.zip" for kind in kinds}
    assert all(len(entry.md5) == 32 and not entry.sha256 for entry in entries.values())
    for edition, layout in _dcase.LAYOUTS.items():
        assert ARCHIVES[edition].base == f"https://zenodo.org/records/{layout.record}/files"


@pytest.mark.parametrize("bad", ["0" * 31, "g" * 32, "A" * 32])
def test_a_manifest_with_a_bad_sum_is_refused(tmp_path, bad):
    path = tmp_path / "manifests" / "dcase2020.csv"
    path.parent.mkdir()
    path.write_text(f"path,bytes,md5\n{ARCHIVE},1,{bad}\n")
    with pytest.raises(DataError, match=r"line 2: no usable sha256, git blob id or md5"):
        _sources.manifest("dcase2020")


def test_mimii_samples_from_a_server_and_what_is_missing_is_said(tmp_path, monkeypatch):
    manifest(tmp_path / "manifests" / "dcase2020.csv", {ARCHIVE: FAN})
    files = {
        f"{kind}_{label}.wav": clip(n, channels=8)
        for n, (kind, label) in enumerate(
            itertools.product(("fan", "valve"), ("normal", "abnormal"))
        )
    }
    write_manifest(tmp_path / "manifests" / "mimii-samples.csv", files)
    del files["valve_abnormal.wav"]
    with serving(files) as server:
        source = Source("mimii-samples", server.base, "none", stand_in="fallback='machines/fan'")
        monkeypatch.setitem(SOURCES, "mimii-samples", source)
        dataset = datasets.load("mimii-samples")
        assert "Not here: valve_abnormal.wav." in dataset.note
        assert set(dataset.recordings["filename"]) == set(files)
        assert dataset.labels == ["anomaly", "normal"]
        monkeypatch.setenv("HEARING_OFFLINE", "1")
        stand_in = datasets.load("dcase2020/fan", fallback="mimii-samples")
        assert stand_in.name == "mimii-samples"
        assert "STAND-IN: 'dcase2020/fan' is not at hand" in stand_in.note
        shutil.rmtree(tmp_path / "cache")
        with pytest.raises(DataMissing, match="fallback='machines/fan'"):
            datasets.load("mimii-samples")


@pytest.mark.mirror
def test_real_samples_of_mimii(mirror, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("HEARING_MIRROR", str(mirror))
    monkeypatch.setenv("HEARING_OFFLINE", "1")
    dataset = datasets.load("mimii-samples")
    assert len(dataset.recordings) >= 4
    assert set(dataset.recordings["label"]) == {"normal", "anomaly"}
    for row in dataset.recordings.itertuples():
        assert row.duration == 10.0
        raw, rate = soundfile.read(dataset.path(row.filename), dtype="float32")
        assert (rate, raw.shape) == (16_000, (160_000, 8))
        np.testing.assert_array_equal(dataset.audio(row.filename), raw[:, 0])
