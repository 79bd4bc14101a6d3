"""Features of vibration: the road of sound, with an accelerometer in place of a microphone.

A recording is a table of acceleration, (samples, axes) in g. Its mean is gravity, so it tells how
the sensor is tilted; its deviation is how strongly it shakes. Both change when somebody sticks the
sensor on again. What is left when they are taken out is the **shape** of the spectrum.
"""

from __future__ import annotations

import numpy as np

FLOOR = 1e-4
"""Least share of the power that a band is taken to hold: what lies below is noise of the sensor."""


def position(signal: np.ndarray) -> np.ndarray:
    """Mean of each axis, (axes,) in g: how the sensor is tilted, and nothing of the machine."""
    return _checked(signal).mean(axis=0)


def strength(signal: np.ndarray) -> np.ndarray:
    """Deviation of each axis, (axes,) in g."""
    return _checked(signal).std(axis=0)


def spectrum(
    signal: np.ndarray, *, sample_rate: float = 200.0, bands: int = 32
) -> tuple[np.ndarray, np.ndarray]:
    """Power of each axis in bands of equal width, without what stands still.

    Parameters
    ----------
    signal : ndarray, shape (samples, axes)
        In g.
    sample_rate : float
        In Hz.
    bands : int
        From 0 Hz to half the sample rate.

    Returns
    -------
    frequencies : ndarray, shape (bands,)
        Centres of the bands in Hz.
    power : ndarray, shape (bands, axes)
        Mean power of a Hann-windowed spectrum in g².

    Raises
    ------
    ValueError
        When the recording is too short for so many bands, constant, or not finite.
    """
    signal = _checked(signal)
    if len(signal) < 2 * bands + 2:
        raise ValueError(
            f"signal must hold {2 * bands + 2} samples or more for {bands} bands, "
            f"found {len(signal)}: take fewer bands, or leave the recording out"
        )
    if np.ptp(signal, axis=0).max() == 0:
        raise ValueError("signal never changes: is the sensor connected?")
    window = np.hanning(len(signal) + 1)[:-1]
    moving = signal - signal.mean(axis=0)
    power = np.abs(np.fft.rfft(moving * window[:, None], axis=0)) ** 2 / np.sum(window**2)
    edges = np.linspace(0, sample_rate / 2, bands + 1)
    place = np.fft.rfftfreq(len(signal), 1 / sample_rate)
    index = np.clip(np.searchsorted(edges, place, side="right") - 1, 0, bands - 1)
    power[0] = 0.0  # what the window lets through of the mean
    total = np.zeros((bands, signal.shape[1]))
    np.add.at(total, index, power)
    count = np.bincount(index, minlength=bands)
    return (edges[:-1] + edges[1:]) / 2, total / np.maximum(count, 1)[:, None]


def shape(signal: np.ndarray, *, sample_rate: float = 200.0, bands: int = 32) -> np.ndarray:
    """Shape of the spectrum of each axis: shares of its power, in dB; (bands * axes,).

    Neither tilt nor strength is left in it: a recording times two has the same shape.

    Parameters
    ----------
    signal, sample_rate, bands
        As for :func:`spectrum`.

    Raises
    ------
    ValueError
        As for :func:`spectrum`.
    """
    power = spectrum(signal, sample_rate=sample_rate, bands=bands)[1]
    share = power / np.maximum(power.sum(axis=0), 1e-12)
    return 10 * np.log10(share + FLOOR).ravel(order="F")


FEATURES = {"position": position, "strength": strength, "shape": shape}
"""From a recording to a vector, by name."""


def _checked(signal: np.ndarray) -> np.ndarray:
    signal = np.asarray(signal, dtype=np.float64)
    if signal.ndim != 2 or not len(signal):
        raise ValueError(f"signal must be (samples, axes) and not empty, found {signal.shape}")
    if not np.isfinite(signal).all():
        raise ValueError("signal holds NaN or infinity: look at the file that it came from")
    return signal
