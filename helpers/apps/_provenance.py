"""The table beside the recordings: what each file is, whose it is, and whether it is still whole.

One row for each recording that was ever asked for, those that could not be had included, since
the yield of a hunt is a figure too. The table is rewritten whole after every recording, under a
temporary name, so that it is never seen half-written.
"""

from __future__ import annotations

import csv
import os
import re
import tempfile
from pathlib import Path

import pandas as pd

NAME = "provenance.csv"
COLUMNS = {
    "id": "name of the recording at its source, and of the file here",
    "title": "as the source gives it",
    "uploader": "as the source gives it",
    "licence": "as the source gives it, empty where it states none",
    "duration": "seconds of sound in the file here",
    "date": "of publication, YYYY-MM-DD",
    "sha256": "of the file here",
    "status": "fetched, short, cut, gone, failed",
    "reason": "why, where the status is not fetched",
    "file": "name here, empty where there is none",
    "seconds": "how much was asked for",
    "bytes": "downloaded for it",
    "format": "of the download",
    "address": "where it came from",
    "fetched": "when, UTC",
}
NUMBERS = ("duration", "seconds", "bytes")


class ProvenanceError(ValueError):
    """The table cannot be read."""


def read(folder: Path) -> pd.DataFrame:
    """Read the table of a folder; an empty one where there is none yet.

    Raises
    ------
    ProvenanceError
        When the file is not such a table.
    """
    path = folder / NAME
    if not path.exists():
        return typed(pd.DataFrame(columns=list(COLUMNS)))
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        missing = [name for name in COLUMNS if name not in table.columns]
        if missing:
            raise ValueError(f"no column {', '.join(missing)}")
        return typed(table)
    except (ValueError, UnicodeDecodeError) as error:
        raise ProvenanceError(
            f"{path}: not a provenance table ({error}): mend it, or move it away, "
            "then what it described is fetched again"
        ) from error


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """Order the columns and make numbers of those that hold numbers."""
    table = table.reindex(columns=list(COLUMNS))
    for name in COLUMNS:
        if name in NUMBERS:
            table[name] = pd.to_numeric(table[name], errors="coerce").astype(float)
        else:
            table[name] = table[name].fillna("").astype(str)
    return table.reset_index(drop=True)


def write(folder: Path, table: pd.DataFrame) -> None:
    """Write the table of a folder, whole or not at all."""
    handle, name = tempfile.mkstemp(prefix=".provenance.", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            typed(table).to_csv(file, index=False, quoting=csv.QUOTE_MINIMAL)
        os.chmod(name, 0o644)
        os.replace(name, folder / NAME)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def put(table: pd.DataFrame, row: dict) -> pd.DataFrame:
    """Return ``table`` with ``row`` in the place of the one that has its id."""
    rest = table[table["id"] != row["id"]].to_dict("records")
    return typed(pd.DataFrame([*rest, row]))


def find(table: pd.DataFrame, key: str) -> dict | None:
    """Return the row of an id, None where there is none."""
    rows = table[table["id"] == key].to_dict("records")
    return rows[0] if rows else None


def tidy(text: object, *, length: int = 200) -> str:
    """Make one line of whatever text a site gave: no control characters, bounded length."""
    if text is None:
        return ""
    text = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", str(text))
    return re.sub(r"\s+", " ", text).strip()[:length]
