"""Where closed minutes go: each is learnt once, whatever fails, and no secret is shown."""

import copy
import json
import logging
import math
import os
import pickle
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import quote

import killed_tracker
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback_data import wait_until
from loopback_server import running

from helpers.apps import _http_sink, _mqtt_sink, _secrets, _spool, sinks
from helpers.apps._csv_sink import HEADER
from helpers.apps.journal import Journal, Reader
from helpers.apps.records import Minute, iso
from helpers.apps.sinks import CsvSink, HttpSink, MqttSink, Secret, Sender, SinkError

ROOT = Path(__file__).resolve().parents[1]
T0 = killed_tracker.START
TOKEN = "S3CR3T-T0KEN"
LATER = HttpSink.later
NOWHERE = "127.0.0.1:9"  # a port where nothing listens


def closed(k, count=7, seconds=60.0):
    return Minute(T0 + 60 * k, count, seconds, 7.0, 3.5, math.inf, "active")


def fill(path, *, sink, minutes=3):
    """Make a journal with closed minutes that the sink must learn."""
    with Journal(path, sinks=[sink]) as journal:
        for k in range(minutes):
            journal.close_minute(closed(k, count=k))


def notices(path):
    with Reader(path) as page:
        return [notice.text for notice in page.notices()]


def unsent(path):
    with Reader(path) as page:
        return sum(page.unsent().values())


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self, now=T0 + 3600.0):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    for name in [*os.environ]:
        if name.startswith("HEARING_HTTP") or name.startswith("HEARING_MQTT"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "brew.db"


@pytest.fixture
def clock():
    return Clock()


@contextmanager
def sending(*args, **options):
    sender = Sender(*args, **options)
    try:
        yield sender
    finally:
        sender.stop()


# --- set-up -----------------------------------------------------------------------------------


def test_senders_are_made_of_names_and_the_environment(tmp_path, path, monkeypatch):
    monkeypatch.setenv("HEARING_HTTP_URL", "http://example.org/stream?id=xyz")
    monkeypatch.setenv("HEARING_MQTT_URL", "mqtts://me:pw@example.org/cellar")
    file = tmp_path / "minutes.csv"
    made = sinks.from_environment([f"csv:{file}", "http", "mqtt"], journal=path, name="Brew 1")
    assert [sender.name for sender in made] == [f"csv:{file}", "http", "mqtt"]
    assert [type(sender.sink) for sender in made] == [CsvSink, HttpSink, MqttSink]
    assert {sender.path for sender in made} == {path}
    with Journal(path, sinks=[sender.name for sender in made]) as journal:
        journal.close_minute(closed(0))
        assert journal.unsent() == {sender.name: 1 for sender in made}
        again = sinks.from_environment(["http"], journal=journal, name="Brew 1")
        assert again[0].path == path
        journal.close_minute(closed(1))  # from now on only that one learns
        assert journal.unsent() == {f"csv:{file}": 1, "http": 2, "mqtt": 1}
    assert sinks.from_environment([], journal=path, name="Brew 1") == []


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["ftp"], "sink 'ftp': csv:PATH, http or mqtt wanted"),
        (["csv:"], "csv:PATH, http or mqtt wanted"),
        (["csv"], "sink 'csv': csv:PATH"),
        (["http"], "sink http: HEARING_HTTP_URL is missing: set it"),
        (["mqtt"], "sink mqtt: HEARING_MQTT_URL is missing: set it"),
        (["csv:/nowhere/at/all.csv"], r"/nowhere/at/all\.csv: the folder is missing"),
        (["csv:a.csv", "csv:./a.csv"], r"sink csv:.*a\.csv: named twice"),
    ],
)
def test_names_that_are_no_sink_are_refused(path, names, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SinkError, match=message):
        sinks.from_environment(names, journal=path, name="brew")


@pytest.mark.parametrize(
    "asked",
    [f"mqtt://me:{TOKEN}@host", f"http:https://host/{TOKEN}", f"mqtt:me:{TOKEN}@host"],
)
def test_an_address_on_the_command_line_is_refused_and_not_repeated(path, asked):
    with pytest.raises(SinkError) as caught:
        sinks.from_environment([asked], journal=path, name="brew")
    assert TOKEN not in repr(caught.value)


def test_a_file_of_secrets_goes_before_the_environment(tmp_path, path, monkeypatch):
    monkeypatch.setenv("HEARING_HTTP_URL", "http://environment.example")
    monkeypatch.setenv("HEARING_HTTP_TOKEN", "environment")
    file = tmp_path / "secrets"
    file.write_text(
        "# of the cellar\n\nexport HEARING_HTTP_URL = 'http://file.example'\nOTHER=a=b\n"
    )
    file.chmod(0o600)
    (sender,) = sinks.from_environment(["http"], journal=path, name="brew", secrets=file)
    assert sender.sink.where == "http://file.example"
    assert sender.sink._token.reveal() == "environment"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_of_secrets_that_others_may_read_is_refused(tmp_path, path, mode):
    file = tmp_path / "secrets"
    file.write_text(f"HEARING_HTTP_URL=http://host/{TOKEN}\n")
    file.chmod(mode)
    with pytest.raises(SinkError, match=f"others may read it .mode {mode:o}.*chmod 600") as caught:
        sinks.from_environment(["http"], journal=path, name="brew", secrets=file)
    assert TOKEN not in repr(caught.value)


@pytest.mark.parametrize("content", [f"{TOKEN}\n".encode(), b"\xff\xfe" + TOKEN.encode()])
def test_a_file_of_something_else_is_refused_and_not_repeated(tmp_path, path, content):
    file = tmp_path / "secrets"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(SinkError, match="NAME=value") as caught:
        sinks.from_environment([], journal=path, name="brew", secrets=file)
    assert TOKEN not in repr(caught.value)
    with pytest.raises(SinkError, match="gone: cannot be read .No such file"):
        sinks.from_environment([], journal=path, name="brew", secrets=tmp_path / "gone")


@pytest.mark.parametrize(
    "address",
    [
        TOKEN,
        f"ftp://{TOKEN}@host",
        f"http://:80/{TOKEN}",
        f"http://host:{TOKEN}/",
        f"http://me:{TOKEN}@host/",
        f"http://[{TOKEN}",
        f"http://host/{TOKEN} x",
        f"http://host/{TOKEN}\nX-Evil: 1",
        f"http://host/{TOKEN}ü",
    ],
)
def test_an_address_that_is_none_is_refused_and_not_repeated(address):
    with pytest.raises(SinkError, match="HEARING_HTTP_URL: ") as caught:
        HttpSink(address, None, "brew")
    told = f"{caught.value!r} {caught.value.__cause__!r}"
    assert TOKEN not in told
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("token", [f"{TOKEN}\nX-Evil: 1", f"{TOKEN} 1", f"{TOKEN}ü"])
def test_a_token_that_is_no_header_is_refused_and_not_repeated(token):
    with pytest.raises(SinkError, match="HEARING_HTTP_TOKEN") as caught:
        HttpSink("http://host/", token, "brew")
    assert TOKEN not in repr(caught.value)


@pytest.mark.parametrize("address", ["mqtt://host/a/%23", "mqtt://host/a+b", "mqtt://host?x=1"])
def test_a_prefix_with_wildcards_is_refused(address):
    with pytest.raises(SinkError, match="HEARING_MQTT_URL: a prefix of topics"):
        MqttSink(address, "brew")


def test_a_secret_shows_itself_to_no_one():
    secret = Secret(TOKEN)
    texts = [repr(secret), str(secret), f"{secret}", f"{secret:>40}", f"{secret!r}", f"{secret!s}"]
    assert not [text for text in texts if TOKEN in text]
    assert secret.reveal() == TOKEN
    assert (bool(secret), bool(Secret(""))) == (True, False)
    for leak in (pickle.dumps, json.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(secret)


WORD = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@:/?#%&= ü", min_size=6, max_size=20)


@given(user=WORD, password=WORD, folder=WORD, query=WORD)
def test_shown_addresses_hold_no_user_password_path_or_query(user, password, folder, query):
    words = [quote(word, safe="") for word in (user, password, folder, query)]
    address = "mqtts://{}:{}@broker.example:8884/{}?id={}".format(*words)
    parts = _secrets.parsed(Secret(address), schemes=("mqtts",), name="X")
    assert _secrets.shown(parts) == "mqtts://broker.example:8884/..."


# --- the sender -------------------------------------------------------------------------------


class Broken:
    """A sink that fails as it is told to."""

    name, longest, later, last_look = "broken", 600.0, 3600.0, False

    def __init__(self):
        self.error = None

    def deliver(self, spool, clock):
        if self.error is not None:
            raise self.error

    def close(self):
        pass


def test_waits_grow_are_bounded_and_differ(path, clock):
    fill(path, sink="broken")
    sink = Broken()
    sink.error = sinks.NotDelivered("no answer")
    waits = []
    for _ in range(30):
        with sending(path, sink, clock=clock) as sender:
            waits.append([sender.step() for _ in range(12)])
    for row in waits:
        for number, wait in enumerate(row):
            longest = min(600.0, 5.0 * 2**number)
            assert longest / 2 <= wait <= longest
    assert len({row[-1] for row in waits}) > 20


def test_an_outage_is_told_once_when_it_lasts_and_when_it_ends(path, clock):
    fill(path, sink="broken")
    sink = Broken()
    with sending(path, sink, clock=clock) as sender:
        sink.error = sinks.NotDelivered("no answer")
        sender.step()
        sink.error = None
        sender.step()
        assert notices(path) == []  # a short one is no news
        sink.error = sinks.NotDelivered("no answer")
        for _ in range(20):
            sender.step()
            clock.now += 300
        assert notices(path) == ["broken: no answer; nothing is lost"]
        sink.error = None
        sender.step()
        assert notices(path)[1:] == [f"broken: works again; it failed from {iso(T0 + 3600)}"]


def test_a_fault_of_the_program_does_not_end_the_thread_nor_show_a_secret(path, clock, caplog):
    fill(path, sink="broken")
    sink = Broken()
    sink.error = RuntimeError(TOKEN)
    with caplog.at_level(logging.DEBUG), sending(path, sink, clock=clock) as sender:
        assert sender.step() > 0
        sink.error = None
        assert sender.step() == sinks.POLL
    assert "RuntimeError at test_sinks.py" in caplog.text
    assert TOKEN not in caplog.text


def test_a_sender_waits_for_its_journal_and_stops_at_once(tmp_path, path):
    sender = Sender(path, CsvSink(tmp_path / "minutes.csv"), poll=0.01)
    assert sender.step() >= sinks.FIRST / 2  # there is no journal yet
    fill(path, sink="csv")
    with sender:
        wait_until(lambda: (tmp_path / "minutes.csv").exists())
    assert not sender._thread.is_alive()
    assert len((tmp_path / "minutes.csv").read_text().splitlines()) == 4


# --- CSV --------------------------------------------------------------------------------------


LINES = [
    "time,count,seconds,rate,low,high,state",
    "2025-03-01T18:30:00Z,0,60.000,7.000,3.500,,active",
    "2025-03-01T18:31:00Z,1,60.000,7.000,3.500,,active",
    "2025-03-01T18:32:00Z,2,60.000,7.000,3.500,,active",
]


@pytest.fixture
def table(tmp_path):
    return tmp_path / "minutes.csv"


def look(path, table, clock):
    """Start a sender, let it look once, and stop it."""
    with sending(path, CsvSink(table), clock=clock) as sender:
        sender.step()


def test_csv_has_one_line_a_minute(path, table, clock):
    fill(path, sink=f"csv:{table}")
    look(path, table, clock)
    assert table.read_text().splitlines() == LINES
    look(path, table, clock)
    assert table.read_text().splitlines() == LINES


def test_csv_leaves_empty_what_is_not_known(path, table, clock):
    with Journal(path) as journal:
        journal.close_minute(Minute(T0, 0, 0.0, math.nan, math.nan, math.nan, 'a "b", c'))
    look(path, table, clock)
    assert table.read_text().splitlines()[1] == '2025-03-01T18:30:00Z,0,0.000,,,,"a ""b"", c"'


def test_csv_catches_up_with_a_journal_that_was_there_before_it(path, table, clock):
    fill(path, sink="http")
    look(path, table, clock)
    assert table.read_text().splitlines() == LINES


@settings(max_examples=40)
@given(cut=st.integers(0, 300), told=st.integers(0, 3), more=st.integers(0, 2))
def test_csv_mends_whatever_a_kill_or_an_editor_left(cut, told, more):
    """The file is cut anywhere; any number of its minutes were marked; more are closed since."""
    with tempfile.TemporaryDirectory() as room:
        path, table, clock = Path(room) / "brew.db", Path(room) / "minutes.csv", Clock()
        fill(path, sink=f"csv:{table}", minutes=3)
        look(path, table, clock)
        whole = table.read_bytes()
        at = min(cut, len(whole))
        # A line is on the disk before it is marked: what a kill cuts off was not told.
        lines = whole[:at].count(b"\n") - 1
        with closing(sqlite3.connect(path)) as other, other:
            other.execute(
                "UPDATE spool SET sent = NULL WHERE start >= ?",
                (T0 + 60 * min(told, max(lines, 0)),),
            )
        os.truncate(table, at)
        with Journal(path, sinks=[f"csv:{table}"]) as journal:
            for k in range(3, 3 + more):
                journal.close_minute(closed(k, count=k))
        look(path, table, clock)
        rows = table.read_text().splitlines()
        assert rows[:4] == LINES
        assert [row.split(",")[1] for row in rows[4:]] == [str(k) for k in range(3, 3 + more)]
        assert unsent(path) == 0


def test_csv_that_an_editor_left_without_its_last_line_end_loses_nothing(path, table, clock):
    fill(path, sink=f"csv:{table}")
    look(path, table, clock)
    table.write_bytes(table.read_bytes().rstrip(b"\n"))  # all of it is marked as told
    look(path, table, clock)
    assert table.read_text().splitlines() == LINES


def test_csv_that_was_moved_away_is_written_anew(path, table, clock):
    fill(path, sink=f"csv:{table}")
    with sending(path, CsvSink(table), clock=clock) as sender:
        sender.step()
        table.rename(table.with_suffix(".old"))
        sender.step()
    assert table.read_text().splitlines() == LINES


def test_csv_takes_minutes_in_the_order_in_which_they_are_closed(path, table, clock):
    with Journal(path) as journal, sending(path, CsvSink(table), clock=clock) as sender:
        for k in (5, 6, 2, 3, 7):  # the clock was set back in between
            journal.close_minute(closed(k, count=k))
            sender.step()
    assert [row.split(",")[1] for row in table.read_text().splitlines()[1:]] == list("56237")


def test_csv_leaves_a_file_of_somebody_else_alone(path, table, clock):
    table.write_text("date,amount\n2025-03-01,12\n")
    fill(path, sink=f"csv:{table}")
    with sending(path, CsvSink(table), clock=clock) as sender:
        assert 30 <= sender.step() <= 60
        assert table.read_text() == "date,amount\n2025-03-01,12\n"
        (text,) = notices(path)
        assert f"{table}: does not begin with the line 'time,count" in text
        assert "move it away" in text
        table.unlink()
        sender.step()
    assert table.read_text().splitlines() == LINES


def test_csv_goes_on_when_its_folder_is_back(path, tmp_path, clock):
    folder = tmp_path / "stick"
    folder.mkdir()
    table = folder / "minutes.csv"
    fill(path, sink=f"csv:{table}")
    with sending(path, CsvSink(table), clock=clock) as sender:
        folder.rmdir()
        assert sender.step() >= sinks.FIRST / 2
        folder.mkdir()
        assert sender.step() == sinks.POLL
    assert table.read_text().splitlines() == LINES


def test_csv_header_is_that_of_a_minute():
    assert HEADER.decode().strip().split(",")[1:] == [
        *("count", "seconds", "rate", "low", "high", "state")
    ]


# --- HTTP -------------------------------------------------------------------------------------


class Web:
    """A web server on loopback that remembers every post, and answers as it is told to."""

    def __init__(self):
        self.posts = []
        self.answer = lambda post: 200
        self.headers = {}
        self.address = ""
        self.let_go = threading.Event()


@contextmanager
def serving(port=0):
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            post = {"path": self.path, "headers": dict(self.headers), "body": json.loads(body)}
            post["key"] = self.headers["Idempotency-Key"]
            web.posts.append(post)
            post["status"] = status = web.answer(post)
            if status is None:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in web.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def do_GET(self):
            web.posts.append({"path": self.path, "headers": dict(self.headers)})
            self.send_error(405)

        def log_message(self, *args):
            pass

    with running(Handler, let_go=web.let_go, port=port) as address:
        web.address = f"{address}/stream"
        yield web


@pytest.fixture
def web():
    with serving() as server:
        yield server


def covered(comment):
    """Start and end of a post's time, and of how many minutes it is."""
    found = re.match(r"(\S+Z) to (\S+Z), minutes: (\d+), heard: [\d.]+, \w", comment)
    return found[1], found[2], int(found[3])


def test_a_post_is_a_brewfather_stream(path, web, clock):
    with Journal(path, sinks=["http"]) as journal:
        journal.close_minute(closed(0, count=10, seconds=60.0))
        journal.close_minute(closed(1, count=5, seconds=15.0))
        journal.close_minute(closed(2, count=0, seconds=0.0))
    with sending(path, HttpSink(f"{web.address}?id=1", TOKEN, "Brew 1"), clock=clock) as sender:
        assert sender.step() == 900
    (post,) = web.posts
    assert post["path"] == "/stream?id=1"
    assert post["headers"]["Authorization"] == f"Bearer {TOKEN}"
    assert post["headers"]["Content-Type"] == "application/json"
    assert len(post["key"]) == 32
    assert post["body"] == {
        "name": "Brew 1",
        "bpm": 12.0,
        "comment": "2025-03-01T18:30:00Z to 2025-03-01T18:33:00Z, minutes: 3, heard: 1.2, active",
    }
    assert unsent(path) == 0


def test_without_a_token_none_is_sent_and_silence_is_no_rate(path, web, clock):
    with (
        Journal(path, sinks=["http"]) as journal,
        sending(path, HttpSink(web.address, None, "brew"), clock=clock) as sender,
    ):
        journal.close_minute(closed(0, count=0, seconds=0.0))
        assert sender.step() == sinks.POLL
        assert web.posts == []
        journal.close_minute(closed(1))
        sender.step()
    assert covered(web.posts[0]["body"]["comment"])[2] == 2
    assert "Authorization" not in web.posts[0]["headers"]


def test_one_post_in_fifteen_minutes_over_restarts_too(path, web, clock):
    sender = None
    with Journal(path, sinks=["http"]) as journal:
        for k in range(60):
            journal.close_minute(closed(k))
            clock.now = T0 + 60 * (k + 1) + 1
            if k % 4 == 0:  # another start of the tracker
                if sender is not None:
                    sender.stop()
                sender = Sender(path, HttpSink(web.address, None, "brew"), clock=clock)
            sender.step()
        sender.stop()
    counts = [covered(post["body"]["comment"])[2] for post in web.posts]
    assert counts == [1, 15, 15, 15]
    assert unsent(path) == 14


def test_a_clock_that_was_wrong_does_not_silence_the_sink(path, web, clock):
    fill(path, sink="http")
    clock.now = T0 + 10 * 365 * 86400.0
    with sending(path, HttpSink(web.address, None, "brew"), clock=clock) as sender:
        sender.step()
        clock.now = T0 + 3600.0
        with Journal(path, sinks=["http"]) as journal:
            journal.close_minute(closed(9))
        sender.step()
    assert len(web.posts) == 2


class Brewing:
    """Six hours of a brew, with a clock that moves when the sender sleeps."""

    def __init__(self, journal, clock, rng):
        self.journal, self.clock, self.rng = journal, clock, rng
        self.minutes = []

    def sleep(self, seconds):
        end = self.clock.now + seconds
        while T0 + 60 * (len(self.minutes) + 1) <= end:
            k = len(self.minutes)
            seconds = self.rng.choice([60.0, 60.0, 31.5, 0.0])
            minute = closed(k, count=self.rng.randrange(30) if seconds else 0, seconds=seconds)
            self.clock.now = T0 + 60.0 * (k + 1)
            self.journal.close_minute(minute)
            self.minutes.append(minute)
        self.clock.now = end


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_minute_is_lost_or_told_twice_by_a_server_that_fails_half_of_the_time(path, web, seed):
    """Half of the posts fail, some of them after they were taken; then all for an hour."""
    rng, clock = random.Random(seed), Clock(float(T0))
    random.seed(seed)  # the sender's jitter
    restarts = 0
    outage = (T0 + 2 * 3600, T0 + 3 * 3600)
    failures = [500, 502, 503, 408, None]
    taken = []

    def answer(post):
        post["time"] = clock.now
        if outage[0] <= clock.now < outage[1]:
            return rng.choice(failures)
        good = rng.random() < 0.5
        if good or rng.random() < 0.3:  # taken, though the answer may be lost
            taken.append(post)
        return 200 if good else rng.choice(failures)

    web.answer = answer
    with Journal(path, sinks=["http"], clock=clock) as journal:
        brewing = Brewing(journal, clock, rng)
        sender = None
        while clock.now < T0 + 6 * 3600 or unsent(path) > 15:
            if sender is None or rng.random() < 0.1:  # a restart
                if sender is not None:
                    sender.stop()
                restarts += outage[0] <= clock.now < outage[1]
                sink = HttpSink(web.address, TOKEN, "brew")
                sender = Sender(path, sink, clock=clock, sleep=brewing.sleep)
            sender._sleep(sender.step())
        sender.stop()

    bodies = {}
    for post in web.posts:
        assert bodies.setdefault(post["key"], post["body"]) == post["body"]  # unchanged
    once = {post["key"]: covered(post["body"]["comment"]) for post in taken}
    assert len(once) < len(web.posts)
    spans = sorted(once.values())
    assert spans[0][0] == iso(T0)
    assert [start for start, _, _ in spans[1:]] == [end for _, end, _ in spans[:-1]]
    told = sum(count for _, _, count in spans)
    assert len(brewing.minutes) - told <= 15
    assert sum(bodies[key]["bpm"] > 0 for key in once) == len(once)
    for key, (start, end, count) in once.items():
        minutes = [one for one in brewing.minutes if start <= iso(one.start) < end]
        assert len(minutes) == count
        rate = 60 * sum(one.count for one in minutes) / sum(one.seconds for one in minutes)
        assert bodies[key]["bpm"] == pytest.approx(rate, abs=0.006)
    # One post covers what was left by the outage, and none comes too soon.
    assert max(count for _, _, count in spans) >= 45
    good = [post["time"] for post in web.posts if post["status"] == 200]
    assert min(b - a for a, b in zip(good, good[1:], strict=False)) >= 900
    tries = [post for post in web.posts if outage[0] <= post["time"] < outage[1]]
    assert len(tries) <= 19 + 8 * restarts  # 5 s, 10 s, ... 10 minutes, at least half of each


def test_a_wrong_token_is_told_and_tried_again_much_later(path, web, clock):
    fill(path, sink="http")
    web.answer = lambda post: 401
    with sending(path, HttpSink(web.address, TOKEN, "brew"), clock=clock) as sender:
        for _ in range(3):
            wait = sender.step()
            assert LATER / 2 <= wait <= LATER
            clock.now += wait
        (text,) = notices(path)
        assert "answered 401 Unauthorized: check HEARING_HTTP_TOKEN" in text
        web.answer = lambda post: 204
        assert sender.step() == 900
    assert len({post["key"] for post in web.posts}) == 1
    assert len(notices(path)) == 2
    assert unsent(path) == 0


@pytest.mark.parametrize(
    ("status", "said", "refused"),
    [
        (400, "400 Bad Request: check HEARING_HTTP_URL and", True),
        (403, "403 Forbidden: check HEARING_HTTP_TOKEN", True),
        (404, "404 Not Found: check HEARING_HTTP_URL", True),
        (499, "499: check HEARING_HTTP_URL and", True),
        (408, "408 Request Timeout", False),
        (429, "429 Too Many Requests", False),
        (500, "500 Internal Server Error", False),
        (599, "599", False),
    ],
)
def test_an_answer_decides_when_it_is_tried_again(path, web, clock, caplog, status, said, refused):
    fill(path, sink="http")
    web.answer = lambda post: status
    with sending(path, HttpSink(web.address, TOKEN, "brew"), clock=clock) as sender:
        wait = sender.step()
    assert f"answered {said}" in caplog.text
    assert (wait >= LATER / 2) == refused
    assert bool(notices(path)) == refused


def test_retry_after_is_honoured(path, web, clock):
    fill(path, sink="http")
    web.answer = lambda post: 429
    web.headers = {"Retry-After": "1234"}
    with sending(path, HttpSink(web.address, TOKEN, "brew"), clock=clock) as sender:
        assert sender.step() == 1234
        web.headers = {"Retry-After": "Sat, 01 Mar 2025 20:00:00 GMT"}
        assert sender.step() == 1800
        web.headers = {"Retry-After": "soon"}
        assert sender.step() <= 4 * sinks.FIRST


@given(text=st.text() | st.integers().map(str) | st.datetimes().map(lambda at: f"{at:%c}"))
def test_retry_after_is_bounded_whatever_it_says(text):
    assert 0 <= _http_sink.retry_after(text, float(T0)) <= _http_sink.LONGEST_PAUSE


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_with_the_token(path, web, clock, status):
    fill(path, sink="http")
    with serving() as elsewhere:
        web.answer = lambda post: status
        web.headers = {"Location": f"{elsewhere.address}?{TOKEN}"}
        with sending(path, HttpSink(web.address, TOKEN, "brew"), clock=clock) as sender:
            assert sender.step() >= LATER / 2
        assert elsewhere.posts == []
    assert "set HEARING_HTTP_URL to the final address" in notices(path)[0]
    assert unsent(path) == 3


@pytest.mark.parametrize("way", ["silent", "dribbling"])
def test_a_server_that_never_ends_its_answer_is_given_up(path, clock, way, caplog):
    fill(path, sink="http")
    let_go, endless = threading.Event(), threading.Event()

    def serve(listener):
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            for _ in range(200):  # 10 s at most
                if let_go.wait(0.05):
                    return
                if way == "dribbling":
                    connection.sendall(b"H")
            endless.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        with sending(path, HttpSink(address, TOKEN, "brew", timeout=0.3), clock=clock) as sender:
            assert sinks.FIRST / 2 <= sender.step() <= sinks.FIRST
        let_go.set()
        thread.join(20)
    assert not endless.is_set()
    assert "no answer in time" in caplog.text


def test_what_was_taken_is_marked_before_anything_is_sent(path, web, clock, monkeypatch):
    monkeypatch.setattr(_spool, "WAIT", 0.01)
    fill(path, sink="http")
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    def answer(post):
        if not other.in_transaction:  # the database is locked after the batch was frozen
            other.execute("BEGIN EXCLUSIVE")
        return 200

    web.answer = answer
    with closing(other), sending(path, HttpSink(web.address, None, "b"), clock=clock) as sender:
        for _ in range(3):
            sender.step()
            assert len(web.posts) == 1
        assert unsent(path) == 3
        other.execute("ROLLBACK")
        sender.step()
        assert unsent(path) == 0
    assert len(web.posts) == 1


# --- no secret is shown -----------------------------------------------------------------------


class Everything(logging.Handler):
    """Every record, as a handler that prints tracebacks would print it."""

    def __init__(self):
        super().__init__(level=logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))
        self.texts = []

    def emit(self, record):
        self.texts.append(self.format(record))


@pytest.fixture
def everything():
    handler, root = Everything(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.texts
    root.setLevel(level)
    root.removeHandler(handler)


PASSWORD = "PA55W0RD"


@pytest.mark.parametrize("answer", [200, 302, 401, 404, 429, 500, None, "nobody", "garbage"])
def test_http_shows_no_secret(path, web, clock, answer, everything, capfd):
    fill(path, sink="http")
    address = f"{web.address}/{PASSWORD}?id={PASSWORD}"
    web.answer = lambda post: answer
    web.headers = {"Location": address, "X-Echo": TOKEN}
    if answer == "nobody":
        address = f"http://{NOWHERE}/{PASSWORD}"
    if answer == "garbage":
        web.answer = lambda post: 200
        web.headers = {f"Broken: {TOKEN}\r\n\r\n": PASSWORD}
    sink = HttpSink(address, TOKEN, "brew", timeout=5.0)
    with sending(path, sink, clock=clock) as sender:
        for _ in range(3):
            clock.now += sender.step() + 700
        texts = [*everything, *notices(path), *capfd.readouterr(), repr(sink), repr(sender)]
        texts += [str(vars(sink)), str(vars(sender))]
    shows_none(texts)
    assert web.posts or answer == "nobody"


def shows_none(texts):
    for text in texts:
        assert TOKEN not in text
        assert PASSWORD not in text


# --- MQTT -------------------------------------------------------------------------------------


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Broker:
    """A mosquitto on loopback that may be killed and started again."""

    def __init__(self, folder, program, *, password=None, tls=None):
        self.folder, self.program = folder, program
        self.port = free_port()
        lines = [f"listener {self.port} 127.0.0.1", "persistence false", "log_type all"]
        if os.geteuid() == 0:
            lines.append("user root")  # else it may not read the folder of a test
        if password is None:
            lines.append("allow_anonymous true")
        else:
            (folder / "users").touch(mode=0o600)
            command = ["mosquitto_passwd", "-b", str(folder / "users"), "plop", password]
            subprocess.run(command, check=True, capture_output=True, timeout=20)
            lines += ["allow_anonymous false", f"password_file {folder / 'users'}"]
        if tls is not None:
            lines += [f"certfile {tls[0]}", f"keyfile {tls[1]}"]
        (folder / "broker.conf").write_text("\n".join(lines) + "\n")
        self.process = None
        self.start()

    def start(self):
        command = [self.program, "-c", str(self.folder / "broker.conf")]
        with open(self.folder / "broker.log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self._answers)

    def _answers(self):
        assert self.process.poll() is None, (self.folder / "broker.log").read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def kill(self):
        self.process.kill()
        self.process.wait(20)

    def log(self):
        return (self.folder / "broker.log").read_text(errors="replace")


class Listener:
    """A subscriber of everything."""

    def __init__(self, port, *, user=None, password=None):
        from paho.mqtt import client as paho

        self.messages = []
        self.ready = threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.reconnect_delay_set(1, 1)
        if user:
            self.client.username_pw_set(user, password)
        self.client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_message = lambda client, data, message: self.messages.append(message)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.ready.wait(20)

    def of(self, topic):
        return [json.loads(m.payload) for m in [*self.messages] if m.topic == topic]

    def last(self, topic):
        return next((m.payload.decode() for m in self.messages[::-1] if m.topic == topic), None)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def broker(tmp_path):
    """Start brokers that end with the test."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        pytest.skip("needs mosquitto: apt-get install mosquitto")
    started = []

    def start(**options):
        folder = tmp_path / f"broker{len(started)}"
        folder.mkdir()
        started.append(Broker(folder, program, **options))
        return started[-1]

    yield start
    for one in started:
        one.kill()


@contextmanager
def listening(port, **options):
    listener = Listener(port, **options)
    try:
        yield listener
    finally:
        listener.close()


def known(minute):
    return minute["start"], minute["count"]


@pytest.mark.mqtt
@pytest.mark.parametrize("password", [None, "pa:ss/w@rd #1"])
def test_minutes_reach_a_broker(path, broker, clock, password):
    server = broker(password=password)
    user = "" if password is None else f"plop:{quote(password, safe='')}@"
    fill(path, sink="mqtt", minutes=45)
    address = f"mqtt://{user}127.0.0.1:{server.port}/cellar/left"
    with listening(server.port, user="plop", password=password) as listener:
        with sending(path, MqttSink(address, "Brew 1"), clock=clock) as sender:
            assert sender.step() == 0  # there is more
            while unsent(path):
                assert sender.step() in (0, sinks.POLL)
            topic = "cellar/left/brew_1"
            wait_until(lambda: len(listener.of(f"{topic}/state")) >= 3)
            assert [known(one) for one in listener.of(f"{topic}/minute")] == [
                (T0 + 60 * k, k) for k in range(45)
            ]
            assert listener.of(f"{topic}/minute")[0] == {
                **{"time": "2025-03-01T18:30:00Z", "start": T0, "count": 0, "seconds": 60.0},
                **{"rate": 7.0, "low": 3.5, "high": None, "state": "active"},
            }
            wait_until(lambda: listener.last(f"{topic}/availability") == "online")
        wait_until(lambda: listener.last(f"{topic}/availability") == "offline")
    # Who comes later finds the newest minute, the announcements and that the tracker is off.
    with listening(server.port, user="plop", password=password) as late:
        wait_until(lambda: len(late.messages) == 5)
        assert known(late.of(f"{topic}/state")[0]) == (T0 + 60 * 44, 44)
        assert late.last(f"{topic}/availability") == "offline"
        assert {m.topic for m in late.messages if m.topic.startswith("homeassistant/")} == {
            "homeassistant/sensor/hearing_brew_1_rate/config",
            "homeassistant/sensor/hearing_brew_1_state/config",
            "homeassistant/binary_sensor/hearing_brew_1_problem/config",
        }
        (rate,) = late.of("homeassistant/sensor/hearing_brew_1_rate/config")
    assert rate["state_class"] == "measurement"
    assert rate["unit_of_measurement"] == "bubbles/min"
    assert rate["state_topic"] == f"{topic}/state"
    assert rate["availability_topic"] == f"{topic}/availability"
    assert rate["unique_id"] == "hearing_brew_1_rate"


def test_the_problem_is_on_in_states_that_are_alarms(clock):
    from helpers.apps.alarms import ALARMS

    messages = MqttSink("mqtt://host", "brew")._discovery()
    (template,) = [
        json.loads(text)["value_template"] for topic, text, _ in messages if "problem" in topic
    ]
    assert template.startswith("{{ 'ON' if value_json.state in [")
    assert all(f'"{state}"' in template for state in ALARMS)
    assert '"active"' not in template


@pytest.mark.mqtt
def test_a_broker_that_dies_and_comes_back_learns_every_minute(path, broker, clock):
    server = broker()
    topic, number, seen = "hearing/brew", 0, []
    sink = MqttSink(f"mqtt://127.0.0.1:{server.port}", "brew", timeout=0.5)
    with Journal(path, sinks=["mqtt"]) as journal, sending(path, sink, clock=clock) as sender:
        for _ in range(4):
            for _ in range(5):
                journal.close_minute(closed(number, count=number))
                number += 1
            with listening(server.port) as listener:
                assert sender.step() == sinks.POLL
                assert journal.unsent() == {"mqtt": 0}
                wait_until(lambda: listener.last(f"{topic}/state") is not None)
                seen += listener.of(f"{topic}/minute")
                assert listener.last(f"{topic}/availability") == "online"
                assert sum("/config" in m.topic for m in listener.messages) == 3
            server.kill()
            assert sender.step() < sinks.POLL + sinks.FIRST
            with socket.create_server(("127.0.0.1", server.port)):  # somebody else, who is silent
                sender.step()
            assert sender._failures == 2
            server.start()
    assert [known(one) for one in seen] == [(T0 + 60 * k, k) for k in range(number)]


@pytest.mark.mqtt
def test_a_minute_counts_as_told_when_the_broker_has_acknowledged_it(path, broker, clock):
    server = broker()
    sink = MqttSink(f"mqtt://127.0.0.1:{server.port}", "brew", timeout=0.5)
    with Journal(path, sinks=["mqtt"]) as journal, sending(path, sink, clock=clock) as sender:
        sender.step()
        with listening(server.port) as listener:
            journal.close_minute(closed(0))
            server.process.send_signal(signal.SIGSTOP)
            try:
                sender.step()
                assert journal.unsent() == {"mqtt": 1}
            finally:
                server.process.send_signal(signal.SIGCONT)
            sender.step()
            assert journal.unsent() == {"mqtt": 0}
            wait_until(lambda: listener.last("hearing/brew/state") is not None)
            told = listener.of("hearing/brew/minute")
    assert 1 <= len(told) <= 2  # it may have been told twice, in the same words
    assert all(one == told[0] for one in told)


@pytest.mark.mqtt
def test_a_broker_that_refuses_is_told_and_tried_again_later(path, broker, clock, everything):
    server = broker(password=TOKEN)
    fill(path, sink="mqtt")
    wrong = MqttSink(f"mqtt://plop:{PASSWORD}@127.0.0.1:{server.port}/cellar", "brew")
    with sending(path, wrong, clock=clock) as sender:
        assert LATER / 2 <= sender.step() <= LATER
        sender.step()
        (text,) = notices(path)
        assert (
            "the broker refuses (Not authorized): check user and password in HEARING_MQTT" in text
        )
        shows_none([text, *everything, repr(sender), str(vars(wrong)), str(vars(sender))])
    assert unsent(path) == 3
    right = MqttSink(f"mqtt://plop:{TOKEN}@127.0.0.1:{server.port}", "brew")
    with sending(path, right, clock=clock) as sender:
        assert sender.step() == sinks.POLL
        shows_none([*everything, repr(sender), str(vars(right)), str(vars(sender))])
    assert unsent(path) == 0


def test_no_broker_at_all_is_told_without_secrets(path, clock, everything):
    fill(path, sink="mqtt")
    sink = MqttSink(f"mqtt://{TOKEN}:{PASSWORD}@{NOWHERE}/cellar", "brew")
    with sending(path, sink, clock=clock) as sender:
        for _ in range(3):
            clock.now += sender.step() + 400
        texts = [*everything, *notices(path), repr(sender), str(vars(sink)), str(vars(sender))]
    assert any(f"mqtt://{NOWHERE}/...: Connection refused" in text for text in texts)
    shows_none(texts)


@pytest.mark.mqtt
def test_tls_is_checked(path, broker, clock, tmp_path, monkeypatch, caplog):
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl, which makes the broker's certificate: apt-get install openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    server = broker(tls=(certificate, key))
    fill(path, sink="mqtt")
    sink = MqttSink(f"mqtts://127.0.0.1:{server.port}", "brew")
    with sending(path, sink, clock=clock) as sender:
        sender.step()
        assert "CERTIFICATE_VERIFY_FAILED" in caplog.text
        assert unsent(path) == 3
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert sender.step() == sinks.POLL
    assert unsent(path) == 0


# --- kills ------------------------------------------------------------------------------------


@pytest.mark.mqtt
def test_a_killed_tracker_loses_and_doubles_no_minute_anywhere(path, table, web, broker):
    """A tracker with three sinks is killed again and again; the server fails now and then."""
    server, rng, taken, kills = broker(), random.Random(3), [], 8

    def answer(post):
        if rng.random() < 0.7:
            taken.append(post)
            return rng.choice([200, 200, 500, None])  # the answer may be lost
        return 503

    web.answer = answer
    command = [sys.executable, killed_tracker.__file__, str(path), "--csv", str(table)]
    command += ["--http", web.address, "--mqtt", f"mqtt://127.0.0.1:{server.port}"]
    with listening(server.port) as listener:
        for _ in range(kills):
            tracker = subprocess.Popen(
                [*command, "--pause", "0.0005"], cwd=ROOT, stdout=subprocess.PIPE
            )
            for _ in range(rng.randrange(150, 400)):
                assert tracker.stdout.readline()
            time.sleep(rng.uniform(0, 0.05))
            os.kill(tracker.pid, signal.SIGKILL)
            tracker.communicate(timeout=20)
        with Reader(path) as page:
            until = killed_tracker.done(page) + 120
        last = subprocess.run(
            [*command, "--seconds", str(until)], cwd=ROOT, capture_output=True, timeout=40
        )
        assert last.returncode == 0, last.stderr
        newest = T0 + 60 * (until // 60 - 1)
        wait_until(lambda: listener.of("hearing/brew/state")[-1]["start"] == newest)
        wait_until(lambda: listener.last("hearing/brew/availability") == "offline")
        published = listener.of("hearing/brew/minute")
        availability = [m.payload for m in listener.messages if "availability" in m.topic]
    with Reader(path) as page:
        minutes = page.minutes()
        assert page.unsent() == {f"csv:{table}": 0, "http": 0, "mqtt": 0}
    count = until // 60
    assert count >= kills
    assert [one.start for one in minutes] == [T0 + 60 * k for k in range(count)]
    for k, one in enumerate(minutes):
        seconds = range(60 * k, 60 * k + 60)
        assert one.count == sum(len(killed_tracker.plops(second)) for second in seconds)
    check_table(table, minutes)
    check_posts(taken, web.posts, minutes)
    check_messages(published, minutes, most=kills * _mqtt_sink.WINDOW)
    assert b"offline" in availability[:-1]  # by the last will of one that was killed


def check_table(table, minutes):
    rows = [row.split(",") for row in table.read_text().splitlines()[1:]]
    assert [(row[0], int(row[1])) for row in rows] == [
        (iso(one.start), one.count) for one in minutes
    ]


def check_posts(taken, posts, minutes):
    bodies = {}
    for post in posts:
        assert bodies.setdefault(post["key"], post["body"]) == post["body"]
    spans = sorted(covered(bodies[key]["comment"]) for key in {post["key"] for post in taken})
    assert (spans[0][0], spans[-1][1]) == (iso(minutes[0].start), iso(minutes[-1].start + 60))
    assert [start for start, _, _ in spans[1:]] == [end for _, end, _ in spans[:-1]]
    assert sum(count for _, _, count in spans) == len(minutes)


def check_messages(published, minutes, *, most):
    """Every minute, in order; again only in the same words, where a kill came before the mark."""
    told = Counter(json.dumps(one) for one in published)
    assert sorted(known(json.loads(text)) for text in told) == [
        (one.start, one.count) for one in minutes
    ]
    assert sum(told.values()) - len(minutes) <= most
