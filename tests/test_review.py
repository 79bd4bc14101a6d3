"""The review: its logic with no browser, and its page in headless Chromium."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import Browser, free_port, process

from helpers import labels
from helpers.apps.review import ReviewSession, review, spectrogram_png

ROOT = Path(__file__).resolve().parents[1]
RATE = 16_000


def proposals(*onsets):
    rows = [(onset, onset + 0.1, "p") for onset in onsets]
    return pd.DataFrame(rows, columns=["onset", "offset", "event_label"])


@pytest.fixture
def samples():
    return (0.01 * np.random.default_rng(0).standard_normal(5 * RATE)).astype(np.float32)


@pytest.fixture
def session(samples, tmp_path):
    return ReviewSession(samples, proposals(1, 2, 3), path=tmp_path / "labels.txt")


# --- logic ------------------------------------------------------------------------------------


def test_keep_and_drop_walk_through_the_undecided(session):
    session.keep()
    session.drop()
    assert session.position == 2
    assert not session.done
    assert session.events()["onset"].tolist() == [1]
    session.keep()
    assert session.done
    assert session.events()["onset"].tolist() == [1, 3]
    assert "all decided" in session.status()


def test_a_skipped_event_comes_again(session):
    session.go(1)
    session.keep()
    session.keep()
    assert session.position == 0
    assert session.current.status == "undecided"


def test_shifts_stay_in_the_recording_and_keep_their_order(session):
    session.shift(onset=-0.01)
    assert session.current.onset == pytest.approx(0.99)
    session.shift(onset=1.0)
    assert session.current.onset == session.current.offset == pytest.approx(1.1)
    session.shift(offset=-9.0)
    assert session.current.offset == session.current.onset
    session.shift(onset=-99.0)
    session.shift(offset=99.0)
    assert (session.current.onset, session.current.offset) == (0, 5)


def test_undo_takes_back_decisions_shifts_and_additions(session):
    before = session.events(undecided=True)
    session.shift(onset=0.05)
    session.keep()
    session.drop()
    session.add(4.0)
    for _ in range(9):
        session.undo()
    pd.testing.assert_frame_equal(session.events(undecided=True), before)
    assert session.position == 0


def test_added_events_take_the_length_and_label_of_the_others(session):
    session.add(1.5)
    added = session.current
    assert (added.onset, added.label, added.status) == (1.5, "p", "kept")
    assert added.offset == pytest.approx(1.6)
    assert session.position == 1
    with pytest.raises(ValueError, match="outside the recording"):
        session.add(5.0)


def test_an_interrupted_review_goes_on_where_it_stopped(session, samples):
    session.keep()
    session.drop()
    session.save()
    text = session.path.read_text(encoding="utf-8")
    assert text.splitlines() == ["1.000000\t1.100000\tp", "3.000000\t3.100000\tp?"]
    again = ReviewSession(samples, proposals(1, 2, 3), path=session.path)
    assert again.resumed
    assert again.position == 1
    assert again.current.label == "p"
    again.keep()
    again.save()
    assert labels.read_audacity(session.path)["event_label"].tolist() == ["p", "p"]


def test_the_view_holds_the_event_and_stays_inside(samples, tmp_path):
    ends = ReviewSession(samples, proposals(0, 4.9), path=tmp_path / "labels.txt", context=0.5)
    for _ in range(2):
        start, stop = ends.view()
        item = ends.current
        assert 0 <= start <= item.onset <= item.offset <= stop + 1e-9 <= 5 + 1e-6
        assert len(ends.clip()) == round((stop - start) * RATE)
        ends.go(1)


def test_nothing_proposed_can_still_be_reviewed(samples, tmp_path):
    session = ReviewSession(samples, proposals(), path=tmp_path / "labels.txt")
    for act in (session.keep, session.drop, session.undo, session.save):
        act()
    session.shift(onset=1)
    assert "no proposals" in session.status()
    assert spectrogram_png(session).startswith(b"\x89PNG")
    session.add(2.0)
    assert session.events()["event_label"].tolist() == ["p"]


def test_buttons_and_keys_do_the_same_and_save(samples, tmp_path):
    boxes = [review(samples, proposals(1, 2, 3), path=tmp_path / f"{n}.txt") for n in "ab"]
    keys = boxes[0].children[-1]
    keys.value = "k"
    keys.value = "Hd"
    assert keys.value == ""
    found = {
        button.description: button for row in boxes[1].children[3:5] for button in row.children
    }
    for name in ("keep (k)", "onset −50 ms (H)", "drop (d)"):
        found[name].click()
    texts = [(tmp_path / f"{n}.txt").read_text(encoding="utf-8") for n in "ab"]
    assert texts[0] == texts[1]
    assert texts[0].splitlines() == ["1.000000\t1.100000\tp", "3.000000\t3.100000\tp?"]


def test_a_full_disk_is_told_and_nothing_is_lost(samples, tmp_path, monkeypatch):
    box = review(samples, proposals(1, 2), path=tmp_path / "labels.txt")
    box.session.save()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    box.children[-1].value = "k"
    assert "not saved" in box.children[0].value
    assert "No space left" in box.children[0].value
    assert len(labels.read_audacity(tmp_path / "labels.txt")) == 2
    monkeypatch.undo()
    box.children[-1].value = "d"
    assert labels.read_audacity(tmp_path / "labels.txt")["event_label"].tolist() == ["p"]


# --- the page, in JupyterLab in a headless browser ----------------------------------------------

CELL = """
import numpy as np, pandas as pd
from helpers.apps.review import review
noise = (0.01 * np.random.default_rng(0).standard_normal(80_000)).astype("float32")
rows = [(1.0, 1.1, "p"), (2.0, 2.1, "p"), (3.0, 3.1, "p")]
review(noise, pd.DataFrame(rows, columns=["onset", "offset", "event_label"]), path="labels.txt")
"""


@pytest.fixture
def page(tmp_path):
    """A browser that shows the executed cell; files are saved in `tmp_path`."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}: apt-get install chromium chromium-driver")
    import nbformat

    cell = nbformat.v4.new_code_cell(CELL)
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": spec})
    nbformat.write(notebook, tmp_path / "review.ipynb")
    port, driver, token = free_port(), free_port(), "hearing"
    lab = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
        *(
            f"--port={port}",
            f"--IdentityProvider.token={token}",
            f"--ServerApp.root_dir={tmp_path}",
        ),
    ]
    home = {"JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "JUPYTER_NO_CONFIG": "1"}
    home |= {"JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "lab"), "PYTHONPATH": str(ROOT)}
    home |= {"JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "work"), "HOME": str(tmp_path)}
    base = f"http://127.0.0.1:{port}"
    with (
        process(lab, f"{base}/api?token={token}", cwd=tmp_path, env={**os.environ, **home}),
        process(["chromedriver", f"--port={driver}"], f"http://127.0.0.1:{driver}/status"),
    ):
        browser = Browser(driver)
        try:
            browser.open(f"{base}/lab/tree/review.ipynb?token={token}")
            yield browser
        finally:
            browser.close()


BUTTONS = "[...document.querySelectorAll('.jupyter-button')]"
TOLD = "(document.querySelector('[role=status]') ?? {}).textContent"


@pytest.mark.chromium
def test_the_page_is_reviewed_by_mouse_and_by_keyboard(page, tmp_path):
    page.wait("return document.querySelector('.jp-CodeCell .cm-content') !== null")
    page.wait("return /Idle/.test(document.body.innerText)")
    page.run("document.querySelector('.jp-CodeCell .cm-content').focus()")
    page.press([Browser.ENTER], holding=Browser.SHIFT)
    page.wait(f"return {TOLD}?.includes('event 1 of 3')")
    picture = "document.querySelector('.jp-OutputArea img')"
    assert page.wait(f"return {picture}.naturalWidth") > 300
    assert page.run(f"return {picture}.alt").startswith("Spectrogram from")

    # The mouse: keep the first.
    page.run(f"{BUTTONS}.find(b => b.textContent.startsWith('keep')).click()")
    page.wait(f"return {TOLD}.includes('1 kept')")
    # The keyboard: Tab reaches the buttons, Enter presses one: drop the second.
    page.run(f"{BUTTONS}.find(b => b.textContent.startsWith('keep')).focus()")
    page.press([Browser.TAB])
    assert page.run("return document.activeElement.textContent").startswith("drop")
    page.press([Browser.ENTER])
    page.wait(f"return {TOLD}.includes('1 dropped')")
    # The letters: 50 ms earlier, play, keep the third. None of them may reach JupyterLab.
    page.run("document.querySelector('.widget-text input[type=text]').focus()")
    page.press("H")
    page.wait(f"return {TOLD}.includes('2.950')")
    page.press("p")
    page.wait("return document.querySelector('.jp-OutputArea audio').autoplay")
    page.press("k")
    page.wait(f"return {TOLD}.includes('all decided')")
    assert page.run("return document.querySelectorAll('.jp-CodeCell').length") <= 2
    text = (tmp_path / "labels.txt").read_text(encoding="utf-8")
    assert text.splitlines() == ["1.000000\t1.100000\tp", "2.950000\t3.100000\tp"]
    where = os.environ.get("HEARING_SCREENSHOT")
    if where:
        Path(where).write_bytes(page.screenshot())
