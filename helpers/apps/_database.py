"""The tracker's SQLite file: its tables, who may open it, and what to say when one may not."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

APPLICATION = 0x706C6F70  # "plop"
VERSION = 1
MAGIC = b"SQLite format 3\x00"
TABLES = (
    "CREATE TABLE sessions(id INTEGER PRIMARY KEY, started REAL, ended REAL, source TEXT,"
    " detector TEXT)",
    "CREATE TABLE events(id INTEGER PRIMARY KEY, time REAL, length REAL, score REAL, label TEXT)",
    "CREATE INDEX events_time ON events(time)",
    "CREATE TABLE heard(start INTEGER PRIMARY KEY, seconds REAL)",
    "CREATE TABLE minutes(start INTEGER PRIMARY KEY, count INTEGER, seconds REAL, rate REAL,"
    " low REAL, high REAL, state TEXT)",
    "CREATE TABLE notices(id INTEGER PRIMARY KEY, time REAL, kind TEXT, text TEXT)",
    "CREATE TABLE spool(sink TEXT, start INTEGER, batch TEXT, sent REAL, PRIMARY KEY(sink, start))",
    "CREATE INDEX spool_sent ON spool(sink, sent)",  # finds what is unsent, and the last sent
    "CREATE TABLE picture(id INTEGER PRIMARY KEY CHECK (id = 1), time REAL, frames INTEGER,"
    " bands INTEGER, hop REAL, low REAL, high REAL, fmin REAL, fmax REAL, values_ BLOB)",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
)


class JournalError(RuntimeError):
    """The database cannot be used as it is; the message says what to do."""


class JournalMissing(JournalError):
    """There is no database yet."""


def open_writer(path: Path, *, wait: float) -> sqlite3.Connection:
    """Open a database for writing, and make its tables where it is new.

    Parameters
    ----------
    path
        Its file.
    wait
        Seconds to wait for another program that has locked it.

    Raises
    ------
    JournalError
        When it is not the tracker's, of another version, read-only, locked, or the disk is full.
    """
    with told(path):
        connection = connect(path, "rwc", wait=wait)
        try:
            empty = _is_empty(path, connection)
            if empty:  # small pages: a second's few rows cost a quarter of the usual writing
                connection.execute("PRAGMA page_size = 1024")
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            if mode != "wal":
                raise JournalError(
                    f"{path}: its disk allows no write-ahead log (SQLite chose {mode!r}): "
                    "put the database on a disk of this computer, not on a network share"
                )
            connection.execute(f"PRAGMA journal_size_limit = {4 * 2**20}")
            with transaction(connection, durable=True):
                for statement in TABLES if empty else ():
                    connection.execute(statement)
        except BaseException:
            connection.close()
            raise
    return connection


def open_reader(path: Path, *, wait: float) -> sqlite3.Connection:
    """Open a database that must be there, for reading only.

    Raises
    ------
    JournalMissing
        When there is none yet.
    JournalError
        When it is not the tracker's, or of another version.
    """
    missing = (
        f"{path}: there is no database yet: start the tracker, or name the file that it writes"
    )
    with told(path):
        if not path.exists():
            raise JournalMissing(missing)
        refuse_other_files(path)
        connection = connect(path, "ro", wait=wait)
        try:
            if _is_empty(path, connection):
                raise JournalMissing(missing)
        except sqlite3.OperationalError as error:
            connection.close()
            if error.sqlite_errorname.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
                raise JournalError(
                    f"{path}: no tracker is running, and this user may not write beside it, as "
                    "SQLite must then: start the tracker, or copy the file to read it"
                ) from error
            raise
        except BaseException:
            connection.close()
            raise
    return connection


def connect(path: Path, mode: str, *, wait: float) -> sqlite3.Connection:
    """Connect in SQLite's mode ``ro``, ``rw`` or ``rwc``; transactions are begun by hand."""
    address = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(
        address, uri=True, timeout=wait, isolation_level=None, check_same_thread=False
    )


@contextmanager
def transaction(connection: sqlite3.Connection, *, durable: bool = False) -> Iterator[None]:
    """Do what the block does whole or not at all.

    A killed process loses nothing that was committed. A power cut may take the last commits with
    it, unless one after them was ``durable``: that one waits for the disk, which would wear out
    a memory card if it were done every second.
    """
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # a full disk may have rolled it back already
            connection.execute("ROLLBACK")
        raise


def refuse_other_files(path: Path) -> None:
    """Look at a file before SQLite does.

    Raises
    ------
    JournalError
        When the folder is missing, or the file cannot be a database of SQLite.
    """
    if not path.parent.is_dir():
        raise JournalError(f"{path}: the folder {path.parent} is missing: make it first")
    if not path.exists():
        return
    if not path.is_file():
        raise JournalError(f"{path}: is no file: name a file for the database")
    with open(path, "rb") as file:
        start = file.read(len(MAGIC))
    if start and start != MAGIC:
        raise JournalError(
            f"{path}: is not a database of SQLite: it is left alone, name another file"
        )


def refuse_read_only(path: Path) -> None:
    """Raise where a file or its folder may not be written.

    Raises
    ------
    JournalError
    """
    for place in (path.parent, path):
        if place.exists() and not os.access(place, os.W_OK):
            raise JournalError(
                f"{place}: read-only for this user: name another place, or change who may "
                "write there (SQLite writes the file and two more beside it)"
            )


def _is_empty(path: Path, connection: sqlite3.Connection) -> bool:
    """Whether the database has no table yet; raises where it is not the tracker's."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if (application, version, tables) == (0, 0, 0):
        return True
    if application != APPLICATION:
        raise JournalError(
            f"{path}: is another application's database (application_id {application:#x}, the "
            f"tracker's is {APPLICATION:#x}): it is left alone, name another file"
        )
    if version != VERSION:
        age = "newer" if version > VERSION else "older"
        raise JournalError(
            f"{path}: was written by {age} software (version {version}, this one writes "
            f"{VERSION}): use the software that wrote it, or name a new file"
        )
    return False


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and of the file system into errors that say what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise JournalError(f"{path}: {explained(error)}") from error
    except OSError as error:
        raise JournalError(
            f"{path}: cannot be used ({error.strerror}): check who may use it and its folder"
        ) from error


def explained(error: sqlite3.Error) -> str:
    """Say what was found and what to do about an error of SQLite."""
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    remedies = {
        "SQLITE_BUSY": "locked by another program: close what has it open for writing",
        "SQLITE_LOCKED": "locked by another program: close what has it open for writing",
        "SQLITE_READONLY": "read-only: change who may write the file and its folder",
        "SQLITE_FULL": "the disk is full: make room",
        "SQLITE_IOERR": "the disk cannot be read or written: make room, or replace it",
        "SQLITE_CANTOPEN": "cannot be opened: check who may use the file and write its folder",
        "SQLITE_NOTADB": "not a database of SQLite: name another file",
        "SQLITE_CORRUPT": "damaged: move it away, then a new one is begun",
    }
    for start, remedy in remedies.items():
        if name.startswith(start):
            return f"{remedy} ({error})"
    return f"{error} ({name})"


class TrackerLock:
    """A lock file beside the database, held while a tracker runs; a kill lets it go.

    Parameters
    ----------
    path
        The database.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + ".lock")
        self._held = None

    def acquire(self) -> None:
        """Take it at once.

        Raises
        ------
        JournalError
            When another tracker holds it, or the file cannot be made.
        """
        try:
            file = open(self.path, "a+", encoding="ascii")  # noqa: SIM115
        except OSError as error:
            raise JournalError(
                f"{self.path}: cannot be written ({error.strerror}): it must lie beside the "
                "database, so name another place or change who may write there"
            ) from error
        if not _locked(file):
            file.seek(0)
            holder = file.read(20).strip() or "unknown"
            file.close()
            raise JournalError(
                f"{self.path}: another tracker writes this database (process {holder}): "
                "stop that one, or name another file"
            )
        self._held = file
        with suppress(OSError):  # the number only serves the message above; a disk may be full
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()

    def release(self) -> None:
        """Let go; the file stays, since removing it would race with the next tracker."""
        if self._held is not None:
            with suppress(OSError):
                self._held.close()
            self._held = None


def _locked(file) -> bool:
    """Try to lock an open file for as long as it is open."""
    if fcntl is None:
        import msvcrt

        file.seek(2**30)  # a byte that nobody reads: Windows keeps others from what is locked
        lock, how = msvcrt.locking, (msvcrt.LK_NBLCK, 1)
    else:
        lock, how = fcntl.flock, (fcntl.LOCK_EX | fcntl.LOCK_NB,)
    try:
        lock(file.fileno(), *how)
    except (BlockingIOError, PermissionError):
        return False
    return True
