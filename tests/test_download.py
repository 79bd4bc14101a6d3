import hashlib
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback_data import serving, wait_until, write_manifest

from helpers import _download, _sources, store
from helpers._download import Patience
from helpers._sources import DataError, DataMissing, Entry, Source

ROOT = Path(__file__).resolve().parents[1]
SOON = Patience(timeout=0.4, attempts=3, pause=0.01)
BIG = bytes(range(256)) * 2000
FILES = {"Data/big.bin": BIG, "Data/a b+c#.txt": b"onset\n", "note.txt": b"hello"}


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARING_DATA", str(tmp_path / "cache"))
    monkeypatch.delenv("HEARING_MIRROR", raising=False)
    monkeypatch.delenv("HEARING_OFFLINE", raising=False)
    monkeypatch.setattr(_sources, "manifest_folder", lambda: tmp_path / "manifests")
    write_manifest(tmp_path / "manifests" / "made.csv", FILES, only_blob=("note.txt",))


@pytest.fixture
def upstream():
    with serving(dict(FILES)) as server:
        yield server


def fetch(upstream, *paths, patience=SOON):
    entries = _sources.manifest("made")
    wanted = [entries[path] for path in paths or FILES]
    return _download.fetch(Source("made", upstream.base, "none"), wanted, patience=patience)


def names(tmp_path):
    folder = tmp_path / "cache" / "made"
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.name != ".lock")


def test_whole_files_arrive_once(upstream):
    found = fetch(upstream)
    assert {path: file.read_bytes() for path, file in found.items()} == FILES
    asked = len(upstream.requests)
    assert asked == 3
    assert fetch(upstream) == found
    assert len(upstream.requests) == asked


@pytest.mark.parametrize(
    "faults", [["cut"], ["cut", "cut"], ["503"], ["stall"], ["cut", "no range"]]
)
def test_what_can_be_mended_is_tried_again(upstream, faults):
    upstream.faults["Data/big.bin"] = list(faults)
    assert fetch(upstream, "Data/big.bin")["Data/big.bin"].read_bytes() == BIG
    if faults[0] in ("cut", "stall"):
        assert upstream.requests[1] == ("Data/big.bin", f"bytes={len(BIG) // 2}-")


def test_404_is_asked_for_once_and_named(upstream, tmp_path):
    del upstream.files["note.txt"]
    with pytest.raises(DataMissing, match=r"note\.txt \(HTTP 404") as caught:
        fetch(upstream, "note.txt")
    assert len(upstream.requests) == 1
    for way in ("HEARING_OFFLINE not set", "HEARING_MIRROR", "HEARING_DATA", "fallback="):
        assert way in str(caught.value)
    assert names(tmp_path) == []


def test_a_server_that_stays_silent_is_given_up(upstream, tmp_path):
    upstream.faults["Data/big.bin"] = ["stall"] * 3
    with pytest.raises(DataMissing, match=r"big\.bin.*(timed out|stalled|Timeout)"):
        fetch(upstream, "Data/big.bin")
    assert names(tmp_path) == ["big.bin.part"]
    ranges = [int(asked[6:-1]) for _, asked in upstream.requests[1:]]
    assert ranges == sorted(set(ranges))  # each attempt went on where the one before stopped
    assert fetch(upstream, "Data/big.bin")["Data/big.bin"].read_bytes() == BIG


def test_no_server_at_all(upstream):
    gone = Source("made", "http://127.0.0.1:9", "none")
    with pytest.raises(DataMissing, match="refused"):
        _download.fetch(gone, list(_sources.manifest("made").values()), patience=SOON)


@pytest.mark.parametrize("fault", ["wrong", "longer"])
@pytest.mark.parametrize("path", ["Data/big.bin", "note.txt"])
def test_a_changed_file_is_refused_and_thrown_away(upstream, tmp_path, fault, path):
    upstream.faults[path] = [fault]
    with pytest.raises(DataError, match=f"{Path(path).name}.*(not the file|longer than)") as caught:
        fetch(upstream, path)
    assert not isinstance(caught.value, DataMissing)
    assert names(tmp_path) == []


def test_a_bad_beginning_does_not_block_for_ever(upstream, tmp_path):
    part = tmp_path / "cache" / "made" / "Data" / "big.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"?" * 1000)
    assert fetch(upstream, "Data/big.bin")["Data/big.bin"].read_bytes() == BIG
    assert names(tmp_path) == ["big.bin"]
    part.write_bytes(b"?" * (len(BIG) + 5))
    (part.parent / "big.bin").unlink()
    assert fetch(upstream, "Data/big.bin")["Data/big.bin"].read_bytes() == BIG


def test_a_whole_part_needs_no_network(upstream, tmp_path):
    part = tmp_path / "cache" / "made" / "Data" / "big.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(BIG)
    assert fetch(upstream, "Data/big.bin")["Data/big.bin"].read_bytes() == BIG
    assert upstream.requests == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is full")
def test_a_full_disk_is_named_with_the_remedy(upstream, tmp_path):
    part = tmp_path / "cache" / "made" / "Data" / "big.bin.part"
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    with pytest.raises(DataError, match=r"big\.bin: the disk is full .*HEARING_DATA"):
        fetch(upstream, "Data/big.bin")
    assert not (part.parent / "big.bin").exists()
    assert len(upstream.requests) == 1


INTERRUPTED = """
import signal
import sys
from helpers import _download
from helpers._sources import Entry, Source

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
entry = Entry("Data/big.bin", int(sys.argv[2]), sys.argv[3], "", "")
patience = _download.Patience(timeout=1.0, attempts=50, pause=0.01)
try:
    _download.fetch(Source("made", sys.argv[1], "none"), [entry], patience=patience)
except KeyboardInterrupt:
    sys.exit(77)
"""


def test_an_interrupt_leaves_a_part_to_go_on_from(upstream, tmp_path):
    upstream.faults["Data/big.bin"] = ["stall"] * 40
    arguments = [upstream.base, str(len(BIG)), hashlib.sha256(BIG).hexdigest()]
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    part = tmp_path / "cache" / "made" / "Data" / "big.bin.part"
    try:
        wait_until(lambda: part.exists() and part.stat().st_size > 0)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 77
    finally:
        process.kill()
    have = part.stat().st_size
    assert names(tmp_path) == ["big.bin.part"]
    assert BIG.startswith(part.read_bytes())
    upstream.faults.clear()
    assert fetch(upstream, "Data/big.bin")["Data/big.bin"].read_bytes() == BIG
    assert upstream.requests[-1] == ("Data/big.bin", f"bytes={have}-")


def lay_out(folder, files=FILES):
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def test_the_mirror_is_read_in_place_and_before_the_network(upstream, tmp_path, monkeypatch):
    mirror = lay_out(tmp_path / "mirror" / "made", {"note.txt": FILES["note.txt"]}).parent
    monkeypatch.setenv("HEARING_MIRROR", str(mirror))
    found = fetch(upstream)
    assert found["note.txt"] == mirror / "made" / "note.txt"
    assert "note.txt" not in [path for path, _ in upstream.requests]
    assert {path: file.read_bytes() for path, file in found.items()} == FILES


def test_a_flat_mirror(tmp_path, monkeypatch):
    lay_out(tmp_path / "mirror" / "made", {"big.bin": BIG})
    monkeypatch.setenv("HEARING_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("HEARING_OFFLINE", "1")
    source = Source("made", "http://127.0.0.1:9", "none", flat=True)
    found = _download.fetch(source, [_sources.manifest("made")["Data/big.bin"]])
    assert found["Data/big.bin"] == tmp_path / "mirror" / "made" / "big.bin"


def test_a_mirror_must_be_an_absolute_folder_that_exists(upstream, tmp_path, monkeypatch):
    monkeypatch.setenv("HEARING_MIRROR", "mirror")
    with pytest.raises(store.StoreError, match="HEARING_MIRROR='mirror' is a relative path"):
        fetch(upstream)
    monkeypatch.setenv("HEARING_MIRROR", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="nowhere: no such folder"):
        fetch(upstream)


@pytest.mark.parametrize("where", ["cache", "mirror"])
@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"?" + data[1:]])
def test_corrupt_files_at_hand_are_named_and_refused(
    upstream, tmp_path, monkeypatch, where, damage
):
    folder = lay_out(tmp_path / where / "made")
    monkeypatch.setenv("HEARING_MIRROR", str(tmp_path / where))
    for path in ("Data/big.bin", "note.txt"):
        (folder / path).write_bytes(damage(FILES[path]))
        with pytest.raises(DataError, match=f"{folder / path}: not the file.*delete it"):
            fetch(upstream, path)
        assert (folder / path).exists()
    assert upstream.requests == []


def test_offline_forbids_the_network(upstream, monkeypatch):
    monkeypatch.setenv("HEARING_OFFLINE", "1")
    with pytest.raises(DataMissing, match="3 files .*HEARING_OFFLINE=1"):
        fetch(upstream)
    assert upstream.requests == []


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 299), st.integers(1, 255))
def test_any_changed_byte_is_noticed(tmp_path_factory, data, at, change):
    file = tmp_path_factory.mktemp("v") / "x"
    entry = Entry("x", len(data), hashlib.sha256(data).hexdigest(), "", "")
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    entries = [entry, replace(entry, size=None, sha256="", git_blob_sha1=blob)]
    file.write_bytes(data)
    for one in entries:
        _download.verify(file, one)
    changed = bytearray(data or b"\0")
    changed[at % len(changed)] ^= change
    file.write_bytes(changed)
    for one in entries:
        with pytest.raises(DataError, match="not the file"):
            _download.verify(file, one)


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ("../../etc/x,1," + "0" * 64, "leaves its folder"),
        ("/etc/x,1," + "0" * 64, "leaves its folder"),
        ("x,many," + "0" * 64, "no whole number"),
        ("x,1,", "no usable sha256"),
        ("x,1,abc", "no usable sha256"),
    ],
)
def test_a_bad_manifest_is_refused_by_line(tmp_path, row, match):
    (tmp_path / "manifests" / "bad.csv").write_text(f"path,bytes,sha256\nok,1,{'0' * 64}\n{row}\n")
    with pytest.raises(DataError, match=rf"bad\.csv, line 3: .*{match}"):
        _sources.manifest("bad")
    with pytest.raises(DataError, match="no such manifest"):
        _sources.manifest("none")


def test_every_source_is_pinned_and_its_manifest_is_sound(monkeypatch):
    monkeypatch.setattr(_sources, "manifest_folder", lambda: ROOT / "data" / "manifests")
    for name, source in _sources.SOURCES.items():
        entries = _sources.manifest(name)
        assert len(entries) >= 8
        assert re.search("/[0-9a-f]{40}(/|$)", source.base)
        assert " " not in source.address("009 - Rooster/1-40730-A.ogg")
