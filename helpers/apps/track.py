"""The fermentation tracker's command: listen, count, remember, report.

It ends when its file ends, or when it is told to: Ctrl-C and SIGTERM let it write what it knows.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from .. import __version__
from ..bundle import Detector, load, shipped
from . import _status
from .journal import JournalError
from .sinks import SinkError

DESCRIPTION = """\
Listen to the airlock of a fermenting brew, count its plops, and keep bubbles per minute in a
database. Ctrl-C ends it cleanly."""

EPILOG = """\
examples:
  %(prog)s                                     listen to the default microphone
  %(prog)s --list-devices                      what can be listened to
  %(prog)s --file brew.flac --dry-run          what it would count in a recording
  %(prog)s --sink csv:brew.csv --sink mqtt     tell others too

where http and mqtt send to is never said here, where others may read it, but in the environment
or in a file of NAME=value lines (--secrets):
  HEARING_HTTP_URL, HEARING_HTTP_TOKEN   an address that takes {"name": ..., "bpm": ...}
  HEARING_MQTT_URL                       mqtt://user:password@host:1883/prefix

exit status: 0 the file ended, or SIGTERM; 130 Ctrl-C; 1 something is wrong with the source, the
model, the database or a sink; 2 the command line.
"""

log = logging.getLogger("helpers.track")


def parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m helpers.track",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"machine-hearing {__version__}")
    made.add_argument("--list-devices", action="store_true", help="list what can record, and end")
    _sources(made.add_argument_group("source"))
    _detection(made.add_argument_group("detection"))
    _results(made.add_argument_group("results"))
    return made


def _sources(group) -> None:
    one = group.add_mutually_exclusive_group()
    one.add_argument(
        "--device", metavar="DEVICE", help="index of a microphone, or a part of its name"
    )
    one.add_argument("--file", type=Path, metavar="PATH", help="listen to a recording instead")
    group.add_argument(
        "--pace",
        choices=("fast", "real"),
        default="fast",
        help="a file as fast as it goes (the default), or as a microphone would bring it",
    )
    group.add_argument(
        "--began",
        type=float,
        metavar="UNIX",
        help="when the file was recorded; now, when left out",
    )


def _detection(group) -> None:
    group.add_argument(
        "--model",
        type=Path,
        metavar="FOLDER",
        help="folder of a detector; left out: the one that comes with the course",
    )
    group.add_argument(
        "--threshold", type=float, metavar="X", help="count what scores X or more, from 0 to 1"
    )
    group.add_argument(
        "--window",
        type=int,
        default=15,
        metavar="MINUTES",
        help="the rate is taken over the last ones (%(default)s)",
    )
    group.add_argument(
        "--too-active",
        type=float,
        default=200.0,
        metavar="RATE",
        help="of a brew: alarm from this rate a minute on (%(default)g)",
    )
    group.add_argument(
        "--expected-days",
        type=float,
        default=3.0,
        metavar="DAYS",
        help="of a brew: falling quiet sooner is an alarm (%(default)g)",
    )


def _results(group) -> None:
    group.add_argument(
        "--database",
        type=Path,
        default=Path("tracker.db"),
        metavar="PATH",
        help="SQLite file, made when missing (%(default)s)",
    )
    group.add_argument(
        "--sink",
        action="append",
        default=[],
        metavar="SINK",
        help="csv:PATH, http or mqtt; may be given more than once",
    )
    group.add_argument("--name", default="brew", help="what sinks call the brew (%(default)s)")
    group.add_argument(
        "--secrets", type=Path, metavar="PATH", help="file with addresses and tokens"
    )
    group.add_argument(
        "--dry-run", action="store_true", help="count and show; write no database, tell no sink"
    )
    group.add_argument("--quiet", action="store_true", help="no line of live status")
    group.add_argument("--verbose", action="store_true", help="log more")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tracker; return its exit status."""
    options = parser().parse_args(arguments)
    level = logging.DEBUG if options.verbose else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(message)s", stream=sys.stderr)
    stop = Stop()
    try:
        if options.list_devices:
            return list_devices()
        with ExitStack() as stack:
            stop.listen(stack)
            return run(options, stop, stack)
    except (JournalError, SinkError, ValueError, OSError) as error:
        print(f"helpers.track: {error}", file=sys.stderr)
        return 1


def list_devices() -> int:
    """Print what can record."""
    from ._microphone import devices

    found = devices()
    for device in found:
        mark = "*" if device["default"] else " "
        rate = f"{device['sample_rate'] / 1000:g} kHz"
        print(f"{mark} {device['index']:3}  {device['name']}  ({device['channels']} ch, {rate})")
    print("* is the default" if found else "No device that can record was found.")
    return 0


class Stop:
    """Remembers the signal that asked for an end; a second one ends at once."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self) -> bool:
        """Tell whether a signal has come."""
        return self.signal is not None

    def listen(self, stack: ExitStack) -> None:
        """Take SIGINT and SIGTERM until the stack is closed."""
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.signal(number, self._take)
            stack.callback(signal.signal, number, before)

    def _take(self, number: int, frame) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number

    @property
    def status(self) -> int:
        """Exit status: 130 for Ctrl-C as a shell expects it, 0 otherwise."""
        return 130 if self.signal == signal.SIGINT else 0


def run(options, stop: Stop, stack: ExitStack) -> int:
    """Listen until the source ends or somebody stops it."""
    from .alarms import Rules

    detector = detector_of(options)
    source = source_of(options)  # a wrong name is told before anything is written
    if hasattr(source, "close"):
        stack.callback(source.close)
    rules = Rules(
        window=options.window,
        too_active=options.too_active,
        calm=0.75 * options.too_active,
        expected_days=options.expected_days,
    )
    keeper = keeper_of(options, detector, rules, stack)
    line = stack.enter_context(_status.Line(quiet=options.quiet))
    try:
        for item in source:
            keeper.take(item)
            line.show(keeper)
            if stop():
                break
    finally:
        keeper.finish()
    print(_status.summary(keeper))
    return stop.status


def detector_of(options) -> Detector:
    """Load the detector, with another threshold where one was given."""
    detector = load(options.model or shipped())
    if options.threshold is None:
        return detector
    if not 0 < options.threshold <= 1:
        raise ValueError(f"--threshold must be above 0 and at most 1, found {options.threshold:g}")
    decoder = detector.decoder
    low = decoder.threshold if decoder.low is None else decoder.low
    low = low * options.threshold / decoder.threshold
    return replace(detector, decoder=replace(decoder, threshold=options.threshold, low=low))


def source_of(options):
    """Open what is listened to."""
    from ._microphone import Microphone
    from ._sources import FileSource

    if options.file:
        return FileSource(options.file, pace=options.pace, began=options.began)
    device = options.device
    return Microphone(int(device) if device and device.isdigit() else device)


def keeper_of(options, detector: Detector, rules, stack: ExitStack):
    """Open the database and the sinks, and start the books."""
    from ._bookkeeper import Bookkeeper
    from .journal import Journal
    from .stream import FRAMES

    path = options.database
    if options.dry_run:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tracker-"))
        path = Path(folder) / "dry-run.db"
    journal = stack.enter_context(Journal(path))
    if options.sink and not options.dry_run:
        from . import sinks

        told = {"journal": journal, "name": options.name, "secrets": options.secrets}
        for sender in sinks.from_environment(options.sink, **told):
            stack.enter_context(sender)
    source = options.file.name if options.file else f"microphone {options.device or '(default)'}"
    journal.start(source=source, detector=detector.folder.name, now=time.time())
    stack.callback(lambda: journal.stop(time.time()))
    fast = options.file and options.pace == "fast"
    return Bookkeeper(detector, journal, rules=rules, frames=20 if fast else FRAMES)
