"""How fast an archive is gone through, and how much memory a recording of ten hours needs.

    python benchmarks/archive.py            # the figures; needs 1.5 GB of room for the recordings
    python benchmarks/archive.py --trial    # everything small, and no row is written

Each measurement runs in a process of its own, whose peak memory is read at its end. Starting
workers and writing results count as time. The peer is librosa's log-mel of the same file in
pieces, without any network and without a decoder.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import rows

COMMAND = "python benchmarks/archive.py"
DATASET = "brewery in noise (synthetic)"
RATE = 16_000
PIECE = 30  # seconds
HOURS, FILES, MINUTES = 10.0, 20, 15.0


def main(*, hours: float, files: int, minutes: float, keep: bool) -> None:
    """Make the recordings, measure, and write the rows."""
    made = []
    with tempfile.TemporaryDirectory(prefix="archive-") as folder:
        folder = Path(folder)
        long = folder / "long.flac"
        alone("make", long, hours * 3600, 0)
        figures = alone("detect", long, folder / "one", 1)
        peer = alone("librosa", long)
        long.unlink()
        print(f"one of {hours:g} hours:", figures, "librosa:", peer, flush=True)
        about = {"condition": {"files": 1, "hours": hours, "jobs": 1}}
        made += [speed(figures["x_realtime"], **about), memory(figures["peak_mb"], **about)]
        made += [speed(peer["x_realtime"], method="librosa log-mel alone", role="peer", **about)]
        (folder / "many").mkdir()
        for i in range(files):
            alone("make", folder / "many" / f"{i:02}.flac", minutes * 60, i)
        for jobs in (1, 2):
            figures = alone("detect", folder / "many", folder / f"out-{jobs}", jobs)
            print(f"{files} of {minutes:g} minutes, {jobs} jobs:", figures, flush=True)
            about = {"condition": {"files": files, "minutes": minutes, "jobs": jobs}}
            made += [speed(figures["x_realtime"], **about), memory(figures["peak_mb"], **about)]
    if keep:
        rows.add(made)


def speed(value: float, *, method: str = "archive", role: str = "ours", **about) -> dict:
    """Row of a speed."""
    return row("x_realtime", value, method=method, role=role, **about)


def memory(value: float, **about) -> dict:
    """Row of the peak memory of the largest process."""
    return row("peak_mb", value, method="archive", role="ours", unit="MB", **about)


def row(metric: str, value: float, **about) -> dict:
    return rows.row(
        area="archive", dataset=DATASET, metric=metric, value=value, command=COMMAND, **about
    )


def alone(task: str, *arguments) -> dict[str, float]:
    """Run a task of this file in a process of its own; what it found."""
    command = [sys.executable, __file__, task, *map(str, arguments)]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(output.splitlines()[-1])


def make(path: str, seconds: str, seed: str) -> dict[str, float]:
    """Write a recording piece by piece: a brew again and again, in noise that is always new."""
    import numpy as np
    import soundfile

    from helpers.synth import brewery

    plan = brewery.plan(seed=3, n_brews=12)
    chosen = dict(plan[plan["n_airlocks"] == 1].iloc[int(seed) % 5])
    brew, _ = brewery.render(chosen)
    rng, left = np.random.default_rng(int(seed)), round(float(seconds) * RATE)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        while left:
            part = brew[:left]
            noise = rng.standard_normal(len(part), dtype=np.float32)
            file.write(np.clip(part + np.float32(0.003) * noise, -1, 1))
            left -= len(part)
    return {}


def detect(paths: str, out: str, jobs: str) -> dict[str, float]:
    """Go through an archive."""
    from helpers import bundle
    from helpers.apps import archive

    start = time.perf_counter()
    made = archive.detect(paths, bundle.shipped(), folder=out, jobs=int(jobs), quiet=True)
    elapsed = time.perf_counter() - start
    assert not len(made.failed)
    seconds = float(made.recordings["duration"].sum())
    return {"x_realtime": seconds / elapsed, "peak_mb": peak(), "events": len(made.events)}


def librosa(path: str) -> dict[str, float]:
    """Take librosa's log-mel of a file in pieces, with the detector's own settings."""
    import clocks
    import numpy as np
    import soundfile

    log_mel = clocks.librosa_log_mel(n_fft=512, hop=160, n_mels=64)
    log_mel(np.zeros(RATE, np.float32))
    start = time.perf_counter()
    with soundfile.SoundFile(path) as file:
        for samples in file.blocks(PIECE * RATE, dtype="float32"):
            log_mel(samples)
        seconds = file.frames / RATE
    return {"x_realtime": seconds / (time.perf_counter() - start)}


def peak() -> float:
    """Peak memory of this process or of the largest that it started, in megabytes."""
    import joblib.externals.loky as loky

    loky.get_reusable_executor().shutdown(wait=True)  # only what has ended is counted
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in both) / 1024


if __name__ == "__main__":
    if sys.argv[1:] == ["--trial"]:
        main(hours=0.1, files=4, minutes=1.0, keep=False)
    elif sys.argv[1:]:
        print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
    else:
        main(hours=HOURS, files=FILES, minutes=MINUTES, keep=True)
