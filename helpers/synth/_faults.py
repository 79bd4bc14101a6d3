"""What goes wrong with machines, and how much of it a severity means.

Severity goes from 0 to 1, and was fixed by physics before any detector heard a clip:

- What a fault *adds* has an amplitude proportional to severity. At severity 1 its power, while it
  sounds, is that of the machine itself, so that .5 is 6 dB and .25 is 12 dB under the machine.
  Both powers are active powers (:func:`helpers.synth.backgrounds.active_power`) above 100 Hz, in
  the room and before the microphone.
- How a fault *changes* the machine's own sound has a depth proportional to severity, with a
  stated full scale: `MODULATION`, `SPEED_LOSS` and `FORCE_LOSS`.

A defect in a bearing is struck at its characteristic frequency, with a slip of a percent or two,
and what lies on the inner race or a ball passes in and out of the load as it turns [1]_. A loose
belt sticks and slips, which squeals as a bowed string does [2]_. What leaks is a turbulent jet,
whose noise has a broad peak at some kilohertz [3]_. A loose part bounces on what shakes it.

References
----------
.. [1] R. B. Randall and J. Antoni, "Rolling element bearing diagnostics: a tutorial", Mechanical
   Systems and Signal Processing 25(2), 2011.
.. [2] A. Akay, "Acoustics of friction", JASA 111(4), 2002.
.. [3] M. J. Lighthill, "On sound generated aerodynamically", Proceedings of the Royal Society A
   211, 1952.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft

from helpers.synth import _noise
from helpers.synth._constructions import SINE, TABLE, Construction, read
from helpers.synth._machine_parts import add_at, clicks, coloured, gains_of
from helpers.synth._running import Running
from helpers.synth.sounds import struck

MODULATION = 0.8
"""Depth at which a rotor out of balance modulates its sound at severity 1."""
SPEED_LOSS = 0.25
"""Share of its speed that a motor loses at severity 1 when the voltage sags."""
FORCE_LOSS = 0.6
"""Share of its force that a solenoid loses at severity 1."""
DEFECTS = {"outer race": "bpfo", "inner race": "bpfi", "ball": "bsf"}
"""Where a bearing may be damaged, and the frequency at which that is struck."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes
    ----------
    sentence : str
        What it is and what one hears.
    full_scale : str
        What severity 1 means.
    kinds : tuple of str
        Kinds of machine that can have it.
    adds : callable or None
        Function of machine, motion, generator and defect that gives the sound added.
    modulates : bool
        Whether the machine's sound swells once a revolution.
    sags : bool
        Whether the machine loses speed or force.
    """

    sentence: str
    full_scale: str
    kinds: tuple[str, ...]
    adds: Callable[[Construction, Running, np.random.Generator, str], np.ndarray] | None = None
    modulates: bool = False
    sags: bool = False

    def adds_to(self, kind: str) -> bool:
        """Whether it adds a sound to this kind of machine; a sag does so to valves alone."""
        return self.adds is not None and (not self.sags or kind == "valve")


def ring(machine: Construction, hits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Let the housing ring for each hit; hits near the end ring on at the start."""
    sound = struck(machine.modes[3:], machine.decays[3:], rng=rng)
    n = len(hits)
    return fft.irfft(fft.rfft(hits) * fft.rfft(sound, n), n)


def _crossings(turns: np.ndarray, slip: np.ndarray | float = 0.0) -> np.ndarray:
    """Find the samples at which a count of turns passes a whole number."""
    return np.flatnonzero(np.diff(np.floor(turns + slip)) > 0)


def _imbalance(machine, running, rng, defect) -> np.ndarray:
    """Radiate harmonics of the rotation: a shaken frame hits its mounting each time."""
    return read(machine.shake, running.turns + rng.random()) * np.square(running.drive)


def _bearing(machine, running, rng, defect) -> np.ndarray:
    """Strike a blow whenever a ball meets the defect."""
    orders = machine.bearing.frequencies(1.0)
    passes = running.turns * orders[DEFECTS[defect]] + rng.random()
    at = _crossings(passes)
    # Balls slip: each blow comes up to some percent of a period early or late.
    apart = len(passes) / max(len(at), 1)
    at = (at + 0.015 * apart * rng.standard_normal(len(at))).astype(int)
    size = np.exp(0.15 * rng.standard_normal(len(at)))
    at = np.clip(at, 0, len(passes) - 1)
    if defect != "outer race":  # the outer race stands still in the load; these turn through it
        own = 1.0 if defect == "inner race" else orders["ftf"]
        size *= 1.0 + 0.9 * np.cos(2 * np.pi * running.turns[at] * own)
    hits = np.zeros(len(passes))
    np.add.at(hits, at, size * running.drive[at])
    return ring(machine, hits, rng)


@lru_cache(maxsize=8)
def _jet(peak: float, n: int, sample_rate: int) -> np.ndarray:
    points = {200.0: 0.02, peak / 3: 0.25, peak: 1.0, 7900.0: 0.6}
    return gains_of(points, n, sample_rate)


def _leak(machine, running, rng, defect) -> np.ndarray:
    """Hiss of a jet; a valve leaks while it should be shut."""
    n, rate = len(running.turns), running.sample_rate
    hiss = coloured(rng, _jet(round(machine.whine), n, rate), n)
    flutter = _noise.wander(rng, n, seconds=n / rate, step=0.15, sample_rate=rate)
    shut = 1.0 - 0.8 * running.drive if machine.kind == "valve" else 1.0
    return hiss * shut * np.maximum(1.0 + 0.2 * flutter, 0.0)


def _belt(machine, running, rng, defect) -> np.ndarray:
    """Squeal while the belt slips: once a turn of the belt, or while a slider accelerates."""
    n, rate = len(running.turns), running.sample_rate
    seconds = n / rate
    # The belt is some four times as long as the pulley is round, and slips where it is worn.
    worn = 0.5 + 0.5 * read(SINE, running.turns * 0.23 + rng.random())
    wear = np.clip(
        1.0 + 0.5 * _noise.wander(rng, n, seconds=seconds, step=0.8, sample_rate=rate), 0, 2
    )
    gate = np.square(np.square(worn)) if machine.kind == "fan" else np.sqrt(running.push)
    bend = 1.0 + 0.03 * _noise.wander(rng, n, seconds=seconds, step=0.05, sample_rate=rate)
    pitch = machine.squeal * bend * (0.85 + 0.15 * running.drive)
    return gate * wear * read(_saw(), np.cumsum(pitch) / rate + rng.random())


@lru_cache(maxsize=1)
def _saw() -> np.ndarray:
    """Stick and slip: a period that falls slowly and jumps back, of four harmonics."""
    at = np.arange(TABLE) / TABLE
    return sum(np.sin(2 * np.pi * k * at) / k for k in range(1, 5))


def _loose(machine, running, rng, defect) -> np.ndarray:
    """Knocks of a part that bounces."""
    if machine.kind in ("fan", "pump"):
        return ring(machine, _rattle(running, rng), rng)
    times = np.concatenate([running.begins, running.ends])
    out = np.zeros(len(running.turns))
    knock = struck(machine.modes[2:], 0.6 * machine.decays[2:], rng=_noise.generator(machine.own))
    first = 0.05 if machine.kind == "slider" else 0.03
    for time in times:
        gap, size, count = first * rng.uniform(0.7, 1.3), 1.0, rng.integers(5, 10)
        for _ in range(count):  # each bounce is shorter and softer than the one before
            time, gap, size = (
                time + gap,
                gap * rng.uniform(0.65, 0.85),
                size * rng.uniform(0.7, 0.9),
            )
            add_at(out, knock, time, size, running.sample_rate)
    return out


def _rattle(running: Running, rng: np.random.Generator) -> np.ndarray:
    """Blows once a revolution or not, in groups, at about the same place."""
    at = _crossings(running.turns, rng.random())
    here = at[rng.random(len(at)) < 0.75]
    apart = len(running.turns) / max(len(at), 1)
    hits = np.zeros(len(running.turns))
    for bounce in (0.0, 0.17, 0.29):
        place = here + apart * (bounce + 0.05 * rng.standard_normal(len(here)))
        size = np.exp(-4.0 * bounce) * rng.exponential(1.0, len(here))
        np.add.at(hits, np.clip(place.astype(int), 0, len(hits) - 1), size)
    return hits


def _chatter(machine, running, rng, defect) -> np.ndarray:
    """Let an armature fall off and strike again at each half of the mains' period."""
    rate = running.sample_rate
    n = len(running.drive)
    at = _crossings(np.arange(n) * (2 * machine.mains / rate), rng.random())
    size = running.drive[at] * rng.uniform(0.2, 1.0, len(at))
    hits = np.zeros(n)
    np.add.at(hits, np.minimum(at + rng.integers(0, 12, len(at)), n - 1), size)
    knock = clicks(machine)[0]
    return fft.irfft(fft.rfft(hits) * fft.rfft(knock, n), n)


ADDED = "what it adds has the power of the machine"
FAULTS: dict[str, Fault] = {
    "imbalance": Fault(
        "A rotor out of balance shakes its frame: the sound swells once a revolution, over "
        "harmonics of the rotation.",
        f"{ADDED}, and the machine's sound swells by {MODULATION:.0%}",
        ("fan", "pump"),
        adds=_imbalance,
        modulates=True,
    ),
    "bearing": Fault(
        "A defect in a bearing is struck at its characteristic frequency and makes the housing "
        "ring.",
        ADDED,
        ("fan", "pump", "slider"),
        adds=_bearing,
    ),
    "leak": Fault(
        "Gas or water leaves where it should not: a steady hiss.",
        ADDED,
        ("pump", "valve"),
        adds=_leak,
    ),
    "belt": Fault(
        "A belt sticks and slips: squeals that come and go.", ADDED, ("fan", "slider"), adds=_belt
    ),
    "loose part": Fault(
        "A part that came loose knocks and bounces.",
        ADDED,
        ("fan", "pump", "slider", "valve"),
        adds=_loose,
    ),
    "sagging voltage": Fault(
        "The voltage sags: a motor turns more slowly and its sound is weaker; a solenoid pulls "
        "less, and chatters.",
        f"a motor loses {SPEED_LOSS:.0%} of its speed; a solenoid {FORCE_LOSS:.0%} of its force, "
        "and its chatter has the power of the machine",
        ("fan", "pump", "slider", "valve"),
        adds=_chatter,
        sags=True,
    ),
}
"""All faults by name."""


def faults_of(kind: str) -> tuple[str, ...]:
    """Names of the faults that a kind of machine can have."""
    return tuple(name for name, fault in FAULTS.items() if kind in fault.kinds)
