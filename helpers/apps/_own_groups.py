"""Which recordings belong together: each by itself, by folder, by a table, or by a function."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from helpers.apps import _own_matching
from helpers.apps._own_findings import counted, named


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
            f"group='folder', and {counted(len(loose), 'recording')} lie in no folder below the "
            f"root: {named(loose)}; put them into one, or use group='recording'"
        )
    return {name: name.split("/")[0] for name in names}


def _of_table(path: Path, names: list[str], problems: list[str]) -> dict[str, str]:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        problems.append(
            f"group={str(path)!r}: cannot be read as a CSV file ({error}); mend the path"
        )
        return {}
    lacking = [name for name in ("filename", "group") if name not in table]
    if lacking:
        problems.append(f"{path}: no column {lacking[0]!r} among {list(table)}; add it")
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
