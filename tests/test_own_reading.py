"""Reading a folder of your own: every layout that is promised, and every folder that is not one."""

import csv
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import audio, labels
from helpers.apps import _own_labels
from helpers.apps._own_reading import OwnError, read

RATE = 16_000
texts = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=8)
texts = texts.filter(lambda text: text.strip())
spans = st.tuples(st.floats(0, 3), st.floats(0, 3)).map(sorted)


def sound(path, seconds=4.0, *, rate=RATE, channels=1, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, *path.name.encode()])
    samples = 0.1 * rng.standard_normal((round(seconds * rate), channels))
    soundfile.write(path, np.clip(samples, -0.9, 0.9), rate)
    return path


def text(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path):
    """Two recordings with coughs, one that nobody labelled."""
    for name in "abc":
        sound(tmp_path / f"{name}.wav")
    text(tmp_path / "a.txt", "0.5\t0.8\tcough\n2\t2.25\tcough\n")
    text(tmp_path / "b.txt", "1\t1.5\tcough\n3\t3.5\tlaugh\n")
    return tmp_path


def problems(folder, **options) -> str:
    with pytest.raises(OwnError) as caught:
        read(folder, **options)
    return "\n".join(caught.value.problems)


def rows(collection) -> list[tuple]:
    columns = ["filename", "onset", "offset", "event_label"]
    return [tuple(row) for row in collection.dataset.events[columns].to_numpy().tolist()]


def checks(findings) -> list[str]:
    return [item.check for item in findings]


# --- what is read -----------------------------------------------------------------------------


def test_a_folder_becomes_a_data_set(folder):
    collection = read(folder, labels="cough")
    dataset = collection.dataset
    assert dataset.name == folder.name
    assert dataset.label == "cough"
    assert not dataset.synthetic
    assert len(dataset.positives) == 3
    assert rows(collection)[-1] == ("b.wav", 3.0, 3.5, "laugh")
    assert dataset.recordings.to_dict("list") == {
        "filename": ["a.wav", "b.wav", "c.wav"],
        "duration": [4.0] * 3,
        "sample_rate": [RATE] * 3,
        "channels": [1] * 3,
        "group": ["a.wav", "b.wav", "c.wav"],
        "labelled": [True, True, False],
        "provenance": ["your own"] * 3,
    }
    np.testing.assert_array_equal(dataset.audio("a.wav"), audio.read(folder / "a.wav"))
    assert checks(collection.findings) == ["unlabelled", "look_alikes", "groups"]
    assert "'laugh' (1)" in str(collection.findings)
    assert "1 of 3 recordings" in collection.findings[0].what


def test_all_labels_are_wanted_when_none_is_asked_for(folder):
    collection = read(folder)
    assert collection.labels == ("cough", "laugh")
    assert len(collection.for_label("laugh").positives) == 1
    assert collection.for_label("laugh").recordings is collection.dataset.recordings
    with pytest.raises(ValueError, match="choose from cough, laugh"):
        collection.for_label("sneeze")


def test_recordings_without_labels_can_be_left_out(folder):
    collection = read(folder, labels="cough", unlabelled="skip")
    assert list(collection.dataset.recordings["filename"]) == ["a.wav", "b.wav"]
    assert set(collection.sounds) == {"a.wav", "b.wav"}
    assert collection.findings[0].severity == "note"
    with pytest.raises(ValueError, match="'empty' or 'skip'"):
        read(folder, unlabelled="drop")


def test_an_empty_label_file_is_a_recording_without_events(folder):
    text(folder / "c.txt", "")
    collection = read(folder, labels="cough")
    assert collection.dataset.recordings["labelled"].all()
    assert checks(collection.findings) == ["look_alikes", "groups"]


def test_labels_without_text_take_the_one_that_is_asked_for(folder):
    text(folder / "a.txt", "0.5\t0.8\n")
    text(folder / "b.txt", "1\t1.5\t\n")
    collection = read(folder, labels="plop")
    assert rows(collection) == [("a.wav", 0.5, 0.8, "plop"), ("b.wav", 1.0, 1.5, "plop")]
    (said,) = (item for item in collection.findings if item.check == "text_missing")
    assert said.severity == "note"
    assert "2 of 2 labels, taken for 'plop'" in said.what
    assert "--label cough" in problems(folder)
    assert "2 labels without text in a.txt, b.txt, and 2 labels" in problems(
        folder, labels=["p", "q"]
    )
    text(folder / "b.txt", "1\t1.5\t\n2\t2.5\tplop\n")
    collection = read(folder, labels="plop")
    (forgotten,) = (item for item in collection.findings if item.check == "text_missing")
    assert forgotten.severity == "warning"
    assert "2 of 3 labels, taken for 'plop'; in a.txt, b.txt" in forgotten.what


def test_a_slip_in_the_label_is_told_though_some_labels_have_no_text(folder):
    text(folder / "c.txt", "1\t1.5\n")
    assert "label 'cuogh' is used nowhere; used are 'cough' (3)" in problems(folder, labels="cuogh")


TABLES = {
    "a.txt": "0.5\t0.8\tcough\n",
    "labels/a.txt": "0.5\t0.8\tcough\n",
    "a.Table.1.selections.txt": "Selection\tView\tBegin Time (s)\tEnd Time (s)\tSpecies\n"
    "1\tWaveform 1\t0.5\t0.8\tcough\n1\tSpectrogram 1\t0.5\t0.8\tcough\n",
    "a.selections.txt": "Begin Time (s)\tEnd Time (s)\tAnnotation\n0.5\t0.8\tcough\n",
    "a.csv": "onset,offset,event_label\n0.5,0.8,cough\n",
    "a.wav.csv": '"Start (s)";"End (s)";"Label"\n0.5;0.8;cough\n',
    "annotations/a.tsv": "start_time\tend_time\tlabel\n0.5\t0.8\tcough\n",
    "A.TXT": "0.5\t0.8\tcough\n",
    "all.csv": "filename,onset,offset,event_label\na.wav,0.5,0.8,cough\n",
    "events.tsv": "File\tStart\tEnd\tClass\na\t0.5\t0.8\tcough\n",
    "all.selections.txt": "Begin File\tBegin Time (s)\tEnd Time (s)\tFile Offset (s)\tLabel\n"
    "a.wav\t90.5\t90.8\t0.5\tcough\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_every_kind_of_label_file_is_read(tmp_path, name):
    sound(tmp_path / "a.wav")
    text(tmp_path / name, TABLES[name])
    collection = read(tmp_path, labels="cough")
    ((filename, onset, offset, label),) = rows(collection)
    assert (filename, label) == ("a.wav", "cough")
    np.testing.assert_allclose([onset, offset], [0.5, 0.8])
    assert not collection.findings


@given(events=st.lists(st.tuples(spans, texts), min_size=1, max_size=6), kind=st.integers(0, 2))
@settings(max_examples=30)
def test_what_is_written_is_read(tmp_path_factory, events, kind):
    path = tmp_path_factory.mktemp("own") / ("a.txt" if kind == 0 else "a.csv")
    table = pd.DataFrame(
        [(*span, label) for span, label in events], columns=["onset", "offset", "event_label"]
    )
    if kind == 0:
        labels.write_audacity(path, table)
    else:
        table["filename"] = "x.wav"
        table.to_csv(path, index=False, sep=",;"[kind - 1], quoting=csv.QUOTE_MINIMAL)
    assert _own_labels.kind(path) == ("audacity" if kind == 0 else "table")
    back = _own_labels.read(path, column=None)
    expected = labels.check_events(table, overlaps="allow")
    pd.testing.assert_frame_equal(back[labels.COLUMNS], expected[labels.COLUMNS], check_dtype=False)


def test_folders_below_and_parallel_folders_are_matched(tmp_path):
    for name in ("audio/day1/x.wav", "audio/day2/x.wav", "audio/day2/y.flac"):
        sound(tmp_path / name)
    text(tmp_path / "labels/day1/x.txt", "1\t2\tp\n")
    text(tmp_path / "labels/day2/x.txt", "2\t3\tp\n")
    text(tmp_path / "labels/y.txt", "3\t4\tp\n")
    (tmp_path / ".hidden").mkdir()
    text(tmp_path / ".hidden/z.txt", "1\t2\tp\n")
    text(tmp_path / "audio/day1/._x.wav", "what a Mac leaves behind")
    collection = read(tmp_path)
    assert [(name, onset) for name, onset, _, _ in rows(collection)] == [
        ("audio/day1/x.wav", 1.0),
        ("audio/day2/x.wav", 2.0),
        ("audio/day2/y.flac", 3.0),
    ]


def test_an_accent_may_be_written_in_two_ways(tmp_path):
    sound(tmp_path / unicodedata.normalize("NFD", "Hütte.wav"))
    text(tmp_path / unicodedata.normalize("NFC", "Hütte.txt"), "1\t2\tp\n")
    assert len(read(tmp_path).dataset.events) == 1


def test_a_table_can_say_that_a_recording_holds_nothing(folder):
    (folder / "a.txt").unlink()
    (folder / "b.txt").unlink()
    text(folder / "all.csv", "filename,onset,offset,label\nsub\\a.wav,1,1,p\nb.wav,,,\n")
    collection = read(folder)
    assert rows(collection) == [("a.wav", 1.0, 1.0, "p")]
    assert collection.dataset.recordings["labelled"].tolist() == [True, True, False]


def test_the_column_of_the_labels_can_be_chosen(folder):
    text(folder / "a.txt", "onset\toffset\tlabel\twho\n1\t2\tcough\tme\n")
    text(folder / "b.txt", "")
    assert rows(read(folder, column="who"))[0][3] == "me"
    assert "no column 'when' among" in problems(folder, column="when")
    text(folder / "a.txt", "onset\toffset\tconfidence\n1\t2\t0.9\n")
    assert rows(read(folder, labels="p")) == [("a.wav", 1.0, 2.0, "p")]


def test_sound_of_every_kind_is_measured(tmp_path):
    sound(tmp_path / "a.wav", 1.25, rate=44_100, channels=2)
    sound(tmp_path / "b.ogg", 2.0)
    sound(tmp_path / "c.mp3", 1.5, rate=22_050)
    text(tmp_path / "a.txt", "1\t1.2\tp\n")
    table = read(tmp_path).dataset.recordings
    assert table["sample_rate"].tolist() == [44_100, RATE, 22_050]
    assert table["channels"].tolist() == [2, 1, 1]
    np.testing.assert_allclose(table["duration"], [1.25, 2.0, 1.5], atol=0.06)


def test_sound_of_a_video_is_measured(tmp_path):
    import av

    with av.open(str(tmp_path / "a.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=RATE)
        stream.layout = "mono"
        samples = 0.1 * np.random.default_rng(0).standard_normal((1, 2 * RATE))
        frame = av.AudioFrame.from_ndarray(samples.astype(np.float32), "fltp", "mono")
        frame.sample_rate = RATE
        for part in (frame, None):
            for packet in stream.encode(part):
                container.mux(packet)
    text(tmp_path / "a.txt", "1\t1.2\tp\n")
    collection = read(tmp_path)
    assert collection.dataset.recordings["duration"][0] == pytest.approx(2.0, abs=0.15)
    assert collection.sounds["a.m4a"].level_db == pytest.approx(-20, abs=2)


# --- groups -----------------------------------------------------------------------------------


def test_groups_come_from_folders_tables_and_functions(tmp_path):
    for name in ("kitchen/a.wav", "kitchen/late/b.wav", "cellar/c.wav"):
        sound(tmp_path / name)
        text((tmp_path / name).with_suffix(".txt"), "1\t2\tp\n")
    group = dict.fromkeys(["cellar/c.wav"], "cellar")
    group |= dict.fromkeys(["kitchen/a.wav", "kitchen/late/b.wav"], "kitchen")
    table = text(tmp_path / "groups.csv", "filename,group\nc.wav,1\nkitchen/a.wav,2\nb,2\n")

    def groups(how):
        recordings = read(tmp_path, group=how).dataset.recordings
        return dict(zip(recordings["filename"], recordings["group"], strict=True))

    assert groups("folder") == group
    assert groups(lambda name: name.split("/")[0]) == group
    assert (
        groups(table)
        == groups(str(table))
        == {
            "cellar/c.wav": "1",
            "kitchen/a.wav": "2",
            "kitchen/late/b.wav": "2",
        }
    )
    assert checks(read(tmp_path, group=table).findings) == []
    assert checks(read(tmp_path).findings) == ["ignored_files", "groups"]
    other = text(tmp_path / "persons.csv", "Patient;File\n1;c.wav\n2;kitchen/a.wav\n2;b.wav\n")
    assert groups(other) == groups(table)


def test_groups_that_cannot_be_are_refused(folder, tmp_path):
    assert "3 of 3 recordings in no folder" in problems(folder, group="folder")
    assert "there is no such file" in problems(folder, group="nowhere.csv")
    table = text(tmp_path / "groups.csv", "filename,brew,day\na.wav,1,2\n")
    assert "no column 'group' among ['filename', 'brew', 'day']" in problems(folder, group=table)
    text(table, "brew,group\n1,2\n")
    assert "no column 'filename' among ['brew', 'group']" in problems(folder, group=table)
    table.write_bytes(b"filename,group\ncaf\xe9.wav,1\n")
    assert "is not UTF-8" in problems(folder, group=table)
    text(table, "filename,group\na.wav,1\na.wav,2\n")
    told = problems(folder, group=table)
    assert "a.wav is in groups '1' and '2'" in told
    assert "no group for 2 recordings: b.wav, c.wav" in told
    assert "group gives no name for a.wav" in problems(folder, group=lambda name: None)


# --- folders that are none --------------------------------------------------------------------


def test_a_folder_without_sound_is_refused(tmp_path):
    assert "no such folder" in problems(tmp_path / "nowhere")
    assert "the folder is empty" in problems(tmp_path)
    text(tmp_path / "a.txt", "1\t2\tp\n")
    assert "no sound among 1 file" in problems(tmp_path)
    assert "a file, not a folder" in problems(tmp_path / "a.txt")


def test_sound_without_any_label_is_refused(tmp_path):
    sound(tmp_path / "a.wav")
    assert "no labels for 1 recording: put NAME.txt" in problems(tmp_path)
    text(tmp_path / "a.TextGrid", "File type = ooTextFile")
    assert "a.TextGrid is Praat's labels" in problems(tmp_path)
    text(tmp_path / "a.txt", "\n")
    assert "1 label file for 1 recording, and no event" in problems(tmp_path, labels="p")


def test_what_may_have_been_meant_as_labels_is_named(tmp_path):
    sound(tmp_path / "a.wav")
    text(tmp_path / "labels.csv", "file,begin_s,end_s\na.wav,1,2\n")
    assert "labels.csv has the columns file, begin s, end s: a table" in problems(tmp_path)
    (tmp_path / "labels.csv").unlink()
    (tmp_path / "labels.xlsx").write_bytes(b"PK")
    assert "labels.xlsx is a spreadsheet: save it as CSV" in problems(tmp_path)


def test_label_files_that_are_refused_are_not_said_to_be_missing(tmp_path):
    sound(tmp_path / "a.wav")
    text(tmp_path / "a.txt", "0,5\t0,8\tcough\n")
    with pytest.raises(OwnError, match="decimal comma") as caught:
        read(tmp_path)
    assert len(caught.value.problems) == 1
    assert len(str(caught.value).splitlines()) == 2


def test_a_message_of_many_problems_stays_readable(tmp_path):
    for k in range(20):
        sound(tmp_path / f"{k}.wav", 0.1)
        text(tmp_path / f"{k}.txt", "0,5\t0,8\tcough\n")
    with pytest.raises(OwnError, match="20 problems") as caught:
        read(tmp_path)
    assert len(caught.value.problems) == 20
    assert str(caught.value).endswith("... and 8 more")
    assert len(str(caught.value).splitlines()) == 14


def test_files_that_hold_no_labels_are_passed_over_and_named(folder):
    text(folder / "README.txt", "Recorded in the kitchen.\n")
    text(folder / "metadata.csv", "filename,microphone\na.wav,phone\n")
    (folder / "LICENSE.txt").write_bytes(b"\xff\xfe caf\xe9")
    text(folder / "b.jams", "{}")
    findings = read(folder, labels="cough").findings
    expected = ["unlabelled", "foreign_labels", "look_alikes", "ignored_files", "groups"]
    assert checks(findings) == expected
    assert "LICENSE.txt, README.txt, metadata.csv" in findings[3].what
    assert "b.jams" in findings[1].what


def test_labels_for_a_file_that_is_not_there_are_refused(folder):
    text(folder / "d.txt", "1\t2\tcough\n")
    text(folder / "later/a.txt", "1\t2\tcough\n")
    text(folder / "all.csv", "filename,onset,offset,label\nc.wav,1,2,x\ncc.wav,1,2,x\n")
    told = problems(folder)
    assert "d.txt holds labels and there is no recording 'd'" in told
    assert "no recording 'a', only a.wav: put them side by side" in told
    assert "all.csv names 1 recording not there: cc.wav (is it c.wav?)" in told


def test_two_files_with_one_name_are_refused(folder):
    sound(folder / "a.flac")
    assert "a.flac and a.wav both claim a.txt" in problems(folder)
    (folder / "a.flac").unlink()
    sound(folder / "day1/x.wav")
    sound(folder / "day2/x.wav")
    text(folder / "all.csv", "filename,onset,offset,label\nx.wav,1,2,x\n")
    assert "all.csv names x.wav, which may be day1/x.wav or day2/x.wav" in problems(folder)


def test_a_recording_that_is_labelled_twice_is_refused(folder):
    text(folder / "labels/a.txt", "1\t2\tcough\n")
    text(folder / "all.csv", "filename,onset,offset,label\nb.wav,1,2,cough\n")
    told = problems(folder)
    assert "a.wav has 2 label files (a.txt, labels/a.txt): keep one" in told
    assert "b.wav is labelled twice, in b.txt and all.csv" in told


def test_a_table_that_tells_of_another_recording_is_refused(folder):
    table = "Begin File\tBegin Time (s)\tEnd Time (s)\tLabel\n{}\t1\t2\tcough\n"
    text(folder / "c.Table.1.selections.txt", table.format("b.wav"))
    assert "belongs to c.wav by its name and tells of b.wav" in problems(folder)
    text(folder / "c.Table.1.selections.txt", table.format("old name.wav"))
    assert ("c.wav", 1.0, 2.0, "cough") in rows(read(folder))


def test_a_label_nobody_uses_is_refused_with_those_that_are_used(folder):
    text(folder / "c.txt", "".join(f"{i / 5}\t{i / 5 + 0.1}\tsneeze\n" for i in range(9)))
    told = problems(folder, labels=["Cough", "laugh"])
    assert "label 'Cough' is used nowhere; used are 'cough' (3), 'laugh' (1), 'sneeze' (9)" in told
    for wrong in ("", [], ["a", "a"], [1]):
        with pytest.raises(ValueError, match="labels is"):
            read(folder, labels=wrong)


def test_everything_that_is_wrong_is_told_at_once(folder):
    whole = (folder / "c.wav").read_bytes()
    (folder / "c.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "d.mp3").write_bytes(b"no sound at all")
    (folder / "e.flac").write_bytes(b"")
    flac = sound(folder / "f.flac", seed=3).read_bytes()
    (folder / "f.flac").write_bytes(flac[: len(flac) // 2])
    text(folder / "a.txt", "0,5\t0,8\tcough\n")
    text(folder / "b.txt", "2\t1\tcough\n")
    with pytest.raises(OwnError) as caught:
        read(folder, labels="cough")
    told = caught.value.problems
    assert isinstance(caught.value, ValueError)
    assert all(problem in str(caught.value) for problem in told)
    assert str(folder) not in "".join(told)
    for words in (
        "c.wav: cut short",
        "move d.mp3 out, with its labels",
        "e.flac: empty, 0 bytes",
        "move f.flac out, with its labels",
        "a.txt, line 1: onset '0,5' has a decimal comma",
        "b.txt, line 1: onset 2 after offset 1",
    ):
        assert any(words in problem for problem in told), words


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", "-1\t2\tp\n", "line 1: onset -1 is negative"),
        ("a.txt", "kitchen, Monday\n", "line 1: 1 columns"),
        ("a.csv", "1,2,p\n", "no column onset and no column offset among ['1', '2', 'p']"),
        ("a.csv", "onset,offset,label\n1,2\n", "line 2: 2 columns and the header has 3"),
        ("a.csv", "onset,offset,label\n\n1,x,p\n", "line 3: offset 'x' is not a number"),
        ("a.csv", "onset,offset,bird\n1,2,wren\n", "no column of labels known by name among"),
        ("all.csv", "filename,onset,offset\n,1,2\n", "line 2: no name of a recording"),
    ],
)
def test_label_files_that_cannot_be_read_are_refused(tmp_path, name, content, words):
    sound(tmp_path / "a.wav")
    text(tmp_path / name, content)
    assert words in problems(tmp_path, labels="p")


def test_labels_over_the_end_are_cut_and_told(folder):
    text(folder / "a.txt", "0.5\t0.8\tcough\n3.9\t4.5\tcough\n")
    collection = read(folder, labels="cough")
    assert rows(collection)[1] == ("a.wav", 3.9, 4.0, "cough")
    (cut,) = (item for item in collection.findings if item.check == "cut_at_end")
    assert cut.severity == "warning"
    assert "1 label" in cut.what
    assert "0.5 s" in cut.what
    text(folder / "a.txt", "3.9\t4.01\tcough\n")
    (cut,) = (i for i in read(folder, labels="cough").findings if i.check == "cut_at_end")
    assert cut.severity == "note"


def test_the_real_coughs_are_read(mirror):
    collection = read(mirror / "coughs" / "Data", labels="cough")
    recordings = collection.dataset.recordings
    assert (len(recordings), int(recordings["labelled"].sum())) == (135, 90)
    assert int((recordings["channels"] == 2).sum()) == 4
    from helpers import datasets

    known = datasets.load("coughs-mini")
    columns = ["filename", "onset", "offset", "event_label"]
    pd.testing.assert_frame_equal(collection.dataset.events[columns], known.events[columns])
    assert Path(collection.dataset.path("0029d048-898a-4c70-89c7-0815cdcf7391.wav")).exists()
