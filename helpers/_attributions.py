"""Who made the clips of ESC-10: upstream's README.txt as a table."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from helpers._sources import DataError

COLUMNS = ("filename", "title", "author", "licence", "address")
LICENCES = {"CC0": "CC0", "CC-BY": "CC BY", "CC-Sampling+": "CC Sampling+"}
LINE = re.compile(
    r"- \[(?P<filename>[^\]]+\.ogg)\]:\s+clip derived from (?P<title>.+) "
    r"\((?P<address>https?://\S+/sounds/\d+/)\) by (?P<author>.+) \[(?P<licence>[^\]]+)\]"
)


def read(path: Path) -> pd.DataFrame:
    """Read one row a clip: filename, title, author, licence and address of the source.

    Parameters
    ----------
    path
        README.txt of ESC-10.

    Returns
    -------
    DataFrame
        Text columns, in the order of the file.

    Raises
    ------
    DataError
        When a line that should name a clip cannot be read, names an unknown licence, or a clip
        comes twice.
    """
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.startswith("- ["):
            continue
        found = LINE.fullmatch(line.strip())
        if found is None or found["licence"] not in LICENCES:
            raise DataError(
                f"{path}, line {number}: not 'clip derived from TITLE (ADDRESS) by AUTHOR "
                f"[LICENCE]' with a known licence, but {line!r}: delete the file and load again"
            )
        rows.append(found.groupdict() | {"licence": LICENCES[found["licence"]]})
    table = pd.DataFrame(rows, columns=COLUMNS)
    twice = table["filename"][table["filename"].duplicated()]
    if len(twice):
        raise DataError(f"{path}: {twice.iloc[0]} is named twice: delete the file and load again")
    return table
