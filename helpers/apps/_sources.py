"""Sources that hold their sound already: an array, and a file of any length."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ._blocks import Block, StreamError
from ._pieces import SAMPLE_RATE, Pieces

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
        Any that `helpers.audio.read` takes, at any rate.
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
        self.pieces = Pieces(
            self.path, seconds=block
        )  # opened here: a bad file is an error at once

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
