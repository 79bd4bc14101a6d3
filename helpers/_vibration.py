"""Vibration from a three-axis accelerometer: tables of numbers, one file a second or so.

The layout is that of the ceiling fan: a folder for each condition, such as
``fan_0_low_1_weight``, with files ``0000.csv`` and so on of three columns in g, without a header
and without times. Every file is read once when the set is loaded, so that what is wrong with one
is said at once.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import _download, _esc10
from helpers._sources import SOURCES, DataError, DataMissing, manifest

SAMPLE_RATE = 200.0
"""Hz. Upstream's sketch waits 5 ms or more between two samples, and no file tells the times: the
true rate is this or somewhat less, and not perfectly even."""
AXES = ("x", "y", "z")
BLOCK = 20
"""Consecutive files that stay together in a split: about 20 s of one session."""
TRAIN_SHARE = 0.6
CONDITION = re.compile(
    r"(?P<machine>fan_\d+)_(?P<speed>off|low|med|high)_(?P<weights>\d+)_weight(?P<moving>-moving)?"
)


def read(path: str | os.PathLike) -> np.ndarray:
    """Read one file of vibration.

    Parameters
    ----------
    path
        A text file with three numbers a line, separated by commas: x, y and z in g.

    Returns
    -------
    ndarray of shape (samples, 3), float32, in g

    Raises
    ------
    DataMissing
        When there is no such file.
    DataError
        When it is empty, or a line has not three finite numbers. The message names file and line.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").rstrip().splitlines()
    except FileNotFoundError as error:
        raise DataMissing(f"{path}: no such file: look at the spelling") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: no text, but bytes ({error.reason}): fetch it again") from error
    if not lines:
        raise DataError(f"{path}: empty, no line of x, y, z: delete it and fetch it again")
    return np.array([_numbers(text, path, n) for n, text in enumerate(lines, 1)], dtype=np.float32)


def _numbers(text: str, path: Path, number: int) -> list[float]:
    """Return the numbers of a line, or name what is wrong with it."""
    fields = text.split(",")
    if len(fields) != len(AXES):
        raise DataError(
            f"{path}, line {number}: {len(fields)} columns, 3 wanted (x, y, z in g): mend the line"
        )
    try:
        values = [float(field) for field in fields]
    except ValueError as error:
        raise DataError(f"{path}, line {number}: {error}: mend the line") from error
    if not all(map(math.isfinite, values)):
        raise DataError(
            f"{path}, line {number}: {text.strip()!r} holds a value that is not finite: cut the "
            "line out, or leave the file out"
        )
    return values


def read_folder(
    folder: str | os.PathLike,
    *,
    sample_rate: float = SAMPLE_RATE,
    provenance: str = "a folder of your own",
) -> pd.DataFrame:
    """Read a folder with one folder a condition, and return the table of its recordings.

    Parameters
    ----------
    folder
        Holds folders such as ``fan_0_low_0_weight`` (normal), ``fan_0_low_1_weight`` (a weight on
        a blade: an anomaly) and ``fan_0_low_0_weight-moving`` (the sensor moved about: normal, and
        another domain).
    sample_rate
        In Hz; the files do not tell.
    provenance
        Where the recordings come from; the file's name is appended to an address.

    Returns
    -------
    DataFrame
        One row a file. The split is ours: the first 60 % of a normal condition, in time, are
        training; all else is for testing.

    Raises
    ------
    DataMissing
        When there is no such folder, or no file in it.
    DataError
        When a folder is not named like that, or a file is no table of three finite columns.
    """
    folder = Path(folder)
    paths = {f"{path.parent.name}/{path.name}": path for path in sorted(folder.glob("*/*.csv"))}
    if not paths:
        raise DataMissing(f"{folder}: no files such as fan_0_low_0_weight/0000.csv in it")
    return recordings(paths, sample_rate=sample_rate, provenance=provenance)


def recordings(paths: dict[str, Path], *, sample_rate: float, provenance: str) -> pd.DataFrame:
    """Return the table of files that are named ``condition/file.csv``."""
    rows = []
    numbers: dict[str, int] = {}
    for filename in sorted(paths):
        condition = filename.split("/")[0]
        numbers[condition] = numbers.get(condition, -1) + 1
        rows.append(
            {"filename": filename, "duration": len(read(paths[filename])) / sample_rate}
            | _condition(condition)
            | {
                "sample_rate": float(sample_rate),
                "group": f"{condition}-{numbers[condition] // BLOCK:03d}",
                "provenance": f"{provenance}/{filename}" if "://" in provenance else provenance,
            }
        )
    table = pd.DataFrame(rows)
    table.insert(5, "split", _split(table))
    return table


def _condition(name: str) -> dict:
    """Return what the name of a condition says."""
    parts = CONDITION.fullmatch(name)
    if parts is None:
        raise DataError(
            f"{name}/: not named like fan_0_low_0_weight or fan_0_low_0_weight-moving: rename the "
            "folder, or take it away"
        )
    return {
        "machine_type": "ceiling fan",
        "machine": parts["machine"],
        "label": "anomaly" if int(parts["weights"]) else "normal",
        "domain": "target" if parts["moving"] else "source",
        "condition": name,
        "speed": parts["speed"],
    }


def _split(table: pd.DataFrame) -> list[str]:
    """Training: the first blocks of what is normal and did not move; the rest is for testing."""
    block = table["group"].str.rsplit("-", n=1).str[1].astype(int)
    blocks = block.groupby(table["condition"]).transform("max") + 1
    early = block < np.ceil(TRAIN_SHARE * blocks)
    fit = early & (table["label"] == "normal") & (table["domain"] == "source")
    return ["train" if yes else "test" for yes in fit]


def ceiling_fan(folder: Path | None = None) -> dict:
    """Read the vibration of a ceiling fan at low speed: the fields of a Dataset but for its name.

    ``folder`` is one of your own in this layout; the cache, the mirror, then the network serve
    when it is left out.
    """
    source, note = SOURCES["ceiling-fan"], "A folder of your own in the layout of ceiling-fan."
    if folder is None:
        note = (
            "Vibration of a ceiling fan at low speed in g (S. Hymel 2020, Beerware): normal, a "
            "coin on a blade, and normal with the sensor moved about."
        )
        paths = _download.fetch(source, list(manifest(source.name).values()))
        table = recordings(paths, sample_rate=SAMPLE_RATE, provenance=source.base)
        folder = next(iter(paths.values())).parents[1]
    else:
        table, paths = read_folder(folder), {}
    return {
        "recordings": table,
        "events": _esc10.no_events(),
        "folder": folder,
        "label": None,
        "synthetic": False,
        "note": f"{note} Each condition is one session, so anything that changed between sessions "
        f"looks like a fault. A group is {BLOCK} consecutive files; 'split' is ours. The rate of "
        f"{SAMPLE_RATE:.0f} Hz is nominal.",
        "paths": paths,
    }
