"""What a sink must still learn, and the batches in which it is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from helpers.apps import _database
from helpers.apps._queries import MINUTE_FIELDS, minute
from helpers.apps.records import Minute, Notice

WAIT = 5.0  # seconds for another writer's lock; a sender has time
FIELDS = ", ".join(f"minutes.{name}" for name in MINUTE_FIELDS.split(", "))


class NotDelivered(Exception):  # noqa: N818
    """A sink did not take it; the message shows no secret.

    Parameters
    ----------
    message : str
    wait : float
        Seconds that the sink asked to be left alone.
    refused : bool
        Whether only a person can mend it, so that trying again soon is of no use.
    """

    def __init__(self, message: str, *, wait: float = 0.0, refused: bool = False) -> None:
        super().__init__(message)
        self.wait = wait
        self.refused = refused


@dataclass(frozen=True)
class Batch:
    """Minutes that are told together, always the same ones under the same name."""

    id: str
    minutes: list[Minute]


class Spool:
    """One sink's rows of the journal, over a connection of its own.

    Parameters
    ----------
    path : Path
        The journal.
    sink : str
        The sink's name there.

    Raises
    ------
    sqlite3.Error
        From every method, when the database cannot be read or written now.
    """

    def __init__(self, path: Path, sink: str) -> None:
        self.sink = sink
        self._connection = _database.connect(path, "rw", wait=WAIT)
        self._owed: dict[int, float] = {}

    def unsent(self, limit: int = -1) -> list[Minute]:
        """List the oldest minutes that the sink has not learnt; no limit where it is -1."""
        return self._minutes("ORDER BY spool.start LIMIT ?", limit)

    def frozen(self) -> Batch | None:
        """Return the batch that was begun and is not told yet."""
        row = self._connection.execute(
            "SELECT batch FROM spool WHERE sink = ? AND sent IS NULL AND batch IS NOT NULL LIMIT 1",
            (self.sink,),
        ).fetchone()
        if row is None:
            return None
        return Batch(row[0], self._minutes("AND batch = ? ORDER BY spool.start", row[0]))

    def freeze(self, batch: str) -> Batch | None:
        """Put everything that is not told yet into one batch, before it is told."""
        with _database.transaction(self._connection, durable=True):
            self._connection.execute(
                "UPDATE spool SET batch = ? WHERE sink = ? AND sent IS NULL AND batch IS NULL",
                (batch, self.sink),
            )
        return self.frozen()

    def mark(self, starts: Iterable[int], now: float) -> None:
        """Note that the sink has learnt these minutes, now or as soon as that can be written."""
        self._owed |= dict.fromkeys(starts, now)
        self.settle()

    def settle(self) -> None:
        """Write what the sink has learnt; before that nothing may be told, or it is told twice."""
        if self._owed:
            with _database.transaction(self._connection, durable=True):
                self._connection.executemany(
                    "UPDATE spool SET sent = ? WHERE sink = ? AND start = ?",
                    [(now, self.sink, start) for start, now in self._owed.items()],
                )
            self._owed.clear()

    def last_sent(self) -> float | None:
        """When the sink last learnt something, unix seconds."""
        sql = "SELECT max(sent) FROM spool WHERE sink = ?"
        return self._connection.execute(sql, (self.sink,)).fetchone()[0]

    def catch_up(self) -> None:
        """Let the sink learn every minute there is, those before it was set up included."""
        sql = "SELECT (SELECT count(*) FROM minutes), (SELECT count(*) FROM spool WHERE sink = ?)"
        minutes, known = self._connection.execute(sql, (self.sink,)).fetchone()
        if minutes != known:
            with _database.transaction(self._connection):
                self._connection.execute(
                    "INSERT OR IGNORE INTO spool(sink, start) SELECT ?, start FROM minutes",
                    (self.sink,),
                )

    def forget(self, start: int | None = None) -> None:
        """Let the sink learn a minute again, or all of them."""
        with _database.transaction(self._connection, durable=True):
            self._connection.execute(
                "UPDATE spool SET sent = NULL WHERE sink = ?1 AND start = ifnull(?2, start)",
                (self.sink, start),
            )

    def note(self, notice: Notice) -> None:
        """Write a notice."""
        with _database.transaction(self._connection):
            self._connection.execute(
                "INSERT INTO notices(time, kind, text) VALUES (?, ?, ?)",
                (notice.time, notice.kind, notice.text),
            )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _minutes(self, rest: str, value: object) -> list[Minute]:
        sql = (
            f"SELECT {FIELDS} FROM spool JOIN minutes USING (start) WHERE sink = ? AND sent IS NULL"
        )
        return [
            minute(row) for row in self._connection.execute(f"{sql} {rest}", (self.sink, value))
        ]


def explained(error: sqlite3.Error) -> str:
    """Say what is wrong with the journal."""
    return f"the journal cannot be used: {_database.explained(error)}"
