"""Put ESC-10 together, real clips of ten classes; :mod:`helpers.datasets` calls this."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pandas as pd

from helpers import _attributions, _backgrounds, _download, audio
from helpers._sources import SOURCES, DataError, manifest

NAME = re.compile(r"(?P<fold>\d)-(?P<source>\d+)-[A-Z]\.ogg")
EVENTS = {"filename": str, "onset": float, "offset": float, "event_label": str}


def esc10() -> dict:
    """Fetch and read the clips of ESC-10, with their authors."""
    source = SOURCES["esc10"]
    entries = [
        entry
        for entry in manifest("esc10").values()
        if entry.path.endswith(".ogg") or entry.path == "README.txt"
    ]
    paths = _download.fetch(source, entries)
    if "README.txt" not in paths:
        raise DataError("data/manifests/esc10.csv: names no README.txt: restore the file")
    authors = _attributions.read(paths.pop("README.txt")).set_index("filename")
    rows = [_clip(path, paths[path], source.address(path), authors) for path in sorted(paths)]
    recordings = pd.DataFrame(rows).sort_values("filename", ignore_index=True)
    twice = recordings["filename"][recordings["filename"].duplicated()]
    if len(twice):
        raise DataError(f"data/manifests/esc10.csv: {twice.iloc[0]} comes twice: restore the file")
    return {
        "recordings": recordings,
        "events": no_events(),
        "folder": next(iter(paths.values())).parents[1],
        "label": None,
        "synthetic": False,
        "note": "ESC-10 (Piczak 2015, CC BY 3.0), upstream's five folds; a group is a recording "
        "on Freesound. Clips whose 'shown' is False (CC Sampling+) are neither drawn nor played.",
        "paths": {PurePosixPath(path).name: file for path, file in paths.items()},
    }


def _clip(path: str, file: Path, address: str, authors: pd.DataFrame) -> dict:
    """Return the row of one clip: its class from its folder, its fold and source from its name."""
    folder, filename = PurePosixPath(path).parts
    parts = NAME.fullmatch(filename)
    if parts is None:
        raise DataError(f"{path}: not named FOLD-SOURCE-TAKE.ogg: restore data/manifests/esc10.csv")
    if filename not in authors.index:
        raise DataError(f"{filename}: not in README.txt of ESC-10: delete both and load again")
    author = authors.loc[filename]
    return {
        "filename": filename,
        "duration": audio.duration(file),
        "label": folder.split(" - ")[1].lower().replace(" ", "_"),
        "group": parts["source"],
        "fold": int(parts["fold"]),
        "provenance": address,
        "title": author["title"],
        "author": author["author"],
        "licence": author["licence"],
        "source": author["address"],
        "shown": path not in _backgrounds.EXCLUDED,
    }


def no_events() -> pd.DataFrame:
    """Return a table of events without a row, for clips whose events nobody marked."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in EVENTS.items()})
