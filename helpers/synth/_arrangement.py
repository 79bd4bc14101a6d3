"""Draw soundscapes: which sounds are heard in each, when, and how loud.

:mod:`helpers.synth.soundscapes` makes the sound.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from helpers import _backgrounds, audio
from helpers.synth.soundbank import Sound

RATE = audio.SAMPLE_RATE
SOUNDSCAPES = ["filename", "duration", "background", "background_label", "background_source_time"]
SOUNDSCAPES += ["background_time", "ref_db", "n_events"]
EVENTS = ["filename", "onset", "offset", "event_label", "snr_db", "source", "source_time"]
EVENTS += ["pitch_shift"]
Range = float | tuple[float, float]


def plan(
    foregrounds: Sequence[Sound],
    backgrounds: Sequence[Sound],
    *,
    n: int,
    duration: float = 10.0,
    events: tuple[int, int] = (1, 5),
    snr_db: Range = (0.0, 20.0),
    ref_db: Range = -40.0,
    min_gap: float = 0.1,
    pitch: Range | None = None,
    name: str = "soundscape",
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw soundscapes: what is heard in each, when, and how loud.

    Labels take turns, and so do the sounds of a label: none is used twice before each has been
    used once. Onsets are uniform among all that keep the gap. Where the drawn events do not fit
    with their gaps the last of them are left out, but never so that too few are left.

    Parameters
    ----------
    foregrounds, backgrounds : sequence of Sound
        Those of one split. A background shorter than the soundscape is looped with faded joints.
    n : int
        How many soundscapes.
    duration : float
        Length of each, in seconds.
    events : (int, int)
        Fewest and most events in one: uniform, both ends included.
    snr_db, ref_db : float or (float, float)
        Fixed, or uniform in a range: the ratio for each event, the level of the background for
        each soundscape. See the module.
    min_gap : float
        Least seconds between the end of a foreground, its fade included, and the next.
    pitch : float or (float, float), optional
        Semitones by which the events are shifted; left out, they are not.
    name : str
        What the filenames begin with.
    seed : int
        One seed and one name, one plan.

    Returns
    -------
    soundscapes : DataFrame
        filename, duration, background (its source), background_label, background_source_time,
        background_time (how far into it the soundscape begins, in seconds), ref_db, n_events.
    events : DataFrame
        filename, onset, offset, event_label, snr_db, source, source_time, pitch_shift.

    Raises
    ------
    ValueError
        When there is nothing to choose from, two sounds have one name and time, a range is upside
        down or not finite, or the fewest events may not fit.
    """
    bounds = {"events": events, "snr_db": snr_db, "ref_db": ref_db, "pitch": pitch or 0.0}
    _check(n=n, duration=duration, min_gap=min_gap, **bounds)
    index(foregrounds, "foregrounds")
    loops = {own: len(_backgrounds.loop(s.samples)) for own, s in index(backgrounds).items()}
    total, gap = round(duration * RATE), round(min_gap * RATE)
    _check_room(foregrounds, fewest=events[0], total=total, gap=gap)
    rng = np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))
    cast, behind = _turns(rng, foregrounds), _turns(rng, backgrounds)
    rows, placed = [], []
    for i in range(n):
        filename, background = f"{name}-{i:04d}.flac", next(behind)
        count = int(rng.integers(*events, endpoint=True))
        chosen = _fitting([next(cast) for _ in range(count)], total, gap)
        starts = _starts(rng, [len(sound.samples) for sound in chosen], total, gap)
        for sound, start in zip(chosen, starts, strict=True):
            row = _row(filename, sound, start) | {"snr_db": _draw(rng, snr_db)}
            placed.append(row | {"pitch_shift": np.nan if pitch is None else _draw(rng, pitch)})
        where = int(rng.integers(loops[key(background.source, background.source_time)])) / RATE
        row = (filename, total / RATE, background.source, background.label)
        rows.append((*row, background.source_time, where, _draw(rng, ref_db), len(chosen)))
    return pd.DataFrame(rows, columns=SOUNDSCAPES), pd.DataFrame(placed, columns=EVENTS)


def _check(*, n: int, duration: float, min_gap: float, **bounds: Range) -> None:
    if not (n >= 0 and np.isfinite(duration) and duration > 0 and min_gap >= 0):
        raise ValueError(
            f"n={n}, duration={duration} and min_gap={min_gap}: give a count, seconds above 0, "
            "and seconds of 0 or more"
        )
    for name, bound in bounds.items():
        low, high = bound if np.iterable(bound) else (bound, bound)
        if not (np.isfinite([low, high]).all() and low <= high):
            raise ValueError(f"{name} is {bound}: give finite numbers, the lower one first")
    if bounds["events"][0] < 0:
        raise ValueError(f"events is {bounds['events']}: give counts of 0 or more")


def _check_room(sounds: Sequence[Sound], *, fewest: int, total: int, gap: int) -> None:
    """Refuse what may leave no room for the fewest events; one event must always fit."""
    longest = max(sounds, key=lambda sound: len(sound.samples))
    count = max(1, fewest)
    needed = count * len(longest.samples) + (count - 1) * gap
    if needed > total:
        raise ValueError(
            f"{count} event(s) as long as {longest.source} at {longest.source_time:g} s need "
            f"{needed / RATE:.2f} s of {total / RATE:g} s: leave it out, or change duration, "
            "events or min_gap"
        )


def key(source: str, source_time: float) -> tuple[str, int]:
    """Return what tells a sound from every other: its source, and the sample where it begins."""
    return source, round(source_time * RATE)


def index(sounds: Sequence[Sound], name: str = "backgrounds") -> dict[tuple[str, int], Sound]:
    """Sounds by name and time."""
    if not len(sounds):
        raise ValueError(f"{name} is empty: there is nothing to choose from")
    found = {key(sound.source, sound.source_time): sound for sound in sounds}
    if len(found) < len(sounds):
        raise ValueError(f"{name}: two sounds of one source and time: rename one's source")
    return found


def _turns(rng: np.random.Generator, sounds: Sequence[Sound]) -> Iterator[Sound]:
    """Give sounds without end: labels take turns, and so do the sounds of each."""

    def shuffled(items: Sequence) -> Iterator:
        while True:
            yield from [items[i] for i in rng.permutation(len(items))]

    labels = sorted({sound.label for sound in sounds})
    decks = {name: shuffled([s for s in sounds if s.label == name]) for name in labels}
    return (next(decks[name]) for name in shuffled(labels))


def _fitting(sounds: list[Sound], total: int, gap: int) -> list[Sound]:
    """Return as many of the first as fit, a gap between any two."""
    ends = np.cumsum([len(sound.samples) + gap for sound in sounds]) - gap
    return sounds[: int(np.sum(ends <= total))]


def _starts(rng: np.random.Generator, lengths: list[int], total: int, gap: int) -> list[int]:
    """Return first samples, uniform among all that keep order, gap and end."""
    steps = np.array(lengths, dtype=int) + gap
    taken = np.cumsum(steps) - steps  # by the sounds before each, and their gaps
    free = total - int(steps.sum()) + gap
    slack = np.sort(rng.integers(0, free, size=len(lengths), endpoint=True)) if lengths else taken
    return [int(start) for start in slack + taken]


def _draw(rng: np.random.Generator, bound: Range) -> float:
    return float(rng.uniform(*bound)) if np.iterable(bound) else float(bound)


def _row(filename: str, sound: Sound, start: int) -> dict:
    onset = start + sound.before
    where = {"onset": onset / RATE, "offset": (onset + len(sound.event)) / RATE}
    what = {"event_label": sound.label, "source": sound.source, "source_time": sound.source_time}
    return {"filename": filename} | where | what
