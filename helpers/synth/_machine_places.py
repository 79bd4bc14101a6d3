"""Where the synthetic machines stand: rooms, microphones, and what else is heard there.

A session is one place on one day: an impulse response and one take of background, from which
each clip has a part of its own. The room is applied as a circular convolution: a clip's first
moments hold the reverberation of its last, as if the machine had run before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy import fft, signal

from helpers.synth import _noise, backgrounds, rooms
from helpers.synth._machine_parts import coloured, gains_of
from helpers.synth.devices import DEVICES, Device
from helpers.synth.sounds import struck

SAMPLE_RATE = 16_000
LOWEST = 100.0
"""Levels are compared above this frequency in hertz, as in `everyday`."""
TAKE = 1.5
"""Length of a session's background over that of a clip."""
BACKGROUNDS = ("hall", "fan", "traffic")
"""The hall is made here, the others by :mod:`helpers.synth.backgrounds`."""
DEVICE = "standard"
OTHER_DEVICE = "laptop"
MICROPHONES: dict[str, Device] = {
    # A measuring microphone at the machine: wide band, little noise of its own.
    DEVICE: Device(low=45.0, high=7600.0, noise_db=(-78.0, -78.0)),
    # One unit of the laptop of `devices`, so that its noise is the same in each clip.
    OTHER_DEVICE: replace(DEVICES["laptop"], noise_db=(-64.0, -64.0), whine_db=None),
}
"""What records the machines: one device for the source domain, another for the target."""


@dataclass(frozen=True, eq=False)
class Place:
    """Transfer function from the machine to the microphone, background, its part above 100 Hz."""

    transfer: np.ndarray
    background: np.ndarray
    high: np.ndarray


@lru_cache(maxsize=6)
def place(
    seed: int, own: int, room: str, rt60: float, distance: float, background: str, n: int
) -> Place:
    """Make the place of one session for clips of n samples."""
    where, behind = (
        np.random.Generator(np.random.PCG64(s))
        for s in np.random.SeedSequence([seed, own]).spawn(2)
    )
    response = rooms.response(distance=distance, room=room, rt60=rt60, rng=where)
    folded = np.zeros(n)
    response = response[:n]
    folded[: len(response)] = response
    take = TAKE * n / SAMPLE_RATE
    if background == "hall":
        samples = hall(behind, take)
    else:
        samples = backgrounds.scene(background, take, behind).samples
    return Place(fft.rfft(folded), samples, above_lowest(samples))


def hall(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """Make a factory hall: ventilation, far motors, now and then something put down."""
    n = int(seconds * SAMPLE_RATE)
    points = {40.0: 1.0, rng.uniform(150, 400): 1.0, 1500.0: rng.uniform(0.15, 0.35), 8000.0: 0.04}
    out = coloured(rng, gains_of(points, n, SAMPLE_RATE), n)
    at = np.arange(n) / SAMPLE_RATE
    for frequency in rng.uniform(90.0, 600.0, 4):
        out += rng.uniform(0.05, 0.2) * np.sin(2 * np.pi * (frequency * at + rng.random()))
    echo = _noise.burst(rng, 1.5, rng.uniform(0.15, 0.3), sample_rate=SAMPLE_RATE)
    echo /= np.sqrt(np.sum(echo**2))
    for _ in range(rng.poisson(seconds * 0.25)):
        blow = struck(rng.uniform(300.0, 3000.0, 6), rng.uniform(0.01, 0.05, 6), rng=rng)
        far = signal.oaconvolve(blow, echo)
        _noise.add(out, far, int(rng.uniform(0.0, seconds) * SAMPLE_RATE), rng.uniform(0.5, 2.0))
    return out


def above_lowest(samples: np.ndarray) -> np.ndarray:
    """Return the part above 100 Hz."""
    return signal.sosfilt(_high(), samples)


@lru_cache(maxsize=1)
def _high() -> np.ndarray:
    return signal.butter(4, LOWEST, "highpass", fs=SAMPLE_RATE, output="sos")


def power(samples: np.ndarray) -> float:
    """Active power above 100 Hz."""
    return backgrounds.active_power(above_lowest(samples), sample_rate=SAMPLE_RATE)
