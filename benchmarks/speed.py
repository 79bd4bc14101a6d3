"""How fast the shipped detector is, and how much memory an hour needs.

    python benchmarks/speed.py

Each length runs in a process of its own, whose peak memory is read at its end. The peer is
librosa's log-mel of the same samples, without any network, in the same process.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

import rows

COMMAND = "python benchmarks/speed.py"
MINUTES = (1, 10, 60)


def main() -> None:
    """Run each length in its own process and write the rows."""
    made = []
    for minutes in MINUTES:
        output = subprocess.run(
            [sys.executable, __file__, str(minutes)], capture_output=True, text=True, check=True
        ).stdout
        figures = json.loads(output.splitlines()[-1])
        print(minutes, "minutes:", figures, flush=True)
        common = {
            "area": "cost",
            "dataset": "noise (synthetic)",
            "condition": {"minutes": minutes},
            "command": COMMAND,
        }
        for method, role in (("shipped detector", "ours"), ("librosa log-mel alone", "peer")):
            made.append(
                rows.row(
                    **common, method=method, role=role, metric="x_realtime", value=figures[method]
                )
            )
        made.append(
            rows.row(
                **common,
                method="shipped detector",
                role="ours",
                metric="peak_mb",
                value=figures["peak_mb"],
                unit="MB",
            )
        )
    rows.add(made)


def one(minutes: int) -> dict[str, float]:
    """Score and decode minutes of noise, the detector first: its peak memory is its own."""
    import numpy as np

    from helpers import bundle

    detector = bundle.load(bundle.shipped())
    rng = np.random.default_rng(0)
    samples = rng.standard_normal(minutes * 60 * 16_000, dtype=np.float32)
    samples *= np.float32(0.01)  # in place: a copy would count as memory of the detector
    detector.detect(samples[:160_000])
    start = time.perf_counter()
    detector.detect(samples)
    ours = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "shipped detector": minutes * 60 / ours,
        "librosa log-mel alone": minutes * 60 / librosa_seconds(samples),
        "peak_mb": peak - samples.nbytes / 2**20,
    }


def librosa_seconds(samples) -> float:
    """Time librosa's log-mel with the detector's own settings."""
    import librosa
    import numpy as np

    def log_mel(x):
        mel = librosa.feature.melspectrogram(
            y=x, sr=16_000, n_fft=512, hop_length=160, n_mels=64, center=False
        )
        return np.log(mel + 1e-8)

    log_mel(samples[:160_000])
    start = time.perf_counter()
    log_mel(samples)
    return time.perf_counter() - start


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(one(int(sys.argv[1]))))
    else:
        main()
