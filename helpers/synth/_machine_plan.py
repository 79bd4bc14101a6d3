"""Every parameter of every clip of the synthetic machines.

A session (a place, a background and a day) gives several clips, and all of them are on one side
of the split. In test sessions normal clips and anomalies of every severity are drawn from the same
laws, row by row, before anyone says which of them has a fault.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.synth._constructions import KINDS, MACHINES, construction
from helpers.synth._faults import DEFECTS, faults_of
from helpers.synth._machine_places import BACKGROUNDS, DEVICE, OTHER_DEVICE

LEVELS = (-6.0, 0.0, 6.0)
"""Decibels of the machine as normal over the background."""
SEVERITIES = (0.0, 0.25, 0.5, 1.0)
TARGET_SEVERITY = 0.5
TARGET_SPEED = (0.8, 1.25)
"""Speed of the shifted domain over the nominal one: one of these for each machine."""
ROOMS = ("cellar", "kitchen", "living_room")
"""Bare, tiled and furnished rooms of :mod:`helpers.synth.rooms`."""
DISTANCE = (0.15, 0.5)
"""Metres; MIMII was recorded at .1 to .5."""
RT60 = (0.3, 0.7)
DAY_SPEED, CLIP_SPEED = 0.03, 0.02
"""Most that a day and a clip move the speed either way, as a share."""
GAIN_DB = 3.0
"""Most that the gain of the microphone moves either way from day to day, in decibels."""
PARTS: dict[str, tuple[int, int, tuple[float, ...]]] = {
    "train": (12, 4, ()),
    "test": (8, 3, SEVERITIES),
    "target-train": (1, 3, ()),
    "target-test": (4, 3, (TARGET_SEVERITY,)),
}
"""Sessions, normal clips of each, and the severities at which it has as many anomalies."""


def plan(
    kind: str, *, seed: int = 12, snr_db: float = 0.0, share: float = 1.0, duration: float = 10.0
) -> pd.DataFrame:
    """Draw every parameter of every clip of one kind of machine.

    Parameters
    ----------
    kind : str
        ``"fan"``, ``"pump"``, ``"slider"`` or ``"valve"``.
    seed : int
        One seed, one plan; the level changes nothing else.
    snr_db : float
        Decibels of the machine as normal over the background.
    share : float
        Share of the sessions of each part, at least one: less than 1 for a smaller set.
    duration : float
        Seconds a clip.

    Returns
    -------
    DataFrame
        One row a clip: filename (DCASE's layout), duration, machine_type, machine, split, label,
        domain, group and session, provenance, snr_db, fault and severity ("none" and NaN for
        normal clips), defect (of a bearing), speed (Hz), speed_ratio (over nominal), load,
        activity, gain_db (of the clip), room, rt60 (s), distance (m), background, device, own
        (seed of the session), seed, index.

    Raises
    ------
    ValueError
        When the kind is unknown, the share not above 0 and up to 1, or a clip shorter than 2 s.
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown; choose one of {', '.join(KINDS)}")
    if not 0 < share <= 1 or duration < 2:
        raise ValueError(
            f"share is {share} and duration {duration}: share lies in (0, 1], duration from 2 s on"
        )
    parts = [_of_machine(kind, number, seed, share) for number in range(len(MACHINES))]
    table = pd.concat(parts, ignore_index=True)
    table["duration"] = float(duration)
    table["snr_db"] = float(snr_db)
    table["provenance"] = "synthetic"
    table["seed"], table["index"] = seed, np.arange(len(table))
    return _named(table)


def _of_machine(kind: str, number: int, seed: int, share: float) -> pd.DataFrame:
    """Clips of one machine, by part and session."""
    machine = MACHINES[number]
    rng, states, wrong = (
        np.random.Generator(np.random.PCG64([seed, KINDS.index(kind), number, stream]))
        for stream in range(3)
    )
    sessions = _sessions(rng, kind, machine)
    table = sessions.loc[sessions.index.repeat(sessions["clips"])].drop(columns="clips")
    table = table.reset_index(drop=True)
    table = _states(table, states, construction(kind, machine, seed).speed)
    table = _faults(table, wrong, kind, number)
    keep = {part: max(1, round(share * count)) for part, (count, _, _) in PARTS.items()}
    return table[table["number"] < table["part"].map(keep)].drop(columns=["part", "number", "day"])


def _sessions(rng: np.random.Generator, kind: str, machine: str) -> pd.DataFrame:
    """One row a session: a place, a day."""
    parts = [(part, i) for part, (count, _, _) in PARTS.items() for i in range(count)]
    n = len(parts)
    names = [part for part, _ in parts]
    target = np.array([part.startswith("target") for part in names])
    clips = [PARTS[part][1] * (1 + len(PARTS[part][2])) for part in names]
    shift = rng.choice(TARGET_SPEED)
    table = pd.DataFrame(
        {
            "machine_type": kind,
            "machine": machine,
            "part": names,
            "number": [i for _, i in parts],
            "split": [part.rsplit("-", 1)[-1] for part in names],
            "domain": np.where(target, "target", "source"),
            "session": [f"{kind}-{machine}-{part}-{i:02d}" for part, i in parts],
            "room": rng.choice(ROOMS, n),
            "rt60": rng.uniform(*RT60, n),
            "distance": rng.uniform(*DISTANCE, n),
            "background": rng.permutation(np.resize(rng.permutation(BACKGROUNDS), n)),
            "device": np.where(target, OTHER_DEVICE, DEVICE),
            "own": rng.integers(0, 2**31, n),
            "gain_db": rng.uniform(-GAIN_DB, GAIN_DB, n),
            "day": (1.0 + rng.uniform(-DAY_SPEED, DAY_SPEED, n)) * np.where(target, shift, 1.0),
            "clips": clips,
        }
    )
    table.insert(0, "group", table["session"])
    return table


def _states(table: pd.DataFrame, rng: np.random.Generator, speed: float) -> pd.DataFrame:
    """Speed, load, activity and level of each clip, each row from the same laws."""
    n = len(table)
    ratio = table["day"] * (1.0 + rng.uniform(-CLIP_SPEED, CLIP_SPEED, n))
    load = rng.random(n)
    return table.assign(
        speed_ratio=ratio,
        speed=ratio * speed,
        load=load,
        activity=rng.uniform(0.85, 1.15, n) * np.where(speed > 0, 1.0, ratio),
        gain_db=table["gain_db"] + 2.0 * (load - 0.5) + rng.uniform(-0.75, 0.75, n),
    )


def _faults(table: pd.DataFrame, rng: np.random.Generator, kind: str, number: int) -> pd.DataFrame:
    """Say which clips of a test session are anomalies: faults in turn at each severity."""
    names = faults_of(kind)
    severity, fault = np.full(len(table), np.nan), np.full(len(table), "none", dtype=object)
    for session in table.groupby("session", sort=False):
        rows = session[1].index
        _, takes, levels = PARTS[session[1]["part"].iloc[0]]
        first = takes * int(session[1]["number"].iloc[0])
        for i, level in enumerate(levels, start=1):
            chosen = rows[i * takes : (i + 1) * takes]
            severity[chosen] = level
            turn = (np.arange(takes) + first + i + number) % len(names)
            fault[chosen] = np.array(names, dtype=object)[turn]
    defects = np.where(fault == "bearing", rng.choice(list(DEFECTS), len(table)), "none")
    label = np.where(np.isnan(severity), "normal", "anomaly")
    return table.assign(label=label, fault=fault, severity=severity, defect=defects)


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Give the clips the names and numbers of upstream, for each split, machine and label."""
    number = table.groupby(["machine", "split", "label"]).cumcount()
    parts = ("machine_type", "split", "label", "machine")
    columns = [table[name] for name in parts]
    names = [
        f"{kind}/{split}/{label}_{machine}_{i:08d}.wav"
        for kind, split, label, machine, i in zip(*columns, number, strict=True)
    ]
    first = ["duration", "machine_type", "machine", "split", "label", "domain", "group"]
    rest = [name for name in table.columns if name not in first]
    table = table[first + rest]
    table.insert(0, "filename", names)
    return table
