"""From scores to events: one type of score, one decoder, tuned on validation, and the rate.

Every rung of the ladder, from an energy threshold to the shipped network, gives
:class:`Scores`, so that the decoder and the metrics never know who made them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ._decoder import EVENT_COLUMNS, Decoder, Scores
from ._smoothing import ChangePoints, median_filter
from ._tuning import best_f1, default_grid, grid, tune
from .intervals import poisson_bounds

__all__ = [
    "EVENT_COLUMNS",
    "ChangePoints",
    "Decoder",
    "Rate",
    "Scores",
    "best_f1",
    "default_grid",
    "grid",
    "median_filter",
    "rate",
    "tune",
]


@dataclass(frozen=True)
class Rate:
    """Events a minute with an interval.

    Parameters
    ----------
    per_minute, low, high : float
    n : int
        Number of events counted.
    """

    per_minute: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.per_minute:.1f} a minute ({self.low:.1f} to {self.high:.1f})"


def rate(events: pd.DataFrame | int, *, duration: float, level: float = 0.95) -> Rate:
    """Events a minute: count over time, with the exact interval of a Poisson count.

    The interval assumes that events come independently of each other. A regular airlock varies
    less, so the interval is on the wide side for it; clusters make it too narrow.

    Parameters
    ----------
    events : DataFrame or int
        Detected events, or their number.
    duration : float
        Length of the recording in seconds.
    level : float
        Coverage of the interval.

    Returns
    -------
    Rate

    Raises
    ------
    ValueError
        When `duration` is not positive.

    References
    ----------
    Garwood, F. (1936). Fiducial limits for the Poisson distribution. Biometrika, 28(3/4).
    """
    if not duration > 0:
        raise ValueError(f"duration must be positive, found {duration}")
    n = events if isinstance(events, int | np.integer) else len(events)
    low, high = poisson_bounds(n, level=level)
    minutes = duration / 60
    return Rate(n / minutes, float(low) / minutes, float(high) / minutes, int(n))
