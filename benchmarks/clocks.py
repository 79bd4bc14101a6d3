"""How many times faster than real time something is, and the peer that it is set beside."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from helpers import audio


def times_real_time(function: Callable, sounds: Sequence[np.ndarray]) -> float:
    """Seconds of sound a second that a function gets through, after a first call."""
    function(sounds[0])
    start = time.perf_counter()
    for samples in sounds:
        function(samples)
    elapsed = time.perf_counter() - start
    return sum(map(len, sounds)) / audio.SAMPLE_RATE / elapsed


def librosa_log_mel(*, n_fft: int, hop: int, n_mels: int) -> Callable:
    """Make librosa's log-mel of these settings: what any network would need at least."""
    import librosa

    def log_mel(samples: np.ndarray) -> np.ndarray:
        about = {"sr": audio.SAMPLE_RATE, "n_fft": n_fft, "hop_length": hop, "n_mels": n_mels}
        return librosa.power_to_db(librosa.feature.melspectrogram(y=samples, **about))

    return log_mel
