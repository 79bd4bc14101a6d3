"""The player that stands in the output of a notebook cell."""

from __future__ import annotations

import base64
import html
import io
import os
from dataclasses import dataclass, field

import numpy as np
import soundfile
import soxr

MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


@dataclass(frozen=True)
class Player:
    """What :func:`helpers.audio.play` shows: a player, or the line that stands in for it."""

    title: str | None
    seconds: float
    mp3: bytes | None = field(repr=False)

    def _repr_html_(self) -> str:
        title = f"<div><b>{html.escape(self.title)}</b></div>" if self.title else ""
        if self.mp3 is None:
            return (
                f"{title}<div><i>A real recording of {self.seconds:.0f} s, not stored in this "
                "notebook: run this cell to hear it.</i></div>"
            )
        data = base64.b64encode(self.mp3).decode("ascii")
        source = f"data:audio/mpeg;base64,{data}"
        return f'{title}<audio controls preload="metadata" src="{source}"></audio>'

    def __repr__(self) -> str:
        what = self.title or "sound"
        note = "" if self.mp3 is not None else ", run this cell to hear it"
        return f"<Player: {what}, {self.seconds:.1f} s{note}>"


def may_embed() -> bool:
    """Whether a real recording may be put into the output of a cell.

    Jupyter's server names the session of the kernels that it starts; a notebook that is run
    from the command line, to be saved and shared, has no such name.
    """
    wish = os.environ.get("HEARING_EMBED")
    if wish is not None:
        return wish == "1"
    return any(name in os.environ for name in ("JPY_SESSION_NAME", "COLAB_RELEASE_TAG"))


def mp3(samples: np.ndarray, sample_rate: int) -> bytes:
    """Encode mono sound as a small MP3, in memory."""
    if sample_rate not in MP3_RATES:
        samples, sample_rate = soxr.resample(samples, sample_rate, 24_000), 24_000
    out = io.BytesIO()
    soundfile.write(
        out,
        samples,
        sample_rate,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="VARIABLE",  # white noise, the worst case, takes 4 kB a second at 16 kHz
        compression_level=0.4,
    )
    return out.getvalue()
