"""The weight files of OpenL3: what they are called, whose they are, and how they are read."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import _download, _sources
from ._sources import DataError, DataMissing

if TYPE_CHECKING:
    import h5py
    import keras

MANIFEST = "openl3-models"
_LARGEST = 1 << 27  # bytes of an unpacked file; a whole one has about 19 million
# What a broken or hostile HDF5 file makes h5py raise, beside OSError.
_BROKEN = (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, UnicodeError)


def published_name(representation: str, content: str) -> str:
    """Name of the file that OpenL3 0.4 loads, as published."""
    return f"openl3_audio_{representation}_{content}-v0_4_0.h5.gz"


def is_published(path: Path, name: str) -> bool:
    """Tell by its hash whether a file that somebody chose is the published one of this name.

    Parameters
    ----------
    path : Path
    name : str
        As in the manifest.

    Returns
    -------
    bool

    Raises
    ------
    DataError
        When it is another of the published files, so that its arrays might fit and mean nothing.
    """
    published = {entry.git_blob_sha1: entry.path for entry in _sources.manifest(MANIFEST).values()}
    found = published.get(_download.git_blob_sha1(path))
    if found not in (None, name):
        raise DataError(f"{path}: this is {found}, and {name} is wanted: give that one")
    return found is not None


def load_weights(model: keras.Model, path: str | Path) -> None:
    """Load a weight file of OpenL3 into the network.

    The published files name their layers by counters that differ from file to file, so layers
    are matched by their order, as Keras does, and every array by its name and shape.

    Parameters
    ----------
    model : keras.Model
        As :func:`helpers._openl3.build` makes it; left as it was where the file is refused.
    path : path
        HDF5 in Keras's old layout, or the same packed by gzip.

    Raises
    ------
    DataError
        When the file is not such a file, or an array of it does not fit; names file, layer, what
        was found and what was expected.
    """
    path = Path(path)
    wanted = [layer for layer in model.layers if layer.weights]
    with _hdf5(path) as file:
        found = _layers(file, path)
        if len(found) != len(wanted):
            raise DataError(
                f"{path}: {len(found)} layers with weights, {len(wanted)} expected: take the "
                f"audio file of version 0.4, such as {published_name('mel256', 'env')}"
            )
        pairs = zip(wanted, found, strict=True)
        arrays = [_arrays(layer, name, datasets, path) for layer, (name, datasets) in pairs]
    for layer, values in zip(wanted, arrays, strict=True):
        layer.set_weights(values)


@contextmanager
def _hdf5(path: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file, unpacked in memory where it is packed: nothing half-written is left."""
    import h5py

    data = _unpacked(path)
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            yield file
    except DataError:
        raise
    except _BROKEN as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise DataError(
            f"{path}: not a weight file, or a damaged one ({reason}): fetch it again"
        ) from error


def _unpacked(path: Path) -> bytes:
    """Content of a file, unpacked where it begins as gzip does, and never more than is sane."""
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else open(path, "rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError as error:
        raise DataMissing(f"{path}: no such file: give the path of a weight file") from error
    except (EOFError, zlib.error, OSError) as error:
        raise DataError(f"{path}: cannot be unpacked ({error}): fetch it again") from error
    if len(data) > _LARGEST:
        raise DataError(f"{path}: more than {_LARGEST >> 20} MB, no weight file of OpenL3")
    return data


def _layers(file: h5py.File, path: Path) -> list[tuple[str, dict[str, h5py.Dataset]]]:
    """Layers that have weights, in order: name, and arrays by their own names."""
    if "layer_names" not in file.attrs and "model_weights" in file:
        file = file["model_weights"]  # a whole model was saved, not its weights alone
    if "layer_names" not in file.attrs:
        raise DataError(
            f"{path}: no attribute layer_names, so not Keras's old layout: take a file as "
            f"published, such as {published_name('mel256', 'env')}"
        )
    layers = []
    for name in map(_text, file.attrs["layer_names"]):
        group = file[name]
        names = list(map(_text, group.attrs["weight_names"]))
        if names:
            layers.append((name, {_tail(weight): group[weight] for weight in names}))
    return layers


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _tail(weight: str) -> str:
    """Name of an array without its layer: ``conv2d_7/kernel:0`` is ``kernel``."""
    return weight.rsplit("/", 1)[-1].split(":")[0]


def _arrays(
    layer: keras.layers.Layer, name: str, datasets: dict[str, h5py.Dataset], path: Path
) -> list[np.ndarray]:
    """Arrays of one layer in the order of its variables, each of the right shape."""
    wanted = {variable.name: tuple(variable.shape) for variable in layer.weights}
    shapes = {key: tuple(dataset.shape) for key, dataset in datasets.items()}
    if shapes != wanted:
        raise DataError(
            f"{path}: layer {name!r} holds {shapes}, but {layer.name!r} needs {wanted}: "
            "these are the weights of another network"
        )
    arrays = []
    for key in wanted:
        values = datasets[key][()]
        if values.dtype.kind != "f" or not np.isfinite(values).all():
            raise DataError(
                f"{path}: {key} of layer {name!r} holds {values.dtype} that are not all finite "
                "numbers: fetch the file again"
            )
        arrays.append(values.astype(np.float32))
    return arrays
