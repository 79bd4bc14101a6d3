"""What is in each recording of the synthetic brewery: the ranges, their reasons, the plan."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.synth.backgrounds import BACKGROUNDS
from helpers.synth.devices import DEVICES
from helpers.synth.plop import AIRLOCKS
from helpers.synth.rhythm import rate_curve, share_of_pauses
from helpers.synth.rooms import ROOMS
from helpers.synth.sounds import LOOKALIKES

RESERVED_AIRLOCK = "blow_off_jar"
RESERVED_DEVICE = "camera"
"""Airlock and device that only test brews have."""

RANGES: dict[str, tuple[float, float, str]] = {
    "rate": (8.0, 365.0, "plops a minute, log-uniform: slowest and fastest of 11 labelled brews"),
    "interval_cv": (0.05, 0.7, "variation of intervals: real brews have 0.03 to 0.58"),
    "length": (
        0.07,
        0.38,
        "typical length of a brew's plops in seconds, log-uniform: medians of six label files are"
        " 0.07 to 0.38; at most 0.6 of the mean interval, as in the fastest file",
    ),
    "distance": (0.1, 1.0, "metres, log-uniform: phone clips were asked for at 10 cm to 1 m"),
    "snr": (-5.0, 25.0, "decibels: from hardly heard to a phone held to the airlock"),
    "level": (-24.0, -3.0, "peak before the device, decibels re full scale: never clipped"),
    "burp_rate": (
        2.0,
        20.0,
        "burps a minute in one brew of four, log-uniform: one label file of six has 30 labels n"
        " a minute to 10 plops, and videos were left out as too burpy",
    ),
    "burp_length": (0.45, 1.6, "seconds: longer than any plop; labels n reach 2.2"),
    "lookalike_rate": (
        1.0,
        30.0,
        "look-alikes a minute in three recordings of four, log-uniform: labels n are 0 to 30 a"
        " minute, five in the middle file",
    ),
    "lookalike_level": (
        -12.0,
        3.0,
        "decibels over the plops: what is nearer than the airlock would be moved away",
    ),
}
"""Lowest, highest, and why. Set from the facts before any model was trained."""

SHARE_MANY, SHARE_BURPY, SHARE_PAUSES, SHARE_LOOKALIKES = 1 / 6, 1 / 4, 1 / 3, 3 / 4
"""Shares of brews with two or three airlocks (1 of 11 labelled has three), of brews that burp,
of recordings with pauses in an even rhythm (two of six label files), and with look-alikes."""
NOVEL = ("both", "airlock", "airlock", "device", "device", "none", "none", "none", "none", "none")
"""What is new to a detector in each ten test brews."""


def plan(
    seed: int = 2021,
    *,
    n_brews: int = 24,
    recordings_per_brew: int = 2,
    duration: float = 30.0,
    split: str = "fixed",
    first_brew: int = 1,
) -> pd.DataFrame:
    """Draw the parameters of every recording.

    Ranges are covered evenly: each is cut into as many strata as there are recordings (or
    brews) in the split, and every stratum is used once (Latin hypercube sampling).

    Parameters
    ----------
    seed : int
        One seed, one plan.
    n_brews, recordings_per_brew : int
        Size.
    duration : float
        Seconds a recording.
    split : str
        ``fixed`` for 7 training brews to 5 test brews, ``train`` or ``test`` for one kind.
    first_brew : int
        Number of the first brew.

    Returns
    -------
    DataFrame
        One row a recording: filename, duration, group (the brew), split, provenance, seed,
        index; of the brew airlock, airlocks, n_airlocks, radius_mm, body_hz, length (s),
        burp_rate (a minute), room, rt60 (s), device, novel; of the recording hours, rate
        (plops a minute), interval_cv, interval_style, distance (m), background, snr (dB),
        lookalike, lookalike_rate (a minute), lookalike_level (dB), level (dB).

    Raises
    ------
    ValueError
        If the split is unknown or a size not above zero.
    """
    if split not in ("fixed", "train", "test"):
        raise ValueError(f"split {split!r} is unknown; choose fixed, train or test")
    if n_brews < 1 or recordings_per_brew < 1 or duration < 5:
        raise ValueError("n_brews and recordings_per_brew start at 1, duration at 5 seconds")
    rng = np.random.Generator(np.random.PCG64([seed, 0]))
    n_test = {"fixed": -(-5 * n_brews // 12), "train": 0, "test": n_brews}[split]
    is_test = rng.permutation(np.arange(n_brews) < n_test)
    parts = []
    for name, chosen in (("train", ~is_test), ("test", is_test)):
        if chosen.any():
            brews = _brews(rng, name, np.flatnonzero(chosen) + first_brew)
            parts.append(_recordings(rng, brews, recordings_per_brew, float(duration)))
    table = pd.concat(parts, ignore_index=True)
    table = table.sort_values(["brew", "take"], ignore_index=True)
    table.insert(
        0,
        "filename",
        [f"brew_{b:02d}_{t}.flac" for b, t in zip(table.brew, table["take"], strict=True)],
    )
    table.insert(1, "duration", table.pop("duration"))
    table.insert(2, "group", [f"brew_{b:02d}" for b in table.brew])
    table["provenance"] = "synthetic"
    table["seed"], table["index"] = seed, np.arange(len(table))
    return table.drop(columns=["brew", "take"])


def _brews(rng: np.random.Generator, split: str, numbers: np.ndarray) -> pd.DataFrame:
    """Draw what belongs to a brew: vessel, place, device."""
    n = len(numbers)
    known = [a for a in AIRLOCKS if a != RESERVED_AIRLOCK]
    airlock = _balanced(rng, known, n)
    device = _balanced(rng, [d for d in DEVICES if d != RESERVED_DEVICE], n)
    novel = np.array((NOVEL * (n // len(NOVEL) + 1))[:n] if split == "test" else ("none",) * n)
    novel = rng.permutation(novel)
    airlock = np.where(np.isin(novel, ["both", "airlock"]), RESERVED_AIRLOCK, airlock)
    device = np.where(np.isin(novel, ["both", "device"]), RESERVED_DEVICE, device)
    many = max(1, round(n * SHARE_MANY))
    counts = rng.permutation(([3] + [2] * (many - 1) + [1] * n)[:n])
    more = ["+".join([a, *rng.choice(known, c - 1)]) for a, c in zip(airlock, counts, strict=True)]
    where = _spread(rng, n, 0.0, 1.0), _spread(rng, n, 0.0, 1.0)
    radius = [_between(AIRLOCKS[a].radius, q) for a, q in zip(airlock, where[0], strict=True)]
    body = [_between(AIRLOCKS[a].body, q) for a, q in zip(airlock, where[1], strict=True)]
    burpy = rng.permutation(np.arange(n) < round(n * SHARE_BURPY))
    burps = np.where(burpy, _range(rng, n, "burp_rate", log=True), 0.0)
    room = _balanced(rng, list(ROOMS), n)
    return pd.DataFrame(
        {
            "brew": numbers,
            "split": split,
            "novel": novel,
            "airlock": airlock,
            "airlocks": more,
            "n_airlocks": counts,
            "radius_mm": 1e3 * np.array(radius),
            "body_hz": body,
            "length": _range(rng, n, "length", log=True),
            "burp_rate": burps,
            "room": room,
            "rt60": [rng.uniform(*ROOMS[r].rt60) for r in room],
            "device": device,
        }
    )


def _recordings(
    rng: np.random.Generator, brews: pd.DataFrame, takes: int, duration: float
) -> pd.DataFrame:
    """Draw what belongs to a recording: the moment, the rhythm, what else is heard."""
    table = brews.loc[brews.index.repeat(takes)].reset_index(drop=True)
    n = len(table)
    table["duration"] = duration
    table["take"] = np.tile(np.arange(1, takes + 1), len(brews))
    table["rate"] = _rates(rng, len(brews), takes)
    table["hours"] = _hours(rng, table)
    table["interval_cv"] = _range(rng, n, "interval_cv")
    # Where half a minute would rarely hold a pause, the rhythm is a renewal.
    share = table.interval_cv.map(share_of_pauses)
    able = table.rate * table.duration / 60.0 * share >= 1.5
    pauses = able & (rng.random(n) < SHARE_PAUSES * n / max(1, able.sum()))
    table["interval_style"] = np.where(pauses, "pauses", "renewal")
    table["distance"] = _range(rng, n, "distance", log=True)
    table["background"] = _balanced(rng, list(BACKGROUNDS), n)
    table["snr"] = _range(rng, n, "snr")
    with_lookalikes = rng.permutation(np.arange(n) < round(n * SHARE_LOOKALIKES))
    kinds = _balanced(rng, list(LOOKALIKES), n)
    table["lookalike"] = np.where(with_lookalikes, kinds, "none")
    often = _range(rng, n, "lookalike_rate", log=True)
    table["lookalike_rate"] = np.where(with_lookalikes, often, 0.0)
    table["lookalike_level"] = _range(rng, n, "lookalike_level")
    table["level"] = _range(rng, n, "level")
    return table


def _rates(rng: np.random.Generator, n_brews: int, takes: int) -> np.ndarray:
    """Rates spread evenly over all recordings; those of one brew differ by a quarter or more."""
    best, apart = None, -1.0
    for _ in range(200):
        rates = _range(rng, n_brews * takes, "rate", log=True).reshape(n_brews, takes)
        ordered = np.sort(np.log(rates), axis=1)
        gap = np.diff(ordered, axis=1).min() if takes > 1 else np.inf
        if gap > apart:
            best, apart = rates, gap
        if apart > np.log(1.25):
            break
    return best.ravel()


def _hours(rng: np.random.Generator, table: pd.DataFrame) -> np.ndarray:
    """When in its fermentation a brew has the rates that were drawn for it."""
    hours, out = np.arange(0.0, 240.0, 0.1), np.zeros(len(table))
    for _, rows in table.groupby("brew"):
        peak, lag = rows.rate.max() * rng.uniform(1.02, 1.5), rng.uniform(4.0, 16.0)
        peak_at = lag + rng.uniform(16.0, 40.0)
        curve = rate_curve(hours, peak=peak, lag=lag, peak_at=peak_at)
        for index, rate in rows.rate.items():
            side = hours < peak_at if rng.random() < 0.3 else hours >= peak_at
            out[index] = hours[side][np.argmin(np.abs(curve[side] - rate))]
    return out.round(1)


def _spread(rng: np.random.Generator, n: int, low: float, high: float) -> np.ndarray:
    """Draw n numbers, one from each of n equal strata, in random order."""
    return low + (high - low) * (rng.permutation(n) + rng.random(n)) / n


def _range(rng: np.random.Generator, n: int, name: str, *, log: bool = False) -> np.ndarray:
    low, high, _ = RANGES[name]
    if log:
        return np.exp(_spread(rng, n, np.log(low), np.log(high)))
    return _spread(rng, n, low, high)


def _between(bounds: tuple[float, float], quantile: float) -> float:
    return float(bounds[0] * (bounds[1] / bounds[0]) ** quantile)


def _balanced(rng: np.random.Generator, names: list[str], n: int) -> np.ndarray:
    """Every name as often as every other, as far as n allows, in random order."""
    order = rng.permutation(np.array(names))
    return rng.permutation(np.resize(order, n))
