"""Which recordings an archive holds, and by what each is known."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

#: What a folder is searched for: what libsndfile reads, and what PyAV decodes.
SUFFIXES = frozenset(
    ".wav .flac .ogg .oga .opus .mp3 .aif .aiff .aifc .au .caf .w64 .rf64 "
    ".m4a .mp4 .aac .wma .amr .3gp .webm .mka .mkv .mov".split()
)


class ArchiveError(ValueError):
    """An archive that cannot be gone through, or its results not kept; the message says why."""


@dataclass(frozen=True)
class Recording:
    """A sound file as it was when the run began.

    Parameters
    ----------
    path : str
        Absolute.
    name : str
        What tables call it: its path below the root, with slashes.
    identity : str
        What it is recognised by: its path, below the root where one was given.
    size, modified : int
        Bytes, and nanoseconds since 1970; -1 where it vanished already.
    """

    path: str
    name: str
    identity: str
    size: int
    modified: int


def find(paths, *, root: str | os.PathLike | None = None) -> list[Recording]:
    """List the recordings that files, folders and globs name, sorted by path, each once.

    Parameters
    ----------
    paths : path, or iterable of paths
        A folder is searched with all its subfolders for files with a suffix of sound; hidden ones
        are left out. A file that is named is taken whatever its suffix.
    root : path, optional
        See :func:`helpers.apps.archive.detect`.

    Raises
    ------
    ArchiveError
        When a name is not there, a folder holds no sound, or a file lies outside `root`.
    """
    named = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not named:
        raise ArchiveError("paths is empty: name files, folders or globs")
    found = sorted({os.path.abspath(path) for one in named for path in _named(one)})
    base = os.path.abspath(root) if root is not None else _common_folder(found)
    return [_recording(path, base, movable=root is not None) for path in found]


def stamp(path: str) -> tuple[int, int]:
    """Size in bytes and time of the last change in nanoseconds; OSError where it is gone."""
    about = os.stat(path)
    return about.st_size, about.st_mtime_ns


def plain(text: str) -> str:
    """Make text of a path that can be written in any table: names need not be UTF-8."""
    return os.fsencode(text).decode("utf-8", "replace")


def _named(one: str | os.PathLike) -> Iterable[str]:
    text = os.path.expanduser(os.fspath(one))
    if os.path.isdir(text):
        return _searched(text) or _refuse(f"{text}: no sound file in this folder or below it")
    if os.path.exists(text):
        return [text]
    if not glob.has_magic(text):
        _refuse(f"{text}: no such file or folder: look at the spelling")
    matches = glob.glob(text, recursive=True)
    found = [path for path in matches if _is_sound(path) and os.path.isfile(path)]
    found += [path for match in matches if os.path.isdir(match) for path in _searched(match)]
    return found or _refuse(f"{text}: no sound file matches this pattern")


def _refuse(message: str):
    raise ArchiveError(message)


def _searched(folder: str) -> list[str]:
    return [path for path in _walk(folder) if _is_sound(path)]


def _walk(folder: str) -> Iterator[str]:
    """Every file below a folder; a subfolder that cannot be listed is an error, not a gap."""

    def failed(error: OSError) -> None:
        raise ArchiveError(f"{error.filename}: cannot be searched ({error.strerror})") from error

    for where, folders, files in os.walk(folder, onerror=failed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.join(where, name) for name in files)


def _is_sound(path: str) -> bool:
    name = os.path.basename(path)
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def _common_folder(paths: list[str]) -> str:
    """Give the deepest folder that holds all of them; none where they lie on several drives."""
    try:
        return os.path.commonpath([os.path.dirname(path) for path in paths])
    except ValueError:
        return ""


def _recording(path: str, base: str, *, movable: bool) -> Recording:
    inside = not base or Path(path).is_relative_to(base)
    if not inside:
        raise ArchiveError(f"{path}: not below root ({base}): name a root that holds all of them")
    name = Path(os.path.relpath(path, base) if base else path).as_posix()
    identity = name if movable else Path(path).as_posix()
    try:
        size, modified = stamp(path)
    except OSError:
        size = modified = -1  # vanished since it was listed: reading it will say so
    return Recording(path, plain(name), plain(identity) + _digest(identity), size, modified)


def _digest(text: str) -> str:
    """Tell names apart that `plain` makes alike."""
    return ":" + hashlib.sha256(os.fsencode(text)).hexdigest()[:12]
