"""Ten everyday sounds that never were: clips to classify, the shape of ESC-10.

:func:`plan` draws every parameter of every clip, :func:`render` makes one clip and its events
from one row of the plan, :func:`generate` writes a whole data set. One seed gives the same sound
on every machine (PCG64, float64 inside, 16 bit FLAC outside).

A clip holds events of its class, over a background at a drawn signal-to-noise ratio, in a room
(or outside), through a device. Background, room, device, level and the length of the take are
drawn alike in every class, so that none of them tells it.

Another device, another room
----------------------------
``render(row, device="camera", room="cellar")`` makes the same clip where no clip of the plan was
recorded: events, background and their levels stay. A clip that exists already, real ones
included, is played in a room and recorded again with

    elsewhere = rooms.place(samples, distance=1.0, room="bathroom", rng=0)
    again = devices.record(elsewhere, device="camera", rng=0)

How loud
--------
`snr` is the mean power of the events in their room while they sound, each over 50 ms at least,
over the active power of the background (:func:`helpers.synth.backgrounds.active_power`), both
above 100 Hz and before the device.
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
from helpers.synth import _noise, backgrounds, devices, rooms
from helpers.synth._bouts import Traits
from helpers.synth.casting import (
    CLASSES,
    OUTSIDE,
    RESERVED_DEVICE,
    RESERVED_ROOM,
    plan,
)

__all__ = ["CLASSES", "RESERVED_DEVICE", "RESERVED_ROOM", "SETS", "generate", "plan", "render"]

SAMPLE_RATE = 16_000
LOWEST = 100.0
"""Levels are compared above this frequency, the lowest that devices record, in hertz."""
SHORTEST = 0.05
"""Power of an event is taken over this many seconds at least: what an ear adds up."""
FADE = 0.01
SETS: dict[str, dict] = {"everyday": {"seed": 50}}
"""Arguments of :func:`generate` for each data set that has a name."""


def generate(
    folder: str | os.PathLike,
    *,
    seed: int = 50,
    n_folds: int = 5,
    clips: int = 8,
    duration: float = 5.0,
    workers: int | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make the data set: FLAC files in a folder, and the two tables that describe them.

    Parameters
    ----------
    folder : path
        Where the files go; made if missing. Each file appears only when it is whole.
    seed, n_folds, clips, duration
        See `plan`.
    workers : int, optional
        Threads; as many as there are processors, at most 4, when left out.

    Returns
    -------
    recordings : DataFrame
        The plan, and n_events, the number of events in each clip.
    events : DataFrame
        filename, onset, offset, event_label (the class).
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    recordings = plan(seed, n_folds=n_folds, clips=clips, duration=duration)

    def make(row: dict) -> pd.DataFrame:
        samples, events = render(row)
        audio.write(folder / row["filename"], samples, sample_rate=SAMPLE_RATE)
        return events

    workers = min(4, os.cpu_count() or 1) if workers is None else workers
    with ThreadPoolExecutor(workers) as pool:
        events = list(pool.map(make, recordings.to_dict("records")))
    recordings["n_events"] = [len(table) for table in events]
    return recordings, pd.concat(events, ignore_index=True)


def render(
    row: Mapping | pd.Series,
    *,
    device: str | devices.Device | None = None,
    room: str | None = None,
    clean: bool = False,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Make one clip from one row of the plan.

    Parameters
    ----------
    row : mapping or Series
        A row of `plan`, or of ``recordings`` of the data set.
    device : str or Device, optional
        In place of the row's: the same clip through another device.
    room : str, optional
        In place of the row's: the same clip in another room, or ``"outside"``. Its reverberation
        time is drawn from the range of that kind of room.
    clean : bool
        The events alone: no background and no device.

    Returns
    -------
    samples : ndarray
        Shape (samples,), float32, in (-1, 1), 16 kHz.
    events : DataFrame
        filename, onset, offset, event_label, sorted by onset. An onset is where the direct sound
        arrives, an offset where the dry sound is 25 dB under its peak, the next event begins or
        the take ends.

    Raises
    ------
    ValueError
        When the device or the room is unknown.
    """
    row = dict(row)
    if room is not None and room != row["room"]:
        row |= {"room": room, "rt60": None}
    streams = np.random.SeedSequence([int(row["seed"]), int(row["index"]), 1]).spawn(4)
    source, place, behind, unit = (np.random.Generator(np.random.PCG64(s)) for s in streams)
    dry, spans = _events(row, source)
    wet = _in_room(dry, row, place)
    mix = wet / np.sqrt(_event_power(wet, spans))
    if not clean:
        mix = mix + _background(row, len(mix), behind)
    mix *= _noise.gain(row["level"]) / np.abs(mix).max()
    if not clean:
        chosen = row["device"] if device is None else device
        mix = devices.record(mix, device=chosen, rng=unit, sample_rate=SAMPLE_RATE)
    table = pd.DataFrame(spans, columns=["onset", "offset"])
    table = table.assign(filename=row["filename"], event_label=row["label"])
    table = table[["filename", "onset", "offset", "event_label"]]
    table = table.sort_values("onset", kind="stable", ignore_index=True)
    return _padded(mix, row["duration"]).astype(np.float32), table


def _events(row: dict, rng: np.random.Generator) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Dry sound of the take, and where each event is in it; a first one there always is.

    An event ends where the next begins, if it still rings there.
    """
    traits = Traits(*(row[name] for name in ("kind", "pitch", "length", "rate", "tone", "own")))
    out = np.zeros(int(round(row["take"] * SAMPLE_RATE)))
    spans = []
    make = CLASSES[row["label"]].make
    for time, sound, level in make(traits.today(rng), row["take"], rng, SAMPLE_RATE):
        heard = _noise.audible_length(sound, sample_rate=SAMPLE_RATE)
        start = int(round(time * SAMPLE_RATE))
        onset = start / SAMPLE_RATE
        offset = min(onset + heard, row["take"])
        if onset + heard <= row["take"] or not spans:  # no event is cut but an only one
            _noise.add(out, sound, start, _noise.gain(level))
            spans.append((onset, offset))
    following = [onset for onset, _ in spans[1:]] + [row["take"]]
    return out, [(a, min(b, after)) for (a, b), after in zip(spans, following, strict=True)]


def _in_room(samples: np.ndarray, row: dict, rng: np.random.Generator) -> np.ndarray:
    """Put the take into its room; the same numbers are drawn whichever it is."""
    if row["room"] == OUTSIDE:
        return samples
    where = {"room": row["room"], "rt60": row["rt60"], "distance": row["distance"]}
    return rooms.place(samples, rng=rng, sample_rate=SAMPLE_RATE, **where)


def _background(row: dict, n: int, rng: np.random.Generator) -> np.ndarray:
    """Background of n samples at the planned ratio under events of power 1."""
    seconds = (n + 0.5) / SAMPLE_RATE  # half a sample more, so that rounding takes none away
    made = backgrounds.scene(row["background"], seconds, rng, sample_rate=SAMPLE_RATE)
    samples = made.samples[:n]
    power = backgrounds.active_power(_above_lowest(samples), sample_rate=SAMPLE_RATE)
    return samples / np.sqrt(power) * _noise.gain(-row["snr"])


def _event_power(samples: np.ndarray, spans: list[tuple[float, float]]) -> float:
    """Mean power of the events while they sound, above the lowest frequency."""
    high = _above_lowest(samples) ** 2
    parts = [
        high[int(onset * SAMPLE_RATE) : int(max(offset, onset + SHORTEST) * SAMPLE_RATE)].mean()
        for onset, offset in spans
    ]
    return float(np.mean(parts))


def _above_lowest(samples: np.ndarray) -> np.ndarray:
    sos = signal.butter(4, LOWEST, "highpass", fs=SAMPLE_RATE, output="sos")
    return signal.sosfilt(sos, samples)


def _padded(samples: np.ndarray, duration: float) -> np.ndarray:
    """Fill a clip up with digital silence, the end of a short take faded."""
    missing = int(round(duration * SAMPLE_RATE)) - len(samples)
    if missing <= 0:
        return samples
    fade = int(FADE * SAMPLE_RATE)
    samples[-fade:] *= np.linspace(1.0, 0.0, fade)
    return np.pad(samples, (0, missing))
