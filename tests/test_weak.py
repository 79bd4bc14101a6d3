"""Weak labels: poolings against NumPy, counts against SciPy, and clips against their recordings."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from helpers import ladder, models, weak
from helpers.features import FrontEnd

keras = pytest.importorskip("keras")
FRAMES = 60


@pytest.fixture(scope="module")
def window_model():
    keras.utils.set_random_seed(0)
    return models.cnn(window=weak.WINDOW, n_mels=64)


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(0).normal(size=(3, FRAMES, 64)).astype(np.float32)


def by_hand(window_model, frames, step=weak.STEP):
    """Scores of every window of every clip, (clips, windows)."""
    starts = range(0, FRAMES - weak.WINDOW + 1, step)
    cut = np.stack([frames[:, start : start + weak.WINDOW] for start in starts], axis=1)
    flat = cut.reshape(-1, weak.WINDOW, 64)
    return window_model.predict_on_batch(flat).reshape(len(frames), -1)


EXPECTED = {
    "max": lambda y: y.max(axis=1),
    "mean": lambda y: y.mean(axis=1),
    "softmax": lambda y: (y * np.exp(y)).sum(axis=1) / np.exp(y).sum(axis=1),
    "linear softmax": lambda y: (y**2).sum(axis=1) / y.sum(axis=1),
    "autopool": lambda y: (y * np.exp(3 * y)).sum(axis=1) / np.exp(3 * y).sum(axis=1),
}


@pytest.mark.parametrize("pooling", EXPECTED)
def test_a_pooling_is_its_formula_over_the_windows_scores(pooling, window_model, frames):
    model = weak.clip_model(window_model, frames=FRAMES, pooling=pooling)
    if pooling == "autopool":
        model.get_layer("alpha").set_weights([np.array([[3.0]])])
    found = model.predict_on_batch(frames)
    wanted = EXPECTED[pooling](by_hand(window_model, frames))
    np.testing.assert_allclose(found[:, 0], wanted, rtol=1e-4)


def test_attention_is_a_mean_of_the_windows_scores(window_model, frames):
    model = weak.clip_model(window_model, frames=FRAMES, pooling="attention")
    found, scores = model.predict_on_batch(frames)[:, 0], by_hand(window_model, frames)
    assert np.all(found >= scores.min(axis=1) - 1e-6)
    assert np.all(found <= scores.max(axis=1) + 1e-6)
    for layer in model.layers:  # with nothing to choose by, every window counts alike
        if isinstance(layer, keras.layers.Dense) and layer is not window_model.layers[-1]:
            layer.set_weights([0 * w for w in layer.get_weights()])
    plain = model.predict_on_batch(frames)[:, 0]
    np.testing.assert_allclose(plain, scores.mean(axis=1), rtol=1e-4)


def test_a_clip_model_computes_what_time_distributed_would(window_model, frames):
    starts = np.arange(0, FRAMES - weak.WINDOW + 1, weak.STEP)
    cut = keras.Input((len(starts), weak.WINDOW, 64))
    one_by_one = keras.Model(cut, keras.layers.TimeDistributed(window_model)(cut))
    windows = frames[:, starts[:, None] + np.arange(weak.WINDOW)]
    wanted = one_by_one.predict_on_batch(windows)[..., 0]
    found = weak.clip_model(window_model, frames=FRAMES, pooling=weak.COUNT)
    np.testing.assert_allclose(found.predict_on_batch(frames), wanted, rtol=1e-4)


@pytest.mark.parametrize("pooling", [*weak.POOLINGS, weak.COUNT])
def test_training_a_clip_model_moves_the_window_model(pooling, frames):
    keras.utils.set_random_seed(1)
    window_model = models.cnn(window=weak.WINDOW, n_mels=64)
    before = by_hand(window_model, frames)
    model = weak.clip_model(window_model, frames=FRAMES, pooling=pooling)
    loss = weak.count_loss if pooling == weak.COUNT else "binary_crossentropy"
    model.compile(optimizer="adam", loss=loss)
    model.fit(frames, np.ones((3, 1)), epochs=2, verbose=0)
    assert np.abs(by_hand(window_model, frames) - before).max() > 1e-4


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=12), st.data())
def test_count_loss_is_scipys_poisson_binomial(chances, data):
    count = data.draw(st.integers(0, len(chances)))
    found = weak.count_loss(np.array([[count]]), np.array([chances], np.float32))
    wanted = stats.poisson_binom.pmf(count, chances)
    assert float(found[0]) == pytest.approx(-np.log(wanted + 1e-9), rel=1e-3, abs=1e-4)


def test_a_count_beyond_the_windows_costs_as_much_as_the_most_they_can():
    chances = np.full((1, 3), 0.5, np.float32)
    beyond, most = (float(weak.count_loss(np.array([[n]]), chances)[0]) for n in (9, 3))
    assert beyond == most


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.floats(0, 11.99), max_size=12, unique=True),
    st.sampled_from([0.5, 1.0, 2.0, 4.0]),
)
def test_clips_count_every_event_that_begins_in_them(onsets, seconds):
    given_ = material(onsets)
    found = weak.clips(given_, seconds=seconds)
    table, covered = found.table, len(found.table) * seconds
    inside = [t for t in onsets if t < covered]
    assert table["count"].sum() == len(inside)
    assert list(table["present"]) == [count > 0 for count in table["count"]]
    assert {len(x) for x in found.log_mels.values()} == {round(seconds * 100)}


def material(onsets):
    front_end = FrontEnd(n_mels=64)
    events = pd.DataFrame({"filename": "a.wav", "onset": onsets, "event_label": "p"})
    events["offset"] = events["onset"] + 0.1
    recordings = pd.DataFrame({"filename": ["a.wav"], "group": ["a"], "duration": [12.0]})
    log_mels = {"a.wav": np.zeros((1200, 64), np.float32)}
    targets = {"a.wav": np.zeros(1200, np.float32)}
    return ladder.Material(recordings, events, log_mels, log_mels, targets, front_end, "p")


def test_a_recording_shorter_than_a_clip_is_padded_with_what_is_quiet():
    given_ = material([1.0])
    log_mels = {"a.wav": np.concatenate([np.full((30, 64), -3.0), np.full((20, 64), -9.0)])}
    given_ = ladder.Material(
        given_.recordings, given_.events, log_mels, log_mels, {}, given_.front_end, "p"
    )
    (made,) = weak.clips(given_, seconds=1.0).log_mels.values()
    assert len(made) == 100
    assert np.all(made[50:] == -9.0)


def test_parts_of_the_clips_never_share_a_recording():
    found = weak.clips(material([1.0, 5.0]), seconds=2.0)
    assert len(found.of(["a.wav"]).table) == len(found.table)
    assert not len(found.of(["b.wav"]).table)


def test_wrong_settings_are_refused(window_model):
    with pytest.raises(ValueError, match="seconds must be 0.16 or more"):
        weak.clips(material([1.0]), seconds=0.1)
    with pytest.raises(ValueError, match="pooling must be one of max, mean"):
        weak.clip_model(window_model, frames=FRAMES, pooling="median")
    with pytest.raises(ValueError, match="frames must be 16 or more"):
        weak.clip_model(window_model, frames=12, pooling="max")


def test_the_decoder_is_chosen_by_what_is_known_of_the_clips_alone():
    onsets = np.array([1.0, 1.4, 5.0, 5.4, 5.8, 9.0])
    given_ = material(onsets)
    clips = weak.clips(given_, seconds=2.0)
    values = np.full(1200, 0.1, np.float32)
    for k, onset in enumerate(onsets):
        peak = 0.9 if k in (0, 2, 5) else 0.45  # one loud event in each clip, and quieter ones
        values[round(onset * 100) : round(onset * 100) + 8] = peak
    rung = ladder.Rung("made", lambda x: given_.scores({"a.wav": values}))
    blind = ladder.Material(
        given_.recordings,
        given_.events.iloc[:0],
        given_.log_mels,
        given_.training,
        {},
        given_.front_end,
        "p",
    )
    whether = weak.tuned(rung, blind, clips, ["a.wav"])
    assert 0.1 < whether.threshold <= 0.9
    often = weak.tuned(rung, blind, clips, ["a.wav"], target="count")
    assert 0.1 < often.threshold <= 0.45
    (scores,) = rung.score({"a.wav": None}).values()
    assert len(often.decode(scores)) == len(onsets)
    with pytest.raises(ValueError, match="filenames name no recording"):
        weak.tuned(rung, blind, clips, ["b.wav"])
    with pytest.raises(ValueError, match="target must be"):
        weak.tuned(rung, blind, clips, ["a.wav"], target="often")
