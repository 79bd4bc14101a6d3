"""The brewery keeps its promises: ranges, splits, labels that are true, one seed one sound."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from scipy import signal

from helpers.synth import brewery, devices, planning, plop
from helpers.synth.backgrounds import BACKGROUNDS
from helpers.synth.devices import DEVICES

RATE = brewery.SAMPLE_RATE
FINGERPRINT = Path(__file__).with_name("synth_fingerprint.json")
CHOSEN = (0, 4, 7, 14, 21)
"""Recordings whose fingerprint is kept: every device, two airlock types, slow and fast."""


@pytest.fixture(scope="module")
def plan():
    return brewery.plan()


@pytest.fixture(scope="module")
def rendered(plan):
    return {i: brewery.render(plan.iloc[i]) for i in CHOSEN}


def fingerprint(samples, events):
    """What is kept of a recording: 50 of its samples, its level, its events."""
    at = np.linspace(0, len(samples) - 1, 50).astype(int)
    plops = events[events.event_label == "p"]
    return {
        "rms": float(np.sqrt(np.mean(samples.astype(float) ** 2))),
        "samples": [round(float(x), 7) for x in samples[at]],
        "n_plops": len(plops),
        "n_others": len(events) - len(plops),
        "onsets": [round(float(x), 6) for x in plops.onset[:5]],
    }


@pytest.mark.parametrize("index", CHOSEN)
def test_one_seed_makes_the_same_sound_on_every_machine(rendered, index):
    kept = json.loads(FINGERPRINT.read_text())[str(index)]
    found = fingerprint(*rendered[index])
    assert (found["n_plops"], found["n_others"]) == (kept["n_plops"], kept["n_others"])
    np.testing.assert_allclose(found["onsets"], kept["onsets"], atol=1e-4)
    np.testing.assert_allclose(found["samples"], kept["samples"], atol=4 / 2**15)
    assert found["rms"] == pytest.approx(kept["rms"], rel=1e-3)


def test_another_seed_makes_another_sound(plan, rendered):
    samples, _ = brewery.render(brewery.plan(7).iloc[0])
    assert not np.allclose(samples, rendered[0][0], atol=1e-3)


def test_recordings_are_in_range_without_offset_or_clipping(rendered):
    for samples, events in rendered.values():
        assert samples.dtype == np.float32
        assert samples.shape == (30 * RATE,)
        assert 0.02 < np.abs(samples).max() < 1.0
        assert abs(samples.mean()) < 2e-3
        assert events.onset.is_monotonic_increasing
        assert (events.onset >= 0).all()
        assert (events.offset > events.onset).all()
        assert (events.offset <= 30.0).all()
        lengths = (events.offset - events.onset)[events.event_label == "p"]
        assert lengths.between(plop.MIN_LENGTH - 1e-9, plop.MAX_LENGTH + 1e-9).all()


def test_plops_rise_within_5_ms_of_their_onset_in_clean_recordings(plan):
    checked = 0
    for index in range(0, len(plan), 4):
        samples, events = brewery.render(plan.iloc[index], clean=True)
        before = events.offset.cummax().shift(fill_value=-1.0)
        # Where an earlier event still rings in the room its tail hides the rise.
        alone = events[(events.event_label == "p") & (events.onset - before > 0.25)]
        for onset in alone.onset:
            start = int(round(onset * RATE))
            part = np.abs(samples[max(0, start - 800) : start + 480])
            rise = np.flatnonzero(part > 0.2 * part.max())[0] - min(start, 800)
            assert abs(rise) <= 0.005 * RATE, (plan.filename[index], onset)
            checked += 1
    assert checked > 80


def test_plops_end_where_their_labels_say(plan):
    # In the driest, closest recording: before the offset it is heard, 60 ms later it is not.
    row = plan[(plan.n_airlocks == 1) & (plan.rate < 60)].nsmallest(1, "rt60").iloc[0]
    samples, events = brewery.render(row, clean=True)
    level = plop.envelope(samples)
    for event in events[events.event_label == "p"].itertuples():
        peak = level[int(event.onset * RATE) : int(event.offset * RATE)].max()
        inside = level[int((event.offset - 0.02) * RATE) : int(event.offset * RATE)].max()
        after = level[int((event.offset + 0.06) * RATE) : int((event.offset + 0.08) * RATE)].max()
        assert inside > peak * 10 ** (-30 / 20)
        assert after < peak * 10 ** (-20 / 20)


@pytest.mark.parametrize("wanted", [0.0, 12.0])
def test_signal_to_noise_ratio_is_the_planned_one(plan, wanted):
    # Measured on the mix alone, through a device that adds nothing: power in the labelled spans
    # over power far from any, above 100 Hz.
    straight = devices.Device(low=20.0, high=7900.0, noise_db=(-140.0, -140.0))
    still = {"snr": wanted, "device": straight, "lookalike": "none", "background": "fan"}
    row = dict(plan[(plan.n_airlocks == 1) & plan.rate.between(30, 60)].iloc[0])
    samples, events = brewery.render({**row, **still, "burp_rate": 0.0})
    sos = signal.butter(6, 100.0, "highpass", fs=RATE, output="sos")
    power = signal.sosfilt(sos, samples.astype(float)) ** 2
    far, spans = np.ones(len(power), bool), []
    for onset, offset in zip(events.onset, events.offset, strict=True):
        spans.append(power[int(onset * RATE) : int(offset * RATE)].mean())
        far[int(onset * RATE) : int((offset + 0.6) * RATE)] = False
    noise = power[far].mean()
    assert 10 * np.log10(np.mean(spans) / noise - 1) == pytest.approx(wanted, abs=0.7)


def test_plan_covers_its_ranges_evenly(plan):
    for name in ("rate", "interval_cv", "distance", "snr", "level"):
        low, high, reason = planning.RANGES[name]
        values = plan[name]
        assert len(reason) > 10
        assert values.between(low, high).all()
        scaled = (values - low) / (high - low)
        if name in ("rate", "distance"):
            scaled = np.log(values / low) / np.log(high / low)
        for _, part in scaled.groupby(plan.split):
            assert part.min() < 0.08
            assert part.max() > 0.92
            assert 0.4 < part.mean() < 0.6
    assert set(plan.background) == set(BACKGROUNDS)
    assert set(plan.n_airlocks) == {1, 2, 3}
    assert (plan.provenance == "synthetic").all()


def test_test_brews_hold_an_airlock_and_a_device_never_heard_in_training(plan):
    assert (plan.split == "test").sum() >= 20
    assert plan.groupby("group").split.nunique().max() == 1
    train, test = (plan[plan.split == name] for name in ("train", "test"))
    assert not train.airlocks.str.contains(brewery.RESERVED_AIRLOCK).any()
    assert (test.airlock == brewery.RESERVED_AIRLOCK).any()
    assert set(test.device) - set(train.device) == {brewery.RESERVED_DEVICE}
    assert set(DEVICES) == set(test.device) | set(train.device)
    per_brew = plan.groupby("group").rate
    assert (per_brew.max() / per_brew.min() > 1.1).all()


def test_the_large_set_has_the_mixture_of_the_test_split():
    options = brewery.SETS["brewery-large"]
    large = brewery.plan(**{k: v for k, v in options.items()})
    assert len(large) == 120
    assert (large.split == "test").all()
    small = brewery.plan()
    assert not set(large.group) & set(small.group)
    test = small[small.split == "test"]
    for name in ("none", "airlock", "device", "both"):
        assert (large.novel == name).mean() == pytest.approx((test.novel == name).mean())


def test_generate_writes_what_it_returns(tmp_path):
    recordings, events = brewery.generate(tmp_path, seed=5, n_brews=2, duration=6.0, workers=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(recordings.filename)
    counts = events[events.event_label == "p"].groupby("filename").size()
    assert (
        recordings.set_index("filename").n_plops.to_dict()
        == counts.reindex(recordings.filename, fill_value=0).to_dict()
    )
    row = recordings.iloc[1]
    samples, rate = soundfile.read(tmp_path / row.filename)
    assert rate == RATE
    alone, _ = brewery.render(row)
    np.testing.assert_allclose(samples, alone, atol=1 / 2**15)


def test_plan_refuses_what_it_cannot_make():
    with pytest.raises(ValueError, match="split"):
        brewery.plan(split="validation")
    with pytest.raises(ValueError, match="n_brews"):
        brewery.plan(n_brews=0)


def test_statistics_of_events_counted_by_hand():
    onset = np.array([0.0, 1.0, 2.0, 4.0])
    events = pd.DataFrame(
        {"filename": "a", "onset": onset, "offset": onset + 0.1, "event_label": "p"}
    )
    events = pd.concat([events, events.iloc[:1].assign(event_label="n", onset=0.5)])
    row = brewery.statistics(events).loc["a"]
    assert (row.n, row.other, row.overlaps) == (4, 1, 0)
    assert row.rate == pytest.approx(60 * 3 / 4)
    assert row.interval_p50 == pytest.approx(1.0)
    assert row.interval_cv == pytest.approx(np.std([1, 1, 2]) / np.mean([1, 1, 2]))
    assert row.length_p50 == pytest.approx(0.1)


def test_recordings_without_events_have_a_row_of_their_own():
    none = pd.DataFrame({"filename": [], "onset": [], "offset": [], "event_label": []})
    table = brewery.statistics(none, pd.DataFrame({"filename": ["a"]}))
    assert table.loc["a", "n"] == 0


def test_synthetic_rates_lengths_and_intervals_lie_around_the_real_ones(mirror, rendered):
    rows = []
    for path in sorted((mirror / "brewing-labels").iterdir()):
        for line in path.read_text().splitlines():
            if line.strip() and not line.startswith("\\"):
                onset, offset, label = line.split("\t")
                rows.append((path.name, float(onset), float(offset), label.strip()))
    real = pd.DataFrame(rows, columns=["filename", "onset", "offset", "event_label"])
    table = brewery.statistics(real)
    assert table.n.sum() > 500
    low, high, _ = planning.RANGES["rate"]
    assert table.rate.between(low, high).all()
    low, high, _ = planning.RANGES["length"]
    assert table.length_p50.between(low, high + 0.005).all()
    made = pd.concat([events for _, events in rendered.values()])
    both = brewery.compare({"real": (real, None), "synthetic": (made, None)})
    assert list(both.columns) == ["real", "synthetic"]
    assert both.loc["events p", "real"] == str(table.n.sum())


if __name__ == "__main__":  # python tests/test_synth_brewery.py --write, after a wanted change
    if "--write" in sys.argv:
        table = brewery.plan()
        kept = {str(i): fingerprint(*brewery.render(table.iloc[i])) for i in CHOSEN}
        FINGERPRINT.write_text(json.dumps(kept, indent=1) + "\n")
