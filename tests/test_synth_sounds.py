"""Look-alikes and backgrounds: varied, clean, and labelled where they hold events."""

import numpy as np
import pytest

from helpers.synth import backgrounds, plop, sounds

RATE = plop.SAMPLE_RATE


@pytest.mark.parametrize("kind", list(backgrounds.BACKGROUNDS))
def test_background_is_whole_level_and_free_of_offset(kind):
    made = backgrounds.scene(kind, 6.0, 5)
    assert made.samples.shape == (6 * RATE,)
    assert np.isfinite(made.samples).all()
    assert backgrounds.active_power(made.samples) == pytest.approx(1.0, rel=1e-6)
    assert abs(made.samples.mean()) < 0.02
    for onset, offset, _ in made.events:
        assert 0 <= onset < offset <= 6.0


@pytest.mark.parametrize("kind", list(backgrounds.BACKGROUNDS))
def test_background_repeats_with_its_seed_and_differs_with_another(kind):
    first, again, other = (sounds.background(kind, 3.0, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.5


@pytest.mark.parametrize("kind", ["fridge", "fan", "traffic", "rain", "babble"])
def test_steady_backgrounds_have_no_seam(kind):
    # A seam or a cut would be a step far beyond what the sound does anywhere else.
    samples = sounds.background(kind, 8.0, 3)
    step = np.abs(np.diff(samples))
    assert step.max() < 14 * np.sqrt(np.mean(step**2)) + 0.2
    assert not np.array_equal(samples[:RATE], samples[-RATE:])


@pytest.mark.parametrize("kind", ["clock", "tap", "kitchen"])
def test_events_of_a_background_are_where_it_is_loud(kind):
    made = backgrounds.scene(kind, 12.0, 7)
    assert len(made.events) >= 3
    inside = np.zeros(len(made.samples), bool)
    for onset, offset, what in made.events:
        assert what == kind
        inside[int(onset * RATE) : int(offset * RATE)] = True
    assert np.mean(made.samples[inside] ** 2) > 20 * np.mean(made.samples[~inside] ** 2)


def test_active_power_of_noise_and_of_noise_in_bursts():
    noise = np.random.default_rng(0).standard_normal(20 * RATE)
    assert backgrounds.active_power(noise) == pytest.approx(1.0, rel=0.03)
    gated = noise * (np.arange(len(noise)) // (RATE // 5) % 5 == 0)
    assert np.mean(gated**2) == pytest.approx(0.2, rel=0.05)
    assert backgrounds.active_power(gated) == pytest.approx(1.0, rel=0.03)


@pytest.mark.parametrize("name", list(sounds.LOOKALIKES))
def test_lookalikes_start_at_once_and_vary(name):
    make = sounds.LOOKALIKES[name]
    made = [make(rng=seed) for seed in range(10)]
    for samples in made:
        assert np.abs(samples).max() == pytest.approx(1.0)
        assert np.flatnonzero(np.abs(samples) > 0.03)[0] < 0.025 * RATE
        assert 0.003 < plop.audible_length(samples) < 0.7
    assert len({round(float(np.sum(s[:400] ** 2)), 9) for s in made}) == 10


def test_a_drip_is_higher_than_any_plop_of_its_neighbourhood():
    def peak(samples):
        return np.argmax(np.abs(np.fft.rfft(samples, 1 << 15))) * RATE / (1 << 15)

    drips = [peak(sounds.drip(rng=seed)) for seed in range(30)]
    plops = [peak(plop.plop(airlock="s_shaped", rng=seed)) for seed in range(30)]
    assert min(drips) > max(plops)


def test_claps_are_events_and_applause_is_not():
    def peakedness(samples):
        level = plop.envelope(samples)
        return np.quantile(level, 0.99) / np.median(level)

    claps = np.zeros(5 * RATE)
    for i in range(5):
        one = sounds.clap(rng=i)
        claps[i * RATE : i * RATE + len(one)] += one
    assert peakedness(claps + 1e-4) > 10 * peakedness(sounds.applause(rng=1))


def test_alarm_persists_and_door_opens_on_noise():
    level = plop.envelope(sounds.alarm(seconds=4.0, rng=2))
    assert level[RATE // 10 : -RATE // 10].min() > 0.3 * level.max()
    door = sounds.door(seconds=8.0, rng=2)
    shut, opened = door[: 2 * RATE - 800], door[3 * RATE : 5 * RATE]
    assert np.mean(opened**2) > 50 * np.mean(shut**2)
    assert np.argmax(np.abs(door)) == pytest.approx(6.0 * RATE, abs=0.1 * RATE)


def test_unknown_background_and_length_are_refused():
    with pytest.raises(ValueError, match=r"'ocean'.*traffic"):
        sounds.background("ocean", 1.0)
    with pytest.raises(ValueError, match="seconds"):
        sounds.background("rain", 0.0)
