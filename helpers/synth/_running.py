"""How a synthetic machine moves within a clip: rotation, strokes, actuations.

The sounds and the faults of a machine follow the same motion, so a defect of a bearing strikes
as fast as the shaft turns, and a loose part knocks where the carriage turns back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from helpers.synth import _noise
from helpers.synth._constructions import Construction

STEP = 0.02
"""Seconds between the points on which motion is computed before it is joined by lines."""
WANDER = 0.004
"""Standard deviation of the slow wander of a speed, as a share of it."""


@dataclass(frozen=True, eq=False)
class Running:
    """One clip's motion.

    Attributes
    ----------
    turns : ndarray
        Shape (samples,), revolutions since some time before the clip.
    drive : ndarray
        Shape (samples,), speed over the nominal one; of a valve, whether it is held (0 or 1).
    push : ndarray
        Shape (samples,), how strongly it accelerates, 0 to 1; only of a slider.
    begins, ends : ndarray
        Seconds at which strokes begin and end, or a valve opens and closes.
    load : float
        0 to 1.
    pull : float
        Force of the solenoid over the nominal one.
    sample_rate : int
        Samples a second.
    """

    turns: np.ndarray
    drive: np.ndarray
    push: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    load: float
    pull: float
    sample_rate: int


def run(
    machine: Construction,
    row: dict,
    n: int,
    rng: np.random.Generator,
    *,
    sag: float = 0.0,
    pull: float = 1.0,
    sample_rate: int,
) -> Running:
    """Move a machine for n samples as a row of the plan says.

    Parameters
    ----------
    machine : Construction
        What moves.
    row : dict
        speed_ratio, load and activity of the clip.
    n : int
        Samples.
    rng : Generator
        Source of randomness; the same numbers are drawn whatever the sag.
    sag : float
        Share of the speed that is lost.
    pull : float
        Force of a solenoid over the nominal one.
    sample_rate : int
        Samples a second.
    """
    seconds = n / sample_rate
    grid = np.arange(0.0, seconds + 2 * STEP, STEP)
    # A voltage that sags is not steady either: the loss itself wanders by a tenth.
    slow = _noise.wander(rng, len(grid), seconds=seconds, step=0.7, sample_rate=int(1 / STEP))
    loss = _noise.wander(rng, len(grid), seconds=seconds, step=1.5, sample_rate=int(1 / STEP))
    speed = row["speed_ratio"] * (1.0 + WANDER * slow) * (1.0 - sag * (1.0 + 0.1 * loss))
    push = np.zeros(len(grid))
    begins = ends = np.zeros(0)
    if machine.kind == "slider":
        speed, push, begins, ends = _strokes(machine, row, grid, speed, rng)
    elif machine.kind == "valve":
        begins, ends = _actuations(machine, row, seconds, rng)
        speed = np.zeros(len(grid))
    start = rng.uniform(0.0, 1000.0)
    turns = start + machine.speed * STEP * np.concatenate([[0.0], np.cumsum(speed)[:-1]])
    if machine.kind == "valve":
        drive = _held(begins, ends, n, sample_rate)
    else:
        drive = _joined(speed, n, sample_rate)
    return Running(
        turns=_joined(turns, n, sample_rate),
        drive=drive,
        push=_joined(push, n, sample_rate) if machine.kind == "slider" else push[:1],
        begins=begins,
        ends=ends,
        load=float(row["load"]),
        pull=pull,
        sample_rate=sample_rate,
    )


def _joined(points: np.ndarray, n: int, sample_rate: int) -> np.ndarray:
    """Join points STEP apart by straight lines, n samples in all; faster than np.interp."""
    share = np.arange(round(STEP * sample_rate)) / round(STEP * sample_rate)
    return (points[:-1, None] + np.diff(points)[:, None] * share).ravel()[:n]


def _strokes(machine, row, grid, speed, rng):
    """Go there and back: accelerate, travel, brake, wait. Times in seconds, speeds as shares."""
    count = 64
    rest = rng.gamma(6.0, 0.04, count) / row["activity"]
    length = np.where(np.arange(count) % 2 == 0, 1.0, rng.uniform(0.97, 1.03, count))
    length *= np.repeat(rng.choice([0.6, 1.0, 1.3], count // 2), 2)  # out and back as far
    pace = machine.pace * row["activity"]
    first = rng.uniform(-1.0 / pace, 0.0)
    # The travel takes as much longer as the drive is slower; accelerations grow with the load.
    level = float(np.mean(speed))
    ramp = 0.12 + 0.1 * row["load"]
    travel = ramp + length * 0.6 / pace / level
    begins = first + np.concatenate([[0.0], np.cumsum(travel + ramp + rest)[:-1]])
    ends = begins + travel + ramp
    points = np.stack([begins, begins + ramp, ends - ramp, ends], axis=1).ravel()
    shape = np.interp(grid, points, np.tile([0.0, 1.0, 1.0, 0.0], count))
    push = np.abs(np.gradient(shape, STEP)) * ramp
    inside = (begins < grid[-1]) & (ends > 0)
    return shape * speed, np.clip(push, 0.0, 1.0), begins[inside], ends[inside]


def _actuations(machine, row, seconds, rng):
    """Open and close in an irregular pattern: waits of a gamma law, holds of .12 to .45 s."""
    count = 256
    pace = machine.pace * row["activity"]
    hold = rng.uniform(0.12, 0.45, count)
    wait = 0.08 + rng.gamma(3.0, 1.0, count) / 3.0 * max(1.0 / pace - 0.365, 0.1)
    begins = rng.uniform(-1.0, 0.1) + np.concatenate([[0.0], np.cumsum(hold + wait)[:-1]])
    ends = begins + hold
    inside = (ends > 0) & (begins < seconds)
    return begins[inside], ends[inside]


def _held(begins, ends, n, sample_rate) -> np.ndarray:
    """1 while a valve is held, 0 else."""
    change = np.zeros(n + 1)
    np.add.at(change, np.clip((begins * sample_rate).astype(int), 0, n), 1.0)
    np.add.at(change, np.clip((ends * sample_rate).astype(int), 0, n), -1.0)
    return np.cumsum(change)[:n]
