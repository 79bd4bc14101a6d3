"""Minutes gathered into the columns of a picture, so that two weeks draw as fast as a day."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from statistics import fmean
from typing import NamedTuple

from helpers.apps.records import MINUTE, Minute


class Row(NamedTuple):
    """A minute of a curve: its start in unix seconds, and the values there."""

    start: int
    values: tuple[float, ...]


@dataclass
class Column:
    """Minutes that share a column."""

    rows: list[Row] = field(default_factory=list)

    @property
    def first(self) -> int:
        """Start of the first minute."""
        return self.rows[0].start

    @property
    def last(self) -> int:
        """Start of the last minute."""
        return self.rows[-1].start

    @property
    def whole(self) -> bool:
        """Whether no minute is missing between the first and the last."""
        return self.last - self.first == MINUTE * (len(self.rows) - 1)

    @property
    def middle(self) -> float:
        """Mean time of the minutes."""
        return fmean(row.start for row in self.rows) + MINUTE / 2

    def mean(self, which: int) -> float:
        """Mean of one of the values."""
        return fmean(row.values[which] for row in self.rows)


def rates(minutes: Iterable[Minute]) -> list[Row]:
    """Rate and the ends of its interval, of the minutes that were heard."""
    return [
        Row(one.start, (one.rate, one.low, one.high))
        for one in minutes
        if one.seconds > 0 and all(map(math.isfinite, (one.rate, one.low, one.high)))
    ]


def totals(minutes: Iterable[Minute]) -> list[Row]:
    """All plops before each minute that was heard, and with it."""
    rows, total = [], 0
    for one in minutes:
        before, total = total, total + one.count
        if one.seconds > 0:
            rows.append(Row(one.start, (before, total)))
    return rows


def strokes(rows: list[Row], *, most: int) -> Iterator[list[Column]]:
    """Gather rows in columns, and columns in strokes that a pen draws without a lift.

    No stroke passes over a minute that is not there: a column with a hole is a stroke by itself.

    Parameters
    ----------
    rows : list of Row
        In order of time.
    most : int
        Columns over the whole time.

    Yields
    ------
    list of Column
    """
    stroke: list[Column] = []
    for column in _columns(rows, most):
        joined = stroke and stroke[-1].whole and column.whole
        if stroke and not (joined and column.first - stroke[-1].last == MINUTE):
            yield stroke
            stroke = []
        stroke.append(column)
    if stroke:
        yield stroke


def _columns(rows: list[Row], most: int) -> list[Column]:
    if not rows:
        return []
    begin, end = rows[0].start, rows[-1].start + MINUTE
    width = MINUTE * max(1, math.ceil((end - begin) / MINUTE / most))
    columns: dict[int, Column] = {}
    for row in rows:
        columns.setdefault((row.start - begin) // width, Column()).rows.append(row)
    return list(columns.values())
