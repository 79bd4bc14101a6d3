"""Building blocks of synthetic sounds: generators, shaped noise, bursts, sums, levels."""

from __future__ import annotations

import numpy as np
from scipy import fft

SAMPLE_RATE = 16_000
AUDIBLE_DB = 25.0
"""A plop has ended where its envelope stays this far below its peak."""


def generator(rng: np.random.Generator | int | None) -> np.random.Generator:
    """Give a PCG64 generator for a seed; pass a generator through."""
    if isinstance(rng, np.random.Generator):
        return rng
    return np.random.Generator(np.random.PCG64(rng))


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw between two bounds so that every octave is as likely as any other."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def gain(level_db: float) -> float:
    """Amplitude ratio of a level in decibels."""
    return 10.0 ** (level_db / 20.0)


def add(out: np.ndarray, sound: np.ndarray, start: int, amount: float = 1.0) -> None:
    """Add a sound in place from sample `start` on, cut off at the end of `out`."""
    stop = min(len(out), start + len(sound))
    if start < stop:
        out[start:stop] += amount * sound[: stop - start]


def peak(samples: np.ndarray) -> np.ndarray:
    """Scale to a peak of 1; silence stays silence."""
    highest = np.abs(samples).max(initial=0.0)
    return samples / highest if highest > 0 else samples


def rms(samples: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(samples))))


def burst(
    rng: np.random.Generator, seconds: float, decay: float, *, sample_rate: int
) -> np.ndarray:
    """White noise that decays exponentially, the first sample included."""
    t = np.arange(max(8, int(seconds * sample_rate))) / sample_rate
    return rng.standard_normal(len(t)) * np.exp(-t / decay)


def shape(samples: np.ndarray, points: dict[float, float], sample_rate: int) -> np.ndarray:
    """Filter with zero phase: gains at a few frequencies, joined on logarithmic scales.

    Parameters
    ----------
    samples : ndarray
        Shape (samples,).
    points : dict
        Frequency in hertz to amplitude; the gain outside is that of the nearest point.
    sample_rate : int
        Samples a second.

    Returns
    -------
    ndarray
        Shape (samples,), float64; the mean is taken out.
    """
    n = len(samples)
    size = fft.next_fast_len(n, real=True)
    frequencies = np.maximum(fft.rfftfreq(size, 1.0 / sample_rate), 1.0)
    names = np.array(sorted(points), dtype=float)
    gains = np.log([points[name] for name in sorted(points)])
    response = np.exp(np.interp(np.log(frequencies), np.log(names), gains))
    response[0] = 0.0
    return fft.irfft(fft.rfft(samples, size) * response, size)[:n]


def wander(
    rng: np.random.Generator, n: int, *, seconds: float, step: float, sample_rate: int
) -> np.ndarray:
    """Slow random curve around 0 with standard deviation 1: points joined by straight lines.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    n : int
        Samples.
    seconds : float
        Length, used to place the points.
    step : float
        Seconds between two points.
    sample_rate : int
        Samples a second.

    Returns
    -------
    ndarray
        Shape (n,).
    """
    points = rng.standard_normal(int(np.ceil(seconds / step)) + 2)
    return np.interp(np.arange(n) / (step * sample_rate), np.arange(len(points)), points)


def envelope(samples: np.ndarray, *, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Short-time level of a sound: root mean square over 5 ms around each sample.

    Parameters
    ----------
    samples : ndarray
        Shape (samples,).
    sample_rate : int
        Samples a second.

    Returns
    -------
    ndarray
        Shape (samples,), float64.
    """
    width = max(1, int(0.005 * sample_rate))
    power = np.cumsum(np.concatenate([np.zeros(width), np.square(samples), np.zeros(width)]))
    mean = (power[width:] - power[:-width]) / width
    return np.sqrt(np.maximum(mean[width // 2 : width // 2 + len(samples)], 0.0))


def audible_length(
    samples: np.ndarray, *, below: float = AUDIBLE_DB, sample_rate: int = SAMPLE_RATE
) -> float:
    """Seconds from the start until the envelope stays `below` decibels under its peak.

    Parameters
    ----------
    samples : ndarray
        A dry event that starts at sample 0.
    below : float
        Decibels under the peak of the envelope.
    sample_rate : int
        Samples a second.

    Returns
    -------
    float
        Length in seconds.
    """
    level = envelope(samples, sample_rate=sample_rate)
    loud = np.flatnonzero(level >= level.max() * gain(-below))
    return float(loud[-1] + 1) / sample_rate
