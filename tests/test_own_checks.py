"""Checks on a folder of your own: each fires on what it is for, and is silent on a clean folder."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

from helpers import labels
from helpers.apps import _own_amounts, _own_leaks, _own_sound, _own_spellings
from helpers.apps._own_checks import check
from helpers.apps._own_findings import Finding, Findings, OwnError, named
from helpers.apps._own_reading import Collection, read
from helpers.datasets import Dataset

RATE = 16_000
N, SECONDS, EACH = 24, 30.0, 8  # recordings, their length, events in each; every fourth has none


def noise(seed, seconds=SECONDS, rate=RATE, level=0.01):
    return level * np.random.default_rng(seed).standard_normal(round(seconds * rate))


def facts(seed, **changes):
    """Facts about a recording that has nothing wrong with it."""
    prints = np.random.default_rng(seed).normal(-50, 6, (700, 6)).astype(np.float32)
    clean = _own_sound.Sound(
        duration=SECONDS,
        sample_rate=RATE,
        channels=1,
        digest=str(seed),
        peak=0.5,
        level_db=-30.0,
        offset=0.0,
        clipped=0.0,
        silent=0.0,
        band=None,
        fingerprint=prints,
        excerpt=noise(seed, 5.0, 2000).astype(np.float32),
    )
    return replace(clean, **changes)


NAMES = [f"{place}/{word}.wav" for place in "abcdef" for word in ("one", "two", "three", "four")]


def clean_events():
    rows = [
        (name, 2.0 + 3 * i, 2.3 + 3 * i, "cough")
        for name in NAMES
        if not name.endswith("four.wav")
        for i in range(EACH)
    ]
    return pd.DataFrame(rows, columns=["filename", *labels.COLUMNS])


@pytest.fixture
def clean():
    """A collection of 24 recordings in 6 groups, with 144 events, that nothing is wrong with."""
    recordings = pd.DataFrame(
        {
            "filename": NAMES,
            "duration": SECONDS,
            "sample_rate": RATE,
            "channels": 1,
            "group": [name[0] for name in NAMES],
            "labelled": True,
            "provenance": "your own",
        }
    )
    dataset = Dataset("made", recordings, clean_events(), None, "cough", True, "")
    sounds = {name: facts(seed) for seed, name in enumerate(NAMES)}
    return Collection(dataset, ("cough",), Findings(), sounds)


def changed(collection, *, labels=None, sounds=None, **tables):
    dataset = replace(collection.dataset, **tables)
    sounds = {**collection.sounds, **(sounds or {})}
    return replace(collection, dataset=dataset, labels=labels or collection.labels, sounds=sounds)


def with_events(collection, *rows):
    """Add events to the first recording, which has none after 26 s."""
    more = pd.DataFrame(rows, columns=labels.COLUMNS).assign(filename=NAMES[0])
    events = pd.concat([collection.dataset.events, more], ignore_index=True)
    return changed(collection, events=events)


def only(collection, *, severity=None):
    """Return the one finding of a collection."""
    (finding,) = check(collection)
    assert severity in (None, finding.severity)
    return finding


# --- a clean folder ---------------------------------------------------------------------------


def test_nothing_is_said_of_a_clean_collection(clean):
    findings = check(clean)
    assert list(findings) == []
    assert "24 recordings, 12.0 minutes, 144 events 'cough' in 6 of 6 groups" in str(findings)
    assert "nothing wrong was found" in str(findings)


def test_nothing_is_said_of_a_clean_folder(tmp_path):
    for number, name in enumerate(NAMES):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        samples = noise(number)
        events = clean_events().query("filename == @name")
        for onset in events["onset"]:
            at = round(onset * RATE)
            samples[at : at + 4800] += noise(1000 + number, 0.3, level=0.1)
        soundfile.write(path, samples, RATE)
        labels.write_audacity(path.with_suffix(".txt"), events)
    assert list(check(read(tmp_path, labels="cough", group="folder"))) == []


# --- amounts ----------------------------------------------------------------------------------


def test_too_few_events_stop(clean):
    events = clean.dataset.events.groupby("filename").head(1)
    finding = only(changed(clean, events=events), severity="stop")
    assert finding.check == "too_few_events"
    assert "18 events 'cough'" in finding.what
    assert "Label 2 more" in finding.remedy
    events = clean.dataset.events.groupby("filename").head(4)
    finding = only(changed(clean, events=events), severity="warning")
    assert (finding.check, "72 events" in finding.what) == ("few_events", True)


def test_one_recording_only_stops(clean):
    first = clean.dataset.subset(NAMES[:1])
    findings = check(replace(clean, dataset=first))
    assert [item.check for item in findings.stops] == ["too_few_events", "too_few_groups"]
    assert "1 group 'cough'" in findings.stops[1].what
    grouped = clean.dataset.recordings.assign(group=[name[0] < "d" for name in NAMES])
    finding = only(changed(clean, recordings=grouped), severity="stop")
    assert "2 groups 'cough'" in finding.what


def test_one_group_with_most_events_is_named(clean):
    recordings = clean.dataset.recordings
    groups = ["big" if name[0] in "ab" else name for name in NAMES]
    finding = only(changed(clean, recordings=recordings.assign(group=groups)), severity="warning")
    assert finding.check == "dominating"
    assert "big holds 33 % of 'cough'" in finding.what


def test_many_labels_are_told_together(clean):
    rows = [(26 + i / 100, 26.1 + i / 100, f"kind {i}") for i in range(200)]
    many = with_events(clean, *rows)
    many = changed(many, labels=("cough", *(f"kind {i}" for i in range(200))))
    findings = check(many)
    assert [item.check for item in findings] == ["too_few_events", "too_few_groups", "many_labels"]
    assert "200 labels, 'kind 0' (1)" in findings[0].what
    assert "and 197 more" in findings[0].what
    assert "201 labels are asked for, 200 of them used once" in findings[2].what
    assert len(str(findings)) < 3000


def test_little_time_is_noted(clean):
    few = clean.dataset.recordings.assign(labelled=[not n.endswith("four.wav") for n in NAMES])
    finding = only(changed(clean, recordings=few), severity="note")
    assert finding.check == "little_time"
    assert "9.0 minutes are labelled, of 12.0" in finding.what


def test_false_alarms_need_sound_without_events(clean):
    names = [name for name in NAMES if not name.endswith("four.wav")]
    findings = check(replace(clean, dataset=clean.dataset.subset(names)))
    (finding,) = findings.of("warning")
    assert finding.check == "background"
    assert "No recording is without events: 8.3 minutes" in finding.what
    tight = clean.dataset.recordings.assign(
        duration=[26.0 - 23.5 * n.endswith("four.wav") for n in NAMES]
    )
    events = clean.dataset.events
    wide = events.assign(onset=events["onset"] - 1.9, offset=events["onset"] + 1.05)
    wide = wide.drop_duplicates(["filename", "onset"])
    background = _own_amounts.background(tight, wide)
    assert "There is little sound without events" in background[0].what


spans = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 30)), min_size=1, max_size=12)


@given(spans=spans)
def test_covered_time_counts_no_moment_twice(spans):
    events = pd.DataFrame([(a, a + n) for a, n in spans], columns=["onset", "offset"])
    moments = {second for a, n in spans for second in range(a, a + n)}
    assert _own_amounts._covered(events.astype(float)) == len(moments)


# --- events -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "name", "words"),
    [
        ((30.0, 30.5, "cough"), "outside", "a/one.wav (30 to 30.5 s of 30 s)"),
        ((29.8, 31.0, "cough"), "outside", "1 label outside the recording"),
        ((-1.0, 0.5, "laugh"), "outside", "-1 to 0.5 s"),
        ((26.5, 26.4, "cough"), "outside", "26.5 to 26.4 s"),
        ((26.5, 26.5, "cough"), "points", "1 of 145 labels are points"),
        ((26.5, 26.51, "cough"), "short", "shorter than 20 ms: a/one.wav at 26.5 s"),
        ((24.0, 29.5, "cough"), "long", "longer than 5 s: a/one.wav at 24 s"),
        ((23.2, 24.0, "cough"), "overlap", "1 event overlapping the one before: a/one.wav at 23.2"),
        ((23.35, 23.6, "cough"), "close", "1 of 145 events begin within 100 ms"),
        ((23.3, 23.6, "cough"), "close", "1 of 145 events begin within 100 ms"),
    ],
)
def test_an_odd_event_is_found(clean, row, name, words):
    finding = only(with_events(clean, row))
    assert finding.check == name
    assert words in finding.what


@pytest.mark.parametrize(
    "row", [(26.5, 26.52, "cough"), (24.5, 29.5, "cough"), (29.5, 30.0, "cough")]
)
def test_events_at_the_limits_are_passed(clean, row):
    assert list(check(with_events(clean, row))) == []


def test_labels_that_were_not_asked_for_may_overlap(clean):
    assert list(check(with_events(clean, (2.1, 20.0, "music")))) == []


def test_lengths_that_spread_are_noted(clean):
    events = clean.dataset.events
    lengths = np.where(np.arange(len(events)) % 8 == 0, 0.05, 2.0)
    finding = only(changed(clean, events=events.assign(offset=events["onset"] + lengths)))
    assert finding.check == "spread"
    assert "from 0.05 to 2 s" in finding.what


def test_events_in_a_recording_that_nobody_labelled_are_found(clean):
    bare = clean.dataset.recordings.assign(labelled=[name != NAMES[0] for name in NAMES])
    finding = only(changed(clean, recordings=bare), severity="warning")
    assert finding.check == "labels_of_unlabelled"
    assert NAMES[0] in finding.what


# --- spelling ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Cough", "cough ", "cuogh", "coug", "couggh", "cough."])
def test_a_misspelt_label_is_found(clean, name):
    finding = only(with_events(clean, (26.5, 26.7, name)), severity="warning")
    assert finding.check == "spelling"
    assert f"{name!r} (1) for 'cough' (144)" in finding.what
    both = changed(with_events(clean, (26.5, 26.7, name)), labels=("cough", name))
    assert "spelling" in [item.check for item in check(both)]


@pytest.mark.parametrize("name", ["laugh", "cought it", "dough cutter", "n"])
def test_another_label_is_no_misspelling(clean, name):
    assert list(check(with_events(clean, (26.5, 26.7, name)))) == []


def test_short_and_numbered_labels_are_no_misspellings():
    names = ["p"] * 90 + ["n"] * 2 + ["call1"] * 90 + ["call2"] * 2
    events = pd.DataFrame({"event_label": names})
    assert _own_spellings.spellings(events, ("p", "n", "call1", "call2")) == []
    assert _own_spellings.spellings(events, ("p", "call1")) == []


words = st.text("abc", max_size=6)


@given(one=words, other=words, third=words)
def test_the_distance_of_words_counts_edits(one, other, third):
    assert _own_spellings.distance(one, other) == _own_spellings.distance(other, one)
    assert (_own_spellings.distance(one, other) == 0) == (one == other)
    assert _own_spellings.distance(one, one + "x") == 1
    assert _own_spellings.distance("xy" + one, "yx" + one) == 1
    assert _own_spellings.distance(one + third, other + third) <= _own_spellings.distance(
        one, other
    )


# --- leaks ------------------------------------------------------------------------------------


def bursts(seed, seconds=6.0, rate=48_000):
    """Noise with bursts at places of its own."""
    rng = np.random.default_rng(seed)
    samples = 0.003 * rng.standard_normal(round(seconds * rate))
    for at in rng.uniform(0, seconds - 0.5, 5):
        start, length = round(at * rate), round(0.3 * rate)
        band = soxr.resample(rng.standard_normal(round(0.3 * 6000)), 6000, rate)[:length]
        samples[start : start + len(band)] += 0.2 * band * np.hanning(len(band))
    return samples


COPIES = {
    "copy.wav": lambda path, x: soundfile.write(path, x, 48_000, subtype="PCM_24"),
    "copy.flac": lambda path, x: soundfile.write(path, x, 48_000),
    "copy.mp3": lambda path, x: soundfile.write(path, x, 48_000),
    "copy.ogg": lambda path, x: soundfile.write(path, x, 48_000),
    "low.wav": lambda path, x: soundfile.write(path, soxr.resample(x / 2**15, 48_000, 8000), 8000),
    "soft.wav": lambda path, x: soundfile.write(path, x // 2, 48_000),
    "late.wav": lambda path, x: soundfile.write(path, np.r_[np.zeros(960, np.int16), x], 48_000),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_in_another_coat_is_known(tmp_path, name):
    samples = np.round(bursts(1) * 2**15).astype(np.int16)
    soundfile.write(tmp_path / "first.wav", samples, 48_000)
    COPIES[name](tmp_path / name, samples)
    soundfile.write(tmp_path / "other.wav", bursts(2), 48_000)
    sounds = {path.name: _own_sound.measure(path) for path in tmp_path.iterdir()}
    assert _own_leaks.same_sound(sounds) == [(min("first.wav", name), max("first.wav", name))]
    same_samples = sounds["first.wav"].digest == sounds[name].digest
    assert same_samples == (name in ("copy.wav", "copy.flac"))


def test_copies_in_different_groups_stop_and_in_one_group_warn(clean):
    one = clean.sounds[NAMES[0]]
    other = changed(clean, sounds={NAMES[4]: replace(one, digest="another")})
    finding = only(other, severity="stop")
    assert finding.check == "copies"
    assert f"{NAMES[0]} = {NAMES[4]}" in finding.what
    finding = only(changed(clean, sounds={NAMES[1]: one}), severity="warning")
    assert finding.check == "copies_in_group"


def test_many_recordings_are_compared_in_chunks(monkeypatch):
    monkeypatch.setattr(_own_leaks, "CHUNK", 7)
    sounds = {f"{i:02d}": facts(i, duration=10 + i % 5) for i in range(40)}
    pairs = [("03", "08"), ("10", "35"), ("21", "36")]
    for one, other in pairs:
        sounds[other] = replace(sounds[one], digest=f"copy of {one}")
    sounds["39"] = replace(sounds["00"], duration=99.0, digest="a longer one")
    assert _own_leaks.same_sound(sounds) == pairs


def test_short_and_steady_sounds_are_no_copies_of_each_other():
    flat = facts(0, fingerprint=np.full((200, 6), -100, np.float32))
    short = facts(1, fingerprint=facts(1).fingerprint[:3])
    sounds = {
        "a": flat,
        "b": replace(flat, digest="b"),
        "c": short,
        "d": replace(short, digest="d"),
    }
    assert _own_leaks.same_sound(sounds) == []


def table_of(*names, duration=60.0, group=None):
    return pd.DataFrame({"filename": names, "duration": duration, "group": group or list(names)})


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["take_01.wav", "take_02.wav", "take_03.wav"], "take_01.wav to take_03.wav (3)"),
        (["x/a (1).wav", "x/a (2).wav"], "x/a (1).wav to a (2).wav (2)"),
        (["r_20240131_235930.wav", "r_20240201_000030.wav"], "(2)"),
        (["2024-05-01 10-00-00.wav", "2024-05-01 10-01-05.wav"], "(2)"),
    ],
)
def test_pieces_of_one_recording_are_found_by_their_names(names, words):
    (finding,) = _own_leaks.series(table_of(*names))
    assert (finding.check, finding.severity) == ("series", "warning")
    assert words in finding.what
    assert _own_leaks.series(table_of(*names, group=["one"] * len(names))) == []


def test_pieces_are_told_with_the_rest(clean):
    names = {name: f"take_{number}.wav" for number, name in enumerate(NAMES)}
    tables = {
        "recordings": clean.dataset.recordings.replace({"filename": names}),
        "events": clean.dataset.events.replace({"filename": names}),
    }
    sounds = {names[name]: sound for name, sound in clean.sounds.items()}
    finding = only(changed(clean, sounds=sounds, **tables), severity="warning")
    assert "take_0.wav to take_23.wav (24)" in finding.what


@pytest.mark.parametrize(
    "names",
    [
        ["take_01.wav", "take_03.wav"],
        ["a/take_01.wav", "b/take_02.wav"],
        ["take_01.wav", "toke_02.wav"],
        ["r_20240131_235930.wav", "r_20240201_010030.wav"],
        ["kitchen.wav", "cellar.wav"],
        ["0029d048-898a-4c70-89c7-0815cdcf7391.wav", "008ba489-31ad-44d8-856b-fcf72369dc46.wav"],
    ],
)
def test_names_that_do_not_follow_each_other_are_passed(names):
    assert _own_leaks.series(table_of(*names)) == []


# --- sound ------------------------------------------------------------------------------------


def measured(tmp_path, samples, rate=RATE, **options):
    soundfile.write(tmp_path / "one.wav", samples, rate, **options)
    return _own_sound.measure(tmp_path / "one.wav")


def test_a_plain_recording_is_measured(tmp_path):
    samples = noise(0, 5.01, rate=44_100)
    found = measured(tmp_path, np.stack([samples, samples], axis=1), 44_100, subtype="FLOAT")
    assert found.duration == pytest.approx(5.01)
    assert (found.sample_rate, found.channels, found.band) == (44_100, 2, None)
    assert found.level_db == pytest.approx(-40, abs=0.2)
    assert found.peak == pytest.approx(np.abs(samples).max(), rel=1e-5)
    assert (found.clipped, found.silent) == (0, 0)
    assert len(found.fingerprint) == 125


def test_blocks_change_nothing(tmp_path, monkeypatch):
    whole = measured(tmp_path, bursts(0), 48_000)
    monkeypatch.setattr(_own_sound, "BLOCK", 0.517)
    pieces = measured(tmp_path, bursts(0), 48_000)
    assert pieces.digest == whole.digest
    assert pieces.band == whole.band
    assert pieces.level_db == pytest.approx(whole.level_db)
    np.testing.assert_allclose(pieces.fingerprint, whole.fingerprint, atol=1e-3)


def test_a_long_file_takes_little_memory(tmp_path):
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", RATE, 1) as sound:
        for minute in range(20):
            sound.write(noise(minute, 60))
    tracemalloc.start()
    found = _own_sound.measure(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.duration == 1200
    assert len(found.fingerprint) == 1000
    assert peak < 0.25 * 4 * 1200 * RATE  # a quarter of its samples


def test_digital_silence_and_its_level_are_measured(tmp_path):
    samples = noise(0, 10)
    samples[: 4 * RATE] = np.random.default_rng(0).integers(-1, 2, 4 * RATE) / 32_768
    found = measured(tmp_path, samples)
    assert found.silent == pytest.approx(0.4)
    assert found.level_db == pytest.approx(-40, abs=0.2)
    assert measured(tmp_path, np.zeros(RATE)).level_db == -np.inf


def test_clipping_counts_samples_in_runs(tmp_path):
    samples = noise(0, 1)
    samples[100:110] = 1.0
    samples[200:203] = -1.0
    samples[[300, 301, 400]] = 1.0
    assert measured(tmp_path, samples).clipped == pytest.approx(13 / RATE)
    hot = np.clip(200 * noise(0, 1), -1, 1)
    assert measured(tmp_path, hot).clipped > 0.001


@pytest.mark.parametrize("source", [4000, 8000, 11_025, 12_000, 16_000, 22_050])
def test_the_empty_band_of_an_upsampled_file_is_found(tmp_path, source):
    samples = soxr.resample(noise(0, 4, rate=source), source, 48_000)
    found = measured(tmp_path, samples, 48_000)
    assert found.band == pytest.approx(source / 2, rel=0.1)


def test_a_falling_spectrum_is_no_empty_band(tmp_path):
    brown = np.cumsum(noise(0, 4))
    brown = 0.5 * (brown - brown.mean()) / np.abs(brown).max()
    assert measured(tmp_path, brown).band is None
    assert measured(tmp_path, noise(1, 4)).band is None


@pytest.mark.parametrize(
    ("changes", "name", "severity", "words"),
    [
        ({"clipped": 0.002}, "clipping", "warning", "a/one.wav (0.2 % of the samples)"),
        ({"peak": 0.005}, "low_level", "warning", "a/one.wav (peak -46 dB)"),
        ({"peak": 0.0, "silent": 1.0}, "no_signal", "warning", "nothing but zeros: a/one.wav"),
        ({"offset": -0.03}, "dc_offset", "note", "a/one.wav (-0.030)"),
        ({"band": 4100.0}, "empty_band", "warning", "a/one.wav (4.1 kHz)"),
    ],
)
def test_bad_sound_is_named(clean, changes, name, severity, words):
    finding = only(changed(clean, sounds={NAMES[0]: facts(0, **changes)}), severity=severity)
    assert finding.check == name
    assert words in finding.what
    assert "1 of 24 recordings has" in finding.what


@pytest.mark.parametrize(
    "changes", [{"clipped": 5e-5}, {"peak": 0.02}, {"offset": 0.005}, {"band": 7500.0}]
)
def test_sound_that_will_do_is_passed(clean, changes):
    assert list(check(changed(clean, sounds={NAMES[0]: facts(0, **changes)}))) == []


def test_digital_silence_is_told_when_it_is_much(clean):
    assert list(check(changed(clean, sounds={NAMES[0]: facts(0, silent=0.9)}))) == []
    silent = {name: facts(i, silent=0.4) for i, name in enumerate(NAMES[:12])}
    finding = only(changed(clean, sounds=silent), severity="warning")
    assert finding.check == "digital_silence"
    assert "20 % of the time" in finding.what
    assert "12 of 24 recordings" in finding.what
    assert "40 % or more" in finding.what


def at_rates(collection, rates):
    recordings = collection.dataset.recordings.assign(sample_rate=rates)
    return changed(collection, recordings=recordings)


def test_sample_rates_are_told(clean):
    finding = only(at_rates(clean, [48_000, *[RATE] * 23]), severity="note")
    assert finding.check == "mixed_rates"
    assert "48000 Hz (1), 16000 Hz (23)" in finding.what
    rates = [44_100 if name.endswith("four.wav") else 48_000 for name in NAMES]
    finding = only(at_rates(clean, rates), severity="warning")
    assert "with and without events differ in it throughout" in finding.what
    finding = only(at_rates(clean, 8000), severity="warning")
    assert finding.check == "low_rate"
    assert "24 of 24 recordings" in finding.what
    assert "Nothing above 4000 Hz" in finding.why


# --- what is shown ----------------------------------------------------------------------------


def test_findings_print_the_worst_first_and_as_a_table():
    items = [Finding(s, s[:1], f"<{s}> found", "because", "mend it") for s in ("note", "stop")]
    findings = Findings([*items, items[0]], summary="Two & more.")
    assert [item.severity for item in findings] == ["stop", "note", "note"]
    assert [item.check for item in findings.stops] == ["s"]
    text = str(findings)
    assert text.startswith("Two & more.\n1 stop, 2 notes\n\nSTOP: <stop> found\n  Why: because\n")
    assert text == repr(findings)
    page = findings._repr_html_()
    assert "&lt;stop&gt; found" in page
    assert "Two &amp; more." in page
    assert "<stop>" not in page
    assert list(findings.table["severity"]) == ["stop", "note", "note"]
    assert list(Findings().table.columns) == ["severity", "check", "what", "why", "remedy"]
    with pytest.raises(ValueError, match="severity is 'bad'"):
        Finding("bad", "", "", "", "")
    assert named("abcde") == "a, b, c and 2 more"
    assert "2 problems" in str(OwnError("here", ["x", "y"]))


def test_the_findings_of_the_reader_are_told_too(clean):
    seen = Finding("stop", "seen", "a", "b", "c")
    assert list(check(replace(clean, findings=Findings([seen])))) == [seen]


def test_the_real_coughs_have_these_findings(mirror):
    findings = check(read(mirror / "coughs" / "Data", labels="cough"))
    assert [(item.severity, item.check) for item in findings] == [
        ("warning", "unlabelled"),
        ("warning", "digital_silence"),
        ("warning", "low_level"),
        ("warning", "empty_band"),
        ("note", "text_missing"),
        ("note", "groups"),
        ("note", "close"),
    ]
    assert findings.summary == (
        "135 recordings, 19.0 minutes, 416 events 'cough' in 90 of 135 groups."
    )
    assert "45 of 135" in findings[0].what
    assert "28debc78" in findings[2].what
    assert "28debc78-a606-4ca0-8b8d-e19a78face45.wav (3.5 kHz)" in findings[3].what
    assert "1 of 135" in findings[3].what
