"""States and alarms: on simulated brews of five days, and property by property."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.apps import alarms
from helpers.apps._poisson import poisson_bounds
from helpers.apps.alarms import Rules, Watch
from helpers.intervals import poisson_bounds as reference_bounds
from helpers.synth.fermentations import KINDS, fermentation

HOUR = 3600


def brew(kind, seed):
    """Plops a minute as a detector counts them, and the hour of the trouble."""
    made = fermentation(kind, rng=seed)
    return made.counts(rng=seed), made.hour


def watched(counts, rules=None):
    """Run a watch; return the states and the notices with their hour."""
    watch, states, notices = Watch(rules), [], []
    for minute, count in enumerate(counts):
        status = watch.step(60 * minute, int(count), 60.0)
        states.append(status.state)
        notices += [(n.time / HOUR, n.kind, n.text.split(":")[0]) for n in status.notices]
    return states, notices


def test_a_normal_brew_gives_no_alarm_and_passes_through_its_states():
    counts, _ = brew("normal", 1)
    states, notices = watched(counts)
    assert notices == []
    assert states[0] == alarms.NOT_STARTED
    assert alarms.ACTIVE in states
    changes = [a for a, b in zip(states, states[1:], strict=False) if a != b]
    assert len(changes) == len(set(changes)), "a state that was left came back: it flickers"


@pytest.mark.parametrize("kind", ["too active", "stalled", "stopped abruptly"])
@pytest.mark.parametrize("seed", [1, 2])
def test_each_trouble_is_told_once_and_soon_enough(kind, seed):
    counts, at = brew(kind, seed)
    _, notices = watched(counts)
    begun = [(hour, text) for hour, word, text in notices if word == "alarm"]
    assert [text for _, text in begun if text == kind] == [kind]
    if kind != "too active":
        assert {text for _, text in begun} == {kind}
        within = {"stopped abruptly": 1.0, "stalled": 24.0}[kind]
        assert at < begun[0][0] < at + within


def test_a_storm_is_over_when_it_is_over():
    counts, _ = brew("too active", 3)
    _, notices = watched(counts)
    kinds = [(word, text) for _, word, text in notices if text == "too active"]
    assert kinds == [("alarm", "too active"), ("alarm over", "too active")]


def test_a_brew_that_never_starts_is_an_alarm_once():
    counts, _ = brew("not started", 0)
    states, notices = watched(counts)
    assert set(states) == {alarms.NOT_STARTED}
    assert [(round(hour), word) for hour, word, _ in notices] == [(48, "alarm")]


def test_what_stopped_and_began_again_is_over():
    counts = np.concatenate([np.full(300, 60), np.zeros(120, int), np.full(120, 60)])
    states, notices = watched(counts)
    assert [word for _, word, _ in notices] == ["alarm", "alarm over"]
    assert states[-1] == alarms.ACTIVE


@pytest.mark.parametrize("level", [3.0, 170.0])
def test_between_two_levels_nothing_changes(level):
    """A rate inside the dead zone keeps the state that was there before."""
    high = np.full(120, 250 if level > 100 else 60)
    _, notices = watched(np.concatenate([high, np.full(600, level)]))
    assert "alarm over" not in [word for _, word, _ in notices]
    assert sum(word == "alarm" and text == "too active" for _, word, text in notices) <= 1


@given(st.lists(st.integers(0, 400), min_size=200, max_size=400), st.integers(1, 20))
def test_alarms_begin_and_end_in_turn(counts, every):
    """Whatever is heard, an alarm ends before another begins, and is told by the state."""
    counts = np.repeat(counts, every)[:600]
    open_alarm, watch = None, Watch()
    for minute, count in enumerate(counts):
        status = watch.step(60 * minute, int(count), 60.0)
        for notice in status.notices:
            what = notice.text.split(":")[0]
            if notice.kind == "alarm over":
                assert what == open_alarm
                open_alarm = None
            else:
                assert open_alarm is None
                open_alarm = what
        assert (status.state in alarms.ALARMS) == (status.state == open_alarm)


def test_fermentations_are_the_same_for_one_seed_and_of_known_kinds():
    for kind in KINDS:
        first, second = (fermentation(kind, rng=5) for _ in range(2))
        assert np.array_equal(first.onsets, second.onsets)
        assert (np.diff(first.onsets) >= 0).all()
    stopped = fermentation("stopped abruptly", rng=5)
    assert stopped.onsets.max() <= 3600 * stopped.hour
    with pytest.raises(ValueError, match="kind must be one of normal"):
        fermentation("explosion")


def test_minutes_half_heard_count_by_the_time_that_was_heard():
    watch = Watch()
    for minute in range(20):
        status = watch.step(60 * minute, 10, 30.0)
    assert status.rate == pytest.approx(20.0)
    assert status.low < 20 < status.high


def test_too_little_sound_is_no_rate_and_changes_nothing():
    watch = Watch()
    status = watch.step(0, 3, 0.5)
    assert np.isnan(status.rate)
    assert status.state == alarms.NOT_STARTED


def test_minutes_must_go_on():
    watch = Watch()
    watch.step(600, 1, 60.0)
    with pytest.raises(ValueError, match="minutes must go on"):
        watch.step(600, 1, 60.0)


def test_rules_that_cross_are_refused():
    with pytest.raises(ValueError, match=r"quiet \(9\) must not be above active \(4\)"):
        Rules(quiet=9)


@given(count=st.integers(0, 3000), level=st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_bounds_are_those_of_scipy(count, level):
    expected = tuple(float(bound) for bound in reference_bounds(count, level=level))
    assert poisson_bounds(count, level=level) == pytest.approx(expected, rel=1e-8, abs=1e-8)
