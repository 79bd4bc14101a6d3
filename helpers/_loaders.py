"""How each dataset is put together; :func:`helpers.datasets.load` calls these.

Every loader returns the fields of :class:`helpers.datasets.Dataset` but for its name.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from helpers import _backgrounds, _download, audio, labels, store
from helpers._sources import SOURCES, DataError, DataMissing, manifest

TEST_SHARE = 0.3
AIRLOCK_SECONDS = 60.0


def brewery(*, name: str) -> dict:
    """Make the synthetic airlocks, once for each state of the generator."""
    return _generated("brewery", name) | {
        "label": "p",
        "note": "Synthetic airlocks with exact truth; a group is a brew. 'p' is a plop, 'n' a "
        "sound that is easily taken for one.",
    }


def everyday() -> dict:
    """Make the synthetic clips of ten everyday sounds, once for each state of the generator."""
    return _generated("everyday", "everyday") | {
        "label": None,
        "note": "Synthetic clips of ten everyday sounds, five folds by source: made for machines "
        "without the real ones, and no stand-in for their variety.",
    }


def _generated(module: str, name: str) -> dict:
    """Fields of a data set that a module of ``helpers.synth`` makes."""
    generator = importlib.import_module(f"helpers.synth.{module}")
    options = generator.SETS[name]

    def make(folder: Path) -> None:
        folder.mkdir()
        recordings, events = generator.generate(folder, **options)
        recordings.to_csv(folder / "recordings.csv", index=False)
        events.to_csv(folder / "events.csv", index=False)

    folder = store.artefact(name, options | {"code": _synth_code(module)}, make)
    return {
        "recordings": _table(folder / "recordings.csv"),
        "events": _table(folder / "events.csv"),
        "folder": folder,
        "synthetic": True,
    }


def _table(path: Path) -> pd.DataFrame:
    """Read a table with the types that it was written with."""
    text = {"filename": str, "group": str, "event_label": str}
    return pd.read_csv(path, dtype=text)


def _synth_code(module: str = "brewery") -> str:
    """Hash of the source of a generator and of what it imports beside it."""
    folder = Path(__file__).parent / "synth"
    texts: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in texts and (folder / f"{name}.py").exists():
            texts[name] = (folder / f"{name}.py").read_text(encoding="utf-8")
            waiting += _imported(texts[name])
    return store.key(texts)


def _imported(text: str) -> list[str]:
    """Names of the modules of ``helpers.synth`` that a source text imports."""
    names = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == "helpers.synth":
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module.removeprefix("helpers.synth.")]
    return names


def coughs(*, mini: bool) -> dict:
    """Fetch and read the cough recordings; ``mini`` takes the subset of the manifest."""
    source = SOURCES["coughs"]
    entries = [
        entry
        for entry in manifest("coughs").values()
        if entry.path.startswith(("Data/", "Datasheet")) and (entry.subset or not mini)
    ]
    paths = _download.fetch(source, entries)
    sheet = _datasheet(paths["Datasheet.xlsx"])
    sounds = {PurePosixPath(path).name: paths[path] for path in paths if path.endswith(".wav")}
    rows, tables = [], []
    for filename in sorted(sounds):
        row, events = _cough(filename, sounds[filename], sheet, paths)
        rows.append(row | {"provenance": source.address(f"Data/{filename}")})
        tables.append(events)
    recordings = pd.DataFrame(rows)
    recordings["split"] = recordings["upstream_split"]
    if recordings["split"].nunique() < 2:
        recordings["split"] = share_out(recordings["group"], recordings["cough"])
    return {
        "recordings": recordings,
        "events": pd.concat(tables, ignore_index=True),
        "folder": next(iter(sounds.values())).parent,
        "label": "cough",
        "synthetic": False,
        "note": "Real coughs (Sharan 2023, CC BY 4.0, from COUGHVID). Nothing names the speaker, "
        "so the group is the recording and a speaker may be on both sides of a split."
        + (" Upstream's own test recordings are not in this part; 'split' is ours." * mini),
        "paths": sounds,
    }


def _datasheet(path: Path) -> dict[str, tuple[int, int]]:
    """Read ID to (holds coughs, upstream test recording) from the first sheet."""
    import openpyxl

    try:
        sheet = openpyxl.load_workbook(path, read_only=True).worksheets[0]
        rows = list(sheet.iter_rows(min_row=2, max_col=3, values_only=True))
        return {str(name): (int(cough), int(test)) for name, cough, test in rows if name}
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, OSError) as error:
        raise DataError(
            f"{path}: not the sheet of ID, cough and test that was expected ({error}): "
            "delete it and load again"
        ) from error


def _cough(filename: str, path: Path, sheet: dict, paths: dict) -> tuple[dict, pd.DataFrame]:
    """One recording: its row, and its events."""
    name = PurePosixPath(filename).stem
    if name not in sheet:
        raise DataError(f"{filename}: not in Datasheet.xlsx: delete both and load again")
    cough, test = sheet[name]
    row = {
        "filename": filename,
        "duration": audio.duration(path),
        "group": name,
        "upstream_split": "test" if test else "train",
        "cough": bool(cough),
    }
    events = _no_events()
    if cough:
        label_file = paths[f"Data/{name}.txt"]
        events = labels.read_audacity(
            label_file, duration=row["duration"], empty_label="cough", overlaps="allow"
        )
    return row, _named(events, filename)


def coughs_in_noise(*, mini: bool) -> dict:
    """Mix ESC-10 backgrounds into the coughs, once, in a version for each role."""
    clean = coughs(mini=mini)
    clips = {
        path: entry
        for path, entry in manifest("esc10").items()
        if path.endswith(".ogg") and path not in _backgrounds.EXCLUDED
    }
    recordings = clean["recordings"].rename(columns={"filename": "source"})
    recordings.insert(0, "filename", [_flac(name) for name in recordings["source"]])
    events = clean["events"].assign(filename=[_flac(name) for name in clean["events"]["filename"]])
    for role in ("train", "test"):
        recordings[f"background_{role}"] = [
            _backgrounds.choose(filename, role, clips) for filename in recordings["filename"]
        ]
    recordings["snr_db"] = 0.0
    used = pd.unique(recordings[["background_train", "background_test"]].to_numpy().ravel())
    backgrounds = _download.fetch(SOURCES["esc10"], [clips[path] for path in sorted(used)])
    hashes = _hashes("coughs", "esc10")
    config = {"version": _backgrounds.VERSION, "seed": _backgrounds.SEED, "mini": mini} | hashes

    def make(folder: Path) -> None:
        _backgrounds.render(folder, recordings, events, clean["paths"] | backgrounds)

    note = "ESC-10 backgrounds mixed in at 0 dB: folds 1-3 for role 'train', 4-5 for 'test'."
    folder = store.artefact("coughs-0db", config, make)
    changes = {"recordings": recordings, "events": events, "folder": folder, "paths": {}}
    return clean | changes | {"note": f"{clean['note']} {note}", "roles": True}


def _flac(filename: str) -> str:
    return f"{PurePosixPath(filename).stem}.flac"


def _hashes(*names: str) -> dict[str, str]:
    """Hash of each manifest, which stands for the content of all its files."""
    entries = {name: [repr(entry) for entry in manifest(name).values()] for name in names}
    return {name: store.key({"entries": lines}) for name, lines in entries.items()}


def airlocks() -> dict:
    """Real airlocks: sound that the collector fetched, labels of the talk's author."""
    source = SOURCES["brewing-labels"]
    published = {
        path.rsplit("labels.", 1)[1]: entry for path, entry in manifest(source.name).items()
    }
    folder = store.data_folder() / "airlocks"
    here = sorted(name for name in published if (folder / f"{name}.flac").exists())
    gone = sorted(set(published) - set(here))
    if not here:
        raise DataMissing(_how_to_collect(gone, folder))
    paths = _download.fetch(source, [published[name] for name in here])
    rows, tables = [], []
    for name in here:
        row, events = _airlock(name, folder / f"{name}.flac", paths[published[name].path])
        rows.append(row | {"provenance": f"https://www.youtube.com/watch?v={name}"})
        tables.append(events)
    recordings = pd.DataFrame(rows)
    recordings["split"] = share_out(recordings["group"], ["airlock"] * len(recordings))
    return {
        "recordings": recordings,
        "events": pd.concat(tables, ignore_index=True),
        "folder": folder,
        "label": "p",
        "synthetic": False,
        "note": f"Real airlocks from published videos, first {AIRLOCK_SECONDS:.0f} s; 'split' is "
        "ours." + (f" Not here: {', '.join(gone)}." if gone else ""),
        "limit": AIRLOCK_SECONDS,
    }


def _airlock(name: str, path: Path, label_file: Path) -> tuple[dict, pd.DataFrame]:
    """One video: its row, and its events within the part that is used."""
    length = min(audio.duration(path), AIRLOCK_SECONDS)
    events = labels.read_audacity(label_file, overlaps="allow")
    events = events[events["onset"] < length]
    events = events.assign(offset=np.minimum(events["offset"], length))
    row = {"filename": path.name, "duration": length, "group": name}
    return row, _named(events, path.name)


def _how_to_collect(missing: list[str], folder: Path) -> str:
    return (
        f"airlocks: no sound in {folder}. It belongs to published videos and is not ours to pass "
        "on. Three ways to get it:\n"
        "  1. with a network, run: python -m helpers.apps.collect\n"
        f"  2. put 16 kHz FLAC files named after the video there yourself: {missing[0]}.flac ...\n"
        "  3. set HEARING_DATA to the absolute path of the cache of a machine that has them\n"
        "Or call load('airlocks', fallback='brewery') to go on with synthetic recordings."
    )


def share_out(groups: pd.Series, kinds: pd.Series | list) -> list[str]:
    """Assign "train" or "test" where upstream does not: a fixed share of each kind.

    The order of a hash of the group decides, so that it is the same everywhere.
    """
    table = pd.DataFrame({"group": list(groups), "kind": list(kinds)})
    order = table["group"].map(lambda name: hashlib.sha256(name.encode()).hexdigest())
    rank = order.groupby(table["kind"]).rank(method="dense")
    share = TEST_SHARE * rank.groupby(table["kind"]).transform("max")
    return ["test" if test else "train" for test in rank <= np.round(share)]


def _no_events() -> pd.DataFrame:
    return pd.DataFrame(
        {"onset": np.zeros(0), "offset": np.zeros(0), "event_label": np.zeros(0, dtype=object)}
    )


def _named(events: pd.DataFrame, filename: str) -> pd.DataFrame:
    """Events with the columns that every dataset has, in their order."""
    events = events.assign(filename=filename)
    return events[["filename", "onset", "offset", "event_label"]]
