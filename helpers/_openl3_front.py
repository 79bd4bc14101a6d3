"""What OpenL3 hears: one second of sound as a spectrogram in decibels, and how it is cut.

The settings are those of the audio networks of OpenL3 0.4 with kapre as its front end. Three of
them are easily got wrong. The level is ``10 log10`` of the *magnitude*, so that the 80 dB that are
kept below the loudest point of a window span 160 dB of power. The loudest point of each window is
0 dB, so loudness itself is lost. And the Mel filters have unit area (Slaney).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

import numpy as np

from . import audio
from ._mel import mel_filters

SAMPLE_RATE = 48_000
WINDOW = SAMPLE_RATE  # samples: one second
FRAME_HOP = 242  # samples from one frame of the spectrogram to the next
SMALLEST = 1e-10  # magnitudes below count as this
RANGE_DB = 80.0  # what lies further below the loudest point of a window is cut off

_BLOCK_SECONDS = 60.0  # resampled in one go: keeps the memory of an hour flat
_MARGIN_SECONDS = 0.1  # beyond a block, so that the resampling filter sees no edge


@dataclass(frozen=True)
class Representation:
    """Settings of one kind of spectrogram.

    Parameters
    ----------
    n_fft : int
        Samples in a frame and in its Fourier transform, windowed with a periodic Hann window.
    n_mels : int or None
        Mel bands from 0 Hz to 24 kHz; None keeps the bins of the Fourier transform.
    pad_end : bool
        Whether zeros complete the last frames, or frames that would need them are left out.
    """

    n_fft: int
    n_mels: int | None
    pad_end: bool

    @property
    def n_frames(self) -> int:
        """Frames in a window."""
        if self.pad_end:
            return -(-WINDOW // FRAME_HOP)
        return 1 + (WINDOW - self.n_fft) // FRAME_HOP

    @property
    def n_bins(self) -> int:
        """Bands or bins of a frame."""
        return self.n_mels or self.n_fft // 2 + 1


REPRESENTATIONS = {
    "mel256": Representation(n_fft=2048, n_mels=256, pad_end=True),
    "mel128": Representation(n_fft=2048, n_mels=128, pad_end=True),
    "linear": Representation(n_fft=512, n_mels=None, pad_end=False),
}


def spectrogram(samples, representation: Representation):
    """Levels in dB below the loudest point of each window, as operations of Keras.

    Parameters
    ----------
    samples : tensor, shape (batch, 48000)
        Sound at 48 kHz.
    representation : Representation

    Returns
    -------
    tensor, shape (batch, bins, frames, 1)
        From -80 to 0. A window of zeros is 0 throughout.
    """
    from keras import ops

    span = (representation.n_frames - 1) * FRAME_HOP + representation.n_fft
    samples = ops.pad(samples, ((0, 0), (0, max(0, span - WINDOW))))
    n_fft = representation.n_fft
    real, imaginary = ops.stft(samples, n_fft, FRAME_HOP, n_fft, window="hann", center=False)
    magnitude = ops.sqrt(ops.square(real) + ops.square(imaginary))
    if representation.n_mels:
        magnitude = ops.matmul(magnitude, _filters(n_fft, representation.n_mels))
    level = 10.0 * ops.log10(ops.maximum(magnitude, SMALLEST))
    level = ops.maximum(level - ops.max(level, axis=(1, 2), keepdims=True), -RANGE_DB)
    return ops.expand_dims(ops.transpose(level, (0, 2, 1)), -1)


def _filters(n_fft: int, n_mels: int) -> np.ndarray:
    return mel_filters(
        sample_rate=SAMPLE_RATE, n_fft=n_fft, n_mels=n_mels, fmin=0.0, fmax=SAMPLE_RATE / 2
    )


@dataclass(frozen=True)
class Cut:
    """How a sound falls into windows of one second.

    Parameters
    ----------
    n_samples : int
        Length of the sound at 48 kHz.
    hop : int
        Samples at 48 kHz from one window to the next.
    center : bool
        Whether the first window has its centre at 0 s, half of it zeros, as OpenL3 does unless
        told otherwise. Else it starts at 0 s.
    """

    n_samples: int
    hop: int
    center: bool

    @property
    def offset(self) -> int:
        """Sample where the first window starts, 0 or less."""
        return -(WINDOW // 2) if self.center else 0

    @property
    def count(self) -> int:
        """Windows that cover the whole sound; zeros complete the last."""
        return 1 + max(0, -(-(self.n_samples - self.offset - WINDOW) // self.hop))

    @property
    def times(self) -> np.ndarray:
        """Centre of each window in seconds."""
        return (np.arange(self.count) * self.hop + self.offset + WINDOW / 2) / SAMPLE_RATE


def windows(samples: np.ndarray, sample_rate: int, cut: Cut) -> Iterator[np.ndarray]:
    """Cut a sound into windows at 48 kHz, a block of them at a time.

    Parameters
    ----------
    samples : ndarray, shape (n,)
    sample_rate : int
        Of the samples, in Hz.
    cut : Cut

    Yields
    ------
    ndarray, shape (windows, 48000), float32
        Views into a block of about a minute.
    """
    together = max(1, int(_BLOCK_SECONDS * SAMPLE_RATE) // cut.hop)
    for start in range(0, cut.count, together):
        stop = min(cut.count, start + together)
        first = start * cut.hop + cut.offset
        block = piece(samples, sample_rate, first, (stop - 1 - start) * cut.hop + WINDOW)
        yield np.lib.stride_tricks.sliding_window_view(block, WINDOW)[:: cut.hop]


def piece(samples: np.ndarray, sample_rate: int, first: int, length: int) -> np.ndarray:
    """Part of a sound at 48 kHz, with zeros where there is no sound.

    Parameters
    ----------
    samples : ndarray, shape (n,)
    sample_rate : int
        Of the samples, in Hz.
    first, length : int
        The part wanted, in samples at 48 kHz; `first` may be negative.

    Returns
    -------
    ndarray, shape (length,), float32
    """
    # A part starts where a sample of the source and one of the result fall together.
    step = sample_rate // gcd(sample_rate, SAMPLE_RATE)
    margin = round(_MARGIN_SECONDS * sample_rate)
    begin = max(0, first * sample_rate // SAMPLE_RATE - margin) // step * step
    end = max(0, (first + length) * sample_rate // SAMPLE_RATE + margin)
    if begin >= min(end, len(samples)):
        return np.zeros(length, np.float32)
    part = audio.resample(samples[begin:end], source=sample_rate, target=SAMPLE_RATE)
    skip = first - begin * SAMPLE_RATE // sample_rate
    part = part[max(0, skip) :][: length - max(0, -skip)]
    before = min(length, max(0, -skip))
    return np.pad(part, (before, length - before - len(part)))
