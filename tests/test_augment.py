"""Augmentation changes what it says by the amount it says, and nothing else."""

import random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import augment, clips

RATE = 16_000
CHIRP = (
    0.3 * np.sin(2 * np.pi * (300 + 400 * np.arange(2 * RATE) / RATE) * np.arange(2 * RATE) / RATE)
).astype(np.float32)


def tone(frequency, seconds=2.0):
    return (0.3 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE)).astype(
        np.float32
    )


def loudest_frequency(samples):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.fft.rfftfreq(len(samples), 1 / RATE)[spectrum.argmax()]


def power(samples):
    return float(np.mean(np.square(samples, dtype=np.float64)))


def windows(n=8, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(-5, 2, (n, 40, 64)).astype(np.float32)
    return x, np.eye(4, dtype=np.float32)[rng.integers(0, 4, n)]


def test_shift_moves_around_the_end():
    click = np.zeros(RATE, np.float32)
    click[RATE - 100] = 1
    assert abs(int(augment.shift(click, seconds=0.5).argmax()) - (RATE // 2 - 100)) <= 2


@pytest.mark.parametrize("semitones", [-3, 2, 7])
def test_pitch_moves_a_tone_by_this_much_and_keeps_its_length(semitones):
    made = augment.pitch(tone(440.0), semitones=semitones)
    assert len(made) == 2 * RATE
    middle = made[RATE // 2 : -RATE // 2]
    assert loudest_frequency(middle) == pytest.approx(440 * 2 ** (semitones / 12), rel=0.02)


def test_stretch_keeps_the_pitch_and_changes_the_pace():
    clicks = np.zeros(4 * RATE, np.float32)
    clicks[:: RATE // 2] = 1
    made = augment.stretch(tone(440.0), rate=1.25)
    assert loudest_frequency(made[RATE // 4 : RATE]) == pytest.approx(440, rel=0.02)
    assert len(made) == 2 * RATE
    heard = np.flatnonzero(np.abs(made) > 0.05)
    assert heard[-1] / RATE == pytest.approx(2 / 1.25, abs=0.1)


@pytest.mark.parametrize("snr", [0, 10, 30])
def test_noise_and_background_stand_where_they_are_asked_to(snr):
    rng = np.random.default_rng(0)
    hiss = augment.noise(CHIRP, snr_db=snr, rng=rng) - CHIRP
    assert 10 * np.log10(power(CHIRP) / power(hiss)) == pytest.approx(snr, abs=0.5)
    quiet = (0.1 * CHIRP).astype(np.float32)  # so that nothing has to be turned down
    other = 0.01 * rng.standard_normal(RATE).astype(np.float32)
    behind = augment.background(quiet, other, snr_db=snr) - quiet
    assert 10 * np.log10(power(quiet) / power(behind)) == pytest.approx(snr, abs=0.5)


def test_the_same_generator_gives_the_same_sound_and_the_global_ones_are_left_alone():
    np.random.seed(3)  # noqa: NPY002
    random.seed(3)
    others = [CHIRP[::-1].copy()]
    first = augment.vary(CHIRP, np.random.default_rng(5), others=others)
    drawn = np.random.random(), random.random()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    random.seed(3)
    second = augment.vary(CHIRP, np.random.default_rng(5), others=others)
    assert np.array_equal(first, second)
    assert drawn == (np.random.random(), random.random())  # noqa: NPY002
    assert not np.array_equal(first, augment.vary(CHIRP, np.random.default_rng(6), others=others))


@given(st.sets(st.sampled_from(augment.STEPS)), st.integers(0, 100))
@settings(max_examples=20)
def test_any_steps_keep_length_and_range(steps, seed):
    made = augment.vary(
        CHIRP, np.random.default_rng(seed), steps=sorted(steps), others=[CHIRP[:8000]]
    )
    assert made.shape == CHIRP.shape
    assert made.dtype == np.float32
    assert np.isfinite(made).all()


def test_silence_stays_silence():
    silent = np.zeros(RATE, np.float32)
    made = augment.vary(silent, np.random.default_rng(0), steps=("shift", "stretch", "pitch"))
    assert not made.any()
    assert not augment.noise(silent, snr_db=10, rng=np.random.default_rng(0)).any()


def test_bad_amounts_are_refused():
    with pytest.raises(ValueError, match="rate"):
        augment.stretch(CHIRP, rate=0.1)
    with pytest.raises(ValueError, match="semitones"):
        augment.pitch(CHIRP, semitones=60)
    with pytest.raises(ValueError, match="no step 'reverb'"):
        augment.vary(CHIRP, np.random.default_rng(0), steps=["reverb"])
    with pytest.raises(ValueError, match="others is empty"):
        augment.vary(CHIRP, np.random.default_rng(0), steps=["background"])
    with pytest.raises(ValueError, match="one row"):
        augment.shift(np.zeros((2, 5), np.float32), seconds=1)


@pytest.mark.parametrize(
    "change",
    [
        augment.roll(),
        augment.level(),
        augment.spec_augment(),
        augment.behind(),
        augment.mixup(),
    ],
)
def test_a_change_keeps_shapes_and_leaves_its_input_alone(change):
    x, y = windows()
    before = x.copy(), y.copy()
    made, targets = change(x, y, np.random.default_rng(0))
    assert made.shape == x.shape
    assert targets.shape == y.shape
    assert np.array_equal(x, before[0])
    assert np.array_equal(y, before[1])
    assert not np.array_equal(made, x)
    assert np.allclose(targets.sum(1), 1)


def test_roll_only_reorders_frames():
    x, y = windows()
    made, _ = augment.roll()(x, y, np.random.default_rng(0))
    assert np.allclose(np.sort(made, axis=1), np.sort(x, axis=1))


def test_masks_blank_no_more_than_they_may():
    x, y = windows(n=200)
    made, _ = augment.spec_augment(bands=4, frames=0.1, count=1)(x, y, np.random.default_rng(0))
    changed = made != x
    whole_bands = changed.all(axis=1).sum(axis=1)
    whole_frames = changed.all(axis=2).sum(axis=1)
    assert whole_bands.max() == 4
    assert whole_frames.max() == 4
    assert whole_bands.min() == 0


def test_mixup_adds_powers_and_mixes_the_targets_alike():
    x, y = windows(n=64)
    made, targets = augment.mixup(alpha=1.0, share=1.0)(x, y, np.random.default_rng(0))
    own = (targets * y).sum(axis=1)
    assert (own >= 0.5 - 1e-6).all()  # the first of a pair is heard most
    told = (targets > 0).sum(axis=1) == 2  # two of one class do not show their shares
    lowest = (x + np.log(own)[:, None, None])[told]
    assert told.sum() > 20
    assert (made[told] >= lowest - 1e-4).all()  # at least its share of the first is there
    highest = np.logaddexp(x, x.max(axis=0, keepdims=True))
    assert (made <= highest + 1e-4).all()


def test_mixup_that_is_never_applied_changes_nothing():
    x, y = windows()
    made, targets = augment.mixup(share=0.0)(x, y, np.random.default_rng(0))
    assert np.array_equal(made, x)
    assert np.array_equal(targets, y)


def test_level_and_tilt_are_within_their_range_and_straight():
    x, y = windows(n=100)
    made, _ = augment.level(gain=3.0, tilt=0.0)(x, y, np.random.default_rng(0))
    decibels = (made - x) * 10 / np.log(10)
    assert np.abs(decibels).max() <= 3.0 + 1e-3
    assert np.ptp(decibels, axis=(1, 2)).max() < 1e-3
    tilted, _ = augment.level(gain=0.0, tilt=6.0)(x, y, np.random.default_rng(0))
    slope = ((tilted - x) * 10 / np.log(10))[:, 0]
    assert np.abs(np.diff(slope, n=2, axis=1)).max() < 1e-3
    assert 5 < np.ptp(slope, axis=1).max() <= 6.001


def test_what_is_put_behind_a_window_is_as_quiet_as_asked():
    x, y = windows(n=50)
    made, targets = augment.behind(snr_db=(10.0, 10.0), share=1.0)(x, y, np.random.default_rng(0))
    own, both = (np.exp(z.astype(float)).sum(axis=2).mean(axis=1) for z in (x, made))
    assert np.allclose(10 * np.log10(own / (both - own)), 10, atol=0.05)
    assert np.array_equal(targets, y)


class Clips:
    """Three short clips in place of a data set."""

    name = "three"
    folder = "three"

    def __init__(self):
        names = ["a.wav", "b.wav", "c.wav"]
        self.recordings = pd.DataFrame({"filename": names, "label": list("xyx")})
        self.read = []

    def audio(self, name):
        self.read.append(name)
        return CHIRP[: RATE + 1000 * ord(name[0]) % 7]


def test_versions_are_made_once_and_belong_to_their_clip(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARING_DATA", str(tmp_path))
    three, options = Clips(), {"front_end": clips.FRONT_END, "count": 2}
    first = augment.versions(three, ["b.wav", "a.wav"], **options)
    assert list(first) == ["a.wav", "b.wav"]
    assert [len(v) for v in first.values()] == [3, 3]
    assert np.array_equal(first["a.wav"][0], clips.FRONT_END.log_mel(three.audio("a.wav")))
    three.read.clear()
    second = augment.versions(three, ["a.wav", "c.wav"], **options)
    assert not three.read
    assert np.array_equal(first["a.wav"][2], second["a.wav"][2])
    assert not np.array_equal(first["a.wav"][1], first["a.wav"][2])
    with pytest.raises(ValueError, match="augment.behind"):
        augment.versions(three, ["a.wav"], steps=("background",), **options)
