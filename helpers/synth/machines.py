"""Machines that never were: fans, pumps, sliders and valves, normal or with a fault.

:func:`plan` draws every parameter of every clip, :func:`render` makes one clip from one row of
the plan, :func:`generate` writes the clips of one kind and level in the layout of DCASE 2020 Task
2. One seed gives the same sound on every machine (PCG64, float64 inside, 16 bit WAV outside).

What is normal varies: a session has its room, distance, gain, background and day's speed, and each
clip its speed, load and activity. Test sessions are other sessions than those of training.
In the *target* domain the machine runs at another speed, and another microphone hears it.

What is heard
-------------
:func:`layers` gives the machine as normal, what a fault adds to that, and the background, each as
it arrives at the microphone; a clip is their sum through the device. ``render(row, clean=True)``
leaves the background and the device out, ``render(row, fault="bearing", severity=.8)`` makes the
same clip with another fault, ``render(row, snr_db=-6)`` over a louder background.

How loud
--------
`snr_db` is the active power of the machine *as normal* in its room over that of the background
(:func:`helpers.synth.backgrounds.active_power`), both above 100 Hz and before the device. So the
background says nothing on the label, and a clip at three levels is the same sound over the same
background. What a severity means stands in :mod:`helpers.synth._faults`: in short, what a fault
adds is as loud as the machine at severity 1, 6 dB under it at .5 and 12 dB at .25.

At severity 0 an anomaly is one in name only: its clip is drawn from the laws of the normal ones,
and no method can tell the two apart but by chance.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import fft

from helpers import audio
from helpers.synth import _machine_parts, _noise, backgrounds, devices
from helpers.synth._constructions import KINDS, MACHINES, SINE, Construction, construction, read
from helpers.synth._faults import (
    DEFECTS,
    FAULTS,
    FORCE_LOSS,
    MODULATION,
    SPEED_LOSS,
    Fault,
    faults_of,
)
from helpers.synth._machine_places import MICROPHONES, SAMPLE_RATE, Place, place, power
from helpers.synth._machine_plan import LEVELS, SEVERITIES, plan
from helpers.synth._running import Running, run

__all__ = [
    "DEFECTS",
    "FAULTS",
    "KINDS",
    "LEVELS",
    "MACHINES",
    "MICROPHONES",
    "SETS",
    "SEVERITIES",
    "Construction",
    "Fault",
    "Layers",
    "bearing_frequencies",
    "construction",
    "faults_of",
    "generate",
    "layers",
    "plan",
    "render",
]

LEVEL_DB = -30.0
"""Active level of a machine as normal, before the gain of the day and the clip, dB full scale."""
NO_FAULT = "none"
SETS: dict[str, dict] = {
    f"machines/{kind}" + ("" if level == 0 else f"@{level:.0f}dB"): {
        "kind": kind,
        "seed": 12,
        "snr_db": level,
    }
    for kind in KINDS
    for level in LEVELS
}
"""Arguments of :func:`generate` for each data set that has a name."""


@dataclass(frozen=True, eq=False)
class Layers:
    """What arrives at the microphone, float64 of shape (samples,) each.

    Attributes
    ----------
    machine : ndarray
        The machine as normal, in its room.
    fault : ndarray
        What a fault changes: the machine with the fault is ``machine + fault``.
    background : ndarray
        What else is heard.
    """

    machine: np.ndarray
    fault: np.ndarray
    background: np.ndarray


def generate(
    folder: str | os.PathLike,
    *,
    kind: str,
    seed: int = 12,
    snr_db: float = 0.0,
    share: float = 1.0,
    duration: float = 10.0,
    workers: int | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make the clips of one kind of machine at one level: WAV files, and two tables.

    Parameters
    ----------
    folder : path
        Where ``<kind>/train`` and ``<kind>/test`` go. Each file appears only when it is whole.
    kind, seed, snr_db, share, duration
        See `plan`.
    workers : int, optional
        Threads; as many as there are processors, at most 4, when left out.

    Returns
    -------
    recordings : DataFrame
        The plan.
    events : DataFrame
        Empty: filename, onset, offset, event_label.
    """
    folder = Path(folder)
    recordings = plan(kind, seed=seed, snr_db=snr_db, share=share, duration=duration)
    for split in recordings["split"].unique():
        (folder / kind / split).mkdir(parents=True, exist_ok=True)

    def make(session: pd.DataFrame) -> None:  # one after another: they share their place
        for row in session.to_dict("records"):
            audio.write(folder / row["filename"], render(row), sample_rate=SAMPLE_RATE)

    workers = min(4, os.cpu_count() or 1) if workers is None else workers
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(make, [rows for _, rows in recordings.groupby("session", sort=False)]))
    return recordings, pd.DataFrame(columns=["filename", "onset", "offset", "event_label"])


def render(
    row: Mapping | pd.Series,
    *,
    fault: str | None = None,
    severity: float | None = None,
    snr_db: float | None = None,
    device: str | devices.Device | None = None,
    clean: bool = False,
) -> np.ndarray:
    """Make one clip from one row of the plan.

    Parameters
    ----------
    row : mapping or Series
        A row of `plan`, or of ``recordings`` of the data set.
    fault : str, optional
        In place of the row's: a key of `FAULTS`, or ``"none"``.
    severity : float, optional
        In place of the row's: 0 to 1.
    snr_db : float, optional
        In place of the row's: decibels of the machine as normal over the background.
    device : str or Device, optional
        In place of the row's: a key of `MICROPHONES` or of `devices.DEVICES`.
    clean : bool
        The machine alone, with its fault: no background and no device.

    Returns
    -------
    ndarray
        Shape (samples,), float32, in (-1, 1), 16 kHz.

    Raises
    ------
    ValueError
        When the fault is unknown or not one of this kind of machine, the severity is missing or
        not in 0 to 1, or the device is unknown.
    """
    made = layers(row, fault=fault, severity=severity, snr_db=snr_db)
    mix = made.machine + made.fault
    if not clean:
        chosen = row["device"] if device is None else device
        chosen = MICROPHONES.get(chosen, chosen) if isinstance(chosen, str) else chosen
        mix = devices.record(
            mix + made.background, device=chosen, rng=_streams(row)[4], sample_rate=SAMPLE_RATE
        )
    return mix.astype(np.float32)


def layers(
    row: Mapping | pd.Series,
    *,
    fault: str | None = None,
    severity: float | None = None,
    snr_db: float | None = None,
) -> Layers:
    """Give what a clip is made of, before the device: see `render` for the arguments."""
    row = dict(row)
    fault, severity = _wanted(row, fault, severity)
    machine = construction(row["machine_type"], row["machine"], int(row["seed"]))
    n = int(round(row["duration"] * SAMPLE_RATE))
    here = place(
        *(row[name] for name in ("seed", "own", "room", "rt60", "distance", "background")), n
    )
    dry, running = _dry(machine, row, n)
    wet = _in_room(dry, here)
    reference = power(wet)
    change = np.zeros(n)
    if severity > 0:
        change = _changed(machine, row, fault, severity, dry, running) - dry
        change = _in_room(change, here) if change.any() else change
    if severity > 0 and FAULTS[fault].adds_to(machine.kind):
        sound = FAULTS[fault].adds(machine, running, _streams(row)[2], _defect(row))
        added = _in_room(sound, here)
        change = change + severity * np.sqrt(reference / power(added)) * added
    scale = _noise.gain(LEVEL_DB + row["gain_db"]) / np.sqrt(reference)
    level = LEVEL_DB + row["gain_db"] - (row["snr_db"] if snr_db is None else snr_db)
    return Layers(scale * wet, scale * change, _noise.gain(level) * _background(row, here, n))


def bearing_frequencies(row: Mapping | pd.Series, *, speed: float | None = None) -> dict:
    """Characteristic frequencies of a machine's bearing in hertz: ftf, bpfo, bpfi and bsf.

    Parameters
    ----------
    row : mapping or Series
        A row of `plan`: names the machine, and the speed of the clip.
    speed : float, optional
        In place of the row's: rotations a second. A slider turns so fast only at full travel.

    Raises
    ------
    ValueError
        When the machine has no bearing.
    """
    if row["machine_type"] == "valve":
        raise ValueError("machine_type is 'valve': a valve has no bearing; take a fan or a pump")
    machine = construction(row["machine_type"], row["machine"], int(row["seed"]))
    return machine.bearing.frequencies(float(row["speed"] if speed is None else speed))


def _streams(row: Mapping) -> list[np.random.Generator]:
    """Make the sources of randomness of a clip: motion, sound, fault, moment, device."""
    kind = KINDS.index(row["machine_type"])
    root = np.random.SeedSequence([int(row["seed"]), kind, int(row["index"]), 7])
    return [np.random.Generator(np.random.PCG64(one)) for one in root.spawn(5)]


def _wanted(row: dict, fault: str | None, severity: float | None) -> tuple[str, float]:
    """Fault and severity to make, from the arguments and else from the row."""
    kind = row["machine_type"]
    chosen = row["fault"] if fault is None else fault
    if chosen == NO_FAULT:
        if severity:
            raise ValueError(f"severity is {severity} and there is no fault: name one as well")
        return NO_FAULT, 0.0
    if chosen not in faults_of(kind):
        raise ValueError(
            f"fault {chosen!r} is none of a {kind}: choose one of {', '.join(faults_of(kind))}"
        )
    if severity is None and row["fault"] != NO_FAULT:
        severity = row["severity"]
    if severity is None or not 0 <= severity <= 1:
        raise ValueError(f"severity is {severity}: give a number from 0 to 1 for {chosen!r}")
    return chosen, float(severity)


def _dry(
    machine: Construction, row: dict, n: int, *, sag: float = 0.0, pull: float = 1.0
) -> tuple[np.ndarray, Running]:
    """Sound and motion of a machine; the same numbers are drawn however weak it is."""
    motion, source = _streams(row)[:2]
    running = run(machine, row, n, motion, sag=sag, pull=pull, sample_rate=SAMPLE_RATE)
    return _machine_parts.sound(machine, running, source, int(row["seed"])), running


def _changed(
    machine: Construction, row: dict, fault: str, severity: float, dry: np.ndarray, running: Running
) -> np.ndarray:
    """Return the machine's own sound as the fault leaves it."""
    if FAULTS[fault].sags:
        sag, pull = severity * SPEED_LOSS, 1.0 - severity * FORCE_LOSS
        return _dry(machine, row, len(dry), sag=sag, pull=pull)[0]
    if FAULTS[fault].modulates:
        swell = read(SINE, running.turns)
        return dry * (1.0 + severity * MODULATION * swell)
    return dry


def _defect(row: dict) -> str:
    """Where the bearing is damaged; a row without such a fault has its outer race damaged."""
    return row["defect"] if row["defect"] in DEFECTS else next(iter(DEFECTS))


def _in_room(samples: np.ndarray, here: Place) -> np.ndarray:
    return fft.irfft(fft.rfft(samples) * here.transfer, len(samples))


def _background(row: dict, here: Place, n: int) -> np.ndarray:
    """Cut a part out of the session's background, of active power 1 above 100 Hz."""
    moment = _streams(row)[3]
    start = int(moment.integers(0, len(here.background) - n + 1))
    high = here.high[start : start + n]
    scale = np.sqrt(backgrounds.active_power(high, sample_rate=SAMPLE_RATE))
    return here.background[start : start + n] / scale
