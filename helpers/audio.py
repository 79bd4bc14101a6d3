"""Sound in and out: read any file as 16 kHz mono, check it, write it, play it.

Everything in the course works on one kind of sound: a one-dimensional ``float32`` array of
samples in [-1, 1], one channel, 16 kHz. :func:`read` makes it from a file, whatever the file's
own rate, width or number of channels, and refuses what cannot be trusted.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
import soundfile
import soxr

from helpers import _codecs
from helpers._player import Player, may_embed, mp3

SAMPLE_RATE = 16_000
AudioError = _codecs.AudioError


class AudioWarning(UserWarning):
    """Sound that can be used, but not without a thought: clipped, silent or band limited."""


def read(
    path: str | os.PathLike,
    *,
    sample_rate: int = SAMPLE_RATE,
    offset: float = 0.0,
    duration: float | None = None,
    channel: int | None = None,
    quiet: bool = False,
) -> np.ndarray:
    """Read a sound file as mono float32 at ``sample_rate``.

    Parameters
    ----------
    path
        A sound file: WAV, FLAC, OGG, MP3 and whatever else libsndfile reads; other formats
        (m4a, webm, opus in a video) are decoded by PyAV where it is installed.
    sample_rate
        Rate of the result, in Hz.
    offset, duration
        The part to read, in seconds; all that follows ``offset`` when ``duration`` is None.
    channel
        The channel to take, counted from 0; the mean of all of them when None. The microphones of
        an array stand apart, so their mean is no better recording: it cancels high frequencies.
    quiet
        Leave out the warnings on clipped, silent and band-limited sound.

    Returns
    -------
    ndarray of shape (samples,), float32, in [-1, 1]

    Raises
    ------
    AudioError
        When the file is missing, empty, cut short, not a sound file, holds no samples, holds
        values that are not numbers, or has no such channel. The message names the file and the
        remedy.
    """
    if offset < 0 or (duration is not None and duration <= 0):
        raise AudioError(
            f"offset and duration must be positive, found {offset!r} and {duration!r}: give seconds"
        )
    raw, source = _codecs.decode(Path(path), offset=offset, duration=duration)
    mono = downmix(raw) if channel is None else _one_channel(raw, channel, path)
    mono = check(mono, name=str(path), quiet=quiet)
    if source < sample_rate and not quiet:
        warnings.warn(
            f"{path}: recorded at {source} Hz, so nothing above {source // 2} Hz is in it",
            AudioWarning,
            stacklevel=2,
        )
    return np.clip(resample(mono, source=source, target=sample_rate), -1.0, 1.0)


def _one_channel(samples: np.ndarray, channel: int, path: str | os.PathLike) -> np.ndarray:
    """One channel of samples of shape (samples,) or (samples, channels)."""
    samples = samples.reshape(len(samples), -1)
    if not 0 <= channel < samples.shape[1]:
        raise AudioError(
            f"{path}: channel {channel} wanted, and it has {samples.shape[1]}, counted from 0: "
            "choose one of them"
        )
    return samples[:, channel]


def check(samples: np.ndarray, *, name: str = "samples", quiet: bool = False) -> np.ndarray:
    """Return ``samples`` as float32, or say what is wrong with them.

    Parameters
    ----------
    samples
        Sound, shape (samples,), floating point, in [-1, 1].
    name
        What to call the sound in a message, for instance its file.
    quiet
        Leave out the warnings.

    Raises
    ------
    AudioError
        When there are no samples, more than one channel, integers, values that are not finite,
        or values far beyond full scale.

    Warns
    -----
    AudioWarning
        When every sample is zero, or runs of samples lie at full scale (clipping).
    """
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise AudioError(f"{name}: one channel wanted, found shape {samples.shape}: use downmix()")
    if samples.size == 0:
        raise AudioError(f"{name}: no samples in it (zero length): record or fetch it again")
    if not np.issubdtype(samples.dtype, np.floating):
        raise AudioError(
            f"{name}: {samples.dtype} samples, float in [-1, 1] wanted: divide by full scale"
        )
    if not np.isfinite(samples).all():
        bad = int(np.flatnonzero(~np.isfinite(samples))[0])
        raise AudioError(
            f"{name}: sample {bad} is {samples[bad]}, not a finite number: "
            "decode it again, or cut that part out"
        )
    peak = float(np.abs(samples).max())
    if peak > 2.0:
        raise AudioError(
            f"{name}: samples reach {peak:.4g}, full scale is 1: divide by the full scale "
            "(32768 for 16 bit)"
        )
    if not quiet:
        _warn_about_level(samples, peak, name)
    return samples.astype(np.float32, copy=False)


def _warn_about_level(samples: np.ndarray, peak: float, name: str) -> None:
    """Warn on silence and on clipping, which is three samples or more in a row at full scale."""
    if peak == 0.0:
        warnings.warn(f"{name}: all silent, every sample is zero", AudioWarning, stacklevel=3)
        return
    if peak < 0.99:
        return
    full = np.abs(samples) >= 0.99 * min(peak, 1.0)
    runs = int((full[2:] & full[1:-1] & full[:-2]).sum())
    if runs:
        warnings.warn(
            f"{name}: clipped, {runs} runs of samples at full scale: turn the microphone down",
            AudioWarning,
            stacklevel=3,
        )


def downmix(samples: np.ndarray) -> np.ndarray:
    """Average the channels: shape (samples, channels) or (samples,) to (samples,)."""
    samples = np.asarray(samples)
    if samples.ndim == 1:
        return samples
    if samples.ndim != 2:
        raise AudioError(f"samples: shape (samples, channels) wanted, found {samples.shape}")
    return samples.mean(axis=1, dtype=samples.dtype)


def resample(samples: np.ndarray, *, source: float, target: float) -> np.ndarray:
    """Change the sample rate from ``source`` to ``target`` Hz with a band-limited filter.

    The filter is the SoX resampler at its high quality setting: flat to 91 % of the smaller
    Nyquist frequency, aliases below -120 dB.

    References
    ----------
    SoX resampler library, https://sourceforge.net/projects/soxr/
    """
    if source <= 0 or target <= 0:
        raise AudioError(f"source and target must be positive, found {source!r} and {target!r}")
    if source == target:
        return np.asarray(samples, dtype=np.float32)
    return soxr.resample(np.asarray(samples, dtype=np.float32), source, target, quality="HQ")


def write(path: str | os.PathLike, samples: np.ndarray, *, sample_rate: int = SAMPLE_RATE) -> None:
    """Write mono sound as 16 bit FLAC or WAV, as the suffix of ``path`` says.

    The file appears under its name only when it is whole. Values beyond [-1, 1] are clipped.

    Raises
    ------
    AudioError
        When the suffix is neither ``.flac`` nor ``.wav``, or the samples are no sound.
    OSError
        When the folder cannot be written, for instance a full disk; no file is left then.
    """
    path = Path(path)
    kind = path.suffix.lower().lstrip(".").upper()
    if kind not in ("FLAC", "WAV"):
        raise AudioError(f"{path}: suffix {path.suffix!r}, use .flac or .wav")
    samples = np.clip(check(samples, name=str(path), quiet=True), -1.0, 1.0)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    try:
        soundfile.write(name, samples, sample_rate, format=kind, subtype="PCM_16")
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def duration(path: str | os.PathLike) -> float:
    """Length of a sound file in seconds, read from its header where it has one."""
    return _codecs.duration(Path(path))


def level_db(samples: np.ndarray) -> float:
    """Root mean square level in dB relative to full scale; minus infinity for silence."""
    power = float(np.mean(np.square(np.asarray(samples, dtype=np.float64))))
    return 10.0 * np.log10(power) if power > 0 else -np.inf


def clicks(
    times: np.ndarray,
    *,
    length: float,
    sample_rate: int = SAMPLE_RATE,
    frequency: float = 2000.0,
) -> np.ndarray:
    """Sound with a short click at each of ``times``, to lay over a recording.

    Parameters
    ----------
    times
        Where the clicks start, in seconds; those outside [0, length) are left out.
    length
        Length of the result, in seconds.
    sample_rate, frequency
        In Hz.

    Returns
    -------
    ndarray of shape (round(length * sample_rate),), float32
    """
    out = np.zeros(round(length * sample_rate), dtype=np.float32)
    t = np.arange(round(0.04 * sample_rate)) / sample_rate
    click = (0.5 * np.sin(2 * np.pi * frequency * t) * np.exp(-t / 0.008)).astype(np.float32)
    for start in np.round(np.asarray(times, dtype=float) * sample_rate).astype(int):
        if 0 <= start < len(out):
            part = click[: len(out) - start]
            out[start : start + len(part)] += part
    return np.clip(out, -1.0, 1.0)


def play(
    samples: np.ndarray,
    *,
    sample_rate: int = SAMPLE_RATE,
    title: str | None = None,
    real: bool = False,
    normalize: bool = True,
) -> Player:
    """Show a player for ``samples``, small enough to stay in a notebook.

    Parameters
    ----------
    samples
        Mono sound, shape (samples,), in [-1, 1].
    sample_rate
        In Hz.
    title
        A line above the player.
    real
        The sound is a real recording that somebody else made. It is put into the output only
        where a person is at the keyboard (a Jupyter server's session, Colab) or where the
        environment has ``HEARING_EMBED=1``; elsewhere a line says to run the cell.
    normalize
        Bring the peak to -1 dB first, so that quiet recordings can be heard. False keeps the
        level, to compare levels by ear.
    """
    samples = check(samples, quiet=True)
    seconds = len(samples) / sample_rate
    if real and not may_embed():
        return Player(title, seconds, None)
    peak = float(np.abs(samples).max())
    if normalize and peak > 0:
        samples = samples * (0.89 / peak)
    return Player(title, seconds, mp3(np.clip(samples, -1.0, 1.0), sample_rate))
