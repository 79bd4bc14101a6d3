"""The detector that ships: whole, small, quick to answer, and as good as its card says."""

import json

import numpy as np
import pandas as pd
import pytest

from helpers import bundle, datasets, evaluation


@pytest.fixture(scope="module")
def counts(detector):
    dataset = datasets.load("brewery")
    test = dataset.recordings.query("split == 'test'")
    found = [detector.detect(dataset.audio(n)).assign(filename=n) for n in test["filename"]]
    table = evaluation.counts(
        dataset.events, pd.concat(found), filenames=test["filename"], label="p", collar=0.1
    )
    return table.assign(group=test["group"].to_numpy())


def test_the_folder_is_under_a_megabyte(detector):
    assert sum(p.stat().st_size for p in detector.folder.iterdir()) < 1_000_000


def test_it_looks_no_more_than_150_ms_ahead(detector):
    front_end, right = detector.front_end, detector.margins[1]
    ahead = (right * front_end.hop + front_end.n_fft / 2) / front_end.sample_rate
    assert ahead <= 0.15


def test_both_networks_say_the_same(detector):
    model = bundle.load_keras(detector)
    path = detector.folder / "model.tflite"
    assert bundle.export_difference(model, path, margins=detector.margins) < 1e-5


@pytest.mark.parametrize(
    ("metric", "statistic"),
    [("onset_f1_100ms", "macro_f1"), ("onset_f1_100ms_pooled", "pooled_f1")],
)
def test_the_card_holds(detector, counts, metric, statistic):
    value, low, high = detector.about["card"]["figures"]["brewery"][metric]
    again = evaluation.bootstrap(counts, getattr(evaluation, statistic), groups=counts["group"])
    # Another processor adds up in another order: one event more or less must not fail the test.
    assert again.value == pytest.approx(value, abs=0.01)
    assert (again.low, again.high) == pytest.approx((low, high), abs=0.03)


def test_results_and_card_agree(detector):
    path = bundle.shipped().parents[2] / "benchmarks" / "results.json"
    rows = json.loads(path.read_text())
    shipped = {
        (row["dataset"].split()[0], row["metric"]): [row["value"], row["low"], row["high"]]
        for row in rows
        if row["method"] == "shipped detector" and row["area"] == "detection"
    }
    for dataset, figures in detector.about["card"]["figures"].items():
        for metric, expected in figures.items():
            assert shipped[dataset, metric] == pytest.approx(expected, abs=1e-4)


def test_silence_and_steady_noise_hold_no_plops(detector):
    assert len(detector.detect(np.zeros(160_000, np.float32))) == 0
    noise = np.random.default_rng(0).normal(size=160_000).astype(np.float32)
    for level in (0.001, 0.01, 0.1):
        assert len(detector.detect(level * noise)) <= 2
