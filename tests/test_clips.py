"""Clips become windows and windows a decision: nothing lost, nothing counted twice."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from helpers import clips, decisions, intervals
from helpers.detection import Scores

FRONT_END = clips.FRONT_END
LABELS = ("cat", "dog", "owl")


def tone(level_db, seconds=2.0, frequency=1000.0):
    times = np.arange(int(seconds * 16_000)) / 16_000
    return (10 ** (level_db / 20) * np.sin(2 * np.pi * frequency * times)).astype(np.float32)


def recordings(labels):
    names = [f"{i}.wav" for i in range(len(labels))]
    return pd.DataFrame({"filename": names, "label": labels, "group": names, "fold": 1})


@pytest.mark.parametrize("frequency", [300.0, 1000.0, 4000.0])
@pytest.mark.parametrize("level", [0.0, -20.0, -50.0])
def test_level_is_that_of_a_sine_of_this_amplitude(level, frequency):
    log_mel = FRONT_END.log_mel(tone(level, frequency=frequency))[:90]
    assert clips.level_db(log_mel, front_end=FRONT_END) == pytest.approx(level, abs=1.5)


def test_digital_silence_is_far_below_any_level():
    log_mel = FRONT_END.log_mel(np.zeros(16_000, np.float32))
    assert clips.level_db(log_mel, front_end=FRONT_END) < -100


@given(st.integers(1, 300), st.integers(1, 60), st.data())
def test_windows_cover_every_frame_and_are_what_was_there(frames, length, data):
    cut = clips.Cut(length, data.draw(st.integers(1, length)), quiet_db=None)
    log_mel = np.arange(frames * 2, dtype=np.float32).reshape(frames, 2)
    values, starts = cut.windows(log_mel, front_end=FRONT_END)
    covered = {f for s in starts for f in range(s, min(s + length, frames))}
    assert covered == set(range(frames))
    for value, start in zip(values, starts, strict=True):
        real = log_mel[start : start + length]
        assert np.array_equal(value[: len(real)], real)


def test_quiet_windows_are_set_aside_and_a_quiet_clip_keeps_its_loudest():
    cut = clips.Cut(50, 25, quiet_db=-60.0)
    half = np.concatenate([tone(-20.0, 3.0), np.zeros(32_000, np.float32)])
    values, starts = cut.windows(FRONT_END.log_mel(half), front_end=FRONT_END)
    everything = clips.Cut(50, 25, quiet_db=None).windows(
        FRONT_END.log_mel(half), front_end=FRONT_END
    )[1]
    assert 0 < len(starts) < len(everything)
    assert starts.max() * 0.02 < 3.0
    silent = FRONT_END.log_mel(np.zeros(80_000, np.float32))
    assert len(cut.windows(silent, front_end=FRONT_END)[0]) >= 1
    faint = np.concatenate([tone(-90.0, 3.0), tone(-80.0, 2.0)])
    kept = cut.windows(FRONT_END.log_mel(faint), front_end=FRONT_END)[1]
    assert kept.min() * 0.02 > 2.0


def test_a_clip_shorter_than_a_window_gives_one_window():
    values, starts = clips.Cut(50, 25).windows(
        FRONT_END.log_mel(tone(-10.0, 0.2)), front_end=FRONT_END
    )
    assert values.shape == (1, 50, 64)
    assert starts.tolist() == [0]


def test_a_hop_that_skips_frames_is_refused():
    with pytest.raises(ValueError, match="hop must be from 1 to length"):
        clips.Cut(10, 11)


def test_per_window_forgets_the_level():
    loud = FRONT_END.log_mel(tone(-10.0) + 0.01 * np.random.default_rng(0).normal(size=32_000))
    windows = clips.Cut(50, 50, quiet_db=None).windows(loud, front_end=FRONT_END)[0]
    assert np.allclose(clips.per_window(windows), clips.per_window(windows + 2.0), atol=1e-4)


def draws(names=5, **options):
    rng = np.random.default_rng(0)
    log_mels = {f"{i}.wav": rng.normal(i, 0.1, (80, 64)).astype(np.float32) for i in range(names)}
    targets = {name: i % 3 for i, name in enumerate(log_mels)}
    cut = clips.Cut(20, 10, quiet_db=None)
    front_end = FRONT_END
    return clips.Draws(log_mels, targets, 3, front_end, cut, **options)


def test_every_clip_is_drawn_as_often_as_any_other():
    x, y = draws().draw(50, rng=np.random.default_rng(1))
    assert x.shape == (50, 20, 64)
    which = np.rint(x.mean((1, 2))).astype(int)
    assert np.bincount(which).tolist() == [10] * 5
    assert np.array_equal(y.argmax(1), which % 3)
    assert np.array_equal(y.sum(1), np.ones(50))


def test_fixed_draws_start_on_the_hop_and_free_ones_anywhere():
    ramp = {"a": np.repeat(np.arange(80.0)[:, None], 64, 1)}
    cut = clips.Cut(20, 10, quiet_db=None)
    rng = np.random.default_rng(0)
    fixed = clips.Draws(ramp, {"a": 0}, 1, FRONT_END, cut, fixed=True).draw(200, rng=rng)[0]
    free = clips.Draws(ramp, {"a": 0}, 1, FRONT_END, cut).draw(2000, rng=rng)[0]
    assert set(fixed[:, 0, 0]) == {0, 10, 20, 30, 40, 50, 60}
    assert set(free[:, 0, 0]) == set(range(61))


def test_a_clip_that_the_grid_does_not_fit_is_drawn_to_its_last_frame():
    ramp = {"a": np.repeat(np.arange(77.0)[:, None], 64, 1)}
    cut = clips.Cut(20, 10, quiet_db=None)
    draws = clips.Draws(ramp, {"a": 0}, 1, FRONT_END, cut, fixed=True)
    x = draws.draw(200, rng=np.random.default_rng(0))[0]
    assert set(x[:, 0, 0]) == {0, 10, 20, 30, 40, 50, 57}
    assert x[:, -1, 0].max() == 76


def test_versions_of_a_clip_are_drawn_in_turn():
    versions = {"a": [np.full((30, 64), v, np.float32) for v in (1.0, 2.0, 3.0)]}
    cut = clips.Cut(20, 10, quiet_db=None)
    x = clips.Draws(versions, {"a": 0}, 1, FRONT_END, cut).draw(60, rng=np.random.default_rng(0))[0]
    assert set(x[:, 0, 0]) == {1.0, 2.0, 3.0}


def test_no_clips_are_refused():
    with pytest.raises(ValueError, match="nothing to train on"):
        clips.Draws({}, {}, 3, FRONT_END, clips.Cut())


class Echo:
    """In place of a network: the mean of a window says which class it is."""

    def predict_on_batch(self, x):
        return np.eye(3, dtype=np.float32)[np.rint(x.mean((1, 2))).astype(int)]


def test_scores_go_back_to_their_clip_in_order():
    log_mels = {
        "b": np.full((70, 64), 1.0, np.float32),
        "a": np.concatenate([np.zeros((50, 64)), np.full((50, 64), 2.0)]).astype(np.float32),
    }
    cut = clips.Cut(50, 25, quiet_db=None)
    found = clips.score(Echo(), log_mels, front_end=FRONT_END, cut=cut, labels=LABELS, batch_size=2)
    assert list(found) == ["b", "a"]
    assert found["b"].values.argmax(1).tolist() == [1, 1]
    assert found["a"].values.argmax(1).tolist()[0::2] == [0, 2]
    assert np.allclose(np.diff(found["a"].times), 0.5)
    assert found["a"].times[0] == pytest.approx(0.5, abs=0.05)


def test_a_dataset_with_events_is_refused(brewery):
    with pytest.raises(ValueError, match="carry no label"):
        clips.material(brewery)


def scores(values):
    values = np.asarray(values, float)
    return Scores(values, np.arange(len(values)) + 0.5, LABELS, float(len(values)))


def test_mean_and_majority_can_disagree():
    windows = {"0.wav": scores([[0.4, 0.3, 0.3], [0.4, 0.3, 0.3], [0.0, 1.0, 0.0]])}
    assert decisions.pool(windows, how="majority").idxmax(axis=1)["0.wav"] == "cat"
    assert decisions.pool(windows, how="mean").idxmax(axis=1)["0.wav"] == "dog"
    assert decisions.pool(windows, how="max").loc["0.wav", "dog"] == 1.0


@given(st.lists(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), min_size=1, max_size=9))
def test_pooled_scores_are_shares_and_a_tie_goes_to_the_mean(values):
    values = np.asarray(values) / np.sum(values, axis=1, keepdims=True)
    for how in ("mean", "majority"):
        pooled = decisions.pool({"0.wav": scores(values)}, how=how).loc["0.wav"]
        assert pooled.sum() == pytest.approx(1)
        assert (pooled >= 0).all()
    values = values.astype(np.float32).astype(float)  # as scores are kept
    votes = np.bincount(values.argmax(1), minlength=3)
    tied = np.flatnonzero(votes == votes.max())
    winner = LABELS.index(
        decisions.pool({"0.wav": scores(values)}, how="majority").idxmax(axis=1).iloc[0]
    )
    assert winner in tied
    best = values.mean(0)[tied].max()
    assert values.mean(0)[winner] == pytest.approx(best, abs=1e-6)


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.integers(0, 2)), min_size=1, max_size=30))
def test_accuracy_and_confusion_are_those_of_scikit_learn(pairs):
    truth = [label for label, _ in pairs]
    table = recordings(truth)
    pooled = pd.DataFrame(
        np.eye(3)[[i for _, i in pairs]], index=pd.Index(table["filename"]), columns=list(LABELS)
    )
    decided = decisions.decide(pooled, table)
    expected = confusion_matrix(truth, decided["decided"], labels=list(LABELS))
    assert np.array_equal(decisions.confusion(decided, labels=LABELS), expected)
    assert decisions.accuracy(decided) == pytest.approx(np.trace(expected) / len(pairs))


def test_what_is_not_sure_enough_is_unknown():
    table = recordings(["cat", "dog"])
    pooled = pd.DataFrame(
        [[0.9, 0.1, 0.0], [0.3, 0.4, 0.3]], index=["0.wav", "1.wav"], columns=LABELS
    )
    decided = decisions.decide(pooled, table, threshold=0.5)
    assert decided["decided"].tolist() == ["cat", decisions.UNKNOWN]
    assert decided["correct"].tolist() == [True, False]
    assert decisions.confusion(decided).loc["dog", decisions.UNKNOWN] == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.floats(0.05, 1))
def test_the_threshold_keeps_what_it_was_asked_to_keep(known, keep):
    threshold = decisions.threshold_for(known, keep=keep)
    kept = np.mean(np.asarray(known) >= threshold)
    assert kept >= keep - 1e-9
    higher = np.nextafter(threshold, 2)
    assert np.mean(np.asarray(known) >= higher) < keep


def test_bad_thresholds_and_pools_are_refused():
    with pytest.raises(ValueError, match="validation clips"):
        decisions.threshold_for([])
    with pytest.raises(ValueError, match="keep"):
        decisions.threshold_for([0.5], keep=0)
    with pytest.raises(ValueError, match="one of mean"):
        decisions.pool({"a": scores([[1, 0, 0]])}, how="best")
    with pytest.raises(ValueError, match="no clip"):
        decisions.pool({})
    with pytest.raises(KeyError, match="not among the recordings"):
        decisions.decide(decisions.pool({"x": scores([[1, 0, 0]])}), recordings(["cat"]))


def test_accuracy_has_an_interval_over_groups_and_is_undefined_without_clips():
    table = recordings(["cat", "dog", "cat", "dog"]).assign(correct=[True, False, True, True])
    interval = intervals.bootstrap(table, decisions.accuracy, groups=["a", "a", "b", "b"])
    assert (interval.value, interval.low, interval.high) == (0.75, 0.5, 1.0)
    with pytest.warns(intervals.UndefinedWarning):
        assert math.isnan(decisions.accuracy(table.head(0)))


def test_folds_have_a_mean_and_a_spread():
    table = pd.DataFrame({"correct": [True, False, True, True], "fold": [1, 1, 2, 2]})
    over = decisions.over_folds(table)
    assert (over["mean"], over["folds"]) == (0.75, 2)
    assert over["deviation"] == pytest.approx(np.std([0.5, 1.0], ddof=1))


def test_the_worst_confusions_come_with_the_surest_mistake():
    table = recordings(["cat", "cat", "dog", "owl"])
    table["decided"] = ["dog", "dog", "cat", "owl"]
    table["score"] = [0.5, 0.8, 0.9, 0.9]
    table["correct"] = table["label"] == table["decided"]
    worst = decisions.confused(table)
    assert worst.loc[0, ["label", "decided", "clips", "filename"]].tolist() == [
        "cat",
        "dog",
        2,
        "1.wav",
    ]
    assert len(worst) == 2


def test_neighbouring_windows_with_one_decision_are_one_segment():
    values = np.eye(3)[[0, 0, 1, 1, 1, 0]]
    found = decisions.segments(Scores(values, np.arange(6) + 0.5, LABELS, 6.0), hop=1.0)
    assert found["event_label"].tolist() == ["cat", "dog", "cat"]
    assert found["onset"].tolist() == [0, 2, 5]
    assert found["offset"].tolist() == [2, 5, 6]
    apart = Scores(values[:2], np.array([0.5, 4.5]), LABELS, 6.0)
    assert len(decisions.segments(apart, hop=1.0)) == 2
