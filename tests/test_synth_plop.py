"""A plop sounds as its bubble asks: pitch, damping, rise, length."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from helpers.synth import bubbles, plop

RATE = plop.SAMPLE_RATE


def spectral_peak(samples):
    size = 1 << 17
    return np.argmax(np.abs(np.fft.rfft(samples, size))) * RATE / size


def test_minnaert_gives_the_textbook_figure():
    # An air bubble of 1 mm rings at 3.26 kHz in water (Leighton 1994).
    frequency = plop.minnaert_frequency(1e-3, gamma=1.4)
    assert frequency == pytest.approx(3260, rel=0.01)


def test_minnaert_refuses_an_impossible_radius():
    with pytest.raises(ValueError, match="radius"):
        plop.minnaert_frequency(0.0)


@given(radius=st.floats(1e-3, 1e-2), rise=st.floats(0.0, 0.05))
@settings(max_examples=60, deadline=None)
def test_spectral_peak_follows_the_radius_within_5_percent(radius, rise):
    peak = spectral_peak(plop.bubble(radius=radius, rise=rise))
    assert peak == pytest.approx(plop.minnaert_frequency(radius), rel=0.05)


@pytest.mark.parametrize("airlock", list(plop.AIRLOCKS))
def test_peak_of_whole_plops_follows_the_radius_too(airlock):
    low, high = plop.AIRLOCKS[airlock].radius
    radii = np.geomspace(low, high, 40)
    peaks = [
        spectral_peak(plop.plop(radius=r, airlock=airlock, rng=i)) for i, r in enumerate(radii)
    ]
    error = np.abs(peaks / plop.minnaert_frequency(radii) - 1)
    # Followers, body and splash are heard beside the main bubble: one in forty may lead.
    assert np.quantile(error, 0.975) < 0.05
    assert np.median(error) < 0.04


@given(radius=st.floats(1.5e-3, 9e-3))
@settings(max_examples=25, deadline=None)
def test_ring_fades_at_the_rate_of_the_model(radius):
    samples = plop.bubble(radius=radius, rise=0.0)
    level = np.abs(signal.hilbert(samples))
    times = np.arange(len(samples)) / RATE
    part = slice(int(0.25 * len(samples)), int(0.6 * len(samples)))
    slope = np.polyfit(times[part], np.log(level[part]), 1)[0]
    assert -slope == pytest.approx(plop.damping(radius), rel=0.05)


def test_pitch_rises_by_the_stated_amount():
    radius, rise = 5e-3, 0.1
    samples = plop.bubble(radius=radius, rise=rise)
    phase = np.unwrap(np.angle(signal.hilbert(samples)))
    times = np.arange(len(samples)) / RATE
    part = slice(int(0.1 * len(samples)), int(0.7 * len(samples)))
    rising = np.polyfit(times[part], np.gradient(phase, 1 / RATE)[part] / (2 * np.pi), 1)[0]
    expected = bubbles.minnaert_frequency(radius) * rise * bubbles.damping(radius)
    assert rising == pytest.approx(expected, rel=0.1)


@given(
    airlock=st.sampled_from(list(plop.AIRLOCKS)),
    length=st.floats(plop.MIN_LENGTH, plop.MAX_LENGTH),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=60, deadline=None)
def test_a_plop_is_as_long_as_asked_and_starts_at_once(airlock, length, seed):
    samples = plop.plop(airlock=airlock, length=length, rng=seed)
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() == pytest.approx(1.0)
    assert 0.7 * length < plop.audible_length(samples) < 1.15 * length
    assert np.flatnonzero(np.abs(samples) > 0.05)[0] < 0.003 * RATE
    # Nothing is cut off: it has faded when it ends, and begins without a step.
    assert np.abs(samples[-8:]).max() < 1e-3
    assert abs(samples[0]) < 0.05


def test_one_seed_one_plop():
    first, second, other = (plop.plop(rng=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert len(other) != len(first) or not np.allclose(other, first)


def test_a_burp_is_longer_than_any_plop():
    for seed in range(8):
        samples = plop.burp(length=0.6, rng=seed)
        assert plop.audible_length(samples) > plop.MAX_LENGTH + 0.1


def test_unknown_airlock_is_named_with_the_choices():
    with pytest.raises(ValueError, match=r"'bucket'.*three_piece"):
        plop.plop(airlock="bucket")


def test_audible_length_of_a_known_decay():
    times = np.arange(RATE) / RATE
    samples = np.exp(-times / 0.05) * np.sin(2 * np.pi * 1000 * times)
    expected = 25 / 20 * np.log(10) * 0.05
    assert plop.audible_length(samples) == pytest.approx(expected, abs=0.005)
