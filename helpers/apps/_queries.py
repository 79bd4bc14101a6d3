"""What can be asked of the tracker's database; the journal and its readers share it."""

from __future__ import annotations

import math
import sqlite3
import threading
from pathlib import Path

from helpers.apps._database import JournalError, explained
from helpers.apps.records import Event, Minute, Notice, Picture, Session

MINUTE_FIELDS = "start, count, seconds, rate, low, high, state"
PICTURE_FIELDS = "time, frames, bands, hop, low, high, fmin, fmax, values_"


class Queries:
    """Questions to an open database; any thread may ask them."""

    path: Path
    _connection: sqlite3.Connection | None

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection = None

    def minutes(self, since: float = 0) -> list[Minute]:
        """List the closed minutes that began at ``since`` (unix seconds) or later, in order."""
        sql = f"SELECT {MINUTE_FIELDS} FROM minutes WHERE start >= ? ORDER BY start"
        return [minute(row) for row in self._rows(sql, since)]

    def last_minute(self) -> Minute | None:
        """Newest closed minute; None where none is closed yet."""
        sql = f"SELECT {MINUTE_FIELDS} FROM minutes ORDER BY start DESC LIMIT 1"
        return next((minute(row) for row in self._rows(sql)), None)

    def open_minutes(self, before: float) -> list[tuple[int, int, float]]:
        """Minutes with progress that began before ``before`` and are not closed, in order.

        Parameters
        ----------
        before
            Unix seconds.

        Returns
        -------
        list of (start, count, seconds)
            Start in unix seconds, events so far, and seconds heard so far.
        """
        sql = (
            "SELECT start, (SELECT count(*) FROM events WHERE time >= start AND time < start + 60)"
            ", min(seconds, 60.0) FROM heard WHERE start < ? ORDER BY start"
        )
        return self._rows(sql, before)

    def events(self, since: float = 0, until: float = math.inf) -> list[Event]:
        """Events with ``since <= time < until`` (unix seconds), in order of time."""
        sql = (
            "SELECT time, length, score, label FROM events WHERE time >= ? AND time < ? "
            "ORDER BY time, id"
        )
        return [Event(*row) for row in self._rows(sql, since, until)]

    def notices(self, since: float = 0) -> list[Notice]:
        """Notices from ``since`` (unix seconds) on, in order of time."""
        sql = "SELECT time, kind, text FROM notices WHERE time >= ? ORDER BY time, id"
        return [Notice(*row) for row in self._rows(sql, since)]

    def sessions(self) -> list[Session]:
        """Every run of the tracker, in order; the last may still be running."""
        sql = "SELECT id, started, ended, source, detector FROM sessions ORDER BY id"
        return [Session(*row) for row in self._rows(sql)]

    def unsent(self) -> dict[str, int]:
        """How many closed minutes each sink must still learn."""
        sql = "SELECT sink, sum(sent IS NULL) FROM spool GROUP BY sink ORDER BY sink"
        return dict(self._rows(sql))

    def picture(self) -> Picture | None:
        """Spectrogram of the last minute; None where none was stored yet."""
        rows = self._rows(f"SELECT {PICTURE_FIELDS} FROM picture")
        return Picture(*rows[0]) if rows else None

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def __enter__(self):
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _rows(self, sql: str, *values: object) -> list[tuple]:
        with self._lock:
            try:
                return self._opened().execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise JournalError(f"{self.path}: {explained(error)}") from error

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise JournalError(f"{self.path}: was closed: open it again")
        return self._connection


def minute(row: tuple) -> Minute:
    """Make a minute of a row; SQLite keeps NaN as NULL."""
    start, count, seconds, rate, low, high, state = row
    rates = (math.nan if value is None else value for value in (rate, low, high))
    return Minute(start, count, seconds, *rates, state)
