"""A few clips of MIMII to listen to, normal and not; :mod:`helpers.datasets` calls this."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from helpers import _download, _esc10, audio
from helpers._sources import SOURCES, DataError, DataMissing, Entry, manifest

NAME = re.compile(r"(?P<kind>fan|pump|slider|valve)_(?P<label>normal|abnormal)\.wav")
LABELS = {"normal": "normal", "abnormal": "anomaly"}


def mimii_samples() -> dict:
    """Read the clips that can be had; part of them is enough to listen to."""
    source = SOURCES["mimii-samples"]
    entries = list(manifest(source.name).values())
    paths, absent = _at_hand(entries)
    rows = [_row(path, paths[path], source.address(path)) for path in sorted(paths)]
    gone = f" Not here: {', '.join(absent)}." if absent else ""
    return {
        "recordings": pd.DataFrame(rows),
        "events": _esc10.no_events(),
        "folder": next(iter(paths.values())).parent,
        "label": None,
        "synthetic": False,
        "note": "MIMII (Purohit et al. 2019), CC BY-SA 4.0: one clip of a kind and label, to "
        "listen to and too few to score. Recorded with eight microphones, of which the first is "
        f"read; which machine it was and how loud the background is, nobody noted.{gone}",
        "paths": paths,
        "channel": 0,
    }


def _at_hand(entries: list[Entry]) -> tuple[dict[str, Path], list[str]]:
    """Return the paths of the clips, and the names of those that cannot be had."""
    try:
        return _download.fetch(SOURCES["mimii-samples"], entries), []
    except DataMissing:
        found, missing = _download.at_hand(SOURCES["mimii-samples"], entries)
        if not found:
            raise
        return found, [entry.path for entry in missing]


def _row(filename: str, path: Path, address: str) -> dict:
    parts = NAME.fullmatch(filename)
    if parts is None:
        raise DataError(
            f"{filename}: not named like fan_normal.wav: restore data/manifests/mimii-samples.csv"
        )
    return {
        "filename": filename,
        "duration": audio.duration(path),
        "machine_type": parts["kind"],
        "machine": "unknown",
        "split": "test",
        "label": LABELS[parts["label"]],
        "domain": "source",
        "group": path.stem,
        "provenance": address,
    }
