"""How each synthetic machine is built: what stays the same for as long as it stands.

Three machines of each kind differ in speed, blades or vanes, resonances and bearings; each
number comes from a third of its own of the range, so that no two machines of a kind are alike.

A rolling bearing has four frequencies, which follow from its geometry and its speed [1]_: the
cage turns at the fundamental train frequency (FTF), balls pass a defect of the outer race at BPFO
and of the inner race at BPFI, and a ball spins at BSF.

References
----------
.. [1] R. B. Randall and J. Antoni, "Rolling element bearing diagnostics: a tutorial", Mechanical
   Systems and Signal Processing 25(2), 2011.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from helpers.synth._noise import generator

KINDS = ("fan", "pump", "slider", "valve")
MACHINES = ("id_00", "id_02", "id_04")
"""Names of the machines of each kind, as in MIMII."""
TABLE = 65_536
"""Points of one revolution in a table: fine enough for a hundred orders."""
HIGHEST = 7_000.0
"""No order of a rotating part is above this frequency, in hertz."""


@dataclass(frozen=True)
class Bearing:
    """Geometry of a ball bearing: number of balls, ball over pitch diameter, contact angle."""

    balls: int
    ratio: float
    angle: float

    def frequencies(self, speed: float) -> dict[str, float]:
        """Characteristic frequencies in hertz at a speed of the shaft in hertz."""
        share = self.ratio * np.cos(self.angle)
        return {
            "ftf": float(speed / 2 * (1 - share)),
            "bpfo": float(self.balls * speed / 2 * (1 - share)),
            "bpfi": float(self.balls * speed / 2 * (1 + share)),
            "bsf": float(speed / (2 * self.ratio) * (1 - share**2)),
        }


@dataclass(frozen=True, eq=False)
class Construction:
    """One machine.

    Attributes
    ----------
    kind, machine : str
        Such as ``"fan"`` and ``"id_00"``.
    speed : float
        Rotations a second: of the rotor, or of the slider's screw at full travel; 0 for valves.
    blades : int
        Blades of a fan, vanes of a pump, balls in a turn of the slider's screw.
    pace : float
        Strokes or actuations a second, about.
    mains : float
        Frequency of the mains in hertz.
    bearing : Bearing
        Of the rotor or the screw.
    colour : dict
        Frequency in hertz to amplitude: the spectrum of its noise.
    tone_db, hum_db : float
        Levels of its tones and of its motor's hum under its noise.
    turn, hum, shake : ndarray
        Shape (TABLE,), root mean square 1: one revolution of its tones, one period of the mains,
        one revolution of its frame when it is out of balance.
    modes, decays : ndarray
        What rings when it is struck, in hertz and seconds.
    squeal : float
        Pitch of its belt when that slips, in hertz.
    whine : float
        A tone of its drive, in hertz.
    own : int
        Seed of its clicks and stops.
    """

    kind: str
    machine: str
    speed: float
    blades: int
    pace: float
    mains: float
    bearing: Bearing
    colour: dict[float, float]
    tone_db: float
    hum_db: float
    turn: np.ndarray
    hum: np.ndarray
    shake: np.ndarray
    modes: np.ndarray
    decays: np.ndarray
    squeal: float
    whine: float
    own: int


RANGES: dict[str, dict[str, tuple[float, float]]] = {
    # Centrifugal and axial fans of 1100 to 2000 turns a minute.
    "fan": {"speed": (18.0, 34.0), "pace": (1.0, 1.0), "tone": (-8.0, 0.0), "hum": (-20.0, -10.0)},
    # Water pumps on induction motors of four to two poles, or on an inverter between the two.
    "pump": {"speed": (23.5, 49.0), "pace": (1.0, 1.0), "tone": (-4.0, 4.0), "hum": (-10.0, -2.0)},
    # Ball screws of a few turns a hundred millimetres, strokes of one to two seconds.
    "slider": {"speed": (16.0, 36.0), "pace": (0.5, 0.9), "tone": (-5.0, 3.0), "hum": (-40, -30)},
    # Solenoid valves that switch compressed air.
    "valve": {"speed": (0.0, 0.0), "pace": (1.1, 2.0), "tone": (0.0, 0.0), "hum": (-22.0, -14.0)},
}
BLADES = {"fan": (4, 6, 9), "pump": (4, 6, 7), "slider": (17, 21, 26), "valve": (1, 1, 1)}
"""Orders that the bearings' frequencies, at 1.5 to 5.9 a revolution, do not fall on."""


@lru_cache(maxsize=32)
def construction(kind: str, machine: str, seed: int = 12) -> Construction:
    """Build one machine.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    machine : str
        One of `MACHINES`.
    seed : int
        One seed, one set of machines.

    Raises
    ------
    ValueError
        When the kind or the machine is unknown.
    """
    for value, known, what in ((kind, KINDS, "kind"), (machine, MACHINES, "machine")):
        if value not in known:
            raise ValueError(f"{what} {value!r} is unknown; choose one of {', '.join(known)}")
    shared = np.random.Generator(np.random.PCG64([seed, KINDS.index(kind)]))
    number = MACHINES.index(machine)

    def third(low: float, high: float) -> float:
        """One of three numbers, each from a third of the range, in random order."""
        shares = (shared.permutation(3) + shared.uniform(0.15, 0.85, 3)) / 3
        return float(low + (high - low) * shares[number])

    ranges, blades = RANGES[kind], shared.permutation(BLADES[kind])
    balls = shared.permutation([7, 8, 9])
    drawn = {name: third(*bounds) for name, bounds in ranges.items()}
    bearing = Bearing(int(balls[number]), third(0.18, 0.3), third(0.0, 0.4))
    corner, slope = third(200.0, 700.0), third(0.5, 1.1)
    base, squeal, whine = third(0.7, 1.5), third(800.0, 1900.0), third(2800.0, 5500.0)
    own = generator(int(shared.integers(0, 2**31, 3)[number]))
    return Construction(
        kind=kind,
        machine=machine,
        speed=drawn["speed"],
        blades=int(blades[number]),
        pace=drawn["pace"],
        mains=50.0,
        bearing=bearing,
        colour=_colour(own, corner, slope),
        tone_db=drawn["tone"],
        hum_db=drawn["hum"],
        turn=_turn(own, int(blades[number]), drawn["speed"]),
        hum=_period(_falling(own, 16, even=True)),
        shake=_period(np.concatenate([[0.0], own.uniform(0.5, 1.0, 36)])),
        modes=base * own.uniform(0.85, 1.15, 9) * np.geomspace(700.0, 4600.0, 9),
        decays=own.uniform(0.004, 0.02, 9),
        squeal=squeal,
        whine=whine,
        own=int(own.integers(0, 2**31)),
    )


def _colour(rng: np.random.Generator, corner: float, slope: float) -> dict[float, float]:
    """Noise that is level up to a corner and falls from there, with bumps of the casing."""
    grid = np.geomspace(60.0, 8000.0, 40)
    level = (1.0 + (grid / corner) ** 2) ** (-slope / 2)
    for centre in np.exp(rng.uniform(np.log(200.0), np.log(5000.0), 5)):
        width = rng.uniform(0.05, 0.2)
        level *= 1.0 + rng.uniform(0.5, 2.0) * np.exp(-0.5 * (np.log(grid / centre) / width) ** 2)
    return {20.0: 0.5, **dict(zip(grid.tolist(), level.tolist(), strict=True))}


def _turn(rng: np.random.Generator, blades: int, speed: float) -> np.ndarray:
    """One revolution: the blades' tone and its overtones, and orders of what is uneven."""
    count = int(HIGHEST / max(1.3 * speed, 20.0))
    orders = np.arange(count + 1)
    level = np.zeros(count + 1)
    passing = orders[blades::blades]
    level[passing] = rng.uniform(0.4, 1.0, len(passing)) / (passing / blades) ** 0.9
    level[1:] += rng.uniform(0.02, 0.12, count) / np.arange(1, count + 1) ** 0.4
    return _period(level * np.exp(2j * np.pi * rng.random(count + 1)))


def _falling(rng: np.random.Generator, count: int, *, even: bool) -> np.ndarray:
    """Harmonics that fall; forces of magnets go with twice the mains, so even ones are strong."""
    orders = np.arange(count + 1)
    level = rng.uniform(0.3, 1.0, count + 1) / np.maximum(orders, 1) ** 0.8
    level[0] = 0.0
    if even:
        level[1::2] *= 0.15
    return level * np.exp(2j * np.pi * rng.random(count + 1))


def _period(harmonics: np.ndarray) -> np.ndarray:
    """Table of one period with these complex harmonics, root mean square 1."""
    spectrum = np.zeros(TABLE // 2 + 1, dtype=complex)
    spectrum[: len(harmonics)] = harmonics
    spectrum[0] = 0.0
    out = np.fft.irfft(spectrum)
    return out / np.sqrt(np.mean(out**2))


SINE = np.sin(2 * np.pi * np.arange(TABLE) / TABLE)
"""A table of one sine, for :func:`read`."""


def read(table: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Values of a periodic table at positions in periods."""
    return table[(turns * TABLE).astype(np.int64) & (TABLE - 1)]
