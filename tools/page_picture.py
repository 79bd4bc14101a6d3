"""Draw the picture of the tracker's page in notebook 09: the width of a phone, a synthetic brew.

    python tools/page_picture.py

Needs Chromium and its driver. The brew is the simulated one of notebook 09 that blows out; its last
minute is two recordings of the test part.
"""

import io
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from helpers import bundle, datasets
from helpers.apps._bookkeeper import Bookkeeper
from helpers.apps.alarms import Watch
from helpers.apps.journal import Journal
from helpers.apps.records import MINUTE, Event, Minute, minute_of
from helpers.apps.stream import ArraySource
from helpers.synth.fermentations import fermentation

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "notebooks" / "images" / "tracker_page.png"
HOURS = 62  # of the brew, until now
RECORDINGS = ("brew_16_1.flac", "brew_04_1.flac")
WIDTH, HEIGHT = 390, 1440


def write(path: Path, now: float) -> None:
    """Write a brew of some days into a database, and listen to its last minute."""
    counts = fermentation("too active", rng=3).counts(rng=0)[: 60 * HOURS]
    first = minute_of(now) - MINUTE * (len(counts) + 1)
    watch = Watch()
    with Journal(path) as journal:
        journal.start(source="microphone (synthetic)", detector="airlock", now=first)
        for index, count in enumerate(counts):
            start = first + MINUTE * index
            status = watch.step(start, int(count), 60.0)
            times = start + (np.arange(count) + 0.5) * MINUTE / max(1, count)
            events = [Event(float(t), 0.1, 0.9) for t in times]
            journal.add(events=events, heard={start: 60.0}, notices=status.notices)
            rates = (status.rate, status.low, status.high)
            journal.close_minute(Minute(start, int(count), 60.0, *rates, status.state))
        data = datasets.load("brewery")
        sound = np.concatenate([data.audio(name) for name in RECORDINGS])
        keeper = Bookkeeper(bundle.load(bundle.shipped()), journal)
        for block in ArraySource(sound, began=now - len(sound) / 16_000):
            keeper.take(block)
        keeper.finish()


def shoot(database: Path) -> bytes:
    """Open the page as a phone does and take its picture."""
    sys.path.insert(0, str(ROOT / "tests"))
    from browser import Screen, free_port, process

    port, driver = free_port(), free_port()
    command = [sys.executable, "-m", "helpers.apps.page", "--database", str(database)]
    with (
        process([*command, "--port", str(port)], f"http://127.0.0.1:{port}/"),
        process(["chromedriver", f"--port={driver}"], f"http://127.0.0.1:{driver}/status"),
    ):
        page = Screen(driver, width=WIDTH, height=HEIGHT)
        try:
            page.open(f"http://127.0.0.1:{port}/")
            page.wait("return document.querySelectorAll('.tracker svg').length >= 3")
            return page.screenshot()
        finally:
            page.close()


def main() -> None:
    """Make the brew, take the picture, make it small."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "brew.db"
        write(database, time.time())
        picture = Image.open(io.BytesIO(shoot(database))).convert("RGB")
    small = picture.resize(
        (520, round(520 * picture.height / picture.width)), Image.Resampling.LANCZOS
    )
    few = small.quantize(128, dither=Image.Dither.NONE)
    few.save(PICTURE, "PNG", optimize=True)
    print(f"{PICTURE.name}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
