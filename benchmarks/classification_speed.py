"""How fast the networks of notebook 10 name clips, features included.

    python benchmarks/classification_speed.py

Clips of five seconds of noise, one by one, and a minute at once, cut into windows of a second with
half overlap, on networks that learnt nothing (weights change no time). The peer is librosa's
log-mel of the same samples alone, in the same run. A minute, on a machine that does nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

import clocks
import namers
import numpy as np
import rows

from helpers import audio, classification, classifiers, clips

SECONDS = {5: 40, 60: 6}  # length of a clip, and how many of them
CLASSES = 10
NETWORKS = {
    "CNN depthwise": classifiers.depthwise,
    "CNN strided": classifiers.strided,
    "CNN three blocks": classifiers.three_blocks,
}


def main() -> None:
    """Time every network on both lengths, and write the rows."""
    front_end = clips.FRONT_END
    about = {"n_fft": front_end.n_fft, "hop": front_end.hop, "n_mels": front_end.n_mels}
    peer = clocks.librosa_log_mel(**about)
    made = []
    for seconds, count in SECONDS.items():
        rng = np.random.default_rng(seconds)
        size = (count, seconds * audio.SAMPLE_RATE)
        sounds = 0.1 * rng.standard_normal(size, dtype=np.float32)
        ways = {"librosa log-mel alone": peer}
        ways |= {name: classifier(build).of_samples for name, build in NETWORKS.items()}
        for name, function in ways.items():
            speed = clocks.times_real_time(function, sounds)
            print(f"{name}, {seconds} s: {speed:.0f} times real time", flush=True)
            made.append(as_row(name, seconds, speed))
    rows.add(made)


def classifier(build: Callable) -> classification.Classifier:
    """Put an untrained network into what names clips."""
    model = build(window=namers.CUT.length, n_mels=clips.FRONT_END.n_mels, classes=CLASSES)
    labels = tuple(map(str, range(CLASSES)))
    return classification.Classifier(model, clips.FRONT_END, namers.CUT, labels)


def as_row(method: str, seconds: int, speed: float) -> dict:
    """Row of one network, or of its peer."""
    return rows.row(
        area="cost",
        dataset="noise (synthetic)",
        method=method,
        role="peer" if method.startswith("librosa") else "ours",
        metric="x_realtime",
        condition={"seconds": seconds},
        value=speed,
        command="python benchmarks/classification_speed.py",
    )


if __name__ == "__main__":
    main()
