"""Metrics against sed_eval, brute force, closed forms and published figures."""

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.stats import bootstrap as scipy_bootstrap
from scipy.stats import poisson

from helpers import evaluation
from helpers.detection import Decoder, Scores

COLLARS = st.sampled_from([0.05, 0.1, 0.2])
# times on a grid of 10 ms as well as anywhere: differences then fall exactly on the collar
TIMES = st.one_of(
    st.integers(0, 200).map(lambda i: i / 100),
    st.integers(0, 200).map(lambda i: i * 0.01),
    st.floats(0, 2, allow_nan=False),
)
ONSETS = st.lists(TIMES, max_size=25)


def events(onsets, *, filename="a", label="p", length=0.1):
    onsets = np.asarray(onsets, dtype=float)
    return pd.DataFrame(
        {
            "filename": filename,
            "onset": onsets,
            "offset": onsets + length,
            "event_label": label,
        }
    )


def counted(hits, misses, false_alarms):
    hits, misses, false_alarms = (np.asarray(x) for x in (hits, misses, false_alarms))
    names = [f"r{i}" for i in range(len(hits))]
    columns = [names, hits, misses, false_alarms, hits + misses, hits + false_alarms]
    keys = ["filename", "hits", "misses", "false_alarms", "n_reference", "n_estimated"]
    return pd.DataFrame(dict(zip(keys, columns, strict=True)))


def random_counts(rng, n):
    total = rng.integers(1, 60, n)
    hits = rng.binomial(total, rng.uniform(0.5, 1, n))
    return counted(hits, total - hits, rng.poisson(3, n))


class TestMatching:
    @given(ONSETS, ONSETS, COLLARS)
    @settings(max_examples=120)
    def test_hits_are_those_of_sed_eval_and_of_the_largest_matching(self, truth, found, collar):
        hits = evaluation.match_onsets(truth, found, collar=collar)
        row = evaluation.counts(
            events(truth), events(found), filenames=["a"], label="p", collar=collar
        ).iloc[0]
        assert hits == row["hits"]
        near = [[abs(r - e) <= collar for e in found] for r in truth]
        if truth and found:
            best = maximum_bipartite_matching(csr_matrix(np.array(near, dtype=int)))
            assert hits == (best >= 0).sum()

    @pytest.mark.parametrize("collar", [0.05, 0.1, 0.2])
    def test_on_the_boundary_rounding_decides_as_in_sed_eval(self, collar):
        seen = set()
        for k in range(60):
            truth, found = k / 100, (k + round(collar * 100)) / 100
            row = evaluation.counts(
                events([truth]), events([found]), filenames=["a"], label="p", collar=collar
            ).iloc[0]
            assert evaluation.match_onsets([truth], [found], collar=collar) == row["hits"]
            seen.add((int(row["hits"]), found - truth == collar))
        # the same nominal distance is a hit or not by its last bit; exactly the collar is a hit
        assert {(1, True), (0, False)} <= seen

    @given(ONSETS, ONSETS, COLLARS)
    def test_pairs_are_within_the_collar_and_used_once(self, truth, found, collar):
        i, j = evaluation.match_pairs(truth, found, collar=collar)
        assert len(set(i)) == len(i) == len(j) == len(set(j))
        assert all(abs(truth[a] - found[b]) <= collar for a, b in zip(i, j, strict=True))

    @given(
        st.dictionaries(st.sampled_from("abcd"), ONSETS),
        st.dictionaries(st.sampled_from("abcd"), ONSETS),
    )
    @settings(max_examples=20)
    def test_fast_counts_are_the_counts(self, truth, found):
        reference = {name: events(truth.get(name, [])) for name in "abcd"}
        estimated = {name: events(onsets) for name, onsets in found.items()}
        slow = evaluation.counts(reference, estimated, filenames="abcd", label="p")
        arrays = {name: table["onset"].to_numpy() for name, table in reference.items()}
        fast = evaluation.fast_counts(arrays, found)
        pd.testing.assert_frame_equal(slow, fast, check_dtype=False)

    def test_greedy_in_order_of_reference_would_lose_a_pair(self):
        # the first reference could take either; only one choice leaves room for the second
        assert evaluation.match_onsets([1.0, 1.1], [1.05, 0.95], collar=0.06) == 2

    def test_a_collar_of_nothing_is_refused(self):
        with pytest.raises(ValueError, match="collar"):
            evaluation.match_onsets([1.0], [1.0], collar=0.0)


class TestCounts:
    def test_table_and_mapping_agree_and_other_labels_are_ignored(self):
        truth = pd.concat([events([1, 2, 3]), events([9], label="n"), events([5], filename="b")])
        found = pd.concat([events([1.05, 2.5]), events([9.0], label="n")])
        table = evaluation.counts(truth, found, filenames=["a", "b", "c"], label="p")
        parts = [dict(tuple(x.groupby("filename"))) for x in (truth, found)]
        pd.testing.assert_frame_equal(
            table, evaluation.counts(*parts, filenames=["a", "b", "c"], label="p")
        )
        assert table["hits"].tolist() == [1, 0, 0]
        assert table["misses"].tolist() == [2, 1, 0]
        assert table["false_alarms"].tolist() == [1, 0, 0]

    def test_nothing_estimated_and_nothing_to_find(self):
        empty = events([])
        table = evaluation.counts(events([1.0]), empty, filenames=["a", "b"], label="p")
        assert table["misses"].tolist() == [1, 0]
        table = evaluation.counts(empty, events([1.0]), filenames=["a"], label="p")
        assert table["false_alarms"].tolist() == [1]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda t: t.drop(columns="onset"), "onset"),
            (lambda t: t.drop(columns="filename"), "filename"),
            (lambda t: t.assign(onset=np.nan), "no number"),
        ],
    )
    def test_bad_tables_are_refused_by_name(self, change, message):
        with pytest.raises(ValueError, match=message):
            evaluation.counts(events([1.0]), change(events([1.0])), filenames=["a"], label="p")

    def test_a_recording_named_twice_is_refused(self):
        with pytest.raises(ValueError, match="twice"):
            evaluation.counts(events([1.0]), events([1.0]), filenames=["a", "a"], label="p")

    def test_the_import_of_sed_eval_warns_of_nothing(self):
        code = (
            "from helpers import evaluation as e; import pandas as pd;"
            "t = pd.DataFrame({'filename': ['a'], 'onset': [1.0], 'offset': [1.1],"
            " 'event_label': ['p']});"
            "print(e.counts(t, t, filenames=['a'], label='p')['hits'][0])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == ["1"]
        assert done.stderr == ""

    def test_outcomes_tell_each_event_once(self):
        table = evaluation.outcomes(events([1, 2, 3]), events([0.95, 2.5, 3.02]))
        assert table["outcome"].tolist() == ["hit", "miss", "false alarm", "hit"]
        assert table["onset_error"].dropna().tolist() == pytest.approx([-0.05, 0.02])
        none = evaluation.outcomes(events([]), events([]))
        assert len(none) == 0


class TestFigures:
    def test_macro_weighs_recordings_and_pooled_weighs_events(self):
        table = counted([90, 0, 0], [10, 10, 0], [10, 0, 5])
        assert evaluation.macro_f1(table) == pytest.approx((0.9 + 0.0) / 2)
        assert evaluation.pooled_f1(table) == pytest.approx(180 / (180 + 20 + 15))
        assert evaluation.precision(table) == pytest.approx(90 / 105)
        assert evaluation.recall(table) == pytest.approx(90 / 110)
        assert evaluation.error_rate(table) == pytest.approx(35 / 110)
        durations = {"r0": 600, "r1": 600, "r2": 600}
        assert evaluation.false_alarms_per_hour(table, durations=durations) == pytest.approx(30)

    @pytest.mark.parametrize(
        "figure",
        [evaluation.macro_f1, evaluation.pooled_f1, evaluation.precision, evaluation.error_rate],
    )
    def test_what_is_undefined_is_nan_and_says_why(self, figure):
        with pytest.warns(evaluation.UndefinedWarning, match="no "):
            value = figure(counted([0], [0], [0]))
        assert math.isnan(value)

    def test_only_false_alarms_is_a_zero_pooled_and_undefined_macro(self):
        table = counted([0], [0], [3])
        assert evaluation.pooled_f1(table) == 0
        with pytest.warns(evaluation.UndefinedWarning, match="no recording holds"):
            assert math.isnan(evaluation.macro_f1(table))


class TestBootstrap:
    @pytest.mark.parametrize("figure", [evaluation.macro_f1, evaluation.pooled_f1])
    def test_all_at_once_is_what_each_resampled_table_gives(self, figure):
        table = random_counts(np.random.default_rng(1), 12)
        at_once = evaluation.bootstrap(table, figure, n=60, seed=3)
        one_by_one = evaluation.bootstrap(table, lambda rows: figure(rows), n=60, seed=3)
        expected = (one_by_one.value, one_by_one.low, one_by_one.high)
        assert (at_once.value, at_once.low, at_once.high) == pytest.approx(expected)

    def test_interval_is_near_that_of_scipy(self):
        table = random_counts(np.random.default_rng(2), 80)
        ours = evaluation.bootstrap(table, evaluation.macro_f1, n=4000)
        each = evaluation.f1(table["hits"], table["misses"], table["false_alarms"])
        theirs = scipy_bootstrap(
            (each,), np.mean, n_resamples=4000, method="percentile", rng=0
        ).confidence_interval
        width = theirs.high - theirs.low
        assert abs(ours.low - theirs.low) < 0.06 * width
        assert abs(ours.high - theirs.high) < 0.06 * width

    def test_interval_holds_the_truth_about_as_often_as_it_says(self):
        rng = np.random.default_rng(5)
        held = 0
        for _ in range(200):
            total = np.full(40, 20)
            hits = rng.binomial(total, rng.beta(8, 2, 40))
            found = evaluation.bootstrap(
                counted(hits, total - hits, np.zeros(40, int)), evaluation.recall, n=400
            )
            held += found.low <= 0.8 <= found.high
        assert 0.88 <= held / 200 <= 0.99

    def test_groups_are_drawn_whole(self):
        groups = [0, 0, 1, 1, 1, 2]
        weights = evaluation.resample_weights(6, n=200, groups=groups)
        assert (weights[:, 0] == weights[:, 1]).all()
        assert (weights[:, 2] == weights[:, 4]).all()
        assert (weights[:, [0, 2, 5]].sum(axis=1) == 3).all()

    def test_copies_of_recordings_do_not_narrow_the_interval_of_groups(self):
        table = random_counts(np.random.default_rng(3), 15)
        copies = pd.concat([table.assign(filename=table["filename"] + f"-{i}") for i in range(4)])
        groups = np.tile(np.arange(15), 4)
        once = evaluation.bootstrap(table, evaluation.pooled_f1)
        grouped = evaluation.bootstrap(copies, evaluation.pooled_f1, groups=groups)
        naive = evaluation.bootstrap(copies, evaluation.pooled_f1)
        assert (grouped.low, grouped.high) == pytest.approx((once.low, once.high))
        assert naive.high - naive.low < 0.7 * (once.high - once.low)

    def test_same_seed_same_interval(self):
        table = random_counts(np.random.default_rng(4), 10)
        first, again, other = (
            evaluation.bootstrap(table, evaluation.pooled_f1, seed=seed) for seed in (1, 1, 2)
        )
        assert first == again
        assert first != other

    def test_one_recording_or_an_undefined_figure_gives_a_reason(self):
        lone = evaluation.bootstrap(counted([5], [1], [0]), evaluation.pooled_f1)
        assert lone.value > 0.9
        assert math.isnan(lone.low)
        assert "2 are needed" in lone.reason
        assert f"{lone:.2f}" == f"0.91 (no interval: {lone.reason})"
        none = evaluation.bootstrap(counted([0, 0], [0, 0], [1, 0]), evaluation.macro_f1)
        assert "no recording holds an event" in none.reason
        assert "undefined" in str(none)

    def test_paired_difference_is_narrower_than_the_two_apart(self):
        rng = np.random.default_rng(6)
        total = rng.integers(10, 50, 40)
        hard = rng.uniform(0.3, 0.9, 40)
        a, b = (rng.binomial(total, np.clip(hard + gain, 0, 1)) for gain in (0.08, 0.0))
        first, second = (counted(h, total - h, np.zeros(40, int)) for h in (a, b))
        shuffled = second.sample(frac=1, random_state=0)
        found = evaluation.paired(first, shuffled, evaluation.macro_f1)
        apart = [evaluation.bootstrap(t, evaluation.macro_f1) for t in (first, second)]
        assert found.value == pytest.approx(apart[0].value - apart[1].value)
        assert found.above(0)
        assert found.high - found.low < 0.8 * (apart[0].high - apart[0].low)
        same = evaluation.paired(first, first, evaluation.macro_f1)
        assert (same.value, same.low, same.high) == (0, 0, 0)
        assert not same.above(0)

    def test_paired_refuses_other_recordings(self):
        table = counted([1, 2], [0, 0], [0, 0])
        with pytest.raises(ValueError, match="not about the same recordings"):
            evaluation.paired(table, table.iloc[:1], evaluation.pooled_f1)


class TestFloors:
    def test_chance_is_what_the_length_of_the_collar_says(self):
        # one event far from the edges: a random time hits within 2 collars of the duration
        table = evaluation.chance_counts(
            events([5.0]), filenames=["a"], durations={"a": 10.0}, label="p", n_seeds=4000
        )
        assert table["hits"][0] == pytest.approx(0.02, abs=0.01)
        assert table["misses"][0] == table["false_alarms"][0] == 1 - table["hits"][0]

    def test_mean_of_counts_is_the_mean_of_scores(self):
        truth = events(np.linspace(0.5, 9.5, 30))
        kwargs = {"filenames": ["a"], "durations": {"a": 10.0}, "label": "p"}
        mean = evaluation.chance_counts(truth, n_seeds=8, seed=1, **kwargs)
        rng = np.random.default_rng(1)
        draws = [events(times) for times in rng.uniform(0, 10, (8, 30))]
        each = [
            evaluation.pooled_f1(evaluation.counts(truth, x, filenames=["a"], label="p"))
            for x in draws
        ]
        assert evaluation.pooled_f1(mean) == pytest.approx(np.mean(each))

    def test_a_metronome_is_perfect_only_on_a_metronome(self):
        kwargs = {"filenames": ["a", "b"], "durations": {"a": 10.0, "b": 10.0}, "label": "p"}
        regular = evaluation.metronome_counts(events(np.arange(10) + 0.5), **kwargs)
        assert regular["hits"].tolist() == [10, 0]
        clustered = evaluation.metronome_counts(events(np.linspace(4, 4.9, 10)), **kwargs)
        assert clustered["hits"][0] <= 1

    @pytest.mark.parametrize(
        ("name", "at_100", "at_200"),
        [("ZPmEByu-4xQ", 0.67, 0.80), ("f3bLQLT48Yc", 0.31, 0.52), ("p0jtxp5nWms", 0.03, 0.05)],
    )
    def test_chance_on_real_labels_is_as_measured_before(self, mirror, name, at_100, at_200):
        from helpers import labels

        found = labels.read_audacity(mirror / "brewing-labels" / f"labels.{name}")
        truth = found[found["event_label"] == "p"].assign(filename=name)
        for collar, expected in ((0.1, at_100), (0.2, at_200)):
            table = evaluation.chance_counts(
                truth, filenames=[name], durations={name: 60.0}, label="p", collar=collar
            )
            assert evaluation.pooled_f1(table) == pytest.approx(expected, abs=0.035)


class TestSegmentsAndWindows:
    @given(st.lists(st.tuples(TIMES, st.floats(0.02, 0.4)), max_size=8))
    @settings(max_examples=30)
    def test_segments_are_those_that_events_touch(self, spans):
        found = events([a for a, _ in spans])
        found["offset"] = found["onset"] + np.array([length for _, length in spans], dtype=float)
        kwargs = {"filenames": ["a"], "durations": {"a": 3.0}, "label": "p", "resolution": 0.5}
        table = evaluation.segment_counts(found, events([0.75]), **kwargs)
        touched = {
            k
            for a, b in zip(found["onset"], found["offset"], strict=True)
            for k in range(math.floor(a / 0.5), math.ceil(b / 0.5))
        }
        assert table["n_reference"][0] == len(touched & set(range(6)))
        assert table["hits"][0] == (1 in touched)

    def test_ten_plops_in_a_second_are_one_segment(self):
        kwargs = {"filenames": ["a"], "durations": {"a": 4.0}, "label": "p"}
        many = events(np.linspace(1.0, 1.8, 10), length=0.05)
        found = evaluation.segment_metrics(many, events([1.2]), **kwargs)
        assert found["f1"] == 1
        assert found["n_segments"] == 1
        assert found["reason"] == ""
        empty = evaluation.segment_metrics(events([]), events([]), **kwargs)
        assert math.isnan(empty["f1"])
        assert "no reference" in empty["reason"]

    def test_events_past_the_end_make_no_segments(self):
        kwargs = {"filenames": ["a"], "durations": {"a": 2.0}, "label": "p"}
        table = evaluation.segment_counts(events([0.1]), events([1.9, 5.0], length=0.5), **kwargs)
        assert table["n_estimated"][0] == 1

    def test_windows_by_hand(self):
        targets, scores = [1, 1, 1, 0, 0, 0, 0, 0], [0.9, 0.6, 0.2, 0.7, 0.1, 0.1, 0.1, 0.0]
        found = evaluation.window_metrics(targets, scores, threshold=0.5)
        assert found["precision"] == pytest.approx(2 / 3)
        assert found["recall"] == pytest.approx(2 / 3)
        assert found["false_negative_rate"] == pytest.approx(1 / 3)
        assert found["false_positive_rate"] == pytest.approx(1 / 5)
        # pairs of a positive and a negative in the right order: 5 + 4 + 4 of 15
        assert found["roc_auc"] == pytest.approx(13 / 15)
        assert found["average_precision"] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)

    @pytest.mark.parametrize(
        ("targets", "nan", "reason"),
        [
            ([0, 0], "recall", "no window holds"),
            ([1, 1], "roc_auc", "every window"),
            ([], "precision", "no window at all"),
        ],
    )
    def test_windows_of_one_class_are_undefined_with_a_reason(self, targets, nan, reason):
        found = evaluation.window_metrics(targets, np.full(len(targets), 0.2))
        assert math.isnan(found[nan])
        assert reason in found["reason"]

    def test_scores_that_are_no_numbers_are_refused(self):
        with pytest.raises(ValueError, match="NaN"):
            evaluation.window_metrics([0, 1], [0.1, np.nan])


class TestRates:
    def test_garwood_as_in_the_tables(self):
        low, high = evaluation.poisson_bounds([0, 1, 10, 100])
        assert low == pytest.approx([0, 0.0253, 4.795, 81.36], abs=0.01)
        assert high == pytest.approx([3.689, 5.572, 18.39, 121.63], abs=0.01)

    @given(st.floats(0.1, 300))
    def test_garwood_covers_at_least_as_often_as_it_says(self, expected):
        counts = np.arange(poisson.ppf(1 - 1e-9, expected) + 1)
        low, high = evaluation.poisson_bounds(counts)
        covered = poisson.pmf(counts, expected)[(low <= expected) & (expected <= high)].sum()
        assert covered >= 0.95 - 1e-6

    def test_rate_of_a_count_and_of_silence(self):
        found = evaluation.poisson_rate(20, duration=30)
        assert found.value == 40
        assert found.low < 40 < found.high
        silent = evaluation.poisson_rate(0, duration=60)
        assert (silent.value, silent.low) == (0, 0)
        assert silent.high == pytest.approx(3.689, abs=0.01)
        with pytest.raises(ValueError, match="duration"):
            evaluation.poisson_rate(1, duration=0)

    def test_student_interval_covers_regular_events(self):
        rng = np.random.default_rng(7)
        held = 0
        for _ in range(400):
            onsets = np.cumsum(rng.normal(1.0, 0.1, 30))
            found = evaluation.rate_by_mean_interval(onsets)
            held += found.low <= 60 <= found.high
        assert 0.92 <= held / 400 <= 0.98

    def test_a_missed_event_is_rejected(self):
        onsets = np.delete(np.arange(30) * 1.0 + 0.01 * np.sin(np.arange(30)), [7, 19])
        assert evaluation.rate_by_mean_interval(onsets).value < 58
        kept = evaluation.rate_by_mean_interval(onsets, reject=True)
        assert kept.value == pytest.approx(60, rel=0.01)
        assert kept.n == 25
        assert evaluation.rate_by_median_interval(onsets) == pytest.approx(60, rel=0.02)

    def test_too_few_events_for_an_interval(self):
        assert "2 or more" in evaluation.rate_by_mean_interval([1.0, 2.0]).reason
        with pytest.warns(evaluation.UndefinedWarning, match="no interval"):
            assert math.isnan(evaluation.rate_by_median_interval([1.0]))

    def test_within_ten_per_cent_counts_the_boundary_and_skips_the_few(self):
        truth = pd.concat(
            [events(np.arange(n) / 2, filename=f) for f, n in (("a", 20), ("b", 20), ("c", 5))]
        )
        found = pd.concat(
            [events(np.arange(n) / 2, filename=f) for f, n in (("a", 22), ("b", 23), ("c", 9))]
        )
        names = ["a", "b", "c", "d"]
        durations = dict.fromkeys(names, 30.0)
        errors = evaluation.rate_errors(
            truth, found, filenames=names, durations=durations, label="p"
        )
        assert evaluation.rate_within(errors) == 0.5
        assert evaluation.rate_within(errors, minimum=1) == pytest.approx(1 / 3)
        assert errors["reference_per_minute"].tolist() == [40, 40, 10, 0]
        assert errors["relative_error"][:2].tolist() == pytest.approx([0.1, 0.15])
        assert math.isnan(errors["relative_error"][3])
        assert errors["reference_median"][0] == pytest.approx(120)
        interval = evaluation.bootstrap(errors, evaluation.rate_within)
        assert (interval.low, interval.high) == (0, 1)

    def test_a_boundary_that_floats_miss_still_counts(self):
        # 0.29 * 100 is 28.999999999999996
        errors = pd.DataFrame({"n_reference": [100], "n_estimated": [129]})
        assert evaluation.rate_within(errors, tolerance=0.29) == 1
        assert evaluation.rate_within(errors, tolerance=0.28) == 0

    def test_nothing_to_judge_is_undefined(self):
        errors = evaluation.rate_errors(
            events([1.0]), events([1.0]), filenames=["a"], durations={"a": 5.0}, label="p"
        )
        with pytest.warns(evaluation.UndefinedWarning, match="20 events"):
            assert math.isnan(evaluation.rate_within(errors))


class TestOperatingPoints:
    @staticmethod
    def case():
        rng = np.random.default_rng(8)
        times = np.arange(3000) * 0.01 + 0.016
        truth, made = [], {}
        for name in ("a", "b", "c"):
            onsets = np.sort(rng.choice(np.arange(1, 29), 12 if name != "c" else 0, replace=False))
            values = rng.beta(1.2, 8, len(times))
            for onset in onsets:
                values[np.abs(times - onset - 0.05) < 0.05] += rng.uniform(0.1, 0.8)
            truth.append(events(onsets, filename=name))
            made[name] = Scores(np.clip(values, 0, 1), times, ("p",), 30.0)
        return pd.concat(truth), made, dict.fromkeys(made, 30.0)

    def test_each_point_is_what_decoding_and_counting_gives(self):
        truth, made, durations = self.case()
        decoder = Decoder(threshold=0.5, low=0.25, max_gap=0.05)
        points = evaluation.operating_points(
            truth, made, decoder=decoder, durations=durations, label="p", thresholds=[0.3, 0.6]
        )
        for _, point in points.iterrows():
            t = point["threshold"]
            setting = Decoder(threshold=t, low=t / 2, max_gap=0.05)
            found = {name: setting.decode(each) for name, each in made.items()}
            table = evaluation.counts(truth, found, filenames=made, label="p")
            assert point["hits"] == table["hits"].sum()
            assert point["false_alarms"] == table["false_alarms"].sum()
            assert point["f1"] == pytest.approx(evaluation.pooled_f1(table))
            hourly = evaluation.false_alarms_per_hour(table, durations=durations)
            assert point["false_alarms_per_hour"] == pytest.approx(hourly)

    def test_budget_buys_the_fewest_misses(self):
        truth, made, durations = self.case()
        points = evaluation.operating_points(
            truth, made, decoder=Decoder(), durations=durations, label="p"
        )
        chosen = evaluation.within_budget(points, false_alarms_per_hour=200)
        allowed = points[points["false_alarms_per_hour"] <= 200]
        assert chosen["misses"] == allowed["misses"].min()
        tight = points["false_alarms_per_hour"].min() - 1
        with pytest.raises(ValueError, match="allow more"):
            evaluation.within_budget(points, false_alarms_per_hour=tight)

    def test_scores_that_are_no_probabilities_are_swept_too(self):
        truth, made, durations = self.case()
        level = {k: Scores(20 * v.values - 40, v.times, v.labels, 30.0) for k, v in made.items()}
        points = evaluation.operating_points(
            truth, level, decoder=Decoder(threshold=-30, low=-33), durations=durations, label="p"
        )
        assert points["threshold"].between(-40, -20).all()
        assert points["f1"].max() > 0.5
