import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback_data import made_clips, made_coughs, serving, sound, write_manifest
from recording_server import Made, Server, encode

from helpers import _backgrounds, _loaders, _sources, audio, datasets, labels, splits, store
from helpers._sources import ARCHIVES, SOURCES, Source
from helpers.apps import collect
from helpers.datasets import DataError, DataMissing

ROOT = Path(__file__).resolve().parents[1]
COUGHS, CLIPS = made_coughs(), made_clips()
MINI = [path for path in COUGHS if not path.startswith(("Data/b", "Data/f"))]
LABELS = {
    "data/labels/labels.vid-e_o0001": b"0.500000\t0.600000\tp\n\\\t200.0\t900.0\n1.0\t1.2\tn\n",
    "data/labels/labels.vid-e_o0002": b"58.0\t58.2\tp\n59.9\t60.5\tp\n70.0\t70.1\tp\n",
    "data/labels/labels.vid-e_o0003": b"1.0\t1.1\tp\n",
}


@pytest.fixture
def upstream(tmp_path, monkeypatch):
    """Made recordings served under the layout of the real ones, and their manifests."""
    monkeypatch.setenv("HEARING_DATA", str(tmp_path / "cache"))
    monkeypatch.delenv("HEARING_MIRROR", raising=False)
    monkeypatch.delenv("HEARING_OFFLINE", raising=False)
    manifests = tmp_path / "manifests"
    monkeypatch.setattr(_sources, "manifest_folder", lambda: manifests)
    write_manifest(manifests / "coughs.csv", COUGHS, subset=MINI, only_blob=("Data/c.wav",))
    write_manifest(manifests / "esc10.csv", CLIPS)
    write_manifest(manifests / "brewing-labels.csv", LABELS)
    with serving(COUGHS | CLIPS | LABELS) as server:
        for name in list(SOURCES):
            flat = name == "brewing-labels"
            monkeypatch.setitem(SOURCES, name, Source(name, server.base, "none", flat=flat))
        yield server


def check_tables(dataset):
    """What holds for every dataset."""
    recordings, events = dataset.recordings, dataset.events
    assert recordings["filename"].is_unique
    assert {"filename", "duration", "group", "split", "provenance"} <= set(recordings)
    assert {"filename", "onset", "offset", "event_label"} <= set(events)
    assert set(events["filename"]) <= set(recordings["filename"])
    assert recordings[["filename", "duration", "group", "split"]].notna().all(axis=None)
    assert recordings.groupby("group")["split"].nunique().max() == 1
    for row in recordings.itertuples():
        part = dataset.events_of(row.filename)
        labels.check_events(part, duration=row.duration, name=row.filename, overlaps="allow")
        assert part["onset"].is_monotonic_increasing
    first = recordings.iloc[0]
    samples = dataset.audio(first["filename"])
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(first["duration"] * 16_000, abs=2)


def test_coughs_from_the_network(upstream):
    dataset = datasets.load("coughs")
    check_tables(dataset)
    recordings = dataset.recordings.set_index("filename")
    assert list(recordings.index) == [f"{name}.wav" for name in "abcdef"]
    assert list(recordings["cough"]) == [True, True, False, False, False, False]
    assert set(recordings.index[recordings["split"] == "test"]) == {"b.wav", "f.wav"}
    assert list(dataset.events_of("a.wav")["onset"]) == [0.5, 1.2]
    assert set(dataset.events["event_label"]) == {"cough"} == {dataset.label}
    assert not dataset.synthetic
    assert "speaker" in dataset.note
    splits.fixed(dataset.recordings)
    assert repr(dataset).startswith("<Dataset coughs (real): 6 recordings, 0.2 min, 3 events")


def test_a_stereo_recording_is_read_as_its_mean(upstream):
    dataset = datasets.load("coughs")
    raw, rate = soundfile.read(dataset.path("b.wav"), dtype="float32")
    assert raw.shape[1] == 2
    expected = audio.resample(raw.mean(axis=1), source=rate, target=16_000)
    np.testing.assert_allclose(dataset.audio("b.wav"), expected, atol=1e-6)


def test_mini_takes_the_subset_alone_and_shares_out_a_test_part(upstream):
    dataset = datasets.load("coughs-mini")
    check_tables(dataset)
    assert list(dataset.recordings["group"]) == ["a", "c", "d", "e"]
    assert not any(path.startswith("Data/b") for path, _ in upstream.requests)
    assert set(dataset.recordings["upstream_split"]) == {"train"}
    assert "'split' is ours" in dataset.note


def test_a_mirror_that_holds_the_subset_serves_it_offline(upstream, tmp_path, monkeypatch):
    for path in MINI:
        file = tmp_path / "mirror" / "coughs" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(COUGHS[path])
    monkeypatch.setenv("HEARING_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("HEARING_OFFLINE", "1")
    dataset = datasets.load("coughs-mini")
    assert dataset.path("a.wav") == tmp_path / "mirror" / "coughs" / "Data" / "a.wav"
    with pytest.raises(DataMissing, match=r"coughs: 3 files .*\n.*1\. .*\n.*2\. .*\n.*3\. "):
        datasets.load("coughs")
    assert upstream.requests == []


def test_noise_is_as_loud_as_the_coughs_and_differs_by_role(upstream):
    clean, noisy = datasets.load("coughs"), datasets.load("coughs-0db")
    check_tables(noisy)
    assert list(noisy.recordings["group"]) == list(clean.recordings["group"])
    assert list(noisy.events["onset"]) == list(clean.events["onset"])
    for row in noisy.recordings.itertuples():
        assert row.background_train.split("/")[1][0] in "123"
        assert row.background_test.split("/")[1][0] in "45"
        clean_sound = clean.audio(row.source)
        for role in ("train", "test"):
            noise = noisy.audio(row.filename, role=role) - clean_sound
            power = _backgrounds.active_power(clean_sound, clean.events_of(row.source))
            ratio = 10 * np.log10(power / np.mean(np.square(noise)))
            assert ratio == pytest.approx(0.0, abs=0.2)
    default = noisy.audio("a.flac")
    np.testing.assert_array_equal(default, noisy.audio("a.flac", role="test"))
    assert not np.array_equal(default, noisy.audio("a.flac", role="train"))
    with pytest.raises(DataError, match="role is 'both'"):
        noisy.audio("a.flac", role="both")


def test_noise_is_mixed_once_and_the_same_in_the_subset(upstream, monkeypatch):
    whole = datasets.load("coughs-0db")
    mini = datasets.load("coughs-mini-0db")
    assert mini.folder != whole.folder
    for name in mini.recordings["filename"]:
        np.testing.assert_array_equal(mini.audio(name), whole.audio(name))
    monkeypatch.setattr(_backgrounds, "render", lambda *args: pytest.fail("mixed again"))
    assert datasets.load("coughs-0db").folder == whole.folder


def test_excluded_clips_are_never_fetched(upstream, tmp_path):
    extra = dict(CLIPS) | dict.fromkeys(_backgrounds.EXCLUDED, b"not for us")
    write_manifest(tmp_path / "manifests" / "esc10.csv", extra)
    upstream.files |= extra
    datasets.load("coughs-0db")
    assert not {path for path, _ in upstream.requests} & set(_backgrounds.EXCLUDED)
    real = {"009 - Rooster/1-40730-A.ogg", "009 - Rooster/2-96460-A.ogg"}
    assert set(_backgrounds.EXCLUDED) == real


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3000),
    st.integers(1, 9000),
    st.floats(-20, 20),
    st.floats(1e-3, 0.3),
    st.booleans(),
)
def test_mixing_keeps_its_promises(n_clip, n, snr, level, has_events):
    random = np.random.default_rng(n_clip + n)
    samples = (random.normal(size=n) * level).astype(np.float32)
    clip = (random.normal(size=n_clip) * 0.1).astype(np.float32)
    rows = [["x", 0.0, n / 32_000 + 1e-3, "cough"]] if has_events else []
    events = pd.DataFrame(rows, columns=["filename", "onset", "offset", "event_label"])
    background = _backgrounds.extend(clip, n, random=random)
    assert background.shape == (n,)
    mixed = _backgrounds.mix(samples, background, events, snr_db=snr)
    assert mixed.dtype == np.float32
    assert np.abs(mixed).max() <= 1.0
    power = _backgrounds.active_power(samples, events)
    gain = np.sqrt(power / np.mean(np.square(background, dtype=float)) / 10 ** (snr / 10))
    whole = samples + gain * background
    scale = min(1.0, 0.99 / max(np.abs(whole).max(), 1e-9))
    np.testing.assert_allclose(mixed, scale * whole, atol=1e-5)


def test_joints_of_a_loop_do_not_click():
    t = np.arange(16_000) / 16_000
    clip = np.pad(np.sin(2 * np.pi * 217.3 * t).astype(np.float32), (500, 3000))
    loop = _backgrounds.extend(clip, 60_000, random=np.random.default_rng(0))
    assert np.abs(np.diff(loop)).max() < 1.5 * np.abs(np.diff(clip[600:-3100])).max()
    assert np.abs(loop.reshape(-1, 200)).max(axis=1).min() > 0.2  # the padding is gone


def test_level_of_a_silent_recording_is_a_floor():
    nothing = pd.DataFrame({"onset": [], "offset": []})
    assert _backgrounds.active_power(np.zeros(1000), nothing) == _backgrounds.FLOOR
    half = np.concatenate([np.zeros(16_000), np.full(16_000, 0.1)])
    assert _backgrounds.active_power(half, nothing) == pytest.approx(0.01)


def test_airlocks_from_collected_sound(upstream, tmp_path):
    with pytest.raises(DataMissing, match=r"python -m helpers\.apps\.collect.*\n.*vid-e_o0001"):
        datasets.load("airlocks")
    folder = tmp_path / "cache" / "airlocks"
    folder.mkdir(parents=True)
    for number, seconds in ((1, 3.0), (2, 65.0)):
        data = sound(seconds, rate=16_000, kind="FLAC", seed=number)
        (folder / f"vid-e_o000{number}.flac").write_bytes(data)
    dataset = datasets.load("airlocks")
    check_tables(dataset)
    assert list(dataset.recordings["duration"]) == [3.0, 60.0]
    assert list(dataset.events["event_label"]) == ["p", "n", "p", "p"]
    assert len(dataset.positives) == 3
    assert dataset.events["offset"].max() == 60.0
    assert len(dataset.audio("vid-e_o0002.flac")) == 60 * 16_000
    assert "vid-e_o0003" in dataset.note
    assert sorted(path for path, _ in upstream.requests) == sorted(LABELS)[:2]


def test_airlocks_from_the_video_to_the_tables(upstream, tmp_path, monkeypatch):
    """Made videos under the published ids: collected, labelled, loaded; one of them is gone."""
    events = {number: [0.4 + 0.3 * number, 2.0] for number in (1, 2, 3)}
    videos = {
        f"vid-e_o000{number}": Made(encode(plops(onsets), kind="webm"), kind="webm")
        for number, onsets in events.items()
    }
    videos["vid-e_o0003"].behaviour = "missing"
    made_labels = {
        f"data/labels/labels.{name}": "".join(
            f"{onset:.6f}\t{onset + 0.1:.6f}\tp\n" for onset in events[int(name[-1])]
        ).encode()
        for name in videos
    }
    upstream.files |= made_labels
    write_manifest(tmp_path / "manifests" / "brewing-labels.csv", made_labels)
    folder = tmp_path / "cache" / "airlocks"
    with Server(videos) as server:
        table = collect.fetch(list(videos), folder, seconds=2.5, address=server.address, pause=0.0)
    assert list(table["status"] == "fetched") == [True, True, False], list(table["reason"])
    dataset = datasets.load("airlocks")
    check_tables(dataset)
    assert len(dataset.recordings) == 2
    assert "Not here: vid-e_o0003" in dataset.note
    for row in dataset.events.itertuples():
        samples = dataset.audio(row.filename)
        at = round(row.onset * 16_000)
        before, after = samples[at - 1600 : at - 160], samples[at + 160 : at + 1440]
        assert audio.level_db(after) > audio.level_db(before) + 20


def plops(onsets, *, seconds=3.0, rate=48_000):
    """Faint noise with 100 ms of tone at each onset."""
    t = np.arange(round(seconds * rate)) / rate
    samples = np.random.default_rng(0).normal(size=len(t)) * 1e-3
    for onset in onsets:
        samples += 0.5 * np.sin(2 * np.pi * 500 * t) * ((t >= onset) & (t < onset + 0.1))
    return samples.astype(np.float32)


def test_a_collected_file_cut_short_is_named(upstream, tmp_path):
    folder = tmp_path / "cache" / "airlocks"
    folder.mkdir(parents=True)
    data = sound(3.0, rate=16_000, kind="FLAC")
    (folder / "vid-e_o0001.flac").write_bytes(data[: len(data) // 2])
    dataset = datasets.load("airlocks")
    with pytest.raises(audio.AudioError, match=r"vid-e_o0001\.flac"):
        dataset.audio("vid-e_o0001.flac")


def test_a_label_file_or_sheet_that_is_wrong_is_named(upstream, tmp_path):
    files = dict(COUGHS)
    files["Data/a.txt"] = b"0,5\t0,8\t\n"
    write_manifest(tmp_path / "manifests" / "coughs.csv", files, subset=MINI)
    upstream.files |= files
    with pytest.raises(labels.LabelError, match=r"a\.txt, line 1"):
        datasets.load("coughs-mini")
    files["Datasheet.xlsx"] = b"not a sheet"
    write_manifest(tmp_path / "manifests" / "coughs.csv", files, subset=MINI)
    upstream.files |= files
    (tmp_path / "cache" / "coughs" / "Datasheet.xlsx").unlink()
    with pytest.raises(DataError, match=r"Datasheet\.xlsx: not the sheet"):
        datasets.load("coughs-mini")


@pytest.fixture
def small_brewery(monkeypatch):
    """The brewery, small enough to make again and again."""
    generator = pytest.importorskip("helpers.synth.brewery")
    options = {"seed": 3, "n_brews": 2, "recordings_per_brew": 1, "duration": 5.0, "split": "test"}
    monkeypatch.setitem(generator.SETS, "brewery", options)
    return generator


def test_the_stand_in_cannot_be_missed(upstream, monkeypatch, small_brewery, capsys):
    monkeypatch.setenv("HEARING_OFFLINE", "1")
    dataset = datasets.load("coughs-mini", fallback="brewery")
    said = capsys.readouterr().out
    assert "!!!!" in said
    assert "SYNTHETIC STAND-IN: 'coughs-mini' is not at hand" in said
    assert "HEARING_MIRROR" in said
    assert dataset.synthetic
    assert dataset.name == "brewery"
    assert "SYNTHETIC" in dataset.note
    check_tables(dataset)


def test_the_stand_in_is_a_box_in_a_notebook(upstream, monkeypatch, small_brewery):
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    monkeypatch.setenv("HEARING_OFFLINE", "1")
    shell = InteractiveShell.instance()
    monkeypatch.setattr(shell, "kernel", object(), raising=False)
    try:
        with capture_output() as captured:
            datasets.load("airlocks", fallback="brewery")
    finally:
        InteractiveShell.clear_instance()
    (shown,) = captured.outputs
    assert 'role="alert"' in shown.data["text/html"]
    assert "python -m helpers.apps.collect" in shown.data["text/html"]
    assert "SYNTHETIC STAND-IN" in shown.data["text/plain"]


def test_a_corrupt_file_is_not_hidden_by_the_stand_in(upstream, tmp_path):
    datasets.load("coughs-mini")
    (tmp_path / "cache" / "coughs" / "Data" / "a.wav").write_bytes(b"?")
    with pytest.raises(DataError, match=r"a\.wav: not the file"):
        datasets.load("coughs-mini", fallback="brewery")


def test_unknown_names_are_refused(upstream):
    for options in ({"name": "cough"}, {"name": "coughs", "fallback": "beer"}):
        with pytest.raises(DataError, match="no dataset .*choose from brewery, brewery-large"):
            datasets.load(**options)


def test_subset_and_events_of(upstream):
    dataset = datasets.load("coughs")
    part = dataset.subset(["c.wav", "a.wav"])
    assert list(part.recordings["filename"]) == ["a.wav", "c.wav"]
    assert len(part.events) == 2
    assert part.events_of("c.wav").empty
    assert dataset.events_of("b.wav", "p").empty
    with pytest.raises(DataError, match="'b.wav' is not a recording"):
        part.audio("b.wav")
    with pytest.raises(DataError, match="'z.wav' is not a recording"):
        dataset.subset(["a.wav", "z.wav"])


@settings(max_examples=40, deadline=None)
@given(st.sets(st.text(min_size=1, max_size=6), min_size=4, max_size=60), st.randoms())
def test_the_share_for_testing_does_not_depend_on_the_order(groups, random):
    groups = sorted(groups)
    kinds = [len(name) % 2 for name in groups]
    first = dict(zip(groups, _loaders.share_out(groups, kinds), strict=True))
    order = list(range(len(groups)))
    random.shuffle(order)
    again = _loaders.share_out([groups[i] for i in order], [kinds[i] for i in order])
    assert {groups[i]: where for i, where in zip(order, again, strict=True)} == first
    for kind in set(kinds):
        members = [name for name, its in zip(groups, kinds, strict=True) if its == kind]
        tests = sum(first[name] == "test" for name in members)
        assert abs(tests - 0.3 * len(members)) <= 0.5 + 1e-9


def test_brewery_is_made_once_and_read_back_as_it_was(upstream, small_brewery, monkeypatch):
    made = []
    generate = small_brewery.generate
    monkeypatch.setattr(
        small_brewery, "generate", lambda *a, **k: made.append(generate(*a, **k)) or made[-1]
    )
    first, second = datasets.load("brewery"), datasets.load("brewery")
    assert len(made) == 1
    check_tables(first)
    recordings, events = made[0]
    for one, other in ((first.recordings, recordings), (first.events, events)):
        pd.testing.assert_frame_equal(
            one, other, check_dtype=False, rtol=1e-13, check_column_type=False
        )
    pd.testing.assert_frame_equal(first.events, second.events)
    assert first.label == "p"
    assert first.synthetic


def test_brewery_is_made_anew_when_its_generator_changes(monkeypatch, tmp_path):
    folder = tmp_path / "synth"
    folder.mkdir()
    (folder / "brewery.py").write_text("from helpers.synth import plop\nimport os\n")
    (folder / "plop.py").write_text("from helpers.synth.noise import pink\n")
    (folder / "noise.py").write_text("pink = 1\n")
    (folder / "machines.py").write_text("other = 1\n")
    monkeypatch.setattr(_loaders, "__file__", str(tmp_path / "_loaders.py"))
    before = _loaders._synth_code()
    (folder / "machines.py").write_text("other = 2\n")
    assert _loaders._synth_code() == before
    (folder / "noise.py").write_text("pink = 2\n")
    assert _loaders._synth_code() != before


def test_real_coughs(mirror):
    dataset = datasets.load("coughs-mini")
    check_tables(dataset)
    assert len(dataset.recordings) == 135
    assert dataset.recordings["cough"].sum() == 90
    assert len(dataset.positives) == 416
    assert set(dataset.recordings["upstream_split"]) == {"train"}
    stereo = sum(soundfile.info(dataset.path(f)).channels == 2 for f in dataset.recordings.filename)
    assert stereo == 4


def test_real_coughs_in_real_backgrounds(mirror):
    clean, noisy = datasets.load("coughs-mini"), datasets.load("coughs-mini-0db")
    check_tables(noisy)
    assert set(noisy.recordings["background_train"].str[:3]) == {f"{n:03}" for n in range(1, 11)}
    quiet = [np.mean(clean.audio(row.source) == 0) for row in noisy.recordings.itertuples()]
    filled = [np.mean(noisy.audio(name) == 0) for name in noisy.recordings["filename"]]
    assert np.max(quiet) > 0.3
    assert np.median(filled) < 0.01


def test_published_labels_of_airlocks(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("HEARING_DATA", str(tmp_path))
    monkeypatch.setenv("HEARING_OFFLINE", "1")
    store.data_folder().joinpath("airlocks").mkdir()
    audio.write(tmp_path / "airlocks" / "ZPmEByu-4xQ.flac", np.full(16_000 * 60, 0.01))
    dataset = datasets.load("airlocks")
    check_tables(dataset)
    assert len(dataset.positives) > 100


@pytest.fixture
def sheet(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import data_sheet

    return data_sheet


def test_the_data_sheet_shows_the_brewery_that_is_made(sheet, brewery):
    from helpers.synth.brewery import compare

    name = "brewery (synthetic)"
    now = compare({name: (brewery.events, brewery.recordings)})[name]
    lines = [line.strip("| ").split(" | ") for line in sheet.SHEET.read_text().splitlines()]
    shown = {line[0]: line[2] for line in lines if len(line) == 4 and line[0] in now.index}
    assert shown == now.to_dict(), "run benchmarks/data_sheet.py"


def test_tables_go_between_their_markers_and_nowhere_else(sheet):
    table = sheet.markdown(pd.DataFrame({"a": {"x": 1}}))
    text = "before\n<!-- table t -->\nold\n<!-- end t -->\nafter\n"
    new = sheet.replaced(text, "t", table)
    assert new == (
        "before\n<!-- table t -->\n|  | a |\n| --- | --- |\n| x | 1 |\n<!-- end t -->\nafter\n"
    )
    for wrong in ("no markers", text + text, "<!-- end t --><!-- table t -->"):
        with pytest.raises(ValueError, match="wanted once"):
            sheet.replaced(wrong, "t", table)


def test_the_data_sheet_names_every_source_at_its_commit(sheet):
    text = sheet.SHEET.read_text()
    for source in [*SOURCES.values(), *ARCHIVES.values()]:
        assert re.search("[0-9a-f]{40}|/records/[0-9]+", source.base)[0].split("/")[-1] in text
        assert source.licence.split(":")[0] in text
    for path in _backgrounds.EXCLUDED:
        assert path in text
