"""YAMNet: a network that Google trained on AudioSet to name 521 kinds of sound.

Its front end, its layers in Keras, and two readers of weights: the file that Google publishes and
an 8-bit ONNX export of it. What comes before the last layer, 1024 numbers for each window of about
a second, serves as a description of sound in general: an embedding.

References
----------
Plakal, M. and Ellis, D. (2019). YAMNet. TensorFlow model garden, research/audioset/yamnet.
Gemmeke, J. F. et al. (2017). Audio Set: An ontology and human-labeled dataset for audio events.
ICASSP. Howard, A. G. et al. (2017). MobileNets. arXiv:1704.04861.
"""

from __future__ import annotations

import csv
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from . import _onnx, _quiet, _weights
from ._sources import DataError

SAMPLE_RATE = 16_000
FRAME, STEP, N_FFT = 400, 160, 512  # samples: frames of 25 ms every 10 ms
BANDS, LOWEST, HIGHEST, OFFSET = 64, 125.0, 7500.0, 0.001
PATCH = 96  # frames that the network sees at once
PATCH_SAMPLES = FRAME + (PATCH - 1) * STEP  # 0.975 s
DIMS, CLASSES = 1024, 521
EPSILON = 1e-4  # of the batch normalisation that the published weights were trained with

# Stride and channels of the first convolution and of the 13 separable ones.
LAYERS = (
    (2, 32),
    (1, 64),
    (2, 128),
    (1, 128),
    (2, 256),
    (1, 256),
    (2, 512),
    *((1, 512),) * 5,
    (2, 1024),
    (1, 1024),
)

_BLOCK_FRAMES = 4096
_BATCH = 64

Arrays = dict[str, tuple[np.ndarray, np.ndarray]]  # layer to kernel and bias, as Keras has them


@lru_cache(maxsize=1)
def mel_matrix() -> np.ndarray:
    """Triangles on the mel scale of the HTK book, as a matrix.

    Returns
    -------
    ndarray, shape (257, 64), float32
        Unlike :func:`helpers.features.mel_filters`, the sides are straight over mels, not over
        hertz, every triangle has height 1, and the lowest bin counts for nothing.
    """

    def mels(frequency):
        return 1127 * np.log1p(np.asarray(frequency) / 700)

    bins = mels(np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE))[:, None]
    edges = np.linspace(mels(LOWEST), mels(HIGHEST), BANDS + 2)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0, np.minimum(rising, falling))
    weights[0] = 0
    return weights.astype(np.float32)


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Log-mel frames as YAMNet was trained on: magnitudes, not powers.

    Parameters
    ----------
    samples : ndarray, shape (n,), float32
        At 16 kHz, 400 samples or more.

    Returns
    -------
    ndarray, shape (1 + (n - 400) // 160, 64), float32
    """
    frames = sliding_window_view(np.asarray(samples, np.float32), FRAME)[::STEP]
    window = np.hanning(FRAME + 1)[:-1].astype(np.float32)
    blocks = [
        np.abs(np.fft.rfft(frames[i : i + _BLOCK_FRAMES] * window, N_FFT)).astype(np.float32)
        @ mel_matrix()
        for i in range(0, len(frames), _BLOCK_FRAMES)
    ]
    return np.log(np.concatenate(blocks) + np.float32(OFFSET))


def patches(samples: np.ndarray, *, hop: int = 48) -> np.ndarray:
    """Overlapping patches of the log-mel that together cover every sample.

    Parameters
    ----------
    samples : ndarray, shape (n,), float32
    hop : int
        Frames of 10 ms from one patch to the next.

    Returns
    -------
    ndarray, shape (patches, 96, 64), float32
        Zeros are put behind the samples until the last patch is full; what is shorter than one
        patch (0.975 s) is filled up to one.
    """
    beyond = max(0, len(samples) - PATCH_SAMPLES)
    count = 1 + -(-beyond // (hop * STEP))
    wanted = PATCH_SAMPLES + (count - 1) * hop * STEP
    frames = log_mel(np.pad(np.asarray(samples, np.float32), (0, wanted - len(samples))))
    return np.moveaxis(sliding_window_view(frames, PATCH, axis=0)[::hop], -1, 1)


def network():
    """Build the network, with random weights, in Keras.

    Returns
    -------
    keras.Model
        From (batch, 96, 64, 1) to two outputs: the embedding (batch, 1024) and the scores
        (batch, 521). Batch normalisation is folded into the convolutions: it is fixed anyway.
    """
    _quiet.start_keras()
    from keras import Input, Model, layers

    x = inputs = Input((PATCH, BANDS, 1), name="log_mel")
    for number, (stride, channels) in enumerate(LAYERS, start=1):
        name, options = f"layer{number}", {"padding": "same", "activation": "relu"}
        if number == 1:
            x = layers.Conv2D(channels, 3, stride, name=f"{name}_conv", **options)(x)
            continue
        x = layers.DepthwiseConv2D(3, stride, name=f"{name}_depthwise_conv", **options)(x)
        x = layers.Conv2D(channels, 1, name=f"{name}_pointwise_conv", **options)(x)
    embedding = layers.GlobalAveragePooling2D(name="embedding")(x)
    scores = layers.Dense(CLASSES, activation="sigmoid", name="scores")(embedding)
    return Model(inputs, [embedding, scores], name="yamnet")


def shapes() -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Shapes of the kernel and the bias of every layer, in the order of the network."""
    wanted, before = {}, 1
    for number, (_, channels) in enumerate(LAYERS, start=1):
        if number == 1:
            wanted["layer1_conv"] = ((3, 3, 1, channels), (channels,))
        else:
            wanted[f"layer{number}_depthwise_conv"] = ((3, 3, before, 1), (before,))
            wanted[f"layer{number}_pointwise_conv"] = ((1, 1, before, channels), (channels,))
        before = channels
    return wanted | {"scores": ((DIMS, CLASSES), (CLASSES,))}


def load(path: Path):
    """Build the network with the weights of a file.

    Parameters
    ----------
    path : Path
        ``yamnet.h5`` as published, or a ``.onnx.zip`` or ``.onnx`` export.

    Returns
    -------
    keras.Model
        As :func:`network`.

    Raises
    ------
    DataError
        When the file is damaged, or holds other layers or shapes than YAMNet.
    """
    arrays = read_h5(path) if path.suffix == ".h5" else read_onnx(path)
    for layer, (kernel, bias) in shapes().items():
        found = tuple(one.shape for one in arrays[layer]) if layer in arrays else "none"
        if found != (kernel, bias):
            raise DataError(
                f"{path}: {layer} of shapes {found}, YAMNet has {(kernel, bias)}: "
                "name a file of YAMNet's weights"
            )
        if not all(np.isfinite(one).all() for one in arrays[layer]):
            raise DataError(f"{path}: {layer} holds values that are not finite: get it again")
    model = network()
    for layer in shapes():
        model.get_layer(layer).set_weights(arrays[layer])
    model.trainable = False
    return model


def read_onnx(path: Path) -> Arrays:
    """Kernels and biases of an ONNX export, dequantised, in Keras's layout."""
    contents = _weights.unpacked(path) if path.suffix == ".zip" else {path.name: path.read_bytes()}
    name = next((name for name in contents if name.endswith(".onnx")), None)
    if name is None:
        raise DataError(f"{path}: no .onnx file in it, only {sorted(contents)}: get it again")
    try:
        graph = _onnx.read(contents[name], external=contents)
        nodes = [node for node in graph.nodes if node.operation in ("Conv", "Gemm")]
        if len(nodes) != len(shapes()) or any(len(node.inputs) != 3 for node in nodes):
            raise DataError(f"{len(nodes)} layers with weights, YAMNet has {len(shapes())}")
        return {
            layer: (_from_onnx(layer, graph.constant(weight)), graph.constant(bias))
            for layer, (_, weight, bias) in zip(
                shapes(), (node.inputs for node in nodes), strict=True
            )
        }
    except DataError as error:
        raise DataError(f"{path}: {error}: get it again") from None


def _from_onnx(layer: str, weight: np.ndarray) -> np.ndarray:
    """Turn (out, in, rows, columns) round to what Keras has; a depthwise kernel has in = 1."""
    if weight.ndim != 4:
        return weight.T
    return weight.transpose((2, 3, 0, 1) if "depthwise" in layer else (2, 3, 1, 0))


def read_h5(path: Path) -> Arrays:
    """Kernels and biases of the published file, its batch normalisation folded in."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            root = file["model_weights"] if "model_weights" in file else file
            layers = {_text(name): _of_layer(root, _text(name)) for name in _names(root, "layer")}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not a file of Keras weights ({error}): get it again") from None
    layers = {name: arrays for name, arrays in layers.items() if arrays}
    arrays = {}
    for layer in shapes():
        upstream = layer.replace("_", "/", 1)
        if layer == "scores":  # upstream gives its last layer no name of its own
            upstream = next((name for name in layers if not name.startswith("layer")), "")
            arrays[layer] = _pick(path, layers, upstream, "kernel", "bias")
            continue
        kernel = "depthwise_kernel" if "depthwise" in layer else "kernel"
        (weight,) = _pick(path, layers, upstream, kernel)
        beta, mean, variance = _pick(
            path, layers, f"{upstream}/bn", "beta", "moving_mean", "moving_variance"
        )
        scale = layers[f"{upstream}/bn"].get("gamma", 1.0) / np.sqrt(variance + EPSILON)
        arrays[layer] = _fold(path, layer, weight, scale, beta - mean * scale)
    return arrays


def _fold(path, layer, weight, scale, bias) -> tuple[np.ndarray, np.ndarray]:
    """Multiply the scale of a batch normalisation into the kernel in front of it."""
    axis = 2 if "depthwise" in layer else 3
    if weight.ndim != 4 or scale.shape != (weight.shape[axis],):
        raise DataError(
            f"{path}: {layer} of shape {weight.shape} does not fit its batch normalisation of "
            f"shape {scale.shape}: name a file of YAMNet's weights"
        )
    scale = scale[:, None] if axis == 2 else scale
    return (weight * scale).astype(np.float32), bias.astype(np.float32)


def _names(group, what: str) -> list:
    return list(group.attrs[f"{what}_names"])


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _of_layer(root, layer: str) -> dict[str, np.ndarray]:
    """Read the arrays of one layer, by the last part of their names without ``:0``."""
    group = root[layer]
    names = [_text(name) for name in _names(group, "weight")]
    return {
        name.rsplit("/", 1)[-1].split(":")[0]: np.asarray(group[name], np.float32) for name in names
    }


def _pick(path, layers, layer: str, *names: str) -> tuple[np.ndarray, ...]:
    found = layers.get(layer, {})
    if missing := [name for name in names if name not in found]:
        raise DataError(f"{path}: no {layer}/{missing[0]} in it: name a file of YAMNet's weights")
    return tuple(found[name] for name in names)


@lru_cache(maxsize=1)
def classes() -> tuple[str, ...]:
    """Names of the 521 classes, in the order of the scores.

    Returns
    -------
    tuple of str

    Raises
    ------
    DataMissing
        When the list is nowhere; it comes with ``requirements-weights.txt``.
    """
    path = _weights.find("yamnet-classes")
    with open(path, newline="", encoding="utf-8") as file:
        return tuple(row["display_name"] for row in csv.DictReader(file))


class Extractor:
    """YAMNet as an extractor of embeddings; see :func:`helpers.embeddings.load`."""

    name, dims, sample_rate = "yamnet", DIMS, SAMPLE_RATE
    window, hop = PATCH_SAMPLES / SAMPLE_RATE, 0.48

    def __init__(self, weights: str | os.PathLike | None = None) -> None:
        self.weights = _weights.find("yamnet", weights)
        self.model = load(self.weights)

    def run(self, samples: np.ndarray, hop: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings (windows, 1024) and the centres of the windows in seconds."""
        values, times, _ = self.outputs(samples, hop)
        return values, times

    def scores(
        self, samples: np.ndarray, hop: float | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Scores (windows, 521) in [0, 1], in the order of :func:`classes`, and centres in s."""
        _, times, scores = self.outputs(samples, hop)
        return scores, times

    def outputs(
        self, samples: np.ndarray, hop: float | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Embeddings, centres in seconds and scores of every window."""
        step = max(1, round((hop or self.hop) * SAMPLE_RATE / STEP))
        cut = patches(samples, hop=step)
        parts = [
            self.model.predict_on_batch(cut[i : i + _BATCH][..., None])
            for i in range(0, len(cut), _BATCH)
        ]
        values, scores = (np.concatenate(one) for one in zip(*parts, strict=True))
        times = (np.arange(len(cut)) * step * STEP + PATCH_SAMPLES / 2) / SAMPLE_RATE
        return values, times, scores
