"""Where to draw the line: decision boundaries for anomaly scores, and what they let through.

Higher scores are more anomalous; an alarm is a score *above* the threshold. Every function that
chooses one takes scores of normal clips that the detector was **not** fitted on; those of its
training clips are too low, and thresholds from them too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

DAY = 86_400.0


def gamma(scores: Sequence[float], *, quantile: float = 0.9) -> float:
    """Fit a gamma distribution to normal scores and take its quantile.

    The rule of the DCASE challenges since 2021, but for the start of the distribution, which is
    held at zero here and free there: with a dozen clips that is steadier. It can promise rates
    that the clips at hand are too few to show; whether the distribution is right is another
    question.

    Parameters
    ----------
    scores : sequence of float
        Scores of normal clips. Where some are not positive all are moved up first, and the
        threshold down again.
    quantile : float
        Share of normal clips that should stay below: 0.9 means one false alarm in ten clips.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        When there are fewer than 3 scores, they are all the same, or `quantile` is not between 0
        and 1.
    """
    from scipy import stats

    values = _finite(scores, least=3)
    _between(quantile=quantile)
    if np.ptp(values) == 0:
        raise ValueError("scores are all the same: no distribution can be fitted to them")
    moved = values.std() - values.min() if values.min() <= 0 else 0.0  # it lives above zero
    shape, location, scale = stats.gamma.fit(values + moved, floc=0)
    return float(stats.gamma.ppf(quantile, shape, loc=location, scale=scale) - moved)


def empirical(scores: Sequence[float], *, false_alarm_rate: float = 0.1) -> float:
    """Take the threshold that new normal clips pass no more often than asked, on average.

    With n held-out scores the k-th highest is passed by a new one with probability k / (n + 1), if
    it comes from where they came from. Nothing is assumed about the shape of the distribution.

    Parameters
    ----------
    scores : sequence of float
        Scores of normal clips.
    false_alarm_rate : float
        Share of normal clips above the threshold.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        When the rate is below 1 / (n + 1): too few clips to promise it; says how many are needed.

    References
    ----------
    Vovk, Gammerman and Shafer (2005), Algorithmic learning in a random world (conformal
    prediction).
    """
    values = np.sort(_finite(scores))
    _between(false_alarm_rate=false_alarm_rate)
    above = math.floor(false_alarm_rate * (len(values) + 1) + 1e-9)
    if above < 1:
        needed = math.ceil(1 / false_alarm_rate - 1e-9) - 1
        raise ValueError(
            f"{len(values)} normal clips cannot promise {false_alarm_rate:.2%} false alarms: "
            f"{needed} are needed, or a fitted distribution (gamma)"
        )
    return float(values[-above])


def budget(
    scores: Sequence[float], *, alarms_per_day: float, clip_seconds: float = 10.0, fitted=False
) -> float:
    """Take the threshold that a budget of false alarms allows.

    Parameters
    ----------
    scores : sequence of float
        Scores of normal clips.
    alarms_per_day : float
        How many false alarms somebody is willing to look at, if it listens all day.
    clip_seconds : float
        Seconds of sound behind each score: 10 s make 8640 a day.
    fitted : bool
        Trust a gamma distribution for rates that are rarer than the clips at hand can show.

    Raises
    ------
    ValueError
        As :func:`empirical` does, or when the budget is not below the number of clips a day.
    """
    rate = alarms_per_day * clip_seconds / DAY
    if not 0 < rate < 1:
        raise ValueError(
            f"alarms_per_day must be above 0 and below {DAY / clip_seconds:.0f} (the clips of a "
            f"day), found {alarms_per_day:g}"
        )
    if fitted:
        return gamma(scores, quantile=1 - rate)
    return empirical(scores, false_alarm_rate=rate)


def cheapest(
    normal: Sequence[float],
    anomalies: Sequence[float],
    *,
    miss: float = 10.0,
    alarm: float = 1.0,
    anomaly_rate: float = 0.01,
) -> float:
    """Take the threshold with the lowest expected cost, from a few labelled anomalies.

    Parameters
    ----------
    normal, anomalies : sequence of float
        Scores of clips with their labels; five or ten anomalies are better than none.
    miss, alarm : float
        What a missed anomaly and a false alarm cost, in any unit.
    anomaly_rate : float
        Share of clips that are anomalous where it will be used: not that of the labelled clips.

    Returns
    -------
    float
        Halfway between two scores; infinity where never to raise an alarm is cheapest.

    Raises
    ------
    ValueError
        When one of the two is empty, or a cost or a rate is out of its range.
    """
    good, bad = np.sort(_finite(normal)), np.sort(_finite(anomalies))
    _between(anomaly_rate=anomaly_rate)
    if miss <= 0 or alarm <= 0:
        raise ValueError(f"miss and alarm must be above 0, found {miss:g} and {alarm:g}")
    every = np.unique(np.concatenate([good, bad]))
    edges = np.r_[-np.inf, (every[:-1] + every[1:]) / 2, np.inf]
    missed = np.searchsorted(bad, edges, side="right") / len(bad)
    false = 1 - np.searchsorted(good, edges, side="right") / len(good)
    cost = anomaly_rate * miss * missed + (1 - anomaly_rate) * alarm * false
    best = np.flatnonzero(np.isclose(cost, cost.min()))
    return float(edges[best[len(best) // 2]])


def achieved(
    scores: Sequence[float], threshold: float, *, clip_seconds: float = 10.0, level: float = 0.95
) -> dict[str, float]:
    """Count the alarms among normal clips, with the interval that so few of them leave.

    Parameters
    ----------
    scores : sequence of float
        Scores of normal clips that nothing was chosen on.
    threshold : float
    clip_seconds : float
    level : float
        Of the exact binomial interval, which takes clips for independent of each other.

    Returns
    -------
    dict
        clips, alarms, rate, low, high (shares), and the same three as alarms a day: per_day,
        per_day_low, per_day_high.

    References
    ----------
    Clopper and Pearson (1934), The use of confidence or fiducial limits illustrated in the case of
    the binomial.
    """
    from scipy import stats

    values = _finite(scores)
    alarms = int((values > threshold).sum())
    interval = stats.binomtest(alarms, len(values)).proportion_ci(level)
    shares = {"rate": alarms / len(values), "low": interval.low, "high": interval.high}
    names = {"rate": "per_day", "low": "per_day_low", "high": "per_day_high"}
    daily = {names[key]: value * DAY / clip_seconds for key, value in shares.items()}
    return {"clips": len(values), "alarms": alarms} | shares | daily


def normalised(table: pd.DataFrame, reference: pd.DataFrame, *, by: str = "domain") -> pd.DataFrame:
    """Measure scores in deviations of the normal clips of their own domain.

    Parameters
    ----------
    table : DataFrame
        With score and the column `by`.
    reference : DataFrame
        Normal clips, with the same two columns; two or more of each domain.
    by : str
        What a threshold should not depend on: domain, machine, place.

    Returns
    -------
    DataFrame
        The table with other scores. A domain with few reference clips has noisy ones: its
        deviation is drawn towards that of all domains, as strongly as five clips would.

    Raises
    ------
    ValueError
        When a domain of the table has fewer than two reference clips.
    """
    count = reference.groupby(by)["score"].size()
    for domain in pd.unique(table[by]):
        if count.get(domain, 0) < 2:
            raise ValueError(
                f"{by} {domain!r} has {count.get(domain, 0)} normal reference clips: record two "
                "or more there"
            )
    mean = reference.groupby(by)["score"].mean()
    inside = reference["score"] - reference[by].map(mean)
    pooled = float((inside**2).sum() / max(1, len(reference) - len(mean)))
    squares = (inside**2).groupby(reference[by]).sum()
    spread = np.sqrt((squares + 5 * pooled) / (count - 1 + 5))
    score = (table["score"] - table[by].map(mean)) / np.maximum(table[by].map(spread), 1e-12)
    return table.assign(score=score)


def _finite(scores: Sequence[float], *, least: int = 1) -> np.ndarray:
    values = np.asarray(scores, dtype=float)
    if values.ndim != 1 or len(values) < least:
        raise ValueError(f"scores must be a row of {least} or more, found shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("scores hold NaN or infinity: look at the clips that they came from")
    return values


def _between(**shares: float) -> None:
    for name, share in shares.items():
        if not 0 < share < 1:
            raise ValueError(f"{name} must be between 0 and 1, found {share}")
