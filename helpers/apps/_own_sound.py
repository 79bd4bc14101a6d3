"""What one pass over a sound file tells: level, clipping, silence, band, and a fingerprint.

A file is decoded in pieces of a few seconds, so that a recording of ten hours takes no more
memory than one of a minute.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from helpers import _codecs, audio

FRAME = 0.04  # seconds: a whole number of samples at every usual rate, 11025 Hz included
BLOCK = 10.0  # seconds
FINGERPRINT_FRAMES = 1000
EXCERPT = 5.0  # seconds
EXCERPT_RATE = 2_000  # Hz
AUDIBLE = 0.003  # peak of the block that the excerpt is taken from, -50 dB
BANDS = (80.0, 200.0, 400.0, 800.0, 1400.0, 2200.0, 3400.0)  # Hz, all below half of 8 kHz
FLOOR = 1e-10  # power, -100 dB: below the last bit of 16
FULL = 0.99
ZERO = 1.01 / 32_768  # a coder's dither moves the last bit of digital silence
RUN = 3  # samples in a row at full scale that make a clip, as in helpers.audio


@dataclass(frozen=True, eq=False)
class Sound:
    """Facts about the sound of one file.

    Parameters
    ----------
    duration
        In seconds.
    sample_rate
        Of the file, in Hz.
    channels
        Of the file; everything below is measured on their mean.
    digest
        Hash of the decoded samples: the same for a WAV file and the FLAC file made of it.
    peak
        Largest absolute sample, full scale is 1.
    level_db
        Root mean square level of the frames that are not digital silence, in dB re full scale.
    offset
        Mean of the samples (DC), full scale is 1.
    clipped
        Share of the samples that lie in runs of three or more at full scale.
    silent
        Share of the frames, 40 ms, in which every sample is zero, to the last of 16 bits.
    band
        Frequency in Hz above which the spectrum is empty, None when it reaches the top.
    fingerprint
        Level in dB, shape (frames, bands), of the first 40 s.
    excerpt
        Samples at 2 kHz of the first 5 s that can be heard.
    """

    duration: float
    sample_rate: int
    channels: int
    digest: str
    peak: float
    level_db: float
    offset: float
    clipped: float
    silent: float
    band: float | None
    fingerprint: np.ndarray
    excerpt: np.ndarray


def measure(path: Path) -> Sound:
    """Decode a sound file once and say what is in it.

    Raises
    ------
    AudioError
        When the file cannot be read to its end, or holds no sound; it names the remedy.
    """
    rate, channels, blocks = _open(path)
    tally = _Tally(rate)
    for block in blocks:
        tally.add(block, name=str(path))
    if tally.samples == 0:
        raise audio.AudioError(f"{path}: no samples in it (zero length): record or fetch it again")
    return tally.sound(channels)


def _open(path: Path) -> tuple[int, int, Iterator[np.ndarray]]:
    """Rate, number of channels, and the samples in blocks of shape (n,) or (n, channels)."""
    _codecs.refuse_missing(path)
    try:
        info = soundfile.info(str(path))
    except soundfile.LibsndfileError as error:
        parts = _codecs.av_parts(path, str(error))
        rate = next(parts)[1]
        return rate, 1, _gathered((part for part, _ in parts), round(BLOCK * rate))
    _codecs.refuse_truncated(path, info.format)
    return info.samplerate, info.channels, _blocks(path, round(BLOCK * info.samplerate))


def _gathered(parts: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Join the packets of a coder to pieces that are worth a transform."""
    kept: list[np.ndarray] = []
    for part in parts:
        kept.append(part)
        if sum(map(len, kept)) >= size:
            yield np.concatenate(kept)
            kept = []
    if any(map(len, kept)):
        yield np.concatenate(kept)


def _blocks(path: Path, size: int) -> Iterator[np.ndarray]:
    """Read a file piece by piece; refuse one that ends before its header says."""
    try:
        with soundfile.SoundFile(path) as sound:
            wanted, found = sound.frames, 0
            while len(block := sound.read(size, dtype="float32")):
                found += len(block)
                yield block
    except soundfile.LibsndfileError as error:
        raise audio.AudioError(
            f"{path}: breaks off or is damaged ({error}): fetch it again"
        ) from error
    if found < wanted < 2**62:  # MP3 without a header has no length
        raise audio.AudioError(
            f"{path}: cut short, its header promises {wanted} frames and {found} could be read: "
            "fetch or record it again"
        )


class _Tally:
    """Sums over the blocks of one file."""

    def __init__(self, rate: int):
        self.rate = rate
        self.frame = max(2, round(FRAME * rate))
        self.rest = np.zeros(0, np.float32)
        self.hash = hashlib.blake2b(digest_size=16)
        self.samples = self.frames = self.silent = self.clipped = 0
        self.peak = self.total = self.power = 0.0
        self.spectrum = np.zeros(self.frame // 2 + 1)
        self.window = np.hanning(self.frame).astype(np.float32)
        self.envelopes: list[np.ndarray] = []
        self.excerpt = np.zeros(0, np.float32)

    def add(self, block: np.ndarray, *, name: str) -> None:
        """Add the next samples, shape (n,) or (n, channels)."""
        mono = audio.check(audio.downmix(block), name=name, quiet=True)
        self.hash.update(np.ascontiguousarray(mono))
        self.samples += len(mono)
        self.total += float(mono.sum(dtype=np.float64))
        high = np.abs(mono)
        self.peak = max(self.peak, float(high.max()))
        self.clipped += _in_runs(high >= FULL)
        if not len(self.excerpt) and high.max() > AUDIBLE:
            first = mono[: round(EXCERPT * self.rate)]
            self.excerpt = audio.resample(first, source=self.rate, target=EXCERPT_RATE)
        mono = np.concatenate([self.rest, mono])
        whole = len(mono) // self.frame * self.frame
        self.rest = mono[whole:]
        if whole:
            self._frames(mono[:whole].reshape(-1, self.frame))

    def _frames(self, frames: np.ndarray) -> None:
        """Add whole frames, shape (n, samples of a frame); the rest of a file is left out."""
        sounding = np.abs(frames).max(axis=1) > ZERO
        self.frames += len(frames)
        self.silent += int((~sounding).sum())
        self.power += float(np.square(frames[sounding]).mean(axis=1, dtype=np.float64).sum())
        spectra = np.square(np.abs(np.fft.rfft(frames * self.window, axis=1)))
        self.spectrum += spectra.sum(axis=0, dtype=np.float64)
        if self.frames - len(frames) < FINGERPRINT_FRAMES:
            bins = np.round(np.array(BANDS) * FRAME).astype(int)
            bins = np.minimum(bins, spectra.shape[1] - 1)
            bands = np.add.reduceat(spectra, bins, axis=1)[:, :-1] / self.frame**2
            self.envelopes.append(10 * np.log10(bands + FLOOR).astype(np.float32))

    def sound(self, channels: int) -> Sound:
        """Return the facts, once every block is in."""
        sounding = self.frames - self.silent
        power = self.power / sounding if sounding else 0.0
        levels = self.envelopes or [np.zeros((0, len(BANDS) - 1), np.float32)]
        return Sound(
            duration=self.samples / self.rate,
            sample_rate=self.rate,
            channels=channels,
            digest=self.hash.hexdigest(),
            peak=self.peak,
            level_db=10 * np.log10(power) if power > 0 else -np.inf,
            offset=self.total / self.samples,
            clipped=self.clipped / self.samples,
            silent=self.silent / self.frames if self.frames else 0.0,
            band=highest_frequency(self.spectrum, self.rate),
            fingerprint=np.concatenate(levels)[:FINGERPRINT_FRAMES],
            excerpt=self.excerpt,
        )


def _in_runs(full: np.ndarray) -> int:
    """How many of the marked samples stand in runs of three or more."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], full, [False]]).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    return int(lengths[lengths >= RUN].sum())


EDGE = 25.0  # dB
LOWEST_EDGE = 1000.0  # Hz
STEEP = 1.08  # a filter is done within this factor of its frequency


def highest_frequency(spectrum: np.ndarray, rate: float) -> float | None:
    """Frequency above which there is nothing, or None where the sound reaches up to half the rate.

    The filter of a resampler or of a coder is steep: within a tenth of its frequency the level
    falls further than any room or microphone makes it fall, and it stays down.

    Parameters
    ----------
    spectrum
        Power of each frequency from 0 to half the rate.
    rate
        In Hz.
    """
    if not spectrum.any():
        return None
    level = 10 * np.log10(spectrum / spectrum.max() + 1e-20)
    step = rate / 2 / (len(spectrum) - 1)
    loudest = np.maximum.accumulate(level[::-1])[::-1]  # from each frequency to the top
    sums = np.concatenate([[0.0], np.cumsum(level)])
    i = np.arange(round(LOWEST_EDGE / step), int(0.9 * len(level)))
    low, high = np.round(0.8 * i).astype(int), np.round(0.95 * i).astype(int) + 1
    below = (sums[high] - sums[low]) / (high - low)
    edges = i[below - loudest[(STEEP * i).astype(int) + 1] > EDGE]
    return STEEP * float(edges[0]) * step if len(edges) else None
