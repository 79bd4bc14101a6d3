"""The plop: bubbles that ring in the water of an airlock.

A gas bubble in water is a mass on a spring, the water around it on the gas inside. It rings
at a pitch set by its radius (Minnaert 1933), fades as it radiates and heats the water, and
its pitch rises while it nears the surface, where less water moves with it. A plop is a main
bubble, a few smaller ones behind it, the ring of the airlock's own cavity and some splash.

References
----------
.. [1] M. Minnaert, "On musical air-bubbles and the sounds of running water",
   Philosophical Magazine 16, 1933.
.. [2] T. G. Leighton, "The Acoustic Bubble", Academic Press, 1994.
.. [3] K. van den Doel, "Physically based models for liquid sounds", ACM Transactions on
   Applied Perception 2(4), 2005.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from helpers.synth import _noise
from helpers.synth._noise import SAMPLE_RATE, audible_length, envelope
from helpers.synth.bubbles import bubble, damping, minnaert_frequency

__all__ = [
    "AIRLOCKS",
    "MAX_LENGTH",
    "MIN_LENGTH",
    "SAMPLE_RATE",
    "Airlock",
    "audible_length",
    "bubble",
    "burp",
    "damping",
    "envelope",
    "minnaert_frequency",
    "plop",
]

MIN_LENGTH, MAX_LENGTH = 0.060, 0.380
"""Shortest and longest plop in seconds: the 5th and 95th percentile of real labels."""


@dataclass(frozen=True)
class Airlock:
    """What one type of airlock does to a plop (ranges as (low, high)).

    Attributes
    ----------
    radius : tuple of float
        Radius of the main bubble in metres.
    bubbles : tuple of int
        How many smaller bubbles follow the main one in a long plop.
    body : tuple of float
        Resonance of the air and plastic around the water, in hertz.
    quality : tuple of float
        Quality factor of that resonance.
    body_db : float
        Level of the body's ring under the main bubble, in decibels.
    splash_db : tuple of float
        Level of the splash noise under the main bubble, in decibels.
    rattle_db : float or None
        Level of the loose cap that knocks when the gas lifts it; None where nothing is loose.
    """

    radius: tuple[float, float]
    bubbles: tuple[int, int]
    body: tuple[float, float]
    quality: tuple[float, float]
    body_db: float
    splash_db: tuple[float, float]
    rattle_db: float | None = None


# The bounds of the real label files place the energy of plops at about 280 to 980 Hz in one
# brew and 1400 to 2200 Hz in another: radii of 11 to 3 mm and of 2.3 to 1.4 mm.
AIRLOCKS: dict[str, Airlock] = {
    # A tube of about 10 mm bent twice: single bubbles nearly as wide as the tube.
    "s_shaped": Airlock(
        (2.0e-3, 5.0e-3), (1, 4), (700.0, 1500.0), (3.0, 8.0), -15.0, (-32.0, -20.0)
    ),
    # Gas lifts a cap and leaves through slots in its rim: smaller bubbles, several at once.
    "three_piece": Airlock(
        (1.5e-3, 3.5e-3), (2, 6), (900.0, 1900.0), (3.0, 8.0), -14.0, (-28.0, -17.0), -18.0
    ),
    # A hose of 8 to 25 mm under a hand's width of water in a glass jar: large bubbles that
    # break up, in a body that rings lower.
    "blow_off_jar": Airlock(
        (4.0e-3, 9.0e-3), (2, 6), (250.0, 650.0), (5.0, 12.0), -13.0, (-26.0, -15.0)
    ),
}


def plop(
    *,
    radius: float | None = None,
    airlock: str = "s_shaped",
    length: float | None = None,
    body: float | None = None,
    rng: np.random.Generator | int | None = None,
    sample_rate: int = SAMPLE_RATE,
) -> np.ndarray:
    """One plop of an airlock, dry: no room, no device, onset at sample 0.

    Parameters
    ----------
    radius : float, optional
        Radius of the main bubble in metres; drawn from the airlock's range when left out.
    airlock : str
        A key of `AIRLOCKS`.
    length : float, optional
        Audible length in seconds (see `audible_length`), 0.06 to 0.38; the longer, the more
        bubbles follow the first. Drawn when left out.
    body : float, optional
        Resonance of the airlock in hertz; drawn when left out.
    rng : Generator or int, optional
        Source of randomness; an int is a seed.
    sample_rate : int
        Samples a second.

    Returns
    -------
    ndarray
        float64, peak 1.

    Raises
    ------
    ValueError
        If the airlock is unknown.
    """
    kind = _airlock(airlock)
    rng = _noise.generator(rng)
    radius = _noise.log_uniform(rng, *kind.radius) if radius is None else radius
    length = _noise.log_uniform(rng, MIN_LENGTH, MAX_LENGTH) if length is None else length
    body = _noise.log_uniform(rng, *kind.body) if body is None else body
    n = int(round(1.2 * length * sample_rate))
    out = np.zeros(n)
    _noise.add(
        out, bubble(radius=radius, rise=rng.uniform(0.01, 0.045), sample_rate=sample_rate), 0, 1.0
    )
    strikes = _followers(out, radius, length, kind, rng, sample_rate)
    _add_body(out, strikes, body, rng.uniform(*kind.quality), kind.body_db, sample_rate)
    fading = np.exp(-2.9 * np.arange(n) / (length * sample_rate))
    fading[:32] *= np.linspace(0.0, 1.0, 32)
    out += _noise.gain(rng.uniform(*kind.splash_db)) * fading * _splash(n, rng)
    if kind.rattle_db is not None:
        _add_rattle(out, kind.rattle_db, rng, sample_rate)
    out *= _taper(n, length, sample_rate)
    return out / np.abs(out).max()


def burp(
    *,
    radius: float = 3e-3,
    airlock: str = "s_shaped",
    length: float = 0.8,
    rng: np.random.Generator | int | None = None,
    sample_rate: int = SAMPLE_RATE,
) -> np.ndarray:
    """Many bubbles in one gush, as when a krausen or a knock lets the gas go: not a plop.

    Parameters
    ----------
    radius : float
        Typical radius in metres; single bubbles range from half to 1.6 times that.
    airlock : str
        A key of `AIRLOCKS`.
    length : float
        Length in seconds, longer than any plop.
    rng : Generator or int, optional
        Source of randomness.
    sample_rate : int
        Samples a second.

    Returns
    -------
    ndarray
        float64, peak 1.
    """
    kind = _airlock(airlock)
    rng = _noise.generator(rng)
    n = int(round(1.2 * length * sample_rate))
    out = np.zeros(n)
    times = np.cumsum(rng.exponential(1.0 / rng.uniform(22.0, 40.0), int(45 * length) + 4))
    times = np.concatenate([[0.0], times[times < 0.93 * length]])
    strikes = np.zeros(n)
    for time in times:
        gain = _noise.gain(rng.uniform(-12.0, 0.0)) * (0.55 + 0.45 * np.sin(np.pi * time / length))
        one = bubble(radius=radius * rng.uniform(0.5, 1.6), rise=rng.uniform(0.0, 0.1))
        start = int(time * sample_rate)
        _noise.add(out, one, start, gain)
        strikes[start] += gain
    _add_body(
        out, strikes, _noise.log_uniform(rng, *kind.body), 5.0, kind.body_db + 4.0, sample_rate
    )
    envelope = np.sin(np.pi * np.clip(np.arange(n) / (length * sample_rate), 0.0, 1.0)) ** 0.5
    out += _noise.gain(kind.splash_db[1]) * envelope * _splash(n, rng)
    out *= _taper(n, length, sample_rate)
    return out / np.abs(out).max()


def _followers(out, radius, length, kind, rng, sample_rate) -> np.ndarray:
    """Add the smaller bubbles behind the main one; return the strikes that excite the body."""
    strikes = np.zeros(len(out))
    strikes[0] = 1.0
    # Only a long plop has room for all of them: one about every 40 ms.
    most = max(1, min(kind.bubbles[1], int(length / 0.04)))
    count = rng.integers(min(kind.bubbles[0], most), most + 1)
    times = np.linspace(0.0, 0.86 * length, count + 1)[1:]
    for time in times * rng.uniform(0.85, 1.1, count):
        # Followers fade along the plop but stay above the level at which it counts as over.
        gain = _noise.gain(rng.uniform(-9.0, -5.0) - 9.0 * time / length)
        one = bubble(radius=radius * rng.uniform(0.55, 0.9), rise=rng.uniform(0.0, 0.1))
        start = int(time * sample_rate)
        _noise.add(out, one, start, gain)
        if start < len(strikes):
            strikes[start] += gain
    return strikes


def _add_body(out, strikes, frequency, quality, level_db, sample_rate) -> None:
    """Let every strike ring the cavity of the airlock."""
    decay = np.pi * frequency / quality
    t = np.arange(int(6.9 / decay * sample_rate)) / sample_rate
    ring = np.exp(-decay * t) * np.sin(2.0 * np.pi * frequency * t)
    for start in np.flatnonzero(strikes):
        _noise.add(out, ring, start, strikes[start] * _noise.gain(level_db))


def _splash(n: int, rng: np.random.Generator) -> np.ndarray:
    """Hiss of spray: noise around 3 kHz at 16 kHz, nothing at either end of the band."""
    noise = np.convolve(rng.standard_normal(n + 3), [0.25, 0.25, -0.25, -0.25], mode="valid")
    return noise / 0.5


def _add_rattle(out, level_db, rng, sample_rate) -> None:
    """Add the cap of a three-piece airlock, which knocks once as it falls back."""
    t = np.arange(int(0.012 * sample_rate)) / sample_rate
    knock = np.sin(2.0 * np.pi * rng.uniform(2200.0, 3800.0) * t) * np.exp(-t / 0.0025)
    start = int(rng.uniform(0.25, 0.6) * len(out))
    _noise.add(out, knock, start, _noise.gain(level_db + rng.uniform(-4.0, 2.0)))


def _taper(n: int, length: float, sample_rate: int) -> np.ndarray:
    """Fade to nothing around the wanted end, so that an event is as long as it was meant."""
    t = np.arange(n) / (length * sample_rate)
    return 0.5 + 0.5 * np.cos(np.pi * np.clip((t - 0.88) / 0.3, 0.0, 1.0))


def _airlock(name: str) -> Airlock:
    if name not in AIRLOCKS:
        raise ValueError(f"airlock {name!r} is unknown; choose one of {', '.join(AIRLOCKS)}")
    return AIRLOCKS[name]
