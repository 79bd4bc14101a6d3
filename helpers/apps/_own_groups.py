"""Which recordings belong together: each by itself, by folder, by a table, or by a function."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from helpers import _label_files
from helpers.apps import _own_labels, _own_matching
from helpers.apps._own_findings import Finding, counted, named


def table_within(folder: Path, group: object) -> list[str]:
    """Return the path of the table of groups within the folder, if that is where it lies."""
    if callable(group) or group in ("recording", "folder"):
        return []
    path = Path(group)
    if not path.resolve().is_relative_to(folder.resolve()):
        return []
    return [path.resolve().relative_to(folder.resolve()).as_posix()]


def groups(
    names: list[str], group: str | os.PathLike | Callable, problems: list[str]
) -> dict[str, str]:
    """Group of each recording."""
    if callable(group):
        found = {name: group(name) for name in names}
        without = [name for name in names if found[name] in (None, "")]
        if without:
            problems.append(f"group gives no name for {named(without)}: let it give one for each")
        return {name: str(found[name]) for name in names}
    if group == "recording":
        return {name: name for name in names}
    if group != "folder":
        return _of_table(Path(group), names, problems)
    loose = [name for name in names if "/" not in name]
    if loose:
        problems.append(
            f"group is 'folder', and {len(loose)} of {counted(len(names), 'recording')} in no "
            f"folder below the root: {named(loose)}; put them into one, or let each recording be a "
            "group"
        )
    return {name: name.split("/")[0] for name in names}


def alone(number: int) -> Finding:
    """Note that nobody said what belongs together."""
    return Finding(
        "note",
        "groups",
        f"No groups were named: each of the {number} recordings counts as one.",
        "Where a person, a day or a place comes back in several recordings, the test has heard it "
        "in training, and the score flatters.",
        "Name them: --group folder, or --group groups.csv with the columns filename and group. "
        "Nothing, if every recording stands alone.",
    )


def _read_table(path: Path) -> pd.DataFrame:
    """Columns filename and group of a table, whatever it calls them; ValueError says what lacks."""
    text = _label_files.decode(path)
    delimiter, names = _own_labels.header(next(iter(text.splitlines()), ""))
    files = _own_labels.position(names, _own_labels.FILENAME)
    rest = [index for index in range(len(names)) if index != files]
    group = names.index("group") if "group" in names else rest[0] if len(rest) == 1 else None
    if files is None or group is None:
        lacking = "filename" if files is None else "group"
        raise ValueError(f"no column {lacking!r} among {names}; add it")
    table = pd.read_csv(
        io.StringIO(text), sep=delimiter, header=0, dtype=str, keep_default_na=False
    )
    return pd.DataFrame({"filename": table.iloc[:, files], "group": table.iloc[:, group]})


def _of_table(path: Path, names: list[str], problems: list[str]) -> dict[str, str]:
    if not path.is_file():
        problems.append(
            f"group is {str(path)!r}: say recording, folder, or the path of a table with the "
            "columns filename and group; there is no such file"
        )
        return {}
    try:
        table = _read_table(path)
    except ValueError as error:
        problems.append(f"{path}: {error}")
        return {}
    index = _own_matching.index_of(names)
    groups: dict[str, str] = {}
    for name, group in zip(table["filename"], table["group"], strict=True):
        for meant in _own_matching.resolve(name, index):
            if groups.setdefault(meant, group) != group:
                problems.append(f"{path}: {meant} is in groups {groups[meant]!r} and {group!r}")
    without = [name for name in names if not groups.get(name)]
    if without:
        problems.append(
            f"{path}: no group for {counted(len(without), 'recording')}: "
            f"{named(without)}; add a row for each"
        )
    return groups
