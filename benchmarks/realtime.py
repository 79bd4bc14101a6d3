"""The tracker in real time: how late, how dear, how small, and how right its rate is.

    python benchmarks/realtime.py [--parts delay rate day small]

- delay: brewery test recordings come in as a microphone would bring them. From the true onset of a
  plop to the moment where the tracker knows of it, and the share of a core that this takes.
- rate: the same recordings, each a stream of its own: how many rates are right within 10 %.
- day: 24 hours of synthetic sound, as fast as it goes, through the whole tracker with its database.
- small: time to the first score and peak memory, in a process of its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import rows
from alarms import mean

COMMAND = "python benchmarks/realtime.py"
RATE = 16_000
COLLAR = 0.1


def main() -> None:
    """Run the parts that were asked for and write their rows."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--parts", nargs="*", default=["delay", "rate", "day", "small"])
    parser.add_argument("--recordings", type=int, default=10)
    parser.add_argument("--hours", type=float, default=24.0)
    options = parser.parse_args()
    parts = {
        "delay": lambda: delay(options.recordings),
        "rate": rate,
        "day": lambda: day(options.hours),
        "small": small,
    }
    for name in options.parts:
        rows.add(parts[name]())


def figure(dataset: str, metric: str, value, *, method="tracker", role="ours", **more) -> dict:
    """Make a row and print it."""
    common = {"area": "realtime", "dataset": dataset, "method": method, "role": role}
    made = rows.row(**common, metric=metric, value=value, command=COMMAND, **more)
    print({key: made[key] for key in ("method", "metric", "value", "low", "high")}, flush=True)
    return made


def test_recordings():
    """Return the dataset and the names of its test recordings with 20 plops or more."""
    from helpers import datasets

    data = datasets.load("brewery")
    names = data.recordings.query("split == 'test'")["filename"]
    return data, [n for n in names if len(data.events_of(n, data.label)) >= 20]


def delay(n: int) -> list[dict]:
    """Play recordings at the pace of a microphone and time what is told of each plop."""
    from helpers import bundle
    from helpers.apps._bookkeeper import Bookkeeper
    from helpers.apps._sources import FileSource
    from helpers.apps.journal import Journal

    data, names = test_recordings()
    delays, spent, heard = [], 0.0, 0.0
    detector = bundle.load(bundle.shipped())
    for name in names[:n]:
        truth = data.events_of(name, data.label)["onset"].to_numpy()
        with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "t.db") as journal:
            journal.start(source=name, detector="shipped", now=time.time())
            keeper = Bookkeeper(detector, journal)
            source = FileSource(data.folder / name, pace="real")
            opened, cpu = time.time(), time.process_time()
            for block in source:
                told = [(event.onset, time.time()) for event in keeper.take(block).begun]
                for onset, when in told:
                    nearest = truth[np.argmin(np.abs(truth - onset))]
                    if abs(nearest - onset) <= COLLAR:
                        delays.append(when - opened - nearest)
            spent, heard = spent + time.process_time() - cpu, heard + time.time() - opened
    middle, late = np.quantile(delays, [0.5, 0.95]) * 1000
    where = "brewery, test (synthetic)"
    common = {"unit": "ms", "n": len(delays)}
    return [
        figure(where, "delay_ms_p50", float(middle), **common),
        figure(where, "delay_ms_p95", float(late), **common),
        figure(where, "core_share", spent / heard, n=min(n, len(names))),
    ]


def rate() -> list[dict]:
    """Compare the rate of each recording, streamed in blocks of 50 ms, with the true one."""
    from helpers import bundle
    from helpers.apps.stream import ArraySource, StreamDetector

    data, names = test_recordings()
    detector = bundle.load(bundle.shipped())
    within = []
    for name in names:
        stream, found = StreamDetector(detector), 0
        for block in ArraySource(data.audio(name)):
            found += len(stream.push(block).begun)
        found += len(stream.flush().begun)
        true = len(data.events_of(name, data.label))
        within.append(abs(found / true - 1) <= 0.1)
    groups = data.recordings.set_index("filename").loc[names, "group"].to_numpy()
    value = mean(pd.DataFrame({"within": within}), "within", groups=groups)
    return [figure("brewery, test (synthetic)", "rate_within_10pct", value)]


def day(hours: float) -> list[dict]:
    """Push hours of sound through the whole tracker and watch its memory."""
    from helpers import bundle
    from helpers.apps._bookkeeper import Bookkeeper
    from helpers.apps.journal import Journal
    from helpers.apps.stream import Block

    data, names = test_recordings()
    loop = np.concatenate([data.audio(name) for name in names])
    block = RATE  # a second at a time
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "day.db") as journal:
        journal.start(source="loop", detector="shipped", now=0.0)
        keeper = Bookkeeper(bundle.load(bundle.shipped()), journal, frames=20)
        began, first = time.perf_counter(), 0.0
        for second in range(round(hours * 3600)):
            at = second * block % (len(loop) - block)
            keeper.take(Block(second * block, loop[at : at + block], 1.7e9 + second))
            if second == 1800:
                first = memory()  # half an hour in: buffers are as long as they get
        keeper.finish()
        seconds, last = time.perf_counter() - began, memory()
        minutes = len(journal.minutes())
    print(f"{minutes} minutes written, {keeper.plops} plops")
    common = {"condition": {"hours": hours}}
    where = "brewery, test, looped (synthetic)"
    return [
        figure(where, "x_realtime", 3600 * hours / seconds, **common),
        figure(where, "growth_mb", last - first, unit="MB", **common),
    ]


def memory() -> float:
    """Resident memory of this process now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


FIRST_SCORE = """
import numpy as np
from helpers import bundle
from helpers.apps.stream import Block, StreamDetector
stream = StreamDetector(bundle.load(bundle.shipped()))
stream.push(Block(0, np.zeros(16_000, np.float32)))
"""


def small() -> list[dict]:
    """Measure a whole process: interpreter, imports, detector, the scores of a second of sound."""
    from helpers import datasets

    seconds = [_seconds(FIRST_SCORE) for _ in range(7)]
    first = float(np.median(seconds[1:]))  # the first one also reads from the disk
    made = [figure("silence", "seconds_to_first_score", first, unit="s", n=6)]
    data = datasets.load("brewery")
    path = data.folder / data.recordings["filename"].iloc[0]
    command = ["-m", "helpers.track", "--file", str(path), "--dry-run", "--quiet"]
    made.append(figure("brewery (synthetic)", "peak_mb", _peak_mb(command), unit="MB"))
    peer = _peak_mb(["-c", "import librosa; librosa.feature.melspectrogram"])
    peer_row = {"method": "import librosa alone", "role": "peer"}
    made.append(figure("brewery (synthetic)", "peak_mb", peer, unit="MB", **peer_row))
    return made


def _seconds(code: str) -> float:
    began = time.perf_counter()
    _run(["-c", code + "print()"])
    return time.perf_counter() - began


def _run(arguments: list[str]) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def _peak_mb(arguments: list[str]) -> float:
    """Peak resident memory of a Python process, as the kernel counted it."""
    code = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    return float(_run(["-c", code, sys.executable, *arguments]))


if __name__ == "__main__":
    main()
