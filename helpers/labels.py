"""Labels: Audacity and Raven files, targets for training, and how far two sets of labels agree.

An event is one row with ``onset`` and ``offset`` in seconds and an ``event_label``; it covers
the half-open span [onset, offset), and a point has ``onset == offset``. Everything here that
turns seconds into frames goes through :func:`helpers.features.frame_index`, so that targets,
scores and events never disagree about when a frame is.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd

from helpers._events import COLUMNS, LabelError, LabelWarning, check_events, checked
from helpers._label_files import decode, number
from helpers._proposals import Proposal, plausibility, propose, propose_energy
from helpers._raven import read_raven
from helpers._targets import agreement, frame_targets, targets_to_events, window_targets
from helpers._whole import write_text

__all__ = [
    "LabelError",
    "LabelWarning",
    "Proposal",
    "agreement",
    "check_events",
    "frame_targets",
    "plausibility",
    "propose",
    "propose_energy",
    "read_audacity",
    "read_raven",
    "targets_to_events",
    "window_targets",
    "write_audacity",
]

BOUNDS = ["low_frequency", "high_frequency"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def read_audacity(
    path: str | os.PathLike,
    *,
    duration: float | None = None,
    empty_label: str = "",
    overlaps: str = "warn",
    text_optional: bool = False,
) -> pd.DataFrame:
    r"""Read an Audacity label file.

    A line is ``onset <tab> offset <tab> text``; a line that starts with a backslash gives the
    frequency bounds in Hz of the label above it. A UTF-8 byte-order mark and Windows line ends
    are accepted, a file without any label is a recording without any event.

    Parameters
    ----------
    path
        The label file, UTF-8.
    duration
        Length of the recording in seconds, to find labels that lie past its end.
    empty_label
        What to call labels that carry no text.
    overlaps
        ``"warn"``, ``"allow"`` or ``"error"`` for events of one label that overlap.
    text_optional
        Take a line of two columns for a label that carries no text.

    Returns
    -------
    DataFrame
        Columns onset, offset, event_label, sorted by onset; low_frequency and high_frequency as
        well where any label has bounds (NaN where one has none).

    Raises
    ------
    LabelError
        Naming file, line and remedy: missing file, another encoding, wrong number of columns,
        text or a decimal comma for a number, onset after offset, negative or past the end.

    References
    ----------
    Audacity manual, "Importing and Exporting Labels".
    """
    path = Path(path)
    rows: list[list] = []
    lines: list[int] = []
    for row, line in enumerate(decode(path).split("\n"), start=1):
        line = line.removesuffix("\r")
        where = f"{path}, line {row}"
        if not line.strip():
            continue
        if line.startswith("\\"):
            if not rows:
                raise LabelError(f"{where}: frequency bounds without a label above them; delete it")
            rows[-1][3:] = _parse_bounds(line, where)
            continue
        rows.append([*_parse_label(line, where, text_optional), math.nan, math.nan])
        lines.append(row)
    events = pd.DataFrame(rows, columns=COLUMNS + BOUNDS)
    events = events.astype(dict.fromkeys([*COLUMNS[:2], *BOUNDS], "float64"))
    events["event_label"] = events["event_label"].astype(object).replace("", empty_label)
    if events[BOUNDS].isna().all(axis=None):
        events = events.drop(columns=BOUNDS)
    where = [f"{path}, line {row}" for row in lines]
    return checked(events, duration=duration, where=where, overlaps=overlaps)


def write_audacity(path: str | os.PathLike, events: pd.DataFrame) -> None:
    """Write events as an Audacity label file, whole or not at all.

    Times have six decimals as Audacity writes them, and more only where six would change them:
    what is read back is what was written, to the last bit.

    Parameters
    ----------
    path
        The file to write; an older one is replaced in one step.
    events
        Columns onset, offset, event_label; low_frequency and high_frequency where there are any.

    Raises
    ------
    LabelError
        If the events are not valid, or a label holds a tab, a line break or another control
        character (Audacity would cut the label there).
    """
    path = Path(path)
    events = check_events(events, name=str(path), overlaps="allow")
    text = "".join(_format_row(row, str(path)) for row in events.to_dict("records"))
    write_text(path, text)


def _parse_label(line: str, where: str, text_optional: bool) -> tuple[float, float, str]:
    fields = line.split("\t")
    if text_optional and len(fields) == 2:
        fields.append("")
    if len(fields) != 3:
        raise LabelError(
            f"{where}: {len(fields)} columns in {line!r}; a label has three, separated by tabs: "
            "onset, offset, text (the text may be empty, its tab must stay)"
        )
    onset = number(fields[0], where, "onset")
    return onset, number(fields[1], where, "offset"), fields[2]


def _parse_bounds(line: str, where: str) -> list[float]:
    fields = line.split("\t")
    if len(fields) != 3 or fields[0] != "\\":
        raise LabelError(
            f"{where}: {line!r} is no line of frequency bounds; it reads backslash, tab, lowest "
            "frequency, tab, highest frequency"
        )
    low, high = (number(field, where, "frequency") for field in fields[1:])
    if 0 <= high < low:
        raise LabelError(f"{where}: lowest frequency {low} above the highest {high}; swap them")
    # Audacity writes a bound that is open as a negative number.
    return [low if low >= 0 else math.nan, high if high >= 0 else math.nan]


def _format_row(row: dict, name: str) -> str:
    text = str(row["event_label"])
    if _CONTROL.search(text):
        raise LabelError(f"{name}: label {text!r} holds a tab or a line break; take it out")
    line = f"{_format(row['onset'])}\t{_format(row['offset'])}\t{text}\n"
    bounds = [row.get(column, math.nan) for column in BOUNDS]
    if all(math.isnan(bound) for bound in bounds):
        return line
    low, high = (_format(-1.0 if math.isnan(bound) else bound) for bound in bounds)
    return f"{line}\\\t{low}\t{high}\n"


def _format(value: float) -> str:
    return np.format_float_positional(value, unique=True, trim="k", min_digits=6)
