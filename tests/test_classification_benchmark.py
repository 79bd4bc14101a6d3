"""The classification benchmark: nothing from a test fold, everything kept, rows that add up."""

import classification as benchmark
import namers
import numpy as np
import pandas as pd
import pytest

from helpers import clips, datasets, splits


@pytest.fixture(scope="module")
def bench():
    dataset = datasets.load("everyday")
    return namers.Bench(dataset, clips.material(dataset))


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "KEPT", tmp_path)
    return tmp_path


COMMON = {"area": "classification", "dataset": "everyday", "command": "none"}


@pytest.mark.parametrize("count", [2, 5, 32])
def test_few_clips_are_few_of_each_class_and_share_no_source_with_the_test(bench, count):
    turn = splits.by_fold(bench.dataset.recordings)[0]
    few = benchmark.fewer(bench, turn, count, seed=1)
    chosen = few.train + few.validation
    labels = bench.labels[chosen]
    assert (labels.value_counts() == count).all()
    assert len(set(chosen)) == len(chosen)
    assert few.test == turn.test
    group = bench.material.recordings["group"]
    assert not set(group[chosen]) & set(group[few.test])
    assert set(bench.labels[few.train]) == set(bench.labels[few.validation]) == set(labels)


def test_few_clips_come_from_as_many_sources_as_there_are(bench):
    turn = splits.by_fold(bench.dataset.recordings)[0]
    few = benchmark.fewer(bench, turn, 5, seed=1)
    sources = bench.material.recordings.loc[few.train + few.validation]
    assert (sources.groupby("label")["group"].nunique() == 5).all()


def test_a_method_is_measured_once_kept_and_told(bench, kept, monkeypatch):
    rows = benchmark.measure("MFCC statistics, linear", bench, COMMON)
    metrics = {row["metric"]: row for row in rows}
    assert set(metrics) == {"accuracy", "accuracy_deviation", "training_seconds"}
    accuracy = metrics["accuracy"]
    assert 0.3 < accuracy["low"] < accuracy["value"] < accuracy["high"] < 1
    assert accuracy["n"] == bench.dataset.recordings["group"].nunique()
    tables = [pd.read_csv(path) for path in kept.rglob("*.csv")]
    everything = pd.concat(tables)
    assert sorted(everything["filename"]) == sorted(bench.dataset.recordings["filename"])
    assert everything["correct"].mean() == pytest.approx(accuracy["value"], abs=1e-6)

    def refuse(*arguments):
        raise AssertionError("computed again")

    monkeypatch.setattr(namers, "by_vectors", refuse)
    assert benchmark.measure("MFCC statistics, linear", bench, COMMON) == rows


def test_a_network_learns_from_the_validation_fold_only_after_it_has_chosen(bench, monkeypatch):
    calls = []

    def record(build, material, train, validation, **options):
        calls.append((set(train), validation, options.get("stop_after")))

        class Made:
            history = pd.DataFrame({"metric": [0.1, 0.5, 0.4]})

        return Made()

    monkeypatch.setattr(namers.classification, "train", record)
    turn = splits.by_fold(bench.dataset.recordings)[0]
    namers.twice(bench, turn, None, {}, versions=0)
    (first, held, no_stop), (second, none, stop) = calls
    assert (first, set(held), no_stop) == (set(turn.train), set(turn.validation), None)
    assert (second, none, stop) == (set(turn.train) | set(turn.validation), None, 2)
    assert not second & set(turn.test)


def test_the_head_of_a_tuned_network_starts_as_the_linear_classifier(bench):
    names = list(bench.labels.index[::10])
    vectors = {n: np.random.default_rng(i).normal(size=8) for i, n in enumerate(names)}

    class Net:
        def predict_on_batch(self, x):
            return x

    class Head:
        def set_weights(self, given):
            self.weights, self.bias = given

    head = Head()
    namers._start_head(head, Net(), bench, vectors, names)
    x = np.stack([vectors[n] for n in names])
    model = namers.shallow.linear(0.01).fit(x, bench.labels[names].to_numpy())
    assert np.allclose(x @ head.weights + head.bias, model.decision_function(x), atol=1e-4)
