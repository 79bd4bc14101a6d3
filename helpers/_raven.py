"""Selection tables of Raven, the program that many biologists label with.

A table is text with tabs: a header, then a row for each selection *and view*, so that a selection
drawn on the spectrogram stands there twice once the waveform is shown too. A table over several
files counts its times from the start of the first; where a selection lies in its own file is in
the column ``File Offset (s)``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from helpers._events import LabelError, checked
from helpers._label_files import decode, number

BEGIN, END = "begin time (s)", "end time (s)"
LOW, HIGH = "low freq (hz)", "high freq (hz)"
FILE_OFFSET = "file offset (s)"
FILES = ("begin file", "begin path")
TEXTS = (
    "annotation",
    "annotations",
    "event_label",
    "label",
    "labels",
    "species",
    "common name",
    "species code",
    "call type",
    "type",
    "tag",
    "class",
)
"""Columns that are taken for the label, the first that is there."""
FIXED = {"selection", "view", "channel", "end file", "end path", *FILES} | {
    f"{side} {what}" for side in ("begin", "end") for what in ("date", "clock time", "date time")
}


def is_raven(header: str) -> bool:
    """Whether the first line of a file is the header of a selection table."""
    names = {name.strip().lower() for name in header.split("\t")}
    return {BEGIN, END} <= names


def read_raven(
    path: str | os.PathLike,
    *,
    column: str | None = None,
    duration: float | None = None,
    empty_label: str = "",
    overlaps: str = "warn",
) -> pd.DataFrame:
    """Read a selection table of Raven Lite or Raven Pro.

    A selection that is listed once for each view is read once, with the frequencies of the
    spectrogram.

    Parameters
    ----------
    path
        The table, tab-separated UTF-8, ``NAME.Table.1.selections.txt`` as Raven calls it.
    column
        The column that holds the label, in any case of letters; when None, the first there is of
        Annotation, Label, Species, Common Name, Call Type and the like. A table that has no column
        for notes at all is read without text.
    duration
        Length of the recording in seconds, to find selections that lie past its end.
    empty_label
        What to call selections that carry no text.
    overlaps
        ``"warn"``, ``"allow"`` or ``"error"`` for events of one label that overlap.

    Returns
    -------
    DataFrame
        Columns onset, offset (seconds), event_label; low_frequency and high_frequency (Hz, NaN
        where unknown) when the table has them; filename when it names the sound files, and the
        times are then counted from the start of each file.

    Raises
    ------
    LabelError
        Naming file, line and remedy: no selection table, no such column for the label (the message
        lists those there are), a time that is no number, several files without their offsets.

    References
    ----------
    Raven Pro User's Manual, chapter "Selections", Cornell Lab of Ornithology.
    """
    path = Path(path)
    header, rows = _rows(path)
    names = [name.strip().lower() for name in header]
    text = _label_column(path, header, names, column)
    events = pd.DataFrame(
        [_event(row, names, text, f"{path}, line {line}") for line, row in rows],
        columns=[*_KEYS, "view", "line"],
    )
    _refuse_lost_offsets(path, names, events["filename"])
    events = _one_view(events)
    where = [f"{path}, line {line}" for line in events["line"]]
    events["event_label"] = events["event_label"].astype(object).replace("", empty_label)
    events = events[_columns(names)].reset_index(drop=True)
    events = events.astype({name: "float64" for name in events if name in _NUMBERS})
    return checked(events, duration=duration, where=where, overlaps=overlaps)


_NUMBERS = ("onset", "offset", "low_frequency", "high_frequency")
_KEYS = [
    "selection",
    "filename",
    "onset",
    "offset",
    "event_label",
    "low_frequency",
    "high_frequency",
]


def _rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header, and the rows with their line numbers."""
    lines = [line.removesuffix("\r") for line in decode(path).split("\n")]
    if not is_raven(lines[0]):
        raise LabelError(
            f"{path}, line 1: not the header of a Raven selection table; it has the columns "
            "'Begin Time (s)' and 'End Time (s)', separated by tabs"
        )
    header = lines[0].split("\t")
    rows = []
    for line, text in enumerate(lines[1:], start=2):
        if not text.strip():
            continue
        cells = text.split("\t")
        if len(cells) > len(header):
            raise LabelError(
                f"{path}, line {line}: {len(cells)} columns and the header has {len(header)}; take "
                "the extra tab out of the annotation"
            )
        rows.append((line, cells + [""] * (len(header) - len(cells))))
    return header, rows


def _label_column(path: Path, header: list[str], names: list[str], wanted: str | None) -> int:
    """Position of the column of the label; -1 where the table holds no text."""
    for name in TEXTS if wanted is None else [wanted.strip().lower()]:
        if name in names:
            return names.index(name)
    # Measurements carry their unit in brackets; what has none was typed by somebody.
    notes = [
        title
        for title, name in zip(header, names, strict=True)
        if "(" not in name and name not in FIXED
    ]
    if wanted is None and not notes:
        return -1
    asked = "no column of labels known by name" if wanted is None else f"no column {wanted!r}"
    raise LabelError(f"{path}, line 1: {asked} among {header}; say which holds them, as column")


def _event(row: list[str], names: list[str], text: int, where: str) -> list:
    """One row as its selection, file, times, label, bounds, view and line."""
    cell = dict(zip(names, row, strict=True))
    begin = number(cell[BEGIN], where, "Begin Time")
    end = number(cell[END], where, "End Time")
    onset = begin
    if FILE_OFFSET in cell:
        onset = number(cell[FILE_OFFSET], where, "File Offset")
        end = onset + (end - begin)
    bounds = [
        number(cell[name], where, name) if cell.get(name, "").strip() else math.nan
        for name in (LOW, HIGH)
    ]
    label = row[text] if text >= 0 else ""
    view = cell.get("view", "").strip().lower()
    selection = cell.get("selection", "").strip() or where  # without a number each stands alone
    return [selection, _file(cell), onset, end, label, *bounds, view, where.rsplit(" ", 1)[1]]


def _file(cell: dict[str, str]) -> str:
    """Name of the sound file of a row, without its folder; nothing where the table has none."""
    for name in FILES:
        if cell.get(name, "").strip():
            return cell[name].strip().replace("\\", "/").rsplit("/", 1)[-1]
    return ""


def _refuse_lost_offsets(path: Path, names: list[str], files: pd.Series) -> None:
    if files.nunique() > 1 and FILE_OFFSET not in names:
        raise LabelError(
            f"{path}: selections in {files.nunique()} sound files and no column 'File Offset (s)', "
            "so where they lie in each file is not known; add that measurement in Raven and save "
            "the table again"
        )


def _one_view(events: pd.DataFrame) -> pd.DataFrame:
    """Keep one row of a selection that several views list, the spectrogram's where there is one."""
    rank = (~events["view"].str.startswith("spectrogram")).astype(int)
    ordered = events.assign(rank=rank).sort_values("rank", kind="stable")
    kept = ordered.drop_duplicates(["selection", "filename", "onset", "offset", "event_label"])
    return kept.sort_index().drop(columns="rank")


def _columns(names: Iterable[str]) -> list[str]:
    """Columns of the result: only what the table can tell."""
    names = set(names)
    columns = ["filename"] if names & set(FILES) else []
    columns += ["onset", "offset", "event_label"]
    return columns + (["low_frequency", "high_frequency"] if {LOW, HIGH} & names else [])
