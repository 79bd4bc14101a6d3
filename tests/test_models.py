"""The networks: shapes, what a score may depend on, training, and the detector's folder."""

import json

import numpy as np
import pytest

from helpers import bundle, models, training
from helpers.detection import Decoder
from helpers.features import FrontEnd

FRONT_END = FrontEnd(n_mels=16)


@pytest.fixture(scope="module")
def network():
    training.seed_everything(3)
    return models.dilated(n_mels=16, channels=8, filters=4, dilations=(1, 2, 4), right=5)


MARGINS = models.margins((1, 2, 4), right=5)


def test_margins_are_what_the_network_needs(network):
    x = np.random.default_rng(0).normal(size=(1, 60 + sum(MARGINS), 16)).astype(np.float32)
    assert network.predict_on_batch(x).shape == (1, 60, 1)
    assert MARGINS == (13, 5)


def test_a_score_depends_on_its_margins_and_nothing_else(network):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 60 + sum(MARGINS), 16)).astype(np.float32)
    y, (left, right) = network.predict_on_batch(x)[0, :, 0], MARGINS
    for frame in (20, 45):
        changed = x.copy()
        changed[:, frame + left] += rng.normal(size=16)
        moved = np.flatnonzero(network.predict_on_batch(changed)[0, :, 0] != y)
        assert moved.min() >= frame - right
        assert moved.max() <= frame + left
        assert frame in moved


def test_no_look_ahead_beyond_what_is_allowed():
    for right in range(2, 40):
        left, ahead = models.margins((1, 2, 4, 8, 16), right=right)
        assert ahead == min(right, 33)
        assert left + ahead == 66


def test_crnn_gives_a_score_a_frame_and_cnn_one_a_window():
    x = np.zeros((2, 40, 16), np.float32)
    assert models.rnn(n_mels=16, filters=4, units=4)(x).shape == (2, 40, 1)
    assert models.cnn(window=16, n_mels=16, filters=4)(x[:, :16]).shape == (2, 1)


def test_crnn_keeps_time_and_frequency_apart():
    """A change in one frame of the input changes the convolutions' output near that frame only."""
    import keras

    model = models.rnn(n_mels=16, filters=4, units=4)
    stem = keras.Model(model.input, model.layers[-3].output)
    x = np.random.default_rng(0).normal(size=(1, 40, 16)).astype(np.float32)
    changed = x.copy()
    changed[0, 20] += 1
    difference = np.abs(stem.predict_on_batch(x) - stem.predict_on_batch(changed))[0].max(axis=1)
    assert set(np.flatnonzero(difference)) <= set(range(18, 23))
    assert difference[20] > 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: models.dilated(n_mels=20), "divisible"),
        (lambda: models.rnn(n_mels=20), "divisible"),
        (lambda: models.dilated(n_mels=16, right=1), "right"),
        (lambda: models.cnn(window=4, n_mels=16), "window"),
    ],
)
def test_bad_sizes_are_named(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def bursts(seed, n=6):
    """Recordings of quiet noise with loud bursts, as log-mel frames and targets."""
    rng = np.random.default_rng(seed)
    log_mels, targets = {}, {}
    for name in map(str, range(n)):
        targets[name] = np.zeros(200, np.float32)
        for start in rng.integers(10, 180, 4):
            targets[name][start : start + 6] = 1
        level = np.where(targets[name] > 0, -4.0, -9.0)[:, None]
        log_mels[name] = (level + rng.normal(size=(200, 16))).astype(np.float32)
    return log_mels, targets


def test_training_learns_and_keeps_the_best_epoch():
    log_mels, targets = bursts(0)
    front_end = FRONT_END.fit(log_mels.values())
    crops = training.Crops(
        log_mels, targets, front_end, length=60, margins=MARGINS, augment=training.NO_AUGMENT
    )
    model = models.dilated(n_mels=16, channels=8, filters=4, dilations=(1, 2, 4), right=5)
    unseen, truth = bursts(1)

    def validate(model):
        scores = training.predict(model, unseen, front_end=front_end, margins=MARGINS)
        return -np.mean([np.mean((scores[n][:, 0] - truth[n]) ** 2) for n in unseen])

    history = training.fit(
        model,
        draw=lambda rng: crops.draw(48, rng=rng),
        validate=validate,
        epochs=12,
        learning_rate=2e-2,
        blend=0.0,
    )
    assert validate(model) == pytest.approx(history["metric"].max(), abs=1e-6)
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    assert history["metric"].max() > -0.05  # always saying "no" gives -0.11 or worse


def test_training_stops_when_nothing_gets_better(network):
    log_mels, targets = bursts(0)
    crops = training.Crops(log_mels, targets, FRONT_END, length=30, margins=MARGINS)
    metrics = iter([0.5, 0.4, 0.3, 0.2, 0.1])
    history = training.fit(
        network,
        draw=lambda rng: crops.draw(4, rng=rng),
        validate=lambda model: next(metrics),
        epochs=5,
        patience=2,
    )
    assert list(history["metric"]) == [0.5, 0.4, 0.3]


def test_a_loss_that_is_not_a_number_is_named(network):
    x = np.full((4, 20 + sum(MARGINS), 16), np.nan, np.float32)
    with pytest.raises(FloatingPointError, match="learning_rate"):
        training.fit(
            models.dilated(n_mels=16, channels=8, filters=4, dilations=(1, 2, 4), right=5),
            draw=lambda rng: (x, np.zeros((4, 20, 1), np.float32)),
            validate=lambda model: 0.0,
            epochs=1,
        )


def test_half_of_the_crops_hold_events():
    log_mels, targets = bursts(0, n=3)
    targets["0"][:], targets["1"][:] = 0, 0
    targets["2"][:], targets["2"][100] = 0, 1
    crops = training.Crops(log_mels, targets, FRONT_END, length=20, margins=(3, 2))
    x, y = crops.draw(40, rng=np.random.default_rng(0))
    assert x.shape == (40, 25, 16)
    assert y[::2].max(axis=(1, 2)).mean() == 1


def test_adding_at_a_level_is_exact():
    rng = np.random.default_rng(0)
    x, other = rng.normal(size=(50, 16)), rng.normal(size=(50, 16))
    added = np.exp(training.add_at_level(x, other, -6.0)) - np.exp(x)
    loud = np.percentile(np.exp(x).sum(1), 90)
    assert 10 * np.log10(added.sum(1).mean() / loud) == pytest.approx(-6, abs=0.01)


@pytest.fixture(scope="module")
def folder(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "airlock"
    front_end = FRONT_END.fit([np.random.default_rng(0).normal(-5, 2, (100, 16))])
    bundle.save(
        path,
        network,
        front_end=front_end,
        decoder=Decoder(0.4, low=0.3),
        labels=("p",),
        margins=MARGINS,
        card={"onset_f1_100ms": 0.5},
    )
    return path


def test_bundle_holds_what_was_saved(folder):
    detector = bundle.load(folder)
    assert detector.decoder == Decoder(0.4, low=0.3)
    assert detector.labels == ("p",)
    assert detector.about["card"] == {"onset_f1_100ms": 0.5}
    assert sorted(p.name for p in folder.iterdir()) == [
        "detector.json",
        "model.keras",
        "model.tflite",
    ]


def test_lite_scores_equal_keras(folder, network):
    detector = bundle.load(folder)
    x = np.random.default_rng(1).normal(size=(120, 16)).astype(np.float32)
    ours = bundle.load_keras(detector).predict_on_batch(x[None])[0]
    np.testing.assert_allclose(detector.network(x), ours, atol=1e-5)


def test_blocks_do_not_show_in_scores(folder, monkeypatch):
    detector = bundle.load(folder)
    samples = np.random.default_rng(2).normal(size=24_000).astype(np.float32) * 0.1
    whole = detector.scores(samples)
    for block in (1, 37, 150):
        monkeypatch.setattr(bundle, "_BLOCK", block)
        np.testing.assert_allclose(detector.scores(samples).values, whole.values, atol=1e-5)
    log_mel = {"a": detector.front_end.log_mel(samples)}
    keras = training.predict(
        bundle.load_keras(detector), log_mel, front_end=detector.front_end, margins=MARGINS
    )
    np.testing.assert_allclose(whole.values, keras["a"], atol=1e-5)


def test_a_sound_shorter_than_a_frame_is_scored(folder):
    assert len(bundle.load(folder).scores(np.zeros(10, np.float32)).times) == 1


def test_another_format_is_refused(folder, tmp_path):
    about = json.loads((folder / "detector.json").read_text())
    (tmp_path / "detector.json").write_text(json.dumps(about | {"format": 99}))
    with pytest.raises(bundle.BundleError, match="format 99"):
        bundle.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"), [(None, "missing"), ("{not", "not JSON"), ("good", "is missing")]
)
def test_a_broken_folder_is_refused(folder, tmp_path, text, words):
    if text is not None:
        good = (folder / "detector.json").read_text()
        (tmp_path / "detector.json").write_text(good if text == "good" else text)
    with pytest.raises(bundle.BundleError, match=words):
        bundle.load(tmp_path)


def test_a_changed_model_is_refused(folder, tmp_path):
    for name in ("detector.json", "model.keras", "model.tflite"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "model.tflite").write_bytes(b"another")
    with pytest.raises(bundle.BundleError, match="not the file"):
        bundle.load(tmp_path)


def test_an_export_that_differs_is_not_saved(network, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "export_difference", lambda *a, **k: float("nan"))
    with pytest.raises(bundle.BundleError, match="differs"):
        bundle.save(
            tmp_path / "new",
            network,
            front_end=FRONT_END,
            decoder=Decoder(),
            labels=("p",),
            margins=MARGINS,
        )
    assert list(tmp_path.iterdir()) == []
