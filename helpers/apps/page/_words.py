"""What the page says: pieces of HTML in plain words, everything from the database escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import tzinfo
from html import escape

from helpers.apps import alarms as rules
from helpers.apps.page import _time
from helpers.apps.page._alarms import Alarm, troubles
from helpers.apps.page._look import Look
from helpers.apps.records import MINUTE, Minute, Notice

SILENT = 60.0  # seconds without a sign; the tracker writes every second
SHOWN = 12  # notices
PAST = 10  # alarms that are over
STATES = {
    rules.NOT_STARTED: ("Not started yet", "It counts as started when it has bubbled for a while."),
    rules.ACTIVE: ("Fermenting", "The airlock bubbles as it should."),
    rules.TOO_ACTIVE: ("Bubbling too fast", rules.ALARMS[rules.TOO_ACTIVE]),
    rules.STALLED: ("Stalled: quiet too early", rules.ALARMS[rules.STALLED]),
    rules.STOPPED: ("Stopped abruptly", rules.ALARMS[rules.STOPPED]),
    rules.FINISHED: ("Finished", "It has fallen quiet, as late as expected."),
}
KINDS = {rules.ACTIVE: "good", rules.FINISHED: "good"} | dict.fromkeys(rules.ALARMS, "alarm")
SIGNS = {"good": "✓", "alarm": "!", "plain": "…"}


def state(look: Look, *, now: float, zone: tzinfo | None = None) -> str:
    """Say what the brew does, big; what it did, where nobody listens any more."""
    last = look.last
    name = last.state if last else ""
    told, more = STATES.get(name, (name.capitalize(), ""))
    kind = KINDS.get(name, "plain")
    if last is None:
        told, more = "Nothing heard yet", "The first minute is not over."
    elif now - (look.heard_of or now) > SILENT:
        up_to = _time.when(last.start + MINUTE, zone, now=now)
        more = f"That was at {up_to}; what it does now is not known."
        kind = "plain" if kind == "good" else kind
    more = more[:1].upper() + more[1:]
    return (
        f'<div class="state {kind}" role="status"><span class="sign" aria-hidden="true">'
        f"{SIGNS[kind]}</span><div><h1>{escape(told)}</h1><p>{escape(more)}</p></div></div>"
    )


def rate(last: Minute | None, *, now: float, zone: tzinfo | None = None) -> str:
    """Say the current rate with its interval."""
    if last is None:
        return '<p class="rate">no rate yet</p>'
    up_to = _time.when(last.start + MINUTE, zone, now=now)
    if not all(map(math.isfinite, (last.rate, last.low, last.high))):
        return f'<p class="rate">no rate</p><p>Too little was heard up to {up_to}.</p>'
    return (
        f'<p class="rate"><strong>{figure(last.rate)}</strong> bubbles a minute</p>'
        f"<p>95 % interval {figure(last.low)} to {figure(last.high)}, up to {up_to}</p>"
    )


def figure(value: float) -> str:
    """Write a rate: a tenth matters only below 100."""
    return f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"


def plops(look: Look, *, zone: tzinfo | None = None) -> str:
    """Say how many there were, and how the minute goes that is not over."""
    unit = "plop" if look.plops == 1 else "plops"
    told = f"<p><strong>{look.plops:,}</strong> {unit} counted in all</p>"
    if look.going:
        start, count, seconds = look.going[-1]
        told += f"<p>{count:,} in {seconds:.0f} s heard since {_time.clock(start, zone)}</p>"
    return told


def alive(look: Look, *, now: float, zone: tzinfo | None = None) -> str:
    """Say when the tracker was last heard of."""
    heard_of, session = look.heard_of, look.session
    if heard_of is None:
        return '<p class="alive">The tracker has written nothing yet.</p>'
    age = now - heard_of
    when = _time.when(heard_of, zone, now=now)
    if session and session.ended is not None and session.ended >= session.started:
        told = f"The tracker was stopped, {_time.lasting(now - session.ended)} ago"
        told += f" ({_time.when(session.ended, zone, now=now)})."
        return f'<p class="alive quiet">{told}</p>'
    if age < -SILENT:
        told = f"The tracker's times are {_time.lasting(-age)} ahead of this computer's clock."
    elif age <= SILENT:
        told = f"The tracker is listening: last heard of {_time.lasting(age)} ago."
    else:
        told = f"The tracker has been silent for {_time.lasting(age)}, since {when}: "
        told += "is it still running?"
        return f'<p class="alive silent" role="alert">{told}</p>'
    return f'<p class="alive">{told}</p>'


def alarm_list(look: Look, *, now: float, zone: tzinfo | None = None) -> str:
    """List open alarms and troubles, then those that are over, newest first."""
    since = look.session.started if look.session else 0.0
    items = [_open(one.name, one.advice, one.begin, now, zone) for one in _newest(look.alarms)]
    for one in troubles(look.notices, since=since):
        items.append(_open(one.kind, one.text, one.time, now, zone))
    for one in [one for one in reversed(look.alarms) if one.end is not None][:PAST]:
        times = f"{_time.when(one.begin, zone)} to {_time.when(one.end, zone)}"
        lasted = _time.lasting(one.end - one.begin)
        items.append(f"<li>{escape(one.name)}, over: {times} ({lasted})</li>")
    listed = f'<ul class="alarms">{"".join(items)}</ul>' if items else "<p>None so far.</p>"
    return f"<h2>Alarms</h2>{listed}"


def _newest(alarms: Iterable[Alarm]) -> list[Alarm]:
    return [one for one in reversed(list(alarms)) if one.end is None]


def _open(name: str, advice: str, begin: float, now: float, zone: tzinfo | None) -> str:
    times = f"since {_time.when(begin, zone, now=now)} ({_time.lasting(now - begin)})"
    return (
        f'<li class="open"><strong>{escape(name.capitalize())}</strong> {times}: '
        f"{escape(advice)}</li>"
    )


def notice_list(notices: list[Notice], *, zone: tzinfo | None = None) -> str:
    """List what else the tracker noted, newest first."""
    items = [
        f"<li><strong>{escape(one.kind)}</strong>, {_time.when(one.time, zone)}: "
        f"{escape(one.text)}</li>"
        for one in reversed(notices)
        if not one.kind.startswith("alarm")
    ]
    if not items:
        return ""
    kept = "".join(items[:SHOWN])
    return f'<h2>What the tracker noted</h2><ul class="notices">{kept}</ul>'


def trouble(message: str, *, read: float | None, zone: tzinfo | None = None) -> str:
    """Say why nothing new can be shown, and what is shown in its place."""
    told = f"{escape(message)}. This page goes on trying."
    if read is not None:
        told += f" What it shows was read at {_time.clock(read, zone, seconds=True)}."
    return f'<p class="trouble" role="alert">{told}</p>'


def beat(now: float, zone: tzinfo | None = None) -> str:
    """Say when the page last looked; it changes with every look."""
    name = _time.of(now, zone).astimezone(zone).tzname()
    told = f"This page looked at {_time.clock(now, zone, seconds=True)}"
    return f'<p class="beat">{told}; its times are those of its computer ({escape(str(name))}).</p>'
