"""Write data/attributions-esc10.csv: who made each clip of ESC-10, and under which licence.

python tools/attributions.py    reads README.txt of ESC-10 from the cache, the mirror or the network
"""

from __future__ import annotations

import sys
from pathlib import Path

from helpers import _attributions, _download
from helpers._sources import SOURCES, DataError, manifest

TABLE = Path(__file__).resolve().parents[1] / "data" / "attributions-esc10.csv"


def text() -> str:
    """Return the table as upstream's README.txt has it, sorted by filename."""
    entry = manifest("esc10")["README.txt"]
    path = _download.fetch(SOURCES["esc10"], [entry])[entry.path]
    table = _attributions.read(path).sort_values("filename")
    return table.to_csv(index=False, lineterminator="\n")


def main() -> None:
    """Write the table."""
    try:
        TABLE.write_text(text(), encoding="utf-8", newline="\n")
    except DataError as error:
        sys.exit(str(error))
    print(f"{TABLE.relative_to(TABLE.parents[1])}: written")


if __name__ == "__main__":
    main()
