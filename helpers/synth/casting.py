"""What is in each clip of ``everyday``: the ten classes, their ranges, the plan.

A source draws what lasts (pitch, pace, room, device and the like, see
:class:`helpers.synth._bouts.Traits`) and gives one to three clips. All clips of a source are in
one fold, and every fold has eight clips of each class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.synth import _noise, _things, _voices
from helpers.synth.devices import DEVICES
from helpers.synth.rooms import ROOMS

Range = tuple[float, float]
RESERVED_ROOM = "cellar"
RESERVED_DEVICE = "camera"
"""Room and device that no clip has, for tests out of sample; see `everyday.render`."""
OUTSIDE = "outside"
"""In place of a room: no reflections."""
BACKGROUNDS = ("fridge", "fan", "traffic", "babble")
"""Kinds of :mod:`helpers.synth.backgrounds` that hold none of the ten classes, and no discrete
sounds that would be events of their own."""
SNR: Range = (15.0, 45.0)
"""Decibels of the events over the background, while they sound: with these the clips span what
ESC-10's do, 30 dB between loud and quiet parts where events are short, 4 to 10 where they last."""
LEVEL: Range = (-15.0, -0.5)
"""Peak before the device, decibels re full scale."""
DISTANCE: Range = (0.3, 2.5)
"""Metres from the source to the microphone."""
TAKE: Range = (1.6, 3.6)
"""Seconds of a short take, the rest of whose clip is digital silence, as in ESC-10."""
SHORT = 0.15
"""Share of the clips whose take is short, the same in every class."""
SHARES = ((3, 2, 2, 1), (3, 3, 1, 1), (2, 2, 2, 2), (3, 2, 1, 1, 1), (2, 2, 2, 1, 1))
"""How the eight clips of a class in a fold may fall to sources."""


@dataclass(frozen=True)
class Kind:
    """How one class is made, and the ranges that its sources draw from (log-uniform)."""

    make: Callable
    kinds: tuple[str, ...]
    pitch: Range
    length: Range
    rate: Range


CLASSES: dict[str, Kind] = {
    "baby_cry": Kind(_voices.baby_cry, ("cry",), (320, 620), (0.35, 1.2), (0.5, 2.0)),
    "birdsong": Kind(
        _voices.birdsong,
        ("chirp", "trill", "whistle", "warble"),
        (2500, 6000),
        (0.04, 0.3),
        (2, 12),
    ),
    "clock_tick": Kind(
        _things.clock_tick, ("tick", "tick_tock"), (1800, 4000), (0.001, 0.006), (1.2, 5)
    ),
    "dog_bark": Kind(
        _voices.dog_bark, ("single", "pairs", "bout"), (280, 800), (0.12, 0.3), (1.5, 4)
    ),
    "door_knock": Kind(_things.door_knock, ("panel",), (120, 300), (0.01, 0.035), (3, 7)),
    "engine": Kind(_things.engine, ("idle", "driving", "revving"), (18, 120), (1, 1), (0.3, 2.0)),
    "footsteps": Kind(
        _things.footsteps, ("wood", "tiles", "gravel"), (70, 240), (0.03, 0.12), (1.3, 2.6)
    ),
    "glass_clink": Kind(_things.glass_clink, ("glasses",), (2000, 4200), (0.03, 0.3), (1.0, 4)),
    "rain": Kind(
        _things.rain, ("leaves", "roof", "puddle"), (1500, 6000), (0.0005, 0.004), (60, 800)
    ),
    "siren": Kind(_voices.siren, ("wail", "yelp", "hi_lo"), (380, 800), (1, 1), (1, 1)),
}
"""The ten classes by name. Rates are events a second within a bout; sirens have `SWEEPS`."""
SWEEPS: dict[str, Range] = {"wail": (0.15, 0.5), "yelp": (2.5, 4.2), "hi_lo": (0.5, 1.1)}
"""Cycles a second of a siren: wail and yelp as in SAE J1849, two tones as in DIN 14610."""


def plan(
    seed: int = 50, *, n_folds: int = 5, clips: int = 8, duration: float = 5.0
) -> pd.DataFrame:
    """Draw every parameter of every clip.

    Parameters
    ----------
    seed : int
        One seed, one plan.
    n_folds : int
        Number of folds.
    clips : int
        Clips of each class in each fold: 8, or fewer for a smaller set.
    duration : float
        Seconds a clip.

    Returns
    -------
    DataFrame
        One row a clip, by class and fold: filename, duration, label, group (the source), fold,
        provenance, kind, pitch (Hz), length (s), rate (1/s), tone, own (seed of what else belongs
        to the source), room, rt60 (s), device, distance (m), background, snr (dB), level (dB),
        take (s), seed and index.

    Raises
    ------
    ValueError
        When `clips` is not 1 to 8, or `n_folds` under 1, or the duration under 4 seconds.
    """
    if not 1 <= clips <= 8 or n_folds < 1 or duration < 4:
        raise ValueError("clips goes from 1 to 8, n_folds starts at 1, duration at 4 seconds")
    parts = []
    for number, (label, kind) in enumerate(CLASSES.items()):
        rng = np.random.Generator(np.random.PCG64([seed, number]))
        sources = _sources(rng, label, kind, n_folds)
        parts.append(_clips(rng, sources, clips, duration))
    table = pd.concat(parts, ignore_index=True)
    table["seed"], table["index"] = seed, np.arange(len(table))
    return table


def _sources(rng: np.random.Generator, label: str, kind: Kind, n_folds: int) -> pd.DataFrame:
    """One row a source: what lasts."""
    shares = [rng.permutation(SHARES[rng.integers(len(SHARES))]) for _ in range(n_folds)]
    n = sum(len(share) for share in shares)
    kinds = _balanced(rng, kind.kinds, n)
    rooms = _balanced(rng, [OUTSIDE, *(room for room in ROOMS if room != RESERVED_ROOM)], n)
    rates = _spread(rng, n, *kind.rate, log=True)
    if label == "siren":
        rates = [_noise.log_uniform(rng, *SWEEPS[name]) for name in kinds]
    return pd.DataFrame(
        {
            "label": label,
            "group": [f"{label}_{i:02d}" for i in range(1, n + 1)],
            "fold": np.repeat(np.arange(1, n_folds + 1), [len(share) for share in shares]),
            "provenance": "synthetic",
            "kind": kinds,
            "pitch": _spread(rng, n, *kind.pitch, log=True),
            "length": _spread(rng, n, *kind.length, log=True),
            "rate": rates,
            "tone": _spread(rng, n, 0.0, 1.0),
            "own": rng.integers(0, 2**31, n),
            "room": rooms,
            "rt60": [0.0 if room == OUTSIDE else rng.uniform(*ROOMS[room].rt60) for room in rooms],
            "device": _balanced(rng, [name for name in DEVICES if name != RESERVED_DEVICE], n),
            "share": np.concatenate(shares),
        }
    )


def _clips(
    rng: np.random.Generator, sources: pd.DataFrame, clips: int, duration: float
) -> pd.DataFrame:
    """One row a clip: the moment, and what else is heard."""
    table = sources.loc[sources.index.repeat(sources["share"])].drop(columns="share")
    table = table.groupby("fold").head(clips).reset_index(drop=True)
    take = table.groupby("group").cumcount()
    n = len(table)
    names = [
        f"{f}_{g}_{'abc'[t]}.flac" for f, g, t in zip(table.fold, table.group, take, strict=True)
    ]
    table.insert(0, "filename", names)
    table.insert(1, "duration", duration)
    short = rng.permutation(np.arange(n) < round(SHORT * n))
    return table.assign(
        distance=_spread(rng, n, *DISTANCE, log=True),
        background=_balanced(rng, BACKGROUNDS, n),
        snr=_spread(rng, n, *SNR),
        level=_spread(rng, n, *LEVEL),
        take=np.where(short, _spread(rng, n, *TAKE), duration),
    )


def _spread(rng: np.random.Generator, n: int, low: float, high: float, *, log: bool = False):
    """Draw n numbers, one from each of n equal strata, in random order."""
    share = (rng.permutation(n) + rng.random(n)) / n
    if log:
        return low * (high / low) ** share
    return low + (high - low) * share


def _balanced(rng: np.random.Generator, names, n: int) -> np.ndarray:
    """Every name as often as every other, as far as n allows, in random order."""
    return rng.permutation(np.resize(rng.permutation(np.array(names)), n))
