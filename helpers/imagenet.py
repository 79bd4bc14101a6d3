"""A network trained on photographs, put to work on pictures of sound.

:func:`picture` turns a recording into a picture of its spectrogram, :func:`network` gives a
network that was trained on ImageNet, without its last layer, and :func:`freeze` says which of its
layers may still learn.
"""

from __future__ import annotations

import os
import re
import socket
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import _quiet, _weights, store
from ._sources import DataMissing
from .features import FrontEnd

SIZE = (128, 256)  # height (frequency) and width (time) in pixels
MODES = ("copy", "zeros", "resolutions")
KERAS_NETWORK = "EfficientNetB0"
FREEZING = ("frozen", "last", "first_and_last", "all")

_DECIBELS = 10 / np.log(10)  # in one unit of the natural logarithm of power
_NETWORK_TIMEOUT = 20.0  # seconds without an answer


class Limits(NamedTuple):
    """Levels that become black and white, one pair for each front end.

    Parameters
    ----------
    low, high : tuple of float
        In dB.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]


@lru_cache(maxsize=4)
def front_ends(mode: str = "copy", *, sample_rate: int = 16_000) -> tuple[FrontEnd, ...]:
    """Front ends whose spectrograms make the channels of a picture.

    Parameters
    ----------
    mode : {"copy", "zeros", "resolutions"}
    sample_rate : int
        In Hz; the windows are set for 16 kHz.

    Returns
    -------
    tuple of FrontEnd
        One with windows of 32 ms; for "resolutions" three, of 16, 32 and 64 ms. A short window
        tells fine times apart and few bands, a long one the other way round.

    Raises
    ------
    ValueError
        When `mode` is another word.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, found {mode!r}")
    sizes = ((256, 32), (512, 64), (1024, 128)) if mode == "resolutions" else ((512, 64),)
    return tuple(
        FrontEnd(sample_rate=sample_rate, n_fft=n_fft, n_mels=n_mels) for n_fft, n_mels in sizes
    )


def spectrograms(samples: np.ndarray, *, mode: str = "copy") -> tuple[np.ndarray, ...]:
    """Log-mel spectrograms of a recording in dB, their frames centred on the same times.

    Parameters
    ----------
    samples : ndarray, shape (n,), float32
        Mono, at 16 kHz.
    mode : {"copy", "zeros", "resolutions"}

    Returns
    -------
    tuple of ndarray, each (frames, bands), float32
        One, or three for "resolutions", as :func:`front_ends` lists them.

    Raises
    ------
    ValueError
        When `samples` are empty, not one-dimensional or not finite, or `mode` is unknown.
    """
    ends = front_ends(mode)
    middle = ends[len(ends) // 2].n_fft
    samples = np.asarray(samples, np.float32)
    if samples.ndim == 1 and 0 < len(samples) < middle:
        samples = np.pad(samples, (0, middle - len(samples)))
    return tuple(
        (end.log_mel(_centred(samples, end.n_fft - middle)) * np.float32(_DECIBELS)) for end in ends
    )


def _centred(samples: np.ndarray, longer: int) -> np.ndarray:
    """Pad or cut both ends, so that frames longer by so much have the centres of the others."""
    half = abs(longer) // 2
    if longer > 0 and samples.ndim == 1 and samples.size:
        return np.pad(samples, half)
    return samples[half : len(samples) - half] if longer < 0 and samples.ndim == 1 else samples


def limits(
    stacks: Iterable[Sequence[np.ndarray]], *, low: float = 1.0, high: float = 99.9
) -> Limits:
    """Levels between which nearly all of the training recordings lie.

    Parameters
    ----------
    stacks : iterable of sequences of ndarray
        Results of :func:`spectrograms`, of training recordings and of no others.
    low, high : float
        Percentiles.

    Returns
    -------
    Limits
        The same for every picture: a limit taken from the clip would hide how loud it was.

    Raises
    ------
    ValueError
        When there are no recordings, or all hold one single level.
    """
    columns = list(zip(*stacks, strict=True))
    if not columns:
        raise ValueError("stacks is empty: the limits need training recordings")
    pairs = [
        np.percentile(np.concatenate([one.ravel() for one in c]), (low, high)) for c in columns
    ]
    if any(top <= bottom for bottom, top in pairs):
        raise ValueError("every value of the spectrograms is the same: are the recordings silent?")
    return Limits(*(tuple(float(pair[i]) for pair in pairs) for i in (0, 1)))


def image(
    stack: Sequence[np.ndarray],
    *,
    mode: str = "copy",
    size: tuple[int, int] = SIZE,
    low: float | Sequence[float] = -80.0,
    high: float | Sequence[float] = 0.0,
) -> np.ndarray:
    """Picture of one or three spectrograms, as a network for photographs wants it.

    Parameters
    ----------
    stack : sequence of ndarray, each (frames, bands)
        In dB: one for "copy" and "zeros", three for "resolutions".
    mode : {"copy", "zeros", "resolutions"}
        "copy" puts the same spectrogram into all three channels, "zeros" into the first alone,
        "resolutions" one of three into each.
    size : tuple of int
        Height and width in pixels. What is made smaller is averaged first, so nothing aliases.
    low, high : float, or one for each spectrogram
        Levels in dB that become 0 and 255; fixed for a dataset, see :func:`limits`.

    Returns
    -------
    ndarray, shape (height, width, 3), float32
        From 0 to 255; time runs to the right, low frequencies lie at the bottom.

    Raises
    ------
    ValueError
        When the number of spectrograms does not fit `mode`, or `high` is not above `low`.
    """
    count = len(front_ends(mode))
    if len(stack) != count:
        raise ValueError(
            f"mode {mode!r} makes a picture of {count} spectrograms, found {len(stack)}"
        )
    low, high = np.broadcast_to(low, count), np.broadcast_to(high, count)
    if not (high > low).all():
        raise ValueError(f"high must lie above low, found {low} and {high} dB")
    channels = [
        _channel(one, size, float(bottom), float(top))
        for one, bottom, top in zip(stack, low, high, strict=True)
    ]
    if mode == "copy":
        channels *= 3
    elif mode == "zeros":
        channels += [np.zeros_like(channels[0])] * 2
    return np.stack(channels, axis=-1)


def _channel(log_mel: np.ndarray, size: tuple[int, int], low: float, high: float) -> np.ndarray:
    from PIL import Image

    scaled = (np.asarray(log_mel, np.float32).T[::-1] - low) * np.float32(255 / (high - low))
    flat = Image.fromarray(np.ascontiguousarray(np.clip(scaled, 0, 255)))
    return np.asarray(flat.resize(size[::-1], Image.Resampling.BILINEAR), np.float32)


def picture(
    samples: np.ndarray,
    *,
    mode: str = "copy",
    size: tuple[int, int] = SIZE,
    low: float | Sequence[float] = -80.0,
    high: float | Sequence[float] = 0.0,
) -> np.ndarray:
    """Picture of a recording: :func:`image` of its :func:`spectrograms`."""
    return image(spectrograms(samples, mode=mode), mode=mode, size=size, low=low, high=high)


def save_png(picture: np.ndarray, path: str | os.PathLike) -> None:
    """Write a picture as PNG, for any image toolkit.

    Parameters
    ----------
    picture : ndarray, shape (height, width, 3)
        From 0 to 255; rounded to whole numbers.
    path : path
        Its suffix is ``.png``; the file appears when it is whole.

    Raises
    ------
    ValueError
        When the shape, a value or the suffix is another one.
    """
    from PIL import Image

    path, picture = Path(path), np.asarray(picture)
    if path.suffix.lower() != ".png":
        raise ValueError(f"{path}: suffix {path.suffix!r}, use .png")
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"picture must have shape (height, width, 3), found {picture.shape}")
    if not (np.isfinite(picture).all() and picture.min() >= 0 and picture.max() <= 255):
        raise ValueError("picture must lie from 0 to 255: make it with helpers.imagenet.image")
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            Image.fromarray(np.round(picture).astype(np.uint8)).save(file, format="PNG")
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def network(
    *,
    weights: str | os.PathLike | None = "auto",
    name: str = KERAS_NETWORK,
    size: tuple[int, int] = SIZE,
):
    """Network trained on ImageNet, from a picture to a vector.

    Parameters
    ----------
    weights : str, path or None
        "keras" takes `name` with Keras's own download, which checks its hash. "package" takes
        EfficientNet-Lite0 from the package in ``requirements-weights.txt``. "auto" takes the first
        of the two that can be had: the download where Keras has kept it or the network is allowed
        (``HEARING_OFFLINE`` not set) and answers, else the package. A path is a file of
        EfficientNet-Lite0. None gives EfficientNet-Lite0 with random weights.
    name : str
        A network of ``keras.applications`` that takes pictures from 0 to 255 as they are.
    size : tuple of int
        Height and width of the pictures.

    Returns
    -------
    keras.Model
        From (batch, height, width, 3), from 0 to 255, to (batch, features), averaged over the
        picture. ``model.name`` says which network it is and where its weights come from.

    Raises
    ------
    DataMissing
        When the weights cannot be had; names the ways.
    DataError
        When a file of weights is not what it should be.
    ValueError
        When Keras has no network called `name`.
    """
    from . import _efficientnet_lite

    if weights is None:
        return _efficientnet_lite.build(size, name="efficientnet-lite0-random")
    if weights == "keras" or (weights == "auto" and _keras_may(name)):
        try:
            return _from_keras(name, size)
        except DataMissing:
            if weights == "keras":
                raise
    if weights in ("auto", "package"):
        path, label = _weights.find("efficientnet-lite0"), "efficientnet-lite0-package"
    else:
        path, label = _weights.find("efficientnet-lite0", weights), "efficientnet-lite0-file"
    return _efficientnet_lite.load(path, size, name=label)


def kept_by_keras(name: str = KERAS_NETWORK) -> bool:
    """Whether Keras has the weights of a network, without its top, in its cache."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    models = Path(home) / "models"
    return any(models.glob(f"{name.lower()}_notop.h5"))


def _keras_may(name: str) -> bool:
    return kept_by_keras(name) or not store.offline()


def _from_keras(name: str, size: tuple[int, int]):
    """Build a network of ``keras.applications``; one error for whatever way its download fails."""
    _quiet.start_keras()
    import keras

    build = getattr(keras.applications, name, None)
    if not isinstance(name, str) or not callable(build):
        raise ValueError(f"keras.applications has no network {name!r}: try {KERAS_NETWORK!r}")
    if not _keras_may(name):
        raise DataMissing(_how_to_get(name, "HEARING_OFFLINE=1 forbids the network"))
    try:
        with _timeout(_NETWORK_TIMEOUT):
            model = build(
                include_top=False, weights="imagenet", input_shape=(*size, 3), pooling="avg"
            )
    except Exception as error:  # Keras raises a bare Exception where its download fails
        raise DataMissing(_how_to_get(name, str(error))) from error
    model.name = f"{name.lower()}-keras"
    return model


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """Let no connection that is opened meanwhile stay silent for longer."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _how_to_get(name: str, reason: str) -> str:
    return (
        f"the ImageNet weights of Keras's {name} cannot be had ({reason}). Ways to get weights:\n"
        "  1. with a network, and HEARING_OFFLINE not set, ask again: Keras fetches its own\n"
        f"  2. copy .keras/models/{name.lower()}_notop.h5 from the home of a machine that has it\n"
        f"  3. {_weights.INSTALL}, then weights='package'"
    )


def freeze(model, mode: str, *, blocks: int = 2, batch_norm: bool = False) -> int:
    """Choose the layers of a network that may learn.

    Parameters
    ----------
    model : keras.Model
        As :func:`network` gives it, or a model that holds one. Layers that belong to no block of
        it, such as a new last layer, learn in every mode. Compile it after this.
    mode : {"frozen", "last", "first_and_last", "all"}
        "frozen": none of the network; "last": the last `blocks` and what follows them;
        "first_and_last": these, and the stem with the first block; "all": everything.
    blocks : int
        How many blocks count as last.
    batch_norm : bool
        Let the batch normalisation of the chosen layers learn too. By default it stays as it was
        trained and runs in inference mode, since a small batch of another kind of picture would
        spoil its statistics.

    Returns
    -------
    int
        Parameters that may learn.

    Raises
    ------
    ValueError
        When `mode` is another word, `blocks` is out of range, or no blocks are found.
    """
    from keras import layers

    if mode not in FREEZING:
        raise ValueError(f"mode must be one of {', '.join(FREEZING)}, found {mode!r}")
    leaves = list(_leaves(model))
    names = list(dict.fromkeys(b for b in map(block_of, leaves) if b and b.startswith("block")))
    if not names or not 0 < blocks <= len(names):
        raise ValueError(
            f"blocks must be from 1 to the {len(names)} that {model.name} has, found {blocks}: "
            "give a network of helpers.imagenet.network"
        )
    chosen = {
        "frozen": set(),
        "last": {*names[-blocks:], "top"},
        "first_and_last": {"stem", names[0], *names[-blocks:], "top"},
        "all": {"stem", *names, "top"},
    }[mode]
    model.trainable = True
    for layer in leaves:
        block = block_of(layer)
        if block is not None:
            keeps = isinstance(layer, layers.BatchNormalization) and not batch_norm
            layer.trainable = block in chosen and not keeps
    return sum(int(np.prod(one.shape)) for one in model.trainable_variables)


def block_of(layer) -> str | None:
    """Block that a layer belongs to, by its name: "stem", "block2b" and so on, "top", or None."""
    found = re.match(r"(stem|top|block\d+[a-z]?)(?=_|$)", layer.name)
    return found[1] if found else None


def _leaves(model) -> Iterator:
    """Layers that hold no others, in order."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _leaves(layer)
        else:
            yield layer
