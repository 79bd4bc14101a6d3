"""Sounds to make soundscapes of: events cut out of recordings, and backgrounds to put them on.

A foreground is one event with a little of what surrounds it, faded in and out there, so that the
event itself is as it was recorded. A background is a whole clip. Both know where they come from:
what shares a *group* (a recording, a speaker, a brew) must stay on one side of a split. A sound in
another room is one more sound: ``replace(sound, samples=rooms.place(sound.samples, distance=2))``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import _codecs, audio
from helpers.datasets import Dataset

__all__ = ["Sound", "check_disjoint", "cut", "deal", "digest", "export", "whole"]

Sets = Mapping[str, tuple[Sequence["Sound"], Sequence["Sound"]]]
"""Foregrounds and backgrounds of each split."""
LEFT_OUT = ["filename", "onset", "reason"]
SILENT = 1e-4  # -80 dBFS
LEAST_FADE = 32  # samples, 2 ms: where the next event leaves no room to fade in


@dataclass(frozen=True, eq=False)
class Sound:
    """A foreground or a background: mono, 16 kHz, and where it was taken from.

    Parameters
    ----------
    samples : ndarray, shape (n,), floating point
        At 16 kHz, as :func:`helpers.audio.read` gives it; an array of another rate must be
        resampled first, since it does not tell its rate.
    label : str
        What is heard.
    source : str
        Name of the recording that it was cut from.
    source_time : float
        Where the event, or the whole background, begins in that recording, in seconds.
    group : str
        What must stay on one side of a split; the source when left out.
    before, after : int
        Samples at both ends that do not belong to the event.
    real : bool
        Whether it is a recording, and not made by a program.

    Raises
    ------
    AudioError
        When the samples are empty, not finite, not one channel or far beyond full scale.
    ValueError
        When nothing is heard in the event, or `before` and `after` leave nothing of it.
    """

    samples: np.ndarray
    label: str
    source: str
    source_time: float = 0.0
    group: str = ""
    before: int = 0
    after: int = 0
    real: bool = True

    def __post_init__(self):
        samples = audio.check(self.samples, name=self.source, quiet=True)
        object.__setattr__(self, "samples", samples)
        object.__setattr__(self, "group", self.group or self.source)
        if min(self.before, self.after) < 0 or self.before + self.after >= len(samples):
            raise ValueError(
                f"{self.source}: before={self.before} and after={self.after} leave nothing of "
                f"{len(samples)} samples: give fewer"
            )
        if np.abs(self.event).max() < SILENT:
            raise ValueError(f"{self.source}: {self.label!r} is silent there: leave it out")

    @property
    def event(self) -> np.ndarray:
        """The samples of the event itself."""
        return self.samples[self.before : len(self.samples) - self.after]


def cut(
    dataset: Dataset,
    *,
    label: str | None = None,
    filenames: Iterable[str] | None = None,
    pad: float = 0.05,
) -> tuple[list[Sound], pd.DataFrame]:
    """Cut labelled events out of the recordings of a dataset.

    Parameters
    ----------
    dataset : Dataset
    label : str, optional
        Which events; those that the dataset detects when left out.
    filenames : iterable of str, optional
        Recordings to take them from: those of one split, and of no other.
    pad : float
        Seconds before and after an event in which it is faded in and out; less where another
        event or an end of the recording is nearer.

    Returns
    -------
    foregrounds : list of Sound
    left_out : DataFrame
        filename, onset (s), reason: events in which another event sounds, which are clipped
        (three samples at full scale in a row), silent, or without length.

    Raises
    ------
    ValueError
        When there is no label to look for, the pad is negative, or no event is left.
    """
    label = dataset.label if label is None else label
    if label is None:
        raise ValueError(f"label: {dataset.name} has no events to detect, so name the label to cut")
    if pad < 0:
        raise ValueError(f"pad must not be negative, found {pad}: give seconds")
    found, left_out = [], []
    for row in _recordings(dataset, filenames):
        events = dataset.events_of(row.filename)
        if label not in set(events["event_label"]):
            continue
        samples, clipped = dataset.audio(row.filename), _clipped(dataset, row.filename)
        for i in np.flatnonzero(events["event_label"] == label):
            reason, spans = _room(events, i, round(pad * audio.SAMPLE_RATE), len(samples))
            reason = reason or _fault(samples, clipped, spans)
            if reason:
                left_out.append((row.filename, events["onset"].iloc[i], reason))
            else:
                found.append(_foreground(dataset, row, samples, spans, label))
    if not found:
        raise ValueError(f"{dataset.name}: no event {label!r} is fit to be cut out")
    return found, pd.DataFrame(left_out, columns=LEFT_OUT)


def whole(
    dataset: Dataset,
    *,
    labels: Iterable[str] | None = None,
    filenames: Iterable[str] | None = None,
) -> tuple[list[Sound], pd.DataFrame]:
    """Take whole clips as backgrounds, digital silence at their ends left out.

    Parameters
    ----------
    dataset : Dataset
        Of clips with a class each, or of recordings, of which those without any event are taken.
    labels : iterable of str, optional
        Which classes; all when left out.
    filenames : iterable of str, optional
        Clips to take: those of one split or of some folds.

    Returns
    -------
    backgrounds : list of Sound
        Their label is the class, or "background" for recordings.
    left_out : DataFrame
        filename, onset (0), reason: clips that are silent, that hold events, or whose licence
        allows no derived works.

    Raises
    ------
    ValueError
        When no clip is left.
    """
    labels = None if labels is None else set(labels)
    busy = set() if dataset.label is None else set(dataset.events["filename"])
    found, left_out = [], []
    for row in _recordings(dataset, filenames):
        label = getattr(row, "label", "background")
        if labels is not None and label not in labels:
            continue
        if not getattr(row, "shown", True) or row.filename in busy:
            reason = "holds events" if row.filename in busy else "licence"
            left_out.append((row.filename, 0.0, reason))
            continue
        samples = dataset.audio(row.filename)
        heard = np.flatnonzero(np.abs(samples) > SILENT)
        if not len(heard):
            left_out.append((row.filename, 0.0, "silent"))
            continue
        spans = (heard[0], heard[0], heard[-1] + 1, heard[-1] + 1)
        found.append(_sound(dataset, row, samples[heard[0] : heard[-1] + 1], spans, label))
    if not found:
        raise ValueError(f"{dataset.name}: no clip is fit for a background")
    return found, pd.DataFrame(left_out, columns=LEFT_OUT)


def check_disjoint(sets: Sets) -> None:
    """Refuse sets of sounds of which two share a group, as foreground or as background.

    Raises
    ------
    ValueError
        Naming the group and both sets.
    """
    homes: dict[str, str] = {}
    for name, parts in sets.items():
        for group in {sound.group for part in parts for sound in part}:
            if homes.setdefault(group, name) != name:
                raise ValueError(
                    f"{group!r} is in {homes[group]!r} and in {name!r}, so what is tested was "
                    "heard in training: give each group to one of them"
                )


def deal(sounds: Sequence[Sound], parts: int, *, seed: int = 0) -> list[list[Sound]]:
    """Deal sounds into parts that share no group, each label spread over all of them.

    Raises
    ------
    ValueError
        When there are fewer groups than parts.
    """
    rng = np.random.default_rng(seed)
    first = {sound.group: sound.label for sound in reversed(sounds)}
    names = [sorted(first)[i] for i in rng.permutation(len(first))]
    names.sort(key=first.__getitem__)  # stable: in random order within a label
    if len(names) < parts:
        raise ValueError(
            f"{len(names)} groups of sounds (such as {names[0]!r}) do not make {parts} parts: "
            "give fewer parts or more sounds"
        )
    home = {name: i % parts for i, name in enumerate(names)}
    return [[sound for sound in sounds if home[sound.group] == part] for part in range(parts)]


def export(
    folder: str | os.PathLike, foregrounds: Iterable[Sound], backgrounds: Iterable[Sound]
) -> None:
    """Write sounds as WAV files in the folders that scaper draws from.

    Parameters
    ----------
    folder : path
        Gets ``foreground/LABEL`` and ``background/LABEL``; made if missing. A foreground is the
        event alone, since scaper fades what it takes.
    foregrounds, backgrounds : iterable of Sound
        Those of one split.
    """
    parts = [("foreground", s, s.event) for s in foregrounds]
    for role, sound, samples in parts + [("background", s, s.samples) for s in backgrounds]:
        home = Path(folder) / role / sound.label
        home.mkdir(parents=True, exist_ok=True)
        first = round(sound.source_time * audio.SAMPLE_RATE)
        audio.write(home / f"{Path(sound.source).stem}-{first:08d}.wav", samples)


def digest(sounds: Iterable[Sound]) -> str:
    """Hash of everything in these sounds: 12 hexadecimal digits."""
    found = hashlib.sha256()
    for sound in sounds:
        about = (sound.label, sound.source, sound.source_time, sound.group, sound.before)
        found.update(repr((*about, sound.after, sound.real)).encode())
        found.update(sound.samples.tobytes())
    return found.hexdigest()[:12]


def _recordings(dataset: Dataset, filenames: Iterable[str] | None) -> Iterable:
    chosen = dataset if filenames is None else dataset.subset(filenames)
    return chosen.recordings.itertuples()


def _room(events: pd.DataFrame, i: int, pad: int, n: int) -> tuple[str, tuple]:
    """Say why not to cut an event; where its fade, it and its last fade begin, and all ends."""
    spans = np.round(events[["onset", "offset"]].to_numpy() * audio.SAMPLE_RATE).astype(int)
    (onset, offset), others = spans[i], np.delete(spans, i, axis=0)
    offset = min(offset, n)
    if onset >= offset:
        return "no length", (0, 0, 0, 0)
    if ((others[:, 0] < offset) & (others[:, 1] > onset)).any():
        return "another event in it", (0, 0, 0, 0)
    earlier, later = others[others[:, 1] <= onset, 1], others[others[:, 0] >= offset, 0]
    start = max(onset - pad, earlier.max(initial=0))
    return "", (start, onset, offset, min(offset + pad, later.min(initial=n)))


def _fault(samples: np.ndarray, clipped: np.ndarray, spans: tuple) -> str:
    """Say what is wrong with the sound of an event, if anything is."""
    onset, offset = spans[1:3]
    if ((clipped >= onset / audio.SAMPLE_RATE) & (clipped < offset / audio.SAMPLE_RATE)).any():
        return "clipped"
    return "silent" if np.abs(samples[onset:offset]).max() < SILENT else ""


def _clipped(dataset: Dataset, filename: str) -> np.ndarray:
    """Return the times of three samples at full scale in a row, at the file's own rate.

    Another rate hides them: its filter rounds off what was cut off.
    """
    raw, rate = _codecs.decode(dataset.path(filename), offset=0.0, duration=dataset.limit)
    full = np.abs(raw.reshape(len(raw), -1)).max(axis=1) >= 0.99
    return np.flatnonzero(full[2:] & full[1:-1] & full[:-2]) / rate


def _foreground(dataset: Dataset, row, samples: np.ndarray, spans: tuple, label: str) -> Sound:
    """Cut one event, faded in and out beside it."""
    start, onset, offset, stop = spans
    part = samples[start:stop].copy()
    for ramp, end in ((onset - start, part), (stop - offset, part[::-1])):
        fade = min(max(ramp, LEAST_FADE), len(part) // 2)
        end[:fade] *= np.sin((np.arange(fade) + 0.5) / fade * np.pi / 2) ** 2
    return _sound(dataset, row, part, spans, label)


def _sound(dataset: Dataset, row, samples: np.ndarray, spans: tuple, label: str) -> Sound:
    start, onset, offset, stop = (int(place) for place in spans)
    return Sound(
        samples,
        label,
        row.filename,
        source_time=onset / audio.SAMPLE_RATE,
        group=str(row.group),
        before=onset - start,
        after=stop - offset,
        real=not dataset.synthetic,
    )
