"""How fast each anomaly detector learns a machine and scores it, on a synthetic fan.

    python benchmarks/anomaly_speed.py

Learning is from 48 clips of ten seconds, features left out; scoring is of ten-second clips one by
one, features included, as times real time. The peer is librosa's log-mel of the same clips alone,
in the same run. Five minutes, on a machine that does nothing else.
"""

from __future__ import annotations

import time

import numpy as np
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
    made = [
        rows.row(
            **ABOUT,
            method="librosa log-mel alone",
            role="peer",
            metric="x_realtime",
            value=times_real_time(librosa_log_mel, sounds),
        )
    ]
    for method in anomaly.METHODS:
        start = time.perf_counter()
        detector = anomaly.fit(method, frames)
        seconds = time.perf_counter() - start
        speed = times_real_time(detector.of_samples, sounds)
        about = ABOUT | {"method": method, "role": "ours"}
        made.append(rows.row(**about, metric="training_seconds", value=seconds, unit="s"))
        made.append(rows.row(**about, metric="x_realtime", value=speed))
        print(f"{method}: learns in {seconds:.1f} s, scores at {speed:.0f}x", flush=True)
    rows.add(made)


def times_real_time(function, sounds: list[np.ndarray]) -> float:
    """Seconds of sound a second that a function gets through, after a first call."""
    function(sounds[0])
    start = time.perf_counter()
    for samples in sounds:
        function(samples)
    return sum(map(len, sounds)) / 16_000 / (time.perf_counter() - start)


def librosa_log_mel(samples: np.ndarray) -> np.ndarray:
    """Log-mel of the same settings as librosa gives it."""
    import librosa

    mel = librosa.feature.melspectrogram(y=samples, sr=16_000, n_fft=1024, hop_length=512)
    return librosa.power_to_db(mel)


if __name__ == "__main__":
    main()
