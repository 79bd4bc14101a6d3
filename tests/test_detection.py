"""Scores to events: the decoder against a plain loop, tuning, and the rate."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from helpers import detection
from helpers.detection import ChangePoints, Decoder, Scores

HOP = 0.01


def scores_of(values, label="p"):
    values = np.asarray(values, np.float32)
    times = 0.016 + HOP * np.arange(len(values))
    return Scores(values, times, (label,), duration=len(values) * HOP + 0.032)


values = st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.5, 0.6, 0.9]), min_size=1, max_size=80)


def loop(values, *, threshold, low, min_length, max_gap):
    """Hysteresis frame by frame, as a stream would do it."""
    events, onset = [], None
    for index, value in enumerate(list(values) + [-1.0]):
        if onset is None and value >= threshold:
            onset = index
        elif onset is not None and value < low:
            if events and onset - events[-1][1] <= max_gap:
                events[-1] = (events[-1][0], index)
            else:
                events.append((onset, index))
            onset = None
    return [(a, b) for a, b in events if b - a >= min_length]


@settings(deadline=None, max_examples=200)
@given(values=values.filter(lambda v: len(v) > 1), gap=st.integers(0, 5), least=st.integers(0, 5))
def test_decoder_equals_a_plain_loop(values, gap, least):
    decoder = Decoder(threshold=0.6, low=0.4, min_length=least * HOP, max_gap=gap * HOP)
    events = decoder.decode(scores_of(values))
    expected = loop(
        np.float32(values),
        threshold=np.float32(0.6),
        low=np.float32(0.4),
        min_length=least,
        max_gap=gap if gap else -1,
    )
    np.testing.assert_allclose(events["onset"], [0.011 + a * HOP for a, _ in expected], atol=1e-9)
    np.testing.assert_allclose(events["offset"], [0.011 + b * HOP for _, b in expected], atol=1e-9)


@settings(deadline=None, max_examples=100)
@given(values=values, shift=st.floats(-0.5, 0.5), boxes=st.booleans())
def test_events_are_sorted_and_inside_the_recording(values, shift, boxes):
    scores = scores_of(values)
    decoder = ChangePoints(0.3, step=0.04) if boxes else Decoder(0.5, low=0.4, shift=shift)
    events = decoder.decode(scores)
    assert (events["onset"] >= 0).all()
    assert (events["offset"] <= scores.duration).all()
    assert (events["offset"] > events["onset"]).all()
    assert events["onset"].is_monotonic_increasing


@settings(deadline=None, max_examples=60)
@given(values=values, low=st.floats(0.05, 0.95), high=st.floats(0.05, 0.95))
def test_the_threshold_moves_no_box(values, low, high):
    low, high = sorted((low, high))
    boxes = [ChangePoints(t, step=0.04).decode(scores_of(values)) for t in (low, high)]
    few, many = (set(zip(b["onset"], b["offset"], strict=True)) for b in boxes[::-1])
    assert few <= many


def test_change_points_find_two_plateaus():
    values = np.zeros(100)
    values[20:40], values[60:70] = 0.9, 0.7
    events = ChangePoints(0.5, step=0.06).decode(scores_of(values))
    np.testing.assert_allclose(events["onset"], [0.211, 0.611], atol=1e-9)
    np.testing.assert_allclose(events["offset"], [0.411, 0.711], atol=1e-9)


def test_median_filter_takes_away_a_spike_and_keeps_a_plateau():
    values = np.zeros(60)
    values[10], values[30:45] = 1, 1
    filtered = detection.median_filter(scores_of(values), width=0.05).of("p")
    assert filtered[10] == 0
    assert filtered[30:45].all()


def test_several_labels_are_decoded_each():
    times = np.arange(50) * HOP
    both = np.zeros((50, 2))
    both[5:10, 0], both[20:30, 1] = 1, 1
    events = Decoder().decode(Scores(both, times, ("p", "n"), 0.5))
    assert list(events["event_label"]) == ["p", "n"]


def test_a_recording_of_one_frame_can_be_an_event():
    events = Decoder().decode(scores_of([0.9]))
    assert events[["onset", "offset"]].values.tolist() == [[0.0, 0.032]]


def truth_of(onsets, filename="a"):
    return pd.DataFrame({"filename": filename, "onset": onsets, "event_label": "p"})


def test_tune_finds_threshold_and_shift():
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 0.3, 1000)
    starts = np.arange(50, 950, 100)
    for start in starts:
        values[start : start + 6] = 0.62
    truth = truth_of(0.011 + (starts - 5) * HOP)
    decoder = detection.tune({"a": scores_of(values)}, truth, label="p", collar=0.1)
    onsets = decoder.decode(scores_of(values))["onset"]
    np.testing.assert_allclose(onsets, truth["onset"], atol=0.011)
    assert decoder.shift == pytest.approx(-0.05, abs=1e-3)


def test_tune_never_loses_to_the_default_decoder():
    rng = np.random.default_rng(1)
    values = {n: scores_of(rng.uniform(size=400) ** 3) for n in "abc"}
    truth = pd.concat([truth_of(rng.uniform(0, 4, 6), n) for n in "abc"])

    def quality(decoder):
        from helpers.evaluation import counts, pooled_f1

        found = [decoder.decode(s).assign(filename=n) for n, s in values.items()]
        return pooled_f1(counts(truth, pd.concat(found), filenames=list("abc"), label="p"))

    assert quality(detection.tune(values, truth, label="p")) >= quality(Decoder(0.5, low=0.35))


def test_tune_without_events_says_so():
    with pytest.raises(ValueError, match="nothing to tune on"):
        detection.tune({"a": scores_of([0.0])}, truth_of([]), label="p")


@settings(deadline=None, max_examples=40)
@given(n=st.integers(0, 400), duration=st.floats(1, 3600))
def test_rate_interval_is_garwoods(n, duration):
    rate = detection.rate(n, duration=duration)
    low, high = (bound * duration / 60 for bound in (rate.low, rate.high))
    assert rate.per_minute == pytest.approx(60 * n / duration)
    assert poisson.cdf(n, high) == pytest.approx(0.025, abs=1e-6)
    if n:
        assert poisson.sf(n - 1, low) == pytest.approx(0.025, abs=1e-6)
    else:
        assert low == 0


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="duration"):
        detection.rate(3, duration=0)
    with pytest.raises(ValueError, match="low"):
        Decoder(0.3, low=0.5)
    with pytest.raises(ValueError, match="NaN"):
        scores_of([np.nan])
    with pytest.raises(ValueError, match="shape"):
        Scores(np.zeros((3, 2)), np.arange(3), ("p",), 1.0)
    with pytest.raises(KeyError, match="'p'"):
        scores_of([0.0]).of("cough")
