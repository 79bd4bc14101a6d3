"""Whole fermentations of five days, some of which go wrong: what alarms are tried on.

Only the times of the plops are made here, no sound, so that a day passes in a moment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import _noise
from .rhythm import five_days

KINDS = ("normal", "not started", "too active", "stalled", "stopped abruptly")
HOURS = 120


@dataclass(frozen=True)
class Fermentation:
    """One brew.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    onsets : ndarray
        Times of the plops in seconds since pitching.
    hour : float or None
        When the trouble begins; for "too active" the first hour with more than 200 a minute.
    """

    kind: str
    onsets: np.ndarray
    hour: float | None

    def counts(
        self,
        *,
        miss: float = 0.1,
        false_alarms: float = 1.0,
        rng: np.random.Generator | int | None = None,
    ) -> np.ndarray:
        """Plops in each minute, as a detector with its errors counts them.

        Parameters
        ----------
        miss : float
            Share of the plops that it misses.
        false_alarms : float
            A minute, whatever the brew does.
        rng : Generator or int, optional
            Source of randomness.

        Returns
        -------
        ndarray of int, shape (7200,)
        """
        rng = _noise.generator(rng)
        true = np.bincount((self.onsets // 60).astype(int), minlength=60 * HOURS)[: 60 * HOURS]
        return rng.binomial(true, 1 - miss) + rng.poisson(false_alarms, len(true))


def fermentation(kind: str, *, rng: np.random.Generator | int | None = None) -> Fermentation:
    """Draw a brew: lag, peak and evenness vary from one to the next.

    Parameters
    ----------
    kind : str
        ``normal``, or what goes wrong: ``not started`` (no plop at all), ``too active`` (a peak of
        240 to 350 a minute), ``stalled`` (slows down within 15 hours, half a day or less after its
        peak) or ``stopped abruptly`` (from one moment to the next, a lid that came open).
    rng : Generator or int, optional
        Source of randomness.

    Returns
    -------
    Fermentation

    Raises
    ------
    ValueError
        When there is no such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, found {kind!r}")
    rng = _noise.generator(rng)
    peak = rng.uniform(240, 350) if kind == "too active" else rng.uniform(40, 150)
    lag = rng.uniform(4, 20)
    peak_at = lag + rng.uniform(18, 36)
    curve, onsets = five_days(
        peak=peak, lag=lag, peak_at=peak_at, cv=rng.uniform(0.1, 0.7), rng=rng
    )
    hour, hours = peak_at + rng.uniform(0, 12), onsets / 3600
    if kind == "not started":
        return Fermentation(kind, onsets[:0], 0.0)
    if kind == "too active":
        return Fermentation(kind, onsets, float(curve.loc[curve["rate"] > 200, "hours"].iloc[0]))
    if kind == "stopped abruptly":
        return Fermentation(kind, onsets[hours < hour], hour)
    if kind == "stalled":
        left = np.clip(1 - (hours - hour) / 15, 0, 1)
        return Fermentation(kind, onsets[rng.random(len(onsets)) < left], hour)
    return Fermentation(kind, onsets, None)
