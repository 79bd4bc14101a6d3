"""Raven's selection tables: what is written is read, views are counted once, bad tables named."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import labels
from helpers.labels import LabelError

HEADER = [
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
    "Delta Time (s)",
    "Annotation",
]
seconds = st.floats(0, 36_000, allow_nan=False)
hertz = st.floats(0, 24_000, allow_nan=False)
texts = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=12)


def write(path, rows, header=HEADER):
    lines = ["\t".join(map(str, row)) for row in [header, *rows]]
    path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8")
    return path


def row(number, begin, end, text, *, view="Spectrogram 1", low=0.0, high=8000.0):
    return [number, view, 1, begin, end, low, high, end - begin, text]


selections = st.lists(st.tuples(seconds, seconds, hertz, hertz, texts, st.booleans()), max_size=10)


@given(selections=selections)
def test_what_is_written_is_read_and_two_views_are_one_selection(tmp_path_factory, selections):
    rows, expected = [], []
    for number, (a, b, c, d, text, both) in enumerate(selections, start=1):
        (begin, end), (low, high) = sorted((a, b)), sorted((c, d))
        if both:
            rows.append(row(number, begin, end, text, view="Waveform 1", low=0, high=24_000))
        rows.append(row(number, begin, end, text, low=low, high=high))
        expected.append((begin, end, text, low, high))
    path = write(tmp_path_factory.mktemp("raven") / "a.Table.1.selections.txt", rows)
    back = labels.read_raven(path, overlaps="allow")
    expected.sort(key=lambda one: one[0])
    assert list(back.columns) == [*labels.COLUMNS, *labels.BOUNDS]
    assert [tuple(one) for one in back.to_numpy().tolist()] == expected


def test_the_waveform_alone_is_read_too(tmp_path):
    path = write(tmp_path / "a.txt", [row(1, 0.5, 1.0, "song", view="Waveform 1")])
    assert labels.read_raven(path)["event_label"].tolist() == ["song"]


def test_two_selections_at_one_time_are_two_events(tmp_path):
    path = write(tmp_path / "a.txt", [row(1, 0.5, 1.0, "song"), row(2, 0.5, 1.0, "song")])
    assert len(labels.read_raven(path, overlaps="allow")) == 2


def test_times_of_a_table_over_several_files_are_those_within_each(tmp_path):
    header = [*HEADER, "Begin Path", "Begin File", "File Offset (s)"]
    rows = [
        [*row(1, 10.0, 10.5, "call"), "C:\\birds\\one.wav", "one.wav", 10.0],
        [*row(2, 61.0, 61.25, "call"), "C:\\birds\\two.wav", "two.wav", 1.0],
    ]
    events = labels.read_raven(write(tmp_path / "all.txt", rows, header))
    assert events["filename"].tolist() == ["one.wav", "two.wav"]
    np.testing.assert_allclose(events[["onset", "offset"]], [[10.0, 10.5], [1.0, 1.25]])
    paths = [name for name in header if name != "Begin File"]
    rows = [[cell for cell, name in zip(one, header, strict=True) if name in paths] for one in rows]
    again = labels.read_raven(write(tmp_path / "all.txt", rows, paths))
    pd.testing.assert_frame_equal(again, events)
    short = [name for name in header if name != "File Offset (s)"]
    rows = [[*row(1, 1, 2, ""), "", f"{i}.wav"] for i in range(2)]
    lost = write(tmp_path / "lost.txt", rows, short)
    with pytest.raises(LabelError, match=r"2 sound files and no column 'File Offset"):
        labels.read_raven(lost)


def test_the_column_of_the_label_can_be_chosen(tmp_path):
    header = [*HEADER[:-1], "Species", "Call Type", "Observer"]
    path = write(tmp_path / "a.txt", [[*row(1, 1, 2, "wren"), "song", "me"]], header)
    assert labels.read_raven(path)["event_label"].tolist() == ["wren"]
    assert labels.read_raven(path, column="call type")["event_label"].tolist() == ["song"]
    with pytest.raises(LabelError, match=r"no column 'sex' among .*'Species', 'Call Type'"):
        labels.read_raven(path, column="sex")
    notes = [*HEADER[:-1], "Mood"]
    with pytest.raises(LabelError, match=r"known by name among .*'Mood'.*; say which"):
        labels.read_raven(write(tmp_path / "b.txt", [row(1, 1, 2, "gay")], notes))


def test_a_table_without_notes_has_no_text_and_an_empty_one_no_event(tmp_path):
    path = write(tmp_path / "a.txt", [row(1, 1, 2, "")[:-1]], HEADER[:-1])
    assert labels.read_raven(path, empty_label="call")["event_label"].tolist() == ["call"]
    empty = labels.read_raven(write(tmp_path / "b.txt", []))
    assert len(empty) == 0
    assert empty["onset"].dtype == float


@pytest.mark.parametrize(
    ("rows", "line", "words"),
    [
        ([row(1, 1, 2, "a"), [2, "Spectrogram 1", 1, "1,5", "2,0", 0, 1, 0, "a"]], 3, "comma"),
        ([[1, "Spectrogram 1", 1, "", 2, 0, 1, 0, "a"]], 2, "Begin Time '' is not a number"),
        ([[1, "Spectrogram 1", 1, 3, 2, 0, 1, 0, "a"]], 2, "onset 3 after offset 2"),
        ([row(1, 40, 41, "a")], 2, "past the end"),
        ([row(1, 1, 2, "a\tb")], 2, "10 columns and the header has 9"),
    ],
)
def test_bad_tables_are_refused_by_file_line_and_remedy(tmp_path, rows, line, words):
    path = write(tmp_path / "a.selections.txt", rows)
    with pytest.raises(LabelError) as caught:
        labels.read_raven(path, duration=30)
    assert f"a.selections.txt, line {line}" in str(caught.value)
    assert words in str(caught.value)


def test_another_programs_file_is_no_selection_table(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("0.1\t0.2\tp\n", encoding="utf-8")
    with pytest.raises(LabelError, match="not the header of a Raven selection table"):
        labels.read_raven(path)
