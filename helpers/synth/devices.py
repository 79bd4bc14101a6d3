"""Recording devices: what a phone, a laptop, a cheap microphone or a camera makes of a sound.

Each device is a :class:`Device`, a recorded set of parameters, and :func:`record` runs sound
through it in the order of the real thing: limited band and resonance of the case, self noise
and hum, automatic gain control, limiter, lossy codec.

The parameters are typical values, not measurements of a product: consumer MEMS microphones
have 60 to 65 dB of signal to noise at 94 dB, which leaves a noise floor near -60 to -75 dB re
full scale with the gain that quiet rooms need; phones cut below 100 to 200 Hz; gain controls
of voice recorders act within tens of milliseconds and let go within a second.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy import signal

from helpers.synth import _noise, codec
from helpers.synth.plop import SAMPLE_RATE


@dataclass(frozen=True)
class Device:
    """Parameters of one type of device.

    Attributes
    ----------
    low, high : float
        Corners of the band in hertz.
    order : int
        Order of the corner filters.
    resonance : tuple of float or None
        Frequency in hertz and height in decibels of the case's resonance.
    noise_db : tuple of float
        Self noise in decibels re full scale, a range for units that differ.
    hum_db : tuple of float or None
        Mains hum and its harmonics, decibels re full scale.
    whine_db : tuple of float or None
        A tone of a motor or converter between 2 and 5 kHz, decibels re full scale.
    gain_target_db : float or None
        Level that the automatic gain control aims at; None where there is none.
    gain_most_db : float
        Most that it turns up.
    attack, release : float
        Seconds within which it turns down and up.
    margin_db : float or None
        Quality of the lossy codec, see :func:`helpers.synth.codec.code`; None for none.
    """

    low: float
    high: float
    order: int = 2
    resonance: tuple[float, float] | None = None
    noise_db: tuple[float, float] = (-72.0, -66.0)
    hum_db: tuple[float, float] | None = None
    whine_db: tuple[float, float] | None = None
    gain_target_db: float | None = None
    gain_most_db: float = 12.0
    attack: float = 0.03
    release: float = 0.8
    margin_db: float | None = None


DEVICES: dict[str, Device] = {
    "phone": Device(
        low=120.0,
        high=7200.0,
        resonance=(3500.0, 4.0),
        noise_db=(-74.0, -66.0),
        gain_target_db=-30.0,
        gain_most_db=12.0,
        margin_db=14.0,
    ),
    # The fan and the keyboard plate colour it; no coding, a slow gain control is off.
    "laptop": Device(
        low=180.0,
        high=6800.0,
        resonance=(1100.0, 5.0),
        noise_db=(-68.0, -58.0),
        whine_db=(-84.0, -72.0),
    ),
    "usb_microphone": Device(
        low=90.0,
        high=5500.0,
        noise_db=(-66.0, -56.0),
        hum_db=(-66.0, -52.0),
        resonance=(2400.0, 3.0),
    ),
    # Heard by nobody in training: the camera of which web videos are made.
    "camera": Device(
        low=140.0,
        high=6200.0,
        order=3,
        resonance=(1800.0, 4.0),
        noise_db=(-66.0, -58.0),
        whine_db=(-76.0, -66.0),
        gain_target_db=-27.0,
        gain_most_db=18.0,
        attack=0.015,
        release=2.0,
        margin_db=11.0,
    ),
}
"""All devices by name; ``camera`` is reserved for testing by the brewery."""


def record(
    samples: np.ndarray,
    *,
    device: str | Device = "phone",
    rng: np.random.Generator | int | None = None,
    sample_rate: int = SAMPLE_RATE,
) -> np.ndarray:
    """Record a sound with a device.

    Parameters
    ----------
    samples : ndarray
        Shape (samples,), sound at the microphone, full scale at 1.
    device : str or Device
        A key of `DEVICES`, or parameters of your own.
    rng : Generator or int, optional
        Source of randomness: self noise, and the unit within its type.
    sample_rate : int
        Samples a second.

    Returns
    -------
    ndarray
        Shape (samples,), float64, peak under 1; onsets move by less than a millisecond.

    Raises
    ------
    ValueError
        If the device is unknown.
    """
    kind = _device(device)
    rng = _noise.generator(rng)
    out = signal.sosfilt(_band(kind, sample_rate), np.asarray(samples, dtype=float))
    if kind.resonance is not None:
        out = signal.sosfilt(_resonance(*kind.resonance, sample_rate), out)
    out = out + _self_noise(kind, len(out), rng, sample_rate)
    if kind.gain_target_db is not None:
        out = out * _gain_control(out, kind, sample_rate)
    out = limit(out)
    if kind.margin_db is not None:
        out = limit(codec.code(out, margin_db=kind.margin_db, sample_rate=sample_rate))
    return out


def parameters(device: str) -> dict:
    """Parameters of a device as a dictionary, for a table or a data sheet."""
    return asdict(_device(device))


def limit(samples: np.ndarray, *, knee: float = 0.7) -> np.ndarray:
    """Bend what exceeds the knee towards, never onto, full scale (hyperbolic tangent)."""
    over = np.abs(samples) - knee
    bent = knee + 0.98 * (1.0 - knee) * np.tanh(over / (1.0 - knee))
    return np.where(over > 0, np.sign(samples) * bent, samples)


def _device(device: str | Device) -> Device:
    if isinstance(device, Device):
        return device
    if device not in DEVICES:
        raise ValueError(f"device {device!r} is unknown; choose one of {', '.join(DEVICES)}")
    return DEVICES[device]


def _band(kind: Device, sample_rate: int) -> np.ndarray:
    low = signal.butter(kind.order, kind.low, "highpass", fs=sample_rate, output="sos")
    high = signal.butter(
        kind.order, min(kind.high, 0.49 * sample_rate), fs=sample_rate, output="sos"
    )
    return np.concatenate([low, high])


def _resonance(frequency: float, height_db: float, sample_rate: int) -> np.ndarray:
    """Peaking filter (Bristow-Johnson's audio equaliser cookbook) of quality 1.5."""
    a = 10.0 ** (height_db / 40.0)
    omega = 2 * np.pi * frequency / sample_rate
    alpha = np.sin(omega) / 3.0
    b = [1 + alpha * a, -2 * np.cos(omega), 1 - alpha * a]
    c = [1 + alpha / a, -2 * np.cos(omega), 1 - alpha / a]
    return np.array([[*np.array(b) / c[0], 1.0, *np.array(c[1:]) / c[0]]])


def _self_noise(kind: Device, n: int, rng, sample_rate: int) -> np.ndarray:
    """Hiss, hum and whine of one unit."""
    t = np.arange(n) / sample_rate
    out = _noise.gain(rng.uniform(*kind.noise_db)) * rng.standard_normal(n)
    if kind.hum_db is not None:
        mains = rng.choice([50.0, 60.0])
        level = _noise.gain(rng.uniform(*kind.hum_db))
        for k in (1, 2, 3, 5, 7):
            phase = rng.uniform(0, 2 * np.pi)
            out += level * rng.uniform(0.3, 1.0) / k * np.sin(2 * np.pi * k * mains * t + phase)
    if kind.whine_db is not None:
        level = _noise.gain(rng.uniform(*kind.whine_db))
        out += level * np.sin(2 * np.pi * rng.uniform(2000.0, 5000.0) * t)
    return out


def _gain_control(samples: np.ndarray, kind: Device, sample_rate: int) -> np.ndarray:
    """Gain for every sample: follow the level in blocks of 10 ms, fast down and slowly up."""
    block = sample_rate // 100
    n = int(np.ceil(len(samples) / block))
    padded = np.zeros(n * block)
    padded[: len(samples)] = samples
    level = np.sqrt(np.mean(padded.reshape(n, block) ** 2, axis=1)) + 1e-6
    wanted = np.clip(_noise.gain(kind.gain_target_db) / level, 0.1, _noise.gain(kind.gain_most_db))
    down, up = 1 - np.exp(-0.01 / kind.attack), 1 - np.exp(-0.01 / kind.release)
    gains, gain = np.empty(n), float(np.median(wanted))
    for i, aim in enumerate(wanted):
        gain += (down if aim < gain else up) * (aim - gain)
        gains[i] = gain
    # A block's gain is known when it has ended: it acts from there on, joined by straight lines.
    at = (np.arange(n) + 1) * block
    return np.interp(np.arange(len(samples)), at, gains)
