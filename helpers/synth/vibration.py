"""A ceiling fan that never was, felt by a three-axis accelerometer: a stand-in for a real one.

The real recordings are those of S. Hymel (``ceiling-fan``): one second a file at about 200
samples a second, in g, the fan at low speed, normal, with a coin on a blade, and normal with the
sensor moved about. Here a fan has

- gravity, as the sensor is tilted: the mean of each axis;
- the motor's torque, which pulses at twice the mains of 60 Hz and, at 200 samples a second
  without a filter before them, is seen at 80 Hz: the strongest line by far, as in the real ones;
- its rotation at some 1.3 Hz, its four blades at four times that, and lines of the mounting;
- noise, rounded to the sensor's step of 1/2048 g.

A weight on a blade pulls outwards with the square of the speed: a line at the rotation in the
plane of the fan, which also sways the motor's line. As in the real recordings each condition is
one session, whose tilt and whose strength of the motor's line differ from the others for no reason
of the fan's health: the mean and the deviation of an axis tell sessions apart, and no fault.
Levels are of the order of the real ones; nothing here is fitted to them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.synth import _noise

__all__ = ["CONDITIONS", "SAMPLE_RATE", "SETS", "Condition", "generate", "render"]

SAMPLE_RATE = 200.0
ROWS = 200
STEP = 1.0 / 2048.0
"""Least difference that the sensor tells, in g."""
ROTATION = 1.32
"""Rotations a second at low speed."""
BLADES = 4
MAINS = 60.0
NOISE = np.array([0.0042, 0.0040, 0.0044])
"""Deviation of the noise of each axis, in g."""
MOTOR = np.array([0.0105, 0.0077, 0.0034])
"""Amplitude of the motor's line on each axis, in g."""
MOUNTING = {26.4: (0.0007, 0.0019, 0.0010), 66.0: (0.0022, 0.0016, 0.0009)} | {
    94.4: (0.0038, 0.0028, 0.0013)
}
"""Lines of the mounting: hertz to amplitude on each axis, in g."""
WEIGHT = np.array([0.0020, 0.0017, 0.0005])
"""Amplitude of the rotation's line on each axis with a weight on a blade, in g."""
SWAY = 0.3
"""Depth at which a weight sways the motor's line."""
SETS: dict[str, dict] = {"machines-vibration": {"seed": 12}}
"""Arguments of :func:`generate` for each data set that has a name."""


@dataclass(frozen=True)
class Condition:
    """One session: files, tilt (mean of the axes in g), motor's line over normal, and the rest.

    Attributes
    ----------
    files : int
        How many seconds were recorded.
    tilt : tuple of float
        Gravity on the three axes, in g.
    motor : tuple of float
        Motor's line on each axis, over `MOTOR`.
    weight : float
        1 with a weight on a blade, 0 without.
    moved : bool
        Whether the sensor is moved from time to time.
    """

    files: int
    tilt: tuple[float, float, float]
    motor: tuple[float, float, float] = (1.0, 1.0, 1.0)
    weight: float = 0.0
    moved: bool = False


CONDITIONS: dict[str, Condition] = {
    "fan_0_low_0_weight": Condition(120, (-0.012, 0.204, 0.979)),
    "fan_0_low_1_weight": Condition(120, (-0.020, 0.193, 0.981), (0.6, 0.65, 1.0), weight=1.0),
    "fan_0_low_0_weight-moving": Condition(60, (0.007, 0.151, 0.988), (0.7, 0.5, 0.7), moved=True),
}
"""The sessions by the name of their folder."""


def generate(
    folder: str | os.PathLike, *, seed: int = 12, share: float = 1.0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write the files, one folder a condition, and give their parameters.

    Parameters
    ----------
    folder : path
        Where the folders go.
    seed : int
        One seed, one set of files.
    share : float
        Share of the files: less than 1 for a smaller set.

    Returns
    -------
    recordings : DataFrame
        filename, rotation (Hz), weight, tilt_x, tilt_y, tilt_z (g).
    events : DataFrame
        Empty: filename, onset, offset, event_label.
    """
    rows = []
    for number, name in enumerate(CONDITIONS):
        target = Path(folder) / name
        target.mkdir(parents=True, exist_ok=True)
        rng = np.random.Generator(np.random.PCG64([seed, number]))
        signals, table = render(name, rng)
        for i in range(max(1, round(share * len(signals)))):
            np.savetxt(target / f"{i:04d}.csv", signals[i], fmt="%.6f", delimiter=", ")
            rows.append({"filename": f"{name}/{i:04d}.csv"} | table.iloc[i].to_dict())
    events = pd.DataFrame(columns=["filename", "onset", "offset", "event_label"])
    return pd.DataFrame(rows), events


def render(
    condition: str | Condition, rng: np.random.Generator | int | None = None
) -> tuple[np.ndarray, pd.DataFrame]:
    """Make one session.

    Parameters
    ----------
    condition : str or Condition
        A key of `CONDITIONS`, or one of your own.
    rng : Generator or int, optional
        Source of randomness.

    Returns
    -------
    signals : ndarray
        Shape (files, ROWS, 3), float64, in g.
    table : DataFrame
        One row a file: rotation (Hz), weight, tilt_x, tilt_y, tilt_z (g).

    Raises
    ------
    ValueError
        When the condition is unknown.
    """
    if isinstance(condition, str):
        if condition not in CONDITIONS:
            known = ", ".join(CONDITIONS)
            raise ValueError(f"condition {condition!r} is unknown; choose one of {known}")
        condition = CONDITIONS[condition]
    rng = _noise.generator(rng)
    tilt, strength = _places(condition, rng)
    rotation = ROTATION * (1.0 + 0.01 * rng.standard_normal(condition.files))
    signals = tilt[:, None, :] + _lines(condition, rotation, strength, rng)
    signals += NOISE * rng.standard_normal(signals.shape)
    table = pd.DataFrame(tilt, columns=["tilt_x", "tilt_y", "tilt_z"])
    table.insert(0, "rotation", rotation)
    table.insert(1, "weight", condition.weight)
    return np.round(signals / STEP) * STEP, table


def _places(condition: Condition, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Tilt in g of shape (files, 3), and strength of what is felt at each place of the sensor."""
    n = condition.files
    slow = np.stack(
        [_noise.wander(rng, n, seconds=n, step=8.0, sample_rate=1) for _ in range(3)], axis=1
    )
    tilt = np.array(condition.tilt) + slow * np.array([0.0003, 0.0003, 0.0008])
    place = np.cumsum(rng.random(n) < 0.12) if condition.moved else np.zeros(n, dtype=int)
    moved = np.array([0.04, 0.033, 0.0]) * rng.standard_normal((place[-1] + 1, 3))
    strength = np.exp(0.45 * rng.standard_normal(place[-1] + 1))
    if not condition.moved:
        return tilt, np.ones(n)
    tilt = tilt + moved[place]
    return tilt / np.linalg.norm(tilt, axis=1, keepdims=True), strength[place]


def _lines(
    condition: Condition, rotation: np.ndarray, strength: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Rotation, blades, motor and mounting: shape (files, ROWS, 3), in g."""
    n = len(rotation)
    at = np.arange(ROWS) / SAMPLE_RATE

    def line(frequency, amplitude, lag=(0.0, 0.0, 0.0)) -> np.ndarray:
        """One sine of its own phase in each file, on three axes."""
        phase = np.atleast_1d(frequency)[:, None] * at + rng.random((n, 1))
        axes = 2 * np.pi * (phase[:, :, None] + np.array(lag))
        return np.asarray(amplitude) * np.sin(axes)

    turn = rotation[:, None] * at + rng.random((n, 1))
    sway = 1.0 + SWAY * condition.weight * np.sin(2 * np.pi * turn)
    # The weight pulls outwards: a quarter of a turn between the two axes of the plane.
    axes = 2 * np.pi * (turn[:, :, None] + np.array([0.0, 0.25, 0.1]))
    out = condition.weight * WEIGHT * (rotation[:, None, None] / ROTATION) ** 2 * np.sin(axes)
    pulse = line(2 * MAINS + 0.05 * rng.standard_normal(n), MOTOR * np.array(condition.motor))
    out = out + pulse * sway[:, :, None] * strength[:, None, None]
    for k, amplitude in ((1, (0.0008, 0.0008, 0.0014)), (2, (0.0008, 0.0007, 0.0012))):
        out += line(k * BLADES * rotation, amplitude)
    for frequency, amplitude in MOUNTING.items():
        out += line(frequency, amplitude) * strength[:, None, None]
    return out
