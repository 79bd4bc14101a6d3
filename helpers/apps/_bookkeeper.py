"""From a stream to the journal: events, minutes that are over, notices, a picture of the last one.

What is decided goes to the journal about once a second, so that a killed tracker loses no more.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable

import numpy as np

from ..bundle import Detector
from ._blocks import Block, Trouble
from ._health import Health
from .alarms import NOT_STARTED, Rules, Status, Watch
from .journal import Journal
from .records import MINUTE, Event, Minute, Notice, Picture, minute_of
from .stream import FRAMES, StreamDetector, StreamEvent, Update

PICTURE_EVERY = 5.0  # seconds of stream; the page asks no more often
PICTURE_HOP = 5  # frames of the front end in one of the picture
PICTURE_RANGE = 60.0  # decibels


class Bookkeeper:
    """Run the detector on what a source yields and keep the books.

    Parameters
    ----------
    detector : Detector
    journal : Journal
        Started already. Its minutes tell the state of the brew after a restart.
    rules : Rules, optional
    frames : int
        As in :class:`StreamDetector`.
    clock : callable
        Unix time, for sources that do not know theirs.
    """

    def __init__(
        self,
        detector: Detector,
        journal: Journal,
        *,
        rules: Rules | None = None,
        frames: int = FRAMES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.stream = StreamDetector(detector, frames=frames)
        self.journal, self.health = journal, Health(detector.front_end.sample_rate)
        self.watch, self.status = Watch(rules), Status(math.nan, 0.0, math.inf, NOT_STARTED)
        self.labels = tuple(detector.labels)
        self.plops = 0  # of this run, whatever the labels are
        self._clock = clock
        self._rate = detector.front_end.sample_rate
        self._offset: float | None = None  # unix time of the stream's sample 0
        self.now = 0.0  # unix time that the stream has reached
        self.seconds = 0.0  # heard in this run
        self._written = self._drawn = 0.0
        self._events: list[Event] = []
        self._notices: list[Notice] = []
        self._heard: defaultdict[int, float] = defaultdict(float)
        self._counted: set[tuple[str, float]] = set()  # events told before they were over
        for minute in journal.minutes():
            self.status = self.watch.step(minute.start, minute.count, minute.seconds)

    def take(self, item: Block | Trouble) -> Update:
        """Take what a source yields.

        Parameters
        ----------
        item : Block or Trouble

        Returns
        -------
        Update
            What the stream made of it.
        """
        if isinstance(item, Trouble):
            return self._trouble(item)
        self._place(item)
        update = self.stream.push(item)
        if update.lost:
            text = f"{update.lost / self._rate:.2f} s of sound are missing"
            self._notices.append(Notice(self.now, "gap", text))
        self._hear(item)
        self._note(update)
        if self.now - self._written >= 1.0:
            self._write()
        return update

    def finish(self) -> Update:
        """End the stream, and write what is left; the open minute stays open for a next run."""
        update = self.stream.flush()
        self._note(update)
        self._write()
        return update

    def _trouble(self, item: Trouble) -> Update:
        """Write it down; a device that is gone ends the stretch, and the minutes go on."""
        self._notices.append(Notice(item.time, item.kind, item.text))
        if item.kind == "overflow":
            return Update()
        update = self.stream.flush()
        self._note(update)
        self._write()
        return update

    def _place(self, block: Block) -> None:
        """Know which time it is at the stream's sample 0."""
        if block.time is not None:
            self._offset = block.time - block.start / self._rate
        elif self._offset is None:
            self._offset = self._clock() - block.stop / self._rate

    def _hear(self, block: Block) -> None:
        """Add the block's length to the minutes in which it lies."""
        self.seconds += len(block.samples) / self._rate
        begin = self._offset + block.start / self._rate
        self.now = end = self._offset + block.stop / self._rate
        self._notices += self.health.take(block.samples, begin)
        while begin < end:
            minute = minute_of(begin)
            until = min(end, minute + MINUTE)
            self._heard[minute] += until - begin
            begin = until

    def _note(self, update: Update) -> None:
        self.plops += len(update.begun)
        for event in update.ended:
            self._add(event)

    def _add(self, event: StreamEvent) -> None:
        key = (event.event_label, event.onset)
        if key in self._counted:
            self._counted.remove(key)
            return
        onset = self._offset + event.onset
        length = event.offset - event.onset
        self._events.append(Event(onset, length, event.score, event.event_label))

    def _write(self) -> None:
        """Write down what is known, and close the minutes that are over."""
        over = minute_of(self._offset + self.stream.decided) if self._offset is not None else 0
        for event in self.stream.ongoing():
            key = (event.event_label, event.onset)
            if self._offset + event.onset < over and key not in self._counted:
                self._add(event)  # its minute is over, and it goes on
                self._counted.add(key)
        self.journal.add(events=self._events, notices=self._notices, heard=dict(self._heard))
        self._events, self._notices = [], []
        self._heard.clear()
        self._written = self.now
        for start, count, seconds in self.journal.open_minutes(over):
            self._close(start, count, seconds)
        if self.now - self._drawn >= PICTURE_EVERY:
            self._drawn = self.now
            self.journal.set_picture(picture(self.stream, self.now))

    def _close(self, start: int, count: int, seconds: float) -> None:
        last = self.watch.last
        if last is not None and start <= last:
            return  # the computer's clock was set back
        self.status = status = self.watch.step(start, count, seconds)
        if status.notices:  # before the minute: rather told twice after a crash than never
            self.journal.add(notices=status.notices)
        rates = (status.rate, status.low, status.high)
        self.journal.close_minute(Minute(start, count, seconds, *rates, status.state))


def picture(stream: StreamDetector, time: float) -> Picture:
    """Make the last minute's spectrogram small enough to be kept and sent again and again."""
    front_end = stream.detector.front_end
    log_mel = stream.recent()
    log_mel = log_mel[len(log_mel) % PICTURE_HOP :]
    coarse = log_mel.reshape(-1, PICTURE_HOP, front_end.n_mels).max(axis=1)
    decibels = 10 / np.log(10) * coarse
    high = float(decibels.max()) if len(decibels) else 0.0
    low = high - PICTURE_RANGE
    values = np.clip((decibels - low) / PICTURE_RANGE * 255, 0, 255).astype(np.uint8)
    hop = PICTURE_HOP * front_end.hop / front_end.sample_rate
    bands = (front_end.fmin, front_end.fmax)
    return Picture(time, len(coarse), front_end.n_mels, hop, low, high, *bands, values.tobytes())
