"""The synthetic brewery: recordings of airlocks that never were, with exact truth.

:func:`plan` draws every parameter of every recording, :func:`render` makes one recording and
its events from one row of the plan, :func:`generate` writes a whole data set. One seed gives
the same sound on every machine (PCG64, float64 inside, 16 bit FLAC outside).

The ranges in `RANGES` were set once from label files of real airlocks and from physics, before
any model was trained on the result, and are not to be tuned to scores.

Which recordings test
---------------------
Five brews of twelve test (10 of 24). Of ten test brews two have the reserved airlock (blow-off
jar), two the reserved device (camera), one has both, and five have what training heard. All
other ranges are the same in both splits. A data set made with ``split="test"`` keeps that mix.

What is a plop
--------------
One bubble, or a main one with a few behind it, of 60 to 380 ms: label ``p``. Clusters of a
dozen bubbles and more, up to gushes of a second and a half, are burps: label ``n``, with
every other discrete sound (look-alikes, and the ticks, drops and clinks of a background).

How loud
--------
`snr` is the mean power of the plops while they sound (each labelled event's mean square in the
room, averaged over events) over the active power of the background (see
:func:`helpers.synth.backgrounds.active_power`), both above 100 Hz and before the device.
`lookalike_level` is the power of the look-alikes, burps left out, in decibels over the plops.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import signal

from helpers import audio
from helpers.synth import _noise, backgrounds, devices, plop, rhythm, rooms, sounds
from helpers.synth.planning import RANGES, RESERVED_AIRLOCK, RESERVED_DEVICE, plan
from helpers.synth.rhythm import five_days, rate_curve
from helpers.synth.yardstick import compare, statistics

__all__ = [
    "RANGES",
    "RESERVED_AIRLOCK",
    "RESERVED_DEVICE",
    "SETS",
    "compare",
    "five_days",
    "generate",
    "plan",
    "rate_curve",
    "render",
    "statistics",
]

SAMPLE_RATE = 16_000
LOWEST = 100.0
"""Levels are compared above this frequency, the lowest that devices record, in hertz."""
SETS: dict[str, dict] = {
    "brewery": {"seed": 2021},
    "brewery-large": {"seed": 1516, "n_brews": 60, "split": "test", "first_brew": 101},
    "brewery-more": {"seed": 4096, "n_brews": 300, "split": "train", "first_brew": 201},
}
"""Arguments of :func:`generate` for each data set that has a name."""


def generate(
    folder: str | os.PathLike,
    *,
    seed: int = 2021,
    n_brews: int = 24,
    recordings_per_brew: int = 2,
    duration: float = 30.0,
    split: str = "fixed",
    first_brew: int = 1,
    workers: int | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make a data set: FLAC files in a folder, and the two tables that describe them.

    Parameters
    ----------
    folder : path
        Where the files go; made if missing. Each file appears only when it is whole.
    seed : int
        One seed, one data set.
    n_brews, recordings_per_brew : int
        Size.
    duration : float
        Seconds a recording.
    split : str
        ``fixed`` for training and test brews, ``train`` or ``test`` for one kind only.
    first_brew : int
        Number of the first brew, so that two sets never share a group's name.
    workers : int, optional
        Threads; as many as there are processors, at most 4, when left out.

    Returns
    -------
    recordings : DataFrame
        filename, duration, group, split, provenance and every parameter; see `plan`.
    events : DataFrame
        filename, onset, offset, event_label (``p`` plop, ``n`` anything else) and source.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    recordings = plan(
        seed,
        n_brews=n_brews,
        recordings_per_brew=recordings_per_brew,
        duration=duration,
        split=split,
        first_brew=first_brew,
    )

    def make(row: dict) -> pd.DataFrame:
        samples, events = render(row)
        audio.write(folder / row["filename"], samples, sample_rate=SAMPLE_RATE)
        return events

    workers = min(4, os.cpu_count() or 1) if workers is None else workers
    with ThreadPoolExecutor(workers) as pool:
        events = list(pool.map(make, recordings.to_dict("records")))
    events = pd.concat(events, ignore_index=True)
    plops = events[events.event_label == "p"].groupby("filename").size()
    recordings["n_plops"] = recordings.filename.map(plops).fillna(0).astype(int)
    return recordings, events


def render(
    row: Mapping | pd.Series, *, clean: bool = False, sample_rate: int = SAMPLE_RATE
) -> tuple[np.ndarray, pd.DataFrame]:
    """Make one recording from one row of the plan.

    Parameters
    ----------
    row : mapping or Series
        A row of `plan`.
    clean : bool
        Leave out background, look-alikes and device: the same plops and burps in their room.
    sample_rate : int
        Samples a second.

    Returns
    -------
    samples : ndarray
        Shape (samples,), float32, in (-1, 1).
    events : DataFrame
        filename, onset, offset, event_label, source; sorted by onset. An onset is where the
        direct sound arrives, an offset where the dry sound is 25 dB under its peak.
    """
    row = dict(row)
    streams = np.random.SeedSequence([int(row["seed"]), int(row["index"])]).spawn(4)
    brews, others, behind, device = (np.random.Generator(np.random.PCG64(s)) for s in streams)
    wet, events = _airlocks(row, brews, sample_rate)
    power = _event_power(wet, [e for e in events if e[2] == "p"], sample_rate)
    mix = wet / np.sqrt(power)
    if not clean:
        lookalikes, more = _lookalikes(row, others, sample_rate)
        noise, those = _background(row, behind, sample_rate)
        mix = mix + lookalikes + noise
        events = events + more + those
    mix *= _noise.gain(row["level"]) / np.abs(mix).max()
    if not clean:
        mix = devices.record(mix, device=row["device"], rng=device, sample_rate=sample_rate)
    table = pd.DataFrame(events, columns=["onset", "offset", "event_label", "source"])
    table.insert(0, "filename", row["filename"])
    table = table.sort_values("onset", kind="stable", ignore_index=True)
    return mix.astype(np.float32), table


def _airlocks(row: dict, rng: np.random.Generator, sample_rate: int) -> tuple[np.ndarray, list]:
    """All airlocks of a recording, each in its place in the room."""
    n = int(round(row["duration"] * sample_rate))
    out, events = np.zeros(n), []
    kinds = row["airlocks"].split("+")
    shares = rng.dirichlet(np.full(len(kinds), 8.0))
    for i, (kind, share) in enumerate(zip(kinds, shares, strict=True)):
        # The first airlock is the one that the device was put next to.
        one = dict(row) if i == 0 else _neighbour(row, kind, rng)
        one.update(airlock=kind, rate=row["rate"] * share)
        dry, found = _one_airlock(one, rng, n, sample_rate, f"airlock {i + 1}")
        place = {"room": row["room"], "rt60": row["rt60"], "rng": rng}
        wet = rooms.place(dry, distance=one["distance"], sample_rate=sample_rate, **place)
        out += wet * row["distance"] / one["distance"]
        events += found
    return out, events


def _neighbour(row: dict, kind: str, rng: np.random.Generator) -> dict:
    """Another airlock in the room: its own bubbles, somewhat further away."""
    low, high = plop.AIRLOCKS[kind].radius
    return {
        **row,
        "radius_mm": 1e3 * _noise.log_uniform(rng, low, high),
        "body_hz": _noise.log_uniform(rng, *plop.AIRLOCKS[kind].body),
        "length": _noise.log_uniform(rng, *RANGES["length"][:2]),
        "burp_rate": 0.0,
        "distance": min(1.0, row["distance"] * rng.uniform(1.0, 2.0)),
    }


def _one_airlock(row: dict, rng, n: int, sample_rate: int, source: str) -> tuple[np.ndarray, list]:
    """Plops and burps of one airlock, dry."""
    out, events = np.zeros(n), []
    duration = n / sample_rate
    burps = _burps(row, out, rng, sample_rate)
    times = rhythm.onsets(
        duration, rate=row["rate"], cv=row["interval_cv"], style=row["interval_style"], rng=rng
    )
    gaps = np.diff(times, append=duration)
    typical = min(row["length"], 0.6 * 60.0 / row["rate"])
    for time, gap in zip(times, gaps, strict=True):
        length = typical * np.exp(0.15 * rng.standard_normal())
        length = np.clip(length, plop.MIN_LENGTH, min(plop.MAX_LENGTH, max(0.85 * gap, 0.06)))
        radius = row["radius_mm"] * 1e-3 * np.exp(0.06 * rng.standard_normal())
        sound = plop.plop(
            radius=radius,
            airlock=row["airlock"],
            length=length / 0.93,  # what is heard is a little shorter than what is asked for
            body=row["body_hz"],
            rng=rng,
            sample_rate=sample_rate,
        )
        level = _noise.gain(2.0 * rng.standard_normal())
        heard = plop.audible_length(sound, sample_rate=sample_rate)
        heard = float(np.clip(heard, plop.MIN_LENGTH, plop.MAX_LENGTH))
        start = int(round(time * sample_rate))
        onset = start / sample_rate
        free = all(onset + heard < a or onset > b for a, b, *_ in burps)
        if free and onset + heard < duration and heard < gap:
            _noise.add(out, sound, start, level)
            events.append((onset, onset + heard, "p", source))
    return out, events + burps


def _burps(row: dict, out: np.ndarray, rng, sample_rate: int) -> list:
    """Add burps to an airlock's sound in place; no plop falls into one."""
    duration, found = len(out) / sample_rate, []
    for time in np.sort(rng.uniform(0.0, duration, rng.poisson(row["burp_rate"] * duration / 60))):
        length = _noise.log_uniform(rng, *RANGES["burp_length"][:2])
        sound = plop.burp(
            radius=row["radius_mm"] * 1e-3,
            airlock=row["airlock"],
            length=length,
            rng=rng,
            sample_rate=sample_rate,
        )
        heard = plop.audible_length(sound, sample_rate=sample_rate)
        start = int(round(time * sample_rate))
        onset = start / sample_rate
        if onset + heard < duration and (not found or onset > found[-1][1] + 0.3):
            _noise.add(out, sound, start, _noise.gain(rng.uniform(-2.0, 4.0)))
            found.append((onset, onset + heard, "n", "burp"))
    return found


def _lookalikes(row: dict, rng, sample_rate: int) -> tuple[np.ndarray, list]:
    """Strew sounds that may be taken for plops, further away in the room."""
    n = int(round(row["duration"] * sample_rate))
    out, events = np.zeros(n), []
    count = rng.poisson(row["lookalike_rate"] * row["duration"] / 60.0)
    if row["lookalike"] == "none" or count == 0:
        return out, events
    make = sounds.LOOKALIKES[row["lookalike"]]
    for time in np.sort(rng.uniform(0.0, row["duration"], count)):
        sound = make(rng=rng, sample_rate=sample_rate)
        heard = plop.audible_length(sound, sample_rate=sample_rate)
        start = int(round(time * sample_rate))
        if time + heard < row["duration"]:
            _noise.add(out, sound, start, _noise.gain(4.0 * rng.standard_normal()))
            onset = start / sample_rate
            events.append((onset, onset + heard, "n", row["lookalike"]))
    if not events:
        return out, events
    where = {"room": row["room"], "rt60": row["rt60"], "distance": rng.uniform(0.5, 2.0)}
    wet = rooms.place(out, rng=rng, sample_rate=sample_rate, **where)
    power = _event_power(wet, events, sample_rate)
    return wet / np.sqrt(power) * _noise.gain(row["lookalike_level"]), events


def _background(row: dict, rng, sample_rate: int) -> tuple[np.ndarray, list]:
    """Background at the planned signal-to-noise ratio under plops of power 1."""
    made = backgrounds.scene(row["background"], row["duration"], rng, sample_rate=sample_rate)
    samples = made.samples
    if made.events:
        where = {"room": row["room"], "rt60": row["rt60"], "distance": rng.uniform(1.0, 3.0)}
        samples = rooms.place(samples, rng=rng, sample_rate=sample_rate, **where)
    high = _above_lowest(samples, sample_rate)
    power = backgrounds.active_power(high, sample_rate=sample_rate)
    events = [(onset, offset, "n", what) for onset, offset, what in made.events]
    return samples / np.sqrt(power) * _noise.gain(-row["snr"]), events


def _event_power(samples: np.ndarray, events: list, sample_rate: int) -> float:
    """Mean power of events while they sound, above the lowest frequency; 1 without events."""
    if not events:
        return max(float(np.mean(np.square(samples))), 1e-12)
    high = _above_lowest(samples, sample_rate) ** 2
    spans = [(int(e[0] * sample_rate), int(e[1] * sample_rate)) for e in events]
    return float(np.mean([high[a:b].mean() for a, b in spans]))


def _above_lowest(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    sos = signal.butter(4, LOWEST, "highpass", fs=sample_rate, output="sos")
    return signal.sosfilt(sos, samples)
