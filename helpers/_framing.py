"""How a clip of machine sound becomes vectors: as the DCASE 2020 Task 2 baseline does it."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass

import numpy as np

from .audio import SAMPLE_RATE


@dataclass(frozen=True)
class Framing:
    """How a clip becomes vectors; the defaults are those of the DCASE 2020 Task 2 baseline.

    Parameters
    ----------
    n_fft, hop : int
        Samples in a frame, and from one frame to the next. Frames are centred on multiples of the
        hop and the sound is mirrored at its ends, as librosa did when the baseline was published.
    n_mels : int
        Mel bands from 0 Hz to half the sample rate.
    frames : int
        Frames in a vector, laid one behind the other.
    stride : int
        Frames from one vector to the next.
    """

    n_fft: int = 1024
    hop: int = 512
    n_mels: int = 128
    frames: int = 5
    stride: int = 1

    def log_mel(self, samples: np.ndarray) -> np.ndarray:
        """Mel power in decibels, shape (frames, n_mels), float32.

        Parameters
        ----------
        samples : ndarray, shape (n,)
            Mono sound at 16 kHz.

        Raises
        ------
        ValueError
            When `samples` is not one row, too short for one vector, or not finite.
        """
        import librosa

        samples = np.asarray(samples, dtype=np.float32)
        least = (self.frames - 1) * self.hop + 1
        if samples.ndim != 1:
            found = f"found shape {samples.shape}: take one channel, and say which"
            raise ValueError(f"samples must be one row, {found}")
        if len(samples) < max(least, self.n_fft // 2 + 1):
            raise ValueError(
                f"samples must hold {self.frames} frames ({least / SAMPLE_RATE:.2f} s) or more, "
                f"found {len(samples) / SAMPLE_RATE:.2f} s: leave the clip out"
            )
        if not np.isfinite(samples).all():
            raise ValueError("samples hold NaN or infinity: look at the file that they came from")
        options = {"n_fft": self.n_fft, "hop_length": self.hop, "pad_mode": "reflect"}
        power = np.abs(librosa.stft(samples, **options)) ** 2
        mel = (_filters(self.n_fft, self.n_mels) @ power).T
        return (10 * np.log10(mel + sys.float_info.epsilon)).astype(np.float32)

    def vectors(self, log_mel: np.ndarray) -> np.ndarray:
        """Lay neighbouring frames one behind the other: (vectors, frames * n_mels)."""
        count = (len(log_mel) - self.frames) // self.stride + 1
        if count < 1:
            raise ValueError(
                f"log_mel must hold {self.frames} frames or more, found {len(log_mel)}"
            )
        starts = np.arange(count) * self.stride
        index = starts[:, None] + np.arange(self.frames)
        return log_mel[index].reshape(count, -1)

    def spread(self, errors: np.ndarray, *, n_frames: int) -> np.ndarray:
        """Lay errors of vectors back on the spectrogram: the mean wherever several meet.

        Parameters
        ----------
        errors : ndarray, shape (vectors, frames or 1, n_mels)
            With 1, the error belongs to the frame in the middle of the vector.
        n_frames : int
            Frames of the clip.

        Returns
        -------
        ndarray, shape (n_frames, n_mels)
            NaN where no vector says anything.
        """
        first = 0 if errors.shape[1] == self.frames else self.frames // 2
        total, count = np.zeros((n_frames, self.n_mels)), np.zeros((n_frames, 1))
        for offset in range(errors.shape[1]):
            at = first + offset + self.stride * np.arange(len(errors))
            np.add.at(total, at, errors[:, offset])
            np.add.at(count, at, 1.0)
        return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


@functools.cache
def _filters(n_fft: int, n_mels: int) -> np.ndarray:
    import librosa

    return librosa.filters.mel(sr=SAMPLE_RATE, n_fft=n_fft, n_mels=n_mels)


def level(log_mel: np.ndarray) -> np.ndarray:
    """Level of a clip and how much it moves, in dB: one vector of two numbers."""
    loud = 10 * np.log10(np.sum(10 ** (log_mel.astype(np.float64) / 10), axis=1) + 1e-12)
    return np.array([[loud.mean(), loud.std()]])


def statistics(log_mel: np.ndarray) -> np.ndarray:
    """Mean and deviation of every band over the clip: one vector."""
    return np.concatenate([log_mel.mean(axis=0), log_mel.std(axis=0)])[None]
