"""Pay once for what the first call is slow at: numba's compiler, matplotlib's font list.

librosa's compiled functions are cached beside its files, so every later process loads them.
"""

import io
import warnings

import librosa
import matplotlib
import numpy as np

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="pkg_resources")
    import sed_eval  # noqa: F401  (so that its byte code is written)

RATE = 16_000


def hear():
    """Call what the notebooks call of librosa, on two seconds of noise with a click in it."""
    samples = np.random.default_rng(0).normal(0, 0.01, 2 * RATE).astype(np.float32)
    samples[RATE] = 1.0
    mel = librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=512, hop_length=160)
    mfcc = librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=13)
    librosa.feature.delta(mfcc)
    librosa.pcen(mel, sr=RATE, hop_length=160)
    onsets = librosa.onset.onset_detect(y=samples, sr=RATE, backtrack=True, units="time")
    librosa.clicks(times=onsets, sr=RATE, length=len(samples))


def draw():
    """Draw a figure with text in it, so that the list of fonts is made."""
    matplotlib.use("Agg")
    import seaborn

    axes = seaborn.lineplot(x=[0, 1], y=[0, 1])
    axes.set_title("warm")
    axes.figure.savefig(io.BytesIO())


if __name__ == "__main__":
    hear()
    draw()
