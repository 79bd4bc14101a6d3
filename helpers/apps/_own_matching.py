"""Which files of a folder are sound, which are labels, and which label file belongs to which sound.

Names are compared without regard to the case of letters and to how an accent is written, since
one folder travels between systems that disagree about both.
"""

from __future__ import annotations

import difflib
import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from helpers.apps import _own_labels
from helpers.apps._own_findings import OwnError, counted, named

BY_LIBSNDFILE = "wav flac ogg oga opus mp3 aif aiff aifc au snd caf w64 rf64 voc sd2 nist".split()
BY_PYAV = "m4a mp4 aac webm mka mkv mov wma 3gp amr".split()
SOUND = {f".{name}" for name in (*BY_LIBSNDFILE, *BY_PYAV)}
LABEL_FOLDERS = {"labels", "annotations"}


@dataclass
class Files:
    """What lies in a folder, as paths relative to it, with ``/``, sorted."""

    sounds: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    others: int = 0


@dataclass
class Matches:
    """Label files by recording, tables over several recordings, and what fits nowhere."""

    own: dict[str, str] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def find(folder: Path) -> Files:
    """List the files of a folder and below; hidden ones are left out.

    Raises
    ------
    OwnError
        When there is no such folder, or no sound in it.
    """
    if not folder.is_dir():
        what = "a file, not a folder" if folder.exists() else "there is no such folder"
        raise OwnError(folder, [f"{what}: name the folder that holds the recordings"])
    found = Files()
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if not n.startswith(".") and n != "__MACOSX")
        for name in names:
            if not name.startswith("."):
                _sort_in(found, (Path(place) / name).relative_to(folder).as_posix())
    if not found.sounds:
        raise OwnError(folder, [_no_sound(found)])
    for paths in (found.sounds, found.texts, found.foreign):
        paths.sort()
    return found


def _sort_in(found: Files, path: str) -> None:
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in SOUND:
        found.sounds.append(path)
    elif suffix in _own_labels.SUFFIXES:
        found.texts.append(path)
    elif suffix in _own_labels.FOREIGN:
        found.foreign.append(path)
    else:
        found.others += 1


def _no_sound(found: Files) -> str:
    kinds = ", ".join(BY_LIBSNDFILE[:4])
    n_files = len(found.texts) + len(found.foreign) + found.others
    if not n_files:
        return "the folder is empty: put recordings and their label files into it"
    return f"no sound among {counted(n_files, 'file')}: put the recordings there ({kinds}, ...)"


def match(folder: Path, found: Files, *, skip: Iterable[str] = ()) -> Matches:
    """Say which recording each label file belongs to.

    A label file has the name of its recording and lies beside it, or in a folder called labels
    that stands beside the recordings or beside their folder.

    Parameters
    ----------
    folder
        The root.
    found
        What lies in it.
    skip
        Texts that are something else, for instance the table of groups.
    """
    result = Matches()
    by_name = index_of(found.sounds)
    claims: dict[str, list[str]] = {}
    for text in found.texts:
        if text in set(skip):
            continue
        name = PurePosixPath(text).name
        same = by_name.get(_key(_own_labels.stem(name)), [])
        sounds = _nearby(text, same)
        if len(sounds) > 1:
            both = " and ".join(sounds)
            result.problems.append(f"{both} both claim {text}: keep one of them, or rename one")
        elif sounds:
            claims.setdefault(sounds[0], []).append(text)
        else:
            _without_sound(folder, text, same, result)
    for sound, texts in claims.items():
        result.own[sound] = texts[0]
        if len(texts) > 1:
            files = f"{len(texts)} label files ({named(texts)})"
            result.problems.append(f"{sound} has {files}: keep one, or join them")
    return result


def _without_sound(folder: Path, text: str, same: list[str], result: Matches) -> None:
    """Sort in a text that no recording is named after: a table, lost labels, or no labels."""
    kind = _own_labels.kind(folder / text)
    if kind is None:
        result.ignored.append(text)
    elif _own_labels.names_recordings(folder / text, kind):
        result.tables.append(text)
    else:
        name = _own_labels.stem(PurePosixPath(text).name)
        there = f", only {named(same)}: put them side by side" if same else ""
        remedy = there or ": add the recording, rename the label file like it, or move it away"
        result.problems.append(f"{text} holds labels and there is no recording {name!r}{remedy}")


def _nearby(text: str, sounds: list[str]) -> list[str]:
    """Return the recordings of a name that lie where a label file expects its own."""
    place = PurePosixPath(text).parent
    beside = [sound for sound in sounds if PurePosixPath(sound).parent == place]
    parts = [part.casefold() for part in place.parts]
    at = next((i for i in reversed(range(len(parts))) if parts[i] in LABEL_FOLDERS), None)
    if beside or at is None:
        return beside
    above, below = place.parts[:at], place.parts[at + 1 :]
    under = [sound for sound in sounds if PurePosixPath(sound).parts[: len(above)] == above]
    same = [sound for sound in under if PurePosixPath(sound).parent.parts[-len(below) :] == below]
    return (same if below else []) or under


def resolve(name: str, index: dict[str, list[str]]) -> list[str]:
    """Return the recordings that a name in a table may mean: by path, name, or stem."""
    wanted = PurePosixPath(name.replace("\\", "/"))
    for key in (wanted.as_posix(), wanted.name, wanted.stem):
        if index.get(_key(key)):
            return index[_key(key)]
    return []


def index_of(sounds: list[str]) -> dict[str, list[str]]:
    """Map everything that a table may call a recording to the recordings."""
    result: dict[str, list[str]] = {}
    for sound in sounds:
        path = PurePosixPath(sound)
        for key in {_key(sound), _key(path.name), _key(path.stem)}:
            result.setdefault(key, []).append(sound)
    return result


def nearest(name: str, known: Iterable[str], *, n: int = 3) -> list[str]:
    """Return the names most like one that is not known, the nearest first."""
    return difflib.get_close_matches(name, list(known), n=n, cutoff=0.5)


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
