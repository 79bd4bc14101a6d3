"""Embeddings: sound described by a network that somebody trained on far more sound than we have.

:func:`embed` cuts a recording into windows of about a second and gives a vector for each. Clips
that sound alike have vectors that lie close together, so a linear classifier on top learns from a
few examples. Every extractor has the attributes ``name``, ``dims``, ``sample_rate`` (Hz),
``window`` and ``hop`` (s), ``weights`` (the path of its file, or None where a package keeps them to
itself) and the method ``run``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import audio, store

NAMES = ("yamnet", "openl3", "openl3-package")
POOLINGS = ("mean", "max", "mean_max")

_VERSION = 1  # of what `of_dataset` keeps
_CHUNK = 20  # recordings kept in one file: what an interrupted run has to do again at most


class Embeddings(NamedTuple):
    """Embeddings of one recording.

    Parameters
    ----------
    values : ndarray, shape (windows, dims), float32
    times : ndarray, shape (windows,), float64
        Centre of each window in seconds.
    """

    values: np.ndarray
    times: np.ndarray


def load(name: str = "yamnet", weights: str | os.PathLike | None = None):
    """Build an extractor, once a process.

    Parameters
    ----------
    name : str
        ``"yamnet"``; ``"openl3"``, with its variant in the name if it is another than the default,
        for instance ``"openl3-mel256-env-512"``; or ``"openl3-package"``, the package of that name
        where it is installed.
    weights : path, optional
        File of weights to take; found or fetched by default.

    Returns
    -------
    object
        An extractor.

    Raises
    ------
    ValueError
        When no extractor has this name.
    DataMissing
        When the weights are nowhere; says how to get them.
    DataError
        When the weights are not what they should be.
    """
    return _load(name, None if weights is None else str(Path(weights).expanduser().resolve()))


@lru_cache(maxsize=4)
def _load(name: str, weights: str | None):
    if name == "yamnet":
        from . import _yamnet

        return _yamnet.Extractor(weights)
    if name == "openl3-package" or name.startswith("openl3-package-"):
        from . import _openl3

        return _openl3.PackageExtractor(name.replace("-package", "", 1), weights=weights)
    if name == "openl3" or name.startswith("openl3-"):
        from . import _openl3

        return _openl3.Extractor(*([] if name == "openl3" else [name]), weights=weights)
    raise ValueError(f"no embedding is called {name!r}: choose one of {', '.join(NAMES)}")


def embed(
    samples: np.ndarray,
    name: str = "yamnet",
    *,
    hop: float | None = None,
    weights: str | os.PathLike | None = None,
    sample_rate: int = audio.SAMPLE_RATE,
) -> Embeddings:
    """Describe a recording by one vector for each window.

    Parameters
    ----------
    samples : ndarray, shape (n,), float
        Mono, in [-1, 1]. Zeros are put behind the samples until the last window is full, so a
        recording shorter than one window gives one vector, in part of silence.
    name : str
        Extractor, as in :func:`load`.
    hop : float, optional
        Seconds from one window to the next; the extractor's own by default (YAMNet: 0.48).
    weights : path, optional
        File of weights to take.
    sample_rate : int
        Of `samples`, in Hz; they are resampled where the extractor wants another rate.

    Returns
    -------
    Embeddings
        Finite for silence too.

    Raises
    ------
    AudioError
        When there are no samples, several channels, integers, or values that are not finite.
    ValueError
        When no extractor has this name, or `hop` is not positive or longer than a window.
    DataMissing, DataError
        As :func:`load`.
    """
    extractor = load(name, weights)
    hop = extractor.hop if hop is None else hop
    if not 0.01 <= hop <= extractor.window:
        raise ValueError(
            f"hop must be from 0.01 s to the window of {name}, {extractor.window:g} s, found "
            f"{hop!r}: a longer one would leave sound out"
        )
    samples = audio.check(samples, quiet=True)
    samples = audio.resample(samples, source=sample_rate, target=extractor.sample_rate)
    values, times = extractor.run(samples, hop)
    return Embeddings(np.asarray(values, np.float32), np.asarray(times, np.float64))


def pooled(embeddings: Embeddings | np.ndarray, how: str = "mean_max") -> np.ndarray:
    """One vector for a whole recording.

    Parameters
    ----------
    embeddings : Embeddings, or ndarray of shape (windows, dims)
    how : {"mean", "max", "mean_max"}
        Over the windows; "mean_max" puts the maxima behind the means.

    Returns
    -------
    ndarray, shape (dims,) or (2 * dims,), float32

    Raises
    ------
    ValueError
        When `how` is another word, or there is no window.
    """
    values = embeddings.values if isinstance(embeddings, Embeddings) else np.asarray(embeddings)
    if values.ndim != 2 or len(values) == 0:
        raise ValueError(f"embeddings must have shape (windows, dims), found {values.shape}")
    if how not in POOLINGS:
        raise ValueError(f"how must be one of {', '.join(POOLINGS)}, found {how!r}")
    parts = {"mean": values.mean(0), "max": values.max(0)}
    return np.concatenate([parts[one] for one in how.split("_")]).astype(np.float32)


def of_dataset(
    dataset,
    name: str = "yamnet",
    *,
    filenames: Sequence[str] | None = None,
    weights: str | os.PathLike | None = None,
    how: str | None = None,
    hop: float | None = None,
    role: str | None = None,
    report: Callable[[str], None] | None = None,
) -> dict[str, Embeddings] | dict[str, np.ndarray]:
    """Embeddings of the recordings of a dataset, computed once and kept.

    They are kept by chunks of 20 recordings, under a hash of the extractor, of its file of weights
    and of the recordings' names: an interrupted run goes on where it stopped.

    Parameters
    ----------
    dataset : helpers.datasets.Dataset
    name, weights, hop
        As in :func:`embed`.
    filenames : sequence of str, optional
        Which recordings; all of them by default. The rest of their chunks is computed with them.
    how : {"mean", "max", "mean_max"}, optional
        Pool over the windows, as :func:`pooled`; all windows by default.
    role : {"train", "test"}, optional
        Which version of the audio, for a dataset that has two.
    report : callable, optional
        Gets a line of text for each chunk that is computed.

    Returns
    -------
    dict of str to Embeddings, or to ndarray where `how` is given
        In the order of `filenames`.

    Raises
    ------
    KeyError
        When the dataset has no recording of that name.
    ValueError, DataMissing, DataError
        As :func:`embed`.
    """
    everything = list(dataset.recordings["filename"])
    wanted = everything if filenames is None else list(filenames)
    if unknown := set(wanted) - set(everything):
        raise KeyError(f"{dataset.name} has no recording {min(unknown)!r}")
    extractor, kept = load(name, weights), {}
    config = {
        "dataset": dataset.name,
        "folder": Path(dataset.folder).name,
        "role": role,
        "name": extractor.name,
        "weights": None if extractor.weights is None else store.sha256(extractor.weights),
        "hop": extractor.hop if hop is None else hop,
        "version": _VERSION,
    }
    for start in range(0, len(everything), _CHUNK):
        chunk = everything[start : start + _CHUNK]
        if not set(chunk).isdisjoint(wanted):
            make = _maker(dataset, chunk, name, weights, hop, role, report, start)
            path = store.artefact("embeddings", config | {"filenames": chunk}, make, suffix=".npz")
            kept |= _read(path, chunk)
    return {one: kept[one] if how is None else pooled(kept[one], how) for one in wanted}


def _maker(dataset, chunk, name, weights, hop, role, report, start) -> Callable[[Path], None]:
    """Return what computes one chunk and writes it to a path."""

    def make(path: Path) -> None:
        if report:
            last = start + len(chunk)
            report(f"{name}: recordings {start + 1} to {last} of {len(dataset.recordings)}")
        options = {} if role is None else {"role": role}
        arrays = {}
        for i, filename in enumerate(chunk):
            samples = dataset.audio(filename, **options)
            one = embed(samples, name, hop=hop, weights=weights)
            arrays |= {f"values{i}": one.values, f"times{i}": one.times}
        with path.open("wb") as file:
            np.savez(file, **arrays)

    return make


def _read(path: Path, chunk: list[str]) -> dict[str, Embeddings]:
    with np.load(path) as arrays:
        return {
            filename: Embeddings(arrays[f"values{i}"], arrays[f"times{i}"])
            for i, filename in enumerate(chunk)
        }
