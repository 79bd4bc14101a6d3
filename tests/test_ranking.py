"""Area under the curve, whole and partial: against scikit-learn, and by its properties."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from helpers import intervals, ranking

LABELS = np.array([ranking.NORMAL, ranking.ANOMALY])


def table_of(anomalous, scores) -> pd.DataFrame:
    return pd.DataFrame(
        {"label": LABELS[np.asarray(anomalous, dtype=int)], "score": np.asarray(scores, float)}
    )


both = st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=2, max_size=60).filter(
    lambda rows: len({row[0] for row in rows}) == 2
)


@given(both, st.sampled_from([0.05, 0.1, 0.3, 1.0]))
def test_areas_are_those_of_scikit_learn_ties_included(rows, max_fpr):
    anomalous, scores = zip(*rows, strict=True)
    ours = ranking.partial_auc(table_of(anomalous, scores), max_fpr=max_fpr)
    theirs = roc_auc_score(anomalous, scores, max_fpr=None if max_fpr == 1 else max_fpr)
    assert ours == pytest.approx(theirs, abs=1e-12)


@given(both, st.integers(0, 99))
def test_weights_count_rows_as_often_as_they_say(rows, seed):
    anomalous, scores = map(np.array, zip(*rows, strict=True))
    weights = np.random.default_rng(seed).integers(0, 4, (3, len(rows)))
    found = ranking.partial_auc(table_of(anomalous, scores), weights=weights)
    for value, weight in zip(found, weights, strict=True):
        again = np.repeat(np.arange(len(rows)), weight)
        if len(set(anomalous[again])) == 2:
            expected = roc_auc_score(anomalous[again], scores[again], max_fpr=0.1)
            assert value == pytest.approx(expected, abs=1e-12)
        else:
            assert np.isnan(value)


@given(both)
def test_only_the_order_counts(rows):
    anomalous, scores = zip(*rows, strict=True)
    stretched = np.exp(np.asarray(scores, float)) * 3 - 1
    plain, moved = table_of(anomalous, scores), table_of(anomalous, stretched)
    assert ranking.auc(plain) == pytest.approx(ranking.auc(moved), abs=1e-12)


@pytest.mark.parametrize("statistic", [ranking.auc, ranking.partial_auc])
@pytest.mark.parametrize("missing", [ranking.NORMAL, ranking.ANOMALY])
def test_without_one_of_the_labels_it_is_undefined_and_not_zero(statistic, missing):
    table = table_of([missing == ranking.NORMAL] * 4, [1, 2, 3, 4])
    with pytest.warns(intervals.UndefinedWarning, match=f"no {missing} clip"):
        assert np.isnan(statistic(table))
    found = intervals.bootstrap(table, statistic)
    assert "undefined" in str(found)


def test_the_bootstrap_takes_all_resamples_at_once_and_groups_whole():
    rng = np.random.default_rng(0)
    anomalous = np.arange(80) % 2 == 0
    table = table_of(anomalous, rng.normal(anomalous * 1.0, 1.0))
    groups = np.repeat(np.arange(10), 8)
    found = intervals.bootstrap(table, ranking.auc, groups=groups, n=500)
    assert found.low < found.value < found.high
    assert found.n == 10


def sessions(seed: int, *, n: int = 8, apart: float = 1.5) -> pd.DataFrame:
    """Normal and anomalous clips of some sessions; each session moves all of its scores alike."""
    rng = np.random.default_rng(seed)
    rows = []
    for session in range(n):
        moved = rng.normal(0, 1.5)
        for anomalous in (0, 1):
            for _ in range(3):
                rows.append((anomalous, moved + apart * anomalous + rng.normal(), session))
    table = pd.DataFrame(rows, columns=["anomalous", "score", "group"])
    return table.assign(label=LABELS[table["anomalous"]], filename=table.index.astype(str))


def test_intervals_over_sessions_hold_what_new_sessions_give_as_often_as_they_say():
    truth = ranking.auc(sessions(10_000, n=1500))
    held = [
        (found.low <= truth <= found.high, found.low <= found.value <= found.high)
        for found in (ranking.interval(sessions(seed), n=300) for seed in range(150))
    ]
    covered, inside = np.mean(held, axis=0)
    # few sessions make bootstrap intervals somewhat narrow; 150 trials leave an error of .03
    assert covered > 0.8
    assert inside == 1


def test_a_difference_is_zero_against_itself_and_sees_what_was_spoiled():
    table = sessions(1)
    same = ranking.difference(table, table)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    rng = np.random.default_rng(0)
    worse = table.assign(score=rng.permutation(table["score"]))
    assert ranking.difference(table, worse).value == pytest.approx(
        ranking.auc(table) - ranking.auc(worse)
    )


def test_intervals_stay_between_nought_and_one():
    table = sessions(2, apart=4.0)
    found = ranking.interval(table)
    assert 0 <= found.low <= found.high <= 1


def test_every_machine_counts_alike():
    good = table_of([0, 1], [0, 1]).assign(machine="a")
    bad = table_of([0, 1] * 50, [1, 0] * 50).assign(machine="b")
    mean = ranking.by_machine(ranking.auc)
    table = pd.concat([good, bad], ignore_index=True)
    assert mean(table) == pytest.approx(0.5)
    weights = np.ones((4, len(table)))
    assert mean(table, weights=weights) == pytest.approx([0.5] * 4)


def test_a_machine_without_anomalies_is_left_out_of_the_mean_and_named():
    good = table_of([0, 1], [0, 1]).assign(machine="a")
    well = table_of([0, 0], [0, 1]).assign(machine="b")
    mean = ranking.by_machine(ranking.auc)
    with pytest.warns(intervals.UndefinedWarning, match="no anomaly clip"):
        assert mean(pd.concat([good, well], ignore_index=True)) == 1.0
    with pytest.warns(intervals.UndefinedWarning):
        assert np.isnan(mean(well))
    found = intervals.bootstrap(pd.concat([good, well], ignore_index=True), mean)
    assert "no anomaly clip" in found.reason


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "broken"}, "label must be"),
        ({"score": np.nan}, "score of 0 is not a number"),
    ],
)
def test_bad_tables_are_named(change, message):
    table = table_of([0, 1], [0, 1])
    with pytest.raises(ValueError, match=message):
        ranking.auc(pd.concat([pd.DataFrame([table.iloc[0].to_dict() | change]), table]))


def test_a_share_of_false_alarms_out_of_range_is_refused():
    with pytest.raises(ValueError, match="max_fpr"):
        ranking.partial_auc(table_of([0, 1], [0, 1]), max_fpr=0)
