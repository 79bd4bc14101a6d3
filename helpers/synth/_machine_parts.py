"""What the four kinds of machine sound like, dry, from how they are built and how they run.

A fan is turbulence and the tones of its blades [1]_; its sound power goes with the fifth power of
its speed. A pump has the tone of its vanes, flow noise that pulses with them, and the hum of its
motor, whose forces go with twice the mains and with the slots of the rotor [2]_. A slider is
a carriage on a ball screw: its noise and its tones come and go with its speed, it thumps at its
stops [3]_. A solenoid valve clicks when the armature arrives, hums while it is held and lets air
out when it closes.

References
----------
.. [1] W. Neise, "Review of fan noise generation mechanisms and control methods", Fan Noise
   Symposium, Senlis, 1992.
.. [2] R. K. Mobley, "An Introduction to Predictive Maintenance", 2nd edition, 2002, and
   S. J. Yang, "Low-noise electrical motors", Oxford, 1981.
.. [3] H. Ohta, S. Hayashi, S. Kato and Y. Igarashi, "Effects of retainer on sound of linear
   ball guides", Journal of Tribology 128, 2006.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import fft

from helpers.synth import _noise
from helpers.synth._constructions import SINE, Construction, construction, read
from helpers.synth._running import Running
from helpers.synth.sounds import struck

SLOTS = 28
"""Slots in the rotor of a pump's motor."""


def sound(
    machine: Construction, running: Running, rng: np.random.Generator, seed: int
) -> np.ndarray:
    """Dry sound of a machine without a fault, float64 of shape (samples,)."""
    return SOUNDS[machine.kind](machine, running, rng, seed)


def coloured(rng: np.random.Generator, gains: np.ndarray, n: int) -> np.ndarray:
    """Gaussian noise of n samples with these amplitudes, drawn in the frequency domain."""
    drawn = rng.standard_normal((len(gains), 2)).view(complex)[:, 0]
    return fft.irfft(gains * drawn, n)


def gains_of(points: dict[float, float], n: int, sample_rate: int) -> np.ndarray:
    """Amplitude at each frequency of a transform of n samples, so that noise has power 1."""
    frequencies = np.maximum(fft.rfftfreq(n, 1.0 / sample_rate), 1.0)
    names = np.array(sorted(points))
    level = np.log([points[name] for name in sorted(points)])
    gains = np.exp(np.interp(np.log(frequencies), np.log(names), level))
    gains[0] = 0.0
    return gains * n / np.sqrt(4.0 * np.sum(gains**2))


@lru_cache(maxsize=16)
def _machine_gains(kind: str, machine: str, seed: int, n: int, sample_rate: int) -> np.ndarray:
    return gains_of(construction(kind, machine, seed).colour, n, sample_rate)


def _own_noise(machine: Construction, running: Running, rng, seed: int) -> np.ndarray:
    n = len(running.turns)
    return coloured(
        rng, _machine_gains(machine.kind, machine.machine, seed, n, running.sample_rate), n
    )


def hum(machine: Construction, running: Running, rng: np.random.Generator) -> np.ndarray:
    """Hum of the mains, from a random phase on."""
    at = np.arange(len(running.turns)) * (machine.mains / running.sample_rate)
    return read(machine.hum, at + rng.random())


def _fan(machine, running, rng, seed) -> np.ndarray:
    """Turbulence that swells as each blade passes, the blades' tones, the motor."""
    wave = read(machine.turn, running.turns)
    tones = wave * _noise.gain(machine.tone_db - 2.0 * (running.load - 0.5))
    # A throttled fan is louder and rougher: load raises the noise and lowers the tones.
    flow = _own_noise(machine, running, rng, seed) * _noise.gain(3.0 * (running.load - 0.5))
    flow *= 1.0 + 0.2 * wave
    # Sound power goes with the fifth power of the speed, amplitude with the square root of that.
    law = np.square(running.drive) * np.sqrt(running.drive)
    return (tones + flow) * law + hum(machine, running, rng) * _noise.gain(machine.hum_db)


def _pump(machine, running, rng, seed) -> np.ndarray:
    """Vanes, flow that pulses with them, and the motor's magnetic forces."""
    wave = read(machine.turn, running.turns)
    tones = wave * _noise.gain(machine.tone_db + 2.0 * (running.load - 0.5))
    flow = _own_noise(machine, running, rng, seed) * _noise.gain(4.0 * (running.load - 0.5))
    flow *= 1.0 + 0.35 * np.clip(wave, -2.0, 2.0)
    slots = read(SINE, SLOTS * running.turns) * (1.0 + 0.5 * running.load)
    motor = hum(machine, running, rng) * (0.8 + 0.4 * running.load) + 0.4 * slots
    return (tones + flow) * np.square(running.drive) + motor * _noise.gain(machine.hum_db)


def _slider(machine, running, rng, seed) -> np.ndarray:
    """Screw and carriage while it moves, the whine of the servo, a thump at each stop."""
    tones = read(machine.turn, running.turns) * _noise.gain(machine.tone_db)
    rolling = _own_noise(machine, running, rng, seed) * (1.0 + 0.5 * running.push)
    rolling *= _noise.gain(3.0 * (running.load - 0.5))
    at = np.arange(len(tones)) * (machine.whine / running.sample_rate)
    whine = read(SINE, at) * (0.015 + 0.075 * running.push)
    out = (tones + rolling) * running.drive * np.sqrt(running.drive) + whine
    own = _noise.generator(machine.own)
    for times, level in ((running.ends, 3.0), (running.begins, 1.0)):
        thump = _thump(machine, own)
        for time, size in zip(times, rng.uniform(0.7, 1.3, len(times)), strict=True):
            add_at(out, thump, time, level * size, running.sample_rate)
    return out


def _thump(machine, own) -> np.ndarray:
    """Run the carriage against its stop: low modes of the frame and a few of the housing."""
    modes = np.concatenate([own.uniform(120.0, 500.0, 4), machine.modes[:3]])
    decays = np.concatenate([own.uniform(0.015, 0.04, 4), machine.decays[:3]])
    return struck(modes, decays, rng=own)


def _valve(machine, running, rng, seed) -> np.ndarray:
    """Clicks of the armature, hum while it is held, air that leaves when it closes."""
    n, rate = len(running.drive), running.sample_rate
    # A weak solenoid pulls in more slowly: its clicks are softer, its hum is fainter.
    out = hum(machine, running, rng) * running.drive * _noise.gain(machine.hum_db) * running.pull
    opening, closing = clicks(machine)
    puffs = np.zeros(n)
    fall = np.exp(-np.arange(int(0.4 * rate)) / (rate * (0.03 + 0.03 * running.load)))
    for begin, size in zip(
        running.begins, rng.uniform(0.85, 1.15, len(running.begins)), strict=True
    ):
        add_at(out, opening, begin, 3.0 * size * running.pull, rate)
    for end, size in zip(running.ends, rng.uniform(0.85, 1.15, len(running.ends)), strict=True):
        add_at(out, closing, end, 2.0 * size, rate)
        add_at(puffs, fall, end + 0.004, 0.8 * size, rate)
    return out + puffs * _own_noise(machine, running, rng, seed)


def clicks(machine: Construction) -> tuple[np.ndarray, np.ndarray]:
    """Sounds of a valve that opens and that closes: the same each time."""
    own = _noise.generator(machine.own)
    return tuple(
        struck(machine.modes * stretch, 0.4 * machine.decays, rng=own) for stretch in (1.0, 0.8)
    )


def add_at(
    out: np.ndarray, sound: np.ndarray, time: float, amount: float, sample_rate: int
) -> None:
    """Add a sound at a time in seconds, which may be before the clip or run past its end."""
    start = int(round(time * sample_rate))
    if start < 0:
        sound, start = sound[-start:], 0
    _noise.add(out, sound, start, amount)


SOUNDS = {"fan": _fan, "pump": _pump, "slider": _slider, "valve": _valve}
