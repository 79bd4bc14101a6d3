"""JAMS files: what is written is read back, here and by the package of that name."""

import contextlib
import json
import math
import string
import subprocess
import sys
import warnings
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import jams
from helpers._events import LabelError, LabelWarning

ROOT = Path(__file__).resolve().parents[1]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SPANS = st.tuples(st.floats(0, 59), st.floats(0, 1), TEXT)
EVENTS = pd.DataFrame(
    {
        "onset": [0.5, 2.0],
        "offset": [0.9, 2.25],
        "event_label": ["cough", "sneeze"],
        "snr_db": [6.0, -3.5],
        "source": ["a.wav", "Data/b.wav"],
        "source_time": [1.25, 0.0],
        "pitch_shift": [math.nan, 2.0],
    }
)
BACKGROUND = {"label": "rain", "source": "rain/1.ogg", "source_time": 0.75}
READ_BY_SCAPER = {  # by scaper 1.6.5, generate_from_jams
    *("fg_path", "bg_path", "original_duration", "duration", "protected_labels", "sr", "ref_db"),
    *("n_channels", "fade_in_len", "fade_out_len", "reverb", "fix_clipping"),
    *("peak_normalization", "quick_pitch_time"),
}


@pytest.fixture(scope="session")
def package():
    """The package that defines the format."""
    import jams as package

    return package


def write_soundscape(path: Path, events: pd.DataFrame = EVENTS) -> Path:
    jams.write_soundscape(path, events, duration=5.0, background=BACKGROUND, ref_db=-40.0)
    return path


def written(path: Path, annotations: object, **about) -> Path:
    """Write a JAMS file by hand."""
    whole = {"file_metadata": {"duration": 5.0} | about, "annotations": annotations, "sandbox": {}}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


def segments(*observations, namespace: str = "segment_open") -> dict:
    keys = ("time", "duration", "value", "confidence")
    data = [dict(zip(keys, one, strict=True)) for one in observations]
    return {"namespace": namespace, "data": data, "annotation_metadata": {}}


# --- there and back -------------------------------------------------------------------------


@given(st.lists(SPANS, max_size=8))
def test_what_is_written_is_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("jams") / "a.jams"
    rows = sorted(((a, a + length, label) for a, length, label in rows), key=lambda row: row[0])
    events = pd.DataFrame(rows, columns=["onset", "offset", "event_label"])
    jams.write(path, events, duration=60.0)
    found = jams.read(path)
    assert list(found.columns) == ["onset", "offset", "event_label"]
    assert list(found["event_label"]) == [label for _, _, label in rows]
    assert list(found["onset"]) == [onset for onset, _, _ in rows]
    assert list(found["offset"]) == pytest.approx([off for _, off, _ in rows], abs=1e-9)


def test_a_soundscape_is_read_back(tmp_path):
    path = write_soundscape(tmp_path / "a.jams")
    found = jams.read(path)
    assert list(found["source"]) == ["foreground/cough/a.wav", "foreground/sneeze/b.wav"]
    same = ["onset", "offset", "event_label", "source_time", "snr_db"]
    pd.testing.assert_frame_equal(found[same], EVENTS[same], check_dtype=False)
    behind = jams.read(path, role="background")
    assert behind.to_dict("records") == [
        {"onset": 0.0, "offset": 5.0, "event_label": "rain", "source": "background/rain/1.ogg"}
        | {"source_time": 0.75, "snr_db": 0.0}
    ]


def test_an_event_may_end_with_the_recording(tmp_path):
    onset, duration = 0.99, 3.35
    assert onset + (duration - onset) > duration  # by the last bit
    events = pd.DataFrame([[onset, duration, "a"]], columns=["onset", "offset", "event_label"])
    jams.write(tmp_path / "a.jams", events, duration=duration)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert jams.read(tmp_path / "a.jams")["offset"].item() == pytest.approx(duration)


def test_one_table_makes_the_same_bytes(tmp_path):
    first, again = (write_soundscape(tmp_path / name) for name in ("a.jams", "b.jams"))
    assert first.read_bytes() == again.read_bytes()


# --- the package ----------------------------------------------------------------------------


def test_the_package_finds_our_events_valid(tmp_path, package):
    path = tmp_path / "a.jams"
    jams.write(path, EVENTS.assign(score=[0.25, math.nan]), duration=5.0)
    whole = package.load(str(path), validate=True, strict=True)
    (own,) = whole.annotations
    intervals, labels = own.to_interval_values()
    assert own.namespace == "segment_open"
    assert whole.file_metadata.duration == own.duration == 5.0
    assert intervals == pytest.approx(EVENTS[["onset", "offset"]].to_numpy())
    assert labels == ["cough", "sneeze"]
    assert [observation.confidence for observation in own.data] == [0.25, None]


def test_the_package_finds_our_soundscapes_valid(tmp_path, package):
    path = write_soundscape(tmp_path / "a.jams")
    whole = package.load(str(path), validate=True, strict=True)
    (own,) = whole.search(namespace="scaper")
    assert set(own.sandbox.scaper) >= READ_BY_SCAPER
    behind, cough, sneeze = (observation.value for observation in own.data)
    assert behind["role"] == "background"
    assert behind["event_duration"] == 5.0
    assert (cough["source_file"], cough["source_time"]) == ("foreground/cough/a.wav", 1.25)
    assert (cough["snr"], cough["pitch_shift"]) == (6.0, None)
    assert sneeze["pitch_shift"] == 2.0
    assert sneeze["event_time"] == 2.0
    assert sneeze["event_duration"] == 0.25


def test_what_the_package_has_trimmed_is_read_as_it_sounds(tmp_path, package):
    whole = package.load(str(write_soundscape(tmp_path / "a.jams")))
    whole.slice(0.7, 3.0).save(str(tmp_path / "cut.jams"))
    found = jams.read(tmp_path / "cut.jams")
    assert list(found["onset"]) == pytest.approx([0.0, 1.3])
    assert list(found["offset"]) == pytest.approx([0.2, 1.55])


@pytest.mark.parametrize("namespace", ["segment_open", "tag_open"])
def test_what_the_package_writes_is_read(tmp_path, package, namespace):
    whole, own = package.JAMS(), package.Annotation(namespace=namespace, duration=5.0)
    for row in EVENTS.iloc[::-1].itertuples():  # the package sorts by time, as we do
        length = row.offset - row.onset
        own.append(time=row.onset, duration=length, value=row.event_label, confidence=None)
    whole.annotations.append(own)
    whole.file_metadata.duration = 5.0
    whole.save(str(tmp_path / "a.jams"))
    found = jams.read(tmp_path / "a.jams")
    pd.testing.assert_frame_equal(found, EVENTS[list(found.columns)], check_dtype=False)


# --- files of others ------------------------------------------------------------------------


def test_scapers_annotation_is_preferred_and_another_can_be_asked_for(tmp_path):
    scaper = json.loads(write_soundscape(tmp_path / "s.jams").read_text())["annotations"][0]
    both = [segments((1.0, 0.5, "all of it", None), namespace="tag_open"), scaper]
    path = written(tmp_path / "a.jams", both)
    assert list(jams.read(path)["event_label"]) == ["cough", "sneeze"]
    assert list(jams.read(path, namespace="tag_open")["event_label"]) == ["all of it"]
    assert jams.read(path, namespace="tag_open", role="background").empty
    with pytest.raises(LabelError, match=r"a\.jams: no annotation of .* segment_open.*tag_open"):
        jams.read(path, namespace="segment_open")


def test_the_first_of_two_annotators_is_read_and_that_is_said(tmp_path):
    two = [segments((1.0, 0.5, name, 1.0)) for name in ("ours", "theirs")]
    with pytest.warns(LabelWarning, match="2 annotations of segment_open; the first is read"):
        found = jams.read(written(tmp_path / "a.jams", two))
    assert list(found["event_label"]) == ["ours"]


def test_files_of_old_keep_a_list_for_each_field(tmp_path):
    data = {"time": [1.0, 0.0], "duration": [0.5, 0.25], "value": ["b", "a"], "confidence": []}
    path = written(tmp_path / "a.jams", [{"namespace": "segment_open", "data": data}])
    assert jams.read(path).to_numpy().tolist() == [[0.0, 0.25, "a"], [1.0, 1.5, "b"]]


def test_a_recording_without_events_and_one_of_unknown_length_are_read(tmp_path):
    none = jams.read(written(tmp_path / "a.jams", [segments()], duration=None))
    assert none.empty
    assert list(none.columns) == ["onset", "offset", "event_label"]
    late = written(tmp_path / "b.jams", [segments((70.0, 1.0, "a", None))], duration=None)
    assert jams.read(late)["offset"].item() == 71.0


WRONG = {
    "time is None": segments((None, 1.0, "a", 1.0)),
    "time is 'soon'": segments(("soon", 1.0, "a", 1.0)),
    "duration is nan": segments((0.0, math.nan, "a", 1.0)),
    r"value is \{\}; segment_open holds text": segments((0.0, 1.0, {}, 1.0)),
    "no label or no role": segments((0.0, 1.0, {"label": "a"}, 1.0), namespace="scaper"),
    "source_time is None": segments(
        (0.0, 1.0, {"label": "a", "role": "foreground"}, 1.0), namespace="scaper"
    ),
    "onset 6 s lies past the end": segments((6.0, 1.0, "a", 1.0)),
    "is negative": segments((-1.0, 2.0, "a", 1.0)),
    "no list of observations": {"namespace": "segment_open", "data": {"time": [1.0]}},
    "only beat: convert": {"namespace": "beat", "data": []},
    "none at all": "not an annotation",
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_in_a_file_is_named(tmp_path, message):
    path = written(tmp_path / "a.jams", [WRONG[message]])
    with pytest.raises(LabelError, match=rf"a\.jams.*{message}"):
        jams.read(path)


def test_a_file_that_is_no_jams_is_refused(tmp_path):
    with pytest.raises(LabelError, match=r"a\.jams: cannot be read .*check the path"):
        jams.read(tmp_path / "a.jams")
    for text in ("0.5\t0.9\tcough\n", '{"annotations": [', "\x00"):
        (tmp_path / "a.jams").write_text(text)
        with pytest.raises(LabelError, match=r"a\.jams: not JSON"):
            jams.read(tmp_path / "a.jams")
    (tmp_path / "a.jams").write_bytes("{'é': 1}".encode("latin-1"))
    with pytest.raises(LabelError, match=r"a\.jams: not JSON"):
        jams.read(tmp_path / "a.jams")
    for text in ("[]", "{}", '{"annotations": {}}'):
        (tmp_path / "a.jams").write_text(text)
        with pytest.raises(LabelError, match="no JAMS file"):
            jams.read(tmp_path / "a.jams")


@given(st.text(string.printable, max_size=40), st.integers(0, 400))
def test_a_damaged_file_is_an_error_of_labels_or_no_error(tmp_path_factory, text, where):
    path = write_soundscape(tmp_path_factory.mktemp("jams") / "a.jams")
    whole = path.read_text()
    path.write_text(whole[:where] + text + whole[where + len(text) :])
    found = None
    with contextlib.suppress(LabelError):  # and nothing else may be raised
        found = jams.read(path)
    assert found is None or len(found) <= len(EVENTS)


def test_unknown_roles_and_namespaces_are_refused(tmp_path):
    path = write_soundscape(tmp_path / "a.jams")
    with pytest.raises(ValueError, match="role is 'both'"):
        jams.read(path, role="both")
    with pytest.raises(ValueError, match="namespace is 'beat'"):
        jams.read(path, namespace="beat")


# --- writing --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"onset": [6.0, 7.0], "offset": [8.0, 8.0]}, "past the end"),
        ({"offset": [0.5, 2.25]}, "no length"),
        ({"snr_db": [math.nan, 0.0]}, "no finite number"),
        ({"source_time": [math.inf, 0.0]}, "no finite number"),
    ],
)
def test_a_soundscape_that_cannot_be_is_not_written(tmp_path, change, message):
    path = write_soundscape(tmp_path / "a.jams")
    before = path.read_bytes()
    with pytest.raises(LabelError, match=rf"a\.jams.*{message}"):
        write_soundscape(path, EVENTS.assign(**change))
    with pytest.raises(LabelError, match="no column snr_db; .*write"):
        write_soundscape(path, EVENTS.drop(columns="snr_db"))
    with pytest.raises(LabelError, match="duration is nan"):
        jams.write(path, EVENTS, duration=math.nan)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file(tmp_path):
    pytest.importorskip("resource", reason="needs a system that limits the size of files")
    path = tmp_path / "a.jams"
    jams.write(path, EVENTS.iloc[:0], duration=5.0)
    code = (
        "import resource, signal, sys, pandas\n"
        "from helpers import jams\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "events = pandas.DataFrame({'onset': range(99), 'offset': range(99)})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "jams.write(sys.argv[1], events.assign(event_label='a'), duration=100.0)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True
    )
    assert "File too large" in ran.stderr
    assert jams.read(path).empty
    assert list(tmp_path.iterdir()) == [path]
