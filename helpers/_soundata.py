"""ESC-50 and UrbanSound8K, read through soundata from a folder laid out as upstream.

Both are large and for non-commercial use, so nothing here downloads them: whoever may use them
fetches them with soundata. Each file that is used is compared with the MD5 sum in soundata's
index.
"""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from helpers import _download, _esc10, audio, store
from helpers._sources import DataError, DataMissing

INDEX = "['index']"
SALIENCE = {1: "foreground", 2: "background"}


@dataclass(frozen=True)
class Layout:
    """What to know about one of the two before anything is read."""

    metadata: str
    size: str
    note: str


LAYOUTS = {
    "esc50": Layout(
        "meta/esc50.csv",
        "0.6 GB",
        "ESC-50 (Piczak 2015), CC BY-NC 3.0: non-commercial use only. Upstream's five folds; a "
        "group is a recording on Freesound.",
    ),
    "urbansound8k": Layout(
        "metadata/UrbanSound8K.csv",
        "6 GB",
        "UrbanSound8K (Salamon, Jacoby and Bello 2014), CC BY-NC 3.0: non-commercial use only. "
        "Upstream's ten folds, never to be shuffled; a group is a recording on Freesound.",
    ),
}


def clips(name: str, *, folder: Path | None = None, index: Path | None = None) -> dict:
    """Read the clips that are at hand: the fields of a Dataset but for its name.

    Parameters
    ----------
    name
        ``"esc50"`` or ``"urbansound8k"``.
    folder
        Where the data lies; the cache, then the mirror, when left out.
    index
        An index of your own; soundata's official one when left out.
    """
    layout = LAYOUTS[name]
    folder = _found(name) if folder is None else folder
    if not (folder / layout.metadata).is_file():
        raise DataMissing(_how_to_get(name, f"{folder / layout.metadata} is not there"))
    dataset = _initialized(name, folder)
    dataset.index_path = str(_index(dataset, name, folder, index))
    paths, absent = _checked(dataset, name)
    rows = [_row(name, dataset.clip(clip), path) for clip, path in paths.items()]
    missing = f" {absent} of {absent + len(rows)} clips are not in {folder}." if absent else ""
    return {
        "recordings": pd.DataFrame(rows).sort_values("filename", ignore_index=True),
        "events": _esc10.no_events(),
        "folder": folder,
        "label": None,
        "synthetic": False,
        "note": layout.note + missing,
        "paths": {path.name: path for path in paths.values()},
    }


def _found(name: str) -> Path:
    """Return the folder of the data: in the cache, else in the mirror."""
    mirror = _download.mirror_folder()
    places = [store.data_folder() / name] + ([mirror / name] if mirror is not None else [])
    for place in places:
        if (place / LAYOUTS[name].metadata).is_file():
            return place
    raise DataMissing(_how_to_get(name, "neither in the cache nor in the mirror"))


def _index(dataset, name: str, folder: Path, given: Path | None) -> Path:
    """Return the index to trust: one that the caller gave, or soundata's own, compared by hash."""
    if given is not None:
        if not given.is_file():
            raise DataMissing(f"{given}: no such index: give the path of a JSON file")
        return given
    from soundata import validate

    remote = dataset._index_data.remote
    for path in (Path(dataset.index_path), folder / remote.filename):
        there, right = validate.validate(path, remote.checksum)
        if there and not right:
            raise DataError(
                f"{path}: not the index that soundata names (MD5 {remote.checksum} expected): "
                f"delete it and run\n     {_line(name, folder, what=INDEX)}"
            )
        if there:
            return path
    raise DataMissing(
        _how_to_get(
            name,
            f"soundata's index {remote.filename}, by which the files in {folder} are checked, is "
            f"not here (with a network, `{_line(name, folder, what=INDEX)}` fetches it alone)",
        )
    )


def _checked(dataset, name: str) -> tuple[dict[str, Path], int]:
    """Return the path of each clip at hand, compared with its MD5 sum, and how many are not.

    Raises
    ------
    DataError
        When a file differs, or the index is none.
    DataMissing
        When no clip is there.
    """
    from soundata import validate

    home = Path(dataset.data_home)
    try:
        index = json.loads(Path(dataset.index_path).read_text(encoding="utf-8"))
        files = {clip: index["clips"][clip]["audio"] for clip in index["clips"]}
        tables = list((index.get("metadata") or {}).values())
        listed = [*files.values(), *tables]
        checked = {path: validate.validate(home / path, md5) for path, md5 in listed}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{dataset.index_path}: no index of {name} in soundata's format "
            f"({type(error).__name__}: {error}): fetch it again, or give another"
        ) from error
    for path, (there, right) in checked.items():
        if there and not right:
            raise DataError(
                f"{home / path}: not the file that soundata's index names (its MD5 sum differs): "
                "it is corrupt or was changed; delete it and fetch it again"
            )
    found = {clip: home / path for clip, (path, _) in files.items() if checked[path][0]}
    if not found:
        raise DataMissing(_how_to_get(name, f"{home} holds none of the {len(files)} clips"))
    return found, len(files) - len(found)


def _row(name: str, clip, path: Path) -> dict:
    """Return the row of one clip, from upstream's table, which must agree with the file's name."""
    table = LAYOUTS[name].metadata
    parts = path.name.split("-")
    try:
        if name == "esc50":
            source, stated = clip.src_file, (int(parts[0]), parts[1])
            more = {"label": clip.category, "esc10": clip.esc10}
        else:
            source, stated = (
                clip.freesound_id,
                (int(path.parent.name.removeprefix("fold")), parts[0]),
            )
            more = {"label": clip.class_label, "salience": SALIENCE.get(clip.salience)}
        fold = clip.fold
    except (ValueError, IndexError) as error:
        raise DataError(f"{table}: not upstream's table ({error}): fetch it again") from error
    if fold is None:  # soundata gives the whole table for a clip that is not in it
        raise DataError(f"{path.name}: not in {table}: fetch that table, or leave the clip out")
    if (fold, source) != stated:
        raise DataError(
            f"{path.name}: fold {fold} and source {source} in {table}, and {stated[0]} and "
            f"{stated[1]} by its name and folder: fetch that table again"
        )
    row = {"filename": path.name, "duration": audio.duration(path), "group": source, "fold": fold}
    return row | more | {"provenance": f"Freesound {source}"}


@contextmanager
def _root_logger_kept():
    """Undo what an import does to the root logger: soundata sets its level and a handler."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    guard = logging.NullHandler()
    root.addHandler(guard)  # with a handler there, logging.basicConfig does nothing
    try:
        yield
    finally:
        root.removeHandler(guard)
        for handler in [one for one in root.handlers if one not in handlers]:
            root.removeHandler(handler)
        root.setLevel(level)


def _initialized(name: str, folder: Path):
    """Return soundata's own object; it is imported here since nothing else needs it."""
    with _root_logger_kept():
        import soundata

        return soundata.initialize(name, data_home=str(folder))


def _line(name: str, folder: Path, *, what: str = "") -> str:
    return (
        f'python -c "import soundata; d = soundata.initialize({name!r}, '
        f'data_home={str(folder)!r}); d.download({what}); d.validate()"'
    )


def _how_to_get(name: str, reason: str) -> str:
    """Name the three ways to get the data, none of which is taken unasked."""
    layout, cache = LAYOUTS[name], store.data_folder() / name
    return (
        f"{name}: {reason}. It is {layout.size} and for non-commercial use (CC BY-NC 3.0), so it "
        "is never fetched unasked. Three ways to get it:\n"
        f"  1. with a network, this line downloads and checks it:\n     {_line(name, cache)}\n"
        f"  2. set HEARING_MIRROR to the absolute path of a folder that holds "
        f"{name}/{layout.metadata} and the rest as upstream, with soundata's index beside it\n"
        f"  3. set HEARING_DATA to the absolute path of the cache of a machine that has it\n"
        f"Or call load({name!r}, fallback='everyday') to go on with synthetic clips."
    )
