"""A sound file of any length, piece by piece: the samples of `helpers.audio.read`, to the last bit.

What that refuses is refused here too: at once where the header gives it away, else when the bad
part is reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

SAMPLE_RATE = 16_000
UNKNOWN = 2**62  # frames; libsndfile says so of an MP3 without a header


class Pieces:
    """Samples of a file at 16 kHz, one channel, in [-1, 1], to be gone through once.

    Parameters
    ----------
    path : path
        What libsndfile reads is read piece by piece; other formats (m4a, webm) are decoded packet
        by packet.
    seconds : float
        Length of a piece, about.

    Attributes
    ----------
    duration : float or None
        Seconds that the header promises; None where it promises nothing.

    Raises
    ------
    helpers.audio.AudioError
        When the file is missing, empty, cut short or no sound, or holds what is no sample; at the
        latest when the broken part is reached.
    """

    def __init__(self, path: str | Path, *, seconds: float) -> None:
        import soundfile

        from .._codecs import AudioError, opened, refuse_missing, refuse_truncated

        self.path, self._seconds = Path(path), seconds
        self.duration: float | None = None
        refuse_missing(self.path)
        try:
            sound = opened(self.path)
        except soundfile.LibsndfileError as error:
            self._raw, self._rate = self._by_av(str(error))
            return
        try:
            refuse_truncated(self.path, sound.format)
            if sound.frames == 0:
                raise AudioError(
                    f"{path}: no samples in it (zero length): record or fetch it again"
                )
        except AudioError:
            sound.close()
            raise
        self._rate = sound.samplerate
        if sound.frames < UNKNOWN:
            self.duration = sound.frames / self._rate
        self._raw = self._by_libsndfile(sound)

    def __iter__(self) -> Iterator[np.ndarray]:
        from ..audio import downmix

        resample, found = Resampler(self._rate), 0
        for raw, last in _with_last(self._raw):
            mono = downmix(raw)
            self._check(mono, found / self._rate)
            found += len(mono)
            if len(samples := resample(mono, last=last)):
                yield np.clip(samples, -1.0, 1.0)

    def _check(self, mono: np.ndarray, at: float) -> None:
        """Refuse what `helpers.audio.check` refuses; ``at`` is where the piece begins."""
        from .._codecs import AudioError

        if not np.isfinite(mono).all():
            raise AudioError(
                f"{self.path}: holds NaN or infinity after {at:.1f} s: record it again"
            )
        peak = float(np.abs(mono).max(initial=0.0))
        if peak > 2.0:
            raise AudioError(
                f"{self.path}: samples reach {peak:.4g} after {at:.1f} s, full scale is 1: divide "
                "by the full scale (32768 for 16 bit)"
            )

    def _by_libsndfile(self, sound) -> Iterator[np.ndarray]:
        import soundfile

        from .._codecs import AudioError

        size, found = max(1, round(self._seconds * self._rate)), 0
        with sound:
            try:
                while len(part := sound.read(size, dtype="float32")):
                    found += len(part)
                    yield part
            except soundfile.LibsndfileError as error:
                raise AudioError(
                    f"{self.path}: breaks off or is damaged ({error}): fetch or record it again"
                ) from error
            if found < sound.frames < UNKNOWN:
                raise AudioError(
                    f"{self.path}: cut short, its header promises {sound.frames} frames and "
                    f"{found} could be read: fetch or record it again"
                )

    def _by_av(self, reason: str) -> tuple[Iterator[np.ndarray], int]:
        """Decode by PyAV; its first part is empty and tells the rate, or the file is refused."""
        from .._codecs import av_parts

        parts = av_parts(self.path, reason)
        _, rate = next(parts)
        return _gathered((part for part, _ in parts), round(self._seconds * rate)), rate


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


class Window:
    """Read forwards through pieces by the numbers of samples; what lies behind is forgotten.

    Attributes
    ----------
    n_samples : int
        How many were read; all there are, once a call gave fewer than it was asked for.
    peak : float
        The highest of their magnitudes.
    """

    def __init__(self, pieces) -> None:
        self._pieces = iter(pieces)
        self._kept, self._start = np.zeros(0, np.float32), 0
        self.n_samples, self.peak = 0, 0.0

    def __call__(self, first: int, until: int) -> np.ndarray:
        """Give the samples [first, until), fewer at the end; ``first`` never goes down."""
        parts = [self._kept[first - self._start :]]
        while self.n_samples < until and (part := next(self._pieces, None)) is not None:
            parts.append(part)
            self.n_samples += len(part)
            self.peak = max(self.peak, float(np.abs(part).max()))
        self._kept, self._start = np.concatenate(parts), first
        return self._kept[: until - first]


def _with_last(parts: Iterator[np.ndarray]) -> Iterator[tuple[np.ndarray, bool]]:
    """Say of each part whether it is the last: the resampler must know."""
    held = next(parts, None)
    while held is not None:
        following = next(parts, None)
        yield held, following is None
        held = following


def _gathered(parts: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Join short parts into pieces of ``size`` samples or a little more."""
    held, count = [], 0
    for part in parts:
        held.append(part)
        count += len(part)
        if count >= size:
            yield np.concatenate(held)
            held, count = [], 0
    if count:
        yield np.concatenate(held)
