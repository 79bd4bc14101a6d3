"""Mix backgrounds into recordings at a known level.

Many of the cough recordings hold digital silence between the coughs, where any threshold on the
energy succeeds. With a background as loud as the coughs themselves it has to tell sounds apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import audio

VERSION = 1
SEED = 10
FOLDS = {"train": "123", "test": "45"}  # first digit of a clip's name
EXCLUDED = (  # not under a licence that allows derived works for every use (CC Sampling+)
    "009 - Rooster/1-40730-A.ogg",
    "009 - Rooster/2-96460-A.ogg",
)
FADE = 0.25  # seconds
FRAME = 0.02  # seconds
FLOOR = 1e-7  # power of -70 dBFS
BELOW_LOUDEST = 1e-4  # 40 dB


def choose(filename: str, role: str, clips: Iterable[str]) -> str:
    """Pick the background of one recording in one role, the same on every machine."""
    own = sorted(path for path in clips if path.rsplit("/", 1)[1][0] in FOLDS[role])
    return own[_random(filename, role).integers(len(own))]


def render(
    folder: Path, recordings: pd.DataFrame, events: pd.DataFrame, paths: Mapping[str, Path]
) -> None:
    """Write ``folder/train`` and ``folder/test``, each with every recording as FLAC."""
    for role in FOLDS:
        (folder / role).mkdir(parents=True)
    for row in recordings.itertuples():
        samples = audio.read(paths[row.source], quiet=True)
        own = events[events["filename"] == row.filename]
        for role in FOLDS:
            clip = audio.read(paths[getattr(row, f"background_{role}")], quiet=True)
            background = extend(clip, len(samples), random=_random(row.filename, role))
            mixed = mix(samples, background, own, snr_db=row.snr_db)
            audio.write(folder / role / row.filename, mixed)


def extend(clip: np.ndarray, length: int, *, random: np.random.Generator) -> np.ndarray:
    """Loop a clip to ``length`` samples, from a random place in it, with faded joints."""
    looped = loop(clip)
    start = int(random.integers(len(looped)))
    return np.take(looped, np.arange(start, start + length), mode="wrap")


def loop(clip: np.ndarray) -> np.ndarray:
    """Make the end of a clip lead into its start.

    Digital silence at both ends, with which short clips were padded, is left out first. The fades
    keep the power (sine and cosine), since the two sides of the joint are not alike.
    """
    heard = np.flatnonzero(np.abs(clip) > 1e-4)
    clip = clip[heard[0] : heard[-1] + 1] if len(heard) else clip
    fade = min(round(FADE * audio.SAMPLE_RATE), len(clip) // 4)
    if fade:
        angle = (np.arange(fade) + 0.5) / fade * np.pi / 2
        joint = clip[-fade:] * np.cos(angle) + clip[:fade] * np.sin(angle)
        clip = np.concatenate([joint, clip[fade:-fade]]).astype(np.float32)
    return clip


def mix(
    samples: np.ndarray, background: np.ndarray, events: pd.DataFrame, *, snr_db: float
) -> np.ndarray:
    """Add a background so that the events stand ``snr_db`` above it.

    The power of the recording is taken over its events, where it has any, and over its frames
    that are not silent otherwise; the power of the background over all of it. Where the sum
    leaves [-1, 1] all of it is turned down.
    """
    power = np.mean(np.square(background, dtype=np.float64))
    gain = np.sqrt(active_power(samples, events) / power / 10 ** (snr_db / 10)) if power else 0.0
    mixed = samples + gain * background
    return (mixed * min(1.0, 0.99 / max(np.abs(mixed).max(), 1e-9))).astype(np.float32)


def active_power(samples: np.ndarray, events: pd.DataFrame) -> float:
    """Mean square of the samples within the events, or of the frames that are not silent."""
    inside = np.zeros(len(samples), dtype=bool)
    for onset, offset in zip(events["onset"], events["offset"], strict=True):
        inside[round(onset * audio.SAMPLE_RATE) : round(offset * audio.SAMPLE_RATE)] = True
    if inside.any():
        return max(float(np.mean(np.square(samples[inside], dtype=np.float64))), FLOOR)
    size = round(FRAME * audio.SAMPLE_RATE)
    padded = np.pad(samples.astype(np.float64), (0, -len(samples) % size))
    frames = np.square(padded).reshape(-1, size).mean(axis=1)
    heard = frames > max(FLOOR, BELOW_LOUDEST * frames.max())
    return float(frames[heard].mean()) if heard.any() else FLOOR


def _random(filename: str, role: str) -> np.random.Generator:
    """Numbers that depend on the recording and its role alone, not on which others there are."""
    digest = hashlib.sha256(f"{SEED}/{role}/{Path(filename).stem}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
