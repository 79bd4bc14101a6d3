"""The machines keep their promises: sessions apart, faults as severe as they say, nothing else."""

import hashlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal, stats

from helpers import _machine_sets, datasets
from helpers.datasets import DataError
from helpers.synth import _machine_plan, devices, machines
from helpers.synth._constructions import Bearing
from helpers.synth._machine_places import power

RATE = 16_000
FINGERPRINT = Path(__file__).with_name("machines_fingerprint.json")
PLANS = {kind: machines.plan(kind) for kind in machines.KINDS}
SHORT = {kind: machines.plan(kind, duration=3.0) for kind in machines.KINDS}
PAIRS = [(kind, fault) for kind in machines.KINDS for fault in machines.faults_of(kind)]
ONLY_ADDED = [
    (kind, fault)
    for kind, fault in PAIRS
    if not machines.FAULTS[fault].modulates and not machines.FAULTS[fault].sags
]
DRAWN = ["speed_ratio", "load", "activity", "gain_db"]


def first(kind, table=SHORT, **wanted):
    """The first row of a plan with these values."""
    rows = table[kind]
    for name, value in wanted.items():
        rows = rows[rows[name] == value]
    return rows.iloc[0]


def in_db(ratio):
    return 10.0 * np.log10(ratio)


def bands(samples):
    """Levels of a clip in eight octaves and a half, peak, and level of its quietest frames."""
    frequencies, density = signal.welch(samples.astype(float), RATE, nperseg=1024)
    edges = [60, 125, 250, 500, 1000, 2000, 4000, 6000, 8000]
    levels = [
        density[(frequencies >= low) & (frequencies < high)].mean()
        for low, high in zip(edges, edges[1:], strict=False)
    ]
    frames = np.mean(samples[: len(samples) // 800 * 800].reshape(-1, 800) ** 2, axis=1)
    return in_db(np.array([*levels, np.abs(samples).max() ** 2, np.quantile(frames, 0.05)]))


def envelope_spectrum(samples, low=1000.0):
    """Frequencies and amplitudes of the envelope above a frequency (Randall and Antoni 2011)."""
    sos = signal.butter(4, low, "highpass", fs=RATE, output="sos")
    envelope = np.abs(signal.hilbert(signal.sosfilt(sos, samples))) ** 2
    envelope = envelope / envelope.mean() - 1.0
    amplitude = np.abs(np.fft.rfft(envelope * np.hanning(len(envelope))))
    return np.fft.rfftfreq(len(envelope), 1 / RATE), amplitude


def line(frequencies, amplitude, wanted, within=0.02):
    """Amplitude of a line, over the middle of what lies around it."""
    near = np.abs(frequencies - wanted) < within * wanted
    around = np.abs(frequencies - wanted) < 0.3 * wanted
    return amplitude[near].max() / np.median(amplitude[around])


# --- the plan -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", machines.KINDS)
def test_the_plan_has_the_layout_of_dcase_2020(kind):
    plan = PLANS[kind]
    assert plan.filename.is_unique
    form = rf"{kind}/(?P<split>train|test)/(?P<label>normal|anomaly)_(?P<machine>id_\d\d)"
    parts = plan.filename.str.extract(form + r"_(?P<number>\d{8})\.wav$")
    assert parts.notna().all(axis=None)
    for name in ("split", "label", "machine"):
        assert (parts[name] == plan[name]).all()
    for _, numbers in parts.groupby(["split", "label", "machine"])["number"]:
        assert sorted(numbers.astype(int)) == list(range(len(numbers)))
    assert set(plan[plan.split == "train"].label) == {"normal"}
    assert (plan.duration == 10.0).all()


@pytest.mark.parametrize("kind", machines.KINDS)
def test_each_machine_has_its_clips(kind):
    for _, plan in PLANS[kind].groupby("machine"):
        counts = plan.groupby(["split", "domain", "label"]).size()
        assert counts["train", "source", "normal"] == 48
        assert counts["train", "target", "normal"] == 3
        assert counts["test", "source", "normal"] == 24
        assert counts["test", "target", "normal"] == counts["test", "target", "anomaly"] == 12
        source = plan[(plan.label == "anomaly") & (plan.domain == "source")]
        assert source.severity.value_counts().to_dict() == {s: 24 for s in machines.SEVERITIES}
        target = plan[(plan.label == "anomaly") & (plan.domain == "target")]
        assert set(target.severity) == {0.5}
        for _, faults in source.groupby("severity")["fault"]:
            shares = faults.value_counts()
            assert set(shares.index) == set(machines.faults_of(kind))
            assert shares.max() - shares.min() <= 2


@pytest.mark.parametrize("kind", machines.KINDS)
def test_sessions_are_on_one_side_and_tell_nothing(kind):
    plan = PLANS[kind]
    sessions = plan.groupby("session")
    for column in ("split", "domain", "device", "room", "rt60", "distance", "background", "own"):
        assert (sessions[column].nunique() == 1).all(), column
    assert (plan.group == plan.session).all()
    assert plan.groupby("own")["split"].nunique().max() == 1
    test = plan[(plan.split == "test") & (plan.domain == "source")]
    there = test.groupby("session")[["label", "severity"]].apply(
        lambda rows: sorted(rows.fillna(-1).itertuples(index=False, name=None))
    )
    assert all(one == there.iloc[0] for one in there)  # as many of each in every session
    assert set(plan[plan.domain == "target"].device) == {"laptop"}
    assert set(plan[plan.domain == "source"].device) == {"standard"}


@pytest.mark.parametrize("column", DRAWN)
def test_normal_clips_and_anomalies_are_drawn_from_the_same_laws(column):
    plans = pd.concat(machines.plan(kind, seed=s) for kind in machines.KINDS for s in (1, 2, 3))
    test = plans[(plans.split == "test") & (plans.domain == "source")]
    normal = test[test.label == "normal"][column]
    for severity in machines.SEVERITIES:
        assert stats.ks_2samp(normal, test[test.severity == severity][column]).pvalue > 1e-3


def test_the_target_domain_runs_at_another_speed():
    for plan in PLANS.values():
        for _, rows in plan.groupby("machine"):
            ratio = rows.groupby("domain")["speed_ratio"]
            far = ratio.min()["target"] > ratio.max()["source"]
            assert far or ratio.max()["target"] < ratio.min()["source"]


def test_plan_refuses_what_it_cannot_make():
    with pytest.raises(ValueError, match="kind 'lathe' is unknown; choose one of fan"):
        machines.plan("lathe")
    for wrong in ({"share": 0.0}, {"share": 1.5}, {"duration": 1.0}):
        with pytest.raises(ValueError, match="share is .* and duration"):
            machines.plan("fan", **wrong)


# --- how loud -------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", machines.LEVELS)
@pytest.mark.parametrize("kind", machines.KINDS)
def test_the_level_over_the_background_is_exact(kind, wanted):
    for label in ("normal", "anomaly"):
        made = machines.layers(first(kind, label=label, split="test"), snr_db=wanted)
        # The filter begins anew at the start of a clip, which moves the level by a hair.
        assert in_db(power(made.machine) / power(made.background)) == pytest.approx(wanted, abs=0.1)


@pytest.mark.parametrize("kind", machines.KINDS)
def test_three_levels_are_one_sound_over_one_background(kind):
    plans = [machines.plan(kind, snr_db=level, duration=3.0) for level in machines.LEVELS]
    assert all(
        plan.drop(columns="snr_db").equals(plans[0].drop(columns="snr_db")) for plan in plans
    )
    index = int(np.flatnonzero(plans[0].severity == 0.5)[3])
    low, middle, high = (machines.layers(plan.iloc[index]) for plan in plans)
    for other in (low, high):
        np.testing.assert_array_equal(other.machine, middle.machine)
        np.testing.assert_array_equal(other.fault, middle.fault)
    np.testing.assert_allclose(low.background, 10 ** (6 / 20) * middle.background)
    np.testing.assert_allclose(high.background, 10 ** (-6 / 20) * middle.background)


@pytest.mark.parametrize(("kind", "fault"), ONLY_ADDED)
def test_severity_one_is_as_loud_as_the_machine_and_half_is_6_db_less(kind, fault):
    row = first(kind, label="normal", split="test")
    for severity, wanted in ((1.0, 0.0), (0.5, -6.0206), (0.25, -12.0412)):
        made = machines.layers(row, fault=fault, severity=severity)
        assert in_db(power(made.fault) / power(made.machine)) == pytest.approx(wanted, abs=0.01)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(PAIRS), st.lists(st.floats(0.05, 1.0), min_size=2, max_size=2, unique=True))
def test_a_more_severe_fault_changes_more(pair, severities):
    kind, fault = pair
    row = first(kind, label="normal", split="test", machine="id_02")
    less, more = (machines.layers(row, fault=fault, severity=s) for s in sorted(severities))
    np.testing.assert_array_equal(less.machine, more.machine)
    if machines.FAULTS[fault].sags and kind != "valve":
        # A tone that is off by a little differs as much as one that is off by more: look at power.
        weaker, weak = (power(made.machine + made.fault) for made in (more, less))
        assert weaker < weak + 0.02 * power(less.machine)
    else:
        assert power(more.fault) > power(less.fault)


@pytest.mark.parametrize(("kind", "fault"), PAIRS)
def test_nothing_clips_at_the_worst(kind, fault):
    samples = machines.render(first(kind, domain="target"), fault=fault, severity=1.0, snr_db=-6.0)
    assert samples.dtype == np.float32
    assert samples.shape == (3 * RATE,)
    assert np.isfinite(samples).all()
    assert 0.02 < np.abs(samples).max() < 1.0


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(machines.KINDS), st.integers(0, 584), st.floats(0.0, 1.0), st.data())
def test_every_clip_sounds_whatever_is_drawn(kind, index, severity, data):
    row = SHORT[kind].iloc[index]
    fault = data.draw(st.sampled_from(machines.faults_of(kind)))
    made = machines.layers(row, fault=fault, severity=severity)
    wanted = row["gain_db"] + machines.LEVEL_DB
    assert in_db(power(made.machine)) == pytest.approx(wanted, abs=1e-6)
    assert np.isfinite(made.fault).all()
    assert np.abs(machines.render(row, fault=fault, severity=severity)).max() < 1.0


# --- what faults sound like -----------------------------------------------------------------


@given(st.integers(5, 16), st.floats(0.1, 0.4), st.floats(0.0, 0.7), st.floats(1.0, 100.0))
def test_frequencies_of_a_bearing_follow_from_its_geometry(balls, ratio, angle, speed):
    found = Bearing(balls, ratio, angle).frequencies(speed)
    # Each ball passes both races once while the cage turns once against them.
    assert found["bpfo"] + found["bpfi"] == pytest.approx(balls * speed)
    assert found["bpfo"] == pytest.approx(balls * found["ftf"])
    assert found["ftf"] < speed / 2 < found["bsf"]
    again = Bearing(balls, ratio, angle).frequencies(2 * speed)
    assert again["bsf"] == pytest.approx(2 * found["bsf"])


@pytest.mark.parametrize("defect", machines.DEFECTS)
@pytest.mark.parametrize("kind", ["fan", "pump"])
@pytest.mark.parametrize("machine", machines.MACHINES)
def test_a_bearing_shows_its_frequency_in_the_envelope(kind, machine, defect):
    row = {**first(kind, PLANS, label="normal", machine=machine), "defect": defect}
    wanted = machines.bearing_frequencies(row)[machines.DEFECTS[defect]]
    found = line(
        *envelope_spectrum(machines.layers(row, fault="bearing", severity=1.0).fault), wanted
    )
    assert found > 8
    if defect == "outer race":  # the others may fall beside the vanes' tone, which is there anyway
        whole = machines.render(row, fault="bearing", severity=1.0, clean=True)
        normal = line(*envelope_spectrum(machines.render(row, clean=True)), wanted)
        assert line(*envelope_spectrum(whole), wanted) > 3 * normal


@pytest.mark.parametrize("machine", machines.MACHINES)
@pytest.mark.parametrize("kind", ["fan", "pump"])
def test_imbalance_swells_once_a_revolution(kind, machine):
    row = first(kind, PLANS, label="normal", machine=machine)
    normal, wrong = (
        line(
            *envelope_spectrum(machines.render(row, clean=True, fault="imbalance", severity=s)), at
        )
        for at in [row.speed]
        for s in (0.0, 1.0)
    )
    assert wrong > 3 * normal
    assert wrong > 10


@pytest.mark.parametrize("severity", [0.5, 1.0])
def test_sagging_voltage_takes_the_stated_share_of_the_speed(severity):
    row = first("fan", PLANS, label="normal", machine="id_02")
    machine = machines.construction("fan", row.machine)
    speed = row.speed * (1 - machines.SPEED_LOSS * severity)
    tones = {}
    for name, much in (("normal", 0.0), ("sag", severity)):
        samples = machines.render(row, fault="sagging voltage", severity=much, clean=True)
        frequencies, density = signal.welch(samples.astype(float), RATE, nperseg=16384)
        for at, turning in (("full", row.speed), ("less", speed)):
            tones[name, at] = line(frequencies, density, machine.blades * turning, within=0.03)
    assert tones["normal", "full"] > 5 * tones["sag", "full"]
    assert tones["sag", "less"] > 5 * tones["normal", "less"]


def test_leaks_hiss_high_and_a_loose_belt_squeals_in_lines():
    hiss = machines.layers(first("pump"), fault="leak", severity=1.0).fault
    squeal = machines.layers(first("fan"), fault="belt", severity=1.0).fault
    flat = {}
    for name, samples in (("hiss", hiss), ("squeal", squeal)):
        frequencies, density = signal.welch(samples, RATE, nperseg=2048)
        flat[name] = stats.gmean(density[20:-80]) / density[20:-80].mean()
        middle = frequencies[np.searchsorted(np.cumsum(density), density.sum() / 2)]
        assert (middle > 2000) == (name == "hiss")
    assert flat["hiss"] > 0.3 > 0.05 > flat["squeal"]


def test_every_fault_has_a_sentence_and_a_full_scale():
    for name, fault in machines.FAULTS.items():
        assert fault.sentence.endswith(".")
        assert fault.full_scale
        assert set(fault.kinds) == {k for k in machines.KINDS if name in machines.faults_of(k)}


# --- what is normal -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", machines.KINDS)
def test_machines_of_a_kind_differ_more_than_clips_of_one(kind):
    # The same place for all, so that only the machine differs.
    rows = SHORT[kind][(SHORT[kind].split == "test") & (SHORT[kind].domain == "source")]
    place = rows.iloc[0][["own", "room", "rt60", "distance", "background", "gain_db"]].to_dict()
    spectra = {}
    for machine, clips in rows.groupby("machine"):
        made = [
            machines.render({**row, **place}, fault="none", clean=True)
            for row in clips.iloc[:4].to_dict("records")
        ]
        spectra[machine] = np.array([bands(samples)[1:8] for samples in made])
    means = {machine: found.mean(axis=0) for machine, found in spectra.items()}
    within = np.mean([np.abs(found - means[m]).mean() for m, found in spectra.items()])
    names = list(means)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            assert np.abs(means[one] - means[other]).mean() > within, (one, other, within)


def test_sliders_and_valves_do_not_stand_still_and_the_others_do():
    swing = {}
    for kind in machines.KINDS:
        samples = machines.render(first(kind, PLANS), clean=True).astype(float)
        frames = samples.reshape(-1, 1600).std(axis=1)
        swing[kind] = 20 * np.log10(np.quantile(frames, 0.9) / np.quantile(frames, 0.1))
    assert swing["fan"] < 3 > swing["pump"]
    assert swing["slider"] > 6 < swing["valve"]


# --- severity 0 -----------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "fault"), PAIRS)
def test_severity_zero_is_the_normal_clip_to_the_bit(kind, fault):
    row = first(kind, fault=fault, severity=0.0)
    np.testing.assert_array_equal(machines.render(row), machines.render(row, fault="none"))


@pytest.mark.parametrize("kind", machines.KINDS)
def test_clips_of_severity_zero_are_like_normal_ones_and_severe_ones_are_not(kind):
    table = SHORT[kind]
    test = table[(table.split == "test") & (table.domain == "source")]
    test = test[test.session.isin(sorted(set(test.session))[::2])]
    normal = test[test.label == "normal"]
    smallest = {}
    for severity in (0.0, 1.0):
        both = pd.concat([normal, test[test.severity == severity]])
        found = pd.DataFrame([bands(machines.render(row)) for row in both.to_dict("records")])
        # Sessions differ for reasons of their own: compare clips with those of their session.
        found -= found.groupby(both.session.to_numpy()).transform("mean")
        one, other = (found[(both.label == label).to_numpy()] for label in ("normal", "anomaly"))
        assert len(one) == len(other) == 36
        smallest[severity] = min(stats.ks_2samp(one[i], other[i]).pvalue for i in found)
    assert smallest[0.0] > 1e-3
    assert smallest[1.0] < 1e-3  # the same test tells severe faults apart


# --- files ----------------------------------------------------------------------------------


def hashes(folder):
    paths = sorted(folder.rglob("*.wav"))
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def test_generate_writes_what_it_returns_and_the_same_bytes_again(tmp_path):
    options = {"kind": "valve", "share": 0.05, "duration": 2.0}
    recordings, events = machines.generate(tmp_path / "a", workers=2, **options)
    machines.generate(tmp_path / "b", workers=1, **options)
    first_time = hashes(tmp_path / "a")
    assert first_time == hashes(tmp_path / "b")
    assert sorted(first_time) == sorted(recordings.filename)
    assert len(set(first_time.values())) == len(first_time)
    assert events.empty
    assert {path.stat().st_size for path in (tmp_path / "a").rglob("*.wav")} == {44 + 2 * 2 * RATE}
    row = recordings[recordings.severity == 1.0].iloc[0]
    samples, rate = soundfile.read(tmp_path / "a" / row.filename)
    assert rate == RATE
    np.testing.assert_allclose(samples, machines.render(row), atol=1 / 2**15)
    other = machines.plan("valve", seed=13, duration=2.0).iloc[0]
    assert not np.allclose(machines.render(other), machines.render(recordings.iloc[0]), atol=1e-3)


def test_one_loader_serves_both(tmp_path):
    recordings, _ = machines.generate(tmp_path, kind="pump", share=0.05, duration=2.0)
    read = datasets.from_folder("dcase2020/pump", tmp_path).recordings
    ours = recordings.assign(name=[Path(name).name for name in recordings.filename])
    theirs = read.assign(name=[Path(name).name for name in read.filename])
    both = ours.merge(theirs, on=["name", "split"], suffixes=("", "_read"), validate="one_to_one")
    assert len(both) == len(recordings) == len(read)
    for column in ("label", "machine", "machine_type", "duration"):
        assert (both[column] == both[f"{column}_read"]).all(), column


def test_datasets_of_machines_are_made_once_and_joined(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARING_DATA", str(tmp_path))
    small = {
        name: options | {"share": 0.05, "duration": 2.0}
        for name, options in machines.SETS.items()
        if options["kind"] in ("fan", "valve")
    }
    monkeypatch.setattr(machines, "SETS", small)
    monkeypatch.setattr(_machine_sets, "KINDS", ("fan", "valve"))
    fan = datasets.load("machines/fan@6dB")
    assert re.fullmatch(r"<Dataset machines/fan@6dB \(synthetic\): 84 clips.*2 classes>", repr(fan))
    assert set(fan.recordings.snr_db) == {6.0}
    made = sorted(tmp_path.rglob("*.wav"))
    both = datasets.load("machines@6dB")
    assert set(made) < set(tmp_path.rglob("*.wav"))
    assert sorted(both.recordings.machine_type.unique()) == ["fan", "valve"]
    assert both.recordings.filename.is_unique
    assert both.recordings.severity.isna().equals(both.recordings.label == "normal")
    for row in both.recordings.groupby(["machine_type", "label"]).head(1).to_dict("records"):
        samples = both.audio(row["filename"])
        assert samples.dtype == np.float32
        assert samples.shape == (2 * RATE,)
        # The table holds all that the clip was made of.
        np.testing.assert_allclose(samples, machines.render(row), atol=2 / 2**15)
    assert list(both.events.columns) == ["filename", "onset", "offset", "event_label"]
    assert both.events.empty
    plain, named = (datasets.load(name) for name in ("machines/fan", "machines/fan@0dB"))
    assert plain.folder == named.folder != fan.folder


@pytest.mark.parametrize("name", ["machines/lathe", "machines@3dB", "machines/fan@6", "machines/"])
def test_unknown_machines_are_refused_and_the_known_named(name):
    with pytest.raises(DataError, match="no dataset .*machines/fan.*followed by @-6dB or @6dB"):
        datasets.load(name)


def test_names_are_those_of_the_generator():
    assert _machine_sets.KINDS == machines.KINDS
    assert _machine_sets.LEVELS == machines.LEVELS
    assert set(datasets.NAMES) >= {"machines", *(f"machines/{kind}" for kind in machines.KINDS)}
    assert set(_machine_plan.PARTS) == {"train", "test", "target-train", "target-test"}


# --- what is asked for ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fault": "rust", "severity": 0.5}, "fault 'rust' is none of a fan: choose one of"),
        ({"fault": "leak", "severity": 0.5}, "fault 'leak' is none of a fan"),
        ({"fault": "belt"}, "severity is None: give a number from 0 to 1"),
        ({"fault": "belt", "severity": 1.2}, "severity is 1.2"),
        ({"fault": "belt", "severity": float("nan")}, "severity is nan"),
        ({"severity": 0.5}, "there is no fault"),
        ({"device": "gramophone"}, "device 'gramophone' is unknown"),
    ],
)
def test_render_refuses_what_it_cannot_make(options, message):
    with pytest.raises(ValueError, match=message):
        machines.render(first("fan", label="normal"), **options)


def test_another_microphone_changes_nothing_else():
    row = first("slider", severity=0.5)
    np.testing.assert_array_equal(machines.render(row), machines.render(row, device="standard"))
    other = machines.render(row, device="laptop")
    assert not np.allclose(other, machines.render(row), atol=1e-3)
    made = machines.layers(row)
    straight = devices.Device(low=20.0, high=7900.0, noise_db=(-140.0, -140.0))
    mix = machines.render(row, device=straight)
    assert np.corrcoef(mix, made.machine + made.fault + made.background)[0, 1] > 0.95


def test_a_valve_has_no_bearing_and_no_machine_is_id_01():
    with pytest.raises(ValueError, match="a valve has no bearing"):
        machines.bearing_frequencies(first("valve"))
    with pytest.raises(ValueError, match="machine 'id_01' is unknown; choose one of id_00"):
        machines.construction("fan", "id_01")


# --- one seed, one sound --------------------------------------------------------------------


def chosen():
    """A clip of each kind and fault, by name."""
    rows = {
        f"{kind} normal": first(kind, label="normal", domain="target") for kind in machines.KINDS
    }
    return rows | {
        f"{kind} {fault}": first(kind, fault=fault, severity=1.0) for kind, fault in PAIRS
    }


def fingerprint(samples):
    at = np.linspace(0, len(samples) - 1, 40).astype(int)
    return {
        "rms": float(np.sqrt(np.mean(samples.astype(float) ** 2))),
        "samples": [round(float(x), 7) for x in samples[at]],
    }


@pytest.mark.parametrize("name", chosen())
def test_one_seed_makes_the_same_sound_everywhere(name):
    kept = json.loads(FINGERPRINT.read_text())[name]
    found = fingerprint(machines.render(chosen()[name]))
    np.testing.assert_allclose(found["samples"], kept["samples"], atol=4 / 2**15)
    assert found["rms"] == pytest.approx(kept["rms"], rel=1e-3)


if __name__ == "__main__":  # python tests/test_machines.py --write, after a wanted change
    if "--write" in sys.argv:
        made = {name: fingerprint(machines.render(row)) for name, row in chosen().items()}
        FINGERPRINT.write_text(json.dumps(made) + "\n")
