"""The tracker's memory: one SQLite file that a kill, a full disk or a lock does not harm.

One :class:`Journal` writes; any number of :class:`Reader` may read at the same time. What was
added is safe from ``kill -9`` when the call returns; a power cut may take what came after the
last closed minute.
"""

from __future__ import annotations

import contextlib
import logging
import math
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from helpers.apps import _database
from helpers.apps._database import JournalError, JournalMissing
from helpers.apps._queries import MINUTE_FIELDS, PICTURE_FIELDS, Queries
from helpers.apps._waiting import Waiting, plain_minute
from helpers.apps.records import Event, Minute, Notice, Picture, iso

__all__ = ["Journal", "JournalError", "JournalMissing", "Reader"]

LIMIT = 100_000
CHUNK = 5_000  # events in one transaction, so that a long queue does not hold up the listening
WHILE_FAILING = 0.02  # seconds to wait for a lock that has lasted already: sound does not wait
OPENING = 5.0  # seconds to wait for whoever has locked the file when it is opened

log = logging.getLogger(__name__)


class Reader(Queries):
    """Read a database that a tracker may be writing.

    Parameters
    ----------
    path : path

    Raises
    ------
    JournalMissing
        When there is no database yet.
    JournalError
        When it is not the tracker's, of another version, or locked.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(Path(path))
        self._connection = _database.open_reader(self.path, wait=OPENING)


class Journal(Queries):
    """Write a tracker's database, made where it is new.

    What cannot be written, because the disk is full or another program has locked the file, waits
    in memory and is written with the next call that works, together with one notice that says
    since when. Questions are answered as if it were written already.

    Parameters
    ----------
    path : path
    sinks : iterable of str
        Names of those that must learn every minute that is closed from now on.
    wait : float
        Seconds that a call waits for another program's lock; hardly any while it lasts.
    limit : int
        Items that may wait in memory; above it the oldest events are dropped and counted.
    clock : callable
        Gives unix seconds.

    Raises
    ------
    JournalError
        When the file is not the tracker's, of another version, read-only, locked, written by
        another tracker, or its folder is missing.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        sinks: Iterable[str] = (),
        wait: float = 1.0,
        limit: int = LIMIT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(Path(path))
        self.sinks = tuple(dict.fromkeys(sinks))
        self._clock = clock
        self._wait = wait
        self._waiting = Waiting(limit)
        self._failing: tuple[float, str] | None = None  # since when, and why
        self._session: int | None = None
        with _database.told(self.path):
            _database.refuse_other_files(self.path)
            _database.refuse_read_only(self.path)
        with contextlib.suppress(JournalMissing):  # before a lock is put beside a stranger's file
            _database.open_reader(self.path, wait=OPENING).close()
        self._tracker = _database.TrackerLock(self.path)
        self._tracker.acquire()
        try:
            self._connection = _database.open_writer(self.path, wait=OPENING)
            self._be_patient(wait)
        except BaseException:
            self._tracker.release()
            raise

    def start(self, *, source: str, detector: str, now: float) -> int:
        """Note that a session begins.

        Parameters
        ----------
        source, detector
            What is listened to, and with what.
        now
            Unix seconds.

        Returns
        -------
        int
            The session's number.

        Raises
        ------
        JournalError
            When it cannot be written.
        """
        row = (float(now), str(source), str(detector))
        with self._lock, _database.told(self.path), self._transaction() as connection:
            self._session = connection.execute(
                "INSERT INTO sessions(started, source, detector) VALUES (?, ?, ?)", row
            ).lastrowid
        return self._session

    def stop(self, now: float) -> None:
        """Write what waits, and note that the session ends (``now``: unix seconds).

        Raises
        ------
        JournalError
            When it cannot be written; the message says how much is lost with this process.
        """
        with self._lock:
            self._be_patient(self._wait)
            if not self._flush():
                raise JournalError(
                    f"{self.path}: {self._failing[1]}; {len(self._waiting)} items were not written"
                )
            with _database.told(self.path), self._transaction(durable=True) as connection:
                ended = (float(now), self._session)
                connection.execute("UPDATE sessions SET ended = ? WHERE id = ?", ended)

    def add(
        self,
        *,
        events: Iterable[Event] = (),
        notices: Iterable[Notice] = (),
        heard: Mapping[int, float] | None = None,
    ) -> bool:
        """Add what was heard since the last call, in one transaction.

        Parameters
        ----------
        events, notices
            New ones.
        heard
            Seconds heard in addition, by the start of their minute. Those of a closed minute are
            ignored, since it never changes.

        Returns
        -------
        bool
            False where it could not be written and waits in memory.
        """
        with self._lock:
            self._opened()
            self._waiting.put(events, notices, heard or {})
            return self._flush()

    def close_minute(self, minute: Minute) -> bool:
        """Close a minute for good, in one transaction with what its sinks must learn.

        Returns
        -------
        bool
            False where it was closed before; then nothing is changed.
        """
        with self._lock:
            self._opened()
            minute = plain_minute(minute)
            if minute.start in self._waiting.minutes or self._is_closed(minute.start):
                return False
            self._waiting.minutes[minute.start] = minute
            self._flush()
            return True

    def set_picture(self, picture: Picture) -> bool:
        """Keep the last minute's spectrogram; False where it could not be written."""
        row = (float(picture.time), int(picture.frames), int(picture.bands), float(picture.hop))
        row += tuple(float(x) for x in (picture.low, picture.high, picture.fmin, picture.fmax))
        values = bytes(picture.values)
        if len(values) != picture.frames * picture.bands:
            raise ValueError(
                f"values: {len(values)} bytes, but {picture.frames} frames of {picture.bands} "
                "bands wanted, one byte each"
            )
        sql = f"INSERT OR REPLACE INTO picture(id, {PICTURE_FIELDS}) VALUES (1{', ?' * 9})"
        with self._lock:
            self._opened()
            try:
                with self._transaction() as connection:
                    connection.execute(sql, (*row, values))
            except sqlite3.Error:
                return False
        return True

    @property
    def waiting(self) -> int:
        """How many items wait in memory because they could not be written."""
        return len(self._waiting)

    def close(self) -> None:
        """Write what waits, if that is possible, and let the next tracker have the database."""
        with self._lock:
            if self._connection is not None:
                self._be_patient(self._wait)
                if not self._flush():
                    log.error("%s: %d items were not written", self.path, len(self._waiting))
            super().close()
            self._tracker.release()

    # What waits is part of every answer.

    def minutes(self, since: float = 0) -> list[Minute]:
        """As in the class above, with what waits in memory."""
        with self._lock:
            found = {one.start: one for one in super().minutes(since)}
            waiting = {start: one for start, one in self._waiting.minutes.items() if start >= since}
            both = waiting | found
            return [both[start] for start in sorted(both)]

    def last_minute(self) -> Minute | None:
        """As in the class above, with what waits in memory."""
        with self._lock:
            found = super().last_minute()
            newest = [*self._waiting.minutes.values(), *([found] if found else [])]
            return max(newest, key=lambda one: one.start, default=None)

    def open_minutes(self, before: float) -> list[tuple[int, int, float]]:
        """As in the class above, with what waits in memory."""
        with self._lock:
            rows = {
                start: (count, seconds) for start, count, seconds in super().open_minutes(before)
            }
            for start, seconds in self._waiting.heard.items():
                if start < before and not self._is_closed(start):
                    count, had = rows.get(start) or (self._count(start), 0.0)
                    rows[start] = [count + self._waiting.count(start), min(60.0, had + seconds)]
            rows = {start: row for start, row in rows.items() if start not in self._waiting.minutes}
            return [(start, *rows[start]) for start in sorted(rows)]

    def events(self, since: float = 0, until: float = math.inf) -> list[Event]:
        """As in the class above, with what waits in memory."""
        with self._lock:
            waiting = [one for one in self._waiting.events if since <= one.time < until]
            return sorted(super().events(since, until) + waiting, key=lambda one: one.time)

    def notices(self, since: float = 0) -> list[Notice]:
        """As in the class above, with what waits in memory."""
        with self._lock:
            waiting = [one for one in self._waiting.notices if one.time >= since]
            return sorted(super().notices(since) + waiting, key=lambda one: one.time)

    # Writing.

    @contextlib.contextmanager
    def _transaction(self, *, durable: bool = False):
        connection = self._opened()
        with _database.transaction(connection, durable=durable):
            yield connection

    def _be_patient(self, seconds: float) -> None:
        """Say how long a call waits for another program's lock."""
        self._opened().execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}")

    def _flush(self) -> bool:
        """Write what waits; False, and it goes on waiting, where that fails."""
        waiting = self._waiting
        if not (waiting.events or waiting.notices or waiting.heard or waiting.minutes):
            return True
        try:
            while len(waiting.events) > CHUNK:
                with self._transaction() as connection:
                    _insert_events(connection, waiting.oldest(CHUNK))
                waiting.forget(CHUNK)
            with self._transaction(durable=bool(waiting.minutes)) as connection:
                self._insert(connection)
        except sqlite3.Error as error:
            self._note_failure(error)
            return False
        if self._failing is not None:
            self._failing = None
            self._be_patient(self._wait)
        waiting.clear()
        return True

    def _insert(self, connection: sqlite3.Connection) -> None:
        """Insert all that waits; what belongs to a minute comes before its closing."""
        waiting = self._waiting
        _insert_events(connection, waiting.events)
        connection.executemany(
            "INSERT INTO heard(start, seconds) SELECT ?1, ?2 "
            "WHERE NOT EXISTS (SELECT 1 FROM minutes WHERE start = ?1) "
            "ON CONFLICT(start) DO UPDATE SET seconds = min(60.0, seconds + excluded.seconds)",
            waiting.heard.items(),
        )
        for minute in waiting.minutes.values():
            self._insert_minute(connection, minute)
        notices = [*waiting.notices, *self._outage()]
        connection.executemany(
            "INSERT INTO notices(time, kind, text) VALUES (?, ?, ?)",
            [(one.time, one.kind, one.text) for one in notices],
        )

    def _insert_minute(self, connection: sqlite3.Connection, minute: Minute) -> None:
        row = tuple(getattr(minute, name) for name in MINUTE_FIELDS.split(", "))
        connection.execute(
            f"INSERT OR IGNORE INTO minutes({MINUTE_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?)", row
        )
        connection.executemany(
            "INSERT OR IGNORE INTO spool(sink, start) VALUES (?, ?)",
            [(sink, minute.start) for sink in self.sinks],
        )
        connection.execute("DELETE FROM heard WHERE start = ?", (minute.start,))

    def _note_failure(self, error: sqlite3.Error) -> None:
        if self._failing is None:
            self._failing = (self._clock(), _database.explained(error))
            self._be_patient(min(self._wait, WHILE_FAILING))
            log.warning("%s: %s; it waits in memory", self.path, self._failing[1])
        self._waiting.trim()

    def _outage(self) -> list[Notice]:
        """Tell what was going on, where something is written at last."""
        if self._failing is None:
            return []
        since, reason = self._failing
        text = f"{self.path.name} could not be written from {iso(since)} to {iso(self._clock())}: "
        text += reason
        if self._waiting.dropped:
            text += f"; {self._waiting.dropped} events were dropped, the minutes are whole"
        return [Notice(since, "sink", text)]

    def _is_closed(self, start: int) -> bool:
        try:
            return bool(self._rows("SELECT 1 FROM minutes WHERE start = ?", start))
        except JournalError:  # unreadable now; writing does not overwrite a closed minute
            return False

    def _count(self, start: int) -> int:
        sql = "SELECT count(*) FROM events WHERE time >= ?1 AND time < ?1 + 60"
        return self._rows(sql, start)[0][0]


def _insert_events(connection: sqlite3.Connection, events: Iterable[Event]) -> None:
    connection.executemany(
        "INSERT INTO events(time, length, score, label) VALUES (?, ?, ?, ?)",
        [(one.time, one.length, one.score, one.label) for one in events],
    )
