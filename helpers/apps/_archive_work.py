"""What a worker does, in this process, another one, or on another machine: one recording."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import store
from .._decoder import events_of_spans
from ..bundle import Detector
from ._archive_files import ArchiveError, Recording, plain, stamp
from ._archive_parts import Note, Parts
from ._event_tracker import EventTracker, Span
from ._pieces import Pieces, Window

if TYPE_CHECKING:
    import pandas as pd

PIECE = 5.0  # seconds read in one go: little, also of eight channels at 192 kHz
_STEP = 50  # frames that the decoder takes in one go, most of them without an event
_EVERY = 1.0  # seconds between two words on how far it is

_bosses: set[int] = set()  # parents of this process that gave it work: one, or none
_here = threading.local()  # a LiteRT network serves one thread


@dataclass(frozen=True)
class Model:
    """A detector as it is sent to workers: they load its network themselves.

    Parameters
    ----------
    detector : Detector
        Without its network.
    sha256 : str
        Of the network's file.
    key : str
        Of all that the events depend on.
    """

    detector: Detector
    sha256: str
    key: str

    @classmethod
    def of(cls, detector: Detector) -> Model:
        """Make it of a detector, whatever was replaced in it."""
        folder = detector.folder.absolute()
        sha256 = store.sha256(folder / "model.tflite")
        settings = {
            "front_end": detector.front_end.to_dict(),
            "decoder": asdict(detector.decoder),
            "labels": detector.labels,
            "margins": detector.margins,
            "network": sha256,
        }
        return cls(replace(detector, folder=folder), sha256, store.key(settings))


@dataclass(frozen=True)
class Outcome:
    """What became of a recording: why it failed, or how many seconds of sound it held."""

    recording: Recording
    duration: float = 0.0
    error: str = ""


def work(recording: Recording, parts: Parts, model: Model, *, boss: int = 0) -> Outcome:
    """Find the events of a recording and keep them.

    Parameters
    ----------
    recording : Recording
    parts : Parts
    model : Model
    boss : int
        The process that shares the work out. Where that is the parent of this one and dies, this
        one ends too: another run may be at the same recordings soon.

    Raises
    ------
    ArchiveError
        When this machine lacks the detector, or the events cannot be kept: no recording would
        fare better.
    """
    detector, began = _loaded(model), time.monotonic()
    report = _Report(parts.progress(recording), boss=boss)
    try:
        with _unchanged(recording):
            events, window = events_of(recording.path, detector, tick=report)
    except Exception as error:  # whatever a broken file makes a decoder do
        return Outcome(recording, error=_reason(recording, error))
    finally:
        report.clear()
    duration = window.n_samples / detector.front_end.sample_rate
    note = Note(plain(recording.path), duration, window.peak, time.monotonic() - began)
    parts.write(recording, events, note)
    _end_with_boss()
    return Outcome(recording, duration)


def events_of(
    path: str, detector: Detector, *, tick: Callable | None = None, piece: float = PIECE
) -> tuple[pd.DataFrame, Window]:
    """Find the events of a file of any length, and return what was read it through.

    They are those of ``detector.detect(helpers.audio.read(path))``, to the last bit.

    Parameters
    ----------
    path : str
    detector : Detector
    tick : callable, optional
        Told the seconds done and those in all, or None, as often as there are some.
    piece : float
        Seconds read in one go.
    """
    from .._codecs import AudioError

    pieces = Pieces(path, seconds=piece)
    window, front_end, done = Window(pieces), detector.front_end, 0
    if not window(0, 1).size:
        raise AudioError(f"{path}: no samples in it (zero length): record or fetch it again")
    found = None
    for values in detector.score_blocks(window):
        if found is None:
            found = _Spans(detector, n_frames=len(values))
        found.feed(values, done)
        done += len(values)
        if tick:
            tick(done / front_end.frame_rate, pieces.duration)
    duration = window.n_samples / front_end.sample_rate
    return events_of_spans(found.ended(), detector.labels, duration=duration), window


class _Spans:
    """Events of every label, kept as bare numbers: a busy day of them is a few megabytes."""

    def __init__(self, detector: Detector, *, n_frames: int) -> None:
        # half a hop as `Decoder.spans` takes it, which rounds
        times = detector.front_end.times(2)
        half = (times[1] - times[0]) / 2 if n_frames > 1 else times[0]
        self._front_end, self._shift = detector.front_end, detector.decoder.shift
        self._trackers = [EventTracker(detector.decoder, half=half) for _ in detector.labels]
        self._numbers = [(array("d"), array("d"), array("d")) for _ in detector.labels]

    def feed(self, values: np.ndarray, first: int) -> None:
        """Take the next frames; ``first`` is the number of the first of them."""
        front_end = self._front_end
        index = np.arange(first, first + len(values))
        times = (index * front_end.hop + front_end.n_fft / 2) / front_end.sample_rate
        for column, tracker in enumerate(self._trackers):
            for at in range(0, len(values), _STEP):
                step = slice(at, at + _STEP)
                self._keep(column, tracker.feed(values[step, column], times[step])[1])

    def ended(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """End what goes on; onsets, offsets and scores of each label."""
        for column, tracker in enumerate(self._trackers):
            self._keep(column, tracker.flush()[1])
        return [
            (np.array(onsets) + self._shift, np.array(offsets) + self._shift, np.array(scores))
            for onsets, offsets, scores in self._numbers
        ]

    def _keep(self, column: int, spans: list[Span]) -> None:
        for span in spans:
            for numbers, number in zip(
                self._numbers[column], (span.onset, span.offset, span.score), strict=True
            ):
                numbers.append(number)


class _Report:
    """Say how far it is in a small file, for the process that waits, wherever that runs."""

    def __init__(self, path: Path, *, boss: int) -> None:
        self._path, self._last = path, time.monotonic()
        if os.getppid() == boss:
            _bosses.add(boss)

    def __call__(self, seconds: float, duration: float | None) -> None:
        _end_with_boss()
        if time.monotonic() - self._last < _EVERY:
            return
        self._last = time.monotonic()
        share = min(1.0, seconds / duration) if duration else 0.0
        with contextlib.suppress(OSError):  # a full disk will be told where it matters
            self._path.write_text(f"{seconds} {share}")

    def clear(self) -> None:
        """Remove the file."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def _end_with_boss() -> None:
    """End this process where its parent, which gave it work, was killed."""
    if _bosses and os.getppid() not in _bosses:
        os._exit(1)


@contextlib.contextmanager
def _unchanged(recording: Recording) -> Iterator[None]:
    """Refuse a file that is not what was listed, or not any more when it was read."""
    from .._codecs import AudioError, refuse_missing

    refuse_missing(Path(recording.path))
    listed = recording.size, recording.modified
    if stamp(recording.path) != listed:
        raise AudioError("changed since it was listed: run again when it is complete")
    yield
    if stamp(recording.path) != listed:
        raise AudioError("changed while it was read: run again when it is complete")


def _loaded(model: Model) -> Detector:
    """Give the detector with its network, loaded once by each thread."""
    known = _here.__dict__.setdefault("detectors", {})
    if model.key not in known:
        path = model.detector.folder / "model.tflite"
        if not path.exists() or store.sha256(path) != model.sha256:
            raise ArchiveError(
                f"{path} on {socket.gethostname()} is missing, or not the one of the process that "
                "asks: every worker needs the detector under the same path"
            )
        known[model.key] = replace(model.detector)
    return known[model.key]


def _reason(recording: Recording, error: Exception) -> str:
    """Say in a line why a recording failed, without its path: that stands beside it."""
    kind = "" if isinstance(error, ValueError | OSError) else f"{type(error).__name__}: "
    text = plain(str(error)).removeprefix(f"{plain(recording.path)}: ")
    return " ".join((kind + text).split()) or type(error).__name__
