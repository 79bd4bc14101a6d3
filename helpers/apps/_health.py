"""Is the microphone alive? Digital silence and clipping, told once and not again and again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .records import Notice

SILENCE = 10.0  # seconds of exact zeros: no microphone in a room is that quiet
CLIPPED = 0.001  # share of the samples of a minute at full scale
FULL = 0.999


class Health:
    """Watch the samples of a stream.

    Parameters
    ----------
    sample_rate : int
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.level = -np.inf  # of the last second, in dB
        self._zeros = 0  # samples since the last one that was not zero
        self._silent = False
        self._seen = self._full = 0  # in this minute
        self._clipping = False
        self._power, self._count = 0.0, 0

    def take(self, samples: np.ndarray, time: float) -> Iterator[Notice]:
        """Look at a block that began at a unix time; yield what is worth a word."""
        if len(samples):
            self._measure(samples)
            yield from self._silence(samples, time)
            yield from self._clips(samples, time)

    def _measure(self, samples: np.ndarray) -> None:
        self._power += float(np.square(samples, dtype=np.float64).sum())
        self._count += len(samples)
        if self._count >= self.sample_rate:
            self.level = 10 * np.log10(self._power / self._count + 1e-12)
            self._power, self._count = 0.0, 0

    def _silence(self, samples: np.ndarray, time: float) -> Iterator[Notice]:
        loud = np.flatnonzero(samples)
        self._zeros = len(samples) - 1 - loud[-1] if len(loud) else self._zeros + len(samples)
        if not self._silent and self._zeros >= SILENCE * self.sample_rate:
            self._silent = True
            text = f"nothing but zeros for {SILENCE:.0f} s: is the microphone muted or unplugged?"
            yield Notice(time, "silence", text)
        if self._silent and len(loud):
            self._silent = False
            yield Notice(time, "sound again", "there is sound again")

    def _clips(self, samples: np.ndarray, time: float) -> Iterator[Notice]:
        self._seen += len(samples)
        self._full += int((np.abs(samples) >= FULL).sum())
        if self._seen < 60 * self.sample_rate:
            return
        share, self._seen, self._full = self._full / self._seen, 0, 0
        if share > CLIPPED and not self._clipping:
            text = f"{share:.1%} of the last minute is clipped: lower the gain, or move away"
            yield Notice(time, "clipping", text)
        self._clipping = share > CLIPPED / 2
