"""Pay once for what the first call is slow at: numba's compiler, matplotlib's font list.

librosa's compiled functions are cached beside its files, so every later process loads them.
"""

import librosa
import matplotlib.font_manager
import numpy as np
import seaborn  # noqa: F401
import sed_eval  # noqa: F401  (writes its byte code)
from matplotlib.font_manager import FontProperties


def main():
    """Call what the notebooks call, on two seconds of noise with a click in it."""
    rate = 16_000
    samples = np.random.default_rng(0).normal(0, 0.01, 2 * rate).astype(np.float32)
    samples[rate] = 1.0
    mel = librosa.feature.melspectrogram(y=samples, sr=rate, n_fft=512, hop_length=160)
    mfcc = librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=13)
    librosa.feature.delta(mfcc)
    librosa.pcen(mel, sr=rate, hop_length=160)
    onsets = librosa.onset.onset_detect(y=samples, sr=rate, backtrack=True, units="time")
    librosa.clicks(times=onsets, sr=rate, length=len(samples))
    matplotlib.font_manager.findfont(FontProperties(family="sans-serif"))


if __name__ == "__main__":
    main()
