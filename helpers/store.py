"""Things that take time to make, kept in a folder and found again by what they depend on.

An artefact is a file or a folder whose name holds a hash of its configuration: the same
configuration finds it, another one makes another. It is made under a temporary name and moved
when whole, and a lock lets one process make it while the others wait, so that two notebooks may
ask for the same thing at the same time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

WAIT_SECONDS = 900.0


class StoreError(RuntimeError):
    """The store cannot be used as it is set up; the message says how to mend that."""


def data_folder() -> Path:
    """Folder of everything fetched or made: ``HEARING_DATA``, else ``data/cache``.

    ``data/cache`` lies in the checkout that this module was imported from, or, where the package
    was installed without its repository, in the working directory.

    Raises
    ------
    StoreError
        When ``HEARING_DATA`` is a relative path: each notebook runs in its own working
        directory, so one relative path would mean several folders.
    """
    chosen = folder_from_environment("HEARING_DATA")
    if chosen is None:
        root = Path(__file__).resolve().parents[1]
        chosen = (root if (root / "data" / "manifests").is_dir() else Path.cwd()) / "data" / "cache"
    chosen.mkdir(parents=True, exist_ok=True)
    return chosen


def folder_from_environment(name: str) -> Path | None:
    """Path that the environment variable ``name`` holds; None where it is not set or empty."""
    value = os.environ.get(name, "")
    if not value:
        return None
    path = Path(value).expanduser()
    if not path.is_absolute():
        raise StoreError(
            f"{name}={value!r} is a relative path, and notebooks and tests run in different "
            f"folders, so it would mean several places: set it to {str(path.absolute())!r}"
        )
    return path


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def offline() -> bool:
    """Whether the environment forbids the network: ``HEARING_OFFLINE=1``."""
    return os.environ.get("HEARING_OFFLINE", "") not in ("", "0")


def key(config: dict) -> str:
    """Short name of a configuration: 12 hexadecimal digits of the SHA-256 of its JSON.

    The order of the keys does not matter. Dataclasses, paths, tuples and numbers of NumPy are
    written as their plain counterparts.

    Raises
    ------
    TypeError
        When a value has no stable text, for instance a function or a set.
    """
    text = json.dumps(config, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return value.as_posix()
    raise TypeError(f"{type(value).__name__} in a configuration: give numbers, text or lists")


def artefact(kind: str, config: dict, make: Callable[[Path], None], *, suffix: str = "") -> Path:
    """Path of the artefact of this kind and configuration, made first if it is not there.

    Parameters
    ----------
    kind
        What it is; the name of its folder in the store.
    config
        Everything that the content depends on, the version of the code that makes it included.
    make
        Called with a path that does not exist yet; must create a file or a folder there.
    suffix
        Ending of the name, for instance ``".npz"``.

    Returns
    -------
    Path
        ``<data_folder()>/<kind>/<key(config)><suffix>``, whole. Beside it lies a ``.json`` file
        with the configuration, for people.

    Raises
    ------
    StoreError
        When another process has held the lock for longer than 15 minutes, or ``make`` made
        nothing. Whatever ``make`` raises, an interrupt and a full disk included, is passed on,
        and nothing is left under the final name.
    """
    folder = data_folder() / kind
    target = folder / f"{key(config)}{suffix}"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f".{target.name}.lock")
    try:
        with lock.acquire(timeout=WAIT_SECONDS):
            if not target.exists():
                _make(target, config, make)
    except Timeout as error:
        raise StoreError(
            f"{target}: another process has been making it for {WAIT_SECONDS / 60:.0f} minutes: "
            f"wait for it, or end it and delete {lock.lock_file}"
        ) from error
    return target


def _make(target: Path, config: dict, make: Callable[[Path], None]) -> None:
    """Make under a temporary name beside the target, then move. The lock is ours."""
    for left in target.parent.glob(f".{target.name}.*.tmp"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    room = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
    try:
        draft = room / target.name
        make(draft)
        if not draft.exists():
            raise StoreError(f"{target}: make() created nothing at the path that it was given")
        note = room / "config.json"
        note.write_text(json.dumps(config, sort_keys=True, indent=1, default=_plain) + "\n")
        os.replace(note, target.parent / f"{target.name}.json")
        os.replace(draft, target)
    finally:
        shutil.rmtree(room, ignore_errors=True)
