"""Your own sound: from a folder to a detector, its report, and the command that does both."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import audio, bundle, detection, ladder, splits
from helpers.apps import _own_network, _own_report, _own_training, own

RATE = audio.SAMPLE_RATE
SOUNDS = {"beep": 1800.0, "hoot": 400.0}


def sound(label, rng):
    """A tenth of a second of a tone that dies away."""
    t = np.arange(RATE // 8) / RATE
    pitch = SOUNDS[label] * rng.uniform(0.95, 1.05)
    return np.sin(2 * np.pi * pitch * t) * np.exp(-t / 0.03)


def folder_of(path, *, recordings=14, labels=("beep", "hoot"), seed=0, seconds=12, events=5):
    """Recordings with tones over noise, and Audacity's labels beside them."""
    rng = np.random.default_rng(seed)
    path.mkdir()
    for k in range(recordings):
        samples, lines = 0.01 * rng.standard_normal(seconds * RATE), []
        times = np.sort(rng.choice(np.arange(1, 2 * seconds - 1), events, replace=False) / 2)
        for i, onset in enumerate(times):
            label = labels[i % len(labels)]
            level = rng.uniform(0.05, 0.5)  # so that energy cannot tell the two apart
            made, first = level * sound(label, rng), round(onset * RATE)
            samples[first : first + len(made)] += made
            lines.append(f"{onset:.6f}\t{onset + 0.12:.6f}\t{label}")
        audio.write(path / f"{k:02}.wav", samples.astype(np.float32))
        (path / f"{k:02}.txt").write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    made = folder_of(tmp_path_factory.mktemp("own") / "tones")
    collection = own.read(made, labels=["beep", "hoot"])
    return own.train(collection, minutes=0.5)


def test_easy_sounds_are_found_each_under_its_label(result):
    table = result.report.table
    network = table[(table["rung"] == "network") & (table["collar"] == 0.2)]
    assert list(network["label"]) == ["beep", "hoot"]
    assert all(f1.value > 0.8 for f1 in network["f1"])
    # energy hears both tones; leaving low bands out helps it with one alone
    assert result.report.gain["hoot"].low > 0


def test_what_is_judged_was_neither_trained_nor_tuned_on(result):
    recordings, parts = result.collection.dataset.recordings, result.trained.parts
    splits.assert_disjoint(recordings, *parts)
    for events in result.trained.found.values():
        assert set(events["filename"]) <= set(parts.test)
    assert set(result.report.errors["filename"]) <= set(parts.test)


def test_the_figures_are_those_of_the_events(result):
    table = result.report.table.set_index(["label", "rung", "collar"])
    for label, material in result.trained.materials.items():
        held_out = material.events["filename"].isin(result.trained.parts.test).sum()
        for rung in ("energy", "random forest", "network"):
            row = table.loc[label, rung, 0.2]
            assert row["hits"] + row["misses"] == held_out
            found = len(result.trained.found[rung, label])
            assert row["hits"] + row["false_alarms"] == found
    wrong = result.report.errors["error"].value_counts()
    network = result.report.table.query("rung == 'network' and collar == 0.2")
    assert wrong.get("miss", 0) == network["misses"].sum()
    assert wrong.get("false alarm", 0) == network["false_alarms"].sum()


def test_the_saved_detector_finds_the_events_of_the_report(result, tmp_path):
    detector = result.save(tmp_path / "detector")
    assert bundle.load(tmp_path / "detector").labels == ("beep", "hoot")
    data, found = result.collection.dataset, result.trained.found
    for name in result.trained.parts.test:
        heard = detector.detect(data.audio(name))
        for label in detector.labels:
            wanted = found["network", label].query("filename == @name")["onset"].to_numpy()
            onsets = heard[heard["event_label"] == label]["onset"].to_numpy()
            assert onsets == pytest.approx(wanted, abs=1e-6)
    page = (tmp_path / "detector" / "report.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    assert result.report.verdict.splitlines()[0][:20] in page.replace("&#x27;", "'")
    card = json.loads((tmp_path / "detector" / "detector.json").read_text())["card"]
    assert card["held_out"] == sorted(result.trained.parts.test)


def test_the_tracker_counts_with_the_saved_detector_under_its_own_labels(result, tmp_path):
    detector = result.save(tmp_path / "detector")
    path = result.collection.dataset.path(result.trained.parts.test[0])
    command = [sys.executable, "-m", "helpers.track", "--model", detector.folder, "--dry-run"]
    ran = subprocess.run([*command, "--file", path], capture_output=True, text=True, timeout=120)
    heard = detector.detect(audio.read(path))
    assert ran.returncode == 0, ran.stderr
    assert f"{len(heard)} events (beep, hoot) in 12.0 s" in ran.stdout + ran.stderr


def test_results_print_in_a_line(result):
    assert repr(result).startswith("<Result beep, hoot: ")
    assert "14 recordings" in repr(result.collection)


def test_players_are_of_mistakes_and_no_more_than_asked_for(result):
    assert len(result.players(most=2)) == min(2, len(result.report.errors))


def test_few_events_held_out_are_no_answer(result):
    report = result.report
    few, ahead = report.table.assign(hits=4, misses=1), (report.gain["beep"], report.rival["beep"])
    fine, told = _own_report._verdict(result.trained, "beep", few, *ahead)
    assert not fine
    assert "not enough data" in told


def test_the_verdict_names_a_plainer_rung_that_did_better(result):
    """The network's events are given to the forest, and half of them taken from the network."""
    trained = result.trained
    found = dict(trained.found)
    found["random forest", "beep"] = trained.found["network", "beep"]
    found["network", "beep"] = trained.found["network", "beep"].iloc[::2]
    report = _own_report.judge(replace(trained, found=found), result.findings)
    rung, ahead = report.rival["beep"]
    shown = report.table.query("label == 'beep' and collar == 0.2").set_index("rung")["f1"]
    assert shown[rung].value >= shown["random forest"].value > shown["network"].value
    assert ahead.value == pytest.approx(shown["network"].value - shown[rung].value)
    clear = _own_report._outdone(trained, rung, replace(ahead, value=-0.2, low=-0.3, high=-0.1))
    assert clear.startswith(f" The {rung} did better, by 0.20 [0.10, 0.30]: the network had ")
    open_ = _own_report._outdone(trained, rung, replace(ahead, value=-0.1, low=-0.3, high=0.1))
    assert f" The {rung} came out ahead, perhaps by chance, by 0.10 [-0.10, 0.30]" in open_
    assert _own_report._outdone(trained, rung, replace(ahead, value=0.0)) == ""


def test_the_verdict_counts_in_events_and_minutes(result):
    row = result.report.table.query("label == 'beep' and rung == 'network' and collar == 0.2")
    minutes = len(result.trained.parts.test) * 12 / 60
    hits, misses = int(row["hits"].item()), int(row["misses"].item())
    told = _own_report._counted(result.trained, "beep", row.iloc[0])
    assert told.startswith(f"In {minutes:.1f} minutes it found {hits} of {hits + misses} and gave")


@settings(deadline=None, max_examples=25)
@given(st.integers(6, 30), st.integers(0, 5))
def test_parts_keep_groups_whole_and_each_has_every_label(n_groups, seed):
    rng = np.random.default_rng(seed)
    rows = [(f"{g}-{k}.wav", str(g)) for g in range(n_groups) for k in range(rng.integers(1, 4))]
    recordings = pd.DataFrame(rows, columns=["filename", "group"])
    events = pd.DataFrame(
        [(name, label) for name, _ in rows for label in ("a", "b")],
        columns=["filename", "event_label"],
    )

    class Collection:
        labels = ("a", "b")

        class dataset:
            pass

    Collection.dataset.recordings, Collection.dataset.events = recordings, events
    cut = _own_training.parts(Collection, seed=seed, tries=20)
    splits.assert_disjoint(recordings, *cut)
    assert sorted(sum(cut, [])) == sorted(recordings["filename"])
    assert all(len(part) for part in cut)


def test_labels_of_points_get_a_length_to_learn_from_and_the_collection_stays(tmp_path):
    made = folder_of(tmp_path / "tones", recordings=2, labels=("beep",), seconds=4)
    (made / "00.txt").write_text("3.95\t3.95\tbeep\n")  # a point near the end
    collection = own.read(made, labels="beep")
    before = collection.dataset.events.copy()
    events = _own_training.materials(collection)["beep"].events
    assert (events["offset"] - events["onset"] >= ladder.ATTACK - 1e-9).all()
    pd.testing.assert_frame_equal(collection.dataset.events, before)
    assert not [f for f in own.check(collection) if f.check == "outside"]


def test_a_label_in_one_group_alone_cannot_be_held_out():
    recordings = pd.DataFrame({"filename": list("abcdef"), "group": list("abcdef")})

    class Collection:
        labels = ("p",)

        class dataset:
            pass

    Collection.dataset.recordings = recordings
    Collection.dataset.events = pd.DataFrame({"filename": ["a"], "event_label": ["p"]})
    with pytest.raises(splits.SplitError, match="no event in one of the three parts"):
        _own_training.parts(Collection, tries=20)


def test_several_labels_share_a_decoder_and_keep_thresholds_of_their_own():
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="sigmoid")])
    rng = np.random.default_rng(0)
    times = np.arange(400) / 100
    loud, quiet = np.full(400, 0.05), np.full(400, 0.02)
    loud[[100, 101, 300, 301]], loud[200:202] = 0.9, 0.6  # .6 is a look-alike
    quiet[[50, 51, 250, 251]] = 0.3
    values = np.stack([loud, quiet], axis=1) + 0.001 * rng.random((400, 2))
    scores = {"x": detection.Scores(values, times, ("loud", "quiet"), 4.0)}
    wanted = {"loud": [1.0, 3.0], "quiet": [0.5, 2.5]}

    def material(label):
        events = pd.DataFrame({"filename": "x", "onset": wanted[label], "event_label": label})
        return ladder.Material(None, events.assign(offset=events["onset"]), {}, {}, {}, None, label)

    before = model.get_weights()[1]
    decoder = _own_network.settle(model, scores, {label: material(label) for label in wanted})
    moved = model.get_weights()[1] - before  # in logits
    assert decoder.threshold == 0.5
    logits = np.log(values / (1 - values)) + moved
    after = detection.Scores(1 / (1 + np.exp(-logits)), times, ("loud", "quiet"), 4.0)
    found = decoder.decode(after)
    for label, onsets in wanted.items():
        got = found[found["event_label"] == label]["onset"]
        assert list(got) == pytest.approx(onsets, abs=0.02)


def test_the_command_says_what_is_wrong_and_ends_with_its_status(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert own.main([str(tmp_path / "empty"), "--label", "beep"]) == 1
    assert "problem" in capsys.readouterr().err
    few = folder_of(tmp_path / "few", recordings=3, labels=("beep",))
    assert own.main([str(few), "--label", "beep"]) == 3
    assert "Not enough for an honest answer" in capsys.readouterr().out
    fine = folder_of(tmp_path / "fine", recordings=12, labels=("beep",))
    assert own.main([str(fine), "--label", "beep", "--check"]) == 0
    with pytest.raises(SystemExit):
        own.main([str(fine), "--label", "beep", "--minutes", "0"])
    with pytest.raises(own.OwnError, match="few"):
        own.train(own.read(few, labels="beep"))


def test_where_the_detector_goes_is_looked_at_before_anything_is_read(tmp_path, capsys):
    def refused(out, *more):
        with pytest.raises(SystemExit) as ended:
            own.main([str(tmp_path / "nowhere"), "--out", str(out), *more])
        assert ended.value.code == 2
        return capsys.readouterr().err

    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("label more")
    (tmp_path / "file").write_text("")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "detector.json").write_text("{}")
    assert "holds other files" in refused(tmp_path / "notes")
    assert "is a file" in refused(tmp_path / "file")
    assert "holds a detector: choose another folder, or give --overwrite" in refused(
        tmp_path / "mine"
    )
    if os.path.isdir("/proc/self") and not os.access("/proc/self/fdinfo", os.W_OK):
        assert "not yours to write to" in refused("/proc/self/fdinfo/x")
    out = ["--out", str(tmp_path / "mine"), "--overwrite"]
    assert own.main([str(tmp_path / "nowhere"), *out]) == 1  # the folder is the next thing read
    assert "no such folder" in capsys.readouterr().err


# A process that was started in the background ignores Ctrl-C, and so do those that it starts.
LISTENING = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from helpers.apps import own
sys.exit(own.main())
"""


def test_ctrl_c_ends_the_command_and_leaves_nothing(tmp_path):
    made = folder_of(tmp_path / "tones", recordings=14, labels=("beep",))
    command = [sys.executable, "-u", "-c", LISTENING, made, "--label", "beep"]
    process = subprocess.Popen(
        [*command, "--out", tmp_path / "detector"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if "features of" in line:
            break
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert "interrupted; nothing was written" in told
    assert not (tmp_path / "detector").exists()


def test_the_module_is_a_command():
    ran = subprocess.run(
        [sys.executable, "-m", "helpers.own", "--help"], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0
    assert "exit status" in ran.stdout
