"""Make `notebooks/images/audacity_labels.png`: Audacity with a synthetic brew and its labels.

Needs the Debian packages audacity, xvfb and imagemagick:

    python tools/audacity_screenshot.py

Audacity gets a display of its own, and a home folder of its own for its settings. Its first start
writes them; they are then changed (the script pipe on, the welcome off), and the second start is
driven through mod-script-pipe.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from helpers import audio, datasets, labels  # noqa: E402

PACKAGES = {"audacity": "audacity", "Xvfb": "xvfb", "convert": "imagemagick"}
SIZE = (1100, 520)
DISPLAY = ":77"
# Written before the first start: no question about updates, and a spectrogram up to 8 kHz.
SETTINGS = """\
PrefsVersion=1.1.1r1
[GUI]
ShowSplashScreen=0
[Update]
DefaultUpdatesChecking=0
UpdateNoticeShown=1
"""


def main() -> None:
    """Render, show, label, shoot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recording", default="brew_04_1.flac")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--out", type=Path, default=ROOT / "notebooks/images/audacity_labels.png")
    options = parser.parse_args()
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if missing:
        sys.exit(f"Needs {', '.join(missing)}: apt-get install {' '.join(missing)}")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        sound, events = recording(options.recording, options.seconds, folder)
        settings = folder / ".config/audacity/audacity.cfg"
        settings.parent.mkdir(parents=True)
        settings.write_text(SETTINGS)
        environment = {**os.environ, "DISPLAY": DISPLAY, "HOME": str(folder)}
        width, height = SIZE
        screen = ["Xvfb", DISPLAY, "-screen", "0", f"{width}x{height}x24"]
        with program(screen, environment):
            time.sleep(2)
            first_start(settings, environment)
            with program(["audacity"], environment), pipe() as do:
                show(do, sound, events, options.seconds)
                shoot(options.out, environment)
    print(f"{options.out}: {options.out.stat().st_size / 1000:.0f} kB")


def recording(filename: str, seconds: float, folder: Path):
    """Write the start of a synthetic recording; return its path and its events."""
    brewery = datasets.load("brewery")
    sound = folder / "brew.wav"
    samples = brewery.audio(filename)
    audio.write(sound, samples[: round(seconds * audio.SAMPLE_RATE)])
    events = brewery.events_of(filename)
    return sound, labels.check_events(events[events["offset"] < seconds], overlaps="allow")


@contextlib.contextmanager
def program(command, environment):
    """Run a program until the block ends."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = subprocess.Popen(command, env=environment, **quiet)
    try:
        yield
    finally:
        running.terminate()
        running.wait(20)


def first_start(settings: Path, environment) -> None:
    """Let Audacity find its modules, then switch on the one that takes commands."""
    with program(["audacity"], environment):
        until(lambda: "mod-script-pipe=4" in settings.read_text(), "Audacity finds no script pipe")
        time.sleep(3)
    text = settings.read_text().replace("mod-script-pipe=4", "mod-script-pipe=1")
    text = text.replace("[GUI]\n", "[GUI]\nShowSplashScreen=0\n", 1)
    settings.write_text(text.split("[ActiveProjects]")[0])


@contextlib.contextmanager
def pipe():
    """Yield a function that sends a command and waits for its answer."""
    ends = [Path(f"/tmp/audacity_script_pipe.{way}.{os.getuid()}") for way in ("to", "from")]
    until(lambda: all(end.exists() for end in ends), "Audacity opens no pipe")
    time.sleep(3)
    with ends[0].open("w") as to, ends[1].open() as back:

        def do(command: str) -> None:
            to.write(command + "\n")
            to.flush()
            answer = ""
            while "BatchCommand finished" not in answer:
                answer += back.readline()
            if "Failed" in answer:
                sys.exit(f"Audacity refuses {command!r}: {answer}")

        yield do


def show(do, sound: Path, events, seconds: float) -> None:
    """Load the sound, add the labels, show spectrogram and label track."""
    do(f"Import2: Filename={sound}")
    for number, event in enumerate(events.itertuples()):
        do(f"SelectTime: Start={event.onset} End={event.offset} RelativeTo=ProjectStart")
        do("AddLabel:")
        do(f"SetLabel: Label={number} Text={event.event_label} Selected=0")
    # The second track first: its height would be taken over by the first.
    for track, (name, height) in reversed(list(enumerate([("brewery", 200), ("labels", 80)]))):
        do(f"SelectTracks: Track={track} TrackCount=1 Mode=Set")
        do(f"SetTrackStatus: Name={name}")
        do(f"SetTrackVisuals: Height={height}")
        if track == 0:
            do("SetTrackVisuals: Display=Spectrogram")
    do(f"SelectTime: Start=0 End={seconds} RelativeTo=ProjectStart")
    do("ZoomSel:")
    do("SelectNone:")


def shoot(path: Path, environment) -> None:
    """Save the screen with few colours, so that the file is small."""
    time.sleep(3)
    path.parent.mkdir(parents=True, exist_ok=True)
    command = ["import", "-window", "root", "-colors", "128", "-strip", f"PNG8:{path}"]
    subprocess.run(command, env=environment, check=True)


def until(true, problem: str, *, seconds: float = 120) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            sys.exit(problem)
        time.sleep(0.5)


if __name__ == "__main__":
    main()
