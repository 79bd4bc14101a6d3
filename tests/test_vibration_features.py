"""Shape, strength and position of vibration: each sees its own thing and no other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import vibration

RATE = 200.0


def shaking(seed: int = 0, *, hertz: float = 12.0, n: int = 200) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(n) / RATE
    tones = [np.sin(2 * np.pi * hertz * k * t + rng.uniform(0, 6)) / k for k in (1, 2, 3)]
    return np.stack(tones, axis=1) + 0.05 * rng.standard_normal((n, 3))


@given(st.floats(-2, 2), st.floats(0.1, 10), st.integers(0, 50))
def test_neither_tilt_nor_strength_changes_the_shape(tilt, times, seed):
    signal = shaking(seed)
    moved = times * signal + tilt
    assert vibration.shape(moved) == pytest.approx(vibration.shape(signal), abs=1e-6)
    assert vibration.position(moved) == pytest.approx(
        times * vibration.position(signal) + tilt, abs=1e-9
    )
    assert vibration.strength(moved) == pytest.approx(times * vibration.strength(signal))


def test_a_tone_lies_in_its_band():
    frequencies, power = vibration.spectrum(shaking(hertz=20.0), sample_rate=RATE, bands=25)
    assert frequencies[power[:, 0].argmax()] == pytest.approx(20, abs=2)
    assert frequencies[power[:, 1].argmax()] == pytest.approx(40, abs=2)
    assert frequencies[power[:, 2].argmax()] == pytest.approx(60, abs=2)


def test_white_noise_has_the_same_power_in_every_band():
    noise = np.random.default_rng(0).standard_normal((20_000, 1))
    power = vibration.spectrum(noise, bands=8)[1][:, 0]
    assert power == pytest.approx(np.full(8, 1.0), rel=0.1)


def test_another_frequency_is_another_shape():
    known = [vibration.shape(shaking(seed)) for seed in range(10)]
    near = np.linalg.norm(vibration.shape(shaking(99)) - known, axis=1).min()
    far = np.linalg.norm(vibration.shape(shaking(99, hertz=15.0)) - known, axis=1).min()
    assert far > 2 * near


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (np.zeros((200, 3)), "is the sensor connected"),
        (np.ones(200), "samples, axes"),
        (np.ones((0, 3)), "not empty"),
        (np.full((200, 3), np.nan), "NaN"),
        (np.random.default_rng(0).normal(size=(20, 3)), "66 samples or more for 32 bands"),
    ],
)
def test_recordings_that_cannot_be_used_are_refused(signal, message):
    with pytest.raises(ValueError, match=message):
        vibration.shape(signal)
