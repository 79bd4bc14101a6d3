import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import store

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARING_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_relative_folder_is_refused_with_the_reason(monkeypatch):
    monkeypatch.setenv("HEARING_DATA", "data/cache")
    with pytest.raises(store.StoreError, match="HEARING_DATA='data/cache' is a relative path.*set"):
        store.data_folder()


def test_default_folder_is_in_the_checkout(monkeypatch):
    monkeypatch.delenv("HEARING_DATA")
    assert store.data_folder() == ROOT / "data" / "cache"


@pytest.mark.parametrize(("value", "answer"), [("", False), ("0", False), ("1", True)])
def test_offline(monkeypatch, value, answer):
    monkeypatch.setenv("HEARING_OFFLINE", value)
    assert store.offline() is answer


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.text(max_size=4), plain, max_size=4),
    st.dictionaries(st.text(max_size=4), plain, max_size=4),
)
def test_key_is_of_the_content_alone(one, other):
    assert store.key(one) == store.key(dict(reversed(list(one.items()))))
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (store.key(one) == store.key(other)) is same


def test_key_of_other_types():
    @dataclass
    class Options:
        hop: int

    config = {"a": np.int64(3), "b": (1, 2), "c": Options(160), "d": np.arange(2), "e": Path("x/y")}
    assert store.key(config) == store.key(
        {"a": 3, "b": [1, 2], "c": {"hop": 160}, "d": [0, 1], "e": "x/y"}
    )
    with pytest.raises(TypeError, match="set in a configuration"):
        store.key({"a": {1, 2}})


def test_made_once_and_found_again(folder):
    calls = []

    def make(path):
        calls.append(path)
        path.write_text("sound")

    first = store.artefact("things", {"seed": 1}, make, suffix=".txt")
    assert store.artefact("things", {"seed": 1}, make, suffix=".txt") == first
    assert store.artefact("things", {"seed": 2}, make, suffix=".txt") != first
    assert len(calls) == 2
    assert first.read_text() == "sound"
    assert first == folder / "things" / f"{store.key({'seed': 1})}.txt"
    assert json.loads(first.with_name(first.name + ".json").read_text()) == {"seed": 1}


def test_a_folder_is_an_artefact_too():
    def make(path):
        (path / "deep").mkdir(parents=True)
        (path / "deep" / "a.txt").write_text("a")

    assert (store.artefact("things", {}, make) / "deep" / "a.txt").read_text() == "a"


@pytest.mark.parametrize(
    "failure", [ValueError("no"), KeyboardInterrupt(), OSError(28, "No space left on device")]
)
def test_a_failure_leaves_nothing(folder, failure):
    def make(path):
        path.write_text("half")
        raise failure

    with pytest.raises(type(failure)):
        store.artefact("things", {}, make)
    assert [p.name for p in (folder / "things").iterdir() if not p.name.endswith(".lock")] == []
    assert (
        store.artefact("things", {}, lambda path: path.write_text("whole")).read_text() == "whole"
    )


def test_making_nothing_is_an_error():
    with pytest.raises(store.StoreError, match="created nothing"):
        store.artefact("things", {}, lambda path: None)


def test_what_a_killed_process_left_is_cleared(folder):
    config = {"seed": 3}
    left = folder / "things" / f".{store.key(config)}.abc.tmp"
    left.mkdir(parents=True)
    (left / "half").write_text("half")
    store.artefact("things", config, lambda path: path.write_text("whole"))
    assert not left.exists()


def test_a_lock_held_too_long_is_named(monkeypatch):
    monkeypatch.setattr(store, "WAIT_SECONDS", 0.05)

    def outer(path):
        with pytest.raises(store.StoreError, match="another process"):
            store.artefact("things", {}, lambda inner: None)
        path.touch()

    store.artefact("things", {}, outer)


MAKER = """
import sys, time
from pathlib import Path
from helpers import store

log = Path(sys.argv[1])
Path(sys.argv[2]).touch()
while not (log.parent / "go").exists():
    time.sleep(0.01)

def make(path):
    with log.open("a") as file:
        file.write("made\\n")
    with path.open("w") as file:
        for _ in range(20):
            file.write("x" * 1000)
            file.flush()
            time.sleep(0.01)

print(len(store.artefact("things", {"seed": 5}, make).read_text()))
"""


def test_two_processes_make_it_once(tmp_path):
    log = tmp_path / "log"
    ready = [tmp_path / f"ready{i}" for i in range(3)]
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", MAKER, str(log), str(flag)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for flag in ready
    ]
    try:
        while not all(flag.exists() for flag in ready):
            assert all(maker.poll() is None for maker in makers)
        (tmp_path / "go").touch()
        outputs = [maker.communicate(timeout=60)[0].strip() for maker in makers]
    finally:
        for maker in makers:
            maker.kill()
    assert outputs == ["20000"] * 3
    assert log.read_text() == "made\n"
