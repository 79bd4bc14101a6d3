"""Where the real recordings come from: pinned addresses, and manifests of what lies there."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

RAW = "https://raw.githubusercontent.com"


class DataError(RuntimeError):
    """Data that cannot be had, or cannot be trusted; names it and the remedy."""


class DataMissing(DataError):
    """Data that is neither in the cache nor in the mirror nor to be had from the network."""


@dataclass(frozen=True)
class Entry:
    """One file of a manifest. ``size`` is None where nobody noted it; one hash is there."""

    path: str
    size: int | None
    sha256: str
    git_blob_sha1: str
    subset: str
    md5: str = ""


@dataclass(frozen=True)
class Source:
    """A folder on the network at one pinned state.

    Parameters
    ----------
    name
        Name of the manifest, of the folder in the cache and of the folder in a mirror.
    base
        Address that a path of the manifest is appended to.
    flat
        The mirror keeps file names without their folders.
    stand_in
        Names of datasets to fall back on, for the message that says what to do.
    limit
        Most bytes to take of a file whose size the manifest does not know.
    """

    name: str
    base: str
    licence: str
    flat: bool = False
    stand_in: str = "fallback='brewery', for clips to classify fallback='everyday',"
    limit: int = 1 << 28

    def address(self, path: str) -> str:
        """Address of one file."""
        return f"{self.base.rstrip('/')}/{quote(path)}"

    def in_mirror(self, path: str) -> str:
        """Path of one file below the mirror's folder."""
        return f"{self.name}/{PurePosixPath(path).name if self.flat else path}"


@dataclass(frozen=True)
class Archives(Source):
    """A source of archives ``dev_data_<kind>.zip``; a mirror holds the folders in them."""

    stand_in: str = "fallback='machines/fan'"
    limit: int = 1 << 33

    def in_mirror(self, path: str) -> str:
        """Say what a mirror has in place of an archive."""
        kind = path.removeprefix("dev_data_").removesuffix(".zip")
        return f"{self.name}/{kind}/train and the rest as upstream"


SOURCES = {
    "coughs": Source(
        "coughs",
        f"{RAW}/roneelsharan/CoughSegmentation/7dfd8f2caece1e1de0b4855707f3d9fd7f7de056",
        "CC BY 4.0",
    ),
    "esc10": Source(
        "esc10",
        f"{RAW}/karolpiczak/ESC-10/553c8f1743b9dba6b282e1323c3ca8fa76923448",
        "CC BY 3.0",
    ),
    "brewing-labels": Source(
        "brewing-labels",
        f"{RAW}/jonnor/brewing-audio-event-detection/065a84d832f5eafed748a9b01cdbfdf90b79d705",
        "none stated: fetched, never copied",
        flat=True,
    ),
    "ceiling-fan": Source(
        "ceiling-fan",
        f"{RAW}/ShawnHymel/tinyml-example-anomaly-detection/"
        "453006106a3c4708d8319a075997b1022aae4ec9/datasets/ceiling-fan",
        "Beerware",
        stand_in="fallback='machines-vibration'",
    ),
    "mimii-samples": Source(
        "mimii-samples",
        f"{RAW}/brmdv/machine-malfunction-detection/"
        "8c0c19f01a2616a19f5d2b013a6bf161f8b265ec/test_audio",
        "CC BY-SA 4.0",
        stand_in="fallback='machines/fan'",
    ),
}

ARCHIVES = {
    "dcase2020": Archives(
        "dcase2020",
        "https://zenodo.org/records/3678171/files",
        "CC BY-NC-SA 4.0: non-commercial",
    ),
    "dcase2021": Archives(
        "dcase2021",
        "https://zenodo.org/records/4562016/files",
        "as the record says",
    ),
}


def manifest_folder() -> Path:
    """Folder ``data/manifests`` of the checkout.

    Raises
    ------
    DataError
        When the package runs without its repository.
    """
    for root in (Path(__file__).resolve().parents[1], Path.cwd(), Path.cwd().parent):
        if (root / "data" / "manifests").is_dir():
            return root / "data" / "manifests"
    raise DataError(
        "data/manifests is not here: it comes with the repository; clone that and work in it"
    )


def manifest(name: str) -> dict[str, Entry]:
    """Read the manifest of one source: path to entry, in the order of the file.

    Raises
    ------
    DataError
        When the file is missing, or a row has no usable path, size or hash.
    """
    path = manifest_folder() / f"{name}.csv"
    if not path.is_file():
        raise DataError(f"{path}: no such manifest: restore it from the repository")
    entries = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            entry = _entry(row, f"{path}, line {len(entries) + 2}")
            entries[entry.path] = entry
    return entries


def _entry(row: dict, where: str) -> Entry:
    """Check one row: a path that stays below its folder, a whole number, and a hash."""
    path, size = row.get("path") or "", row.get("bytes") or ""
    sha256, blob = row.get("sha256") or "", row.get("git_blob_sha1") or ""
    md5 = row.get("md5") or ""
    if not path or path.startswith("/") or ".." in PurePosixPath(path).parts or "\\" in path:
        raise DataError(f"{where}: path {path!r} leaves its folder or is empty: restore the file")
    if size and not size.isdecimal():
        raise DataError(f"{where}: {size!r} bytes is no whole number: restore the file")
    hashes = {sha256: 64, blob: 40, md5: 32}
    known = all(re.fullmatch(f"[0-9a-f]{{{n}}}", one) for one, n in hashes.items() if one)
    if not known or not any(hashes):
        raise DataError(f"{where}: no usable sha256, git blob id or md5: restore the file")
    return Entry(path, int(size) if size else None, sha256, blob, row.get("subset") or "", md5)
