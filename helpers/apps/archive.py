"""A whole archive: the events of every recording in it, however long and however many.

    python -m helpers.apps.archive DETECTOR FOLDER --out RESULTS

Files are read in pieces, so a recording of a day needs no more memory than one of a minute, and
the events are those of the whole file at once. What is done is kept: a run that was interrupted,
killed, or ran out of disk goes on where it was.

The work is shared out by joblib. Where there are several machines, Dask takes over::

    from dask.distributed import Client
    from helpers.apps import archive
    from joblib import parallel_config

    client = Client("tcp://scheduler:8786")
    with parallel_config(backend="dask"):
        archive.detect("/shared/recordings", "/shared/detector", folder="/shared/results")

Every worker needs this package, and the recordings, the detector and the results under the same
paths, on a disk that all of them share.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import __version__
from ..bundle import Detector, load
from . import _archive_parts
from ._archive_files import SUFFIXES, ArchiveError, Recording, find
from ._archive_parts import Parts, told
from ._archive_progress import Progress
from ._archive_work import Model, work
from ._own_findings import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SUFFIXES", "Archive", "ArchiveError", "detect", "open_results"]

EPILOG = """\
In OUT are events.parquet and .csv (recording, onset, offset, event_label, score), and
recordings.parquet and .csv (status, duration, events, rate with its interval, peak level, why it
failed). Run the same command again to go on after an interruption, or for what is new or changed in
the archive.

exit status: 0 every recording is done; 3 all the others are, but some could not be read; 130
Ctrl-C; 1 something is wrong with the detector, the archive or the folder of results; 2 the command
line.
"""


@dataclass(frozen=True)
class Archive:
    """The results of a run.

    Parameters
    ----------
    folder : Path
        Where they lie.
    """

    folder: Path

    @cached_property
    def events(self) -> pd.DataFrame:
        """All events: recording, onset, offset, event_label, score; times in seconds."""
        return self._read(_archive_parts.EVENTS)

    @cached_property
    def recordings(self) -> pd.DataFrame:
        """One row a recording.

        recording, path, status (done or failed), duration in seconds, number of events, events
        per_minute with low and high (95 % interval of a Poisson count), peak (0 is silence, 1 full
        scale), seconds that it took, error.
        """
        return self._read(_archive_parts.RECORDINGS)

    @property
    def failed(self) -> pd.DataFrame:
        """The recordings that could not be read: recording, path, error."""
        table = self.recordings
        columns = ["recording", "path", "error"]
        return table.loc[table["status"] == "failed", columns].reset_index(drop=True)

    def events_of(self, recording: str) -> pd.DataFrame:
        """Events of one recording, as :meth:`helpers.bundle.Detector.detect` gives them.

        Raises
        ------
        ArchiveError
            When there is no such recording, or it failed.
        """
        self._duration(recording)
        chosen = [("recording", "==", recording)]
        return self._read(_archive_parts.EVENTS, filters=chosen).drop(columns="recording")

    def rate(
        self, recording: str, *, every: float = 600.0, label: str | None = None
    ) -> pd.DataFrame:
        """Events a minute over the time of a recording.

        Parameters
        ----------
        recording : str
        every : float
            Seconds that one rate is taken over; the last one may be shorter.
        label : str, optional
            Count these events only.

        Returns
        -------
        DataFrame
            start and seconds, n, per_minute, low, high: the 95 % interval of a Poisson count.

        Raises
        ------
        ArchiveError
            When there is no such recording, or it failed.
        ValueError
            When `every` is not positive.
        """
        import pandas as pd

        from ..intervals import poisson_bounds

        if not every > 0:
            raise ValueError(f"every must be a positive number of seconds, found {every}")
        duration, events = self._duration(recording), self.events_of(recording)
        onsets = events["onset"] if label is None else events["onset"][events.event_label == label]
        edges = np.append(np.arange(0, duration, every), duration)
        n = np.histogram(onsets, edges)[0]
        minutes = np.diff(edges) / 60
        low, high = poisson_bounds(n)
        rates = {"per_minute": n / minutes, "low": low / minutes, "high": high / minutes}
        return pd.DataFrame({"start": edges[:-1], "seconds": 60 * minutes, "n": n, **rates})

    def _duration(self, recording: str) -> float:
        rows = self.recordings[self.recordings["recording"] == recording]
        if rows.empty:
            raise ArchiveError(f"no recording {recording!r} in {self.folder}: see .recordings")
        if rows["status"].iloc[0] == "failed":
            raise ArchiveError(f"{recording}: {rows['error'].iloc[0]}")
        return float(rows["duration"].iloc[0])

    def _read(self, name: str, **options) -> pd.DataFrame:
        import pandas as pd

        return pd.read_parquet(self.folder / name, **options).reset_index(drop=True)

    def __str__(self) -> str:
        table = self.recordings
        hours, count = table["duration"].sum() / 3600, int(table["events"].sum())
        told = f"{counted(count, 'event')} in {hours:.2g} h of sound, "
        told += counted(len(table), "recording")
        return told + (f", {len(self.failed)} of them failed" if len(self.failed) else "")


def detect(
    paths,
    detector: Detector | str | os.PathLike,
    *,
    folder: str | os.PathLike,
    jobs: int = 2,
    root: str | os.PathLike | None = None,
    quiet: bool = False,
) -> Archive:
    """Find the events of every recording of an archive.

    What `folder` holds of an earlier run, finished or not, is not done again, as long as path,
    size and time of change of a recording and the detector are the same. A recording that cannot
    be read does not stop the others; it is tried again in the next run.

    Parameters
    ----------
    paths : path, or iterable of paths
        Files, folders (searched with all their subfolders) and globs.
    detector : Detector or path
        A detector, or the folder of one.
    folder : path
        Where the results go; made when missing.
    jobs : int
        Processes. With another backend of joblib than its own it decides on their number.
    root : path, optional
        A folder that holds all recordings. They are then known by their path below it, so that
        the archive may move as a whole; else by their absolute path. Left out, tables name
        recordings by their path below the deepest folder that holds all of them.
    quiet : bool
        Show no progress on standard error.

    Returns
    -------
    Archive

    Raises
    ------
    ArchiveError
        When a path is not there, a folder holds no sound, another run writes into `folder`, it is
        a detector's or holds the results of other recordings, or something cannot be written
        there, for instance on a full disk. What is done is kept.
    helpers.bundle.BundleError
        When the detector cannot be used.
    ValueError
        When `jobs` is below one.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be 1 or more, found {jobs}")
    detector = detector if isinstance(detector, Detector) else load(detector)
    model, recordings = Model.of(detector), find(paths, root=root)
    folder = Path(os.path.abspath(folder))
    parts = Parts(folder, detector=model.key)
    _archive_parts.refuse_other(folder, recordings)
    with _alone(folder):
        parts.open()
        kept = parts.done()
        todo = [one for one in recordings if parts.path(one).name not in kept]
        before = len(recordings) - len(todo)
        try:
            with Progress(todo, parts, before=before, quiet=quiet) as progress:
                errors = _run(todo, parts, model, jobs=jobs, progress=progress)
        finally:
            parts.clear()
        parts.forget_older(recordings)
        _archive_parts.join(parts, recordings, errors, _about(model))
    return Archive(folder)


def open_results(folder: str | os.PathLike) -> Archive:
    """Open the results of a run that was finished before.

    Raises
    ------
    ArchiveError
        When there are none, or the run has not come to its end.
    """
    folder = Path(folder)
    for name in (_archive_parts.EVENTS, _archive_parts.RECORDINGS):
        if not (folder / name).exists():
            raise ArchiveError(f"{folder / name} is missing: run detect() to its end")
    return Archive(folder)


def _run(
    todo: list[Recording], parts: Parts, model: Model, *, jobs: int, progress: Progress
) -> dict[str, str]:
    """Do what is to be done; why recordings failed, by their path."""
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    # the longest first, so that none of them is left to one worker at the end
    order = sorted(todo, key=lambda one: -one.size)
    # one recording a task: they are long, and joblib must not wait for several
    spread = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    errors = {}
    try:
        for outcome in spread(delayed(work)(one, parts, model, boss=os.getpid()) for one in order):
            progress.add(outcome)
            if outcome.error:
                errors[outcome.recording.path] = outcome.error
    except TerminatedWorkerError as error:
        raise ArchiveError(
            "a worker process died, perhaps for want of memory, at one of: "
            f"{', '.join(progress.busy()) or 'not known'}: run again with fewer jobs, or without "
            "that recording"
        ) from error
    return errors


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second run out of the folder; a process that dies keeps nobody out."""
    from filelock import FileLock, Timeout

    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock, note = FileLock(folder / ".lock"), folder / ".running"
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise ArchiveError(
                f"{folder}: another run writes into it ({_running(note)}): wait for its end, or "
                "choose another folder"
            ) from None
    try:
        with told(note):
            note.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _running(note: Path) -> str:
    try:
        return note.read_text() or "just begun"
    except OSError:
        return "just begun"


def _about(model: Model) -> dict:
    """Say in the tables what found the events."""
    detector = model.detector
    return {
        "detector": detector.folder.name,
        "key": model.key,
        "network_sha256": model.sha256,
        "labels": list(detector.labels),
        "machine-hearing": __version__,
    }


def parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m helpers.apps.archive",
        description="Find the events of every recording of an archive, with a trained detector.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("detector", type=Path, metavar="DETECTOR", help="folder of a detector")
    made.add_argument(
        "paths", nargs="+", metavar="FOLDER", help="folders, files or globs of recordings"
    )
    made.add_argument(
        "--out", type=Path, required=True, metavar="OUT", help="folder for the results"
    )
    made.add_argument("--jobs", type=int, default=2, metavar="N", help="processes (%(default)s)")
    made.add_argument(
        "--root",
        type=Path,
        metavar="FOLDER",
        help="know recordings by their path below it, so that the archive may move",
    )
    made.add_argument("--quiet", action="store_true", help="show no progress")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(arguments)
    try:
        made = detect(
            options.paths,
            options.detector,
            folder=options.out,
            jobs=options.jobs,
            root=options.root,
            quiet=options.quiet,
        )
    except (ValueError, OSError) as error:
        print(f"helpers.apps.archive: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("helpers.apps.archive: interrupted; run again to go on", file=sys.stderr)
        return 130
    print(made)
    for row in made.failed.itertuples():
        print(f"failed: {row.recording}: {row.error}")
    print(f"results: {made.folder}")
    return 3 if len(made.failed) else 0


if __name__ == "__main__":
    sys.exit(main())
