"""Features: the one front end that training, notebooks, stream and export share.

Frame ``i`` covers the samples ``[i * hop, i * hop + n_fft)`` and its time is the centre of
that span. Nothing looks at the loudest part of a clip, so a stream and a file that hold the
same samples get the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from . import store
from ._mel import hz_to_mel, mel_filters, mel_to_hz

__all__ = [
    "FrontEnd",
    "context",
    "delta",
    "frame_index",
    "hz_to_mel",
    "mel_filters",
    "mel_to_hz",
    "mfcc",
    "of_dataset",
    "windows",
]

# A fast Fourier transform of this many frames at a time keeps the memory of an hour flat.
_BLOCK_FRAMES = 4096


@dataclass(frozen=True)
class FrontEnd:
    """From samples to standardised log-mel frames, with every setting in one frozen object.

    Parameters
    ----------
    sample_rate : int
        Samples a second.
    n_fft : int
        Samples in a frame, windowed with a periodic Hann window.
    hop : int
        Samples from one frame to the next.
    n_mels : int
        Number of mel bands.
    fmin, fmax : float
        Frequency range of the bands in Hz.
    floor : float
        Added to the power before the logarithm. It is fixed, never relative to a clip, and lies
        above the rounding noise of 16-bit audio, so digital silence and near silence look alike.
    mean, std : tuple of float or None
        Mean and standard deviation of each band over the training set; None leaves the
        log-mel as it is.

    Raises
    ------
    ValueError
        When a setting is out of its range.
    """

    sample_rate: int = 16_000
    n_fft: int = 512
    hop: int = 160
    n_mels: int = 64
    fmin: float = 100.0
    fmax: float = 8000.0
    floor: float = 1e-8
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.hop <= self.n_fft:
            raise ValueError(
                f"hop must be from 1 to n_fft ({self.n_fft}), found {self.hop}: "
                "a longer hop would skip samples between frames"
            )
        if not 0 <= self.fmin < self.fmax <= self.sample_rate / 2:
            raise ValueError(
                f"need 0 <= fmin < fmax <= {self.sample_rate / 2:g} Hz (half the sample rate), "
                f"found fmin={self.fmin:g} and fmax={self.fmax:g}"
            )
        for name in ("mean", "std"):
            values = getattr(self, name)
            if values is not None and len(values) != self.n_mels:
                raise ValueError(
                    f"{name} must hold one value for each of the {self.n_mels} bands, "
                    f"found {len(values)}: fit the front end again"
                )

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.sample_rate / self.hop

    def n_frames(self, n_samples: int) -> int:
        """Count the frames that cover `n_samples`, the last one padded with zeros."""
        return max(1, 1 + -(-(n_samples - self.n_fft) // self.hop))

    def times(self, n_frames: int) -> np.ndarray:
        """Centre of each frame in seconds, shape (n_frames,), float64."""
        return (np.arange(n_frames) * self.hop + self.n_fft / 2) / self.sample_rate

    def log_mel(self, samples: np.ndarray) -> np.ndarray:
        """Natural logarithm of the mel power, not standardised.

        Parameters
        ----------
        samples : ndarray, shape (n,)
            Mono audio at the front end's sample rate.

        Returns
        -------
        ndarray, shape (frames, n_mels), float32

        Raises
        ------
        ValueError
            When `samples` is not one-dimensional, is empty, or is not finite.
        """
        samples = np.asarray(samples, dtype=np.float32)
        if samples.ndim != 1 or samples.size == 0:
            raise ValueError(
                f"samples must be one-dimensional and not empty, found shape {samples.shape}: "
                "downmix with helpers.audio.downmix first"
            )
        if not np.isfinite(samples).all():
            raise ValueError("samples hold NaN or infinity: read them with helpers.audio.read")
        count = self.n_frames(len(samples))
        padded = np.pad(samples, (0, (count - 1) * self.hop + self.n_fft - len(samples)))
        frames = sliding_window_view(padded, self.n_fft)[:: self.hop]
        blocks = [
            self._mel_power(frames[start : start + _BLOCK_FRAMES])
            for start in range(0, count, _BLOCK_FRAMES)
        ]
        return np.log(np.concatenate(blocks) + np.float32(self.floor))

    def features(self, samples: np.ndarray) -> np.ndarray:
        """Log-mel frames, standardised where the front end was fitted; (frames, n_mels)."""
        return self.standardise(self.log_mel(samples))

    def standardise(self, log_mel: np.ndarray) -> np.ndarray:
        """Subtract the training mean of each band and divide by its deviation."""
        if self.mean is None or self.std is None:
            return log_mel
        mean, std = np.float32(self.mean), np.float32(self.std)
        return (log_mel - mean) / std

    def fit(self, log_mels: Iterable[np.ndarray]) -> FrontEnd:
        """Return a copy with the mean and deviation of each band over `log_mels`.

        Parameters
        ----------
        log_mels : iterable of ndarray, each (frames, n_mels)
            Log-mel frames of the training recordings, and of no others.

        Returns
        -------
        FrontEnd

        Raises
        ------
        ValueError
            When there is nothing to fit on.
        """
        stacked = list(log_mels)
        if not stacked:
            raise ValueError("log_mels is empty: the front end needs training recordings")
        stacked = np.concatenate(stacked)
        mean, std = stacked.mean(0, dtype=np.float64), stacked.std(0, dtype=np.float64)
        return replace(
            self,
            mean=tuple(round(float(m), 6) for m in mean),
            std=tuple(round(float(s), 6) for s in np.maximum(std, 1e-3)),
        )

    def to_dict(self) -> dict:
        """Return every setting as plain numbers and lists, ready for JSON."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, settings: dict) -> FrontEnd:
        """Build a front end from :meth:`to_dict`; unknown settings raise TypeError."""
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})

    def _mel_power(self, frames: np.ndarray) -> np.ndarray:
        window = np.hanning(self.n_fft + 1)[:-1].astype(np.float32)
        spectrum = np.fft.rfft(frames * window)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        return power @ mel_filters(
            sample_rate=self.sample_rate,
            n_fft=self.n_fft,
            n_mels=self.n_mels,
            fmin=float(self.fmin),
            fmax=float(self.fmax),
        )


def frame_index(seconds: np.ndarray | float, *, front_end: FrontEnd) -> np.ndarray | int:
    """Index of the frame whose centre is nearest: the one way from seconds to frames.

    Parameters
    ----------
    seconds : float or array_like
        Times in seconds.
    front_end : FrontEnd

    Returns
    -------
    int or ndarray of int
        Never negative. Ties go to the later frame.

    Examples
    --------
    >>> front_end = FrontEnd()
    >>> frame_index(front_end.times(5), front_end=front_end).tolist()
    [0, 1, 2, 3, 4]
    """
    position = (
        np.asarray(seconds, dtype=np.float64) * front_end.sample_rate - front_end.n_fft / 2
    ) / front_end.hop
    # The small step keeps a time that came out of `times` from falling on the wrong side.
    index = np.maximum(0, np.floor(position + 0.5 + 1e-6)).astype(int)
    return int(index) if index.ndim == 0 else index


def mfcc(log_mel: np.ndarray, *, n_mfcc: int = 13) -> np.ndarray:
    """Mel-frequency cepstral coefficients: a cosine transform across the bands.

    Parameters
    ----------
    log_mel : ndarray, shape (frames, n_mels)
    n_mfcc : int
        How many coefficients to keep, the lowest first.

    Returns
    -------
    ndarray, shape (frames, n_mfcc), float32
    """
    from scipy.fft import dct

    return dct(log_mel, type=2, axis=1, norm="ortho")[:, :n_mfcc].astype(np.float32)


def delta(features: np.ndarray, *, width: int = 7) -> np.ndarray:
    """Slope over time of each feature, by a least-squares line over `width` frames.

    Parameters
    ----------
    features : ndarray, shape (frames, n)
    width : int
        Odd number of frames, 3 or more. Edges repeat the first and last frame.

    Returns
    -------
    ndarray, shape (frames, n), float32

    Raises
    ------
    ValueError
        When `width` is even or below 3.
    """
    if width < 3 or width % 2 == 0:
        raise ValueError(f"width must be odd and 3 or more, found {width}")
    from scipy.signal import savgol_filter

    half = width // 2
    padded = np.pad(features, ((half, half), (0, 0)), mode="edge")
    return savgol_filter(padded, width, 1, deriv=1, axis=0)[half:-half].astype(np.float32)


def context(features: np.ndarray, *, before: int, after: int) -> np.ndarray:
    """Put each frame's neighbours beside it, so that a linear model can see them.

    Parameters
    ----------
    features : ndarray, shape (frames, n)
    before, after : int
        How many frames on either side. Edges repeat the first and last frame.

    Returns
    -------
    ndarray, shape (frames, (before + 1 + after) * n), float32
        Oldest frame first.
    """
    padded = np.pad(features, ((before, after), (0, 0)), mode="edge")
    shown = sliding_window_view(padded, before + 1 + after, axis=0)
    return np.ascontiguousarray(np.moveaxis(shown, -1, 1)).reshape(len(features), -1)


def windows(features: np.ndarray, *, length: int, hop: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut frames into overlapping windows that together cover every frame.

    Parameters
    ----------
    features : ndarray, shape (frames, ...)
    length : int
        Frames in a window.
    hop : int
        Frames from the start of one window to the next, at most `length`.

    Returns
    -------
    windows : ndarray, shape (n, length, ...)
        The tail is filled by repeating the last frame: zeros would be a loud sound in decibels.
    starts : ndarray of int, shape (n,)
        First frame of each window.

    Raises
    ------
    ValueError
        When there are no frames, or `hop` would skip some.
    """
    if len(features) == 0:
        raise ValueError("features hold no frames: is the recording empty?")
    if not 1 <= hop <= length:
        raise ValueError(f"hop must be from 1 to length ({length}), found {hop}")
    count = max(1, 1 + -(-(len(features) - length) // hop))
    tail = (count - 1) * hop + length - len(features)
    padded = np.pad(features, [(0, tail)] + [(0, 0)] * (features.ndim - 1), mode="edge")
    starts = np.arange(count) * hop
    return padded[starts[:, None] + np.arange(length)], starts


def of_dataset(
    dataset,
    *,
    front_end: FrontEnd,
    filenames: Sequence[str] | None = None,
    role: str | None = None,
) -> dict[str, np.ndarray]:
    """Log-mel frames of the recordings of a dataset, computed once and kept.

    Parameters
    ----------
    dataset : helpers.datasets.Dataset
    front_end : FrontEnd
        Mean and deviation are left aside: what is kept is not standardised.
    filenames : sequence of str, optional
        Which recordings; all of them by default.
    role : {"train", "test"}, optional
        Which version of the audio, for a dataset that has two.

    Returns
    -------
    dict of str to ndarray, shape (frames, n_mels), float32
    """
    names = list(dataset.recordings["filename"]) if filenames is None else list(filenames)
    plain = replace(front_end, mean=None, std=None)
    config = {
        "dataset": dataset.name,
        "folder": Path(dataset.folder).name,
        "filenames": list(dataset.recordings["filename"]),
        "role": role,
        "front_end": plain.to_dict(),
        "version": 1,
    }

    def make(path: Path) -> None:
        options = {} if role is None else {"role": role}
        arrays = {
            name: plain.log_mel(dataset.audio(name, **options))
            for name in dataset.recordings["filename"]
        }
        with path.open("wb") as file:
            np.savez(file, **arrays)

    with np.load(store.artefact("log_mel", config, make, suffix=".npz")) as kept:
        return {name: kept[name] for name in names}
