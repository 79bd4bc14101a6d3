"""The detector on a live stream: blocks of any size in, the events of a file out.

A stream is a run of :class:`Block` with a sample clock. As long as the blocks follow each other
they are one **stretch** of sound; where the clock jumps, samples were lost. A stretch is decoded
like a recording of its own: its events end where it ends, and none is invented across a gap.

The network always runs on the same number of frames, counted from the start of the stretch, so
that its scores do not depend on how the sound was cut into blocks, to the last bit.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from ..bundle import Detector
from ._blocks import Block, StreamError, Trouble
from ._event_tracker import EventTracker, Span
from ._microphone import Microphone, devices
from ._sources import ArraySource, FileSource

__all__ = [
    "FRAMES",
    "ArraySource",
    "Block",
    "FileSource",
    "Microphone",
    "StreamDetector",
    "StreamError",
    "StreamEvent",
    "Trouble",
    "Update",
    "devices",
]

#: Frames that the network scores at a time. More are cheaper, and answer later: half of them on
#: average.
FRAMES = 5

#: Seconds of log-mel that are kept to be looked at.
RECENT = 60.0


@dataclass(frozen=True)
class StreamEvent:
    """An event on the clock of the stream, in seconds; `score` is its highest."""

    onset: float
    offset: float
    event_label: str
    score: float


@dataclass(frozen=True)
class Update:
    """What one block brought.

    Parameters
    ----------
    begun : tuple of StreamEvent
        Events that are now long enough to count. Their onset stands, their offset and score are
        those so far.
    ended : tuple of StreamEvent
        Events that are over: the same as in batch.
    lost : int
        Samples that are missing before this block.
    """

    begun: tuple[StreamEvent, ...] = ()
    ended: tuple[StreamEvent, ...] = ()
    lost: int = 0


@dataclass
class _Stretch:
    """Sound without a gap: samples that wait for a frame, frames that wait for their context."""

    start: int
    trackers: list[EventTracker]
    n_samples: int = 0
    n_frames: int = 0  # turned into features
    n_scored: int = 0
    samples: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    features: np.ndarray | None = None  # of frames from `n_scored - left` on


class StreamDetector:
    """Score and decode a stream.

    Parameters
    ----------
    detector : helpers.bundle.Detector
    frames : int
        Frames that the network scores at a time, one or more. More are cheaper and answer later.

    Raises
    ------
    ValueError
        When `frames` is below one.
    """

    def __init__(self, detector: Detector, *, frames: int = FRAMES) -> None:
        if frames < 1:
            raise ValueError(f"frames must be 1 or more, found {frames}")
        self.detector = detector
        self.frames = frames
        self.clock = 0  # the sample that comes next
        kept = round(RECENT * detector.front_end.frame_rate / frames)
        self._recent: deque[np.ndarray] = deque(maxlen=kept)
        self._stretch: _Stretch | None = None

    @property
    def delay(self) -> float:
        """Seconds from the centre of a frame to its score, at most, blocks left aside."""
        front_end, (_, right) = self.detector.front_end, self.detector.margins
        ahead = (right + self.frames - 1) * front_end.hop + front_end.n_fft / 2
        return ahead / front_end.sample_rate

    @property
    def decided(self) -> float:
        """Seconds on the clock before which no event can begin any more that is not known yet."""
        stretch, front_end = self._stretch, self.detector.front_end
        if stretch is None:
            return self.clock / front_end.sample_rate
        next_frame = stretch.n_scored * front_end.hop + (front_end.n_fft - front_end.hop) / 2
        earliest = [next_frame / front_end.sample_rate]
        for tracker in stretch.trackers:
            earliest += [span.onset for span in tracker.undecided()]
        begin = stretch.start / front_end.sample_rate
        return begin + max(0.0, min(earliest) + self.detector.decoder.shift)

    def ongoing(self) -> list[StreamEvent]:
        """Events that have begun and are not over; offset and score are those so far."""
        if self._stretch is None:
            return []
        pairs = zip(self._stretch.trackers, self.detector.labels, strict=True)
        return [
            self._event(span, label) for tracker, label in pairs for span in tracker.announced()
        ]

    def recent(self) -> np.ndarray:
        """Log-mel frames of the last minute, not standardised, (frames, n_mels)."""
        nothing = np.zeros((0, self.detector.front_end.n_mels), np.float32)
        return np.concatenate([nothing, *self._recent])

    def push(self, block: Block) -> Update:
        """Take a block; say which events it began and ended.

        Parameters
        ----------
        block : Block

        Returns
        -------
        Update

        Raises
        ------
        StreamError
            When the clock goes back, or the samples are not one row of finite numbers.
        """
        samples = self._checked(block)
        begun: list[StreamEvent] = []
        ended: list[StreamEvent] = []
        lost = block.start - self.clock if self._stretch else 0
        if lost:
            self._end_stretch(begun, ended)
        if self._stretch is None:
            self._stretch = self._new_stretch(block.start)
        self.clock = block.stop
        self._take(samples, begun, ended)
        return Update(tuple(begun), tuple(ended), lost)

    def flush(self) -> Update:
        """End the stretch, as the end of a recording does; the next block begins another."""
        begun: list[StreamEvent] = []
        ended: list[StreamEvent] = []
        self._end_stretch(begun, ended)
        return Update(tuple(begun), tuple(ended))

    def _checked(self, block: Block) -> np.ndarray:
        samples = np.asarray(block.samples, dtype=np.float32)
        if samples.ndim != 1:
            raise StreamError(
                f"samples must be one row, found shape {samples.shape}: downmix first"
            )
        if not np.isfinite(samples).all():
            raise StreamError("samples hold NaN or infinity: look at the source that made them")
        if self._stretch and block.start < self.clock:
            raise StreamError(
                f"the clock went back from {self.clock} to {block.start}: a source must count on"
            )
        return samples

    def _new_stretch(self, start: int) -> _Stretch:
        half = self.detector.front_end.hop / self.detector.front_end.sample_rate / 2
        decoder = self.detector.decoder
        return _Stretch(start, [EventTracker(decoder, half=half) for _ in self.detector.labels])

    def _take(self, samples: np.ndarray, begun: list, ended: list) -> None:
        """Make features of every full group of frames, and scores of those with their context."""
        stretch, front_end = self._stretch, self.detector.front_end
        stretch.n_samples += len(samples)
        stretch.samples = np.concatenate([stretch.samples, samples])
        at = 0
        while len(stretch.samples) - at >= self._group().stop:
            group = self._group()
            self._add_frames(front_end.log_mel(stretch.samples[at : at + group.stop]))
            self._score(begun, ended)
            at += group.step
        stretch.samples = stretch.samples[at:].copy() if at else stretch.samples

    def _group(self) -> slice:
        """Give the samples of the next frames made together, and the step to those behind.

        The first group is short, so that the ones behind end where the network's context does: else
        each score would wait for frames that it does not need.
        """
        front_end, (_, right) = self.detector.front_end, self.detector.margins
        first = right % self.frames if not self._stretch.n_frames else 0
        count = first or self.frames
        last = (count - 1) * front_end.hop + front_end.n_fft
        return slice(0, last, count * front_end.hop)

    def _add_frames(self, log_mel: np.ndarray) -> None:
        stretch, (left, _) = self._stretch, self.detector.margins
        features = self.detector.front_end.standardise(log_mel)
        if stretch.features is None:  # before the first frame there is only itself
            features = np.pad(features, ((left, 0), (0, 0)), mode="edge")
            stretch.features = features
        else:
            stretch.features = np.concatenate([stretch.features, features])
        stretch.n_frames += len(log_mel)
        self._recent.append(log_mel)

    def _score(self, begun: list, ended: list, *, until: int | None = None) -> None:
        """Score groups of frames whose context is there; `until`: frames that are real."""
        stretch, (left, right) = self._stretch, self.detector.margins
        need = left + self.frames + right
        while len(stretch.features) >= need and (until is None or stretch.n_scored < until):
            values = self.detector.network(stretch.features[:need])
            count = self.frames if until is None else min(self.frames, until - stretch.n_scored)
            self._follow(values[:count], begun, ended)
            stretch.n_scored += count
            stretch.features = stretch.features[self.frames :]

    def _follow(self, values: np.ndarray, begun: list, ended: list) -> None:
        stretch, front_end = self._stretch, self.detector.front_end
        index = np.arange(stretch.n_scored, stretch.n_scored + len(values))
        times = (index * front_end.hop + front_end.n_fft / 2) / front_end.sample_rate
        for column, tracker in enumerate(stretch.trackers):
            self._tell(*tracker.feed(values[:, column], times), column, begun, ended)

    def _tell(
        self, new: list[Span], old: list[Span], column: int, begun: list, ended: list
    ) -> None:
        label = self.detector.labels[column]
        for spans, events in ((new, begun), (old, ended)):
            made = [self._event(span, label) for span in spans]
            events.extend(event for event in made if event.offset > event.onset)

    def _event(self, span: Span, label: str) -> StreamEvent:
        """Move a span to the clock of the stream, inside its stretch."""
        rate, shift = self.detector.front_end.sample_rate, self.detector.decoder.shift
        seconds, begin = self._stretch.n_samples / rate, self._stretch.start / rate
        onset, offset = (min(max(t + shift, 0.0), seconds) for t in (span.onset, span.offset))
        return StreamEvent(begin + onset, begin + offset, label, float(span.score))

    def _end_stretch(self, begun: list, ended: list) -> None:
        """Score what is left, the last frame repeated, and end what goes on."""
        stretch, (left, right) = self._stretch, self.detector.margins
        if stretch is None or not stretch.n_samples:
            self._stretch = None
            return
        total = self.detector.front_end.n_frames(stretch.n_samples)
        self._add_last_frames(total)
        wanted = -(-(total - stretch.n_scored) // self.frames) * self.frames + left + right
        tail = ((0, max(0, wanted - len(stretch.features))), (0, 0))
        stretch.features = np.pad(stretch.features, tail, mode="edge")
        self._score(begun, ended, until=total)
        for column, tracker in enumerate(stretch.trackers):
            self._tell(*tracker.flush(), column, begun, ended)
        self._stretch = None

    def _add_last_frames(self, total: int) -> None:
        """Turn what is left of the samples into frames, in a group as long as the others."""
        stretch, front_end = self._stretch, self.detector.front_end
        while (missing := total - stretch.n_frames) > 0:
            group = self._group()
            samples = stretch.samples[: group.stop]
            padded = np.pad(samples, (0, group.stop - len(samples)))
            self._add_frames(front_end.log_mel(padded)[:missing])
            stretch.samples = stretch.samples[group.step :]
