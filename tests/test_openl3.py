"""OpenL3: equal to the package, fussy about weight files, and the same windows for any length."""

import gzip
import io
import sys
from pathlib import Path

import h5py
import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback_data import write_manifest
from reference import openl3_reference as reference

from helpers import _openl3, _openl3_front, _openl3_weights, _sources, embeddings
from helpers._openl3_front import Cut
from helpers._sources import DataError, DataMissing
from helpers.audio import AudioError

NAME = "openl3_audio_mel128_env-v0_4_0.h5.gz"


@pytest.fixture(scope="module")
def layers():
    return reference.random_weights()


@pytest.fixture(scope="module")
def weights(layers, tmp_path_factory):
    """A weight file laid out as published, with random values."""
    return reference.write_weights(tmp_path_factory.mktemp("openl3") / "weights.h5", layers)


@pytest.fixture(scope="module")
def small(weights):
    return _openl3.Extractor("openl3-mel128-env-512", weights)


@pytest.fixture(scope="module")
def expected():
    with np.load(reference.REFERENCE) as arrays:
        return dict(arrays)


# --- equal to the package -------------------------------------------------------------------


def test_the_seed_still_gives_the_weights_of_the_reference(layers, expected):
    sums = [layer[key].sum() for layer in layers for key in sorted(layer)]
    np.testing.assert_allclose(sums, expected["check"], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("size", [512, 6144])
@pytest.mark.parametrize("representation", ["mel256", "mel128", "linear"])
def test_the_network_gives_what_the_package_gives(weights, expected, representation, size):
    extractor = _openl3.Extractor(f"openl3-{representation}-env-{size}", weights)
    for name, seconds in (("long", 2.13), ("short", 0.3)):
        values, times = extractor.run(reference.sound(seconds), reference.HOP)
        wanted = expected[f"{representation}-{size}-{name}"]
        assert values.shape == (len(wanted), size)
        assert values.dtype == np.float32
        np.testing.assert_array_equal(times, expected[f"times-{name}"])
        difference = reference.kept(values) - wanted
        # relative to each window's length, and to each value or the size of a usual one
        by_window = np.linalg.norm(difference, axis=1) / np.linalg.norm(wanted, axis=1)
        by_value = np.abs(difference) / (np.abs(wanted) + np.sqrt(np.mean(wanted**2)))
        assert by_window.max() < 1e-5
        assert by_value.max() < 1e-5


@pytest.mark.parametrize("n_mels", [128, 256])
def test_the_mel_bands_are_those_of_librosa_at_48_khz(n_mels):
    wanted = librosa.filters.mel(sr=48_000, n_fft=2048, n_mels=n_mels).T
    np.testing.assert_allclose(_openl3_front._filters(2048, n_mels), wanted, rtol=1e-5, atol=1e-9)


def test_silence_has_an_embedding_too(small):
    values, times = small.run(np.zeros(48_000, np.float32), 0.5)
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(times, [0.0, 0.5])


def test_loudness_does_not_matter(small):
    samples = reference.sound(1.0)[:40_000]  # ends before the digital silence
    loud, quiet = (small.run(samples * gain, 1.0)[0] for gain in (1.0, 0.125))
    assert np.linalg.norm(loud - quiet) < 1e-5 * np.linalg.norm(loud)


# --- windows --------------------------------------------------------------------------------


@given(
    n=st.integers(1, 200_000),
    hop=st.integers(4_000, 60_000),
    center=st.booleans(),
    block=st.sampled_from([0.5, 2.0, 60.0]),
)
def test_windows_are_those_of_the_padded_sound(n, hop, center, block):
    samples = np.arange(1, n + 1, dtype=np.float32)
    cut = Cut(n, hop=hop, center=center)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_openl3_front, "_BLOCK_SECONDS", block)
        found = np.concatenate(list(_openl3_front.windows(samples, 48_000, cut)))
    padded = np.concatenate([np.zeros(24_000 if center else 0), samples, np.zeros(120_000)])
    assert len(found) == len(cut.times) == cut.count
    for i, window in enumerate(found):
        np.testing.assert_array_equal(window, padded[i * hop : i * hop + 48_000])
    if hop <= 48_000:  # a longer hop leaves sound out
        assert (cut.count - 1) * hop + 48_000 >= n + (24_000 if center else 0)
    first = 0.0 if center else 0.5
    np.testing.assert_allclose(cut.times, first + np.arange(cut.count) * hop / 48_000)


@pytest.mark.parametrize("rate", [16_000, 44_100, 22_050])
def test_a_long_sound_is_resampled_in_blocks_without_seams(rate):
    rng = np.random.default_rng(0)
    samples = rng.uniform(-0.5, 0.5, 150 * rate).astype(np.float32)
    cut = Cut(150 * 48_000, hop=24_000, center=True)
    blocks = list(_openl3_front.windows(samples, rate, cut))
    assert max(map(len, blocks)) == 120
    whole = _openl3_front.audio.resample(samples, source=rate, target=48_000)
    for index, block in enumerate(blocks):
        for at in (0, 1, len(block) - 1):
            start = (index * 120 + at) * 24_000 - 24_000
            wanted = _openl3_front.piece(whole, 48_000, start, 48_000)
            assert np.abs(block[at] - wanted).max() < 1e-5


def test_an_hour_is_never_in_memory_at_once():
    hour = np.zeros(3600 * 16_000, np.float32)
    first = next(_openl3_front.windows(hour, 16_000, Cut(3600 * 48_000, hop=4_800, center=True)))
    assert first.base is not None
    assert np.lib.array_utils.byte_bounds(first)[1] - np.lib.array_utils.byte_bounds(first)[0] < 2e7


def test_sound_of_another_rate_is_resampled(weights, small):
    samples = reference.sound(1.5)[::3].copy()
    other = _openl3.Extractor("openl3-mel128-env-512", weights, sample_rate=16_000)
    whole = _openl3_front.audio.resample(samples, source=16_000, target=48_000)
    np.testing.assert_allclose(other.run(samples, 0.5)[0], small.run(whole, 0.5)[0], rtol=1e-5)


def test_without_centring_windows_start_with_the_sound(weights, small):
    plain = _openl3.Extractor("openl3-mel128-env-512", weights, center=False)
    samples = reference.sound(1.5)
    values, times = plain.run(samples, 0.5)
    np.testing.assert_array_equal(times, [0.5, 1.0])
    centred, _ = small.run(samples, 0.5)
    np.testing.assert_allclose(values, centred[1:3], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("samples", "hop", "error"),
    [
        (np.zeros(0, np.float32), 0.5, AudioError),
        (np.zeros((100, 2), np.float32), 0.5, AudioError),
        (np.full(100, np.nan, np.float32), 0.5, AudioError),
        (np.zeros(100, np.float32), 0.0, ValueError),
        (np.zeros(100, np.float32), -1.0, ValueError),
        (np.zeros(100, np.float32), np.nan, ValueError),
    ],
)
def test_what_is_no_sound_or_no_hop_is_refused(small, samples, hop, error):
    with pytest.raises(error):
        small.run(samples, hop)


@pytest.mark.parametrize("name", ["openl3-mel64-env-512", "openl3-mel256-env", "openl3-", "OpenL3"])
def test_a_variant_that_was_never_published_is_refused(name):
    with pytest.raises(ValueError, match="REPRESENTATION-CONTENT-SIZE"):
        _openl3.Extractor(name)


def test_every_variant_has_its_file_in_the_manifest():
    manifest = _sources.manifest("openl3-models")
    names = {
        _openl3_weights.published_name(representation, content)
        for representation in _openl3.POOLS
        for content in _openl3.CONTENTS
    }
    assert names == {entry.path for entry in manifest.values() if entry.subset == "audio-v0_4_0"}
    assert _openl3.Variant.parse("openl3") == _openl3.Variant("mel256", "env", 512)
    with pytest.raises(ValueError, match="mel256"):
        _openl3.build("mel256", 1024)


# --- weight files ---------------------------------------------------------------------------


def packed(weights: Path) -> bytes:
    return gzip.compress(weights.read_bytes(), compresslevel=0, mtime=0)


def first_kernel(model) -> np.ndarray:
    return np.asarray(model.get_layer("conv_1a").kernel)


def test_packed_and_whole_model_files_are_read_as_well(weights, layers, tmp_path):
    zipped, whole = tmp_path / "weights.h5.gz", tmp_path / "model.h5"
    zipped.write_bytes(packed(weights))
    with h5py.File(weights) as source, h5py.File(whole, "w") as target:
        group = target.create_group("model_weights")
        for name in source:
            source.copy(name, group)
        for key, value in source.attrs.items():
            group.attrs[key] = value
    for path in (zipped, whole):
        model = _openl3.build("mel128", 512)
        _openl3.load_weights(model, path)
        np.testing.assert_array_equal(first_kernel(model), layers[1]["kernel"])
        last = model.get_layer("audio_embedding_layer")
        np.testing.assert_array_equal(np.asarray(last.bias), layers[-1]["bias"])


def narrow(layers):
    layers[3] = layers[3] | {"kernel": layers[3]["kernel"][..., :32]}


def swapped(layers):
    layers[1], layers[2] = layers[2], layers[1]


def unfinished(layers):
    layers[4] = layers[4] | {"beta": np.full(64, np.nan, np.float32)}


def whole_numbers(layers):
    layers[4] = layers[4] | {"beta": np.zeros(64, np.int64)}


def nameless(layers):
    layers[1] = {"kernel": layers[1]["kernel"], "offset": layers[1]["bias"]}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (narrow, r"layer 'conv2d_8' holds .*\(3, 3, 64, 32\).*'conv_1b' needs .*\(3, 3, 64, 64\)"),
        (swapped, r"layer 'batch_normalization_9' holds .*'conv_1a' needs"),
        (unfinished, r"beta of layer 'batch_normalization_10' holds float32"),
        (whole_numbers, r"beta of layer 'batch_normalization_10' holds int64"),
        (nameless, r"layer 'conv2d_7' holds .*'offset'.*'conv_1a' needs"),
        (lambda layers: layers.pop(), r"15 layers with weights, 16 expected"),
        (lambda layers: layers.insert(0, layers[0]), r"17 layers .*, 16 expected.*v0_4_0"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_by_file_and_layer(layers, tmp_path, change, match):
    changed = list(layers)
    change(changed)
    path = reference.write_weights(tmp_path / "odd.h5", changed)
    model = _openl3.build("mel128", 512)
    before = first_kernel(model).copy()
    with pytest.raises(DataError, match=match) as caught:
        _openl3.load_weights(model, path)
    assert str(path) in str(caught.value)
    np.testing.assert_array_equal(first_kernel(model), before)


def hdf5(fill) -> bytes:
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        fill(file)
    return out.getvalue()


def dangling(file):
    file.attrs["layer_names"] = [b"conv2d"]


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "not a weight file, or a damaged one"),
        (b"what is this?", "not a weight file, or a damaged one"),
        (b"\x1f\x8bwhat is this?", "cannot be unpacked"),
        (gzip.compress(bytes(range(256)))[:-30], "cannot be unpacked"),
        (hdf5(lambda file: file.create_group("layers")), "no attribute layer_names"),
        (hdf5(dangling), "not a weight file, or a damaged one"),
    ],
    ids=["empty", "text", "no gzip", "cut gzip", "other layout", "dangling"],
)
def test_other_files_are_refused(tmp_path, data, match):
    path = tmp_path / "weights.h5"
    path.write_bytes(data)
    with pytest.raises(DataError, match=match) as caught:
        _openl3.load_weights(_openl3.build("mel128", 512), path)
    assert str(path) in str(caught.value)


def test_a_file_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_openl3_weights, "_LARGEST", 1 << 20)
    path = tmp_path / "bomb.h5.gz"
    path.write_bytes(gzip.compress(bytes((1 << 20) + 1)))
    with pytest.raises(DataError, match=r"bomb\.h5\.gz: more than 1 MB"):
        _openl3.load_weights(_openl3.build("mel128", 512), path)


def read_all(path: Path) -> None:
    with _openl3_weights._hdf5(path) as file:
        for _, datasets in _openl3_weights._layers(file, path):
            assert [np.isfinite(dataset[()]).all() for dataset in datasets.values()]


@settings(max_examples=15)
@given(share=st.floats(0, 0.999))
def test_a_file_that_was_cut_short_is_refused(weights, tmp_path_factory, share):
    data = weights.read_bytes()
    path = tmp_path_factory.mktemp("cut") / "weights.h5"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match="damaged|not Keras's old layout"):
        read_all(path)


@pytest.fixture
def upstream(weights, tmp_path, monkeypatch):
    """A mirror with one published file, whose weights are random, and its manifest."""
    files = {NAME: packed(weights), NAME.replace("env", "music"): b"another"}
    write_manifest(tmp_path / "manifests" / "openl3-models.csv", files, only_blob=files)
    folder = tmp_path / "mirror" / "openl3-models"
    folder.mkdir(parents=True)
    (folder / NAME).write_bytes(files[NAME])
    monkeypatch.setattr(_sources, "manifest_folder", lambda: tmp_path / "manifests")
    monkeypatch.setenv("HEARING_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("HEARING_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("HEARING_OFFLINE", "1")
    return folder / NAME


def test_the_published_file_is_found_and_known_by_its_hash(upstream, layers, weights, small):
    extractor = _openl3.Extractor("openl3-mel128-env-512")
    assert extractor.published
    assert extractor.weights == upstream
    assert (extractor.name, extractor.dims) == ("openl3-mel128-env-512", 512)
    np.testing.assert_array_equal(first_kernel(extractor.network), layers[1]["kernel"])
    assert _openl3.Extractor("openl3-mel128-env-512", upstream).published
    assert not _openl3.Extractor("openl3-mel128-env-512", weights).published


def test_a_tampered_file_is_refused_by_its_hash(upstream):
    data = bytearray(upstream.read_bytes())
    data[len(data) // 2] ^= 1
    upstream.write_bytes(data)
    with pytest.raises(DataError, match=f"{NAME}: not the file that the manifest names"):
        _openl3.Extractor("openl3-mel128-env-512")


def test_the_published_file_of_another_network_is_refused(upstream, tmp_path):
    path = tmp_path / "mine.h5.gz"
    path.write_bytes(b"another")
    with pytest.raises(DataError, match=rf"mine.h5.gz: this is .*music.*{NAME} is wanted"):
        _openl3.Extractor("openl3-mel128-env-512", path)


def test_no_weights_and_no_network_names_the_ways(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARING_DATA", str(tmp_path / "cache"))
    monkeypatch.delenv("HEARING_MIRROR", raising=False)
    monkeypatch.setenv("HEARING_OFFLINE", "1")
    with pytest.raises(DataMissing) as caught:
        _openl3.Extractor()
    pinned = "marl/openl3/c2321e8c1e68213357431f1868380a0ef224ce03/openl3_audio_mel256_env-v0_4_0"
    for way in (pinned, "HEARING_OFFLINE", "HEARING_MIRROR", "weights="):
        assert way in str(caught.value)
    with pytest.raises(DataMissing, match="nowhere.h5"):
        _openl3.Extractor(weights=tmp_path / "nowhere.h5")


# --- by name --------------------------------------------------------------------------------


def test_embed_reaches_it_by_name(weights, small):
    samples = reference.sound(1.0)
    found = embeddings.embed(
        samples, "openl3-mel128-env-512", weights=weights, hop=0.5, sample_rate=48_000
    )
    values, times = small.run(samples, 0.5)
    np.testing.assert_allclose(found.values, values, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found.times, times)


def test_without_the_package_its_name_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "openl3", None)  # what an import meets where it is missing
    with pytest.raises(ModuleNotFoundError, match=r"requirements-openl3\.txt.*Python 3\.11"):
        _openl3.PackageExtractor()


def test_the_reference_was_made_by_the_package(expected):
    made_with = dict(line.split() for line in expected["made_with"])
    assert made_with["openl3"] == "0.4.2"
    assert reference.REFERENCE.stat().st_size < 200_000
