"""EfficientNet-Lite0 in Keras, and its weights for ImageNet from the file of a package.

References
----------
Tan, M. and Le, Q. (2019). EfficientNet: Rethinking model scaling for convolutional neural
networks. ICML. The Lite family leaves out squeeze-and-excitation and clips activations at 6.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import _quiet, _torch_file
from ._sources import DataError

DIMS, CLASSES = 1280, 1000
EPSILON = 1e-3  # of the batch normalisation that the weights were trained with

# Kernel, blocks, channels, expansion and stride of the first block, for each stage.
STAGES = (
    (3, 1, 16, 1, 1),
    (3, 2, 24, 6, 2),
    (5, 2, 40, 6, 2),
    (3, 3, 80, 6, 2),
    (5, 3, 112, 6, 1),
    (5, 4, 192, 6, 2),
    (3, 1, 320, 6, 1),
)


def blocks() -> list[tuple[str, int, int, int, int]]:
    """Name, kernel, channels, expansion and stride of every block, in order.

    Names are those of ``keras.applications``: ``block2b`` is the second block of stage 2.
    """
    return [
        (f"block{stage}{'abcdef'[i]}", kernel, channels, expansion, stride if i == 0 else 1)
        for stage, (kernel, count, channels, expansion, stride) in enumerate(STAGES, start=1)
        for i in range(count)
    ]


def build(size: tuple[int, int], *, name: str = "efficientnet-lite0", top: bool = False):
    """Build the network with random weights.

    Parameters
    ----------
    size : tuple of int
        Height and width of the pictures.
    name : str
    top : bool
        Add the layer that names 1000 classes.

    Returns
    -------
    keras.Model
        From (batch, height, width, 3), values from 0 to 255, to (batch, 1280) averages over the
        picture, or to (batch, 1000) scores before the softmax.
    """
    _quiet.start_keras()
    from keras import Input, Model, layers

    def convolution(x, prefix, kind, kernel, stride, *, channels=None, active=True):
        # "same" pads a stride of 2 more on the right and at the bottom: the weights were trained
        # in TensorFlow, and PyTorch's even padding would shift every stage by a pixel.
        options = {"padding": "same", "use_bias": False, "name": f"{prefix}_{kind}"}
        if channels is None:
            x = layers.DepthwiseConv2D(kernel, stride, **options)(x)
        else:
            x = layers.Conv2D(channels, kernel, stride, **options)(x)
        norm = f"{prefix}_{kind.replace('dwconv', 'bn').replace('conv', 'bn')}"
        x = layers.BatchNormalization(epsilon=EPSILON, name=norm)(x)
        return layers.ReLU(6.0, name=f"{norm}_relu6")(x) if active else x

    inputs = Input((*size, 3), name="picture")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="rescaling")(inputs)
    x = convolution(x, "stem", "conv", 3, 2, channels=32)
    for prefix, kernel, channels, expansion, stride in blocks():
        before = x
        if expansion > 1:
            x = convolution(x, prefix, "expand_conv", 1, 1, channels=expansion * x.shape[-1])
        x = convolution(x, prefix, "dwconv", kernel, stride)
        x = convolution(x, prefix, "project_conv", 1, 1, channels=channels, active=False)
        if stride == 1 and before.shape[-1] == channels:
            x = layers.Add(name=f"{prefix}_add")([before, x])
    x = convolution(x, "top", "conv", 1, 1, channels=DIMS)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    if top:
        x = layers.Dense(CLASSES, name="classes")(x)
    return Model(inputs, x, name=name)


def load(path: Path, size: tuple[int, int], *, name: str = "efficientnet-lite0", top: bool = False):
    """Build the network with the weights of a file; see :func:`build`.

    Raises
    ------
    DataError
        When the file is damaged, or an array is missing or has another shape.
    """
    arrays, model = _torch_file.read(path), build(size, name=name, top=top)
    for layer, names in layout(top=top).items():
        weights = []
        for upstream, variable in zip(names, model.get_layer(layer).weights, strict=True):
            array = arrays.get(upstream)
            array = None if array is None else _in_keras(array, variable.shape, layer)
            if array is None or array.shape != tuple(variable.shape):
                found = "missing" if array is None else f"of shape {array.shape}"
                raise DataError(
                    f"{path}: {upstream} is {found}, {tuple(variable.shape)} wanted: name a file "
                    "of EfficientNet-Lite0"
                )
            if not np.isfinite(array).all():
                raise DataError(f"{path}: {upstream} is not finite everywhere: get it again")
            weights.append(array)
        model.get_layer(layer).set_weights(weights)
    return model


def layout(*, top: bool = False) -> dict[str, tuple[str, ...]]:
    """Layer of :func:`build` to the names that its arrays have in the file."""
    norm = ("weight", "bias", "running_mean", "running_var")

    def pair(ours: str, theirs: str, number: str) -> dict[str, tuple[str, ...]]:
        bn = ours.replace("dwconv", "bn").replace("conv", "bn")
        place = theirs.rpartition(".")[0]
        prefix = f"{place}._{number}" if place else f"_{number}"
        return {ours: (f"{theirs}.weight",), bn: tuple(f"{prefix}.{one}" for one in norm)}

    found = pair("stem_conv", "_conv_stem", "bn0")
    for i, (block, _, _, expansion, _) in enumerate(blocks()):
        if expansion > 1:
            found |= pair(f"{block}_expand_conv", f"_blocks.{i}._expand_conv", "bn0")
        found |= pair(f"{block}_dwconv", f"_blocks.{i}._depthwise_conv", "bn1")
        found |= pair(f"{block}_project_conv", f"_blocks.{i}._project_conv", "bn2")
    found |= pair("top_conv", "_conv_head", "bn1")
    return found | ({"classes": ("_fc.weight", "_fc.bias")} if top else {})


def _in_keras(array: np.ndarray, shape: tuple[int, ...], layer: str) -> np.ndarray:
    """Turn PyTorch's (out, in, rows, columns) into Keras's (rows, columns, in, out)."""
    if array.ndim == 4:
        return array.transpose((2, 3, 0, 1) if layer.endswith("dwconv") else (2, 3, 1, 0))
    return array.T if len(shape) == 2 else array
