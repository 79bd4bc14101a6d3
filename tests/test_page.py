"""The tracker's page: drawings and words with no browser, and the page in headless Chromium."""

import contextlib
import io
import json
import math
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import nbformat
import numpy as np
import psutil
import pytest
from browser import Screen, free_port, process
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from helpers import features, plot
from helpers.apps import alarms as rules
from helpers.apps import journal as journals
from helpers.apps.journal import Journal
from helpers.apps.page import (
    NARROW,
    WIDE,
    Alarm,
    _colours,
    _server,
    _spectrogram,
    _time,
    _words,
    alarms,
    plops_svg,
    rate_svg,
    spectrogram_svg,
)
from helpers.apps.page._live import Page
from helpers.apps.page._look import Look, look
from helpers.apps.records import Event, Minute, Notice, Picture, Session, minute_of

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "helpers" / "apps" / "page"
START = 1_740_000_000 // 60 * 60
SVG = "{http://www.w3.org/2000/svg}"

# --- drawings -----------------------------------------------------------------------------------


@st.composite
def some_minutes(draw, *, at_least=0):
    """Minutes in order, with gaps of any length; rates may be missing or nonsense."""
    rate = st.floats(0, 1e4) | st.sampled_from([math.nan, math.inf, 0.0, 5e-324, 1e300])
    steps = st.one_of(st.just(1), st.just(1), st.integers(1, 10), st.integers(1, 20_000))
    start, minutes = START + 60 * draw(st.integers(0, 10_000)), []
    for step in draw(st.lists(steps, min_size=at_least, max_size=60)):
        start += 60 * step
        low, mean, high = sorted((draw(rate), draw(rate), draw(rate)))
        seconds = draw(st.sampled_from([60.0, 60.0, 59.9, 1.0, 0.0]))
        count = draw(st.integers(0, 900)) if seconds else 0
        state = draw(st.sampled_from(rules.STATES))
        minutes.append(Minute(start, count, seconds, mean, low, high, state))
    return minutes


sizes = st.sampled_from([WIDE, NARROW, (480.0, 270.0)])
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)


def parsed(svg):
    """Parse a drawing; it must be well-formed, say what it shows, and stay in its frame."""
    root = ElementTree.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert len(root.get("aria-label")) > 20
    left, top, width, height = map(float, root.get("viewBox").split())
    assert (left, top) == (0, 0)
    for x, y in points(root):
        assert -0.1 <= x <= width + 0.1, (x, width)
        assert -0.1 <= y <= height + 0.1, (y, height)
    return root


def points(root):
    """Every point of a drawing."""
    for element in root.iter():
        of = {name: float(v) for name, v in element.items() if name in PLACES}
        assert all(map(math.isfinite, of.values()))
        if element.tag == f"{SVG}line":
            yield from ((of["x1"], of["y1"]), (of["x2"], of["y2"]))
        elif element.tag in (f"{SVG}rect", f"{SVG}image"):
            yield (of["x"], of["y"])
            yield (of["x"] + of["width"], of["y"] + of["height"])
        elif element.tag == f"{SVG}text":
            half = 0.5 * 13 * len(element.text) * 0.6
            shift = {"end": -half, "middle": 0.0}[element.get("text-anchor")]
            yield from ((of["x"] + shift - half, of["y"]), (of["x"] + shift + half, of["y"]))
        elif element.tag == f"{SVG}polygon":
            yield from (
                tuple(map(float, pair.split(","))) for pair in element.get("points").split()
            )
        elif element.tag == f"{SVG}path":
            for stroke in strokes(element):
                yield from stroke


PLACES = ("x", "y", "x1", "x2", "y1", "y2", "width", "height")


def strokes(path):
    """Sub-paths as lists of points; only what the page's drawings use: M, L, V, h0 and Z."""
    assert re.fullmatch(r"[-MLVZh0-9. ]*", path.get("d")), path.get("d")
    found = []
    for part in filter(None, path.get("d").split("M")):
        part = part.replace("Z", "").replace("h0", "")
        part, _, down = part.partition("V")
        pairs = [tuple(map(float, pair.split())) for pair in part.split("L")]
        found.append(pairs + ([(pairs[0][0], float(down))] if down else []))
    return found


def curve(svg, name):
    """Sub-paths of one of the curves."""
    return strokes(parsed(svg).find(f"{SVG}path[@class='{name}']"))


def drawn(minutes):
    """Those minutes of which a rate is known."""
    return [
        one
        for one in minutes
        if one.seconds and all(map(math.isfinite, (one.rate, one.low, one.high)))
    ]


@given(some_minutes(), sizes, st.lists(st.tuples(texts, st.integers(-99, 99)), max_size=3))
def test_any_minutes_draw_within_the_frame(minutes, size, named):
    marked = alarms(minutes)
    marked += [Alarm(name, "", START + 3600 * n, START + 3600 * n + 60) for name, n in named]
    svg = rate_svg(minutes, alarms=marked, size=size, zone=UTC)
    assert bool(svg) == bool(drawn(minutes))
    if svg:
        assert len(parsed(svg).findall(f"{SVG}g[@class='alarm']")) == len(marked)
    svg = plops_svg(minutes, size=size, zone=UTC)
    assert bool(svg) == any(one.seconds for one in minutes)
    if svg:
        total = sum(one.count for one in minutes)
        assert f"{total:,}" in parsed(svg).get("aria-label")


def times_of(minutes, stroke, size):
    """Turn x of a curve into unix seconds; the frame is measured, not asked for."""
    frame = parsed(rate_svg(minutes, size=size, zone=UTC)).find(f"{SVG}line")
    left, right = float(frame.get("x1")), float(frame.get("x2"))
    first, last = minutes[0].start, minutes[-1].start + 60
    return [first + (x - left) / (right - left) * (last - first) for x, _ in stroke]


@given(some_minutes(at_least=2), sizes)
def test_gaps_are_not_bridged_and_nothing_heard_is_left_out(minutes, size):
    heard = drawn(minutes)
    if not heard:
        return
    there = {one.start for one in heard}
    span = minutes[-1].start + 60 - minutes[0].start
    unit = 0.2 * span / 300  # coordinates are written to a tenth of at least 300
    covered = []
    for stroke in curve(rate_svg(minutes, size=size, zone=UTC), "rate"):
        times = times_of(minutes, stroke, size)
        covered += times
        for minute in range(minute_of(times[0] + unit) + 60, minute_of(times[-1] - unit), 60):
            assert minute in there, "a line passes over a minute that was not heard"
    column = max(60, span / 100)
    for one in heard:
        assert min(abs(one.start + 30 - time) for time in covered) <= column + unit


def test_a_gap_of_one_minute_in_two_weeks_is_open():
    whole = [Minute(START + 60 * n, 60, 60.0, 60.0, 52.0, 68.0, "active") for n in range(20_160)]
    holed = whole[:9_000] + whole[9_001:]
    for draw, name in ((rate_svg, "rate"), (plops_svg, "plops")):
        assert len(curve(draw(whole, zone=UTC), name)) == 1
        assert len(curve(draw(holed, zone=UTC), name)) > 1
        assert len(draw(holed, zone=UTC)) < 40_000


@given(some_minutes(at_least=1))
def test_cumulative_plops_never_fall_and_end_at_the_total(minutes):
    svg = plops_svg(minutes, zone=UTC)
    if not svg:
        return
    path = [point for stroke in curve(svg, "plops") for point in stroke]
    assert all(a[0] <= b[0] and a[1] >= b[1] for a, b in zip(path, path[1:], strict=False))
    lines = parsed(svg).findall(f"{SVG}line")
    labels = [one for one in parsed(svg).findall(f"{SVG}text") if one.get("text-anchor") == "end"]
    zero, other = (float(line.get("y1")) for line in (lines[0], lines[-1]))
    assert zero >= path[0][1] >= path[-1][1]
    if len(labels) > 1:  # the scale, read off its labels
        levels = [(float(one.get("y")), float(one.text.replace(",", ""))) for one in labels]
        (y0, v0), (y1, v1) = levels[0], levels[-1]
        read = v0 + (y0 - 4.5 - path[-1][1]) / (y0 - y1) * (v1 - v0)
        assert read == pytest.approx(sum(one.count for one in minutes), rel=0.01, abs=0.01)
    assert other <= zero + 5


@given(
    st.integers(0, 40),
    st.integers(0, 20),
    st.binary(max_size=900),
    st.floats(0.001, 3),
    st.lists(st.integers(-800, 800).map(lambda n: n / 4), max_size=20),
    st.tuples(st.floats(0, 500), st.floats(0, 20_000)),
)
def test_any_picture_draws_within_the_frame(frames, bands, values, hop, moments, edges):
    picture = Picture(START, frames, bands, hop, -60, 0, *sorted(edges), values)
    whole = frames * bands and len(values) == frames * bands
    events = [Event(START + moment, 0.1, 0.9) for moment in moments]
    assert bool(spectrogram_svg(picture, events, zone=UTC)) == bool(whole)
    picture = replace(picture, values=bytes(frames * bands))
    if not picture.values:
        return
    root = parsed(spectrogram_svg(picture, events, zone=UTC))
    inside = [moment for moment in moments if -frames * hop <= moment <= 0]
    assert len(root.findall(f"{SVG}g[@class='event']")) == len(inside)
    assert f" {len(inside)} plops" in root.get("aria-label")


def noise(frames=1200, bands=64):
    """Make a picture with one loud spot, in the frame 300 and the band 10."""
    values = np.random.default_rng(0).integers(0, 90, (frames, bands)).astype(np.uint8)
    values[300, 10] = 255
    return Picture(START, frames, bands, 0.05, -60, 0, 50.0, 8000.0, values.tobytes())


def test_the_picture_is_a_png_that_keeps_the_loudest():
    coded = _spectrogram.png(noise())
    image = Image.open(io.BytesIO(coded))
    assert image.format == "PNG"
    assert image.size == (600, 64)
    levels = np.asarray(image)
    assert np.unravel_index(levels.argmax(), levels.shape) == (63 - 10, 150)
    light = np.asarray(image.convert("L"))
    assert light[63 - 10, 150] == light.max() > 200
    assert len(coded) < 40_000


def test_an_event_is_marked_where_it_is_heard():
    root = parsed(spectrogram_svg(noise(), [Event(START - 45.0, 0.1, 0.9)], zone=UTC))
    image = root.find(f"{SVG}image")
    left, width = float(image.get("x")), float(image.get("width"))
    ((x, _), _) = strokes(root.find(f"{SVG}g[@class='event']/{SVG}path"))[0]
    assert x == pytest.approx(left + 0.25 * width, abs=0.1)


def test_pitches_stand_at_their_bands():
    for pitch in (20.0, 500.0, 1000.0, 7000.0):
        assert _spectrogram.mel(pitch) == pytest.approx(float(features.hz_to_mel(pitch)))
    front = features.FrontEnd(n_mels=64, fmin=50.0, fmax=8000.0)
    tone = np.sin(2 * np.pi * 2000 * np.arange(16_000) / 16_000).astype(np.float32)
    band = int(front.log_mel(tone).mean(axis=0).argmax())
    root = parsed(spectrogram_svg(noise(), zone=UTC))
    image = root.find(f"{SVG}image")
    top, height = float(image.get("y")), float(image.get("height"))
    label = next(one for one in root.findall(f"{SVG}text") if one.text == "2000")
    y = top + (63 - band + 0.5) / 64 * height
    assert float(label.get("y")) - 4.5 == pytest.approx(y, abs=height / 64)


def test_colours_are_those_of_the_course_and_levels_grow_lighter():
    assert _colours.PALETTE == plot.PALETTE
    light = [np.dot(_colours.mixed(x / 50), (0.2126, 0.7152, 0.0722)) for x in range(51)]
    assert all(a < b for a, b in zip(light, light[1:], strict=False))


@given(
    st.integers(0, 2_000_000_000),
    st.integers(60, 40 * 86_400),
    st.integers(2, 14),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"]),
)
def test_ticks_are_round_in_their_zone(first, span, most, zone):
    zone = ZoneInfo(zone)
    ticks = _time.ticks(first, first + span, most=most, zone=zone)
    times = [time for time, _ in ticks]
    assert times == sorted(times)
    assert len(ticks) <= most + 1
    assert all(first <= time <= first + span for time in times)
    assert all(_time.of(time, zone).second == 0 for time in times)
    if span > 3 * most * 86_400:
        assert all(_time.of(time, zone).hour == 0 for time in times)


# --- words --------------------------------------------------------------------------------------


def minutes_of(*states, start=START):
    return [Minute(start + 60 * n, 40, 60.0, 40.0, 30.0, 52.0, s) for n, s in enumerate(states)]


def test_alarms_are_read_off_the_minutes_too():
    minutes = minutes_of("active", "too active", "too active", "active", "stalled")
    first, second = alarms(minutes)  # with no notice: the tracker may have been killed
    assert (first.name, first.begin, first.end) == ("too active", START + 120, START + 240)
    assert (second.name, second.begin, second.end) == ("stalled", START + 300, None)
    told = [Notice(START + 120, "alarm", "too active: foam")]
    assert alarms(minutes, told) == [first, second]


def test_a_late_start_is_over_when_the_brew_starts():
    late = Notice(START + 60, "alarm", rules.LATE)
    (alarm,) = alarms(minutes_of("not started", "not started"), [late])
    assert alarm.end is None
    (alarm,) = alarms(minutes_of("not started", "not started", "active"), [late])
    assert (alarm.name, alarm.end) == ("nothing has started", START + 180)


def words(html):
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", html))


@pytest.mark.parametrize("state", rules.STATES)
def test_every_state_is_told_in_words(state):
    told = _words.state(Look(minutes_of(state)), now=START + 65)
    assert state in _words.STATES
    assert _words.STATES[state][0] in told
    assert ("alarm" in told) == (state in rules.ALARMS)


def test_a_dead_tracker_is_told_and_its_state_is_not_praised():
    session = Session(1, START, None, "microphone", "shipped")
    seen = Look(minutes_of("active"), session=session)
    now = START + 60 + 12 * 60 + 5
    assert "silent for 12 minutes" in _words.alive(seen, now=now)
    assert "not known" in _words.state(seen, now=now)
    assert "good" not in _words.state(seen, now=now)
    assert "good" in _words.state(seen, now=START + 90)
    assert "listening: last heard of 30 seconds ago" in _words.alive(seen, now=START + 90)
    assert "ahead" in _words.alive(seen, now=START - 9000)
    seen.session = replace(session, ended=START + 65)
    assert "was stopped, 12 minutes ago" in _words.alive(seen, now=now)


def test_the_newest_sign_of_life_counts():
    seen = Look()
    assert seen.heard_of is None
    assert "nothing yet" in _words.alive(seen, now=START)
    seen.going = [(START, 4, 30.0)]
    assert seen.heard_of == START + 30
    seen.picture = replace(noise(), time=START + 45.0)
    assert seen.heard_of == START + 45
    seen.notices = [Notice(START + 50, "gap", "")]
    assert seen.heard_of == START + 50


def test_rates_that_are_not_known_are_told_so():
    (minute,) = minutes_of("active")
    assert "40.0 bubbles a minute" in words(_words.rate(minute, now=START))
    assert "30.0 to 52.0" in words(_words.rate(minute, now=START))
    unknown = replace(minute, rate=math.nan, low=0.0, high=math.inf)
    assert "Too little was heard" in words(_words.rate(unknown, now=START))
    assert "no rate yet" in _words.rate(None, now=START)


def test_troubles_last_until_they_are_mended_or_the_tracker_starts_anew():
    lost, back = Notice(START + 1, "device lost", "USB"), Notice(START + 9, "device back", "USB")
    session = Session(1, START, None, "", "")

    def told(*notices, begun=START):
        seen = Look(notices=list(notices), session=replace(session, started=begun))
        return words(_words.alarm_list(seen, now=START + 20))

    assert "Device lost" in told(lost)
    assert "Device lost" not in told(lost, back)
    assert "Device lost" not in told(lost, begun=START + 5)


@given(texts, texts)
def test_what_the_database_says_is_never_taken_for_markup(kind, told):
    told = f"<img src=x>{told}&"
    seen = Look(minutes_of(f"<b>{kind}"), notices=[Notice(START, f"<i>{kind}", told)])
    seen.notices += [Notice(START, "alarm", told), Notice(START + 1, "device lost", told)]
    for html in (
        _words.state(seen, now=START),
        _words.alarm_list(seen, now=START),
        _words.notice_list(seen.notices),
        _words.trouble(told, read=None),
    ):
        root = ElementTree.fromstring(f"<x>{html}</x>")
        assert not [one for one in root.iter() if one.tag in ("img", "b", "i")]


@given(st.floats(0, 1e7))
def test_lengths_of_time_are_told_to_the_unit(seconds):
    told = _time.lasting(seconds)
    units = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
    read = re.findall(r"(\d+) (second|minute|hour|day)", told)
    least = units[read[-1][1]] if len(read) == 1 else {"hour": 60, "day": 3600}[read[0][1]]
    value = sum(int(n) * units[unit] for n, unit in read)
    assert value <= seconds < value + max(least, 1) + (3600 if len(read) == 1 else 0)


# --- the database -------------------------------------------------------------------------------


def write(path, *, minutes=3, rate=42.3, now=None):
    """Write a database as a tracker would, up to now."""
    now = time.time() if now is None else now
    with Journal(path) as journal:
        last = minute_of(now) - 60
        if not journal.minutes():
            journal.start(source="microphone", detector="shipped", now=last - 60 * minutes)
        since = journal.last_minute().start + 60 if journal.minutes() else last - 60 * (minutes - 1)
        for start in range(since, last + 1, 60):
            journal.add(events=[Event(start + n, 0.1, 0.9) for n in range(42)], heard={start: 60.0})
            journal.close_minute(Minute(start, 42, 60.0, rate, rate - 6, rate + 7, "active"))
        journal.set_picture(replace(noise(), time=now))
    return path


def test_a_look_reads_only_what_is_new_and_notices_another_file(tmp_path):
    path = write(tmp_path / "tracker.db", now=START)
    first = look(path)
    assert look(path, first).minutes is first.minutes
    write(path, now=START + 300)
    second = look(path, first)
    assert [one.start for one in second.minutes] == [one.start for one in look(path).minutes]
    assert len(second.minutes) == 8
    for file in tmp_path.glob("tracker.db*"):
        file.unlink()
    write(path, now=START, rate=7.0)
    assert {one.rate for one in look(path, second).minutes} == {7.0}


def test_looking_writes_nothing(tmp_path):
    path = write(tmp_path / "tracker.db")
    before = path.read_bytes()
    Page(path)
    assert path.read_bytes() == before


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        self.now += 5
        return self.now


def test_the_page_says_what_is_wrong_and_goes_on_trying(tmp_path, monkeypatch):
    monkeypatch.setattr(journals, "OPENING", 0.05)  # seconds to wait for a lock
    path = tmp_path / "tracker.db"
    page = Page(path, clock=Clock(time.time()))

    def told():
        page.refresh()
        return page.parts["trouble"].value

    assert "no database yet" in told()
    path.write_text("something else entirely")
    assert "not a database" in told()
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.executescript("PRAGMA application_id = 0x706c6f70; PRAGMA user_version = 9;")
        other.execute("CREATE TABLE minutes(x)")
    assert "newer software" in told()
    path.unlink()
    Journal(path).close()
    assert told() == ""
    assert "Nothing heard yet" in page.parts["state"].value
    write(path)
    assert told() == ""
    assert "42.3" in page.parts["rate"].value
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("DELETE FROM notices")
        assert "locked by another program" in told()
        assert "was read at" in told()
        assert "42.3" in page.parts["rate"].value  # what was known is still there
        other.execute("ROLLBACK")
    assert told() == ""
    path.unlink()
    assert "no database yet" in told()


def test_the_page_without_a_database_says_how_to_start_it(monkeypatch):
    monkeypatch.delenv("HEARING_TRACKER_DB", raising=False)
    assert "python -m helpers.apps.page" in Page().parts["trouble"].value


def test_the_kernel_needs_nothing_heavy(tmp_path):
    path = write(tmp_path / "tracker.db")
    code = (
        "import sys; from helpers.apps.page import show; show()\n"
        "heavy = 'numpy pandas scipy matplotlib librosa tensorflow debugpy ai_edge_litert'\n"
        "print([name for name in heavy.split() if name in sys.modules])"
    )
    env = os.environ | {"HEARING_TRACKER_DB": str(path)}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True
    )
    assert ran.stdout.strip() == "[]", ran.stderr


# --- the command --------------------------------------------------------------------------------


def test_help_and_greeting_say_what_a_network_means(capsys):
    with pytest.raises(SystemExit):
        _server.main(["--help"])
    assert "no password" in capsys.readouterr().out
    for host in ("127.0.0.1", "localhost", "::1", "127.0.0.5"):
        assert "Only this computer" in _server.greeting(host, 1, Path("x.db"))
    for host in ("0.0.0.0", "::", "", "192.168.7.7", "pi.local"):
        told = _server.greeting(host, 1, Path("x.db"))
        assert "WARNING" in told
        assert "without a password" in told


def test_a_port_that_is_taken_is_told(capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert _server.main(["--port", str(port)]) == 1
        told = capsys.readouterr().err
        assert str(port) in told
        assert "choose another --port" in told
    assert _server.main(["--port", "123456"]) == 1
    assert "0 to 65535" in capsys.readouterr().err
    assert _server.main(["--host", "192.0.2.1"]) == 1  # an address for documentation
    assert "--host" in capsys.readouterr().err


def test_the_package_carries_everything_the_page_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["helpers.apps.page"]
    carried = {path for pattern in patterns for path in PAGE.glob(pattern)}
    wanted = {
        path
        for path in PAGE.rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    }
    assert len(wanted) >= 6
    assert wanted <= carried


def test_the_notebook_is_short_and_holds_no_output():
    notebook = nbformat.read(PAGE / "tracker.ipynb", as_version=4)
    nbformat.validate(notebook)
    (cell,) = notebook.cells
    assert not cell.outputs
    assert len(cell.source.splitlines()) < 6


# --- the page in headless Chromium --------------------------------------------------------------


@contextlib.contextmanager
def served(database, folder, *options):
    """Run the page's server; give its address and its process."""
    log = folder / "page.log"
    (folder / "home").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "helpers.apps.page", "--database", database, *options]
    env = os.environ | {"HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
    with open(log, "w") as out:
        server = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=out)
    try:
        end = time.monotonic() + 90
        while not (found := re.search(r"http://\S+", log.read_text())):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < end, "the server never listened"
            time.sleep(0.2)
        yield found[0], psutil.Process(server.pid)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


@contextlib.contextmanager
def screen(width=1280, height=900):
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}: apt-get install chromium chromium-driver")
    driver = free_port()
    with process(["chromedriver", f"--port={driver}"], f"http://127.0.0.1:{driver}/status"):
        browser = Screen(driver, width=width, height=height)
        try:
            yield browser
        finally:
            browser.close()


RATE = "(document.querySelector('.tracker .rate') ?? {}).textContent"
BEAT = "document.querySelector('.tracker .beat')?.textContent"


def wait_until(true, *, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "never true"
        time.sleep(0.2)


@pytest.mark.chromium
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_the_page_shows_the_brew_and_what_is_new_by_itself(tmp_path, width, height):
    now = time.time()
    database = write(tmp_path / "tracker.db", minutes=600, now=now - 60)
    with Journal(database) as journal:  # markup and mathematics, which must not fetch anything
        told = r"<img src=http://192.0.2.1/x.png> $x^2$ \(y\) " + 60 * "long"
        journal.add(notices=[Notice(now - 70, "gap", told)])
    with served(database, tmp_path, "--port", "0") as (url, server), screen(width, height) as page:
        page.open(url)
        assert "42.3 bubbles a minute" in page.wait(f"return {RATE}")
        assert "Fermenting" in page.run("return document.querySelector('h1').textContent")
        assert page.run("return document.documentElement.scrollWidth") <= width
        drawings = page.run(
            "return [...document.querySelectorAll('.tracker svg')].filter(e => e.checkVisibility())"
            ".map(e => [e.getAttribute('aria-label'), e.getBoundingClientRect().width])"
        )
        assert len(drawings) == 3
        assert all(len(label) > 20 and wide > 0.4 * min(width, 900) for label, wide in drawings)
        page.run("window.sameAsBefore = true")
        write(database, rate=55.5)
        page.wait(f"return {RATE}.includes('55.5')")
        assert page.run("return window.sameAsBefore"), "the page was loaded again"
        assert page.run("return document.documentElement.scrollWidth") <= width
        assert page.hosts() == {"127.0.0.1"}
        where = os.environ.get("HEARING_SCREENSHOT")
        if where:
            Path(where).write_bytes(page.screenshot())
        page.run("location.href = 'about:blank'")
        wait_until(lambda: not server.children())  # its kernel ends with the page
    assert not [path for path in (tmp_path / "home").rglob("*") if path.is_file()]


@pytest.mark.chromium
def test_the_page_comes_back_when_its_server_does(tmp_path):
    database, port = write(tmp_path / "tracker.db"), str(free_port())
    with screen() as page:
        with served(database, tmp_path, "--port", port) as (url, _):
            page.open(url)
            page.wait(f"return {BEAT}")
        page.wait("return !document.getElementById('lost').hidden")
        write(database, rate=33.3, now=time.time() + 60)
        with served(database, tmp_path, "--port", port):
            page.wait(f"return {RATE}?.includes('33.3') && document.getElementById('lost').hidden")


@pytest.mark.chromium
def test_a_page_more_than_allowed_is_told_so(tmp_path):
    database = write(tmp_path / "tracker.db")
    with served(database, tmp_path, "--port", "0", "--pages", "1") as (url, _), screen() as page:
        page.open(url)
        page.wait(f"return {BEAT}")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(url, timeout=30)
        assert caught.value.code == 503
        told = caught.value.read().decode()
        assert "1 pages are open" in told or "1 page is open" in told
        assert "//" not in told.replace("<!DOCTYPE", "")
        old = page.run(f"return {BEAT}")
        page.wait(f"return {BEAT} !== {json.dumps(old)}")  # the first goes on
