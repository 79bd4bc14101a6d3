"""Soundscapes keep their promises: ratios, truth to the sample, gaps, sources on one side."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import audio, jams, splits
from helpers.datasets import Dataset
from helpers.synth import soundbank, soundscapes
from helpers.synth.soundbank import Sound

RATE = audio.SAMPLE_RATE
EVENT_COLUMNS = ["filename", "onset", "offset", "event_label"]


def noise(seconds: float, seed: int, level: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal(round(seconds * RATE))).astype(np.float32).clip(-1, 1)


def foreground(i: int, seconds: float, label: str = "cough", pad: int = 400) -> Sound:
    """An event of one length, with quieter sound around it."""
    samples = noise(seconds + 2 * pad / RATE, i, level=0.02 * (1 + i % 5))
    samples[:pad] *= np.linspace(0, 1, pad)
    samples[len(samples) - pad :] *= np.linspace(1, 0, pad)
    return Sound(samples, label, f"f{i}.wav", 0.5, group=f"person{i // 2}", before=pad, after=pad)


def bank(first: int = 0) -> tuple[list[Sound], list[Sound]]:
    """Foregrounds of two labels, and backgrounds of three, of which one is long."""
    events = [
        foreground(first + i, 0.1 + 0.05 * i, ("cough", "sneeze")[i % 4 == 3]) for i in range(8)
    ]
    kinds = ("rain", "sea", "clock")
    behind = [
        Sound(noise((1.3, 2.0, 6.0)[i % 3], first + 50 + i), kinds[i % 3], f"b{first + i}.ogg")
        for i in range(6)
    ]
    return events, behind


FOREGROUNDS, BACKGROUNDS = bank()
SOUNDS = {"foregrounds": FOREGROUNDS, "backgrounds": BACKGROUNDS}


def decibels(signal: np.ndarray, other: np.ndarray) -> float:
    power = [np.mean(np.square(part, dtype=np.float64)) for part in (signal, other)]
    return float(10 * np.log10(power[0] / power[1]))


def spans(events: pd.DataFrame) -> list[tuple[int, int]]:
    """First and last sample of each foreground with its fades."""
    by_source = {sound.source: sound for sound in FOREGROUNDS}
    found = []
    for row in events.itertuples():
        start = round(row.onset * RATE) - by_source[row.source].before
        found.append((start, start + len(by_source[row.source].samples)))
    return found


# --- plans ----------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    n=st.integers(0, 12),
    duration=st.floats(2.0, 12.0),
    fewest=st.integers(0, 2),
    more=st.integers(0, 12),
    snr=st.tuples(st.floats(-20, 0), st.floats(0, 30)),
    gap=st.floats(0.0, 0.4),
    seed=st.integers(0, 2**32),
)
def test_every_plan_keeps_its_promises(n, duration, fewest, more, snr, gap, seed):
    options = {"n": n, "duration": duration, "events": (fewest, fewest + more), "snr_db": snr}
    options |= {"min_gap": gap, "seed": seed, "ref_db": (-50.0, -30.0)}
    recordings, events = soundscapes.plan(**SOUNDS, **options)
    total = round(duration * RATE)
    assert len(recordings) == n
    assert recordings["filename"].is_unique
    assert (recordings["duration"] == total / RATE).all()
    assert recordings["n_events"].between(fewest, fewest + more).all()
    assert recordings["ref_db"].between(-50, -30).all()
    assert events["snr_db"].between(*snr).all()
    for row in recordings.itertuples():
        own = events[events["filename"] == row.filename]
        assert len(own) == row.n_events
        edges = spans(own)
        assert all(0 <= start and end <= total for start, end in edges)
        gaps = [after[0] - before[1] for before, after in zip(edges, edges[1:], strict=False)]
        assert all(found >= round(gap * RATE) for found in gaps)
    again = soundscapes.plan(**SOUNDS, **options)
    pd.testing.assert_frame_equal(recordings, again[0])
    pd.testing.assert_frame_equal(events, again[1])


def test_sounds_and_labels_take_turns():
    recordings, events = soundscapes.plan(**SOUNDS, n=60, events=(2, 2))
    labels = events["event_label"].value_counts()
    assert labels.to_dict() == {"cough": 60, "sneeze": 60}
    uses = events.groupby("event_label")["source"].value_counts()
    assert set(uses["cough"]) == {10}
    assert set(uses["sneeze"]) == {30}
    assert set(recordings["background_label"].value_counts()) == {20}
    assert set(recordings["background"].value_counts()) == {10}


def test_onsets_and_counts_are_spread_evenly():
    recordings, events = soundscapes.plan(**SOUNDS, n=600, events=(0, 3), snr_db=(0.0, 20.0))
    assert recordings["n_events"].value_counts(normalize=True).between(0.2, 0.3).all()
    single = events[events.groupby("filename")["onset"].transform("size") == 1]
    thirds = np.histogram(single["onset"], bins=[0, 10 / 3, 20 / 3, 10])[0] / len(single)
    assert np.all(np.abs(thirds - 1 / 3) < 0.13)
    assert events["snr_db"].mean() == pytest.approx(10, abs=1)
    long = recordings[recordings["background_label"] == "clock"]
    halves = np.histogram(long["background_time"], bins=[0, 2.875, 5.75])[0]
    assert halves.min() > 0.4 * len(long)


def test_too_many_events_for_the_room_are_left_out_and_counted():
    recordings, events = soundscapes.plan(
        **SOUNDS, n=20, duration=1.0, events=(1, 30), min_gap=0.05
    )
    assert recordings["n_events"].max() < 8
    assert recordings["n_events"].min() >= 1
    assert len(events) == recordings["n_events"].sum()


def test_the_name_is_part_of_the_seed():
    first, other = (soundscapes.plan(**SOUNDS, n=5, name=name)[1] for name in ("a", "b"))
    assert not first["onset"].equals(other["onset"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"foregrounds": []}, "foregrounds is empty"),
        ({"backgrounds": []}, "backgrounds is empty"),
        ({"foregrounds": FOREGROUNDS[:1] * 2}, "foregrounds: two sounds of one source and time"),
        ({"duration": 0.2}, r"1 event\(s\) as long as f7.wav at 0.5 s need 0.50 s of 0.2 s"),
        ({"duration": 2.0, "events": (5, 6)}, r"5 event\(s\) as long as f7.wav"),
        ({"duration": float("nan")}, "duration=nan"),
        ({"n": -1}, "n=-1"),
        ({"min_gap": -0.1}, "min_gap=-0.1"),
        ({"events": (3, 1)}, r"events is \(3, 1\): .* the lower one first"),
        ({"events": (-1, 1)}, "counts of 0 or more"),
        ({"snr_db": (5, float("nan"))}, "snr_db is .*finite"),
        ({"ref_db": float("inf")}, "ref_db is inf"),
        ({"pitch": (2, -2)}, "pitch is"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        soundscapes.plan(**(SOUNDS | {"n": 2} | change))


# --- sound ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planned():
    return soundscapes.plan(**SOUNDS, n=12, duration=4.0, events=(1, 4), snr_db=(-15.0, 25.0))


def test_ratios_levels_and_sums_are_as_planned(planned):
    recordings, events = planned
    for row in recordings.to_dict("records"):
        made = soundscapes.render(row, events, **SOUNDS)
        own = events[events["filename"] == row["filename"]]
        assert len(made.foregrounds) == len(own)
        assert made.samples.dtype == np.float32
        assert made.samples.shape == (4 * RATE,)
        total = np.sum([made.background, *made.foregrounds], axis=0)
        np.testing.assert_allclose(made.samples, total, atol=1e-6)
        assert audio.level_db(made.background) - made.gain_db == pytest.approx(-40.0, abs=0.01)
        for event, part in zip(own.itertuples(), made.foregrounds, strict=True):
            inside = part[round(event.onset * RATE) : round(event.offset * RATE)]
            assert decibels(inside, made.background) == pytest.approx(event.snr_db, abs=0.01)


def test_truth_is_exact_to_the_sample(planned):
    recordings, events = planned
    by_source = {sound.source: sound for sound in FOREGROUNDS}
    for row in recordings.to_dict("records"):
        own = events[events["filename"] == row["filename"]]
        made = soundscapes.render(row, events, **SOUNDS)
        for event, part, (start, end) in zip(
            own.itertuples(), made.foregrounds, spans(own), strict=True
        ):
            sound = by_source[event.source]
            onset, offset = event.onset * RATE, event.offset * RATE
            assert onset == round(onset)
            assert offset == round(offset)
            heard = part[int(onset) : int(offset)]
            gain = np.dot(heard, sound.event) / np.dot(sound.event, sound.event)
            np.testing.assert_allclose(heard, gain * sound.event, atol=1e-6)
            assert not part[:start].any()
            assert not part[end:].any()


def test_a_short_background_is_looped_and_a_long_one_is_not(planned):
    recordings, events = planned
    seen = set()
    for row in recordings.to_dict("records"):
        part = soundscapes.render(row, events, **SOUNDS).background
        sound = next(s for s in BACKGROUNDS if s.source == row["background"])
        period = len(sound.samples) - 4000  # a joint of a quarter of a second
        if row["background_label"] == "rain":
            np.testing.assert_allclose(part[period:], part[:-period], atol=1e-6)
            seen.add("looped")
        elif row["background_time"] + 4.0 < 5.75 and row["background_label"] == "clock":
            first = max(0, 4000 - round(row["background_time"] * RATE))  # past the joint
            start = round(row["background_time"] * RATE) + first
            assert (
                np.corrcoef(part[first:], sound.samples[start:][: len(part) - first])[0, 1] > 0.999
            )
            seen.add("whole")
    assert seen == {"looped", "whole"}


def test_loud_soundscapes_are_turned_down_as_a_whole_and_that_is_told(planned):
    recordings, events = planned
    row = recordings.iloc[0].to_dict()
    loud = soundscapes.render(row | {"ref_db": -3.0}, events, **SOUNDS)
    quiet = soundscapes.render(row | {"ref_db": -60.0}, events, **SOUNDS)
    assert quiet.gain_db == 0.0
    assert loud.gain_db < -1.0
    assert np.abs(loud.samples).max() == pytest.approx(0.99, abs=1e-6)
    factor = 10 ** ((57.0 + loud.gain_db) / 20)
    np.testing.assert_allclose(loud.samples, factor * quiet.samples, atol=1e-5)


def test_another_ratio_changes_nothing_else(planned):
    recordings, events = planned
    row = recordings.iloc[1]
    one, other = (
        soundscapes.render(row, events.assign(snr_db=snr), **SOUNDS) for snr in (-6.0, 0.0)
    )
    np.testing.assert_array_equal(one.background, other.background)
    for part, louder in zip(one.foregrounds, other.foregrounds, strict=True):
        np.testing.assert_allclose(louder, 10 ** (6 / 20) * part, atol=1e-6)


def test_fixed_ratios_share_their_plan():
    first, other = (soundscapes.plan(**SOUNDS, n=5, snr_db=snr)[1] for snr in (-5.0, 5.0))
    pd.testing.assert_frame_equal(first.assign(snr_db=5.0), other)


def test_pitch_is_shifted_and_the_truth_stays():
    t = np.arange(RATE // 2) / RATE
    tone = Sound((0.3 * np.sin(2 * np.pi * 440 * t)).astype(np.float32), "beep", "tone.wav")
    sounds = {"foregrounds": [tone], "backgrounds": BACKGROUNDS}
    recordings, events = soundscapes.plan(**sounds, n=1, events=(1, 1), snr_db=3.0, pitch=12.0)
    assert list(events["pitch_shift"]) == [12.0]
    made = soundscapes.render(recordings.iloc[0], events, **sounds)
    onset, offset = (round(events[name].item() * RATE) for name in ("onset", "offset"))
    assert offset - onset == len(t)
    heard = made.foregrounds[0][onset:offset]
    assert np.argmax(np.abs(np.fft.rfft(heard))) * 2.0 == pytest.approx(880, rel=0.02)
    assert decibels(heard, made.background) == pytest.approx(3.0, abs=0.01)


def test_what_cannot_be_rendered_is_refused(planned):
    recordings, events = planned
    row = recordings.iloc[0]
    with pytest.raises(ValueError, match="among the foregrounds: give those that"):
        soundscapes.render(row, events, foregrounds=[foreground(99, 1.0)], backgrounds=BACKGROUNDS)
    gone = [sound for sound in BACKGROUNDS if sound.source != row["background"]]
    with pytest.raises(ValueError, match="among the backgrounds"):
        soundscapes.render(row, events, foregrounds=FOREGROUNDS, backgrounds=gone)
    half = np.concatenate([noise(1.0, 1), np.zeros(9 * RATE, np.float32), noise(1.0, 2)])
    pausing = [replace(BACKGROUNDS[0], samples=half)]
    row = row.to_dict() | {"background": pausing[0].source, "background_time": 2.0}
    with pytest.raises(ValueError, match=r"b0\.ogg: silent from 2 s"):
        soundscapes.render(row, events, foregrounds=FOREGROUNDS, backgrounds=pausing)


# --- the bank -------------------------------------------------------------------------------


@pytest.fixture
def recorded(tmp_path):
    """One recording of 3 s at 48 kHz whose events are of every kind, one without, one clip."""
    table = [
        ("a.wav", 0.02, 0.20, "cough"),  # less than the pad from the start
        ("a.wav", 0.21, 0.40, "cough"),  # 10 ms after the one above
        ("a.wav", 0.80, 1.00, "cough"),  # with speech in it
        ("a.wav", 0.90, 1.30, "speech"),
        ("a.wav", 1.50, 1.70, "cough"),  # clipped
        ("a.wav", 1.90, 2.00, "cough"),  # silent
        ("a.wav", 2.10, 2.10, "cough"),  # a point
        ("a.wav", 2.50, 2.80, "cough"),
    ]
    sound = np.random.default_rng(3).standard_normal(3 * 48_000) * 0.1
    sound[round(1.55 * 48_000) :][:5] = 1.0
    sound[round(1.85 * 48_000) : round(2.05 * 48_000)] = 0.0
    for name in ("a.wav", "b.wav"):
        audio.write(tmp_path / name, sound, sample_rate=48_000)
    audio.write(tmp_path / "c.wav", np.zeros(RATE))
    recordings = pd.DataFrame({"filename": ["a.wav", "b.wav", "c.wav"], "group": ["x", "y", "z"]})
    recordings["duration"] = [3.0, 3.0, 1.0]
    events = pd.DataFrame(table, columns=EVENT_COLUMNS)
    return Dataset("made", recordings, events, tmp_path, "cough", False, "")


def test_events_are_cut_with_their_times_and_the_unfit_left_out(recorded):
    found, left_out = soundbank.cut(recorded, pad=0.05)
    assert [sound.source_time for sound in found] == [0.02, 0.21, 2.5]
    assert dict(zip(left_out["onset"], left_out["reason"], strict=True)) == {
        0.8: "another event in it",
        1.5: "clipped",
        1.9: "silent",
        2.1: "no length",
    }
    assert [sound.before for sound in found] == [320, 160, 800]
    assert [sound.after for sound in found] == [160, 800, 800]
    samples = recorded.audio("a.wav")
    for sound in found:
        onset = round(sound.source_time * RATE)
        np.testing.assert_array_equal(sound.event, samples[onset:][: len(sound.event)])
        assert np.abs(sound.samples[[0, -1]]).max() < 1e-3
        assert (sound.label, sound.source, sound.group, sound.real) == ("cough", "a.wav", "x", True)


def test_a_cut_without_room_fades_in_two_milliseconds_of_the_event(recorded):
    found, _ = soundbank.cut(recorded, pad=0.0)
    samples = recorded.audio("a.wav")
    for sound in found:
        onset = round(sound.source_time * RATE)
        assert sound.before == sound.after == 0
        np.testing.assert_array_equal(
            sound.event[32:-32], samples[onset:][: len(sound.event)][32:-32]
        )
        assert np.abs(sound.samples[[0, -1]]).max() < 1e-3


def test_whole_clips_and_recordings_without_events_are_backgrounds(recorded, tmp_path):
    found, left_out = soundbank.whole(recorded)
    assert [(sound.source, sound.label) for sound in found] == [("b.wav", "background")]
    assert list(left_out["reason"]) == ["holds events", "silent"]
    (tmp_path / "clips").mkdir()
    padded = np.concatenate([np.zeros(800), noise(1.0, 5), np.zeros(4000)])
    for name in ("r.wav", "s.wav", "t.wav"):
        audio.write(tmp_path / "clips" / name, padded)
    table = pd.DataFrame({"filename": ["r.wav", "s.wav", "t.wav"], "label": ["rain", "sea", "sea"]})
    table = table.assign(group=table["filename"], duration=1.3, shown=[True, True, False])
    clips = Dataset("clips", table, recorded.events.iloc[:0], tmp_path / "clips", None, False, "")
    found, left_out = soundbank.whole(clips)
    assert [(sound.label, sound.source_time) for sound in found] == [("rain", 0.05), ("sea", 0.05)]
    assert len(found[0].samples) == pytest.approx(RATE, abs=5)
    assert list(left_out["reason"]) == ["licence"]
    assert [sound.source for sound in soundbank.whole(clips, labels=["sea"])[0]] == ["s.wav"]
    assert [s.source for s in soundbank.whole(clips, filenames=["r.wav"])[0]] == ["r.wav"]
    with pytest.raises(ValueError, match="clips: no clip is fit for a background"):
        soundbank.whole(clips, filenames=["t.wav"])
    with pytest.raises(ValueError, match="label: clips has no events to detect"):
        soundbank.cut(clips)


def test_sounds_are_written_where_scaper_looks_for_them(tmp_path):
    twice = replace(FOREGROUNDS[0], source_time=0.75)
    soundbank.export(tmp_path, [*FOREGROUNDS[:4], twice], BACKGROUNDS[:2])
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.wav")}
    coughs = {f"foreground/cough/{name}.wav" for name in ("f1-00008000", "f2-00008000")}
    coughs |= {f"foreground/cough/f0-000{time}.wav" for time in ("08000", "12000")}
    assert found == coughs | {
        "foreground/sneeze/f3-00008000.wav",
        "background/rain/b0-00000000.wav",
        "background/sea/b1-00000000.wav",
    }
    again = audio.read(tmp_path / "foreground" / "cough" / "f1-00008000.wav")
    np.testing.assert_allclose(again, FOREGROUNDS[1].event, atol=1 / 2**15)


def test_a_cut_that_finds_nothing_is_refused(recorded):
    with pytest.raises(ValueError, match="made: no event 'sneeze' is fit"):
        soundbank.cut(recorded, label="sneeze")
    with pytest.raises(ValueError, match="pad must not be negative"):
        soundbank.cut(recorded, pad=-0.1)


@pytest.mark.parametrize(
    ("samples", "options", "message"),
    [
        (np.zeros(0), {}, r"x\.wav: no samples"),
        (np.zeros(100), {}, r"x\.wav: 'cough' is silent"),
        (np.array([0.1, np.nan]), {}, r"x\.wav: sample 1 is nan"),
        (np.full((10, 2), 0.1), {}, r"x\.wav: one channel wanted"),
        (np.full(10, 300), {}, r"x\.wav: int64 samples"),
        (np.full(10, 0.1), {"before": 6, "after": 4}, "leave nothing of 10 samples"),
        (np.full(10, 0.1), {"before": -1}, "before=-1"),
        (np.array([0.1, 0.0, 0.0, 0.1]), {"before": 1, "after": 1}, "silent"),
    ],
)
def test_a_sound_that_is_none_is_refused(samples, options, message):
    with pytest.raises(ValueError, match=message):
        Sound(samples, "cough", "x.wav", **options)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(1, 6), st.integers(0, 99))
def test_parts_share_no_group_and_have_every_label(homes, parts, seed):
    sounds = [
        replace(FOREGROUNDS[0], label=f"label{home % 2}", source=f"{i}.wav", group=f"g{home}")
        for i, home in enumerate(homes)
    ]
    if len(set(homes)) < parts:
        with pytest.raises(ValueError, match=f"do not make {parts} parts"):
            soundbank.deal(sounds, parts, seed=seed)
        return
    dealt = soundbank.deal(sounds, parts, seed=seed)
    assert sorted(s.source for part in dealt for s in part) == sorted(s.source for s in sounds)
    groups = [{sound.group for sound in part} for part in dealt]
    assert sum(map(len, groups)) == len(set(homes))
    for label in ("label0", "label1"):
        counts = [len({s.group for s in part if s.label == label}) for part in dealt]
        assert max(counts) - min(counts) <= 1
    soundbank.check_disjoint({str(i): (part, []) for i, part in enumerate(dealt)})


def test_a_source_on_two_sides_is_refused(tmp_path):
    train, test = bank(), bank(100)
    soundbank.check_disjoint({"train": train, "test": test})
    for leak in ((test[0] + train[0][1:2], test[1]), (test[0], test[1] + train[1][:1])):
        with pytest.raises(ValueError, match="is in 'train' and in 'test'.*heard in training"):
            soundscapes.generate(tmp_path / "made", {"train": train, "test": leak}, n=4)
    assert not (tmp_path / "made").exists()


# --- data sets ------------------------------------------------------------------------------

SETS = {"train": bank(), "test": bank(100)}
OPTIONS = {"n": {"train": 6, "test": 3}, "groups": 2, "duration": 3.0, "events": (1, 3)}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("soundscapes")
    soundscapes.generate(folder, SETS, seed=4, **OPTIONS)
    return folder


def test_one_seed_makes_the_same_bytes(made, tmp_path):
    soundscapes.generate(tmp_path / "again", SETS, seed=4, **OPTIONS)
    names = sorted(path.name for path in made.iterdir())
    assert len(names) == 9 * 2 + 2
    assert names == sorted(path.name for path in (tmp_path / "again").iterdir())
    for name in names:
        assert (made / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    soundscapes.generate(tmp_path / "other", SETS, seed=5, **OPTIONS)
    assert (made / "events.csv").read_bytes() != (tmp_path / "other" / "events.csv").read_bytes()


def test_a_data_set_is_read_as_it_was_made(made):
    data = soundscapes.read(made, label="cough")
    recordings, events = soundscapes.plan(
        *_lot(0), n=3, name="train-0", seed=4, duration=3.0, events=(1, 3)
    )
    own = data.events[data.events["filename"].isin(recordings["filename"])]
    pd.testing.assert_frame_equal(own, events)
    assert data.recordings["split"].value_counts().to_dict() == {"train": 6, "test": 3}
    assert not data.synthetic
    assert list(data.events.columns[:4]) == EVENT_COLUMNS
    row = data.recordings.iloc[0]
    sounds = dict(zip(("foregrounds", "backgrounds"), _lot(0), strict=True))
    alone = soundscapes.render(row, own, **sounds)
    np.testing.assert_allclose(data.audio(row["filename"]), alone.samples, atol=1 / 2**15)
    assert alone.gain_db == row["gain_db"]


def _lot(i: int) -> list[list[Sound]]:
    return [soundbank.deal(part, 2, seed=4)[i] for part in SETS["train"]]


def test_soundscapes_of_two_groups_share_no_source(made):
    data = soundscapes.read(made, label="cough")
    table = data.events.merge(data.recordings[["filename", "group", "background"]])
    people = {s.source: s.group for parts in SETS.values() for s in parts[0]}
    assert data.recordings["group"].nunique() == 4
    assert (table.groupby("background")["group"].nunique() == 1).all()
    assert (table.groupby(table["source"].map(people))["group"].nunique() == 1).all()
    chosen = splits.fixed(data.recordings, validation=0.5)
    splits.assert_disjoint(data.recordings, *chosen)
    assert all(chosen)


def test_each_soundscape_has_its_annotation(made):
    data = soundscapes.read(made, label="cough")
    for row in data.recordings.itertuples():
        path = (made / row.filename).with_suffix(".jams")
        found, own = jams.read(path), data.events_of(row.filename)
        same = ["onset", "offset", "event_label", "snr_db", "source_time"]
        pd.testing.assert_frame_equal(found[same], own[same], check_dtype=False)
        behind = jams.read(path, role="background").iloc[0]
        assert behind["source"] == f"background/{row.background_label}/{row.background}"
        length = next(
            len(s.samples) for _, part in SETS.values() for s in part if s.source == row.background
        )
        fits = row.background_time + 3.0 <= length / RATE
        assert behind["source_time"] == (row.background_time if fits else 0.0)


def test_a_data_set_is_made_once_and_again_after_a_change(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARING_DATA", str(tmp_path))
    first = soundscapes.dataset(SETS, label="cough", **OPTIONS)
    stamp = (first.folder / "events.csv").stat().st_mtime_ns
    same = soundscapes.dataset(SETS, label="sneeze", **OPTIONS)
    assert same.folder == first.folder
    assert (first.folder / "events.csv").stat().st_mtime_ns == stamp
    fore, back = SETS["train"]
    louder = [replace(fore[0], samples=fore[0].samples * 1.5), *fore[1:]]
    for sets, options in (
        ({"train": (louder, back), "test": SETS["test"]}, OPTIONS),
        (SETS, OPTIONS | {"snr_db": 3.0}),
    ):
        assert soundscapes.dataset(sets, label="cough", **options).folder != first.folder


def test_soundscapes_of_made_sounds_alone_are_synthetic(tmp_path):
    sets = {
        "train": tuple([replace(sound, real=False) for sound in part] for part in bank()),
    }
    soundscapes.generate(tmp_path / "a", sets, **(OPTIONS | {"n": 2}))
    assert soundscapes.read(tmp_path / "a", label="cough").synthetic


def test_a_folder_that_was_never_finished_is_refused(made, tmp_path):
    with pytest.raises(ValueError, match=r"recordings\.csv is missing: generate"):
        soundscapes.read(tmp_path)
    with pytest.raises(ValueError, match="label is None: name one of cough, sneeze"):
        soundscapes.read(made)


@pytest.mark.parametrize(("sets", "n"), [({}, 3), (SETS, {"train": 3})])
def test_splits_without_sounds_or_without_a_count_are_refused(tmp_path, sets, n):
    with pytest.raises(ValueError, match="n is for .*, sets are .*: give both"):
        soundscapes.generate(tmp_path, sets, n=n)


def test_more_groups_than_sources_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"4 groups of sounds .* do not make 5 parts"):
        soundscapes.generate(tmp_path, {"train": bank()}, n=10)


def test_coughs_or_airlocks_can_be_cut(coughs):
    names = coughs.positives["filename"].unique()[:4]
    found, left_out = soundbank.cut(coughs, filenames=names)
    events = coughs.positives
    assert len(found) + len(left_out) == events["filename"].isin(names).sum()
    lengths = (events["offset"] - events["onset"])[events["filename"].isin(names)]
    assert min(len(sound.event) for sound in found) / RATE >= lengths.min() - 1e-4
    assert all(sound.real is not coughs.synthetic for sound in found)
