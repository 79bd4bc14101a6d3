"""The first seconds of a sound file that may still be on its way.

Containers made for streaming (Ogg, WebM, MP3, FLAC, fragmented MP4) are readable from their
beginning without the rest. So a download can be looked into while it runs, ended as soon as it
holds enough, and its beginning decoded, all by PyAV and with no program beside Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helpers import audio

MARGIN = 1.0  # seconds more than asked, since a decoder holds samples back


class UndecodableError(ValueError):
    """What was downloaded holds no sound that can be decoded."""


@dataclass(frozen=True)
class Beginning:
    """The decoded beginning of a file.

    Attributes
    ----------
    samples
        Mono, 16 kHz, shape (samples,).
    promised
        Length of the whole file by its own header in seconds, None where it says nothing.
    damaged
        How many packets could not be decoded.
    """

    samples: np.ndarray
    promised: float | None
    damaged: int

    @property
    def seconds(self) -> float:
        """Length of what was decoded."""
        return len(self.samples) / audio.SAMPLE_RATE


def holds(path: Path, seconds: float) -> bool:
    """Whether the beginning of a file, as far as it is there, holds ``seconds`` of sound."""
    import av

    try:
        with av.open(str(path)) as container:
            first = None
            for packet in container.demux(audio=0):
                if packet.pts is None or packet.time_base is None:
                    continue
                start = float(packet.pts * packet.time_base)
                first = start if first is None else first
                if start + float((packet.duration or 0) * packet.time_base) - first >= seconds:
                    return True
    except (av.FFmpegError, IndexError, ValueError):
        return False  # too little of it yet, or a kind that needs its end to be read
    return False


def decode(path: Path, seconds: float) -> Beginning:
    """Decode the first ``seconds`` of a file to mono 16 kHz; damage ends it or is left out.

    Raises
    ------
    UndecodableError
        When there is no sound in the file that PyAV can decode.
    """
    import av

    try:
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            promised = _promised(container, stream)
            blocks, rate, damaged = _blocks(container, stream, seconds)
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise UndecodableError(f"no sound that can be decoded ({error})") from error
    if not blocks:
        raise UndecodableError("no sound that can be decoded (not one whole packet)")
    native = np.nan_to_num(np.concatenate(blocks)[: round(seconds * rate)])
    samples = audio.resample(native, source=rate, target=audio.SAMPLE_RATE)
    return Beginning(np.clip(samples, -1.0, 1.0), promised, damaged)


def _promised(container, stream) -> float | None:
    """Length by the header, in seconds."""
    import av

    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def _blocks(container, stream, seconds: float) -> tuple[list[np.ndarray], int, int]:
    """Decode packet by packet to mono float32 at the file's own rate until there is enough."""
    import av

    to_float = av.AudioResampler(format="fltp")
    blocks, got, damaged, rate = [], 0, 0, 0
    packets = container.demux(stream)
    while not rate or got < seconds * rate:
        try:
            packet = next(packets, None)
            frames = packet.decode() if packet is not None else None
        except av.InvalidDataError:
            damaged += 1
            if damaged > 1000:
                break
            continue
        if frames is None:
            break
        for frame in frames:
            rate = rate or frame.sample_rate
            for part in to_float.resample(frame):
                block = part.to_ndarray().mean(axis=0, dtype=np.float32)
                blocks.append(block)
                got += len(block)
    return blocks, rate, damaged
