"""The page's curves: rate and cumulative plops over time. Rows in, SVG out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo

from helpers.apps.page import _columns, _svg, _time
from helpers.apps.page._alarms import Alarm
from helpers.apps.page._colours import PALETTE
from helpers.apps.page._columns import Column
from helpers.apps.records import MINUTE, Minute

WIDE = (900.0, 300.0)  # width and height; a desktop's
NARROW = (370.0, 260.0)  # a phone's: units are its pixels, so that the text stays legible


def rate_svg(
    minutes: Sequence[Minute],
    *,
    alarms: Iterable[Alarm] = (),
    size: tuple[float, float] = WIDE,
    zone: tzinfo | None = None,
) -> str:
    """Draw bubbles per minute over time with the 95 % interval, and mark the alarms.

    Curve and interval are open where nothing was heard. Where there are more minutes than columns
    a point is the mean of the rates of its minutes, and of the ends of their intervals.

    Parameters
    ----------
    minutes : sequence of Minute
        In order of time.
    alarms : iterable of Alarm
    size : (float, float)
        Width and height in units of the drawing.
    zone : tzinfo, optional
        Of the times at the axis; by default this computer's.

    Returns
    -------
    str
        An ``svg`` element; an empty text where there is nothing to draw yet.
    """
    rows = _columns.rates(minutes)
    if not rows:
        return ""
    high = _svg.round_up(max(row.values[2] for row in rows))
    frame = _svg.over_time(minutes[0].start, minutes[-1].start + MINUTE, high, size=size)
    strokes = list(_columns.strokes(rows, most=int((frame.right - frame.left) / 2)))
    alarms = list(alarms)
    parts = [_shade(frame, alarm) for alarm in alarms]
    parts.append(_svg.axes(frame, zone))
    band = "".join(_band(frame, stroke) for stroke in strokes)
    parts.append(
        f'<path class="interval" d="{band}" fill="{PALETTE["sky"]}" fill-opacity="0.3" '
        f'stroke="{PALETTE["sky"]}" stroke-opacity="0.3"/>'
    )
    parts.append(_curve("rate", "".join(_line(frame, stroke) for stroke in strokes)))
    parts += [_mark(frame, alarm, zone) for alarm in alarms]
    return _svg.drawing(*size, _rate_told(minutes, rows, len(alarms), zone), parts)


def plops_svg(
    minutes: Sequence[Minute],
    *,
    size: tuple[float, float] = WIDE,
    zone: tzinfo | None = None,
) -> str:
    """Draw all plops that were heard up to each time; open where nothing was heard.

    Parameters
    ----------
    minutes : sequence of Minute
        In order of time.
    size, zone
        As in :func:`rate_svg`.

    Returns
    -------
    str
        An ``svg`` element; an empty text where there is nothing to draw yet.
    """
    rows = _columns.totals(minutes)
    if not rows:
        return ""
    total = rows[-1].values[1]
    high = _svg.round_up(total)
    frame = _svg.over_time(minutes[0].start, minutes[-1].start + MINUTE, high, size=size)
    strokes = _columns.strokes(rows, most=int((frame.right - frame.left) / 2))
    path = "".join(_climb(frame, stroke) for stroke in strokes)
    told = f"Plops counted {_span(minutes, zone)}: {total:,} in all."
    return _svg.drawing(*size, told, [_svg.axes(frame, zone), _curve("plops", path)])


def _curve(name: str, path: str) -> str:
    return (
        f'<path class="{name}" d="{path}" fill="none" stroke="{PALETTE["blue"]}" '
        'stroke-width="2" stroke-linejoin="round" stroke-linecap="round"/>'
    )


def _line(frame: _svg.Frame, stroke: list[Column]) -> str:
    points = [frame.point(column.middle, column.mean(0)) for column in stroke]
    return "M" + "L".join(points) + ("h0" if len(points) == 1 else "")  # a dot


def _band(frame: _svg.Frame, stroke: list[Column]) -> str:
    upper = [frame.point(column.middle, column.mean(2)) for column in stroke]
    lower = [frame.point(column.middle, column.mean(1)) for column in reversed(stroke)]
    return "M" + "L".join(upper + lower) + "Z"


def _climb(frame: _svg.Frame, stroke: list[Column]) -> str:
    """Rise over the minutes of a stroke; over the last one alone, where it has a hole."""
    begin = stroke[0].rows[0] if stroke[0].whole else stroke[0].rows[-1]
    points = [(begin.start, begin.values[0])]
    points += [(column.last + MINUTE, column.rows[-1].values[1]) for column in stroke]
    return "M" + "L".join(frame.point(*point) for point in points)


def _shade(frame: _svg.Frame, alarm: Alarm) -> str:
    left, right = frame.x(alarm.begin), frame.x(frame.last if alarm.end is None else alarm.end)
    return (
        f'<rect x="{_svg.number(left)}" y="{_svg.number(frame.top)}" '
        f'width="{_svg.number(max(right - left, 1))}" '
        f'height="{_svg.number(frame.bottom - frame.top)}" '
        f'fill="{PALETTE["vermilion"]}" fill-opacity="0.12"/>'
    )


def _mark(frame: _svg.Frame, alarm: Alarm, zone: tzinfo | None) -> str:
    """Mark a begin by a triangle and a broken line, so that colour is not needed."""
    x = frame.x(alarm.begin)
    corners = ((x - 7, 4), (x + 7, 4), (x, 17))
    points = " ".join(f"{_svg.number(a)},{_svg.number(b)}" for a, b in corners)
    told = _svg.escape(f"Alarm, {_time.when(alarm.begin, zone)}: {alarm.name}")
    colour = PALETTE["vermilion"]
    return (
        f'<g class="alarm"><title>{told}</title><polygon points="{points}" fill="{colour}"/>'
        f'<path d="M{_svg.number(x)} {_svg.number(frame.top)}V{_svg.number(frame.bottom)}" '
        f'stroke="{colour}" stroke-width="1.5" stroke-dasharray="4 3"/></g>'
    )


def _rate_told(minutes, rows, alarms: int, zone) -> str:
    top = max(rows, key=lambda row: row.values[0])
    rate, low, high = rows[-1].values
    told = [
        f"Bubbles per minute {_span(minutes, zone)}.",
        f"The highest rate is {top.values[0]:.1f}, {_time.when(top.start, zone)}.",
        f"The last is {rate:.1f}, with a 95 % interval from {low:.1f} to {high:.1f}.",
        f"Alarms: {alarms}." if alarms else "No alarm.",
    ]
    return " ".join(told)


def _span(minutes: Sequence[Minute], zone: tzinfo | None) -> str:
    first, last = minutes[0].start, minutes[-1].start + MINUTE
    return f"from {_time.when(first, zone)} to {_time.when(last, zone)}"
