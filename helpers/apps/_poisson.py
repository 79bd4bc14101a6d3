"""The interval of a count, with nothing but the standard library: the tracker has no SciPy."""

from __future__ import annotations

import math
from functools import lru_cache


@lru_cache(maxsize=4096)
def poisson_bounds(count: int, *, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of the expected number behind a count of independent events.

    The same as :func:`helpers.intervals.poisson_bounds` (a test compares), one count at a time.

    Parameters
    ----------
    count : int
        Events counted, 0 or more.
    level : float
        Confidence level.

    Returns
    -------
    low, high : float

    Raises
    ------
    ValueError
        When `count` is negative.

    References
    ----------
    Garwood, F. (1936). Fiducial limits for the Poisson distribution. Biometrika, 28(3/4).
    """
    if count < 0:
        raise ValueError(f"count must be 0 or more, found {count}")
    tail = (1 - level) / 2
    # P(N >= count) rises with the mean and P(N <= count) falls: both are halved down to.
    low = _root(lambda mean: 1 - _at_most(count - 1, mean) - tail, count) if count else 0.0
    return low, _root(lambda mean: tail - _at_most(count, mean), count)


def _root(rising, count: int) -> float:
    """Find where a rising function of the mean passes 0."""
    around = 10 * math.sqrt(count + 1) + 10
    low, high = max(0.0, count - around), count + around
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2


def _at_most(count: int, mean: float) -> float:
    """P(N <= count) for a Poisson mean: the regularised gamma function Q(count + 1, mean)."""
    if mean <= 0:
        return 1.0
    shape = count + 1
    scale = math.exp(shape * math.log(mean) - mean - math.lgamma(shape))
    if mean < shape + 1:  # a series for P = 1 - Q
        term = total = 1 / shape
        for n in range(1, 10_000):
            term *= mean / (shape + n)
            total += term
            if term < total * 1e-15:
                break
        return 1 - total * scale
    return _fraction(shape, mean) * scale


def _fraction(shape: int, mean: float) -> float:
    """Lentz's continued fraction of the upper incomplete gamma function."""
    tiny = 1e-300
    b = mean + 1 - shape
    c, d = 1 / tiny, 1 / b
    h = d
    for n in range(1, 10_000):
        factor = -n * (n - shape)
        b += 2
        d = 1 / (factor * d + b or tiny)
        c = b + factor / c or tiny
        h *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return h
