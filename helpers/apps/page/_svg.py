"""Parts of a drawing: where things lie, ticks, text. Plain SVG, so that no kernel needs more."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from helpers.apps.page import _time
from helpers.apps.page._colours import PALETTE

FONT = 13.0  # of the axes, in units of the drawing
LETTER = 0.6  # mean width of a letter, in heights


def number(value: float) -> str:
    """Write a coordinate to a tenth of a unit, which is finer than a screen shows."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def text(x: float, y: float, words: str, *, anchor: str = "middle", more: str = "") -> str:
    """Write words at a point."""
    return (
        f'<text x="{number(x)}" y="{number(y)}" text-anchor="{anchor}" font-size="{FONT:g}" '
        f'fill="{PALETTE["black"]}" {more}>{escape(words)}</text>'
    )


def width_of(words: str) -> float:
    """Guess how wide words are."""
    return LETTER * FONT * len(words)


def drawing(width: float, height: float, told: str, parts: Iterable[str]) -> str:
    """Put parts together as an image that says in words what it shows."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" '
        f'role="img" aria-label="{escape(told)}" font-family="sans-serif" '
        f'preserveAspectRatio="xMidYMid meet">{"".join(parts)}</svg>'
    )


@dataclass(frozen=True)
class Frame:
    """A rectangle with a scale along each side; what lies outside is drawn on its edge.

    Parameters
    ----------
    left, right, top, bottom : float
        Edges in units of the drawing; y goes down.
    first, last : float
        Values at the left and the right edge.
    high : float
        Value at the top; 0 is at the bottom.
    """

    left: float
    right: float
    top: float
    bottom: float
    first: float
    last: float
    high: float

    def x(self, value: float) -> float:
        """Place a value along x."""
        share = (value - self.first) / (self.last - self.first)
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Place a value along y."""
        share = min(max(value / self.high, 0.0), 1.0)
        return self.bottom - share * (self.bottom - self.top)

    def point(self, x: float, y: float) -> str:
        """Place a point, as a path writes it."""
        return f"{number(self.x(x))} {number(self.y(y))}"


def over_time(first: float, last: float, high: float, *, size: tuple[float, float]) -> Frame:
    """Make a frame over time, wide enough at the left for the labels of its values."""
    width, height = size
    labels = [value_label(value) for value in value_ticks(high)]
    left = 10 + max(width_of(label) for label in labels)
    return Frame(left, width - 8, 20, height - 26, first, max(last, first + 60), high)


def value_ticks(high: float, *, most: int = 5) -> list[float]:
    """Round values from 0 up to `high`."""
    step = 10.0 ** math.floor(math.log10(high / most))
    step *= next(factor for factor in (1, 2, 5, 10, 20) if high / (step * factor) <= most)
    return [n * step for n in range(int(high / step * (1 + 1e-9)) + 1)]


def value_label(value: float) -> str:
    """Write a value at an axis."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"


def round_up(value: float) -> float:
    """Find a good end for an axis: a little above the largest value, and no absurd one."""
    return 1.05 * min(value, 1e9) if value > 1e-3 else 1.0


def axes(frame: Frame, zone=None) -> str:
    """Draw lines and labels for values and times."""
    room = max(2, int((frame.right - frame.left) / 62))
    parts = []
    for value in value_ticks(frame.high):
        y = frame.y(value)
        parts.append(_line(frame.left, y, frame.right, y, "#D9D9D9" if value else "#6B6B6B"))
        parts.append(text(frame.left - 5, y + 4.5, value_label(value), anchor="end"))
    for time, label in _time.ticks(frame.first, frame.last, most=room, zone=zone):
        x = frame.x(time)
        parts.append(_line(x, frame.bottom, x, frame.bottom + 5, "#6B6B6B"))
        half = width_of(label) / 2
        x = min(max(x, half), frame.right + 8 - half)  # no label is cut off
        parts.append(text(x, frame.bottom + 20, label))
    return "".join(parts)


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    places = zip(("x1", "y1", "x2", "y2"), (x1, y1, x2, y2), strict=True)
    ends = " ".join(f'{name}="{number(value)}"' for name, value in places)
    return f'<line {ends} stroke="{colour}"/>'
