"""Networks for clips: shapes, sizes, shared weights, and that they can learn."""

import numpy as np
import pytest

from helpers import classifiers, clips, models, training

NETWORKS = (classifiers.three_blocks, classifiers.depthwise, classifiers.strided)


def by_class(n, rng):
    """Windows of three classes that differ in where their energy lies."""
    y = rng.integers(0, 3, n)
    x = rng.normal(0, 0.5, (n, 32, 32)).astype(np.float32)
    for row, label in zip(x, y, strict=True):
        row[:, 10 * label : 10 * label + 8] += 1.5
    return x, np.eye(3, dtype=np.float32)[y]


@pytest.mark.parametrize("build", NETWORKS)
def test_a_window_becomes_shares_of_the_classes(build):
    model = build(window=50, n_mels=64, classes=10)
    scores = model.predict_on_batch(np.zeros((2, 50, 64), np.float32))
    assert scores.shape == (2, 10)
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-5)
    tags = build(window=50, n_mels=64, classes=10, activation="sigmoid")
    assert not np.allclose(
        tags.predict_on_batch(np.ones((1, 50, 64), np.float32)).sum(), 1, atol=0.5
    )


def test_the_small_network_costs_a_fraction_of_the_large_one():
    sizes = {"window": 50, "n_mels": 64, "classes": 10}
    large, small = (build(**sizes) for build in NETWORKS[:2])
    assert small.count_params() < large.count_params() / 3
    cost = [models.multiply_adds(model, frames=50) for model in (large, small)]
    assert cost[1] < cost[0] / 5


@pytest.mark.parametrize("build", NETWORKS)
def test_it_learns_what_can_be_learnt(build):
    training.seed_everything(0)
    model = build(window=32, n_mels=32, classes=3, dropout=0.1)
    x, y = by_class(100, np.random.default_rng(9))
    training.fit(
        model,
        draw=lambda rng: by_class(300, rng),
        validate=lambda m: float((m.predict_on_batch(x).argmax(1) == y.argmax(1)).mean()),
        epochs=4,
        loss="categorical_crossentropy",
        blend=0.0,
    )
    assert (model.predict_on_batch(x).argmax(1) == y.argmax(1)).mean() > 0.9


@pytest.mark.parametrize("build", NETWORKS)
def test_too_small_an_input_is_refused(build):
    with pytest.raises(ValueError, match="window must be 16 or more, found 8"):
        build(window=8, n_mels=64, classes=10)
    with pytest.raises(ValueError, match="n_mels must be 16 or more"):
        build(window=50, n_mels=8, classes=10)


def test_one_model_over_windows_averages_what_the_window_model_says():
    window_model = classifiers.depthwise(window=32, n_mels=32, classes=3)
    whole = classifiers.over_windows(window_model, windows=5)
    x = np.random.default_rng(0).normal(size=(2, 5, 32, 32)).astype(np.float32)
    each = window_model.predict_on_batch(x.reshape(10, 32, 32)).reshape(2, 5, 3)
    assert np.allclose(whole.predict_on_batch(x), each.mean(axis=1), atol=1e-5)
    assert whole.count_params() == window_model.count_params()
    for batch in (1, 7, 3):  # any number of clips
        assert whole.predict_on_batch(np.repeat(x[:1], batch, axis=0)).shape == (batch, 3)


def test_averaging_features_is_another_decision_with_the_same_weights():
    window_model = classifiers.depthwise(window=32, n_mels=32, classes=3)
    whole = classifiers.over_windows(window_model, windows=1, pool="features")
    assert whole.count_params() == window_model.count_params()
    alone = np.random.default_rng(0).normal(size=(2, 1, 32, 32)).astype(np.float32)
    assert np.allclose(
        whole.predict_on_batch(alone), window_model.predict_on_batch(alone[:, 0]), atol=1e-5
    )
    with pytest.raises(ValueError, match="'scores' or 'features'"):
        classifiers.over_windows(window_model, windows=1, pool="last")
    with pytest.raises(ValueError, match="windows must be 1 or more"):
        classifiers.over_windows(window_model, windows=0)


def test_the_raw_network_takes_samples():
    model = classifiers.raw(samples=16_000, classes=10)
    assert model.predict_on_batch(np.zeros((2, 16_000), np.float32)).shape == (2, 10)
    with pytest.raises(ValueError, match="8000 or more"):
        classifiers.raw(samples=100, classes=10)


def test_the_front_end_of_the_clips_has_the_bands_that_the_detector_has():
    assert clips.FRONT_END.n_mels == 64
    assert clips.FRONT_END.sample_rate == 16_000
