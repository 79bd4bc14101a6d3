"""The everyday sounds keep their promises: folds by source, true labels, one seed one sound."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.synth import _noise, _things, _voices, backgrounds, casting, devices, everyday, rooms
from helpers.synth._bouts import Traits, bouts

RATE = everyday.SAMPLE_RATE
FINGERPRINT = Path(__file__).with_name("everyday_fingerprint.json")
STRAIGHT = devices.Device(low=20.0, high=7900.0, noise_db=(-140.0, -140.0))
PLAN = everyday.plan()
CHOSEN = [int(rows.index[7 * i % len(rows)]) for i, (_, rows) in enumerate(PLAN.groupby("label"))]
"""One clip of each class, whose fingerprint is kept."""


@pytest.fixture(scope="module")
def rendered():
    return {i: everyday.render(PLAN.iloc[i]) for i in CHOSEN}


def fingerprint(samples, events):
    """What is kept of a clip: 50 of its samples, its level, its events."""
    at = np.linspace(0, len(samples) - 1, 50).astype(int)
    return {
        "rms": float(np.sqrt(np.mean(samples.astype(float) ** 2))),
        "samples": [round(float(x), 7) for x in samples[at]],
        "n_events": len(events),
        "onsets": [round(float(x), 6) for x in events.onset[:5]],
    }


@pytest.mark.parametrize("index", CHOSEN)
def test_one_seed_makes_the_same_sound_on_every_machine(rendered, index):
    kept = json.loads(FINGERPRINT.read_text())[str(index)]
    found = fingerprint(*rendered[index])
    assert found["n_events"] == kept["n_events"]
    np.testing.assert_allclose(found["onsets"], kept["onsets"], atol=1e-4)
    np.testing.assert_allclose(found["samples"], kept["samples"], atol=4 / 2**15)
    assert found["rms"] == pytest.approx(kept["rms"], rel=1e-3)


def test_another_seed_makes_another_sound(rendered):
    samples, _ = everyday.render(everyday.plan(7).iloc[CHOSEN[0]])
    assert not np.allclose(samples, rendered[CHOSEN[0]][0], atol=1e-3)


def test_the_plan_has_the_shape_of_esc_10():
    assert len(PLAN) == 400
    assert PLAN.filename.is_unique
    assert (PLAN.groupby(["label", "fold"]).size() == 8).all()
    assert PLAN.label.nunique() == 10
    assert PLAN.fold.nunique() == 5
    by_source = PLAN.groupby("group")
    assert by_source.size().between(1, 3).all()
    for column in ("fold", "label", "pitch", "room", "rt60", "device", "own"):
        assert (by_source[column].nunique() == 1).all(), column
    assert not by_source["snr"].nunique().eq(1)[by_source.size() > 1].any()


@pytest.mark.parametrize("seed", [50, 3])
def test_nothing_but_the_sound_tells_the_class(seed):
    plan = everyday.plan(seed)
    counts = pd.crosstab(plan.label, plan.background)
    assert (counts == 10).all(axis=None)
    assert (plan.groupby("label")["take"].apply(lambda x: (x < 5).mean()) == casting.SHORT).all()
    for column, (low, high) in {"snr": casting.SNR, "level": casting.LEVEL}.items():
        means = plan.groupby("label")[column].mean()
        assert plan[column].between(low, high).all()
        assert np.ptp(means) < 0.05 * (high - low)
    sources = plan.drop_duplicates("group")
    for column in ("device", "room"):
        counts = pd.crosstab(sources.label, sources[column])
        assert (counts.max(axis=1) - counts.min(axis=1) <= 1).all(), column


def test_reserved_places_are_in_no_clip_and_backgrounds_are_no_class():
    assert everyday.RESERVED_ROOM in rooms.ROOMS
    assert everyday.RESERVED_ROOM not in set(PLAN.room)
    assert everyday.RESERVED_DEVICE in devices.DEVICES
    assert everyday.RESERVED_DEVICE not in set(PLAN.device)
    assert set(casting.BACKGROUNDS) <= set(backgrounds.BACKGROUNDS)
    for kind in casting.BACKGROUNDS:
        assert backgrounds.scene(kind, 5.0, 1).events == []
    assert "rain" not in casting.BACKGROUNDS


def test_clips_are_in_range_and_their_events_lie_within(rendered):
    for index, (samples, events) in rendered.items():
        row = PLAN.iloc[index]
        assert samples.dtype == np.float32
        assert samples.shape == (5 * RATE,)
        assert 0.01 < np.abs(samples).max() < 1.0
        assert abs(samples.mean()) < 2e-3
        assert len(events) >= 1
        assert set(events.event_label) == {row.label}
        assert events.onset.is_monotonic_increasing
        assert (events.onset >= 0).all()
        assert (events.offset > events.onset).all()
        assert (events.offset <= row["take"] + 1e-9).all()
        assert (events.onset.iloc[1:].to_numpy() >= events.offset.iloc[:-1].to_numpy()).all()


def test_a_short_take_ends_in_digital_silence():
    row = PLAN[PLAN["take"] < 4].iloc[0]
    samples, events = everyday.render(row)
    end = int(np.ceil(row["take"] * RATE))
    assert not samples[end:].any()
    assert np.count_nonzero(samples[: end - 200]) > 0.9 * (end - 200)
    assert events.offset.max() <= row["take"] + 1e-9


@pytest.mark.parametrize("label", ["clock_tick", "dog_bark", "door_knock", "glass_clink"])
def test_events_rise_within_5_ms_of_their_onset_in_clean_clips(label):
    rows = PLAN[(PLAN.label == label) & (PLAN.room == casting.OUTSIDE)]
    checked = 0
    for _, row in rows.iterrows():
        samples, events = everyday.render(row, clean=True)
        before = events.offset.shift(fill_value=-1.0)
        for onset in events.onset[events.onset - before > 0.1]:
            start = int(round(onset * RATE))
            part = np.abs(samples[max(0, start - 400) : start + 800])
            rise = np.flatnonzero(part > 0.2 * part.max())[0] - min(start, 400)
            assert abs(rise) <= 0.005 * RATE, (row.filename, onset)
            checked += 1
    assert checked >= 5


@pytest.mark.parametrize("wanted", [0.0, 12.0])
@pytest.mark.parametrize("label", ["baby_cry", "engine"])
def test_signal_to_noise_ratio_is_the_planned_one(label, wanted):
    # The same clip with and without its events' level tells the two apart: first with the wanted
    # ratio, then with events so faint that the background is left alone.
    row = dict(PLAN[(PLAN.label == label) & (PLAN["take"] == 5.0)].iloc[2])
    row |= {"background": "fan", "snr": wanted}
    clean, events = everyday.render(row, clean=True)
    mixed, _ = everyday.render(row, device=STRAIGHT)
    spans = list(zip(events.onset, events.offset, strict=True))
    # The mix is a * clean + background, so the part along the clean sound is the events'.
    straight = devices.record(clean, device=STRAIGHT, rng=0)
    share = np.dot(mixed, straight) / np.dot(straight, straight)
    noise = everyday._above_lowest(mixed - share * straight)
    signal_power = everyday._event_power(share * straight, spans)
    ratio = 10 * np.log10(signal_power / backgrounds.active_power(noise))
    assert ratio == pytest.approx(wanted, abs=0.7)


def test_another_device_or_room_changes_nothing_else():
    row = PLAN[PLAN.label == "dog_bark"].iloc[4]
    first, events = everyday.render(row)
    same, _ = everyday.render(row, device=row.device, room=row.room)
    np.testing.assert_array_equal(first, same)
    for change in ({"device": "camera"}, {"room": "cellar"}, {"room": "outside"}):
        other, again = everyday.render(row, **change)
        pd.testing.assert_frame_equal(again, events)
        assert not np.allclose(other, first, atol=1e-3)
    dry, _ = everyday.render(row, room="outside", clean=True)
    wet, _ = everyday.render(row, room="cellar", clean=True)
    assert abs(np.corrcoef(dry, wet)[0, 1]) > 0.3  # the direct sound is the same


@pytest.mark.parametrize("change", [{"device": "gramophone"}, {"room": "cathedral"}])
def test_unknown_places_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change.values()))):
        everyday.render(PLAN.iloc[0], **change)


def test_plan_refuses_what_it_cannot_make():
    for wrong in ({"clips": 9}, {"n_folds": 0}, {"duration": 1.0}):
        with pytest.raises(ValueError, match="clips goes from 1 to 8"):
            everyday.plan(**wrong)


def test_generate_writes_what_it_returns(tmp_path):
    options = {"seed": 4, "n_folds": 1, "clips": 1, "workers": 2}
    recordings, events = everyday.generate(tmp_path, **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(recordings.filename)
    assert len(recordings) == 10
    counts = events.groupby("filename").size()
    assert recordings.set_index("filename").n_events.to_dict() == counts.to_dict()
    row = recordings.iloc[6]
    samples, rate = soundfile.read(tmp_path / row.filename)
    assert rate == RATE
    alone, _ = everyday.render(row)
    np.testing.assert_allclose(samples, alone, atol=1 / 2**15)


@settings(max_examples=30)
@given(st.sampled_from(sorted(casting.CLASSES)), st.integers(0, 2**31 - 1), st.data())
def test_every_voice_sounds_whatever_its_traits(label, seed, data):
    kind = casting.CLASSES[label]
    chosen = data.draw(st.sampled_from(kind.kinds))
    rate = casting.SWEEPS[chosen] if label == "siren" else kind.rate
    numbers = [data.draw(st.floats(*bounds)) for bounds in (kind.pitch, kind.length, rate)]
    traits = Traits(chosen, *numbers, data.draw(st.floats(0.0, 1.0)), seed)
    placed = kind.make(traits, 2.0, _noise.generator(seed), RATE)
    assert placed
    times = [time for time, _, _ in placed]
    assert times == sorted(times)
    assert 0 <= times[0] < 1.0
    for _, sound, _ in placed:
        assert np.isfinite(sound).all()
        assert 0.1 < np.abs(sound).max() < 3.0


def test_a_source_sounds_like_itself_and_not_like_another():
    def spectrum(traits, seed):
        placed = _things.clock_tick(traits, 3.0, _noise.generator(seed), RATE)
        return np.abs(np.fft.rfft(placed[0][1], 4096))

    one, other = (Traits("tick", 2500.0, 0.01, 2.0, 0.2, own) for own in (1, 2))
    alike = np.corrcoef(spectrum(one, 5), spectrum(one, 6))[0, 1]
    assert alike > 0.99
    assert np.corrcoef(spectrum(one, 5), spectrum(other, 5))[0, 1] < 0.9 * alike


@given(st.floats(100.0, 900.0), st.floats(0.07, 0.25), st.floats(0.0, 0.3))
@settings(max_examples=20)
def test_a_voice_has_the_pitch_that_it_is_asked_for(pitch, tract, breath):
    sound = _voices.voiced(
        np.full(RATE // 2, pitch), tract, _noise.generator(1), breath=breath, rough=0.0, open_=1.0
    )
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    at = np.arange(len(power)) * 2.0  # hertz
    near = np.abs((at + pitch / 2) % pitch - pitch / 2) < 6.0
    assert power[near].sum() > 0.8 * power.sum()


@settings(max_examples=40)
@given(
    st.integers(0, 1000), st.floats(0.5, 8.0), st.integers(1, 4), st.integers(0, 4), st.floats(1, 6)
)
def test_bouts_are_in_order_and_begin_soon(seed, rate, fewest, more, seconds):
    times = bouts(
        _noise.generator(seed), seconds, rate=rate, size=(fewest, fewest + more), pause=(0.3, 1.0)
    )
    assert len(times) >= 1
    assert 0 < times[0] <= 0.5
    assert (np.diff(times) >= 0.3 / rate - 1e-9).all()
    assert times[-1] < seconds


if __name__ == "__main__":  # python tests/test_synth_everyday.py --write, after a wanted change
    if "--write" in sys.argv:
        kept = {str(i): fingerprint(*everyday.render(PLAN.iloc[i])) for i in CHOSEN}
        FINGERPRINT.write_text(json.dumps(kept, indent=1) + "\n")
