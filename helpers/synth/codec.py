"""A lossy codec in thirty lines: a quantised MDCT, to hear what coding does to a plop.

Phones and video sites keep sound as AAC or Opus. Both transform overlapping frames (the
modified discrete cosine transform of Princen and Bradley 1987), divide the coefficients by a
step for each band and round. Here the step follows the band's own level and a floor: quiet
bands vanish, loud ones lose detail, and what is left spreads over the frame, so that a little
noise comes before an onset. Own float64 numpy throughout: the same on every machine.

References
----------
.. [1] J. P. Princen and A. B. Bradley, "Analysis/synthesis filter bank design based on time
   domain aliasing cancellation", IEEE Trans. ASSP 34(5), 1986.
.. [2] M. Bosi and R. E. Goldberg, "Introduction to Digital Audio Coding and Standards",
   Springer, 2003.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

BANDS_HZ = (0, 200, 400, 630, 920, 1270, 1720, 2320, 3150, 4400, 6000, 8000)
"""Edges of the bands that share a step: critical bands (Zwicker 1961), joined two by two."""


@lru_cache(maxsize=4)
def _basis(half: int) -> np.ndarray:
    """Windowed MDCT basis, shape (2 * half, half); its transpose is the inverse."""
    n, k = np.arange(2 * half)[:, None], np.arange(half)[None, :]
    window = np.sin(np.pi * (np.arange(2 * half) + 0.5) / (2 * half))[:, None]
    angle = np.pi / half * (n + 0.5 + half / 2) * (k + 0.5)
    return window * np.sqrt(2.0 / half) * np.cos(angle)


def mdct(samples: np.ndarray, *, half: int = 256) -> np.ndarray:
    """Take the modified discrete cosine transform with a sine window.

    Parameters
    ----------
    samples : ndarray
        Shape (samples,).
    half : int
        Coefficients a frame; frames are twice as long and overlap by half.

    Returns
    -------
    ndarray
        Shape (frames, half), float64.
    """
    n = int(np.ceil(len(samples) / half)) + 1
    padded = np.zeros((n + 1) * half)
    padded[half : half + len(samples)] = samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * half)[::half]
    return frames @ _basis(half)


def inverse(coefficients: np.ndarray, length: int) -> np.ndarray:
    """Undo `mdct`: overlap and add, shape (length,)."""
    half = coefficients.shape[1]
    frames = coefficients @ _basis(half).T
    out = np.zeros((len(frames) + 1) * half)
    out[: len(frames) * half] += frames[:, :half].ravel()
    out[half:] += frames[:, half:].ravel()
    return out[half : half + length]


def code(
    samples: np.ndarray,
    *,
    margin_db: float = 12.0,
    floor_db: float = -78.0,
    sample_rate: int = 16_000,
    half: int = 256,
) -> np.ndarray:
    """Code and decode: what a lossy codec leaves of a sound.

    Parameters
    ----------
    samples : ndarray
        Shape (samples,), in [-1, 1].
    margin_db : float
        Decibels from the level of a band down to its quantisation noise: 20 is transparent,
        6 sounds like a bad call.
    floor_db : float
        Level, in decibels re full scale, under which a coefficient is dropped.
    sample_rate : int
        Samples a second.
    half : int
        Coefficients a frame.

    Returns
    -------
    ndarray
        Shape (samples,), float64, no delay.
    """
    coefficients = mdct(samples, half=half)
    edges = np.unique(np.searchsorted(np.arange(half) * sample_rate / (2 * half), BANDS_HZ))
    edges = np.append(edges[edges < half], half)
    power = np.add.reduceat(coefficients**2, edges[:-1], axis=1) / np.diff(edges)
    # Uniform rounding makes noise of step^2 / 12.
    step = np.sqrt(12.0 * power) * 10 ** (-margin_db / 20) + 10 ** (floor_db / 20)
    step = np.repeat(step, np.diff(edges), axis=1)
    return inverse(np.round(coefficients / step) * step, len(samples))
