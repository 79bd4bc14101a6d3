"""Machine sounds of the DCASE challenges 2020 and 2021, task 2, one kind of machine at a time.

A kind is over a gigabyte, so it is one archive that is fetched and unpacked when it is first
asked for. Everything known of a clip is in its name and folder, in two layouts; a folder of your
own in one of them is read in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from helpers import _archives, _download, _esc10, _zenodo, audio, store
from helpers._sources import ARCHIVES, DataError, DataMissing, Entry, manifest


@dataclass(frozen=True)
class Layout:
    """How an edition names things.

    Parameters
    ----------
    kinds
        Machines, one archive each.
    record
        Number of the record on Zenodo.
    folders
        Folder to the split and the domain of all clips in it; None where the name tells.
    name
        What a file's name says.
    example
        Such a name, for messages.
    note
        Who made it and under which licence.
    """

    kinds: tuple[str, ...]
    record: int
    folders: dict[str, tuple[str, str | None]]
    name: re.Pattern
    example: str
    note: str


LAYOUTS = {
    "dcase2020": Layout(
        kinds=("fan", "pump", "slider", "valve", "ToyCar", "ToyConveyor"),
        record=3678171,
        folders={"train": ("train", "source"), "test": ("test", "source")},
        name=re.compile(r"(?P<label>normal|anomaly)_(?P<machine>id_\d+)_(?P<number>\d+)\.wav"),
        example="normal_id_00_00000000.wav",
        note="DCASE 2020 task 2, development set (Koizumi et al. 2020; MIMII and ToyADMOS), "
        "CC BY-NC-SA 4.0: non-commercial use only.",
    ),
    "dcase2021": Layout(
        kinds=("fan", "gearbox", "pump", "slider", "valve", "ToyCar", "ToyTrain"),
        record=4562016,
        folders={
            "train": ("train", None),
            "source_test": ("test", "source"),
            "target_test": ("test", "target"),
        },
        name=re.compile(
            r"(?P<machine>section_\d+)_(?P<domain>source|target)_(?P<split>train|test)_"
            r"(?P<label>normal|anomaly)_(?P<number>\d+)(?:_(?P<attributes>.*))?\.wav"
        ),
        example="section_00_source_train_normal_0000_strength_1.wav",
        note="DCASE 2021 task 2, development set (Kawaguchi et al. 2021; MIMII DUE and "
        "ToyADMOS2); the record on Zenodo states its licence.",
    ),
}
NAMES = tuple(f"{edition}/{kind}" for edition in LAYOUTS for kind in LAYOUTS[edition].kinds)


def loader(name: str) -> Callable[[], dict]:
    """Return what makes the fields of the dataset of this name.

    Raises
    ------
    DataError
        When there is no such edition or no such kind of machine in it.
    """
    if name not in NAMES:
        raise DataError(f"no dataset {name!r}: choose from {', '.join(NAMES)}")
    return partial(clips, name)


def clips(name: str, *, folder: Path | None = None) -> dict:
    """Read the clips of one kind of machine: the fields of a Dataset but for its name.

    Parameters
    ----------
    name
        Such as ``"dcase2020/fan"``.
    folder
        Where the data lies: the folder with ``train``, or the one above it; the cache, then the
        mirror, then the network when left out.
    """
    edition, kind = name.split("/")
    layout = LAYOUTS[edition]
    own = folder is not None
    home = _home(folder, edition, kind) if own else _found(edition, kind)
    files = _files(home, layout)
    made = "a folder of your own" if own else f"https://zenodo.org/records/{layout.record}"
    note = f"A folder of your own in the layout of {edition}." if own else layout.note
    rows = [_row(path, kind, layout) | {"provenance": made} for path in files]
    recordings = pd.DataFrame(rows).sort_values("filename", ignore_index=True)
    return {
        "recordings": recordings,
        "events": _esc10.no_events(),
        "folder": home.parent,
        "label": None,
        "synthetic": False,
        "note": f"{note} The split is the folder's. A group is a clip: nothing names the session, "
        "so clips of one session may be on both sides of any other split. Of a file with several "
        "channels the first is read.",
        "paths": {_filename(path, kind): path for path in files},
        "channel": 0,
    }


def _home(folder: Path, edition: str, kind: str) -> Path:
    """Return the folder of the kind, in a folder that somebody named."""
    for home in (folder, folder / kind):
        if _holds_any(home, edition):
            return home
    wanted = "/ or ".join(LAYOUTS[edition].folders)
    raise DataMissing(
        f"{folder}: no folder {wanted}/ in it, nor in {folder / kind}: name the folder that has "
        f"them, laid out as in {edition}"
    )


def _holds_any(home: Path, edition: str) -> bool:
    return any((home / name).is_dir() for name in LAYOUTS[edition].folders)


def _found(edition: str, kind: str) -> Path:
    """Return the folder of the kind: in the cache, else in the mirror, else from the network."""
    cached = store.data_folder() / edition / kind
    mirror = _download.mirror_folder()
    for home in [cached] + ([mirror / edition / kind] if mirror is not None else []):
        if _holds_any(home, edition):
            return home
    try:
        return _fetched(edition, kind, cached)
    except DataMissing as error:
        raise DataMissing(
            f"{error}\nOr call from_folder('{edition}/{kind}', ...) with a folder of your own in "
            "this layout."
        ) from error


def _fetched(edition: str, kind: str, target: Path) -> Path:
    """Fetch the archive of a kind and unpack it, or say how else to get it."""
    source = ARCHIVES[edition]
    unknown = Entry(f"dev_data_{kind}.zip", None, "", "", "")
    if store.offline():
        listed = manifest(edition).get(unknown.path) if edition == "dcase2020" else None
        reason = "HEARING_OFFLINE=1 forbids the network"
        raise DataMissing(_download.how_to_get(source, [listed or unknown], reason))
    entry = _entry(edition, unknown)
    return _archives.unpacked(source, entry, target)


def _entry(edition: str, unknown: Entry) -> Entry:
    """Return size and MD5 sum of an archive: from the manifest, else from the record itself."""
    source = ARCHIVES[edition]
    if edition == "dcase2020":
        entries = manifest(edition)
    else:
        record = source.base.removesuffix("/files").replace("/records/", "/api/records/")
        beside = store.data_folder() / edition / "record.json"
        try:
            entries = _zenodo.entries(record, beside)
        except DataMissing as error:
            raise DataMissing(_download.how_to_get(source, [unknown], str(error))) from error
    if unknown.path not in entries:
        raise DataError(
            f"{edition}: nobody noted the MD5 sum of {unknown.path}: restore "
            f"data/manifests/{edition}.csv, or delete record.json in the cache, and load again"
        )
    return entries[unknown.path]


def _files(home: Path, layout: Layout) -> list[Path]:
    """Return the sound files of a kind, by folder and name."""
    files = [
        path
        for name in layout.folders
        for path in sorted((home / name).glob("*"))
        if path.suffix.lower() == ".wav" and not path.name.startswith(".")
    ]
    if not files:
        raise DataMissing(
            f"{home}: no sound in {', '.join(layout.folders)}: put files such as {layout.example} "
            "there, or delete the folder and load again"
        )
    return files


def _filename(path: Path, kind: str) -> str:
    return f"{kind}/{path.parent.name}/{path.name}"


def _row(path: Path, kind: str, layout: Layout) -> dict:
    """Return the row of one clip, from its folder and its name, which must agree."""
    split, domain = layout.folders[path.parent.name]
    parts = layout.name.fullmatch(path.name)
    if parts is None:
        raise DataError(f"{path}: not named like {layout.example}: rename it, or take it away")
    named = parts.groupdict()
    said = (named.get("split", split), named.get("domain", domain))
    if said[0] != split or domain not in (None, said[1]):
        raise DataError(
            f"{path}: {said[1]} and {said[0]} by its name, and it lies in {path.parent.name}/: "
            "move it to the folder that its name tells"
        )
    row = {
        "filename": _filename(path, kind),
        "duration": audio.duration(path),
        "machine_type": kind,
        "machine": named["machine"],
        "split": split,
        "label": named["label"],
        "domain": said[1],
        "group": f"{kind}-{path.parent.name}-{path.stem}",
        "number": int(named["number"]),
    }
    return row | ({"attributes": named["attributes"] or ""} if "attributes" in named else {})
