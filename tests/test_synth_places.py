"""Rooms, devices and the codec do to sound what they say, and leave onsets in place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.synth import codec, devices, plop, rooms

RATE = 16_000


@pytest.mark.parametrize("rt60", [0.2, 0.5, 0.9])
def test_reverberation_time_by_backward_integration(rt60):
    # Schroeder's method: the slope of the decay between -5 and -25 dB.
    found = []
    for seed in range(5):
        h = rooms.response(distance=1.0, room="cellar", rt60=rt60, rng=seed)
        tail = h[1:]
        decay = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / np.sum(tail**2) + 1e-12)
        start, stop = np.argmax(decay < -5), np.argmax(decay < -25)
        found.append(3 * (stop - start) / RATE)
    assert np.mean(found) == pytest.approx(rt60, rel=0.15)


@given(
    room=st.sampled_from(list(rooms.ROOMS)),
    distance=st.floats(0.1, 1.0),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_direct_sound_comes_first_and_is_the_loudest_sample(room, distance, seed):
    h = rooms.response(distance=distance, room=room, rng=seed)
    assert np.isfinite(h).all()
    assert np.argmax(np.abs(h)) == 0
    assert h[0] == pytest.approx(1.0)


def test_reverberation_grows_with_distance():
    def share(distance):
        h = [rooms.response(distance=distance, room="kitchen", rng=s) for s in range(10)]
        return np.mean([np.sum(x[1:] ** 2) for x in h])

    near, far = share(0.1), share(1.0)
    assert far / near == pytest.approx(100, rel=0.5)  # 20 dB for ten times the distance


def test_placing_keeps_length_and_onset():
    dry = np.zeros(RATE)
    one = plop.plop(rng=1)
    dry[4000 : 4000 + len(one)] = one
    wet = rooms.place(dry, distance=0.7, room="bathroom", rng=3)
    assert wet.shape == dry.shape
    assert np.abs(wet[:4000]).max() < 1e-9
    assert np.flatnonzero(np.abs(wet) > 0.05)[0] - 4000 < 0.003 * RATE


@given(n=st.integers(1, 5000), half=st.sampled_from([64, 256, 512]), seed=st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_transform_is_undone_exactly(n, half, seed):
    samples = np.random.default_rng(seed).standard_normal(n)
    back = codec.inverse(codec.mdct(samples, half=half), n)
    np.testing.assert_allclose(back, samples, atol=1e-10)


def test_transform_agrees_with_its_definition():
    half, rng = 16, np.random.default_rng(0)
    samples = rng.standard_normal(4 * half)
    got = codec.mdct(samples, half=half)[2]
    n, k = np.arange(2 * half), np.arange(half)
    frame = samples[half : 3 * half] * np.sin(np.pi * (n + 0.5) / (2 * half))
    angle = np.pi / half * np.outer(n + 0.5 + half / 2, k + 0.5)
    np.testing.assert_allclose(got, np.sqrt(2 / half) * frame @ np.cos(angle), atol=1e-12)


def test_coding_loses_what_its_margin_says():
    samples = 0.1 * np.random.default_rng(1).standard_normal(2 * RATE)
    for margin in (8.0, 14.0, 20.0):
        coded = codec.code(samples, margin_db=margin, floor_db=-120.0)
        ratio = 10 * np.log10(np.mean(samples**2) / np.mean((coded - samples) ** 2))
        assert ratio == pytest.approx(margin, abs=1.5)


@pytest.mark.parametrize("name", list(devices.DEVICES))
def test_devices_keep_time_band_and_full_scale(name):
    dry = np.zeros(4 * RATE)
    one = plop.plop(radius=3e-3, rng=4)
    for start in (RATE, 2 * RATE, 3 * RATE):
        dry[start : start + len(one)] = 0.5 * one
    recorded = devices.record(dry, device=name, rng=1)
    assert recorded.shape == dry.shape
    assert np.abs(recorded).max() < 1.0
    assert abs(recorded.mean()) < 1e-3
    lag = np.argmax(np.correlate(recorded[RATE - 200 : RATE + 3000], dry[RATE : RATE + 2000]))
    assert abs(lag - 200) <= 0.002 * RATE
    np.testing.assert_array_equal(recorded, devices.record(dry, device=name, rng=1))


def test_gain_control_evens_out_loud_and_soft():
    noise = np.random.default_rng(0).standard_normal(8 * RATE)
    steps = noise * np.repeat([0.003, 0.1], 4 * RATE)

    def ratio(device):
        out = devices.record(steps, device=device, rng=0)
        return np.std(out[6 * RATE : 8 * RATE]) / np.std(out[2 * RATE : 4 * RATE])

    plain = devices.Device(low=120.0, high=7200.0, noise_db=(-90.0, -90.0))
    assert ratio("phone") < 0.4 * ratio(plain)


def test_devices_cut_what_lies_below_their_band():
    t = np.arange(2 * RATE) / RATE
    for name, kind in devices.DEVICES.items():
        quiet = {"noise_db": (-120.0, -120.0), "gain_target_db": None, "margin_db": None}
        one = devices.Device(
            **(devices.parameters(name) | quiet | {"hum_db": None, "whine_db": None})
        )
        low, middle = (
            np.std(devices.record(0.3 * np.sin(2 * np.pi * f * t), device=one, rng=0)[RATE:])
            for f in (kind.low / 4, 800.0)
        )
        assert low < 0.1 * middle


def test_limiter_is_transparent_below_its_knee_and_never_reaches_full_scale():
    samples = np.linspace(-5, 5, 2001)
    out = devices.limit(samples)
    inside = np.abs(samples) <= 0.7
    np.testing.assert_array_equal(out[inside], samples[inside])
    assert np.abs(out).max() < 1.0
    assert (np.diff(out) >= 0).all()


def test_unknown_names_are_refused_with_the_choices():
    with pytest.raises(ValueError, match=r"'hall'.*kitchen"):
        rooms.response(distance=1.0, room="hall")
    with pytest.raises(ValueError, match="distance"):
        rooms.response(distance=0.0)
    with pytest.raises(ValueError, match=r"'gramophone'.*laptop"):
        devices.record(np.zeros(10), device="gramophone")
