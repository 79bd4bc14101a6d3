"""What else is heard where beer ferments: hums, rain, voices, kitchens, clocks, taps.

Each kind is a function of a generator and a length that gives a :class:`Scene`: samples and
the discrete events within them, because a clock or a tap is made of sounds that a detector
may take for plops. All are procedural and drawn anew for every seed.

Steady noise is shaped in the frequency domain; voices follow the source-filter model, a
pulse train through three formants, with the formants of Peterson and Barney 1952.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import signal

from helpers.synth import _noise, sounds
from helpers.synth.plop import SAMPLE_RATE, audible_length, bubble

FRAME = 0.05
"""Seconds of the frames in which the activity of a background is measured."""


@dataclass
class Scene:
    """Samples and the discrete events in them.

    Attributes
    ----------
    samples : ndarray
        Shape (samples,), float64, root mean square 1 while active.
    events : list of tuple
        (onset, offset, what) in seconds, sorted by onset.
    """

    samples: np.ndarray
    events: list[tuple[float, float, str]] = field(default_factory=list)


def scene(
    kind: str,
    seconds: float,
    rng: np.random.Generator | int | None = None,
    *,
    sample_rate: int = SAMPLE_RATE,
) -> Scene:
    """Make one background.

    Parameters
    ----------
    kind : str
        A key of `BACKGROUNDS`.
    seconds : float
        Length.
    rng : Generator or int, optional
        Source of randomness.
    sample_rate : int
        Samples a second.

    Returns
    -------
    Scene
        Scaled to an active level (see `active_power`) of 1.

    Raises
    ------
    ValueError
        If the kind is unknown or the length not above zero.
    """
    if kind not in BACKGROUNDS:
        raise ValueError(f"background {kind!r} is unknown; choose one of {', '.join(BACKGROUNDS)}")
    if seconds <= 0:
        raise ValueError(f"seconds must be above zero, got {seconds}")
    made = BACKGROUNDS[kind](_noise.generator(rng), seconds, sample_rate)
    power = active_power(made.samples, sample_rate=sample_rate)
    return Scene(made.samples / np.sqrt(power), sorted(made.events))


def active_power(samples: np.ndarray, *, sample_rate: int = SAMPLE_RATE) -> float:
    """Mean power of the frames that are not pauses.

    Frames of 50 ms count when they lie within 20 dB of the 95th percentile of all, which is
    every frame of a steady noise and the ticks alone of a clock. (The active level of ITU-T
    P.56 is the same idea with a running threshold.)

    Parameters
    ----------
    samples : ndarray
        Shape (samples,).
    sample_rate : int
        Samples a second.

    Returns
    -------
    float
        Mean square of the active frames.
    """
    width = int(FRAME * sample_rate)
    usable = len(samples) // width * width
    if usable == 0:
        return float(np.mean(np.square(samples)))
    power = np.mean(np.square(samples[:usable].reshape(-1, width)), axis=1)
    loud = np.quantile(power, 0.95)
    return float(power[power >= loud * 0.01].mean())


def room_tone(rng, seconds, sample_rate) -> Scene:
    """Make a quiet room: noise that falls with frequency."""
    white = rng.standard_normal(int(seconds * sample_rate))
    tilt = rng.uniform(0.6, 1.2)
    points = {f: (100.0 / f) ** tilt for f in (60.0, 250.0, 1000.0, 4000.0, 8000.0)}
    return Scene(_noise.shape(white, {20.0: 0.3, **points}, sample_rate))


def fridge(rng, seconds, sample_rate) -> Scene:
    """Sum the harmonics of a motor at twice the mains, slowly beating, over low noise."""
    n = int(seconds * sample_rate)
    t = np.arange(n) / sample_rate
    mains = rng.choice([50.0, 60.0]) * rng.uniform(0.985, 1.0)
    out = np.zeros(n)
    for k in range(1, 13):
        drift = 1.0 + 0.25 * _noise.wander(
            rng, n, seconds=seconds, step=1.5, sample_rate=sample_rate
        )
        level = rng.uniform(0.3, 1.0) / k ** rng.uniform(0.5, 1.1)
        out += level * drift * np.sin(2 * np.pi * k * mains * t + rng.uniform(0, 2 * np.pi))
    hiss = room_tone(rng, seconds, sample_rate).samples
    return Scene(out / _noise.rms(out) + rng.uniform(0.3, 0.9) * hiss / _noise.rms(hiss))


def fan(rng, seconds, sample_rate) -> Scene:
    """Run a fan: broad noise with the blades' tone and its first overtones."""
    n = int(seconds * sample_rate)
    white = rng.standard_normal(n)
    points = {40.0: 1.0, rng.uniform(200, 500): 1.0, 2000.0: rng.uniform(0.15, 0.4), 8000.0: 0.05}
    out = _noise.shape(white, points, sample_rate)
    t = np.arange(n) / sample_rate
    blade = rng.uniform(70.0, 220.0)
    for k in (1, 2, 3):
        out += _noise.rms(out) * rng.uniform(0.1, 0.5) / k * np.sin(2 * np.pi * k * blade * t)
    return Scene(out)


def traffic(rng, seconds, sample_rate) -> Scene:
    """Make a street behind the window: a rumble in which cars come and go."""
    n = int(seconds * sample_rate)
    t = np.arange(n) / sample_rate
    white = rng.standard_normal(n)
    points = {20.0: 0.4, 60.0: 1.0, 300.0: 0.5, 1000.0: 0.25, 3000.0: 0.05, 8000.0: 0.01}
    rumble = _noise.shape(white, points, sample_rate)
    tyres = _noise.shape(
        np.roll(white, n // 2), {100.0: 0.1, 800.0: 1.0, 3000.0: 0.2, 8000.0: 0.03}, sample_rate
    )
    passing = np.full(n, 0.15)
    for _ in range(1 + rng.poisson(seconds / 7.0)):
        centre, width = rng.uniform(0.0, seconds), rng.uniform(1.0, 3.0)
        passing += rng.uniform(0.3, 1.0) * np.exp(-0.5 * ((t - centre) / width) ** 2)
    return Scene(
        rumble / _noise.rms(rumble) * (0.5 + passing) + 0.7 * tyres / _noise.rms(tyres) * passing
    )


def rain(rng, seconds, sample_rate) -> Scene:
    """Let rain fall on a sill: hiss, with drops large enough to be heard one by one."""
    n = int(seconds * sample_rate)
    white = rng.standard_normal(n)
    hiss = _noise.shape(white, {100.0: 0.1, 1000.0: 0.4, 4000.0: 1.0, 8000.0: 0.7}, sample_rate)
    out = hiss / _noise.rms(hiss)
    for _ in range(4):  # four sizes of drop, each with its own ring
        drop = bubble(radius=_noise.log_uniform(rng, 0.45e-3, 1.3e-3), sample_rate=sample_rate)
        hits = np.zeros(n)
        count = rng.poisson(seconds * rng.uniform(4.0, 25.0))
        hits[rng.integers(0, n, count)] = rng.exponential(1.0, count)
        out += rng.uniform(0.5, 2.0) * signal.oaconvolve(hits, drop)[:n]
    slow = _noise.wander(rng, n, seconds=seconds, step=3.0, sample_rate=sample_rate)
    return Scene(out * (1.0 + 0.15 * slow))


VOWELS = np.array(
    [[270, 2290, 3010], [530, 1840, 2480], [660, 1720, 2410], [730, 1090, 2440]]
    + [[570, 840, 2410], [440, 1020, 2240], [300, 870, 2240], [640, 1190, 2390]],
    dtype=float,
)
"""First three formants of eight vowels in hertz (men; Peterson and Barney 1952, table II)."""


def babble(rng, seconds, sample_rate) -> Scene:
    """Let a few people talk at once in the next room, in syllables without words."""
    n = int(seconds * sample_rate)
    out = np.zeros(n)
    for _ in range(rng.integers(2, 6)):
        pitch, tract = rng.uniform(90.0, 230.0), rng.uniform(0.95, 1.2)
        loud, time = rng.uniform(0.4, 1.0), rng.uniform(0.0, 1.0)
        while time < seconds:
            length = rng.uniform(0.1, 0.28)
            syllable = _syllable(rng, length, pitch * rng.uniform(0.85, 1.2), tract, sample_rate)
            _noise.add(out, syllable, int(time * sample_rate), loud * rng.uniform(0.4, 1.0))
            pause = rng.exponential(0.9) if rng.random() < 0.12 else rng.uniform(0.0, 0.06)
            time += length + pause
    hiss = room_tone(rng, seconds, sample_rate).samples
    return Scene(out / _noise.rms(out) + 0.1 * hiss / _noise.rms(hiss))


def _syllable(rng, length, pitch, tract, sample_rate) -> np.ndarray:
    """One vowel, by adding its harmonics under the formants; sometimes a consonant first."""
    t = np.arange(int(length * sample_rate)) / sample_rate
    glide = pitch * (1.0 + rng.uniform(-0.15, 0.15) * t / length)
    phase = 2 * np.pi * np.cumsum(glide) / sample_rate
    harmonics = np.arange(1, int(3800.0 / pitch))
    formants = VOWELS[rng.integers(len(VOWELS))] * tract
    frequency = harmonics[:, None] * pitch
    level = np.sum(np.array([1.0, 0.5, 0.25]) / (1 + ((frequency - formants) / 90.0) ** 2), axis=1)
    # sin(k x) for all k from powers of one complex exponential: far cheaper than many sines.
    step = np.exp(1j * phase)
    out, power = np.zeros(len(t)), np.ones(len(t), dtype=complex)
    for weight in level / harmonics**0.5:
        power *= step
        out += weight * power.imag
    out *= np.sin(np.pi * t / length) ** 0.7
    out = _noise.peak(out)
    if rng.random() < 0.4:
        hiss = np.diff(_noise.burst(rng, 0.06, 0.02, sample_rate=sample_rate), prepend=0.0)
        _noise.add(out, hiss, 0, 0.08)
    return out


def kitchen(rng, seconds, sample_rate) -> Scene:
    """Handle dishes: clinks and knocks now and then, over a quiet room."""
    makers = [sounds.clink, sounds.clink, sounds.knock, sounds.pop]
    gaps = rng.exponential(rng.uniform(0.6, 1.8), int(5 * seconds) + 5) + 0.15
    times = np.cumsum(gaps)
    return _strewn(rng, seconds, times, makers, 0.1, "kitchen", sample_rate)


def clock(rng, seconds, sample_rate) -> Scene:
    """Hang a clock on the wall: two ticks in turn, one or two a second, over a quiet room."""
    period = rng.choice([0.5, 1.0])
    times = rng.uniform(0.0, period) + period * np.arange(int(seconds / period) + 1)
    pair = [sounds.tick(rng=rng, sample_rate=sample_rate) for _ in range(2)]
    makers = [lambda rng, sample_rate, one=one: one for one in pair]
    return _strewn(rng, seconds, times, makers, 0.1, "clock", sample_rate, in_turn=True, spread=1.0)


def tap(rng, seconds, sample_rate) -> Scene:
    """Let a tap drip into a basin, steady as a slow airlock, over a quiet room."""
    period = _noise.log_uniform(rng, 0.5, 3.0)
    gaps = period * np.maximum(
        0.3, 1.0 + rng.uniform(0.02, 0.15) * rng.standard_normal(int(2 * seconds / period) + 5)
    )
    times = rng.uniform(0.0, period) + np.cumsum(gaps) - gaps[0]
    return _strewn(rng, seconds, times, [sounds.drip], 0.1, "tap", sample_rate, spread=2.0)


def _strewn(
    rng,
    seconds,
    times,
    makers: list[Callable],
    floor,
    what,
    sample_rate,
    *,
    in_turn=False,
    spread=5.0,
) -> Scene:
    """Place sounds at times over a quiet room; `floor` is its level under the sounds."""
    n = int(seconds * sample_rate)
    out, events = np.zeros(n), []
    for i, time in enumerate(times):
        make = makers[i % len(makers)] if in_turn else makers[rng.integers(len(makers))]
        sound = make(rng=rng, sample_rate=sample_rate)
        length = audible_length(sound, sample_rate=sample_rate)
        level = _noise.gain(spread * rng.standard_normal())
        if time + length < seconds:
            start = int(round(time * sample_rate))
            _noise.add(out, level * sound, start)
            events.append((start / sample_rate, start / sample_rate + length, what))
    tone = room_tone(rng, seconds, sample_rate).samples
    active = np.sqrt(active_power(out, sample_rate=sample_rate)) if events else 1.0
    return Scene(out / active + floor * tone / _noise.rms(tone), events)


BACKGROUNDS: dict[str, Callable[..., Scene]] = {
    "fridge": fridge,
    "fan": fan,
    "traffic": traffic,
    "rain": rain,
    "babble": babble,
    "kitchen": kitchen,
    "clock": clock,
    "tap": tap,
}
"""All kinds of background by name."""
