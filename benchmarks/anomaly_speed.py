"""How fast each anomaly detector learns a machine and scores it, on a synthetic fan.

    python benchmarks/anomaly_speed.py

Learning is from 48 clips of ten seconds, features left out; scoring is of ten-second clips one by
one, features included, as times real time. The peer is librosa's log-mel of the same clips alone,
in the same run. Five minutes, on a machine that does nothing else.
"""

from __future__ import annotations

import time

import clocks
import rows

from helpers import anomaly, datasets

ABOUT = {
    "area": "cost",
    "dataset": "machines (synthetic)",
    "condition": {"clips": 48, "seconds": 10},
    "command": "python benchmarks/anomaly_speed.py",
}
TESTED = 30


def main() -> None:
    """Time every method, and write the rows."""
    data = datasets.load("machines/fan")
    table = data.recordings[data.recordings["machine"] == "id_00"]
    learn = table[(table["split"] == "train") & (table["domain"] == "source")]["filename"]
    sounds = [data.audio(name) for name in table[table["split"] == "test"]["filename"][:TESTED]]
    frames = list(anomaly.log_mels(data, learn).values())
    peer = clocks.librosa_log_mel(n_fft=1024, hop=512, n_mels=128)
    made = [
        rows.row(
            **ABOUT,
            method="librosa log-mel alone",
            role="peer",
            metric="x_realtime",
            value=clocks.times_real_time(peer, sounds),
        )
    ]
    for method in anomaly.METHODS:
        start = time.perf_counter()
        detector = anomaly.fit(method, frames)
        seconds = time.perf_counter() - start
        speed = clocks.times_real_time(detector.of_samples, sounds)
        about = ABOUT | {"method": method, "role": "ours"}
        made.append(rows.row(**about, metric="training_seconds", value=seconds, unit="s"))
        made.append(rows.row(**about, metric="x_realtime", value=speed))
        print(f"{method}: learns in {seconds:.1f} s, scores at {speed:.0f}x", flush=True)
    rows.add(made)


if __name__ == "__main__":
    main()
