"""Sounds that are not plops: look-alikes, claps, alarms, doors; and, by name, backgrounds.

Every function takes a generator (or a seed) and gives a fresh variation as float64, peak 1,
its onset at sample 0. They are procedural: modal resonances for solid things that are struck
[1]_, bubbles for drops [2]_, shaped noise for the rest.

References
----------
.. [1] P. R. Cook, "Real Sound Synthesis for Interactive Applications", A K Peters, 2002.
.. [2] K. van den Doel, "Physically based models for liquid sounds", ACM TAP 2(4), 2005.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from helpers.synth import _noise
from helpers.synth.plop import SAMPLE_RATE, bubble

Rng = np.random.Generator | int | None
_generator = _noise.generator


def drip(*, rng: Rng = None, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Let a drop fall into water: a faint impact, then the ring of a small bubble.

    Drops entrain bubbles of about 0.4 to 1.4 mm, well under those of an airlock, so a drip is
    a plop an octave or two higher: the closest look-alike there is.
    """
    rng = _generator(rng)
    out = np.zeros(int(rng.uniform(0.08, 0.2) * sample_rate))
    impact = _noise.burst(rng, 0.004, 0.0008, sample_rate=sample_rate)
    _noise.add(out, impact, 0, rng.uniform(0.1, 0.4))
    wait = int(rng.uniform(0.008, 0.02) * sample_rate)
    main = rng.uniform(0.6e-3, 1.4e-3)
    _noise.add(out, bubble(radius=main, rise=rng.uniform(0.0, 0.1)), wait, 1.0)
    for _ in range(rng.integers(0, 3)):
        start = wait + int(rng.uniform(0.01, 0.08) * sample_rate)
        small = bubble(radius=main * rng.uniform(0.5, 0.9), rise=rng.uniform(0.0, 0.1))
        _noise.add(out, small, start, rng.uniform(0.1, 0.4))
    return _noise.peak(out)


def tick(*, rng: Rng = None, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Make one tick of a clock: a few plastic modes that die within some ten milliseconds."""
    rng = _generator(rng)
    modes = rng.uniform(1200.0, 6000.0, 4)
    return struck(modes, rng.uniform(0.003, 0.012, 4), rng=rng, sample_rate=sample_rate)


def clink(*, rng: Rng = None, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Touch glass or cutlery: high inharmonic modes that ring for a tenth of a second or more."""
    rng = _generator(rng)
    base = rng.uniform(1400.0, 3200.0)
    modes = base * np.array([1.0, 1.58, 2.24, 2.92]) * rng.uniform(0.97, 1.03, 4)
    return struck(modes, rng.uniform(0.03, 0.12, 4), rng=rng, sample_rate=sample_rate)


def knock(*, rng: Rng = None, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Set something down or knock on wood: low modes, quickly damped."""
    rng = _generator(rng)
    base = rng.uniform(120.0, 420.0)
    modes = base * np.array([1.0, 1.9, 2.8, 4.4]) * rng.uniform(0.95, 1.05, 4)
    return struck(modes, rng.uniform(0.01, 0.04, 4), rng=rng, sample_rate=sample_rate)


def pop(*, rng: Rng = None, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Pop lips or a cork: one resonance in the range of plops that glides up and dies at once."""
    rng = _generator(rng)
    t = np.arange(int(0.08 * sample_rate)) / sample_rate
    start, rise = rng.uniform(350.0, 900.0), rng.uniform(4.0, 14.0)
    out = np.sin(2 * np.pi * start * (t + 0.5 * rise * t**2)) * np.exp(
        -t / rng.uniform(0.008, 0.018)
    )
    _noise.add(out, _noise.burst(rng, 0.01, 0.003, sample_rate=sample_rate), 0, 0.3)
    return _noise.peak(out)


def switch(*, rng: Rng = None, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Press a light switch or a mouse button: two clicks some ten milliseconds apart."""
    rng = _generator(rng)
    out = np.zeros(int(0.12 * sample_rate))
    for start, gain in ((0.0, 1.0), (rng.uniform(0.03, 0.09), rng.uniform(0.3, 0.8))):
        modes = rng.uniform(900.0, 5000.0, 3)
        click = struck(modes, rng.uniform(0.002, 0.006, 3), rng=rng, sample_rate=sample_rate)
        _noise.add(out, click, int(start * sample_rate), gain)
    return _noise.peak(out)


def struck(
    modes: np.ndarray, decays: np.ndarray, *, rng: Rng = None, sample_rate: int = SAMPLE_RATE
) -> np.ndarray:
    """Strike a thing: damped sines over a short burst of noise.

    Parameters
    ----------
    modes, decays : ndarray
        Frequencies in hertz and time constants in seconds, one for each mode.
    rng : Generator or int, optional
        Source of randomness for phases, levels and the burst.
    sample_rate : int
        Samples a second.

    Returns
    -------
    ndarray
        float64, peak 1, five of the longest time constants long.
    """
    rng = _generator(rng)
    t = np.arange(int(5 * np.max(decays) * sample_rate) + 64) / sample_rate
    out = np.zeros(len(t))
    for frequency, decay in zip(modes, decays, strict=True):
        if frequency < 0.48 * sample_rate:
            out += rng.uniform(0.3, 1.0) * np.exp(-t / decay) * np.sin(2 * np.pi * frequency * t)
    _noise.add(out, _noise.burst(rng, 0.006, 0.001, sample_rate=sample_rate), 0, 0.5)
    return _noise.peak(out)


def clap(*, rng: Rng = None, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Clap hands once: a burst of noise around 1 to 2 kHz, over within 50 ms."""
    rng = _generator(rng)
    noise = rng.standard_normal(int(0.12 * sample_rate))
    out = _noise.shape(
        noise, {300: 0.2, 700: 0.8, rng.uniform(1000, 2200): 1.5, 5000: 0.3}, sample_rate
    )
    t = np.arange(len(out)) / sample_rate
    out *= np.exp(-t / rng.uniform(0.006, 0.014)) * np.minimum(1.0, t / 0.0005)
    return _noise.peak(out)


def applause(
    *, seconds: float = 5.0, people: int = 30, rng: Rng = None, sample_rate: int = SAMPLE_RATE
) -> np.ndarray:
    """Let many people clap: a state, not an event; single claps have no onsets to label.

    Parameters
    ----------
    seconds : float
        Length; it swells and fades.
    people : int
        How many; each claps 3 to 5 times a second.
    rng : Generator or int, optional
        Source of randomness.
    sample_rate : int
        Samples a second.

    Returns
    -------
    ndarray
        float64, peak 1.
    """
    rng = _generator(rng)
    n = int(seconds * sample_rate)
    out = np.zeros(n)
    for _ in range(people):
        one, gain = clap(rng=rng, sample_rate=sample_rate), rng.uniform(0.2, 1.0)
        gaps = rng.normal(1.0 / rng.uniform(3.0, 5.0), 0.015, int(6 * seconds) + 2)
        for time in rng.uniform(0.0, 0.3) + np.cumsum(np.maximum(gaps, 0.1)):
            _noise.add(out, one, int(time * sample_rate), gain * rng.uniform(0.6, 1.0))
    return _noise.peak(out * np.hanning(n) ** 0.3)


def alarm(*, seconds: float = 5.0, rng: Rng = None, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Sound an alarm that persists: two pitches in turn, on until somebody ends it.

    Parameters
    ----------
    seconds : float
        Length.
    rng : Generator or int, optional
        Source of randomness: pitch and pace.
    sample_rate : int
        Samples a second.

    Returns
    -------
    ndarray
        float64, peak 1.
    """
    rng = _generator(rng)
    t = np.arange(int(seconds * sample_rate)) / sample_rate
    low, pace = rng.uniform(600.0, 1100.0), rng.uniform(1.5, 3.0)
    pitch = np.where((t * pace) % 1.0 < 0.5, low, low * 1.25)
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    out = np.sin(phase) + 0.3 * np.sin(3 * phase)
    edge = np.minimum(1.0, np.minimum(t, t[-1] - t) / 0.02)
    return _noise.peak(out * edge)


def door(*, seconds: float = 8.0, rng: Rng = None, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Open a door on a noisy street and shut it again: two events around a state.

    Parameters
    ----------
    seconds : float
        Length; the door opens at a quarter and shuts at three quarters of it.
    rng : Generator or int, optional
        Source of randomness.
    sample_rate : int
        Samples a second.

    Returns
    -------
    ndarray
        float64, peak 1.
    """
    rng = _generator(rng)
    n = int(seconds * sample_rate)
    t = np.arange(n) / sample_rate
    opened, shut = 0.25 * seconds, 0.75 * seconds
    inside = np.clip((t - opened) / 0.4, 0, 1) * np.clip((shut - t) / 0.15 + 1, 0, 1)
    out = (0.04 + inside) * 0.3 * background("traffic", seconds, rng, sample_rate=sample_rate)
    latch = switch(rng=rng, sample_rate=sample_rate)
    _noise.add(out, latch, int(opened * sample_rate), 0.5)
    _noise.add(out, knock(rng=rng, sample_rate=sample_rate), int(shut * sample_rate), 1.0)
    _noise.add(out, latch, int((shut + 0.03) * sample_rate), 0.5)
    return _noise.peak(out)


LOOKALIKES: dict[str, Callable[..., np.ndarray]] = {
    "drip": drip,
    "tick": tick,
    "clink": clink,
    "knock": knock,
    "pop": pop,
    "switch": switch,
}
"""Short sounds that a detector of plops may take for one; their events are labelled n."""


def background(
    kind: str,
    seconds: float,
    rng: Rng = None,
    *,
    sample_rate: int = SAMPLE_RATE,
) -> np.ndarray:
    """Make background noise of one kind; see :mod:`helpers.synth.backgrounds` for the events in it.

    Parameters
    ----------
    kind : str
        A key of ``helpers.synth.backgrounds.BACKGROUNDS``.
    seconds : float
        Length.
    rng : Generator or int, optional
        Source of randomness.
    sample_rate : int
        Samples a second.

    Returns
    -------
    ndarray
        float64, root mean square 1 while it is active.
    """
    from helpers.synth import backgrounds  # built on this module's sounds

    return backgrounds.scene(kind, seconds, rng, sample_rate=sample_rate).samples
