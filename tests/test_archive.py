"""A whole archive: the events of whole files, kept through kills, full disks and broken files."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import parallel_config

from helpers import audio, bundle, detection
from helpers.apps import _archive_work, archive
from helpers.apps._archive_files import find
from helpers.apps._archive_parts import Parts
from helpers.apps._archive_progress import Progress
from helpers.apps._archive_work import Model, Outcome, events_of, work
from helpers.apps._pieces import Window
from helpers.apps.archive import ArchiveError, detect

ROOT = Path(__file__).resolve().parents[1]
RATE = 16_000
WAIT = 120  # seconds; a bound, no measurement
SHIPPED = ROOT / "data" / "models" / "airlock"


@pytest.fixture(scope="module")
def sound(busy_brew):
    return busy_brew


@pytest.fixture(scope="module")
def folder(sound, tmp_path_factory):
    """Six recordings of ten seconds to a minute and a half in two folders, one name twice."""
    made = tmp_path_factory.mktemp("archive")
    for day in ("monday", "tuesday"):
        (made / day).mkdir()
    audio.write(made / "monday" / "brew.flac", sound[: 90 * RATE])
    audio.write(made / "tuesday" / "brew.flac", sound[30 * RATE : 75 * RATE])
    for i in range(4):
        audio.write(made / "tuesday" / f"{i}.wav", sound[i * 20 * RATE : (i * 20 + 10) * RATE])
    return made


def same(found, expected):
    """Whether two tables of events are equal to the last bit."""
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def whole(detector, path):
    """What the detector finds in the whole file at once."""
    return detector.detect(audio.read(path, quiet=True))


def all_right(made, detector, files):
    """The tables hold every recording once, with the events of the whole file."""
    table = made.recordings
    assert sorted(table["path"]) == sorted(map(str, files))
    assert (table["status"] == "done").all()
    assert len(made.events) == table["events"].sum()
    for row in table.itertuples():
        same(made.events_of(row.recording), whole(detector, row.path))


def sounds(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in (".wav", ".flac"))


def stamps(folder):
    return {path.name: path.stat().st_mtime_ns for path in (folder / "parts").glob("*.parquet")}


# --- the events of a file -----------------------------------------------------------------------


def test_the_example_has_events(detector, sound):
    assert len(detector.detect(sound)) > 100


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 4000) | st.sampled_from([511, 512, 513, 2032, 2033, 2192, 2193, 2352, 2353]),
    sizes=st.lists(st.integers(1, 900), min_size=1, max_size=5),
    block=st.integers(1, 12),
    margins=st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_blocks_through_a_window_are_those_of_the_whole(detector, n, sizes, block, margins):
    """Any length, any pieces, any blocks and margins: no frame lost, doubled or moved."""
    left, right = margins
    made = replace(detector, margins=margins, labels=("p", "q"))

    def network(x):  # a frame and its farthest neighbours
        total = len(x) - left - right
        return np.stack([x[:total, 3] + 2 * x[left : left + total, 5], x[left + right :, 7]], 1)

    made.__dict__["network"] = network
    samples = np.random.default_rng(n).normal(size=n).astype(np.float32) * np.float32(0.1)
    cuts = np.cumsum(np.resize(sizes, n))
    pieces = [part for part in np.split(samples, cuts[cuts < n]) if len(part)]
    window = Window(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle, "_BLOCK", block)
        parts = list(made.score_blocks(window))
        assert [len(part) for part in parts[:-1]] == [block] * (len(parts) - 1)
        assert np.array_equal(np.concatenate(parts), made.scores(samples).values)
    assert window.n_samples == n
    features = detector.front_end.features(samples)
    padded = np.pad(features, ((left, right), (0, 0)), mode="edge")
    assert np.allclose(np.concatenate(parts), network(padded), atol=1e-4)


@settings(max_examples=12, deadline=None)
@given(piece=st.floats(0.003, 45), seconds=st.floats(0.02, 75))
def test_events_are_the_same_whatever_the_pieces(detector, sound, tmp_path_factory, piece, seconds):
    path = tmp_path_factory.mktemp("cut") / "a.wav"
    samples = sound[: round(seconds * RATE)]
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    found, window = events_of(str(path), detector, piece=piece)
    same(found, detector.detect(samples))
    assert window.n_samples == len(samples)
    assert window.peak == pytest.approx(np.abs(samples).max())


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", ["wav", "flac", "ogg"])
def test_any_rate_and_format_gives_the_events_of_the_whole(
    detector, sound, tmp_path, rate, channels, kind
):
    path = tmp_path / f"a.{kind}"
    samples = audio.resample(sound[: 40 * RATE], source=RATE, target=rate)
    sides = np.stack([samples, np.roll(samples, 9)][:channels], axis=1)
    with soundfile.SoundFile(path, "w", rate, channels) as file:  # at once breaks libsndfile's OGG
        for part in np.array_split(sides, 40):
            file.write(part)
    found, window = events_of(str(path), detector)
    assert len(found) > 20
    same(found, whole(detector, path))
    assert window.n_samples == len(audio.read(path, quiet=True))


def test_sound_of_a_video_is_decoded_packet_by_packet(detector, sound, tmp_path):
    import av

    path = tmp_path / "a.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            audio.resample(sound[: 20 * RATE], source=RATE, target=48_000)[None], "flt", "mono"
        )
        frame.sample_rate = 48_000
        shape = av.AudioResampler(stream.format.name, "mono", 48_000, 1024)
        for part in shape.resample(frame) + shape.resample(None):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    found, _ = events_of(str(path), detector)
    assert len(found) > 10
    same(found, whole(detector, path))


@pytest.fixture(scope="module")
def two_labels(detector, sound, tmp_path_factory):
    """A network of two outputs that nobody trained, with a threshold that it often crosses."""
    from helpers import models, training

    training.seed_everything(0)
    model = models.dilated(
        n_mels=detector.front_end.n_mels, channels=8, dilations=(1, 2), outputs=2
    )
    made = bundle.save(
        tmp_path_factory.mktemp("two") / "detector",
        model,
        front_end=detector.front_end,
        decoder=detection.Decoder(),
        labels=("one", "other"),
        margins=models.margins((1, 2)),
    )
    level = float(np.quantile(made.scores(sound[: 20 * RATE]).values, 0.7))
    return replace(made, decoder=detection.Decoder(level, min_length=0.02, shift=0.01))


def test_two_labels(two_labels, folder, tmp_path):
    files = [folder / "monday" / "brew.flac", folder / "tuesday" / "0.wav"]
    made = detect(files, two_labels, folder=tmp_path / "out", jobs=1, quiet=True)
    all_right(made, two_labels, files)
    assert set(made.events["event_label"]) == {"one", "other"}
    rates = made.rate("tuesday/0.wav", every=10, label="one")
    events = made.events_of("tuesday/0.wav")
    assert list(rates["n"]) == [(events["event_label"] == "one").sum()]


@pytest.mark.parametrize("threshold", [0.35, 0.6, np.float64(0.35), np.float64(0.6)])
def test_a_score_at_the_threshold_counts_as_in_batch(detector, tmp_path, threshold):
    """0.35 as float32 is below 0.35, 0.6 above: what NumPy makes of it holds here too."""
    made = replace(detector, decoder=detection.Decoder(threshold))
    made.__dict__["network"] = lambda x: np.full(
        (len(x) - sum(detector.margins), 1), threshold, np.float32
    )
    soundfile.write(tmp_path / "a.wav", np.full(RATE, 0.1, np.float32), RATE)
    same(events_of(str(tmp_path / "a.wav"), made)[0], whole(made, tmp_path / "a.wav"))


# --- bad files ----------------------------------------------------------------------------------


def broken(path, sound, how):
    """Write a file that `audio.read` refuses."""
    samples = sound[: 60 * RATE].copy()
    kind = "wav" if how in ("text", "nan", "loud", "cut wav", "no bytes", "no samples") else "flac"
    path = path.with_suffix(f".{kind}")
    if how == "nan":
        samples[40 * RATE] = np.nan
    if how == "loud":
        samples[-100] = 3.0
    if how == "no samples":
        samples = samples[:0]
    subtype = "FLOAT" if how in ("nan", "loud") else "PCM_16"
    soundfile.write(path, samples, RATE, subtype=subtype)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    if how.startswith("cut"):
        data = data[: len(data) * 2 // 3]
    if how == "damaged":
        data[middle : middle + 5000] = bytes(5000)
    if how == "text":
        data = b"onset\toffset\n" * 500
    if how == "no bytes":
        data = b""
    path.write_bytes(data)
    return path


BROKEN = ["text", "nan", "loud", "cut wav", "cut flac", "damaged", "no bytes", "no samples"]


def test_what_read_refuses_is_reported_at_the_end_and_stops_nothing(detector, sound, tmp_path):
    (tmp_path / "in").mkdir()
    bad = {how: broken(tmp_path / "in" / how.replace(" ", "_"), sound, how) for how in BROKEN}
    good = tmp_path / "in" / "good.wav"
    audio.write(good, sound[: 10 * RATE])
    (tmp_path / "in" / "one.wav").write_bytes(b"")
    soundfile.write(tmp_path / "in" / "one.wav", np.full(1, 0.1, np.float32), RATE)
    for path in bad.values():
        with pytest.raises(audio.AudioError):
            audio.read(path, quiet=True)
    made = detect(tmp_path / "in", detector, folder=tmp_path / "out", jobs=1, quiet=True)
    assert set(made.failed["path"]) == set(map(str, bad.values()))
    assert made.failed["error"].str.len().gt(10).all()
    assert (made.recordings.set_index("recording")["error"] == "").sum() == 2
    same(made.events_of("good.wav"), whole(detector, good))
    same(made.events_of("one.wav"), whole(detector, tmp_path / "in" / "one.wav"))
    failed = made.recordings[made.recordings["status"] == "failed"]
    assert failed[["duration", "per_minute", "low", "high"]].isna().all(axis=None)
    with pytest.raises(ArchiveError, match="NaN"):
        made.events_of("nan.wav")
    words = {
        "nan": "after 40.0 s",
        "loud": "samples reach 3",
        "cut_wav": "cut short",
        "no_bytes": "0 bytes",
        "no_samples": "no samples",
    }
    told = {Path(row.path).stem: row.error for row in made.failed.itertuples()}
    for stem, word in words.items():
        assert word in told[stem]


def test_a_recording_that_was_mended_is_done_in_the_next_run(detector, sound, tmp_path):
    path = broken(tmp_path / "a", sound, "cut flac")
    first = detect(path, detector, folder=tmp_path / "out", jobs=1, quiet=True)
    assert len(first.failed) == 1
    audio.write(path, sound[: 10 * RATE])
    all_right(detect(path, detector, folder=tmp_path / "out", jobs=1, quiet=True), detector, [path])


def test_a_file_that_vanishes_or_grows_in_between_is_reported(
    detector, sound, tmp_path, monkeypatch
):
    (tmp_path / "in").mkdir()
    for name in ("gone", "grown", "kept"):
        audio.write(tmp_path / "in" / f"{name}.wav", sound[: 5 * RATE])
    listed = archive.find

    def then_changed(paths, **options):
        found = listed(paths, **options)
        (tmp_path / "in" / "gone.wav").unlink()
        with open(tmp_path / "in" / "grown.wav", "ab") as file:
            file.write(bytes(100))
        return found

    monkeypatch.setattr(archive, "find", then_changed)
    made = detect(tmp_path / "in", detector, folder=tmp_path / "out", jobs=1, quiet=True)
    told = dict(zip(made.failed["recording"], made.failed["error"], strict=True))
    assert set(told) == {"gone.wav", "grown.wav"}
    assert "no such file" in told["gone.wav"]
    assert "changed since it was listed" in told["grown.wav"]


# --- finding recordings -------------------------------------------------------------------------


def test_files_folders_and_globs_each_once_and_hidden_ones_not_at_all(tmp_path):
    for name in ("b/2.wav", "b/1.FLAC", "b/deep/3.mp3", "b/notes.txt", "b/._1.wav", ".x/4.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    paths = [tmp_path / "b", str(tmp_path / "*" / "2.wav"), tmp_path / "b" / "notes.txt"]
    found = find(paths)
    assert [one.name for one in found] == ["1.FLAC", "2.wav", "deep/3.mp3", "notes.txt"]
    assert [one.name for one in find(tmp_path)] == [one.name for one in found[:3]]
    assert [one.name for one in find(paths, root=tmp_path)][0] == "b/1.FLAC"


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ([], "paths is empty"),
        (["nowhere"], "no such file or folder"),
        (["nowhere/*.wav"], "no sound file matches"),
        (["empty"], "no sound file in this folder"),
        (["a.wav", "nowhere.wav"], r"nowhere\.wav: no such file"),
    ],
)
def test_paths_that_name_nothing_are_refused_at_once(tmp_path, monkeypatch, paths, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.wav").write_text("x")
    with pytest.raises(ArchiveError, match=words):
        find(paths)
    with pytest.raises(ArchiveError, match="not below root"):
        find(["a.wav"], root="empty")


def test_names_that_are_no_text_are_kept_apart(detector, sound, tmp_path):
    """Two names that are not UTF-8 look alike in a table; each has its own events all the same."""
    names = [b"caf\xe9.wav", b"caf\xe8.wav", "café, neu: 1.wav".encode()]
    (tmp_path / "in").mkdir()
    for i, name in enumerate(names):
        path = os.path.join(os.fsencode(tmp_path / "in"), name)
        try:
            open(path, "w").close()
        except OSError:
            pytest.skip("needs a file system that takes names of any bytes")
        samples = sound[i * 10 * RATE : (i + 1) * 10 * RATE]
        soundfile.write(tmp_path / "x.wav", samples, RATE)
        os.replace(tmp_path / "x.wav", path)
    made = detect(tmp_path / "in", detector, folder=tmp_path / "out", jobs=1, quiet=True)
    assert list(made.recordings["status"]) == ["done"] * 3
    assert len(stamps(tmp_path / "out")) == 3
    counts = [len(detector.detect(sound[i * 10 * RATE : (i + 1) * 10 * RATE])) for i in range(3)]
    assert sorted(made.recordings["events"]) == pytest.approx(sorted(counts), abs=1)  # 16 bit


# --- a run, and the next one --------------------------------------------------------------------


def test_an_archive_gives_the_events_of_every_file(detector, folder, tmp_path):
    """Two processes; two files of one name."""
    out = tmp_path / "out"
    made = detect(folder, detector, folder=out, jobs=2, quiet=True)
    all_right(made, detector, sounds(folder))
    assert list(made.recordings["recording"])[:2] == ["monday/brew.flac", "tuesday/0.wav"]
    for row in made.recordings.itertuples():
        rate = detection.rate(row.events, duration=row.duration)
        assert (row.per_minute, row.low, row.high) == pytest.approx(
            (rate.per_minute, rate.low, rate.high)
        )
        assert row.duration == audio.duration(row.path)
        assert 0 < row.peak <= 1
    assert len(pd.read_csv(out / "recordings.csv")) == 6
    pd.testing.assert_frame_equal(pd.read_csv(out / "events.csv"), made.events)
    assert sorted(p.name for p in out.iterdir() if not p.name.startswith(".")) == [
        "events.csv",
        "events.parquet",
        "parts",
        "recordings.csv",
        "recordings.parquet",
    ]
    assert "6 recordings" in str(made)
    same(archive.open_results(out).events, made.events)


def test_results_of_other_recordings_and_detectors_are_not_written_over(detector, sound, tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        audio.write(tmp_path / name / "a.wav", sound[: 5 * RATE])
    out = tmp_path / "out"
    detect(tmp_path / "first", detector, folder=out, jobs=1, quiet=True)
    before = stamps(out)
    with pytest.raises(ArchiveError, match="holds the results of 1 other recordings"):
        detect(tmp_path / "second", detector, folder=out, jobs=1, quiet=True)
    assert stamps(out) == before
    both = detect(
        [tmp_path / "first", tmp_path / "second"], detector, folder=out, jobs=1, quiet=True
    )
    assert len(both.recordings) == 2
    home = tmp_path / "detector"
    shutil.copytree(detector.folder, home)
    with pytest.raises(ArchiveError, match="is the folder of a detector"):
        detect(tmp_path / "first", detector, folder=home, jobs=1, quiet=True)
    assert sorted(p.name for p in home.iterdir()) == sorted(
        p.name for p in detector.folder.iterdir()
    )


def test_a_second_run_does_only_what_is_new_or_changed(detector, sound, tmp_path):
    (tmp_path / "in").mkdir()
    for name in "abc":
        audio.write(tmp_path / "in" / f"{name}.wav", sound[: 5 * RATE])

    def run(**changes):
        paths = tmp_path / "in"
        made = detect(
            paths, replace(detector, **changes), folder=tmp_path / "out", jobs=1, quiet=True
        )
        all_right(made, replace(detector, **changes), sounds(paths))
        return stamps(tmp_path / "out")

    first = run()
    assert run() == first
    audio.write(tmp_path / "in" / "b.wav", sound[5 * RATE : 11 * RATE])
    os.utime(tmp_path / "in" / "c.wav", ns=(1, 1))  # the same length, another time
    audio.write(tmp_path / "in" / "d.wav", sound[: 3 * RATE])
    second = run()
    assert len(second) == 4  # nothing of the older files is left
    assert set(first) & set(second) == {name for name in first if name.startswith("a-")}
    (tmp_path / "in" / "a.wav").unlink()
    assert run() == second  # another run may ask for it again
    third = run(decoder=replace(detector.decoder, threshold=0.9, low=0.5))
    assert {name[0] for name in set(third) & set(second)} == {"a"}


def test_an_archive_that_moved_is_known_by_its_root(detector, sound, tmp_path):
    (tmp_path / "here").mkdir()
    audio.write(tmp_path / "here" / "a.wav", sound[: 5 * RATE])
    options = {"folder": tmp_path / "out", "jobs": 1, "quiet": True}
    detect(tmp_path / "here", detector, root=tmp_path / "here", **options)
    first = stamps(tmp_path / "out")
    (tmp_path / "here").rename(tmp_path / "there")
    made = detect(tmp_path / "there", detector, root=tmp_path / "there", **options)
    assert stamps(tmp_path / "out") == first
    assert list(made.recordings["path"]) == [str(tmp_path / "there" / "a.wav")]


def test_rates_over_time(detector, folder, tmp_path):
    made = detect(folder / "monday", detector, folder=tmp_path, jobs=1, quiet=True)
    rates = made.rate("brew.flac", every=40)
    assert list(rates["start"]) == [0, 40, 80]
    assert list(rates["seconds"]) == [40, 40, 10]
    onsets = made.events["onset"]
    for row in rates.itertuples():
        n = int(((onsets >= row.start) & (onsets < row.start + row.seconds)).sum())
        rate = detection.rate(n, duration=row.seconds)
        assert (row.n, row.per_minute, row.low, row.high) == pytest.approx(
            (n, rate.per_minute, rate.low, rate.high)
        )
    with pytest.raises(ArchiveError, match="no recording"):
        made.rate("other.flac")
    with pytest.raises(ValueError, match="positive"):
        made.rate("brew.flac", every=0)


def test_no_results_yet(tmp_path):
    with pytest.raises(ArchiveError, match="run detect"):
        archive.open_results(tmp_path)


def test_a_damaged_part_is_named(detector, folder, tmp_path):
    detect(folder / "monday", detector, folder=tmp_path, jobs=1, quiet=True)
    (part,) = (tmp_path / "parts").glob("*.parquet")
    part.write_bytes(part.read_bytes()[:500])
    with pytest.raises(ArchiveError, match=rf"{part.name}.*delete it and run again"):
        detect(folder / "monday", detector, folder=tmp_path, jobs=1, quiet=True)


# --- other processes, threads, machines ---------------------------------------------------------


def test_threads_do_not_share_a_network(detector, folder, tmp_path):
    with parallel_config(backend="threading"):
        made = detect(folder, detector, folder=tmp_path, jobs=3, quiet=True)
    all_right(made, detector, sounds(folder))


def test_a_dask_cluster_takes_over(detector, folder, sound, tmp_path, monkeypatch):
    """Two worker processes of two threads; a broken file, and a disk that none can write to."""
    from dask.distributed import Client, LocalCluster

    bad = broken(tmp_path / "bad", sound, "damaged")
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None
    )
    with cluster, Client(cluster) as client, parallel_config(backend="dask"):
        client.wait_for_workers(2, timeout=WAIT)
        made = detect([folder, bad], detector, folder=tmp_path / "out", quiet=True)
        assert list(made.failed["path"]) == [str(bad)]
        run = archive._run

        def without_the_disk(todo, parts, *arguments, **options):
            shutil.rmtree(parts.folder)
            return run(todo, parts, *arguments, **options)

        monkeypatch.setattr(archive, "_run", without_the_disk)
        with pytest.raises(ArchiveError, match=r"parts/.*parquet: cannot be written"):
            detect(folder, detector, folder=tmp_path / "lost", quiet=True)
        monkeypatch.undo()
    again = detect([folder, bad], detector, folder=tmp_path / "alone", jobs=1, quiet=True)
    same(made.events, again.events)
    columns = [name for name in made.recordings if name != "seconds"]
    same(made.recordings[columns], again.recordings[columns])


def test_a_worker_without_the_detector_stops_the_run(detector, folder, tmp_path):
    model = replace(Model.of(detector), sha256="0" * 64, key="another")
    parts = Parts(tmp_path, detector=model.key)
    parts.open()
    with pytest.raises(ArchiveError, match="every worker needs the detector"):
        work(find(folder)[0], parts, model)


def command(*arguments, before=None, **options):
    """Start the command in a group of its own, so that all of it can be ended."""
    whole = [sys.executable, *(before or ["-m", "helpers.apps.archive"]), *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(
        whole, start_new_session=True, cwd=ROOT, env=environment(), **(pipes | options)
    )


def environment():
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }


def ended(process):
    out, err = process.communicate(timeout=WAIT)
    return process.returncode, out, err


def wait_until(happened, process=None):
    until = time.monotonic() + WAIT
    while not happened():
        assert time.monotonic() < until, "it did not come so far in time"
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.005)


def end_group(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=WAIT)


@pytest.fixture(scope="module")
def long(sound, tmp_path_factory):
    """Eight recordings of four minutes: long enough to be killed at them."""
    made = tmp_path_factory.mktemp("long")
    audio.write(made / "0.flac", np.concatenate([sound, sound]))
    for i in range(1, 8):
        shutil.copy(made / "0.flac", made / f"{i}.flac")
    return made


def finished(detector, long, out):
    """A run that goes on comes to the events of the whole files."""
    made = detect(long, detector, folder=out, jobs=1, quiet=True)
    assert list(made.recordings["recording"]) == [f"{i}.flac" for i in range(8)]
    assert (made.recordings["status"] == "done").all()
    expected = whole(detector, long / "0.flac")
    assert len(made.events) == 8 * len(expected)
    for name, events in made.events.groupby("recording"):
        assert (made.recordings["recording"] == name).sum() == 1
        same(events.drop(columns="recording").reset_index(drop=True), expected)
    assert not [*out.glob("parts/.*.tmp"), *out.glob("parts/.under-way/*")]


@pytest.mark.parametrize("alone", [False, True], ids=["all of it", "its first process"])
def test_killed_and_started_again_nothing_is_lost_or_doubled(detector, long, tmp_path, alone):
    """`kill -9` before the first recording is done, after it, and after the third."""
    out, kept = tmp_path / "out", {}
    parts = out / "parts"
    for least in (0, 1, 3):
        process = command(SHIPPED, long, "--out", out, "--quiet")
        try:
            wait_until(
                lambda n=least: parts.exists() and len(list(parts.glob("*.parquet"))) >= n, process
            )
            process.kill()
            if not alone:
                end_group(process)
            process.wait(timeout=WAIT)
            for name, stamp in kept.items():  # what was done is not done again
                assert (parts / name).stat().st_mtime_ns == stamp
            for part in parts.glob("*.parquet"):  # and whatever has its name is whole
                pd.read_parquet(part)
        finally:
            end_group(process)
        kept = stamps(out)
    assert not (out / "events.parquet").exists()
    finished(detector, long, out)
    assert kept.items() <= stamps(out).items()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to find a worker")
def test_workers_end_with_the_process_that_gave_them_work(long, tmp_path):
    out = tmp_path / "out"
    process = command(SHIPPED, long, "--out", out, "--quiet")
    try:
        wait_until(lambda: stamps(out) if out.exists() else False, process)
        workers = workers_of(process.pid)
        assert len(workers) == 2
        process.kill()
        process.wait(timeout=WAIT)
        wait_until(lambda: not [one for one in workers if alive(one)])
        assert len(stamps(out)) < 8
    finally:
        end_group(process)


def test_a_second_run_into_one_folder_is_refused_until_the_first_is_dead(
    detector, folder, tmp_path
):
    out = tmp_path / "out"
    process = command(SHIPPED, folder, "--out", out, "--quiet")
    try:
        wait_until((out / ".running").exists, process)
        wait_until(lambda: (out / ".running").read_text(), process)
        os.kill(process.pid, signal.SIGSTOP)  # it holds the folder and does not come to its end
        with pytest.raises(ArchiveError, match=rf"another run .*process {process.pid} on"):
            detect(folder, detector, folder=out, jobs=1, quiet=True)
    finally:
        end_group(process)
    all_right(detect(folder, detector, folder=out, jobs=1, quiet=True), detector, sounds(folder))


def workers_of(pid):
    """Processes of joblib that a process has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    told = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return [child for child, line in told.items() if b"LokyProcess" in line]


def alive(pid):
    """Whether a process runs; one that is dead and not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to find a worker")
def test_a_worker_that_dies_is_told_and_the_run_goes_on_later(detector, long, tmp_path):
    """As the system ends a process when memory is short."""
    out = tmp_path / "out"
    process = command(SHIPPED, long, "--out", out, "--quiet")
    try:
        wait_until(lambda: workers_of(process.pid), process)
        os.kill(workers_of(process.pid)[0], signal.SIGKILL)
        status, _, err = ended(process)
    finally:
        end_group(process)
    assert status == 1
    assert re.search("a worker process died.*run again with fewer jobs", err.splitlines()[-1])
    assert "Traceback" not in err
    finished(detector, long, out)


# A process that was started in the background ignores Ctrl-C, and so do those that it starts.
LISTENING = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from helpers.apps import archive
sys.exit(archive.main())
"""


def test_ctrl_c_ends_it_with_the_status_of_a_shell(detector, long, tmp_path):
    out = tmp_path / "out"
    process = command(SHIPPED, long, "--out", out, "--quiet", before=["-c", LISTENING])
    try:
        wait_until(lambda: list(out.glob("parts/*.parquet")), process)
        os.killpg(process.pid, signal.SIGINT)  # a terminal tells all of the group
        status, _, err = ended(process)
    finally:
        end_group(process)
    assert status == 130
    assert err.splitlines()[-1] == "helpers.apps.archive: interrupted; run again to go on"
    finished(detector, long, out)


LIMITED = """
import resource, sys
from helpers.apps import archive
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(archive.main())
"""


def test_a_disk_that_fills_up_is_named_and_what_is_done_stays(detector, folder, tmp_path):
    """A limit on the size of files stands in: writing fails in the middle, as on a full disk."""
    out = tmp_path / "out"
    run = [SHIPPED, folder, "--out", out, "--jobs", "1", "--quiet"]
    small = detect(folder, detector, folder=tmp_path / "small", jobs=1, quiet=True)
    sizes = sorted(path.stat().st_size for path in small.folder.glob("parts/*.parquet"))
    joined = (small.folder / "events.parquet").stat().st_size
    assert sizes[-2] < sizes[-1] < joined
    for limit, words in [
        ((sizes[-2] + sizes[-1]) // 2, "brew-"),  # the largest part
        ((sizes[-1] + joined) // 2, "events.parquet"),
    ]:
        status, _, err = ended(command(limit, *run, before=["-c", LIMITED]))
        assert status == 1
        assert re.search(rf"{words}.*cannot be written \(File too large\).*run again", err)
        assert "Traceback" not in err
        left = [p.name for p in [*out.iterdir(), *(out / "parts").iterdir()]]
        assert not [name for name in left if name.endswith(".tmp")]
        assert "events.parquet" not in left
    assert len(stamps(out)) == 6
    all_right(detect(folder, detector, folder=out, jobs=1, quiet=True), detector, sounds(folder))


def test_a_full_disk_in_another_process_stops_the_run(detector, folder, tmp_path):
    out = tmp_path / "out"
    run = [200, SHIPPED, folder, "--out", out, "--jobs", "2", "--quiet"]
    status, _, err = ended(command(*run, before=["-c", LIMITED]))
    assert status == 1
    assert "cannot be written (File too large)" in err.splitlines()[-1]
    assert not [*out.glob("parts/*.parquet"), *out.glob("parts/.*.tmp")]


def test_the_command_tells_what_it_did_and_what_failed(folder, sound, tmp_path):
    bad = broken(tmp_path / "bad", sound, "nan")
    status, out, err = ended(command(SHIPPED, folder, bad, "--out", tmp_path / "out"))
    assert status == 3
    assert "7 recordings, 1 of them failed" in out
    assert re.search(r"failed: .*bad\.wav: holds NaN", out)
    assert re.search(r"7 of 7 recordings, 1 failed, 0\.05 h of sound, \d+ x real time", err)
    status, out, err = ended(command(SHIPPED, folder, "--out", tmp_path / "out", "--quiet"))
    assert (status, err) == (0, "")
    assert "6 recordings" in out


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["nowhere", "FOLDER", "--out", "OUT"], 1, "name the folder of a detector"),
        (["MODEL", "nowhere", "--out", "OUT"], 1, "nowhere: no such file"),
        (["MODEL", "FOLDER", "--out", "OUT", "--jobs", "0"], 1, "jobs must be 1 or more"),
        (["MODEL", "FOLDER", "--out", "FOLDER/monday/brew.flac"], 1, "cannot be written"),
        (["MODEL", "FOLDER"], 2, "--out"),
        (["MODEL", "FOLDER", "--out", "OUT", "--root", "OUT"], 1, "not below root"),
    ],
)
def test_mistakes_are_told_in_a_line_with_the_status(
    folder, tmp_path, capsys, arguments, status, words
):
    for name, path in {"MODEL": SHIPPED, "FOLDER": folder, "OUT": tmp_path / "out"}.items():
        arguments = [one.replace(name, str(path)) for one in arguments]
    if status == 2:
        with pytest.raises(SystemExit) as exit:
            archive.main(arguments)
        assert exit.value.code == 2
    else:
        assert archive.main(arguments) == status
    assert words in capsys.readouterr().err


def test_progress_counts_bytes_done_and_under_way(folder, tmp_path):
    recordings = find(folder)
    parts = Parts(tmp_path, detector="any")
    parts.open()
    stream = io.StringIO()
    with Progress(recordings[:5], parts, before=1, quiet=False, stream=stream) as progress:
        assert progress.told() == "1 of 6 recordings, 1 of them before"
        parts.progress(recordings[0]).write_text("3600 0.5")
        assert "1.00 h of sound" in progress.told()
        assert progress.busy() == ["brew"]
        assert progress.told().endswith("left")
        parts.progress(recordings[0]).unlink()
        progress.add(Outcome(recordings[0], 7200.0))
        progress.add(Outcome(recordings[1], error="broken"))
    assert stream.getvalue().startswith(
        "3 of 6 recordings, 1 of them before, 1 failed, 2.00 h of sound"
    )


def test_workers_say_how_far_they_are(detector, folder, monkeypatch):
    monkeypatch.setattr(_archive_work, "_EVERY", 0.0)
    told = []
    path = folder / "monday" / "brew.flac"
    events_of(str(path), detector, tick=lambda *state: told.append(state))
    assert [round(seconds) for seconds, _ in told] == [30, 60, 90]
    assert {duration for _, duration in told} == {90.0}


MEMORY = """
import json, sys
from helpers.apps import archive
made = archive.detect(sys.argv[1], sys.argv[2], folder=sys.argv[3], jobs=1, quiet=True)
peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
print(json.dumps([int(peak.split()[1]) / 1024, float(made.recordings["duration"].iloc[0]),
                  len(made.events), "tensorflow" in sys.modules]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc for peak memory")
def test_an_hour_needs_no_more_memory_than_five_minutes(sound, tmp_path):
    measured = []
    for minutes in (5, 60):
        path = tmp_path / f"{minutes}.wav"
        with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
            for _ in range(minutes // 5):
                for part in (sound, sound, sound[: 60 * RATE]):
                    file.write(part)
        arguments = [path, SHIPPED, tmp_path / f"out-{minutes}"]
        status, out, err = ended(command(*arguments, before=["-c", MEMORY]))
        assert status == 0, err
        measured.append(json.loads(out.splitlines()[-1]))
        path.unlink()
    (short, seconds, _, tensorflow), (long, more, events, _) = measured
    assert (seconds, more) == (300, 3600)
    assert events > 3000
    assert not tensorflow
    assert long - short < 30  # MB
    assert long < 1000
