import datetime
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recording_server import Made, Server, bursts, encode, made

from helpers import audio, store
from helpers.apps import _first_seconds, _provenance, _ytdlp, collect
from helpers.apps._addresses import Wanted

ROOT = Path(__file__).parents[1]
QUICK = {"timeout": 0.5, "retries": 1, "pause": 0.0}


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    """Nothing here may leave this machine."""
    monkeypatch.setenv("HEARING_OFFLINE", "1")


def one(table):
    assert len(table) == 1
    return table.iloc[0]


def files(folder):
    return sorted(p.name for p in Path(folder).iterdir() if p.name != ".partial")


def leftovers(folder):
    return sorted(p.name for p in (Path(folder) / ".partial").iterdir() if p.name != "lock")


def onsets(samples, *, level=0.1):
    """Times at which the sound gets loud after 100 ms of quiet."""
    loud = np.flatnonzero(np.abs(samples) > level) / audio.SAMPLE_RATE
    return loud[np.diff(loud, prepend=-1.0) > 0.1]


# ---------------------------------------------------------------- what is fetched


@pytest.mark.parametrize("kind", ["ogg", "mp3", "flac", "wav", "m4a", "webm"])
def test_every_format_becomes_the_same_sound(tmp_path, kind):
    """16 kHz mono FLAC named by id, with the bursts where they were made."""
    with Server({"abcDEF123_-": made(4, kind=kind)}) as server:
        row = one(collect.fetch(["abcDEF123_-"], tmp_path, seconds=3, address=server.address))
    assert row.status == "fetched", row.reason
    samples = audio.read(tmp_path / "abcDEF123_-.flac")
    assert len(samples) == 3 * audio.SAMPLE_RATE
    reference = audio.resample(bursts(4), source=48_000, target=16_000)[: len(samples)]
    assert np.allclose(onsets(samples), onsets(reference), atol=0.004)  # no codec's delay is left
    assert abs(audio.level_db(samples) - audio.level_db(reference)) < 1
    assert files(tmp_path) == ["abcDEF123_-.flac", "provenance.csv"]
    assert leftovers(tmp_path) == []


def test_stereo_is_averaged(tmp_path):
    import io

    import soundfile

    out = io.BytesIO()
    left = bursts(2)
    soundfile.write(out, np.column_stack([left, np.zeros_like(left)]), 48_000, format="FLAC")
    with Server({"stereo": Made(out.getvalue(), kind="flac")}) as server:
        collect.fetch(["stereo"], tmp_path, seconds=2, address=server.direct)
    got = audio.read(tmp_path / "stereo.flac")
    want = audio.resample(left / 2, source=48_000, target=16_000)
    assert np.abs(got - want).max() < 2 / 32768


def test_only_the_beginning_is_downloaded(tmp_path):
    """Of 200 seconds, ten: the connection is closed when they are there."""
    long = made(200, kind="wav", sample_rate=16_000, rate=4e6)
    with Server({"long": long}) as server:
        row = one(collect.fetch(["long"], tmp_path, seconds=10, address=server.direct))
    assert row.status == "fetched", row.reason
    assert row.duration == 10
    assert row.bytes < len(long.data) / 10
    sent = max(entry["sent"] for entry in server.log)
    assert sent < len(long.data) / 2  # what lay in the buffers of the line counts as sent


def test_format_that_needs_its_end_is_downloaded_whole(tmp_path):
    """An m4a that keeps its index at the end cannot be read before that is there."""
    phone = made(40, kind="m4a")
    assert phone.data.index(b"moov") > len(phone.data) / 2
    with Server({"phone": phone}) as server:
        row = one(collect.fetch(["phone"], tmp_path, seconds=5, address=server.direct))
    assert (row.status, row.bytes, row.duration) == ("fetched", len(phone.data), 5)


def test_provenance_holds_what_the_page_says(tmp_path):
    page = made(3, title='Plop, "plop"\n<b>=1+1', uploader="A. Brewer", date="2020-02-29")
    with Server({"known": page, "bare": made(3)}) as server:
        collect.fetch(["known"], tmp_path, seconds=2, address=server.address)
        collect.fetch(["bare"], tmp_path, seconds=2, address=server.direct)
    table = _provenance.read(tmp_path)
    assert list(table.columns) == list(_provenance.COLUMNS)
    row = table.iloc[0]
    assert (row.id, row.uploader, row.date) == ("known", "A. Brewer", "2020-02-29")
    assert row.title == 'Plop, "plop" <b>=1+1'
    assert row.sha256 == store.sha256(tmp_path / "known.flac")
    assert row.address == server.address.format(id="known")
    assert row.licence == table.iloc[1].licence == ""  # stated nowhere, so not made up
    assert table.iloc[1].uploader == ""


def test_licence_and_date_of_a_video_site():
    info = {"license": "Creative Commons Attribution", "upload_date": "20190704", "channel": "c"}
    about = collect._about(info)
    assert about["licence"] == "Creative Commons Attribution"
    assert (about["date"], about["uploader"]) == ("2019-07-04", "c")


# ---------------------------------------------------------------- what goes wrong


def test_four_recordings_four_fates(tmp_path):
    """The good one is fetched although the others are gone, cut short and stalled."""
    size = len(made(8).data)
    recordings = {
        "gone": made(8, behaviour="missing"),
        "cut": made(8, behaviour="cut", after=size // 2),
        "stalls": made(8, behaviour="stall", after=size // 3),
        "silent": made(8, behaviour="stall", after=0),
        "good": made(8),
    }
    seen = []
    with Server(recordings) as server:
        table = collect.fetch(
            recordings, tmp_path, seconds=8, address=server.address, report=seen.append, **QUICK
        )
    tries = [entry["path"] for entry in server.log].count("/file/silent")
    assert tries == 1 + QUICK["retries"]  # a stall ends by the timeout, and so often
    status = dict(zip(table["id"], table["status"], strict=True))
    assert status.pop("good") == "fetched"
    assert status == {"gone": "gone", "cut": "failed", "stalls": "failed", "silent": "failed"}
    reason = dict(zip(table["id"], table["reason"], strict=True))
    assert "404" in reason["gone"]
    assert "ended early" in reason["cut"]
    assert "run again" in reason["cut"]
    assert "timed out" in reason["stalls"]
    assert "timed out" in reason["silent"]
    assert files(tmp_path) == ["good.flac", "provenance.csv"]
    assert [row["id"] for row in seen] == list(recordings)
    saved = _provenance.read(tmp_path).set_index("id")
    assert saved["status"].to_dict() == dict(zip(table["id"], table["status"], strict=True))


def test_cut_connection_that_brought_enough_is_enough(tmp_path):
    whole = made(20)
    half = made(20, behaviour="cut", after=len(whole.data) // 2)
    with Server({"cut": half}) as server:
        row = one(collect.fetch(["cut"], tmp_path, seconds=2, address=server.direct, **QUICK))
    assert (row.status, row.duration) == ("fetched", 2)


@pytest.mark.parametrize("behaviour", ["cut", "stall"])
def test_resumes_where_it_stopped(tmp_path, behaviour):
    """The second call asks for the rest only, and the sound is that of one straight download."""
    recording = made(20, kind="flac")
    middle = len(recording.data) // 2
    recording.behaviour, recording.after = behaviour, middle
    with Server({"x": recording}) as server:
        first = one(collect.fetch(["x"], tmp_path, seconds=20, address=server.direct, **QUICK))
        assert first.status == "failed"
        assert files(tmp_path) == ["provenance.csv"]
        recording.behaviour = "whole"
        asked = len(server.log)
        second = one(collect.fetch(["x"], tmp_path, seconds=20, address=server.direct, **QUICK))
    assert second.status == "fetched", second.reason
    starts = [entry["start"] for entry in server.log[asked:] if entry["status"] == 206]
    assert len(starts) == 1
    assert 0.9 * middle < starts[0] <= middle
    want = audio.resample(bursts(20), source=48_000, target=16_000)
    assert np.abs(audio.read(tmp_path / "x.flac") - want).max() < 3 / 32768
    assert leftovers(tmp_path) == []


def test_interrupt_in_the_middle_loses_nothing(tmp_path):
    """Ctrl-C during a slow download: no file under the final name; the next run goes on."""
    slow = made(30, kind="flac", rate=4e5)
    command = [sys.executable, "-m", "helpers.apps.collect", "done", "slow", "--seconds", "30"]
    with Server({"slow": slow, "done": made(2)}) as server:
        command += ["--folder", str(tmp_path), "--address", server.direct]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # also in a batch job
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not any(
            entry["path"] == "/file/slow" and entry["sent"] > 4e5 for entry in server.log
        ):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
        assert process.returncode == 130, error
        assert "run again" in error
        assert "Warning" not in error
        assert files(tmp_path) == ["done.flac", "provenance.csv"]
        assert [name.split(".")[0] for name in leftovers(tmp_path)] == ["slow"]
        slow.rate = None
        table = collect.fetch(["done", "slow"], tmp_path, seconds=30, address=server.direct)
    assert list(table["status"]) == ["present", "fetched"]
    assert any(entry["start"] > 2e5 for entry in server.log)
    want = audio.resample(bursts(30), source=48_000, target=16_000)
    assert np.abs(audio.read(tmp_path / "slow.flac") - want).max() < 3 / 32768


def test_parts_of_two_files_are_not_joined(tmp_path):
    """The recording changed at its source after the first try: its old part is not used."""
    old = made(20, kind="flac", behaviour="cut", after=300_000, date="2020-01-01")
    new = made(20, kind="flac", seed=1, date="2020-01-02")
    with Server({"x": old}) as server:
        collect.fetch(["x"], tmp_path, seconds=20, address=server.address, **QUICK)
        server.recordings["x"] = new
        row = one(collect.fetch(["x"], tmp_path, seconds=20, address=server.address, **QUICK))
    assert row.status == "fetched", row.reason
    want = audio.resample(bursts(20, seed=1), source=48_000, target=16_000)
    assert np.abs(audio.read(tmp_path / "x.flac") - want).max() < 3 / 32768


def test_file_cut_short_at_its_source_is_kept_and_named(tmp_path):
    """The header of a FLAC says how long it should be."""
    whole = encode(bursts(20), kind="flac")
    with Server({"x": Made(whole[: len(whole) // 2], kind="flac")}) as server:
        row = one(collect.fetch(["x"], tmp_path, seconds=20, address=server.direct))
        again = one(collect.fetch(["x"], tmp_path, seconds=20, address=server.direct))
    assert row.status == "cut"
    assert "20.0 s were due" in row.reason
    assert 8 < row.duration < 12
    assert audio.duration(tmp_path / "x.flac") == pytest.approx(row.duration, abs=0.01)
    assert again.status == "present"
    assert again.reason.startswith("cut")


def test_not_a_recording(tmp_path):
    noise = np.random.default_rng(0).bytes(200_000)
    recordings = {"noise": Made(noise, kind="mp3"), "empty": Made(b"", kind="ogg")}
    with Server(recordings) as server:
        table = collect.fetch(recordings, tmp_path, seconds=5, address=server.direct, **QUICK)
    assert list(table["status"]) == ["failed", "failed"]
    assert "decoded" in table["reason"][0]
    assert files(tmp_path) == ["provenance.csv"]


def test_trickle_ends_at_the_limit(tmp_path):
    with Server({"x": made(60, rate=20_000)}) as server:
        row = one(collect.fetch(["x"], tmp_path, seconds=60, address=server.direct, limit=1.0))
    assert row.status == "failed"
    assert "too slow" in row.reason
    assert leftovers(tmp_path) != []


def test_full_disk_is_an_error_not_a_reason(tmp_path, monkeypatch):
    """A full disk stops the collector, since the rest of the list would fail in the same way."""
    monkeypatch.setattr(_ytdlp, "token", lambda _: "t")
    (tmp_path / ".partial").mkdir()
    (tmp_path / ".partial" / "x.t.part").symlink_to("/dev/full")  # a disk with no room at all
    with Server({"x": made(3), "next": made(3)}) as server:
        with pytest.raises(OSError, match="make room") as caught:
            collect.fetch(["x", "next"], tmp_path, seconds=3, address=server.direct, **QUICK)
        assert not any("next" in entry["path"] for entry in server.log)
    assert caught.value.errno == errno.ENOSPC
    assert files(tmp_path) == []


def test_full_disk_while_decoding_keeps_the_download(tmp_path, monkeypatch):
    def full(*_args, **_more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Server({"x": made(3)}) as server:
        with monkeypatch.context() as patch:
            patch.setattr(audio.soundfile, "write", full)
            with pytest.raises(OSError, match="No space"):
                collect.fetch(["x"], tmp_path, seconds=2, address=server.direct)
        assert files(tmp_path) == []
        asked = len(server.log)
        row = one(collect.fetch(["x"], tmp_path, seconds=2, address=server.direct))
        assert len(server.log) == asked + 1  # its description, not its bytes
    assert row.status == "fetched"


# ---------------------------------------------------------------- what is there already


def test_second_call_asks_the_network_nothing(tmp_path):
    with Server({"x": made(5)}) as server:
        first = collect.fetch(["x"], tmp_path, seconds=3, address=server.direct)
        asked = len(server.log)
        second = collect.fetch(["x"], tmp_path, seconds=3, address=server.direct)
        assert len(server.log) == asked
    assert one(second).status == "present"
    assert one(second).sha256 == one(first).sha256


def test_more_seconds_are_fetched_when_more_are_wanted(tmp_path):
    with Server({"x": made(8, kind="flac")}) as server:
        collect.fetch(["x"], tmp_path, seconds=2, address=server.direct)
        row = one(collect.fetch(["x"], tmp_path, seconds=6, address=server.direct))
        assert (row.status, row.duration) == ("fetched", 6)
        server.recordings["x"].behaviour = "missing"
        gone = one(collect.fetch(["x"], tmp_path, seconds=8, address=server.direct, **QUICK))
    assert gone.status == "gone"
    assert _provenance.read(tmp_path).iloc[0].status == "fetched"  # the file is still here
    assert audio.duration(tmp_path / "x.flac") == 6


def test_changed_and_foreign_files_are_left_alone(tmp_path):
    with Server({"x": made(3), "mine": made(3)}) as server:
        collect.fetch(["x"], tmp_path, seconds=2, address=server.direct)
        for name in ("x.flac", "mine.flac"):
            audio.write(tmp_path / name, np.full(16_000, 0.25, np.float32))
        table = collect.fetch(["x", "mine"], tmp_path, seconds=2, address=server.direct)
    assert list(table["status"]) == ["changed", "present"]
    assert "move it away" in table["reason"][0]
    assert audio.duration(tmp_path / "mine.flac") == 1


def test_unreadable_table_is_refused_and_kept(tmp_path):
    (tmp_path / "provenance.csv").write_text("id,title\nx,y\n")
    with (
        Server({"x": made(2)}) as server,
        pytest.raises(_provenance.ProvenanceError, match="provenance.csv"),
    ):
        collect.fetch(["x"], tmp_path, seconds=1, address=server.direct)
    assert (tmp_path / "provenance.csv").read_text() == "id,title\nx,y\n"


TEXT = st.text(max_size=40)


@settings(max_examples=15, deadline=None)
@given(title=TEXT, uploader=TEXT, duration=st.floats(0, 1e5))
def test_table_survives_any_text(tmp_path_factory, title, uploader, duration):
    folder = tmp_path_factory.mktemp("table")
    row = dict.fromkeys(_provenance.COLUMNS, "") | {"id": "NA", "duration": duration}
    row |= {"title": _provenance.tidy(title), "uploader": _provenance.tidy(uploader)}
    table = _provenance.put(_provenance.read(folder), row)
    try:
        _provenance.write(folder, table)
    except UnicodeEncodeError:  # lone surrogates are no text
        assert files(folder) == []
        return
    pd.testing.assert_frame_equal(_provenance.read(folder), table)
    assert "\n" not in row["title"]


# ---------------------------------------------------------------- what may be asked for


@pytest.mark.parametrize(
    "bad",
    ["../x", "a/b", "a b", "", "x" * 65, "$(id)", "a;b", "é", "file:///etc/passwd", "ftp://h/x"],
)
def test_bad_ids_are_refused_before_anything_is_fetched(tmp_path, bad):
    with Server({"x": made(2)}) as server, pytest.raises(collect.CollectError):
        collect.fetch(["x", bad], tmp_path / "new", address=server.direct)
    assert server.log == []
    assert not (tmp_path / "new").exists()


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_file_names_never_leave_the_folder(text):
    """Whatever is asked for: refused, or a plain name."""
    try:
        wanted = Wanted.of(text, "http://127.0.0.1/{id}")
    except collect.CollectError:
        return
    assert Path(wanted.key).name == wanted.key
    assert wanted.key.isascii()
    assert not wanted.key.startswith(".")


@pytest.mark.parametrize(
    "address",
    [
        "https://www.youtube.com/watch?v=-E3T2OmjTLs&t=3",
        "https://youtu.be/-E3T2OmjTLs",
        "https://m.youtube.com/shorts/-E3T2OmjTLs",
    ],
)
def test_addresses_of_videos_are_known_by_their_id(address):
    wanted = Wanted.of(address, collect.YOUTUBE)
    assert wanted.key == "-E3T2OmjTLs"
    assert wanted.address == "https://www.youtube.com/watch?v=-E3T2OmjTLs"


@pytest.mark.parametrize("address", ["https://youtube.com.example.org/watch?v=-E3T2OmjTLs", None])
def test_offline_refuses_other_hosts(tmp_path, address):
    items = [address] if address else ["-E3T2OmjTLs"]
    with pytest.raises(collect.CollectError, match="HEARING_OFFLINE"):
        collect.fetch(items, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_offline_takes_what_is_here_and_refuses_more_of_it(tmp_path):
    with Server({"-E3T2OmjTLs": made(4, kind="flac")}) as server:
        collect.fetch(["-E3T2OmjTLs"], tmp_path, seconds=2, address=server.direct)
    assert one(collect.fetch(["-E3T2OmjTLs"], tmp_path, seconds=2)).status == "present"
    with pytest.raises(collect.CollectError, match="HEARING_OFFLINE"):
        collect.fetch(["-E3T2OmjTLs"], tmp_path, seconds=3)
    assert audio.duration(tmp_path / "-E3T2OmjTLs.flac") == 2


def test_offline_refuses_a_page_that_leads_away(tmp_path, monkeypatch):
    monkeypatch.setattr(
        _ytdlp, "describe", lambda *_: {"url": "https://example.org/x.ogg", "ext": "ogg"}
    )
    monkeypatch.setattr(_ytdlp, "download", lambda *_, **__: pytest.fail("went there"))
    row = one(collect.fetch(["x"], tmp_path, address="http://127.0.0.1:9/{id}"))
    assert row.status == "failed"
    assert "HEARING_OFFLINE" in row.reason


def test_nothing_but_plain_http_and_no_external_program():
    with _ytdlp.open_session(_ytdlp.Options(), loopback=True) as session:
        assert not session.params.get("external_downloader")
        assert not session.params.get("postprocessors")
        stream = {"url": "http://h/x.m3u8", "protocol": "m3u8", "vcodec": "none", "ext": "mp4"}
        plain = {"url": "http://h/x.webm", "protocol": "https", "vcodec": "none", "ext": "webm"}
        choose = session.build_format_selector(session.params["format"])
        formats = [dict(stream, format_id="1"), dict(plain, format_id="2")]
        chosen = choose(
            {"formats": formats, "has_merged_format": False, "incomplete_formats": False}
        )
        assert [f["format_id"] for f in chosen] == ["2"]


# ---------------------------------------------------------------- what it says


def test_failed_extractor_says_how_old_yt_dlp_is(tmp_path, monkeypatch):
    """A page that cannot be understood: yt-dlp may simply be too old for it."""
    import yt_dlp.version

    old = datetime.date.today() - datetime.timedelta(days=400)
    monkeypatch.setattr(yt_dlp.version, "__version__", f"{old:%Y.%m.%d}")
    with Server({}) as server:
        server.recordings["page"] = made(1)
        monkeypatch.setattr("helpers.apps.loopback._page", lambda *_: "<title>nothing</title>")
        row = one(collect.fetch(["page"], tmp_path, address=server.address, **QUICK))
    assert row.status == "failed"
    assert f"yt-dlp {old:%Y.%m.%d} is 400 days old" in row.reason
    assert "pip install --upgrade" in row.reason


def test_hint_when_the_version_holds_no_date(monkeypatch):
    import yt_dlp.version

    monkeypatch.setattr(yt_dlp.version, "__version__", "master")
    assert "master" in _ytdlp.upgrade_hint()


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("ERROR: [youtube] x: Private video. Sign in if you've been granted access", "gone"),
        ("ERROR: [youtube] x: Video unavailable", "gone"),
        ("ERROR: [youtube] x: This video has been removed by the uploader", "gone"),
        ("ERROR: [youtube] x: Sign in to confirm you're not a bot", "failed"),
        ("ERROR: [youtube] x: Unable to extract player response", "failed"),
    ],
)
def test_gone_or_failed(text, status):
    import yt_dlp

    reason = _ytdlp.explain(yt_dlp.utils.DownloadError(text))
    assert reason.status == status
    assert ("days old" in str(reason)) == (status == "failed")


def test_command_line(tmp_path, capsys):
    with Server({"x": made(2), "gone": made(2, behaviour="missing")}) as server:
        sources = tmp_path / "sources.csv"
        sources.write_text(
            "youtube_id,labels_published,exclusion_reason\nx,yes,\ngone,,\nz,,burpy\n"
        )
        arguments = ["--sources", str(sources), "--seconds", "1", "--address", server.direct]
        included = [*arguments, "--which", "included", "--folder", str(tmp_path / "a")]
        code = collect.main(included)
        out = capsys.readouterr().out
        assert code == 1
        assert "1 of 2 recordings" in out
        assert collect.main([*arguments, "--folder", str(tmp_path / "a")]) == 0  # the labelled one
    assert collect.main(["--sources", str(tmp_path / "none.csv")]) == 2
    assert "none.csv" in capsys.readouterr().err


def test_command_without_arguments_means_the_labelled_videos(capsys):
    labelled = collect.read_sources(collect.sources_path(), which="labelled")
    assert collect.main([]) == 2  # offline
    error = capsys.readouterr().err
    assert "HEARING_OFFLINE" in error
    assert f"({len(labelled)} such)" in error


def test_help_names_the_options(capsys):
    with pytest.raises(SystemExit) as left:
        collect.main(["--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert all(name in text for name in ("--sources", "--which", "--seconds", "--folder"))


# ---------------------------------------------------------------- sources.csv and the pieces


def test_sources_table():
    """The hunt's table: ids that name files, exclusion reasons from the known groups."""
    table = collect.read_sources(ROOT / "data" / "sources.csv", which="all")
    assert table["youtube_id"].is_unique
    assert table["youtube_id"].str.fullmatch(r"[A-Za-z0-9_-]{11}").all()
    assert {"rate", "clarity", "other_noise", "exclusion_reason"} <= set(table.columns)
    judged = ("already used", "short, needs review", "maybe", "to add")
    assert (table["judged_in_2021"].isin(judged) == (table["exclusion_reason"] == "")).all()
    included = collect.read_sources(ROOT / "data" / "sources.csv")
    labelled = collect.read_sources(ROOT / "data" / "sources.csv", which="labelled")
    assert (included["exclusion_reason"] == "").all()
    assert (labelled["labels_published"] == "yes").all()
    assert 0 < len(labelled) < len(included) < len(table)


def test_holds_counts_seconds_of_a_growing_file(tmp_path):
    """More bytes never hold less; the whole holds its length and no more."""
    data = encode(bursts(10), kind="webm")
    path = tmp_path / "growing"
    answers = []
    for share in np.linspace(0.05, 1, 12):
        path.write_bytes(data[: int(share * len(data))])
        answers.append(_first_seconds.holds(path, 5.0))
    assert answers == sorted(answers)
    assert not answers[0]
    assert answers[-1]
    assert not _first_seconds.holds(path, 11.0)


# ---------------------------------------------------------------- the airlocks, whole


def label_lines(onsets, label="p"):
    """An Audacity label file; the line with a backslash is a frequency range, to be passed over."""
    lines = "".join(f"{t:.6f}\t{t + 0.1:.6f}\t{label}\n\\\t200.0\t-1.0\n" for t in onsets)
    return lines.encode()


def at(times, seconds, *, sample_rate=16_000):
    """A sound with a burst at each of these times."""
    samples = 1e-3 * np.random.default_rng(0).standard_normal(round(seconds * sample_rate))
    burst = 0.5 * np.sin(2 * np.pi * 500 * np.arange(round(0.1 * sample_rate)) / sample_rate)
    for start in (round(t * sample_rate) for t in times):
        samples[start : start + len(burst)] = burst[: max(0, len(samples) - start)]
    return samples


def test_airlocks_from_server_to_table(tmp_path, monkeypatch):
    """Made recordings under the published ids, made labels beside them: fetched, paired, read."""
    import hashlib

    from helpers import _sources, datasets

    ids = list(collect.read_sources(collect.sources_path(), which="labelled")["youtube_id"])
    published = [path.rsplit("labels.", 1)[1] for path in _sources.manifest("brewing-labels")]
    assert sorted(ids) == sorted(published)  # both tables speak of the same videos
    gone, long = ids[3], ids[5]
    truth = {name: 0.5 + 0.05 * i + np.arange(5.0) for i, name in enumerate(ids)}
    truth[long] = np.array([1.0, 30.0, 59.0, 61.0])
    recordings, manifest = {}, ["path,bytes,sha256"]
    mirror = tmp_path / "mirror" / "brewing-labels"
    mirror.mkdir(parents=True)
    for i, name in enumerate(ids):
        sound = at(truth[name], 64 if name == long else 6)
        kind = ("webm", "flac", "m4a", "ogg")[i % 4]
        recordings[name] = Made(encode(sound, sample_rate=16_000, kind=kind), kind=kind)
        text = label_lines(truth[name])
        (mirror / f"labels.{name}").write_bytes(text)
        digest = hashlib.sha256(text).hexdigest()
        manifest.append(f"data/labels/labels.{name},{len(text)},{digest}")
    recordings[gone].behaviour = "missing"
    (tmp_path / "brewing-labels.csv").write_text("\n".join(manifest) + "\n")
    monkeypatch.setattr(_sources, "manifest_folder", lambda: tmp_path)
    monkeypatch.setenv("HEARING_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("HEARING_DATA", str(tmp_path / "data"))
    with pytest.raises(datasets.DataMissing, match="collect"):
        datasets.load("airlocks")
    with Server(recordings) as server:
        table = collect.fetch(ids, tmp_path / "data" / "airlocks", address=server.address, **QUICK)
    fates = table.set_index("id")["status"]
    assert fates[gone] == "gone"
    assert fates[long] == "fetched"
    assert set(fates.drop([gone, long])) == {"short"}
    data = datasets.load("airlocks")
    assert len(data.recordings) == len(ids) - 1
    assert gone in data.note
    assert not data.synthetic
    for name in set(ids) - {gone}:
        events = data.events_of(f"{name}.flac", data.label)
        heard = onsets(data.audio(f"{name}.flac"))
        assert np.allclose(events["onset"], truth[name][truth[name] < 60])
        assert np.allclose(heard, events["onset"], atol=0.004), name
    assert len(data.audio(f"{long}.flac")) == 60 * audio.SAMPLE_RATE


@pytest.mark.mirror
def test_airlocks_with_the_published_labels(tmp_path, mirror, monkeypatch):
    """The label files as their author published them, over made recordings of their ids."""
    from helpers import datasets, labels

    monkeypatch.setenv("HEARING_DATA", str(tmp_path))
    found = sorted((mirror / "brewing-labels").glob("labels.*"))
    recordings, expected = {}, {}
    for path in found:
        name = path.name.removeprefix("labels.")
        events = labels.read_audacity(path, overlaps="allow")
        starts = events.loc[events["event_label"] == "p", "onset"].to_numpy()
        expected[name] = starts[starts < 60]
        sound = at(expected[name], 60)
        recordings[name] = Made(encode(sound, sample_rate=16_000, kind="flac"), kind="flac")
    with Server(recordings) as server:
        table = collect.fetch(recordings, tmp_path / "airlocks", address=server.direct, **QUICK)
    assert set(table["status"]) == {"fetched"}
    data = datasets.load("airlocks")
    assert sorted(data.recordings["group"]) == sorted(expected)
    for name, starts in expected.items():
        assert len(data.events_of(f"{name}.flac", "p")) == len(starts) > 0
