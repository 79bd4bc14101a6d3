"""Soundscapes: events put on backgrounds at a chosen signal-to-noise ratio, with exact truth.

:func:`plan` draws every parameter of every soundscape into two tables, :func:`render` makes one
soundscape from its rows, :func:`generate` writes a whole data set, :func:`dataset` makes one once
and loads it. Sounds come from :mod:`helpers.synth.soundbank`. One seed gives the same bytes.

How loud
--------
``ref_db`` is the level of the background: its mean power over the whole soundscape, in dB under
full scale. ``snr_db`` is the mean power of one event over its own span, from onset to offset, over
that of the background; the fades around the event do not count, and no frequency is weighted. It
is how :func:`helpers._backgrounds.mix` sets levels, but for each event by itself. scaper has the
same two parameters and measures both as loudness (LUFS), which weighs frequencies as ears do and
leaves out pauses: for the same number its events are louder or softer than these.
A soundscape that would leave [-1, 1] is turned down as a whole: no ratio changes.

References
----------
J. Salamon et al., "Scaper: a library for soundscape synthesis and augmentation", WASPAA (2017).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import _backgrounds, _whole, audio, jams, store
from helpers.datasets import Dataset
from helpers.synth import soundbank
from helpers.synth._arrangement import index, key, plan
from helpers.synth.soundbank import Sets, Sound

__all__ = ["Soundscape", "dataset", "generate", "plan", "read", "render"]

VERSION = 1
RATE = audio.SAMPLE_RATE
HEADROOM = 0.99
SILENT = 1e-5  # -100 dBFS


@dataclass(frozen=True, eq=False)
class Soundscape:
    """One soundscape and its parts, which add up to it.

    Parameters
    ----------
    samples : ndarray, shape (n,), float32
    background : ndarray, shape (n,), float32
    foregrounds : list of ndarray, shape (n,), float32
        One for each event, silent elsewhere.
    gain_db : float
        How far all of it was turned down so that it does not clip; 0 where it was not.
    """

    samples: np.ndarray
    background: np.ndarray
    foregrounds: list[np.ndarray]
    gain_db: float


def render(
    row: Mapping | pd.Series,
    events: pd.DataFrame,
    *,
    foregrounds: Sequence[Sound],
    backgrounds: Sequence[Sound],
) -> Soundscape:
    """Make one soundscape from its row of the plan.

    Parameters
    ----------
    row : mapping or Series
        A row of ``soundscapes``; another ``ref_db`` in it changes nothing but the level.
    events : DataFrame
        Those of the plan, of this soundscape or of all. With another ``snr_db`` in it the same
        soundscape is made at another ratio.
    foregrounds, backgrounds : sequence of Sound
        Those that the plan was drawn from.

    Returns
    -------
    Soundscape

    Raises
    ------
    ValueError
        When a sound of the plan is not among them, or the background is silent where it is used.
    """
    total = round(row["duration"] * RATE)
    cast, behind = index(foregrounds, "foregrounds"), index(backgrounds, "backgrounds")
    where = key(row["background"], row["background_source_time"])
    background = _background(_find(behind, where, "backgrounds"), row, total)
    parts = []
    for event in events[events["filename"] == row["filename"]].to_dict("records"):
        sound = _find(cast, key(event["source"], event["source_time"]), "foregrounds")
        part = np.zeros(total)
        start = round(event["onset"] * RATE) - sound.before
        level = 10 ** ((row["ref_db"] + event["snr_db"]) / 20)
        own = _varied(sound, event)
        part[start : start + len(own.samples)] = level * own.samples / _rms(own.event)
        parts.append(part)
    mixture = np.sum([background, *parts], axis=0)
    gain = min(1.0, HEADROOM / np.abs(mixture).max())
    scaled = [(gain * part).astype(np.float32) for part in (mixture, background, *parts)]
    return Soundscape(scaled[0], scaled[1], scaled[2:], float(20 * np.log10(gain)))


def generate(
    folder: str | os.PathLike,
    sets: Sets,
    *,
    n: int | Mapping[str, int],
    groups: int = 5,
    seed: int = 0,
    **options,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write a data set: FLAC files, a JAMS file beside each, and at last the two tables.

    The sounds of a split are dealt into groups, and soundscapes of two groups share no source:
    a validation part that is split off by group holds sounds that training never heard.

    Parameters
    ----------
    folder : path
        Made if missing. A file appears only when it is whole.
    sets : mapping of str to (foregrounds, backgrounds)
        For each split ("train", "test"); none may share a group of sources with another.
    n : int or mapping of str to int
        Soundscapes of each split.
    groups : int
        Groups in each split.
    seed : int
    **options
        Of :func:`plan`.

    Returns
    -------
    recordings : DataFrame
        As in :func:`plan`, with gain_db (see :class:`Soundscape`), group, split, real (whether
        any of its sounds is a recording) and provenance.
    events : DataFrame
        As in :func:`plan`.

    Raises
    ------
    ValueError
        As :func:`plan` does; when two splits share a group of sources, there are fewer groups of
        sources than `groups`, or `n` and `sets` name other splits.
    """
    counts = dict(n) if isinstance(n, Mapping) else dict.fromkeys(sets, n)
    if not sets or set(counts) != set(sets):
        raise ValueError(f"n is for {sorted(counts)}, sets are {sorted(sets)}: give both for each")
    soundbank.check_disjoint(sets)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tables = []
    for split, parts in sets.items():
        lots = zip(*(soundbank.deal(part, groups, seed=seed) for part in parts), strict=True)
        for i, (fore, back) in enumerate(lots):
            name = f"{split}-{i}"
            share = len(range(i, counts[split], groups))
            recordings, events = plan(fore, back, n=share, name=name, seed=seed, **options)
            recordings["gain_db"] = _write(folder, recordings, events, fore, back)
            about = {"group": name, "split": split, "real": any(s.real for s in [*fore, *back])}
            about["provenance"] = f"mixed by helpers.synth.soundscapes, seed {seed}"
            tables.append((recordings.assign(**about), events))
    whole = tuple(pd.concat(table, ignore_index=True) for table in zip(*tables, strict=True))
    for table, name in zip(whole, ("recordings.csv", "events.csv"), strict=True):
        _whole.write_text(folder / name, table.to_csv(index=False))
    return whole


def dataset(
    sets: Sets, *, n: int | Mapping[str, int], label: str | None = None, seed: int = 0, **options
) -> Dataset:
    """Make a data set of soundscapes once, keep it in the cache, and load it.

    Parameters
    ----------
    sets, n, seed, **options
        As in :func:`generate`.
    label : str, optional
        As in :func:`read`.

    Returns
    -------
    Dataset
    """
    digests = {name: [soundbank.digest(part) for part in parts] for name, parts in sets.items()}
    config = {"version": VERSION, "sets": digests, "n": n, "seed": seed, **options}

    def make(folder: Path) -> None:
        generate(folder, sets, n=n, seed=seed, **options)

    return read(store.artefact("soundscapes", config, make), label=label)


def read(folder: str | os.PathLike, *, label: str | None = None) -> Dataset:
    """Load the soundscapes that :func:`generate` wrote into a folder.

    Parameters
    ----------
    folder : path
    label : str, optional
        The label of the events to detect; it may be left out where there is only one.

    Returns
    -------
    Dataset
        It counts as synthetic only where every sound in it was made by a program.

    Raises
    ------
    ValueError
        When the folder has no tables, since it was never finished, or the label is not there.
    """
    folder = Path(folder)
    for name in ("recordings.csv", "events.csv"):
        if not (folder / name).exists():
            raise ValueError(f"{folder / name} is missing: generate the soundscapes again")
    text = dict.fromkeys(("filename", "event_label", "source", "background", "group"), str)
    recordings = pd.read_csv(folder / "recordings.csv", dtype=text)
    events = pd.read_csv(folder / "events.csv", dtype=text)
    labels = sorted(events["event_label"].unique())
    if label is None and len(labels) == 1:
        label = labels[0]
    if label not in labels:
        raise ValueError(f"{folder}: label is {label!r}: name one of {', '.join(labels)}")
    note = "Events mixed over backgrounds; soundscapes of two groups or splits share no source."
    made = not recordings["real"].any()
    return Dataset("soundscapes mixed by program", recordings, events, folder, label, made, note)


def _write(
    folder: Path, recordings: pd.DataFrame, events: pd.DataFrame, fore: list, back: list
) -> list[float]:
    """Write every soundscape of a plan with its JAMS file; return how far each was turned down."""
    gains, behind = [], index(back)
    for row in recordings.to_dict("records"):
        made = render(row, events, foregrounds=fore, backgrounds=back)
        audio.write(folder / row["filename"], made.samples)
        where = key(row["background"], row["background_source_time"])
        background = {"label": row["background_label"], "source": row["background"]}
        background["source_time"] = _scaper_time(behind[where], row)
        own = events[events["filename"] == row["filename"]]
        jams.write_soundscape(
            (folder / row["filename"]).with_suffix(".jams"),
            own,
            duration=row["duration"],
            background=background,
            ref_db=row["ref_db"],
        )
        gains.append(made.gain_db)
    return gains


def _scaper_time(sound: Sound, row: Mapping) -> float:
    """Return where scaper begins to read a background: at 0 when looped, else it ends too soon."""
    looped = row["background_time"] + row["duration"] > len(sound.samples) / RATE
    return 0.0 if looped else sound.source_time + row["background_time"]


def _find(sounds: Mapping, where: tuple[str, int], name: str) -> Sound:
    if where not in sounds:
        raise ValueError(
            f"{where[0]!r} from {where[1] / RATE:g} s is not among the {name}: give those that "
            "the plan was drawn from"
        )
    return sounds[where]


def _background(sound: Sound, row: Mapping, total: int) -> np.ndarray:
    """Return the part of the looped background that is heard, at its level."""
    looped = _backgrounds.loop(sound.samples).astype(np.float64)
    start = round(row["background_time"] * RATE)
    part = np.take(looped, np.arange(start, start + total), mode="wrap")
    if _rms(part) < SILENT:
        raise ValueError(f"{sound.source}: silent from {row['background_time']:g} s: leave it out")
    return part * 10 ** (row["ref_db"] / 20) / _rms(part)


def _varied(sound: Sound, event: Mapping) -> Sound:
    """Return the sound at the pitch that the plan asks for."""
    if pd.isna(event.get("pitch_shift")):
        return sound
    from helpers import augment

    return replace(sound, samples=augment.pitch(sound.samples, semitones=event["pitch_shift"]))


def _rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
