"""One label file, whatever program wrote it: recognised by its content, read to one table.

Audacity's text, Raven's selection tables, and tables with a header (CSV, TSV) are known.
"""

from __future__ import annotations

import csv
import io
import math
import re
from pathlib import Path

import pandas as pd

from helpers import labels
from helpers._events import checked
from helpers._label_files import decode, number
from helpers._raven import FILES as RAVEN_FILES
from helpers._raven import is_raven

SUFFIXES = {".txt", ".csv", ".tsv"}
FOREIGN = {
    ".aup": "Audacity's project: use File > Export Other > Export Labels",
    ".aup3": "Audacity's project: use File > Export Other > Export Labels",
    ".textgrid": "Praat's labels: save the tier as a table with columns onset, offset, event_label",
    ".eaf": "ELAN's labels: use File > Export As > Tab-delimited Text",
    ".svl": "Sonic Visualiser's labels: use File > Export Annotation Layer",
    ".xlsx": "a spreadsheet: save it as CSV with the columns filename, onset, offset, event_label",
    ".ods": "a spreadsheet: save it as CSV with the columns filename, onset, offset, event_label",
    ".jams": "JAMS: write the events as a table with columns onset, offset, event_label",
}
"""Labels of other programs, which are not read, and what to do with them."""
ONSET = ("onset", "start", "begin", "start time", "begin time", "onset time", "starttime")
OFFSET = ("offset", "end", "stop", "end time", "stop time", "offset time", "endtime")
TEXT = (
    "event label",
    "label",
    "class",
    "event",
    "species",
    "common name",
    "annotation",
    "category",
    "text",
)
NUMBERS = {"", "id", "index", "duration", "length", "confidence", "score", "probability", "channel"}
"""Columns that are no label, so that a table with them and none of TEXT has no text."""
FILENAME = ("filename", "file", "file name", "recording", "audio", "path", "wav", "sound file")

_RAVEN_ENDING = re.compile(r"(\.table\.\d+)?\.selections$|\.selection\.table$", re.IGNORECASE)


def stem(name: str) -> str:
    """Name of a label file without what its program put behind the name of the recording."""
    return _RAVEN_ENDING.sub("", name.rsplit(".", 1)[0])


def kind(path: Path) -> str | None:
    """Return "raven", "table" or "audacity"; None for text that holds no labels."""
    try:
        text = decode(path)
    except labels.LabelError:
        return None
    first = next((line for line in text.splitlines() if line.strip()), "")
    if is_raven(first):
        return "raven"
    names = header(first)[1]
    if position(names, ONSET) is not None and position(names, OFFSET) is not None:
        return "table"
    fields = first.split("\t")
    numbers = [re.fullmatch(r"\s*[+-]?\d+([.,]\d*)?(e[+-]?\d+)?\s*", f) for f in fields[:2]]
    return "audacity" if len(fields) in (2, 3) and all(numbers) else None


def columns_of(path: Path) -> list[str]:
    """Names of the columns of what may be a table; none for other text."""
    try:
        lines = decode(path).splitlines()
    except labels.LabelError:
        return []
    names = header(next((line for line in lines if line.strip()), ""))[1]
    return names if path.suffix.lower() in {".csv", ".tsv"} and len(names) > 1 else []


def names_recordings(path: Path, found: str) -> bool:
    """Whether a label file of a kind has a column that names the recordings."""
    first = next(line for line in decode(path).splitlines() if line.strip())
    if found == "raven":
        return any(name.strip().lower() in RAVEN_FILES for name in first.split("\t"))
    return found == "table" and position(header(first)[1], FILENAME) is not None


def read(path: Path, *, column: str | None) -> pd.DataFrame:
    """Read a label file that was recognised, or that stands beside a recording.

    Parameters
    ----------
    path
        The file.
    column
        The column of a table that holds the labels; None for the usual names.

    Returns
    -------
    DataFrame
        Columns onset, offset, event_label (empty where a label has no text), and filename where
        the file names recordings. A row with NaN for both times says that a recording was
        listened to and holds nothing.

    Raises
    ------
    helpers.labels.LabelError
        Naming file, line and remedy.
    """
    found = kind(path)
    if found == "raven":
        events = labels.read_raven(path, column=column, overlaps="allow")
    elif found == "table" or (found is None and path.suffix.lower() != ".txt"):
        events = read_table(path, column=column)
    else:
        events = labels.read_audacity(path, overlaps="allow", text_optional=True)
    return events[[name for name in ("filename", *labels.COLUMNS) if name in events]]


def read_table(path: Path, *, column: str | None = None) -> pd.DataFrame:
    """Read a table of events with a header, separated by commas, semicolons or tabs.

    Parameters
    ----------
    path
        The table, UTF-8. Columns onset and offset in seconds, or start and end; event_label or
        label, which may be missing; filename, for a table over several recordings. A row with
        neither onset nor offset says that its recording holds no event.
    column
        The column that holds the labels; None for the usual names.

    Returns
    -------
    DataFrame
        filename (where there is one), onset, offset, event_label.

    Raises
    ------
    helpers.labels.LabelError
        Naming file, line and remedy.
    """
    text = decode(path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter, names = header(first)
    at = _columns(path, names, column)
    rows, where = [], []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    filled = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    for line, cells in filled[1:]:
        where.append(f"{path}, line {line}")
        if len(cells) < max(i for i in at.values() if i is not None) + 1:
            raise labels.LabelError(
                f"{where[-1]}: {len(cells)} columns and the header has {len(names)}; fill the row"
            )
        rows.append(_row(cells, at, where[-1]))
    events = pd.DataFrame(rows, columns=["filename", *labels.COLUMNS])
    events = events.astype({"onset": "float64", "offset": "float64"})
    if at["filename"] is None:
        events = events.drop(columns="filename")
    empty = events["onset"].isna()
    spans = checked(
        events[~empty],
        duration=None,
        where=[w for w, none in zip(where, empty, strict=True) if not none],
        overlaps="allow",
    )
    return pd.concat([spans, events[empty]], ignore_index=True)


def header(line: str) -> tuple[str, list[str]]:
    """Delimiter and the names of the columns, in small letters and without their unit."""
    delimiter = max(",;\t", key=line.count)
    cells = next(csv.reader([line], delimiter=delimiter), [])
    names = [re.sub(r"[(\[]\s*s(ec(onds)?)?\s*[)\]]$", "", cell.strip().lower()) for cell in cells]
    return delimiter, [re.sub(r"[\s_]+", " ", name).strip() for name in names]


def position(names: list[str], wanted: tuple[str, ...]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _columns(path: Path, names: list[str], column: str | None) -> dict[str, int | None]:
    """Where filename, onset, offset and label stand; None for what the table does not have."""
    texts = TEXT if column is None else (re.sub(r"[\s_]+", " ", column.strip().lower()),)
    at = {
        name: position(names, known)
        for name, known in zip(
            ("filename", "onset", "offset", "label"),
            (FILENAME, ONSET, OFFSET, texts),
            strict=True,
        )
    }
    missing = [name for name in ("onset", "offset") if at[name] is None]
    if missing:
        raise labels.LabelError(
            f"{path}, line 1: no column {' and no column '.join(missing)} among {names}; the first "
            "line names the columns: onset, offset (seconds), event_label"
        )
    rest = [name for name in names if name not in (*FILENAME, *ONSET, *OFFSET, *NUMBERS)]
    rest = [name for name in rest if "freq" not in name]
    if at["label"] is None and (column is not None or rest):
        asked = "no column of labels known by name" if column is None else f"no column {column!r}"
        raise labels.LabelError(
            f"{path}, line 1: {asked} among {names}; say which holds them, as column"
        )
    return at


def _row(cells: list[str], at: dict[str, int | None], where: str) -> list:
    """One row as filename, onset, offset and label."""
    times = [cells[at["onset"]], cells[at["offset"]]]
    name = "" if at["filename"] is None else cells[at["filename"]].strip()
    if at["filename"] is not None and not name:
        raise labels.LabelError(f"{where}: no name of a recording; fill the row")
    if not any(time.strip() for time in times):
        return [name, math.nan, math.nan, ""]
    onset, offset = (
        number(time, where, what) for time, what in zip(times, ("onset", "offset"), strict=True)
    )
    return [name, onset, offset, "" if at["label"] is None else cells[at["label"]]]
