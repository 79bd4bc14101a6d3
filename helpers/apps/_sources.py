"""Sources that hold their sound already: an array, and a file of any length."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ._blocks import Block, StreamError

SAMPLE_RATE = 16_000
BLOCK = 0.05  # seconds: short against the delay that a listener notices

PACES = ("fast", "real")


class ArraySource:
    """Blocks of an array.

    Parameters
    ----------
    samples : ndarray, shape (n,), float32
        At 16 kHz.
    sizes : int or sequence of int
        Samples in a block; a sequence is gone through again and again.
    start : int
        The clock of the first sample.
    began : float, optional
        Unix time of the first sample.

    Raises
    ------
    StreamError
        When a size is below one.
    """

    def __init__(
        self,
        samples: np.ndarray,
        *,
        sizes: int | Sequence[int] = round(BLOCK * SAMPLE_RATE),
        start: int = 0,
        began: float | None = None,
    ) -> None:
        self.samples, self.start, self.began = samples, start, began
        self.sizes = (sizes,) if isinstance(sizes, int) else tuple(sizes)
        if not self.sizes or min(self.sizes) < 1:
            raise StreamError(f"sizes must be 1 sample or more each, found {sizes}")

    def __iter__(self) -> Iterator[Block]:
        at = 0
        for size in itertools.cycle(self.sizes):
            if at >= len(self.samples):
                return
            when = None if self.began is None else self.began + at / SAMPLE_RATE
            yield Block(self.start + at, self.samples[at : at + size], when)
            at += size


class FileSource:
    """Blocks of a sound file, read as it goes: a day needs no more memory than a minute.

    Parameters
    ----------
    path : path
        What libsndfile reads is read piece by piece, at any rate; other formats (m4a, webm) are
        decoded whole first.
    pace : {"fast", "real"}
        As fast as it goes, or as a microphone would bring it.
    block : float
        Seconds in a block.
    began : float, optional
        Unix time of the first sample; now when left out.
    sleep, clock : callables
        For tests.

    Raises
    ------
    StreamError
        When `pace` is another word.
    helpers.audio.AudioError
        When the file is missing, empty, cut short or no sound, or holds what is no number; at the
        latest when the broken part is reached.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        pace: str = "fast",
        block: float = BLOCK,
        began: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if pace not in PACES:
            raise StreamError(f"pace must be one of {', '.join(PACES)}, found {pace!r}")
        self.path, self.pace, self.block = Path(path), pace, block
        self.began, self._sleep, self._clock = began, sleep, clock
        self.pieces = _pieces(self.path, block)  # opened here: a bad file is an error at once

    def __iter__(self) -> Iterator[Block]:
        opened = self._clock()
        began = opened if self.began is None else self.began
        at = 0
        for samples in self.pieces:
            if self.pace == "real":  # a block is there once its last sample has sounded
                wait = opened + (at + len(samples)) / SAMPLE_RATE - self._clock()
                self._sleep(max(0.0, wait))
            yield Block(at, samples, began + at / SAMPLE_RATE)
            at += len(samples)


def _pieces(path: Path, block: float) -> Iterator[np.ndarray]:
    """Open a file and return its samples at 16 kHz, piece by piece."""
    import soundfile

    from .. import audio
    from .._codecs import refuse_missing, refuse_truncated

    refuse_missing(path)
    try:
        sound = soundfile.SoundFile(path)
    except soundfile.LibsndfileError:
        samples = audio.read(path, quiet=True)  # other formats, or a clear error
        size = max(1, round(block * SAMPLE_RATE))
        return (samples[i : i + size] for i in range(0, len(samples), size))
    refuse_truncated(path, sound.format)
    if sound.frames == 0:
        raise audio.AudioError(f"{path}: no samples in it (zero length): record or fetch it again")
    return _read(path, sound, block)


def _read(path: Path, sound, block: float) -> Iterator[np.ndarray]:
    from ..audio import AudioError

    resampler = Resampler(sound.samplerate)
    size, found = max(1, round(block * sound.samplerate)), 0
    with sound:
        while len(part := _next(path, sound, size)):
            if not np.isfinite(part).all():
                at = found / sound.samplerate
                raise AudioError(f"{path}: holds NaN or infinity after {at:.1f} s: record it again")
            found += len(part)
            last = len(part) < size or found == sound.frames
            if len(samples := resampler(part.mean(axis=1), last=last)):
                yield samples
        if found < sound.frames < 2**62:
            raise AudioError(
                f"{path}: cut short, its header promises {sound.frames} frames and {found} could "
                "be read: fetch or record it again"
            )


def _next(path: Path, sound, size: int) -> np.ndarray:
    import soundfile

    from ..audio import AudioError

    try:
        return sound.read(size, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{path}: breaks off or is damaged ({error}): fetch or record it again"
        ) from error


class Resampler:
    """Bring a stream to 16 kHz, piece by piece; nothing is done where it is there already."""

    def __init__(self, sample_rate: float) -> None:
        self._stream = None
        if sample_rate != SAMPLE_RATE:
            import soxr

            self._stream = soxr.ResampleStream(
                sample_rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ"
            )

    def __call__(self, samples: np.ndarray, *, last: bool = False) -> np.ndarray:
        if self._stream is None:
            return samples
        return self._stream.resample_chunk(np.ascontiguousarray(samples), last=last)
