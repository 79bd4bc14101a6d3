"""The same sound twice, and names that look like pieces of one recording, in different groups."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from helpers.apps._own_findings import Finding, counted, named
from helpers.apps._own_sound import EXCERPT_RATE, Sound

SAME_LENGTH = 0.25  # seconds: a coder puts up to a tenth of a second around a recording
FEW_FRAMES = 10
WORTH_A_LOOK = 0.6
SAME = 0.95  # correlation of two fingerprints; two different coughs reach .71
SAME_WAVE = 0.8  # of two excerpts; of different sounds close to 0
LAGS = 2  # frames
LONGEST_LAG = 0.15  # seconds
FINER = 4
CHUNK = 256
PAUSE = timedelta(minutes=1)
STAMP = re.compile(r"(20\d\d)\D?(\d\d)\D?(\d\d)\D{0,3}(\d\d)\D?(\d\d)\D?(\d\d)")
NUMBERED = re.compile(r"(.*?)(\d+)(\D*)")


def copies(recordings: pd.DataFrame, sounds: dict[str, Sound]) -> list[Finding]:
    """Find recordings that are the same sound, whatever their name and format."""
    group = dict(zip(recordings["filename"], recordings["group"], strict=True))
    pairs = [
        (one, other)
        for one, other in same_sound({name: sounds[name] for name in group})
        if sounds[one].peak > 0
    ]
    across = [f"{a} = {b}" for a, b in pairs if group[a] != group[b]]
    within = [f"{a} = {b}" for a, b in pairs if group[a] == group[b]]
    found = []
    if across:
        found.append(
            Finding(
                "stop",
                "copies",
                f"The same sound twice in different groups: {named(across)}.",
                "What is tested was heard in training, so every score is too good.",
                "Delete one of each pair with its labels, or give both one group.",
            )
        )
    if within:
        found.append(
            Finding(
                "warning",
                "copies_in_group",
                f"The same sound twice in one group: {named(within)}.",
                "Its events count twice, in training and in the report.",
                "Delete one of each pair with its labels.",
            )
        )
    return found


def same_sound(sounds: dict[str, Sound]) -> list[tuple[str, str]]:
    """Pairs of recordings with the same samples, or with the same course of level and wave.

    Samples are compared by their hash. A copy through another coder, or at another rate, keeps
    its length, its levels in bands and its slow waves. The levels of recordings that are equally
    long are correlated, all pairs at once; those that come near again, shifted by a few frames;
    and what is left by the wave itself, since sounds that a clock sets off have one envelope.
    """
    homes: dict[str, list[str]] = {}
    for name in sorted(sounds):
        homes.setdefault(sounds[name].digest, []).append(name)
    equal = [pair for names in homes.values() for pair in combinations(names, 2)]
    alike = [
        (min(pair), max(pair))
        for pair in _near(sounds)
        if sounds[pair[0]].digest != sounds[pair[1]].digest
        and _one_wave(sounds[pair[0]].excerpt, sounds[pair[1]].excerpt)
    ]
    return sorted(equal + alike)


def _near(sounds: dict[str, Sound]) -> Iterator[tuple[str, str]]:
    """Pairs of equally long recordings whose levels rise and fall together."""
    names = sorted(sounds, key=lambda name: sounds[name].duration)
    lengths = np.array([sounds[name].duration for name in names])
    prints = [_normal(sounds[name].fingerprint) for name in names]
    for start in range(0, len(names), CHUNK):
        stop = min(start + CHUNK, len(names))
        last = int(np.searchsorted(lengths, lengths[stop - 1] + SAME_LENGTH, side="right"))
        table = _padded(prints[start:last])
        near = table[: stop - start] @ table.T
        for i, j in zip(*np.nonzero(np.triu(near > WORTH_A_LOOK, k=1)), strict=True):
            one, other = start + i, start + j
            close = lengths[other] - lengths[one] <= SAME_LENGTH
            if close and _alike(prints[one], prints[other]):
                yield names[one], names[other]


def _normal(fingerprint: np.ndarray) -> np.ndarray:
    """Levels against the mean of their band, smoothed over three frames, of unit power."""
    if len(fingerprint) < FEW_FRAMES:
        return np.zeros((0, fingerprint.shape[1]), np.float32)
    padded = np.concatenate([fingerprint[:1], fingerprint, fingerprint[-1:]])
    smooth = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
    smooth = smooth - smooth.mean(axis=0)
    return smooth / max(float(np.sqrt(np.square(smooth).sum())), 1e-6)


def _padded(prints: list[np.ndarray]) -> np.ndarray:
    longest = max(len(one) for one in prints)
    table = np.zeros((len(prints), max(longest, 1), prints[0].shape[1]), np.float32)
    for row, one in zip(table, prints, strict=True):
        row[: len(one)] = one
    return table.reshape(len(prints), -1)


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two fingerprints are one, when the shift between them is right."""
    best = 0.0
    for lag in range(-LAGS, LAGS + 1):
        first, second = one[max(lag, 0) :], other[max(-lag, 0) :]
        length = min(len(first), len(second))
        a, b = first[:length], second[:length]
        power = float(np.sqrt(np.square(a).sum() * np.square(b).sum()))
        best = max(best, float((a * b).sum()) / max(power, 1e-6))
    return best >= SAME


def _one_wave(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two excerpts are one wave, up to its level and a small shift."""
    power = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    size = 2 * max(len(one), len(other), 1)
    cross = np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size))
    # A coder's delay is no whole number of samples here: a longer transform interpolates.
    product = FINER * np.fft.irfft(cross, FINER * size)
    lags = round(LONGEST_LAG * EXCERPT_RATE * FINER)
    reach = np.concatenate([product[: lags + 1], product[-lags:]])
    return float(reach.max()) >= SAME_WAVE * max(power, 1e-9)


def series(recordings: pd.DataFrame) -> list[Finding]:
    """Find names that look like pieces of one recording and stand in different groups."""
    runs = [run for run in _runs(recordings) if recordings.loc[run, "group"].nunique() > 1]
    if not runs:
        return []
    shown = [
        f"{recordings.at[run[0], 'filename']} to "
        f"{PurePosixPath(recordings.at[run[-1], 'filename']).name} ({len(run)})"
        for run in runs
    ]
    return [
        Finding(
            "warning",
            "series",
            f"Names that look like pieces of one recording, in different groups: {named(shown)}.",
            "If they share the room, the hour or the speaker, what is tested is close to what was "
            f"trained on, and the scores of {counted(sum(map(len, runs)), 'recording')} flatter.",
            "Put what belongs together into one folder and say group='folder' (--group folder), or "
            "give a table of filename and group. Nothing, if each was made apart.",
        )
    ]


def _runs(recordings: pd.DataFrame) -> list[list[int]]:
    """Rows of the table that follow each other by number or by time."""
    chains: dict[tuple, list[tuple]] = {}
    for row, filename, duration in zip(
        recordings.index, recordings["filename"], recordings["duration"], strict=True
    ):
        path = PurePosixPath(filename)
        stamp, number = STAMP.search(path.stem), NUMBERED.fullmatch(path.stem)
        begin = _time(stamp) if stamp else None
        if begin is not None:
            kind = (path.parent, path.stem[: stamp.start()], path.stem[stamp.end() :], "time")
            end = begin + timedelta(seconds=duration)
            chains.setdefault(kind, []).append((begin, end, row))
        elif number:
            head, digits, tail = number.groups()
            kind = (path.parent, head, tail, "number")
            chains.setdefault(kind, []).append((int(digits), int(digits) + 1, row))
    return [run for kind, chain in chains.items() for run in _unbroken(kind[-1], sorted(chain))]


def _time(stamp: re.Match) -> datetime | None:
    try:
        return datetime(*map(int, stamp.groups()))
    except ValueError:
        return None


def _unbroken(kind: str, chain: list[tuple]) -> list[list[int]]:
    """Cut a sorted chain where the next piece does not follow the one before."""
    runs: list[list[int]] = []
    end = None
    for begin, stop, row in chain:
        allowed = None if end is None else (end + PAUSE if kind == "time" else end)
        if allowed is not None and begin <= allowed:
            runs[-1].append(row)
        else:
            runs.append([row])
        end = stop
    return [run for run in runs if len(run) > 1]
