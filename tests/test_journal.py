"""The tracker's database: whole after kills, locks, restarts and a full disk."""

import copy
import json
import math
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path

import killed_tracker
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from helpers.apps import journal as journal_module
from helpers.apps.journal import Journal, JournalError, JournalMissing, Reader
from helpers.apps.records import Event, Minute, Notice, Picture, iso, minute_of

ROOT = Path(__file__).resolve().parents[1]
T0 = killed_tracker.START
NOBODY = 65534


def closed(start=T0, count=1, seconds=60.0, state="active"):
    return Minute(start, count, seconds, 4.0, 2.5, 6.5, state)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "brew.db"


@pytest.fixture
def journal(path):
    with Journal(path, sinks=("http", "mqtt"), wait=0.01) as opened:
        yield opened


@contextmanager
def taken(path):
    """Hold the database in a transaction that lets nobody else write."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield other
        other.execute("ROLLBACK")


# --- what goes in comes out -------------------------------------------------------------------


def test_what_was_added_is_read_by_others_at_once(journal, path):
    number = journal.start(source="microphone", detector="airlock", now=T0)
    events = [Event(T0 + 1.5, 0.1, 0.9), Event(T0 + 61.0, 0.2, 0.8, "q")]
    notice = Notice(T0 + 2.0, "gap", "3 s are missing")
    assert journal.add(events=events, notices=[notice], heard={T0: 57.0, T0 + 60: 2.0})
    assert journal.add(heard={T0: 2.5})
    assert journal.close_minute(closed())
    with Reader(path) as page:
        assert page.events() == events
        assert page.events(T0 + 1.5, T0 + 61) == events[:1]
        assert page.notices() == [notice]
        assert page.notices(T0 + 3) == []
        assert page.minutes() == [closed()] == page.minutes(T0)
        assert page.minutes(T0 + 60) == []
        assert page.last_minute() == closed()
        assert page.open_minutes(T0 + 120) == [(T0 + 60, 1, 2.0)]
        assert page.open_minutes(T0 + 60) == []
        assert page.unsent() == {"http": 1, "mqtt": 1}
        assert [one.ended for one in page.sessions()] == [None]
        journal.stop(T0 + 70)
        assert [(one.id, one.started, one.ended) for one in page.sessions()] == [
            (number, T0, T0 + 70)
        ]


def test_the_format_is_the_one_that_others_rely_on(journal, path):
    journal.close_minute(closed())
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA application_id").fetchone() == (0x706C6F70,)
        assert other.execute("PRAGMA user_version").fetchone() == (1,)
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        rows = other.execute("SELECT sink, start, batch, sent FROM spool ORDER BY sink").fetchall()
    assert rows == [("http", T0, None, None), ("mqtt", T0, None, None)]


def test_a_closed_minute_never_changes(journal):
    assert journal.close_minute(closed(count=3))
    assert not journal.close_minute(closed(count=4))
    journal.add(events=[Event(T0 + 5.0, 0.1, 0.9)], heard={T0: 1.0})  # too late
    assert journal.minutes() == [closed(count=3)]
    assert journal.open_minutes(math.inf) == []
    assert journal.unsent() == {"http": 1, "mqtt": 1}


def test_an_event_opens_its_minute_and_no_minute_has_more_than_its_seconds(journal):
    journal.add(events=[Event(T0 + 59.99, 0.1, 0.9)])
    assert journal.open_minutes(math.inf) == [(T0, 1, 0.0)]
    for _ in range(3):
        journal.add(heard={T0: 25.0})
    assert journal.open_minutes(math.inf) == [(T0, 1, 60.0)]


def test_a_rate_that_is_not_known_stays_so(journal, path):
    journal.close_minute(Minute(T0, 0, 0.0, math.nan, math.nan, math.inf, "not started"))
    with Reader(path) as page:
        found = page.last_minute()
    assert math.isnan(found.rate)
    assert math.isnan(found.low)
    assert found.high == math.inf


def test_numbers_of_numpy_are_taken(journal, path):
    journal.add(
        events=[Event(np.float64(T0 + 1), np.float32(0.5), np.float32(0.25))],
        heard={np.int64(T0): np.float32(1)},
    )
    journal.close_minute(Minute(np.int64(T0), np.int64(1), np.float32(1), 1, 0, 2, "active"))
    with Reader(path) as page:
        assert page.events() == [Event(T0 + 1.0, 0.5, 0.25)]
        assert page.last_minute() == Minute(T0, 1, 1.0, 1.0, 0.0, 2.0, "active")


@pytest.mark.parametrize(
    "wrong",
    [
        {"heard": {T0 + 1: 1.0}},
        {"heard": {T0: "much"}},
        {"events": [Event(math.nan, 0.1, 0.9)]},
    ],
)
def test_what_is_no_such_item_leaves_no_trace(journal, wrong):
    with pytest.raises(ValueError, match=r"multiple of 60|convert"):
        journal.add(**{"events": [Event(T0 + 1.0, 0.1, 0.9)]} | wrong)
    with pytest.raises(ValueError, match="multiple of 60"):
        journal.close_minute(closed(start=T0 + 1))
    assert journal.waiting == 0
    assert journal.events() == []
    assert journal.open_minutes(math.inf) == []


def test_only_the_last_picture_is_kept(journal, path):
    for time_ in (T0, T0 + 60):
        values = np.arange(12, dtype=np.uint8).reshape(3, 4)
        journal.set_picture(Picture(time_, 3, 4, 0.02, -80, 0, 50, 8000, values.tobytes()))
    with Reader(path) as page:
        picture = page.picture()
    assert picture.time == T0 + 60
    shape = (picture.frames, picture.bands)
    assert np.frombuffer(picture.values, np.uint8).reshape(shape)[1].tolist() == [4, 5, 6, 7]
    with pytest.raises(ValueError, match="11 bytes, but 3 frames of 4 bands"):
        journal.set_picture(Picture(T0, 3, 4, 0.02, -80, 0, 50, 8000, bytes(11)))


def test_times_are_told_in_utc():
    assert iso(T0) == "2025-03-01T18:30:00Z"
    assert minute_of(T0 + 59.999) == T0
    assert minute_of(T0 + 60) == T0 + 60


# --- who may open it --------------------------------------------------------------------------


def no_database(path):
    path.write_bytes(b"Dear diary, today the airlock bubbled a lot.\n" * 100)
    return "is not a database of SQLite.*name another file"


def a_folder(path):
    path.mkdir()
    return "is no file"


def another_application(path):
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks(address TEXT)")
        other.execute("PRAGMA application_id = 0x12345678")
    return "another application's database.*0x12345678.*name another file"


def an_application_without_a_name(path):
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks(address TEXT)")
    return "another application's database"


def of_version(number):
    def make(path):
        Journal(path).close()
        with closing(sqlite3.connect(path)) as other:
            other.execute(f"PRAGMA user_version = {number}")
        return rf"written by {'newer' if number > 1 else 'older'} software \(version {number}"

    return make


STRANGERS = [
    no_database,
    a_folder,
    another_application,
    an_application_without_a_name,
    of_version(0),
    of_version(2),
]


@pytest.mark.parametrize("make", STRANGERS)
def test_strangers_are_refused_and_left_as_they_are(path, make):
    message = make(path)
    for left in path.parent.glob("*.lock"):
        left.unlink()
    before = contents(path.parent)
    for opener in (Journal, Reader):
        with pytest.raises(JournalError, match=message) as caught:
            opener(path)
        assert str(path) in str(caught.value)
    assert contents(path.parent) == before


def contents(folder):
    """Files and their bytes, but for those that SQLite makes to read a database of this mode."""
    files = [p for p in folder.iterdir() if p.is_file() and p.name[-4:] not in ("-shm", "-wal")]
    return {p.name: p.read_bytes() for p in files}


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(JournalError, match=r"the folder .*nowhere is missing: make it"):
        Journal(tmp_path / "nowhere" / "brew.db")


def test_a_reader_waits_for_the_first_tracker(path):
    with pytest.raises(JournalMissing, match="there is no database yet: start the tracker"):
        Reader(path)
    path.touch()  # a tracker that was killed as it began
    with pytest.raises(JournalMissing, match="no database yet"):
        Reader(path)
    Journal(path).close()
    with Reader(path) as page:
        assert page.last_minute() is None
        assert page.picture() is None
        assert page.minutes() == page.events() == page.notices() == page.sessions() == []
    with pytest.raises(JournalError, match="was closed"):
        page.minutes()


def test_a_reader_cannot_write(journal, path):
    with Reader(path) as page, pytest.raises(sqlite3.OperationalError, match="readonly"):
        page._connection.execute("DELETE FROM minutes")


def test_a_strange_name_is_no_matter(tmp_path):
    path = tmp_path / "brew #1, 100%?mode=ro&x=ü.db"
    with Journal(path) as journal:
        journal.close_minute(closed())
    assert path.is_file()
    with Reader(path) as page:
        assert page.last_minute() == closed()


def test_two_trackers_never_write_one_database(path):
    command = [sys.executable, killed_tracker.__file__, str(path), "--pause", "0.01"]
    first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert first.stdout.readline()
        with pytest.raises(JournalError, match=rf"another tracker .*process {first.pid}\b.*stop"):
            Journal(path)
        with Reader(path) as page:  # but reading is fine
            assert page.sessions()[0].ended is None
    finally:
        first.kill()
        first.wait(20)
        first.stdout.close()
    Journal(path).close()  # a kill lets go of the lock


def test_a_lock_by_something_else_is_told(path, monkeypatch):
    monkeypatch.setattr(journal_module, "OPENING", 0.1)
    Journal(path).close()
    with taken(path), pytest.raises(JournalError, match="locked by another program: close"):
        Journal(path)
    Journal(path).close()


AS_ANOTHER_USER = """
import json, os, sys
from helpers.apps.journal import Journal, JournalError, Reader
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
answers = []
for opener in (Journal, Reader):
    try:
        with opener(sys.argv[1]) as opened:
            answers.append(f"opened, {len(opened.minutes())} minutes")
    except JournalError as error:
        answers.append(str(error))
print(json.dumps(answers))
"""


@pytest.fixture
def public():
    """A folder that other users can reach, with a database; file modes do not bind root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Journal(folder / "brew.db") as journal:
            journal.close_minute(closed())
        yield folder
        folder.chmod(0o700)


def as_another_user(path):
    """What a user who owns none of it is told, by a tracker and by a page."""
    command = [sys.executable, "-c", AS_ANOTHER_USER, str(path), str(NOBODY)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_a_read_only_file_is_told(public):
    public.chmod(0o777)
    for file in public.iterdir():
        file.chmod(0o444)
    tracker, page = as_another_user(public / "brew.db")
    assert f"{public / 'brew.db'}: read-only" in tracker
    assert page == "opened, 1 minutes"


def test_a_read_only_folder_is_told_and_a_page_reads_while_the_tracker_runs(public):
    public.chmod(0o555)
    tracker, page = as_another_user(public / "brew.db")
    assert f"{public}: read-only" in tracker
    assert "no tracker is running, and this user may not write beside it" in page
    if os.geteuid() == 0:  # whom the modes do not bind, so a tracker may write here
        with Journal(public / "brew.db") as journal:
            journal.close_minute(closed(start=T0 + 60))
            tracker, page = as_another_user(public / "brew.db")
        assert "read-only" in tracker
        assert page == "opened, 2 minutes"


def test_a_folder_out_of_reach_is_told(public):
    public.chmod(0o000 if os.geteuid() == 0 else 0o600)
    for answer in as_another_user(public / "brew.db"):
        assert f"{public / 'brew.db'}: cannot be used (Permission denied)" in answer


# --- what cannot be written waits -------------------------------------------------------------


def test_a_lock_that_lasts_loses_nothing_and_is_told_once(journal, path):
    now = [T0 + 10.0]
    journal._clock = lambda: now[0]
    journal.add(heard={T0: 10.0})
    with taken(path):
        for second in range(10, 60):
            now[0] = T0 + second
            assert not journal.add(events=[Event(T0 + second, 0.1, 0.9)], heard={T0: 1.0})
        assert journal.open_minutes(math.inf) == [(T0, 50, 60.0)]  # answered from memory
        assert journal.close_minute(closed(count=50))
        assert not journal.close_minute(closed(count=49))
        assert journal.open_minutes(math.inf) == []
        assert journal.minutes() == [closed(count=50)] == [journal.last_minute()]
        assert not journal.set_picture(Picture(T0, 1, 1, 0.02, -80, 0, 50, 8000, b"x"))
        with Reader(path) as page:
            assert page.events() == []
            assert page.minutes() == []
    now[0] = T0 + 75.0
    assert journal.add(heard={T0 + 60: 1.0})
    assert journal.waiting == 0
    with Reader(path) as page:
        assert len(page.events(T0, T0 + 60)) == 50
        assert page.minutes() == [closed(count=50)]
        assert page.unsent() == {"http": 1, "mqtt": 1}
        (notice,) = page.notices()
    assert (notice.kind, notice.time) == ("sink", T0 + 10)
    assert f"from {iso(T0 + 10)} to {iso(T0 + 75)}: locked by another program" in notice.text
    assert "dropped" not in notice.text


def test_only_the_first_call_waits_for_a_lock_that_lasts(path):
    with Journal(path, wait=5.0) as journal:
        patience = journal._connection.execute
        with taken(path):
            journal._be_patient(0.0)  # the first wait, made short
            journal.add(heard={T0: 1.0})
            assert patience("PRAGMA busy_timeout").fetchone()[0] <= 50
        assert journal.add(heard={T0: 1.0})
        assert patience("PRAGMA busy_timeout").fetchone()[0] == 5000


def test_memory_is_bounded_and_the_minutes_are_kept(path):
    with Journal(path, wait=0.0, limit=100) as journal:
        with taken(path):
            for k in range(50):
                at = T0 + 60 * k
                journal.add(events=[Event(at + i, 0.1, 0.9) for i in range(10)])
                journal.close_minute(closed(start=at, count=10))
                assert journal.waiting <= 100
        journal.add()
        with Reader(path) as page:
            assert [one.count for one in page.minutes()] == 50 * [10]
            kept = [one.time for one in page.events()]
            assert kept == [T0 + 60 * k + i for k in range(45, 50) for i in range(10)]
            assert "450 events were dropped, the minutes are whole" in page.notices()[0].text


def test_a_burst_is_not_dropped_where_the_disk_takes_it(path):
    with Journal(path, limit=10) as journal:
        events = [Event(T0 + 0.001 * k, 0.001, 0.9) for k in range(12_345)]
        assert journal.add(events=events)
        assert journal.events() == events
        assert journal.notices() == []


def test_stopping_says_what_is_lost(path):
    with Journal(path, wait=0.0) as journal:
        journal.start(source="made", detector="none", now=T0)
        with taken(path):
            journal.add(events=[Event(T0, 0.1, 0.9)])
            with pytest.raises(JournalError, match="locked by another program.*1 items were not"):
                journal.stop(T0 + 1)


FULL_DISK = """
import json, os, resource, sys
from pathlib import Path
from helpers.apps.journal import Journal
from helpers.apps.records import Event, Minute

folder, way = Path(sys.argv[1]), sys.argv[2]
start = int(sys.argv[3])
journal = Journal(folder / "brew.db", sinks=["http"])


def fill():
    if way == "limit":
        size = max(p.stat().st_size for p in folder.iterdir())
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 4096, resource.RLIM_INFINITY))
        return
    with open(folder / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1024))
        except OSError:
            pass


def free():
    if way == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    else:
        os.unlink(folder / "filler")


written = []
for second in range(600):
    if second == 120:
        fill()
    if second == 480:
        waited = journal.waiting
        free()
    minute = start + 60 * (second // 60)
    for open_, count, seconds in journal.open_minutes(minute):
        journal.close_minute(Minute(open_, count, seconds, count, 0, 0, "active"))
    events = [Event(start + second + k / 10, 0.1, 0.9) for k in range(second % 5)]
    written.append(journal.add(events=events, heard={minute: 1.0}))
journal.close()
print(json.dumps([waited, written]))
"""


@contextmanager
def small_disk(folder, mount=True):
    """Mount a file system of 2 MB; False where that is not allowed."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "tmpfs", str(folder)]
    mounted = mount and shutil.which("mount") is not None
    mounted = mounted and subprocess.run(command, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("wanted", ["full", "limit"])
def test_a_full_disk_loses_nothing_and_is_told_once(tmp_path, wanted):
    folder = tmp_path / "disk"
    with small_disk(folder, wanted == "full") as mounted:
        way = "full" if mounted else "limit"  # on the size of files, where no mount is allowed
        command = [sys.executable, "-c", FULL_DISK, str(folder), way, str(T0)]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stderr
        waited, written = json.loads(ran.stdout)
        assert all(written[:120] + written[480:])
        assert not any(written[240:480])
        assert waited > 100
        with Reader(folder / "brew.db") as page:
            counts = [sum(s % 5 for s in range(60 * k, 60 * k + 60)) for k in range(10)]
            assert [(one.count, one.seconds) for one in page.minutes()] == [
                (count, 60.0) for count in counts[:9]
            ]
            assert page.open_minutes(math.inf) == [(T0 + 540, counts[9], 60.0)]
            assert len(page.events()) == sum(counts)
            assert page.unsent() == {"http": 9}
            (notice,) = page.notices()
    assert notice.kind == "sink"
    assert ("the disk is full" if way == "full" else "the disk cannot be") in notice.text


def test_a_disk_that_is_full_from_the_start_is_told(tmp_path):
    with small_disk(tmp_path / "disk") as mounted:
        if not mounted:
            return  # the limit on the size of files is no error that a new file meets
        (tmp_path / "disk" / "filler").write_bytes(bytes(2**21 - 8192))
        with pytest.raises(JournalError, match=r"brew\.db: the disk .*make room"):
            Journal(tmp_path / "disk" / "brew.db")


# --- kills ------------------------------------------------------------------------------------


class Machine(RuleBasedStateMachine):
    """Adds, closings, kills, restarts and locks in any order, against what must be there.

    A kill between two calls is the state of the files at that moment: they are copied while the
    journal still has them open.
    """

    def __init__(self):
        super().__init__()
        self.room = tempfile.TemporaryDirectory()
        self.number = 0
        self.disk = {"events": [], "heard": {}, "minutes": {}, "spool": set(), "outages": 0}
        self.memory = copy.deepcopy(self.disk)
        self.other = None
        self.failing = False
        self._open()

    @property
    def path(self):
        return Path(self.room.name) / str(self.number) / "brew.db"

    def _open(self):
        self.path.parent.mkdir(exist_ok=True)
        self.journal = Journal(self.path, sinks=["a", "b"], wait=0.0)
        self.memory = copy.deepcopy(self.disk)
        self.failing = False

    def _wrote(self):
        """Tell the model that the journal has tried to write."""
        if self.other is not None:
            self.failing = True
            return
        self.memory["outages"] += self.failing
        self.failing = False
        self.disk = copy.deepcopy(self.memory)

    @rule(
        k=st.integers(0, 4),
        offsets=st.lists(st.integers(0, 59), max_size=3),
        more=st.integers(0, 30),
    )
    def add(self, k, offsets, more):
        start = T0 + 60 * k
        events = [Event(float(start + offset), 0.1, 0.9) for offset in offsets]
        written = self.journal.add(events=events, heard={start: more})
        assert written == (self.other is None)
        self.memory["events"] += [event.time for event in events]
        if start not in self.memory["minutes"]:
            heard = self.memory["heard"]
            heard[start] = min(60.0, heard.get(start, 0.0) + more)
        self._wrote()

    @rule(k=st.integers(0, 4))
    def close_minute(self, k):
        start = T0 + 60 * k
        count = sum(start <= at < start + 60 for at in self.memory["events"])
        minute = closed(start, count, self.memory["heard"].get(start, 0.0))
        new = start not in self.memory["minutes"]
        assert self.journal.close_minute(minute) == new
        if new:
            self.memory["minutes"][start] = minute
            self.memory["spool"] |= {("a", start), ("b", start)}
            self.memory["heard"].pop(start, None)
            self._wrote()

    @precondition(lambda self: self.other is None)
    @rule()
    def lock(self):
        self.other = sqlite3.connect(self.path, isolation_level=None)
        self.other.execute("BEGIN EXCLUSIVE")

    @precondition(lambda self: self.other is not None)
    @rule()
    def unlock(self):
        self.other.close()
        self.other = None

    @rule()
    def kill(self):
        killed = self.path.parent
        self.number += 1
        shutil.copytree(killed, self.path.parent)
        self._let_go()
        self._open()

    @rule()
    def restart(self):
        if self.other is None and self.failing:
            self._wrote()
        self.journal.close()
        if self.other is not None:
            self.unlock()
        self._open()

    def _let_go(self):
        """The killed process is gone, and with it whoever held a lock on its files."""
        self.journal._connection.close()
        self.journal._connection = None
        self.journal._tracker.release()
        if self.other is not None:
            self.unlock()

    @invariant()
    def the_journal_answers_as_if_all_were_written(self):
        self.same(self.journal, self.memory)

    @invariant()
    def the_file_holds_what_was_written(self):
        with Reader(self.path) as page:
            self.same(page, self.disk)
            assert page.unsent() == ({"a": n, "b": n} if (n := len(self.disk["minutes"])) else {})
            assert len(page.notices()) == self.disk["outages"]

    def same(self, found, model):
        assert found.minutes() == [model["minutes"][start] for start in sorted(model["minutes"])]
        assert [one.time for one in found.events()] == sorted(model["events"])
        heard = {start: seconds for start, _, seconds in found.open_minutes(math.inf)}
        assert heard == model["heard"]
        for start, count, _ in found.open_minutes(math.inf):
            assert count == sum(start <= at < start + 60 for at in model["events"])

    def teardown(self):
        self._let_go()
        self.room.cleanup()


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


def test_a_killed_tracker_keeps_every_second_that_it_had_taken(path):
    rng = random.Random(7)
    acknowledged = 0
    for _ in range(12):
        command = [sys.executable, killed_tracker.__file__, str(path)]
        tracker = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        for _ in range(rng.randrange(1, 150)):
            acknowledged = int(tracker.stdout.readline())
        time.sleep(rng.uniform(0, 0.03))
        os.kill(tracker.pid, signal.SIGKILL)
        rest, _ = tracker.communicate(timeout=20)
        lines = rest.split(b"\n")[:-1]  # what follows the last line's end was cut off
        acknowledged = int(lines[-1]) if lines else acknowledged
        with Reader(path) as page:
            check_seconds(page, acknowledged)


def check_seconds(page, acknowledged):
    """Every second that was acknowledged is there, and at most the one on its way beside it."""
    seconds = killed_tracker.done(page)
    assert acknowledged <= seconds <= acknowledged + 1
    events = [event for second in range(seconds) for event in killed_tracker.plops(second)]
    assert page.events() == events
    minutes = page.minutes()
    assert [one.start for one in minutes] == [T0 + 60 * k for k in range(len(minutes))]
    assert {one.seconds for one in minutes} <= {60.0}
    for one in [*minutes, *(Minute(*found, 0, 0, 0, "") for found in page.open_minutes(math.inf))]:
        assert one.count == sum(one.start <= event.time < one.start + 60 for event in events)


# --- weight -----------------------------------------------------------------------------------


def test_what_the_tracker_imports_is_light():
    heavy = "numpy pandas scipy requests paho filelock urllib.request http.client ssl sounddevice"
    code = (
        "import sys, helpers.apps.journal, helpers.apps.sinks\n"
        f"print([name for name in {heavy.split()} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout.strip() == "[]", ran.stderr
