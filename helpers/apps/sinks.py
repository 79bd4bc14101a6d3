"""Where closed minutes go: a CSV file, a web service, a message broker.

Each sink has a :class:`Sender`, a thread with a connection of its own to the journal, so that no
network holds up the listening. What a sink has not learnt stays in the journal's spool, over
restarts as well. Addresses and tokens come from the environment or a file, never from the command
line, and are shown nowhere.
"""

from __future__ import annotations

import collections
import contextlib
import logging
import random
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from helpers.apps._csv_sink import CsvSink
from helpers.apps._http_sink import HttpSink
from helpers.apps._mqtt_sink import MqttSink
from helpers.apps._secrets import Secret, SinkError, settings
from helpers.apps._spool import NotDelivered, Spool, explained
from helpers.apps.journal import Journal
from helpers.apps.records import Notice, iso

__all__ = [
    "CsvSink",
    "HttpSink",
    "MqttSink",
    "NotDelivered",
    "Secret",
    "Sender",
    "SinkError",
    "from_environment",
]

FIRST = 5.0  # seconds until the second try; each wait is twice as long as the one before
QUIET = 600.0  # seconds that an outage may last before a notice tells of it
POLL = 2.0  # seconds from one look at the journal to the next

log = logging.getLogger(__name__)


class Sink(Protocol):
    """What a sender needs of a sink.

    ``name`` is its name in the journal, ``longest`` the most seconds between two tries, ``later``
    those where only a person can mend it, and ``last_look`` says whether it is looked at once more
    when the tracker stops.
    """

    name: str
    longest: float
    later: float
    last_look: bool

    def deliver(self, spool: Spool, clock: Callable[[], float]) -> float | None:
        """Tell what is due and mark it; returns the seconds until more may be due, None if soon.

        Raises
        ------
        NotDelivered
            When it was not told; everything not marked is told again.
        """

    def close(self) -> None:
        """Let go of everything held open."""


class Sender:
    """Bring a sink what it must still learn, in a thread of its own.

    Parameters
    ----------
    journal_path : path
        The journal; it may be made later.
    sink : CsvSink, HttpSink or MqttSink
    clock : callable
        Gives unix seconds.
    sleep : callable, optional
        Waits for so many seconds; without it the wait ends early when the sender is stopped.
    poll : float
        Seconds from one look at the journal to the next.
    """

    def __init__(
        self,
        journal_path: str | Path,
        sink: Sink,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
        poll: float = POLL,
    ) -> None:
        self.path, self.sink = Path(journal_path), sink
        self._clock, self._poll = clock, poll
        self._stopping = threading.Event()
        self._sleep = sleep or self._stopping.wait
        self._thread: threading.Thread | None = None
        self._spool: Spool | None = None
        self._failures = 0
        self._since = 0.0  # of the failures
        self._said = ""  # in the last notice of this outage
        self._notices: collections.deque[Notice] = collections.deque(maxlen=10)

    def __repr__(self) -> str:
        return f"Sender({self.sink!r})"

    @property
    def name(self) -> str:
        """The sink's name, for the journal's ``sinks``."""
        return self.sink.name

    def start(self) -> None:
        """Begin to send."""
        self._thread = threading.Thread(target=self._run, name=f"sink {self.name}", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> bool:
        """End the thread; what is not told is told after the next start.

        Parameters
        ----------
        timeout
            Seconds to wait for it.

        Returns
        -------
        bool
            False where it is still busy; it ends with the process.
        """
        self._stopping.set()
        if self._thread is None:
            self._close()
            return True
        self._thread.join(timeout)
        if self._thread.is_alive():
            log.warning("%s: still busy after %g s, left alone", self.name, timeout)
            return False
        return True

    def __enter__(self) -> Sender:
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def step(self) -> float:
        """Look once at what must be told; returns the seconds until the next look."""
        try:
            if self._spool is None:
                self._spool = Spool(self.path, self.name)
            self._spool.settle()
            wait = self.sink.deliver(self._spool, self._clock)
        except NotDelivered as error:
            wait = self._failed(error)
        except sqlite3.Error as error:
            wait = self._failed(NotDelivered(explained(error)))
        except Exception as error:  # the thread must go on; the text might hold a secret
            at = traceback.extract_tb(error.__traceback__)[-1]
            name = Path(at.filename).name
            wait = self._failed(NotDelivered(f"{type(error).__name__} at {name}:{at.lineno}"))
        else:
            self._worked()
        self._tell()
        return self._poll if wait is None else wait

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._sleep(self.step())
            if self.sink.last_look and not self._failures:
                self.step()
        finally:
            self._close()

    def _close(self) -> None:
        self.sink.close()
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _failed(self, error: NotDelivered) -> float:
        """Count a failure; returns how long to wait: longer each time, never two senders alike."""
        now, text = self._clock(), str(error)
        if not self._failures:
            self._since = now
            log.warning("%s: %s", self.name, text)
        if text != self._said and (
            error.refused or (not self._said and now - self._since >= QUIET)
        ):
            self._said = text
            self._notices.append(Notice(now, "sink", f"{self.name}: {text}; nothing is lost"))
        wait = min(FIRST * 2.0 ** min(self._failures, 20), self.sink.longest)
        if error.refused:
            wait = self.sink.later
        self._failures += 1
        return max(error.wait, wait * random.uniform(0.5, 1.0))

    def _worked(self) -> None:
        if self._failures:
            log.info("%s: works again", self.name)
        if self._said:
            text = f"{self.name}: works again; it failed from {iso(self._since)}"
            self._notices.append(Notice(self._clock(), "sink", text))
        self._failures, self._said = 0, ""

    def _tell(self) -> None:
        """Write notices; where that fails they are written after the next look."""
        with contextlib.suppress(sqlite3.Error):
            while self._notices and self._spool is not None:
                self._spool.note(self._notices[0])
                self._notices.popleft()


def from_environment(
    names: Sequence[str],
    *,
    journal: str | Path | Journal,
    name: str,
    secrets: str | Path | None = None,
) -> list[Sender]:
    """Set up senders; they are not started.

    Parameters
    ----------
    names
        Of ``csv:PATH``, ``http`` and ``mqtt``.
    journal
        The open journal, which from now on keeps every minute for these sinks; or its path, where
        it may be made later. Then it must be opened with
        ``sinks=[sender.name for sender in senders]``.
    name
        Of the brew or the device, as the sinks show it.
    secrets
        A file of ``NAME=value`` lines that only its owner may read. It goes before the
        environment. ``HEARING_HTTP_URL`` and, where it is needed, ``HEARING_HTTP_TOKEN`` are for
        ``http``; ``HEARING_MQTT_URL`` is for ``mqtt``.

    Returns
    -------
    list of Sender

    Raises
    ------
    SinkError
        When a name is unknown or doubled, a setting is missing or cannot be used, or others may
        read the file of secrets.
    """
    found = settings(None if secrets is None else Path(secrets))
    made = [_sink(one, name, found) for one in names]
    doubled = [one for one, count in collections.Counter(s.name for s in made).items() if count > 1]
    if doubled:
        raise SinkError(f"sink {doubled[0]}: named twice, once is enough")
    if not isinstance(journal, Journal):
        return [Sender(journal, sink) for sink in made]
    journal.sinks = tuple(sink.name for sink in made)
    return [Sender(journal.path, sink) for sink in made]


def _sink(asked: str, name: str, found: dict[str, Secret]) -> Sink:
    kind, _, rest = asked.partition(":")
    if kind == "csv" and rest:
        return CsvSink(Path(rest).expanduser())
    if asked == "http":
        return HttpSink(
            _wanted(found, "HEARING_HTTP_URL", asked), found.get("HEARING_HTTP_TOKEN"), name
        )
    if asked == "mqtt":
        return MqttSink(_wanted(found, "HEARING_MQTT_URL", asked), name)
    if "://" in asked:  # an address, perhaps with a password: it is not shown
        raise SinkError(
            "sink: an address is no sink: name http or mqtt, and put the address into "
            "HEARING_HTTP_URL or HEARING_MQTT_URL, where other users of the computer do not see it"
        )
    shown = repr(asked) if asked.isidentifier() else "of another form"
    raise SinkError(f"sink {shown}: csv:PATH, http or mqtt wanted")


def _wanted(found: dict[str, Secret], setting: str, sink: str) -> Secret:
    if setting not in found:
        raise SinkError(
            f"sink {sink}: {setting} is missing: set it in the environment, or in a file that "
            "--secrets names"
        )
    return found[setting]
