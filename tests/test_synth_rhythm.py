"""Rhythms have the mean, the variation and the rate that they were asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.synth import rhythm


@given(
    rate=st.floats(8, 365),
    cv=st.floats(0.05, 0.7),
    style=st.sampled_from(["renewal", "pauses"]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_intervals_keep_mean_variation_and_refractory_time(rate, cv, style, seed):
    gaps = rhythm.intervals(20_000, rate=rate, cv=cv, style=style, rng=seed)
    mean = 60 / rate
    assert gaps.mean() == pytest.approx(mean, rel=0.05)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.12)
    assert gaps.min() >= min(rhythm.REFRACTORY, 0.5 * mean) - 1e-12


def test_pauses_leave_the_median_alone():
    gaps = rhythm.intervals(5000, rate=60, cv=0.5, style="pauses", rng=0)
    low, middle, high = np.quantile(gaps, [0.25, 0.5, 0.75])
    assert (high - low) / 1.349 / middle < 0.08


def test_onsets_start_at_any_moment_and_have_the_rate():
    first, count = [], []
    for seed in range(300):
        times = rhythm.onsets(30.0, rate=40, cv=0.3, rng=seed)
        assert (np.diff(times) > 0).all()
        assert times[0] >= 0
        assert times[-1] < 30
        first.append(times[0])
        count.append(len(times))
    assert np.mean(count) == pytest.approx(20, abs=0.3)
    # Seen from a random moment, the next event of a beat is half an interval away, and a bit.
    assert np.mean(first) == pytest.approx(0.5 * 1.5, rel=0.25)


def test_refused_rhythms():
    with pytest.raises(ValueError, match="rate"):
        rhythm.intervals(3, rate=0, cv=0.2)
    with pytest.raises(ValueError, match="style"):
        rhythm.intervals(3, rate=10, cv=0.2, style="jazz")
    with pytest.raises(ValueError, match="peak_at"):
        rhythm.rate_curve(np.arange(3), lag=10, peak_at=5)


def test_curve_has_lag_peak_and_decline():
    hours = np.linspace(0, 120, 2401)
    rate = rhythm.rate_curve(hours, peak=150, lag=10, peak_at=40)
    assert (rate[hours <= 10] == 0).all()
    assert rate.max() == pytest.approx(150)
    assert hours[np.argmax(rate)] == pytest.approx(40)
    assert (np.diff(rate[hours > 41]) < 0).all()


def test_plops_of_five_days_are_the_integral_of_the_rate():
    curve, onsets = rhythm.five_days(peak=120, cv=0.3, rng=1)
    expected = np.trapezoid(curve.rate, curve.hours * 60)
    # A renewal process with variation cv has a count with standard deviation cv sqrt(n).
    assert abs(len(onsets) - expected) < 4 * 0.3 * np.sqrt(expected) + 2
    assert (np.diff(onsets) >= 0).all()
    for start in (15, 30, 60, 90):  # hours
        inside = (curve.hours >= start) & (curve.hours <= start + 5)
        part = np.trapezoid(curve.rate[inside], curve.hours[inside] * 60)
        count = np.sum((onsets >= start * 3600) & (onsets < (start + 5) * 3600))
        assert abs(count - part) < 5 * 0.3 * np.sqrt(part) + 2


def test_rate_that_halves_its_interval_gives_the_textbook_count(monkeypatch):
    # Gaps of 2, 1, 0.5 s at 0, 60, 120 s, joined by lines: 60 ln 2 + 120 ln 2 = 125 plops, not
    # the 180 that come of taking gaps by index.
    def rate_curve(hours, **_):
        return 60 / np.interp(np.asarray(hours) * 3600, [0, 60, 120], [2, 1, 0.5])

    monkeypatch.setattr(rhythm, "rate_curve", rate_curve)
    counts = [len(rhythm.five_days(hours=120 / 3600, cv=0.1, rng=s)[1]) for s in range(20)]
    # The curve is sampled once a minute, which for this steep one is coarse: 5 percent more.
    assert np.mean(counts) == pytest.approx(180 * np.log(2), rel=0.1)
