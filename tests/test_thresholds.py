"""Decision boundaries: what they promise, and what they do on data like that they came from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from helpers import thresholds


def test_a_gamma_distribution_is_found_again():
    scores = stats.gamma.rvs(4.0, scale=2.0, size=20_000, random_state=0)
    found = thresholds.gamma(scores, quantile=0.9)
    assert found == pytest.approx(stats.gamma.ppf(0.9, 4.0, scale=2.0), rel=0.02)


def test_scores_below_zero_are_moved_and_moved_back():
    scores = stats.gamma.rvs(9.0, size=5000, random_state=1) - 100
    found = thresholds.gamma(scores, quantile=0.9)
    assert np.mean(scores > found) == pytest.approx(0.1, abs=0.02)


@given(st.integers(10, 60), st.sampled_from([0.1, 0.2, 0.5]), st.integers(0, 10_000))
def test_the_empirical_threshold_is_the_score_that_its_rank_says(n, rate, seed):
    scores = np.random.default_rng(seed).normal(size=n)
    found = thresholds.empirical(scores, false_alarm_rate=rate)
    above = np.sum(scores >= found)
    assert above == int(rate * (n + 1) + 1e-9)


def test_what_is_promised_is_kept_on_average_by_new_clips():
    rng = np.random.default_rng(0)
    passed = [
        np.mean(rng.exponential(size=200) > thresholds.empirical(rng.exponential(size=19)))
        for _ in range(2000)
    ]
    # 2000 repetitions leave an error of about .0015
    assert np.mean(passed) == pytest.approx(0.1, abs=0.006)


def test_too_few_clips_for_a_rare_alarm_are_refused_with_their_number():
    with pytest.raises(ValueError, match="99 are needed"):
        thresholds.empirical(range(30), false_alarm_rate=0.01)
    with pytest.raises(ValueError, match="1 alarms|cannot promise"):
        thresholds.budget(range(30), alarms_per_day=10)


def test_a_budget_is_a_rate_of_clips():
    scores = np.random.default_rng(0).gamma(3.0, size=999)
    assert thresholds.budget(scores, alarms_per_day=864) == thresholds.empirical(
        scores, false_alarm_rate=0.1
    )
    fitted = thresholds.budget(scores, alarms_per_day=1, fitted=True)
    assert fitted == thresholds.gamma(scores, quantile=1 - 1 / 8640)
    assert fitted > scores.max() * 0.8
    with pytest.raises(ValueError, match="below 8640"):
        thresholds.budget(scores, alarms_per_day=9000)


@given(
    st.lists(st.integers(0, 12), min_size=3, max_size=40),
    st.lists(st.integers(3, 15), min_size=1, max_size=10),
    st.floats(1, 100),
    st.sampled_from([0.001, 0.01, 0.2]),
)
def test_no_other_threshold_is_cheaper(normal, anomalies, miss, rate):
    def cost(threshold):
        missed = np.mean(np.array(anomalies) <= threshold)
        false = np.mean(np.array(normal) > threshold)
        return rate * miss * missed + (1 - rate) * false

    found = thresholds.cheapest(normal, anomalies, miss=miss, anomaly_rate=rate)
    every = [*np.arange(-1, 17, 0.5), np.inf, -np.inf]
    assert cost(found) <= min(map(cost, every)) + 1e-9


def test_when_alarms_cost_more_than_misses_none_is_raised():
    assert thresholds.cheapest([1, 2], [3], miss=1, alarm=1000, anomaly_rate=0.01) >= 2.5
    assert thresholds.cheapest([1, 5], [3], miss=1, alarm=1000, anomaly_rate=0.01) == np.inf


def test_achieved_is_a_count_with_the_exact_interval():
    found = thresholds.achieved([0] * 45 + [2] * 5, 1.0)
    exact = stats.binomtest(5, 50).proportion_ci(0.95)
    assert (found["alarms"], found["clips"], found["rate"]) == (5, 50, 0.1)
    assert (found["low"], found["high"]) == pytest.approx((exact.low, exact.high))
    assert found["per_day"] == pytest.approx(864)


def test_each_domain_is_measured_in_its_own_deviations():
    rng = np.random.default_rng(0)
    domains = np.repeat(["source", "target"], [400, 400])
    place = np.where(domains == "target", 50.0, 0.0)
    spread = np.where(domains == "target", 5.0, 1.0)
    reference = pd.DataFrame({"domain": domains, "score": rng.normal(place, spread)})
    found = thresholds.normalised(reference, reference)
    each = found.groupby("domain")["score"]
    assert each.mean().to_numpy() == pytest.approx([0, 0], abs=1e-9)
    assert each.std().to_numpy() == pytest.approx([1, 1], abs=0.08)


def test_a_domain_without_reference_is_named():
    table = pd.DataFrame({"domain": ["source", "target"], "score": [0.0, 1.0]})
    with pytest.raises(ValueError, match="'target' has 0 normal reference clips"):
        thresholds.normalised(table, table[:1].loc[[0, 0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: thresholds.gamma([1, 1, 1]), "all the same"),
        (lambda: thresholds.gamma([1, 2]), "row of 3 or more"),
        (lambda: thresholds.gamma([1, 2, np.nan]), "NaN"),
        (lambda: thresholds.gamma([1, 2, 3], quantile=1.0), "quantile must be between"),
        (lambda: thresholds.empirical([], false_alarm_rate=0.1), "row of 1 or more"),
        (lambda: thresholds.cheapest([1, 2], []), "row of 1 or more"),
        (lambda: thresholds.cheapest([1], [2], miss=0), "miss and alarm"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
