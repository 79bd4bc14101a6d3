"""What a run keeps: a file of events for each recording that is done, and the tables at the end.

A recording is done when its file lies in the folder `parts`. The file appears in one step, events
and all else that is known of the recording together, so a process that is killed leaves a
recording done or not done. Its name follows from the recording, its size, when it was changed, and
the detector: whatever else there may be is another recording, or is done again.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from .. import store
from ._archive_files import ArchiveError, Recording, plain

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
EVENTS, RECORDINGS = "events.parquet", "recordings.parquet"
_KEY = b"machine-hearing"  # of the notes in a Parquet file
_BATCH = 100_000  # events written to the joined table in one go


@dataclass(frozen=True)
class Note:
    """What is known of a recording that is done, kept in the file of its events.

    Parameters
    ----------
    path : str
    duration : float
        Seconds of sound.
    peak : float
        Highest magnitude of a sample: 0 is silence, 1 full scale.
    seconds : float
        That it took.
    """

    path: str
    duration: float
    peak: float
    seconds: float


class Parts:
    """The folder `parts` of a run's results.

    Parameters
    ----------
    folder : Path
        Of the results.
    detector : str
        Key of the detector.
    """

    def __init__(self, folder: Path, *, detector: str) -> None:
        self.folder, self.detector = folder / "parts", detector
        self.under_way = self.folder / ".under-way"

    def path(self, recording: Recording) -> Path:
        """Give the file of a recording's events, made or not."""
        state = {
            "size": recording.size,
            "modified": recording.modified,
            "detector": self.detector,
            "format": FORMAT,
        }
        return self.folder / f"{_start(recording)}-{store.key(state)}.parquet"

    def progress(self, recording: Recording) -> Path:
        """Give the file in which a worker says how far it is."""
        return self.under_way / self.path(recording).name

    def open(self) -> None:
        """Make the folder and clear what a killed run left half-written.

        Raises
        ------
        ArchiveError
            When it cannot be made.
        """
        with told(self.folder):
            self.under_way.mkdir(parents=True, exist_ok=True)
        self.clear()

    def clear(self) -> None:
        """Remove what is half-written; nobody may be writing any more."""
        with contextlib.suppress(OSError):  # the next run will try again
            for left in [*self.folder.glob(".*.tmp"), *self.under_way.iterdir()]:
                left.unlink(missing_ok=True)

    def done(self) -> set[str]:
        """Names of the files that are there."""
        with os.scandir(self.folder) as entries:
            return {entry.name for entry in entries if entry.name.endswith(".parquet")}

    def write(self, recording: Recording, events: pd.DataFrame, note: Note) -> None:
        """Keep the events of a recording, whole or not at all.

        Raises
        ------
        ArchiveError
            When the file cannot be written.
        """
        import pyarrow.parquet

        table = _table(events.assign(recording=recording.name))
        table = table.replace_schema_metadata({_KEY: json.dumps(asdict(note))})
        content = io.BytesIO()
        pyarrow.parquet.write_table(table, content)
        with whole(self.path(recording)) as file:
            file.write(content.getbuffer())

    def forget_older(self, recordings: list[Recording]) -> None:
        """Remove what earlier runs found before these recordings, or the detector, changed."""
        starts = {_start(one) for one in recordings}
        current = {self.path(one).name for one in recordings}
        for name in self.done() - current:
            if name.rpartition("-")[0] in starts:
                (self.folder / name).unlink(missing_ok=True)

    def read(self, recording: Recording):
        """Return the events of a recording (an Arrow table) and the `Note` on it.

        Raises
        ------
        ArchiveError
            When the file was damaged by something else.
        """
        import pyarrow
        import pyarrow.parquet

        path = self.path(recording)
        try:
            table = pyarrow.parquet.ParquetFile(path).read()
            note = Note(**json.loads(table.schema.metadata[_KEY]))
        except (OSError, ValueError, KeyError, TypeError, pyarrow.ArrowException) as error:
            raise ArchiveError(
                f"{path}: cannot be read ({error}): delete it and run again"
            ) from error
        name = pyarrow.array([recording.name] * len(table), pyarrow.string())
        return table.set_column(0, "recording", name).replace_schema_metadata(None), note


def refuse_other(folder: Path, recordings: list[Recording]) -> None:
    """Refuse a folder that is a detector's, or holds what was found in other recordings.

    Raises
    ------
    ArchiveError
        Naming it, and the remedy.
    """
    if (folder / "detector.json").exists():
        raise ArchiveError(f"{folder} is the folder of a detector: name another for the results")
    before = _listed(folder)
    asked = {plain(one.path) for one in recordings}
    asked |= {one.name for one in recordings if not one.identity.startswith(plain(one.path))}
    if before and not any(asked.intersection(one) for one in before):
        raise ArchiveError(
            f"{folder} holds the results of {len(before)} other recordings: name another folder"
        )


def _listed(folder: Path) -> list[tuple[str, str]]:
    """Paths and names of the recordings in the table of an earlier run."""
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(folder / RECORDINGS).read(["path", "recording"])
    except (OSError, ValueError, KeyError):  # none, or damaged: it is made anew at the end
        return []
    return list(zip(table["path"].to_pylist(), table["recording"].to_pylist(), strict=True))


def join(parts: Parts, recordings: list[Recording], errors: dict[str, str], about: dict) -> None:
    """Write the tables of the whole archive.

    Parameters
    ----------
    parts : Parts
    recordings : list of Recording
        All that were asked for.
    errors : dict
        Why a recording failed, by its path.
    about : dict
        What the tables say of the run; plain JSON.
    """
    rows, folder = [], parts.folder.parent
    with whole(folder / EVENTS) as file, _Events(file, about) as events:
        for recording in recordings:
            if recording.path in errors:
                rows.append(_row(recording, error=errors[recording.path]))
                continue
            table, note = parts.read(recording)
            events.add(table)
            rows.append(_row(recording, note=note, count=len(table)))
    _events_as_text(folder)
    table = _recordings(rows)
    with whole(folder / RECORDINGS) as file:
        table.to_parquet(file, index=False)
    with whole(folder / "recordings.csv") as file:
        file.write(table.to_csv(index=False).encode())


def _events_as_text(folder: Path) -> None:
    """Write the joined events once more, for a spreadsheet."""
    import pyarrow.csv
    import pyarrow.parquet

    batches = pyarrow.parquet.ParquetFile(folder / EVENTS).iter_batches()
    with (
        whole(folder / "events.csv") as file,
        pyarrow.csv.CSVWriter(file, _schema()) as table,
    ):
        for batch in batches:
            table.write_batch(batch)


class _Events:
    """Write the joined events a batch at a time: no more than that is ever in memory."""

    def __init__(self, file: IO[bytes], about: dict) -> None:
        import pyarrow.parquet

        schema = _schema().with_metadata({_KEY: json.dumps(about)})
        self._writer = pyarrow.parquet.ParquetWriter(file, schema)
        self._waiting, self._count = [], 0

    def __enter__(self) -> _Events:
        return self

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def add(self, table) -> None:
        self._waiting.append(table)
        self._count += len(table)
        if self._count >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        import pyarrow

        if self._count:
            table = pyarrow.concat_tables(self._waiting)
            self._writer.write_table(table.replace_schema_metadata(self._writer.schema.metadata))
        self._waiting, self._count = [], 0


@contextlib.contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name when the block ends, and is gone when it fails.

    Raises
    ------
    ArchiveError
        When it cannot be written, for instance on a full disk.
    """
    temporary = None
    try:
        with told(path):
            handle, temporary = tempfile.mkstemp(
                prefix=f".{path.name}.", suffix=".tmp", dir=path.parent
            )
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
    except BaseException:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what the system says when it cannot write into a message with the remedy."""
    try:
        yield
    except OSError as error:
        raise ArchiveError(
            f"{path}: cannot be written ({error.strerror or error}): make room there, or choose "
            "another folder, and run again; what is done is kept"
        ) from error


def _start(recording: Recording) -> str:
    """Begin the name of a recording's file, for people and without collisions."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(recording.path).stem)[:40]
    return f"{stem}-{hashlib.sha256(recording.identity.encode()).hexdigest()[:16]}"


def _schema():
    import pyarrow

    texts, number = pyarrow.string(), pyarrow.float64()
    return pyarrow.schema(
        [
            ("recording", texts),
            ("onset", number),
            ("offset", number),
            ("event_label", texts),
            ("score", number),
        ]
    )


def _table(events: pd.DataFrame):
    import pyarrow

    return pyarrow.Table.from_pandas(events, schema=_schema(), preserve_index=False)


def _row(
    recording: Recording, *, note: Note | None = None, count: int = 0, error: str = ""
) -> dict:
    return {
        "recording": recording.name,
        "path": plain(recording.path),
        "status": "done" if note else "failed",
        "duration": note and note.duration,
        "events": count,
        "peak": note and note.peak,
        "seconds": note and note.seconds,
        "error": error,
    }


def _recordings(rows: list[dict]) -> pd.DataFrame:
    """Make the table of recordings, with the rate of each and its interval."""
    import pandas as pd

    from ..intervals import poisson_bounds

    table = pd.DataFrame(rows)
    for name in ("duration", "peak", "seconds"):
        table[name] = table[name].astype(float)
    minutes = table["duration"] / 60  # NaN where it failed, and so are its rates
    low, high = poisson_bounds(table["events"])
    table.insert(5, "per_minute", table["events"] / minutes)
    table.insert(6, "low", low / minutes)
    table.insert(7, "high", high / minutes)
    return table
