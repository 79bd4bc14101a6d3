"""The mel scale and its filters, in NumPy alone."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def hz_to_mel(frequency: np.ndarray | float) -> np.ndarray:
    """Convert hertz to mels on Slaney's scale, linear below 1 kHz and logarithmic above.

    Parameters
    ----------
    frequency : array_like
        Frequency in Hz, not negative.

    Returns
    -------
    ndarray
        The same shape, in mels.

    References
    ----------
    Slaney, M. (1998). Auditory Toolbox, version 2. Technical Report 1998-010,
    Interval Research Corporation.
    """
    frequency = np.asarray(frequency, dtype=np.float64)
    linear = frequency * 3 / 200
    logarithmic = 15 + 27 * np.log(np.maximum(frequency, 1e-9) / 1000) / np.log(6.4)
    return np.where(frequency < 1000, linear, logarithmic)


def mel_to_hz(mel: np.ndarray | float) -> np.ndarray:
    """Convert mels on Slaney's scale to hertz: the inverse of :func:`hz_to_mel`.

    Parameters
    ----------
    mel : array_like
        Mels, not negative.

    Returns
    -------
    ndarray
        The same shape, in Hz.
    """
    mel = np.asarray(mel, dtype=np.float64)
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


@lru_cache(maxsize=16)
def mel_filters(
    *, sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float
) -> np.ndarray:
    """Triangular mel filters of unit area, as a matrix.

    Parameters
    ----------
    sample_rate : int
        Samples a second.
    n_fft : int
        Length of the Fourier transform in samples.
    n_mels : int
        Number of bands.
    fmin, fmax : float
        Lower and upper edge of the filter bank in Hz.

    Returns
    -------
    ndarray, shape (1 + n_fft // 2, n_mels), float32
        Column ``m`` weighs the power spectrum for band ``m``.

    Notes
    -----
    Equal to ``librosa.filters.mel`` with its default scale and norm (a test compares); written
    out here because the small computer that listens has no librosa.
    """
    bins = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    edges = mel_to_hz(np.linspace(hz_to_mel(fmin), hz_to_mel(fmax), n_mels + 2))
    rising = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0, np.minimum(rising, falling))
    return (weights * 2 / (edges[2:] - edges[:-2])).astype(np.float32)
