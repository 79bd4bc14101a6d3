"""The last minute's spectrogram with what was detected: an image of 256 colours in an SVG."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Sequence
from datetime import tzinfo

from helpers.apps.page import _svg, _time
from helpers.apps.page._colours import PALETTE, mixed
from helpers.apps.records import Event, Picture

SIZE = (480.0, 270.0)
COLUMNS = 600  # of the image; finer than any screen shows it
GRAIN = 0xF8  # 32 levels are enough for the eye, and a third of the bytes
PITCHES = (125, 250, 500, 1000, 2000, 4000, 8000)  # Hz


def spectrogram_svg(
    picture: Picture,
    events: Sequence[Event] = (),
    *,
    size: tuple[float, float] = SIZE,
    zone: tzinfo | None = None,
) -> str:
    """Draw the last minute's spectrogram, and a mark at each event.

    Parameters
    ----------
    picture : Picture
    events : sequence of Event
        Those outside the picture are left out.
    size : (float, float)
        Width and height in units of the drawing.
    zone : tzinfo, optional
        Of the times in words; by default this computer's.

    Returns
    -------
    str
        An ``svg`` element; an empty text where the picture holds nothing.
    """
    wanted = picture.frames * picture.bands
    if not wanted or len(picture.values) != wanted or picture.hop <= 0:
        return ""
    width, height = size
    length = picture.frames * picture.hop
    frame = _svg.Frame(46, width - 8, 20, height - 44, -length, 0.0, 1.0)
    inside = [one for one in events if 0 <= picture.time - one.time <= length]
    coded = base64.b64encode(png(picture)).decode("ascii")
    parts = [
        f'<image href="data:image/png;base64,{coded}" x="46" y="20" '
        f'width="{_svg.number(frame.right - 46)}" height="{_svg.number(frame.bottom - 20)}" '
        'preserveAspectRatio="none"/>',
        *(_mark(frame, one.time - picture.time) for one in inside),
        _pitches(frame, picture),
        _seconds(frame, length),
        _svg.text((frame.left + frame.right) / 2, height - 4, "seconds before the end"),
        _svg.text(frame.left - 5, 13, "Hz", anchor="end"),
    ]
    told = (
        f"Spectrogram of {length:.0f} seconds up to {_time.clock(picture.time, zone, seconds=True)}"
        f", with a mark at each of {len(inside)} plops."
    )
    return _svg.drawing(width, height, told, parts)


def png(picture: Picture) -> bytes:
    """Code a picture as PNG, high bands at the top, frames next to each other gathered.

    Parameters
    ----------
    picture : Picture

    Returns
    -------
    bytes
    """
    bands, group = picture.bands, max(1, -(-picture.frames // COLUMNS))
    keep = bytes(level & GRAIN for level in range(256))
    rows = []
    for band in reversed(range(bands)):
        row = picture.values[band::bands]
        if group > 1:  # the loudest of a group: a plop may be shorter than it
            row = bytes(max(row[i : i + group]) for i in range(0, len(row), group))
        rows.append(b"\0" + row.translate(keep))
    colours = b"".join(bytes(mixed(level / GRAIN)) for level in range(256))
    header = struct.pack(">IIBBBBB", len(rows[0]) - 1, bands, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", colours), (b"IDAT", zlib.compress(b"".join(rows), 6)))
    coded = b"".join(_chunk(name, data) for name, data in (*chunks, (b"IEND", b"")))
    return b"\x89PNG\r\n\x1a\n" + coded


def _chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)


def mel(frequency: float) -> float:
    """Place a frequency in Hz on the scale of the bands, as ``helpers.features.hz_to_mel``."""
    if frequency < 1000:
        return 3 * frequency / 200
    return 15 + 27 * math.log(frequency / 1000) / math.log(6.4)


def _pitches(frame: _svg.Frame, picture: Picture) -> str:
    """Label frequencies at the middle of their bands."""
    low, high = mel(picture.fmin), mel(picture.fmax)
    if not high > low:
        return ""
    parts, edge = [], math.inf
    for pitch in PITCHES:
        place = (mel(pitch) - low) / (high - low) * (picture.bands + 1)  # 1: the lowest band
        share = (place - 0.5) / picture.bands
        y = frame.y(share)
        if 0 <= share <= 1 and edge - y >= 14:  # no label upon the one below
            parts.append(_svg.text(frame.left - 5, y + 4.5, f"{pitch}", anchor="end"))
            edge = y
    return "".join(parts)


def _seconds(frame: _svg.Frame, length: float) -> str:
    step = next((step for step in (1, 2, 5, 10, 20) if length / step <= 7), length / 6)
    labels = [-n * step for n in range(int(length / step) + 1)]
    return "".join(_svg.text(frame.x(time), frame.bottom + 18, f"{-time:g}") for time in labels)


def _mark(frame: _svg.Frame, time: float) -> str:
    """Mark a time by a wedge above the picture and a thin light line through it."""
    x = frame.x(time)
    corners = ((x - 4, 9), (x + 4, 9), (x, 18))
    points = " ".join(f"{_svg.number(a)},{_svg.number(b)}" for a, b in corners)
    line = f"M{_svg.number(x)} {_svg.number(frame.top)}V{_svg.number(frame.bottom)}"
    return (
        f'<g class="event"><polygon points="{points}" fill="{PALETTE["blue"]}"/>'
        f'<path d="{line}" stroke="#fff" stroke-width="1" stroke-opacity="0.55" '
        'stroke-dasharray="2 4"/></g>'
    )
