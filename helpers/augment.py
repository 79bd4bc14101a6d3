"""Augmentation: more examples out of those there are, in the waveform and in the spectrogram.

The waveform functions change one clip by a stated amount; :func:`vary` draws the amounts. They are
audiomentations underneath. The spectrogram functions return a *change*: it takes windows of log-mel
frames, their targets and a generator, and returns both, changed, so that one training batch never
repeats another (see `helpers.clips.Draws`).
"""

from __future__ import annotations

import random
import warnings
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from . import _backgrounds, store
from .audio import SAMPLE_RATE
from .clips import Change, plain
from .features import FrontEnd, of_dataset

STEPS = ("shift", "stretch", "pitch", "noise", "background")
_NEPER = np.log(10) / 10  # natural logarithm of the power ratio of one decibel


def shift(samples: np.ndarray, *, seconds: float) -> np.ndarray:
    """Move a clip in time; what leaves at one end comes in at the other.

    Right where only what is heard matters, wrong where *when* does: an event detector's labels
    would have to move too.

    Parameters
    ----------
    samples : ndarray, shape (n,), float32
    seconds : float
        Later, or earlier where negative.

    Returns
    -------
    ndarray, shape (n,), float32
    """
    return _library(
        "Shift", samples, shift=seconds, options={"shift_unit": "seconds", "rollover": True}
    )


def stretch(samples: np.ndarray, *, rate: float) -> np.ndarray:
    """Play a clip faster or slower at the same pitch.

    Parameters
    ----------
    samples : ndarray, shape (n,), float32
    rate : float
        Above 1 is faster. What is left over is cut off, what is missing is silence.

    Returns
    -------
    ndarray, shape (n,), float32

    Raises
    ------
    ValueError
        When `rate` is not from 0.25 to 4.
    """
    if not 0.25 <= rate <= 4:
        raise ValueError(f"rate must be from 0.25 to 4, found {rate}")
    return _library("TimeStretch", samples, rate=rate)


def pitch(samples: np.ndarray, *, semitones: float) -> np.ndarray:
    """Raise or lower the pitch at the same pace; 12 semitones are a factor of 2.

    Parameters
    ----------
    samples : ndarray, shape (n,), float32
    semitones : float
        2 are 12 %, 3 are 19 %.

    Returns
    -------
    ndarray, shape (n,), float32

    Raises
    ------
    ValueError
        When `semitones` is not from -24 to 24.
    """
    if not -24 <= semitones <= 24:
        raise ValueError(f"semitones must be from -24 to 24, found {semitones}")
    return _library("PitchShift", samples, semitones=semitones)


def noise(samples: np.ndarray, *, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    """Add white noise at a signal-to-noise ratio over the whole clip.

    Parameters
    ----------
    samples : ndarray, shape (n,), float32
    snr_db : float
        0 is as loud as the clip.
    rng : Generator

    Returns
    -------
    ndarray, shape (n,), float32
    """
    return _library("AddGaussianSNR", samples, rng=rng, snr_db=snr_db)


def background(samples: np.ndarray, other: np.ndarray, *, snr_db: float) -> np.ndarray:
    """Put another clip behind this one; the label stays.

    Parameters
    ----------
    samples : ndarray, shape (n,), float32
    other : ndarray, shape (m,), float32
        Looped or cut to the length of the first.
    snr_db : float
        How far the frames of the clip that are not silent stand above the other.

    Returns
    -------
    ndarray, shape (n,), float32
        Turned down as a whole where it would leave [-1, 1].
    """
    import pandas as pd

    nothing = pd.DataFrame({"onset": [], "offset": []}, dtype=float)
    looped = np.resize(np.asarray(other, dtype=np.float32), len(samples))
    return _backgrounds.mix(samples, looped, nothing, snr_db=snr_db)


def vary(
    samples: np.ndarray,
    rng: np.random.Generator,
    *,
    steps: Sequence[str] = STEPS,
    others: Sequence[np.ndarray] = (),
) -> np.ndarray:
    """Change a clip by amounts drawn anew: the talk's ranges, 10 to 20 % for pace and pitch.

    Parameters
    ----------
    samples : ndarray, shape (n,), float32
    rng : Generator
    steps : sequence of str
        Some of :data:`STEPS`, applied in that order: a shift to anywhere, a pace of 0.8 to 1.2, a
        pitch up or down by up to 3 semitones (19 %), noise 10 to 40 dB below the clip, and one of
        the `others` 5 to 25 dB below it. The last two each in half of the cases.
    others : sequence of ndarray
        Clips to take backgrounds from: of the training part, and of no other.

    Returns
    -------
    ndarray, shape (n,), float32

    Raises
    ------
    ValueError
        When a step is unknown, or backgrounds are asked for and there are none.
    """
    unknown = [step for step in steps if step not in STEPS]
    if unknown:
        raise ValueError(f"no step {unknown[0]!r}: choose from {', '.join(STEPS)}")
    if "background" in steps and not len(others):
        raise ValueError("others is empty: the step 'background' needs clips to take it from")
    if "shift" in steps:
        samples = shift(samples, seconds=rng.uniform(0, len(samples) / SAMPLE_RATE))
    if "stretch" in steps:
        samples = stretch(samples, rate=rng.uniform(0.8, 1.2))
    if "pitch" in steps:
        samples = pitch(samples, semitones=rng.uniform(-3, 3))
    if "noise" in steps and rng.random() < 0.5:
        samples = noise(samples, snr_db=rng.uniform(10, 40), rng=rng)
    if "background" in steps and rng.random() < 0.5:
        other = others[rng.integers(len(others))]
        samples = background(samples, other, snr_db=rng.uniform(5, 25))
    return samples


def versions(
    dataset,
    filenames: Iterable[str],
    *,
    front_end: FrontEnd,
    count: int,
    steps: Sequence[str] = ("stretch", "pitch", "noise"),
    seed: int = 0,
) -> dict[str, list[np.ndarray]]:
    """Log-mel frames of clips and of changed versions of each, made once and kept.

    They are made for all clips of the dataset at once: a version depends on its own clip alone, so
    any split can use them. Backgrounds would break that: :func:`behind` adds those while training.

    Parameters
    ----------
    dataset : helpers.datasets.Dataset
        Of labelled clips.
    filenames : iterable of str
        The clips wanted.
    front_end : FrontEnd
    count : int
        How many changed versions of each clip; the clip itself comes first.
    steps : sequence of str
        As in :func:`vary`, without "background".
    seed : int

    Returns
    -------
    dict of str to list of ndarray, shape (frames, n_mels)
        Not standardised; the versions rounded to half precision (0.07 dB at most).

    Raises
    ------
    ValueError
        When the steps hold "background".
    """
    if "background" in steps:
        raise ValueError("steps hold 'background', which mixes clips: use augment.behind for that")
    names = list(dataset.recordings["filename"])
    config = {
        "dataset": dataset.name,
        "folder": Path(dataset.folder).name,
        "filenames": names,
        "front_end": plain(front_end).to_dict(),
        "count": count,
        "steps": list(steps),
        "seed": seed,
        "version": 1,
    }

    def make(path: Path) -> None:
        arrays = {}
        for name in names:
            samples, own = dataset.audio(name), zlib.crc32(name.encode())
            for number in range(count):
                rng = np.random.default_rng([seed, own, number])
                changed = plain(front_end).log_mel(vary(samples, rng, steps=steps))
                arrays[f"{number}/{name}"] = changed.astype(np.float16)
        with path.open("wb") as file:
            np.savez(file, **arrays)

    wanted = sorted(filenames)
    originals = of_dataset(dataset, front_end=front_end, filenames=wanted)
    with np.load(store.artefact("augmented", config, make, suffix=".npz")) as kept:
        return {
            name: [originals[name]] + [kept[f"{number}/{name}"] for number in range(count)]
            for name in wanted
        }


def roll() -> Change:
    """Shift each window in time by a random number of frames, around its ends."""

    def change(x, y, rng):
        moved = [np.roll(one, rng.integers(len(one)), axis=0) for one in x]
        return np.stack(moved), y

    return change


def level(*, gain: float = 6.0, tilt: float = 6.0) -> Change:
    """Make each window louder or quieter and tilt its spectrum, as another microphone would.

    Parameters
    ----------
    gain : float
        At most this much up or down, in dB.
    tilt : float
        At most this much from the lowest band to the highest, in dB.
    """

    def change(x, y, rng):
        gains = rng.uniform(-gain, gain, (len(x), 1, 1)) * _NEPER
        slopes = rng.uniform(-tilt, tilt, (len(x), 1, 1)) * _NEPER
        line = np.linspace(-0.5, 0.5, x.shape[2])
        return (x + gains + slopes * line).astype(np.float32), y

    return change


def spec_augment(*, bands: int = 10, frames: float = 0.15, count: int = 2) -> Change:
    """Blank out some bands and some frames of each window with its mean.

    Parameters
    ----------
    bands : int
        Most bands of one mask.
    frames : float
        Longest mask in time, as a share of the window.
    count : int
        Masks of each kind.

    References
    ----------
    Park, D. S., et al. (2019). SpecAugment: A simple data augmentation method for automatic speech
    recognition. Interspeech. https://arxiv.org/abs/1904.08779
    """

    def change(x, y, rng):
        x = x.copy()
        longest = int(frames * x.shape[1])
        for one in x:
            blank = one.mean()
            for _ in range(count):
                wide = rng.integers(0, bands + 1)
                start = rng.integers(0, x.shape[2] - wide + 1)
                one[:, start : start + wide] = blank
                wide = rng.integers(0, longest + 1)
                start = rng.integers(0, x.shape[1] - wide + 1)
                one[start : start + wide] = blank
        return x, y

    return change


def behind(*, snr_db: tuple[float, float] = (5.0, 25.0), share: float = 0.5) -> Change:
    """Put another window of the batch behind each, quieter; the targets stay.

    Parameters
    ----------
    snr_db : tuple of float
        Range of the level of the window over the other one.
    share : float
        Share of the windows that get a background.
    """

    def change(x, y, rng):
        other = x[rng.permutation(len(x))]
        power = [np.log(np.exp(one).sum(axis=2).mean(axis=1)) for one in (x, other)]
        lower = power[0] - power[1] - rng.uniform(*snr_db, len(x)) * _NEPER
        mixed = np.logaddexp(x, other + lower[:, None, None])
        chosen = rng.random(len(x)) < share
        return np.where(chosen[:, None, None], mixed, x).astype(np.float32), y

    return change


def mixup(*, alpha: float = 0.4, share: float = 0.7) -> Change:
    """Mix windows in pairs, and their targets in the same proportion.

    The sounds are mixed, not their logarithms: powers are added. The louder part of a pair keeps
    its place, so the first of each pair is the one that is heard most.

    Parameters
    ----------
    alpha : float
        Of the beta distribution that the proportion is drawn from: small values give mixtures with
        one clear winner.
    share : float
        Share of the windows that are mixed at all.

    References
    ----------
    Zhang, H., et al. (2018). mixup: Beyond empirical risk minimization. ICLR.
    https://arxiv.org/abs/1710.09412
    """

    def change(x, y, rng):
        other = rng.permutation(len(x))
        part = rng.beta(alpha, alpha, len(x))
        part = np.where(rng.random(len(x)) < share, np.maximum(part, 1 - part), 1.0)
        first, second = part[:, None, None], np.maximum(1 - part, 1e-9)[:, None, None]
        mixed = np.logaddexp(x + np.log(first), x[other] + np.log(second))
        mixed = np.where(first < 1, mixed, x).astype(np.float32)
        weight = part[:, None].astype(np.float32)
        return mixed, weight * y + (1 - weight) * y[other]

    return change


def _library(
    name: str, samples: np.ndarray, *, rng=None, options: dict | None = None, **amount: float
) -> np.ndarray:
    """Apply one transform of audiomentations with its range shut to one amount."""
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    if samples.ndim != 1 or not len(samples):
        raise ValueError(f"samples must be one row and not empty, found shape {samples.shape}")
    if not samples.any():
        return samples.copy()  # silence stays silence; levels against it mean nothing
    shut = {f"{end}_{key}": value for key, value in amount.items() for end in ("min", "max")}
    with _seeded(rng), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import audiomentations

        transform: Callable = getattr(audiomentations, name)(p=1.0, **shut, **(options or {}))
        return np.asarray(transform(samples, sample_rate=SAMPLE_RATE), dtype=np.float32)


@contextmanager
def _seeded(rng: np.random.Generator | None):
    """Let a library that draws from the global generators draw from ours, and put theirs back."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002  (the library draws there)
    seed = 0 if rng is None else int(rng.integers(2**32))
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
