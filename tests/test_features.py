"""The front end against librosa, and what must hold for any sound."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from helpers import features
from helpers.features import FrontEnd, frame_index

FRONT_END = FrontEnd()


def noise(n, seed=0):
    return np.random.default_rng(seed).normal(size=n).astype(np.float32) * 0.1


@pytest.mark.parametrize("sample_rate", [8000, 16000])
@pytest.mark.parametrize(("n_mels", "fmin"), [(32, 0.0), (64, 100.0)])
def test_mel_filters_equal_librosa(sample_rate, n_mels, fmin):
    import librosa

    ours = features.mel_filters(
        sample_rate=sample_rate, n_fft=512, n_mels=n_mels, fmin=fmin, fmax=sample_rate / 2
    )
    theirs = librosa.filters.mel(
        sr=sample_rate, n_fft=512, n_mels=n_mels, fmin=fmin, fmax=sample_rate / 2
    )
    assert_allclose(ours, theirs.T, atol=1e-8)


def test_log_mel_equals_librosa():
    import librosa

    samples = noise(512 + 160 * 50)
    power = librosa.feature.melspectrogram(
        y=samples, sr=16000, n_fft=512, hop_length=160, center=False, n_mels=64, fmin=100, fmax=8000
    )
    assert_allclose(FRONT_END.log_mel(samples), np.log(power.T + 1e-8), atol=2e-4)


def test_mel_scale_goes_there_and_back():
    frequencies = np.linspace(0, 8000, 100)
    assert_allclose(features.mel_to_hz(features.hz_to_mel(frequencies)), frequencies, atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(n=st.integers(1, 5000))
def test_every_sample_is_in_a_frame(n):
    count = FRONT_END.n_frames(n)
    assert (count - 1) * FRONT_END.hop + FRONT_END.n_fft >= n
    assert count == 1 or (count - 2) * FRONT_END.hop + FRONT_END.n_fft < n
    assert len(FRONT_END.log_mel(noise(n))) == count == len(FRONT_END.times(count))


def test_a_frame_knows_only_its_own_samples():
    samples = noise(8000)
    louder = samples.copy()
    louder[4000:] *= 10
    before = (4000 - FRONT_END.n_fft) // FRONT_END.hop + 1
    assert_array_equal(FRONT_END.log_mel(samples)[:before], FRONT_END.log_mel(louder)[:before])


def test_blocks_do_not_show(monkeypatch):
    samples = noise(40_000)
    whole = FRONT_END.log_mel(samples)
    monkeypatch.setattr(features, "_BLOCK_FRAMES", 7)
    assert_allclose(FRONT_END.log_mel(samples), whole, atol=1e-5)


def test_silence_is_the_floor():
    assert_allclose(FRONT_END.log_mel(np.zeros(2000)), np.log(1e-8), rtol=1e-6)


@settings(deadline=None, max_examples=50)
@given(hop=st.integers(40, 512), frames=st.integers(1, 500))
def test_frames_to_seconds_and_back(hop, frames):
    front_end = FrontEnd(hop=hop)
    assert_array_equal(frame_index(front_end.times(frames), front_end=front_end), range(frames))


@settings(deadline=None, max_examples=50)
@given(seconds=st.floats(0, 3600))
def test_nearest_frame_is_within_half_a_hop(seconds):
    index = frame_index(seconds, front_end=FRONT_END)
    centre = FRONT_END.times(index + 1)[index]
    first = FRONT_END.times(1)[0]
    assert abs(centre - max(seconds, first)) <= 0.005 + 1e-6


def test_fit_gives_mean_zero_and_deviation_one():
    log_mel = FRONT_END.log_mel(noise(50_000))
    fitted = FRONT_END.fit([log_mel[:100], log_mel[100:]])
    standard = fitted.standardise(log_mel)
    assert_allclose(standard.mean(0), 0, atol=1e-3)
    assert_allclose(standard.std(0), 1, atol=1e-2)
    assert FrontEnd.from_dict(fitted.to_dict()) == fitted


@settings(deadline=None, max_examples=60)
@given(frames=st.integers(1, 200), length=st.integers(1, 60), data=st.data())
def test_windows_cover_every_frame(frames, length, data):
    hop = data.draw(st.integers(1, length))
    cut, starts = features.windows(np.arange(frames)[:, None], length=length, hop=hop)
    assert set(cut.ravel()) == set(range(frames))
    assert cut.shape == (len(starts), length, 1)
    assert_array_equal(cut[:, 0, 0], np.minimum(starts, frames - 1))


def test_delta_equals_librosa_away_from_the_edges():
    import librosa

    values = noise(400).reshape(100, 4)
    theirs = librosa.feature.delta(values.T, width=7).T
    assert_allclose(features.delta(values, width=7)[4:-4], theirs[4:-4], atol=1e-6)


def test_mfcc_equals_librosa_on_the_same_log_mel():
    import librosa

    log_mel = noise(640).reshape(10, 64)
    theirs = librosa.feature.mfcc(S=log_mel.T, n_mfcc=13).T
    assert_allclose(features.mfcc(log_mel), theirs, atol=1e-5)


def test_context_puts_neighbours_beside_a_frame():
    values = np.arange(10, dtype=np.float32).reshape(5, 2)
    wide = features.context(values, before=1, after=1)
    assert_array_equal(wide[2], [2, 3, 4, 5, 6, 7])
    assert_array_equal(wide[0], [0, 1, 0, 1, 2, 3])


@pytest.mark.parametrize(
    ("settings_", "words"),
    [({"hop": 600}, "hop"), ({"fmax": 9000.0}, "fmax"), ({"mean": (0.0,)}, "mean")],
)
def test_bad_settings_are_named(settings_, words):
    with pytest.raises(ValueError, match=words):
        FrontEnd(**settings_)


@pytest.mark.parametrize("samples", [np.zeros((2, 100)), np.zeros(0), np.array([0.0, np.nan])])
def test_bad_samples_are_refused(samples):
    with pytest.raises(ValueError, match="samples"):
        FRONT_END.log_mel(samples)
