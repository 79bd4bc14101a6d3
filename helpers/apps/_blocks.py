"""What a source of sound yields: blocks of samples, and word of what went wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


class StreamError(ValueError):
    """A source or a block that cannot be used; the message says what was found and the remedy."""


@dataclass(frozen=True)
class Block:
    """Some samples of a stream.

    Parameters
    ----------
    start : int
        Index of the first sample on the clock of the stream. It never goes back; where it is more
        than the end of the block before, samples were lost in between.
    samples : ndarray, shape (n,), float32
        Mono, at the detector's sample rate, in [-1, 1].
    time : float or None
        Unix time of the first sample, where the source knows it.
    """

    start: int
    samples: np.ndarray
    time: float | None = None

    @property
    def stop(self) -> int:
        """Index of the sample after the last one."""
        return self.start + len(self.samples)


@dataclass(frozen=True)
class Trouble:
    """Something that a source noticed: `kind` is that of a :class:`helpers.apps.records.Notice`."""

    time: float
    kind: str
    text: str
