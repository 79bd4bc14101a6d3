"""A tracker with no microphone, made to be killed: second after second, as fast as it can.

    python killed_tracker.py JOURNAL [--pause S] [--csv PATH] [--http URL] [--mqtt URL]
                             [--seconds N]

What second ``n`` holds follows from ``n`` alone (see :func:`plops`), and where to go on follows
from the journal, so a test can tell exactly what must be there. Each second is acknowledged on
standard output when the journal has taken it. With ``--seconds`` it ends there, once every sink
has learnt everything.
"""

import argparse
import sys
import time

START = 1_740_853_800  # 2025-03-01, 18:30 UTC: a full minute


def plops(second):
    """Times of the plops in a second: none, one or two."""
    from helpers.apps.records import Event

    count = (second * 7 + second // 60) % 3
    return [Event(START + second + 0.3 * k + 0.1, 0.05, 0.9) for k in range(count)]


def minute(start, count, seconds):
    """A closed minute; the rate is its own."""
    from helpers.apps.records import Minute

    rate = 60 * count / seconds
    return Minute(start, count, seconds, rate, rate / 2, rate * 2, "active")


def done(journal):
    """Seconds that the journal holds."""
    heard = sum(one.seconds for one in journal.minutes())
    return round(heard + sum(seconds for _, _, seconds in journal.open_minutes(float("inf"))))


def run(journal, *, pause, until):
    second = done(journal)
    while second < until:
        whole = START + 60 * (second // 60)
        for found in journal.open_minutes(whole):  # also what a kill left open
            journal.close_minute(minute(*found))
        journal.add(events=plops(second), heard={whole: 1.0})
        second += 1
        print(second, flush=True)
        time.sleep(pause)
    for found in journal.open_minutes(START + 60 * (second // 60)):
        journal.close_minute(minute(*found))


def senders(options):
    from helpers.apps import sinks

    sinks.FIRST = 0.02  # seconds: the sinks of a test are back soon
    made = []
    if options.csv:
        made.append(sinks.CsvSink(options.csv))
    if options.http:
        made.append(sinks.HttpSink(options.http, "t0ken", "brew", every=0.1))
    if options.mqtt:
        made.append(sinks.MqttSink(options.mqtt, "brew"))
    return [sinks.Sender(options.journal, sink, poll=0.01) for sink in made]


def main():
    from helpers.apps.journal import Journal

    parser = argparse.ArgumentParser()
    parser.add_argument("journal")
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--csv")
    parser.add_argument("--http")
    parser.add_argument("--mqtt")
    parser.add_argument("--seconds", type=int)
    options = parser.parse_args()
    made = senders(options)
    with Journal(options.journal, sinks=[sender.name for sender in made]) as journal:
        for sender in made:
            sender.start()
        journal.start(source="made", detector="none", now=time.time())
        run(journal, pause=options.pause, until=options.seconds or sys.maxsize)
        end = time.monotonic() + 20
        while any(journal.unsent().values()) and time.monotonic() < end:
            time.sleep(0.01)
        good = [sender.stop() for sender in made]
        journal.stop(time.time())
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
