"""Decode sound files, and notice the ones that are cut short.

libsndfile repairs a truncated header in silence and PyAV stops where the bytes stop, so both
hand back less sound than was recorded without a word. Here the file itself is asked how long
it ought to be.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

UNKNOWN_LENGTHS = (0, 0x7FFFFFFF, 0xFFFFFFFF)  # written by programs that stream into a pipe


class AudioError(ValueError):
    """A sound file or an array of samples that cannot be used; names it and the remedy."""


def decode(path: Path, *, offset: float, duration: float | None) -> tuple[np.ndarray, int]:
    """Return samples of shape (n,) or (n, channels), and their rate in Hz."""
    refuse_missing(path)
    try:
        with opened(path) as sound:
            refuse_truncated(path, sound.format)
            return _part(path, sound, offset, duration)
    except soundfile.LibsndfileError as error:
        if _is_sound(path):  # it opened, and broke on the way
            raise AudioError(
                f"{path}: breaks off or is damaged ({error}): fetch it again"
            ) from error
        return _decode_av(path, offset, duration, str(error))


def opened(path: Path) -> soundfile.SoundFile:
    """Open a file with libsndfile, also one whose name is no text: old disks hold such names."""
    name = os.fspath(path)
    try:
        name.encode()
    except UnicodeEncodeError:
        name = os.fsencode(name)
    return soundfile.SoundFile(name)


def duration(path: Path) -> float:
    """Length in seconds."""
    refuse_missing(path)
    try:
        info = soundfile.info(str(path))
    except soundfile.LibsndfileError as error:
        samples, rate = _decode_av(path, 0.0, None, str(error))
        return len(samples) / rate
    refuse_truncated(path, info.format)
    return info.frames / info.samplerate


def refuse_missing(path: Path) -> None:
    """Refuse what is not a file with something in it."""
    if not path.exists():
        raise AudioError(f"{path}: no such file: look at the spelling, or fetch the data first")
    if not path.is_file():
        raise AudioError(f"{path}: not a file: name one sound file in it")
    if path.stat().st_size == 0:
        raise AudioError(f"{path}: empty, 0 bytes: delete it and fetch or record it again")


def refuse_truncated(path: Path, kind: str) -> None:
    """Refuse a WAV or OGG file with fewer bytes than its own structure promises."""
    if kind in ("WAV", "WAVEX"):
        promised, found = _wav_bytes(path)
        if promised not in UNKNOWN_LENGTHS and found < promised:
            raise AudioError(
                f"{path}: cut short, its header promises {promised} bytes of sound and "
                f"{found} are there: fetch or record it again"
            )
    if kind == "OGG" and not _ogg_ends(path):
        raise AudioError(f"{path}: cut short, its last page is missing: fetch it again")


def _part(
    path: Path, sound: soundfile.SoundFile, offset: float, duration: float | None
) -> tuple[np.ndarray, int]:
    """Read the part that was asked for; refuse to return less than the header promises."""
    start = round(offset * sound.samplerate)
    if sound.frames == 0:
        raise AudioError(f"{path}: no samples in it (zero length): record or fetch it again")
    if start >= sound.frames:
        raise AudioError(
            f"{path}: offset {offset} s lies beyond its end at "
            f"{sound.frames / sound.samplerate:.3f} s: choose a smaller offset"
        )
    wanted = sound.frames - start
    if duration is not None:
        wanted = min(wanted, max(1, round(duration * sound.samplerate)))
    if start:
        sound.seek(start)
    samples = sound.read(wanted, dtype="float32")
    if len(samples) < wanted and sound.frames < 2**62:  # MP3 without a header has no length
        raise AudioError(
            f"{path}: cut short, its header promises {wanted} frames and {len(samples)} could "
            "be read: fetch or record it again"
        )
    return samples, sound.samplerate


def _is_sound(path: Path) -> bool:
    """Whether libsndfile knows the format of the file."""
    try:
        return soundfile.info(str(path)).frames > 0
    except soundfile.LibsndfileError:
        return False


def _wav_bytes(path: Path) -> tuple[int, int]:
    """Bytes of the data chunk of a WAV file: those promised and those there."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        order = ">" if file.read(4) == b"RIFX" else "<"
        file.seek(12)
        while len(head := file.read(8)) == 8:
            name, length = head[:4], struct.unpack(order + "I", head[4:])[0]
            if name == b"data":
                return length, size - file.tell()
            file.seek(length + length % 2, os.SEEK_CUR)
    return 0, 0


def _ogg_ends(path: Path) -> bool:
    """Whether the last page of an OGG file is whole and marked as the last (RFC 3533)."""
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - 2 * 65_307))  # a page has 65307 bytes at most
        tail = file.read()
    at = tail.rfind(b"OggS")
    page = tail[at:]
    if at < 0 or len(page) < 27 or len(page) < 27 + page[26]:
        return False
    body = sum(page[27 : 27 + page[26]])
    return bool(page[5] & 4) and len(page) >= 27 + page[26] + body


def _decode_av(
    path: Path, offset: float, duration: float | None, reason: str
) -> tuple[np.ndarray, int]:
    """Decode what libsndfile cannot read, for instance the sound of a video."""
    parts = list(av_parts(path, reason))
    samples, rate = np.concatenate([part for part, _ in parts]), parts[0][1]
    start = round(offset * rate)
    if start >= len(samples):
        found = len(samples) / rate
        raise AudioError(f"{path}: offset {offset} s lies beyond its end at {found:.3f} s")
    stop = None if duration is None else start + max(1, round(duration * rate))
    return samples[start:stop], rate


def av_parts(path: Path, reason: str) -> Iterator[tuple[np.ndarray, int]]:
    """Decode by PyAV packet by packet: mono samples and their rate; the first part is empty.

    ``reason`` is why libsndfile does not read the file.
    """
    try:
        import av
    except ImportError as error:
        raise AudioError(
            f"{path}: not a format that libsndfile reads ({reason}): convert it to FLAC or WAV, "
            "or install PyAV (pip install av) for m4a, webm and opus"
        ) from error
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise AudioError(f"{path}: there is no sound in it: choose another file")
            promised = (container.duration or 0) / av.time_base
            rate, found = container.streams.audio[0].rate, 0
            yield np.zeros(0, np.float32), rate
            for part in _drain(container):
                found += len(part)
                yield part, rate
    except (av.FFmpegError, EOFError) as error:
        raise AudioError(
            f"{path}: not a sound file, or damaged ({reason}): open it in a player; if that "
            "fails too, fetch it again, or convert it to FLAC or WAV"
        ) from error
    seconds = found / rate
    if seconds < promised - max(0.5, 0.01 * promised):
        raise AudioError(
            f"{path}: cut short, its header promises {promised:.1f} s and {seconds:.1f} s could "
            "be decoded: fetch it again"
        )


def _drain(container) -> Iterator[np.ndarray]:
    """Decode the first sound stream of an open container to mono float32."""
    import av

    stream = container.streams.audio[0]
    to_mono = av.AudioResampler(format="flt", layout="mono", rate=stream.rate)
    for frame in container.decode(stream):
        yield from (part.to_ndarray()[0] for part in to_mono.resample(frame))
    yield from (part.to_ndarray()[0] for part in to_mono.resample(None))
