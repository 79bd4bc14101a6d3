"""Voices of animals and infants, and a siren's horn: sounds with a pitch that moves.

Barks and cries follow the source-filter model: harmonics of a gliding pitch, and breath, under
the resonances of a tube closed at one end, ``(2 n - 1) c / 4 L`` [1]_. Ranges: barks [2]_, cries
[3]_, song [4]_, sirens [5]_.

References
----------
.. [1] T. Riede and W. T. Fitch, "Vocal tract length and acoustics of vocalization in the
   domestic dog", Journal of Experimental Biology 202, 1999.
.. [2] S. Yin and B. McCowan, "Barking in domestic dogs: context specificity and individual
   identification", Animal Behaviour 68, 2004.
.. [3] L. L. LaGasse, A. R. Neal and B. M. Lester, "Assessment of infant cry: acoustic cry
   analysis and parental perception", MRDD Research Reviews 11, 2005.
.. [4] C. K. Catchpole and P. J. B. Slater, "Bird Song", 2nd edition, Cambridge, 2008.
.. [5] SAE J1849 (wail and yelp) and DIN 14610 (two tones a fourth apart).
"""

from __future__ import annotations

import numpy as np
from scipy import fft, signal

from helpers.synth import _noise
from helpers.synth._bouts import Placed, Traits, bouts

SPEED_OF_SOUND = 350.0
"""In the warm, moist air of a vocal tract, in metres a second."""


def dog_bark(traits: Traits, seconds: float, rng, sample_rate: int) -> Placed:
    """Let a dog bark: short, hoarse, pitch and mouth up and down within a fifth of a second."""
    own = traits.generator()
    # Large dogs have low voices and long tracts: 24 cm at 250 Hz to 13 cm at 800 Hz.
    tract = 0.24 * (traits.pitch / 250.0) ** -0.5 * own.uniform(0.9, 1.1)
    size = {"single": (1, 1), "pairs": (2, 3), "bout": (3, 7)}[traits.kind]
    pause = (0.5, 2.0) if traits.kind != "bout" else (0.3, 1.2)
    peak_at, rise = own.uniform(0.2, 0.45), own.uniform(0.15, 0.45)
    placed = []
    for time in bouts(rng, seconds, rate=traits.rate, size=size, pause=pause):
        length = min(traits.length, 0.75 / traits.rate)
        x = _unit(length * np.exp(0.12 * rng.standard_normal()), sample_rate)
        bend = np.where(x < peak_at, x / peak_at, (1 - x) / (1 - peak_at))
        pitch = traits.pitch * np.exp(0.05 * rng.standard_normal()) * (1 - rise + rise * bend)
        hoarse = {"breath": 0.06 + 0.2 * traits.tone, "rough": 0.25 * traits.tone}
        # A shut mouth lengthens the tract: its resonances rise and fall as the mouth opens.
        sound = voiced(pitch, tract * (1.5 - 0.5 * bend), rng, **hoarse, open_=1.6)
        sound *= np.minimum(1.0, x / 0.05) * np.minimum(1.0, (1 - x) / 0.6)
        placed.append((time, sound, 2.0 * rng.standard_normal()))
    return placed


def baby_cry(traits: Traits, seconds: float, rng, sample_rate: int) -> Placed:
    """Let an infant cry: long arches of pitch, one a breath, through a tract of 8 cm."""
    own = traits.generator()
    tract = own.uniform(0.07, 0.095)
    arch, vibrato = own.uniform(0.05, 0.35), own.uniform(0.005, 0.03)
    placed, time = [], rng.uniform(0.02, 0.6)
    while time < seconds:
        length = min(traits.length * np.exp(0.2 * rng.standard_normal()), 1.4)
        x = _unit(length, sample_rate)
        skew = rng.uniform(0.6, 1.4)
        pitch = traits.pitch * (1 - arch + arch * np.sin(np.pi * x**skew))
        pitch = pitch * (1 + vibrato * np.sin(2 * np.pi * rng.uniform(5, 9) * x * length))
        breath = 0.05 + 0.3 * traits.tone
        sound = voiced(pitch, tract, rng, breath=breath, rough=0.8 * traits.tone, open_=0.8)
        sound *= np.minimum(1.0, x / 0.1) * np.minimum(1.0, (1 - x) / 0.2)
        placed.append((time, sound, 1.5 * rng.standard_normal()))
        time += length + rng.uniform(0.15, 0.5) / min(traits.rate, 2.0)
    return placed


def birdsong(traits: Traits, seconds: float, rng, sample_rate: int) -> Placed:
    """Let a bird sing: phrases of whistled syllables that sweep, in tones nearly pure."""
    own = traits.generator()
    shapes = own.uniform(-1.0, 1.0, (3, 4))
    depth = {"chirp": 0.35, "trill": 0.2, "whistle": 0.06, "warble": 0.3}[traits.kind]
    most = {"chirp": (1, 5), "trill": (6, 16), "whistle": (2, 4), "warble": (5, 12)}[traits.kind]
    overtone = _noise.gain(own.uniform(-35.0, -14.0))
    placed, time = [], rng.uniform(0.02, 0.6)
    while time < seconds:
        syllables = []
        for i in range(rng.integers(most[0], most[1] + 1)):
            shape = shapes[0 if traits.kind in ("chirp", "trill") else i % 3]
            syllables.append(_syllable(traits, depth, shape, overtone, rng, sample_rate))
        phrase = np.concatenate(syllables)
        placed.append((time, _noise.peak(phrase), 3.0 * rng.standard_normal()))
        time += len(phrase) / sample_rate + rng.uniform(0.1, 1.2)
    return placed


def _syllable(traits, depth, shape, overtone, rng, sample_rate) -> np.ndarray:
    """One whistle along a smooth curve, and the gap after it."""
    length = min(traits.length, 0.8 / traits.rate) * np.exp(0.1 * rng.standard_normal())
    x = _unit(length, sample_rate)
    curve = shape[0] * (1 - 2 * x) + shape[1] * np.sin(np.pi * x)
    curve = curve + 0.5 * shape[2] * np.sin(2 * np.pi * x)
    pitch = np.clip(traits.pitch * (1 + depth * curve), 900.0, 0.46 * sample_rate)
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    out = np.sin(phase) + overtone * np.sin(2 * phase) * (2 * pitch < 0.48 * sample_rate)
    trill = 1.0 + 0.8 * traits.tone * np.sin(2 * np.pi * 40.0 * x * length)
    out *= trill * np.sin(np.pi * np.clip(x, 0, 1)) ** 0.6 * np.exp(0.2 * rng.standard_normal())
    gap = int(max(0.0, 1.0 / traits.rate - length) * sample_rate)
    return np.concatenate([out, np.zeros(gap)])


def siren(traits: Traits, seconds: float, rng, sample_rate: int) -> Placed:
    """Sound a siren on the move: a pitch that sweeps or alternates, through a horn."""
    own = traits.generator()
    n = int(seconds * sample_rate)
    t = np.arange(n) / sample_rate
    cycle = t * traits.rate + rng.uniform(0.0, 1.0)
    if traits.kind == "hi_lo":
        pitch = traits.pitch * np.where(cycle % 1.0 < 0.5, 1.0, 4.0 / 3.0)
    else:  # motor sirens rise faster than they fall
        bend = np.abs(2.0 * (cycle % 1.0) ** own.uniform(0.7, 1.0) - 1.0)
        pitch = traits.pitch * own.uniform(1.6, 2.4) ** (1.0 - bend)
    smooth = signal.butter(1, 12.0, fs=sample_rate, output="sos")
    pitch = signal.sosfilt(smooth, pitch - pitch[0]) + pitch[0]
    pitch = pitch * (1.0 + rng.uniform(-0.03, 0.03) * (2 * t / seconds - 1.0))  # Doppler
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    drive = 0.3 + 3.0 * traits.tone  # an overdriven horn is nearly a square wave
    out = np.tanh(drive * np.sin(phase) + own.uniform(0.0, 0.4))
    horn = {200.0: 0.05, 500.0: 0.6, own.uniform(900, 2000): 1.5, 4000.0: 0.4, 8000.0: 0.1}
    out = _noise.shape(out, horn, sample_rate)
    centre, width = rng.uniform(0.0, seconds), rng.uniform(2.5, 8.0)
    return [(0.0, _noise.peak(out * np.exp(-0.5 * ((t - centre) / width) ** 2)), 0.0)]


def voiced(
    pitch: np.ndarray,
    tract: float | np.ndarray,
    rng: np.random.Generator,
    *,
    breath: float,
    rough: float,
    open_: float,
    sample_rate: int = _noise.SAMPLE_RATE,
) -> np.ndarray:
    """Voice a curve of pitch through a vocal tract.

    Parameters
    ----------
    pitch : ndarray
        Shape (samples,), hertz.
    tract : float or ndarray
        Length of the tract in metres, for all of the sound or for each sample.
    rng : Generator
        Source of randomness.
    breath : float
        Level of the noise beside the harmonics.
    rough : float
        0 to 1: how far every second period differs (a subharmonic), and how unsteady it is.
    open_ : float
        How slowly the harmonics of the source fall: their amplitude goes with ``k ** -open_``.
    sample_rate : int
        Samples a second.

    Returns
    -------
    ndarray
        Shape (samples,), float64, peak 1.
    """
    n = len(pitch)
    grid = np.linspace(0.0, 0.5 * sample_rate, 400)
    shortest = float(np.min(tract))
    response = _tube(grid, shortest)
    unsteady = _noise.wander(rng, n, seconds=n / sample_rate, step=0.004, sample_rate=sample_rate)
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.02 * rough * unsteady)) / sample_rate
    step = np.exp(1j * phase)
    power, out = np.ones(n, dtype=complex), np.zeros(n)
    for k in range(1, min(60, int(0.47 * sample_rate / pitch.min())) + 1):
        power *= step
        out += (
            k**-open_
            * np.interp(k * pitch * tract / shortest, grid, response, right=0.0)
            * power.imag
        )
    out *= 1.0 + 0.6 * rough * np.sin(0.5 * phase)
    noise = fft.rfft(rng.standard_normal(n))
    noise = fft.irfft(
        noise * np.interp(np.linspace(0, 1, len(noise)), grid / grid[-1], response), n
    )
    return _noise.peak(out / _noise.rms(out) + breath * noise / _noise.rms(noise))


def _tube(frequencies: np.ndarray, tract: float) -> np.ndarray:
    """Amplitude at each frequency of the first resonances of a tube, higher ones wider."""
    out = np.full(len(frequencies), 0.03)
    for n in range(1, 7):
        centre = (2 * n - 1) * SPEED_OF_SOUND / (4 * tract)
        width = 80.0 + 0.08 * centre
        out += n**-0.5 / np.sqrt(1.0 + ((frequencies - centre) / width) ** 2)
    return out


def _unit(length: float, sample_rate: int) -> np.ndarray:
    """Time from 0 to 1 over a length in seconds."""
    n = max(16, int(length * sample_rate))
    return (np.arange(n) + 0.5) / n
