"""Anomaly detectors: the published configuration to the letter, and what each of them must do."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import _one_class, anomaly, autoencoders

RATE = 16_000
QUICK = {"epochs": 3}
NETWORKS = tuple(n for n in anomaly.METHODS if "autoencoder" in n or "network" in n)


def hum(seed: int, *, seconds: float = 2.0, fault: float = 0.0) -> np.ndarray:
    """A machine that hums in noise, and with a fault whistles."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    sound = sum(np.sin(2 * np.pi * 60 * k * t + rng.uniform(0, 6)) / k for k in range(1, 20))
    sound = sound + 0.3 * rng.standard_normal(len(t)) + fault * np.sin(2 * np.pi * 3000 * t)
    return (0.05 * sound).astype(np.float32)


@pytest.fixture(scope="module")
def framing() -> anomaly.Framing:
    return anomaly.Framing()


@pytest.fixture(scope="module")
def normal(framing) -> list[np.ndarray]:
    return [framing.log_mel(hum(seed)) for seed in range(12)]


# --- the published configuration (facts: README, baseline.yaml and keras_model.py of the baseline)


def test_the_front_end_is_that_of_the_baseline(framing):
    import librosa

    samples = hum(0)
    mel = librosa.feature.melspectrogram(
        y=samples,
        sr=RATE,
        n_fft=1024,
        hop_length=512,
        n_mels=128,
        power=2.0,
        center=True,
        pad_mode="reflect",
    )
    expected = 20.0 / 2.0 * np.log10(mel + sys.float_info.epsilon)
    found = framing.log_mel(samples)
    assert found.shape == (1 + len(samples) // 512, 128)
    assert found == pytest.approx(expected.T, abs=1e-3)


def test_ten_seconds_give_309_vectors_of_five_frames_in_order(framing):
    log_mel = framing.log_mel(np.resize(hum(0), 10 * RATE))
    vectors = framing.vectors(log_mel)
    assert vectors.shape == (309, 640)
    for frame in range(5):
        part = vectors[:, 128 * frame : 128 * (frame + 1)]
        assert (part == log_mel[frame : frame + 309]).all()


def test_the_dense_autoencoder_is_the_baselines_layer_by_layer():
    from keras import layers

    found = autoencoders.dense()
    expected = [("input", 640)]
    for units in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        expected += [("Dense", units), ("BatchNormalization", units), ("ReLU", units)]
    expected.append(("Dense", 640))
    kinds = [
        "input" if isinstance(one, layers.InputLayer) else type(one).__name__
        for one in found.layers
    ]
    sizes = [one.output.shape[-1] for one in found.layers]
    assert list(zip(kinds, sizes, strict=True)) == expected
    assert found.count_params() == 269_992
    assert found.layers[-1].activation.__name__ == "linear"
    norm = next(one for one in found.layers if isinstance(one, layers.BatchNormalization))
    assert (norm.momentum, norm.epsilon) == (0.99, 1e-3)


def test_it_is_trained_as_the_baseline_says(normal):
    x = np.concatenate([anomaly.METHODS["dense autoencoder"].vectors(one) for one in normal[:2]])
    estimator = anomaly.METHODS["dense autoencoder"].make(x, 0)
    settings = estimator.get_params()
    wanted = {
        "epochs": 100,
        "batch_size": 512,
        "validation_split": 0.1,
        "learning_rate": 1e-3,
        "standardise": False,
        "middle": False,
    }
    assert {key: settings[key] for key in wanted} == wanted
    estimator.set_params(epochs=1).fit(x)
    assert type(estimator.model_.optimizer).__name__ == "Adam"
    assert estimator.model_.loss == "mse"
    errors = (x - estimator.model_.predict_on_batch(x)) ** 2
    assert estimator.score_samples(x) == pytest.approx(-errors.mean(axis=1), rel=1e-5)


# --- every method ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", anomaly.METHODS)
def test_every_method_hears_a_whistle(name, framing, normal):
    options = {"epochs": 30, "batch_size": 32} if name in NETWORKS else {}
    detector = anomaly.fit(name, normal, **options)
    well = [detector.score(framing.log_mel(hum(seed))) for seed in range(50, 58)]
    ill = [detector.score(framing.log_mel(hum(seed, fault=3.0))) for seed in range(60, 68)]
    assert np.median(ill) > max(well)


@pytest.mark.parametrize("name", anomaly.METHODS)
def test_the_same_seed_gives_the_same_scores(name, framing, normal):
    options = QUICK if name in NETWORKS else {}
    other = framing.log_mel(hum(99, fault=1.0))
    found = [anomaly.fit(name, normal[:4], seed=3, **options).score(other) for _ in range(2)]
    # networks add up in an order that threads choose
    assert found[0] == pytest.approx(found[1], rel=1e-3)


@pytest.mark.parametrize("name", anomaly.METHODS)
def test_clips_may_differ_in_length(name, framing):
    options = QUICK if name in NETWORKS else {}
    clips = [framing.log_mel(hum(s, seconds=1.1 + 0.7 * s)) for s in range(4)]
    detector = anomaly.fit(name, clips, **options)
    scores = [detector.each(clip) for clip in clips]
    assert all(np.isfinite(one).all() for one in scores)
    if detector.method.describe is None:
        assert [len(one) for one in scores] == sorted({len(one) for one in scores})


@pytest.mark.parametrize("name", anomaly.METHODS)
def test_one_clip_is_enough_or_is_refused_in_words(name, normal):
    if anomaly.METHODS[name].describe is None:
        options = QUICK if name in NETWORKS else {}
        assert np.isfinite(anomaly.fit(name, normal[:1], **options).score(normal[1]))
    else:
        with pytest.raises(ValueError, match="two clips or more"):
            anomaly.fit(name, normal[:1])


@pytest.mark.parametrize("name", anomaly.METHODS)
def test_silence_is_not_something_to_learn(name, framing):
    silent = [framing.log_mel(np.zeros(2 * RATE, np.float32))] * 3
    with pytest.raises(ValueError, match="microphone"):
        anomaly.fit(name, silent)


def test_pools_are_mean_quantile_and_maximum(normal):
    detector = anomaly.fit("PCA, Mahalanobis", normal[:4])
    each = detector.each(normal[5])
    assert detector.score(normal[5]) == pytest.approx(each.mean())
    assert detector.score(normal[5], pool="quantile") == pytest.approx(np.quantile(each, 0.9))
    assert detector.score(normal[5], pool="maximum") == each.max()
    with pytest.raises(ValueError, match="pool must be one of mean, quantile, maximum"):
        detector.score(normal[5], pool="median")
    assert anomaly.fit("Gaussian mixture", normal[:4]).pool == "quantile"
    assert anomaly.fit("Gaussian mixture", normal[:4], pool="maximum").pool == "maximum"


def test_the_error_lies_where_the_whistle_is(framing, normal):
    detector = anomaly.fit("interpolation network", normal, epochs=30, batch_size=32)
    sound = hum(70, seconds=2.0)
    whistle = hum(70, seconds=2.0, fault=3.0)
    sound[RATE:] = whistle[RATE:]
    where = detector.where(framing.log_mel(sound))
    assert where.shape == framing.log_mel(sound).shape
    early, late = np.nanmean(where[:28], axis=0), np.nanmean(where[36:], axis=0)
    loudest = int(np.argmax(late - early))
    import librosa

    centres = librosa.mel_frequencies(130, fmax=RATE / 2)[1:-1]
    assert centres[loudest] == pytest.approx(3000, rel=0.05)
    with pytest.raises(TypeError, match="only networks"):
        anomaly.fit("level", normal).where(normal[0])


@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 20))
def test_spreading_the_vectors_of_a_spectrogram_gives_it_back(frames, stride, more):
    framing = anomaly.Framing(frames=frames, stride=stride, n_mels=3)
    log_mel = np.random.default_rng(more).normal(size=(frames + more, 3))
    vectors = framing.vectors(log_mel)
    back = framing.spread(vectors.reshape(len(vectors), frames, 3), n_frames=len(log_mel))
    covered = ~np.isnan(back)
    assert back[covered] == pytest.approx(log_mel[covered])
    assert covered[:frames].all()


def test_crossed_scores_come_from_detectors_that_have_not_heard_the_group(framing, normal):
    frames = {f"{k}": one for k, one in enumerate(normal)}
    odd = {"6": framing.log_mel(hum(6, fault=3.0)), "7": framing.log_mel(hum(7, fault=3.0))}
    groups = {name: f"g{int(name) // 2}" for name in frames}
    found = anomaly.crossed("nearest neighbours", frames | odd, groups, folds=3)
    assert list(found) == list(frames)
    inside = anomaly.fit("nearest neighbours", list((frames | odd).values()))
    for name, log_mel in odd.items():
        assert found[name] > 2 * inside.score(log_mel)
    with pytest.raises(ValueError, match="6 groups cannot be dealt into 7"):
        anomaly.crossed("level", frames, groups, folds=7)


# --- the networks ---------------------------------------------------------------------------


def test_the_interpolation_network_never_sees_what_it_predicts(normal):
    x = anomaly.METHODS["interpolation network"].vectors(normal[0])
    estimator = anomaly.METHODS["interpolation network"].make(x, 0, epochs=1).fit(x)
    given_before = estimator._pairs(x)[0]
    changed = x.reshape(len(x), 5, 128).copy()
    changed[:, 2] += 50
    given_after, wanted = estimator._pairs(changed.reshape(len(x), -1))
    assert (given_before == given_after).all()
    assert wanted.shape == (len(x), 128)
    assert estimator.errors(x).shape == (len(x), 1, 128)


def test_the_interpolation_network_has_the_sizes_of_the_paper():
    found = autoencoders.interpolation(n_mels=64)
    assert [one.output.shape[-1] for one in found.layers] == [256, 64, 32, 16, 32, 64, 64]


def test_the_convolutional_one_is_smaller_than_the_dense_one():
    found = autoencoders.convolutional()
    assert found.input_shape == found.output_shape == (None, 32 * 128)
    assert found.count_params() < autoencoders.dense().count_params()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: autoencoders.dense(bottleneck=0), "bottleneck must be 1 or more"),
        (lambda: autoencoders.convolutional(frames=30), "multiple of 8"),
        (lambda: autoencoders.interpolation(frames=4), "odd and 3 or more"),
    ],
)
def test_sizes_that_cannot_be_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_pipeline_of_scikit_learn_can_be_a_method(normal):
    from sklearn.ensemble import IsolationForest

    own = anomaly.Method(lambda x, seed: IsolationForest(random_state=seed))
    assert np.isfinite(anomaly.fit(own, normal[:3]).score(normal[4]))


def test_the_mahalanobis_distance_is_that_of_scikit_learn(normal):
    from sklearn.covariance import LedoitWolf

    x = normal[0][:, ::8]
    theirs = LedoitWolf().fit(x).mahalanobis(x)
    ours = -_one_class.Mahalanobis().fit(x).score_samples(x)
    assert ours == pytest.approx(theirs, rel=1e-4)


def test_few_vectors_leave_few_components(normal):
    x = normal[0][:7]
    estimator = _one_class.mixture(x, 0).fit(x)
    assert np.isfinite(estimator.score_samples(x)).all()


# --- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, RATE)), "one channel"),
        (np.zeros(100), "5 frames"),
        (np.full(RATE, np.nan), "NaN"),
    ],
)
def test_sounds_that_cannot_be_used_are_refused(framing, samples, message):
    with pytest.raises(ValueError, match=message):
        framing.log_mel(samples)


def test_a_bad_clip_of_a_dataset_is_named(framing):
    dataset = SimpleNamespace(audio={"good.wav": hum(0), "bad.wav": hum(0)[:50]}.get)
    with pytest.raises(ValueError, match="bad.wav: samples must hold 5 frames"):
        anomaly.log_mels(dataset, ["good.wav", "bad.wav"])


def recordings_of(*rows) -> pd.DataFrame:
    names = ("filename", "machine_type", "machine", "split", "label", "group")
    return pd.DataFrame(rows, columns=names)


def test_a_machine_that_training_never_heard_is_named(normal):
    known = {"fan/id_00": anomaly.fit("level", normal[:3])}
    rows = recordings_of(("a.wav", "fan", "id_02", "test", "normal", "g"))
    with pytest.raises(KeyError, match="fan/id_02: no detector has heard this machine"):
        anomaly.scores(known, {"a.wav": normal[0]}, rows)


def test_scores_go_to_the_detector_of_their_machine(normal):
    known = {f"fan/id_0{k}": anomaly.fit("level", normal[k : k + 3]) for k in (0, 2)}
    rows = recordings_of(
        ("a.wav", "fan", "id_00", "test", "normal", "g"),
        ("b.wav", "fan", "id_02", "test", "anomaly", "g"),
        ("c.wav", "fan", "id_02", "test", "anomaly", "g"),
    )
    found = anomaly.scores(known, {"a.wav": normal[8], "b.wav": normal[8]}, rows)
    assert list(found["filename"]) == ["a.wav", "b.wav"]
    assert found["score"][0] == known["fan/id_00"].score(normal[8])
    assert found["score"][1] == known["fan/id_02"].score(normal[8])


def test_what_is_held_back_for_thresholds_shares_no_group():
    rows = recordings_of(
        *((f"{k}.wav", "fan", "id_00", "train", "normal", f"g{k // 3}") for k in range(24)),
        ("x.wav", "fan", "id_00", "test", "normal", "t"),
    )
    fit_on, held = anomaly.parts(rows, share=0.25)
    assert (len(held), len(fit_on)) == (6, 18)
    group = rows.set_index("filename")["group"]
    assert not set(group[fit_on]) & set(group[held])
    with pytest.raises(ValueError, match="two or more"):
        anomaly.parts(rows[:3])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: anomaly.fit("magic", [np.zeros((9, 128))]), "method must be one of level"),
        (lambda: anomaly.fit("level", []), "log_mels is empty"),
        (lambda: anomaly.fit("PCA, Mahalanobis", [np.full((9, 128), np.nan)]), "NaN"),
    ],
)
def test_bad_training_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
