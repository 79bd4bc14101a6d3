import io
import warnings

import av
import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import audio
from helpers.audio import AudioError, AudioWarning

QUICK = settings(max_examples=25, deadline=None)
NOISE = (np.random.default_rng(0).normal(size=24_000) * 0.1).astype(np.float32)


def tone(rate, *, seconds=0.5, frequency=440.0):
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)).astype(
        np.float32
    )


def peak_frequency(samples, rate=audio.SAMPLE_RATE):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.argmax(spectrum) * rate / len(samples)


def save(path, samples, rate=16_000, **options):
    soundfile.write(path, samples, rate, **options)
    return path


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT"])
def test_every_rate_and_width_keeps_pitch_level_and_length(tmp_path, rate, subtype):
    path = save(tmp_path / "tone.wav", tone(rate), rate, subtype=subtype)
    samples = audio.read(path, quiet=True)
    assert samples.dtype == np.float32
    assert abs(len(samples) - 8_000) <= 1
    assert peak_frequency(samples) == pytest.approx(440, abs=3)
    assert audio.level_db(samples[500:-500]) == pytest.approx(-9.03, abs=0.1)


def test_stereo_is_averaged(tmp_path):
    left, right = NOISE, np.roll(NOISE, 7)
    path = save(tmp_path / "two.wav", np.stack([left, right], axis=1), subtype="FLOAT")
    np.testing.assert_allclose(audio.read(path), (left + right) / 2, atol=1e-7)


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_same_as_librosa(tmp_path, rate):
    path = save(tmp_path / "noise.wav", np.stack([NOISE, -0.3 * NOISE], axis=1), rate)
    reference, _ = librosa.load(path, sr=16_000, mono=True, res_type="soxr_hq")
    ours = audio.read(path)
    n = min(len(ours), len(reference))
    assert abs(len(ours) - len(reference)) <= 1
    np.testing.assert_allclose(ours[:n], reference[:n], atol=1e-5)


def test_nothing_above_the_new_limit_folds_back():
    high = tone(48_000, frequency=11_000)
    assert audio.level_db(audio.resample(high, source=48_000, target=16_000)[500:-500]) < -90


@pytest.mark.parametrize(("offset", "length"), [(0.25, 0.5), (1.0, None), (0.0, 9.0)])
def test_a_part_is_the_part_of_the_whole(tmp_path, offset, length):
    path = save(tmp_path / "noise.wav", NOISE, subtype="FLOAT")
    stop = None if length is None else round((offset + length) * 16_000)
    part = audio.read(path, offset=offset, duration=length)
    np.testing.assert_array_equal(part, NOISE[round(offset * 16_000) : stop])


def test_duration(tmp_path):
    assert audio.duration(save(tmp_path / "a.flac", NOISE)) == 1.5


@pytest.fixture
def video(tmp_path):
    """Sound in formats that libsndfile does not read."""

    def make(name, codec, seconds=0.5):
        sound = tone(48_000, seconds=seconds)
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream(codec, rate=48_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(sound[None], format="flt", layout="mono")
            frame.sample_rate = 48_000
            shape = av.AudioResampler(
                format=stream.format.name,
                layout="mono",
                rate=48_000,
                frame_size=stream.codec_context.frame_size or 960,
            )
            for piece in shape.resample(frame) + shape.resample(None):
                container.mux(stream.encode(piece))
            container.mux(stream.encode(None))
        return tmp_path / name

    return make


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.webm", "libopus")])
def test_sound_of_a_video(video, name, codec):
    path = video(name, codec)
    assert peak_frequency(audio.read(path)) == pytest.approx(440, abs=4)
    assert audio.duration(path) == pytest.approx(0.5, abs=0.05)


def test_pyav_missing_is_explained(video, monkeypatch):
    path = video("a.m4a", "aac")
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(AudioError, match=r"a\.m4a.*pip install av"):
        audio.read(path)


def refused(path, match):
    with pytest.raises(AudioError, match=match) as caught:
        audio.read(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_missing_empty_and_folder(tmp_path):
    refused(tmp_path / "none.wav", "no such file")
    (tmp_path / "empty.wav").touch()
    refused(tmp_path / "empty.wav", "empty, 0 bytes.*fetch or record")
    refused(tmp_path, "not a file")


def test_text_is_not_sound(tmp_path):
    (tmp_path / "text.wav").write_text("onset\toffset\n" * 500)
    refused(tmp_path / "text.wav", "not a sound file")


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("share", [0.5, 0.97])
def test_cut_short_is_noticed(tmp_path, kind, share):
    whole = save(tmp_path / f"whole.{kind}", NOISE)
    data = whole.read_bytes()
    path = tmp_path / f"cut.{kind}"
    path.write_bytes(data[: int(len(data) * share)])
    audio.read(whole)
    refused(path, "cut short|breaks off")


def test_cut_short_video_is_noticed(video, tmp_path):
    data = video("a.webm", "libopus", seconds=4.0).read_bytes()
    (tmp_path / "cut.webm").write_bytes(data[: len(data) * 3 // 4])
    assert "promises 4.0 s" in refused(tmp_path / "cut.webm", "cut short")
    data = video("a.m4a", "aac").read_bytes()
    (tmp_path / "cut.m4a").write_bytes(data[: len(data) // 2])
    refused(tmp_path / "cut.m4a", "cut short|not a sound file")


def test_wav_of_unknown_length_from_a_pipe_is_read(tmp_path):
    path = save(tmp_path / "pipe.wav", NOISE)
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert len(audio.read(path)) == len(NOISE)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_a_number(tmp_path, value):
    bad = NOISE.copy()
    bad[123] = value
    message = refused(save(tmp_path / "bad.wav", bad, subtype="FLOAT"), "not a finite number")
    assert "sample 123" in message


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_zero_length(tmp_path, kind):
    refused(save(tmp_path / f"zero.{kind}", NOISE[:0]), "zero length|0 bytes")


def test_silent_clipped_and_band_limited_are_warned_of(tmp_path):
    with pytest.warns(AudioWarning, match=r"silent\.wav: all silent"):
        audio.read(save(tmp_path / "silent.wav", np.zeros(1000)))
    with pytest.warns(AudioWarning, match=r"loud\.wav: clipped"):
        samples = audio.read(save(tmp_path / "loud.wav", np.clip(30 * NOISE, -1, 1)))
    assert np.abs(samples).max() <= 1.0
    with pytest.warns(AudioWarning, match="nothing above 4000 Hz"):
        audio.read(save(tmp_path / "phone.wav", NOISE, 8_000))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        audio.read(save(tmp_path / "fine.wav", 0.9 * NOISE / np.abs(NOISE).max()))
        audio.read(tmp_path / "loud.wav", quiet=True)


@pytest.mark.parametrize(
    ("samples", "match"),
    [
        (np.zeros((10, 2)), "downmix"),
        (np.zeros(0), "zero length"),
        (np.zeros(5, dtype=np.int16), "divide by full scale"),
        (np.full(5, 3000.0), "full scale is 1"),
    ],
)
def test_check_refuses(samples, match):
    with pytest.raises(AudioError, match=f"mine: .*{match}"):
        audio.check(samples, name="mine")


def test_times_that_make_no_sense(tmp_path):
    path = save(tmp_path / "a.wav", NOISE)
    with pytest.raises(AudioError, match="offset 5"):
        audio.read(path, offset=5.0)
    for options in ({"offset": -1.0}, {"duration": 0.0}):
        with pytest.raises(AudioError, match="must be positive"):
            audio.read(path, **options)


@QUICK
@given(
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=400), st.sampled_from(["flac", "wav"])
)
def test_write_and_read_agree_to_half_a_step(tmp_path_factory, values, kind):
    path = tmp_path_factory.mktemp("w") / f"x.{kind}"
    audio.write(path, np.array(values, dtype=np.float32))
    np.testing.assert_allclose(audio.read(path, quiet=True), values, atol=1.01 / 32768)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_write_leaves_nothing_half_done(tmp_path, monkeypatch):
    with pytest.raises(AudioError, match="suffix '.mp3'"):
        audio.write(tmp_path / "x.mp3", NOISE)
    audio.write(tmp_path / "x.wav", NOISE)
    before = (tmp_path / "x.wav").read_bytes()

    def full(name, *args, **options):
        with open(name, "wb") as file:
            file.write(before[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(soundfile, "write", full)
    with pytest.raises(OSError, match="No space"):
        audio.write(tmp_path / "x.wav", 0 * NOISE)
    assert (tmp_path / "x.wav").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@QUICK
@given(st.lists(st.floats(-0.5, 2.5), max_size=8))
def test_clicks_start_where_they_are_asked_for(times):
    sound = audio.clicks(np.array(times), length=2.0)
    assert sound.shape == (32_000,)
    assert np.abs(sound).max(initial=0) <= 1
    quiet = np.ones(32_000, dtype=bool)
    for time in times:
        start = round(time * 16_000)
        if 0 <= start < 32_000:
            quiet[start : start + 640] = False
            assert np.abs(sound[start : start + 640]).max() > 0 or start >= 31_999
    assert not sound[quiet].any()


def test_level():
    assert audio.level_db(np.ones(10)) == 0
    assert audio.level_db(np.zeros(10)) == -np.inf
    assert audio.level_db(tone(16_000)) == pytest.approx(-9.03, abs=0.01)


def test_player_is_small_and_sounds_like_the_samples():
    loud = np.random.default_rng(1).normal(size=160_000).astype(np.float32) * 0.2
    html = audio.play(loud, title="<noise & more>")._repr_html_()
    assert len(html) < 60_000  # white noise is the worst case
    assert "&lt;noise &amp; more&gt;" in html
    player = audio.play(tone(16_000, seconds=2.0))
    decoded, rate = soundfile.read(io.BytesIO(player.mp3))
    assert rate == 16_000
    assert len(decoded) / rate == pytest.approx(2.0, abs=0.1)
    assert peak_frequency(decoded) == pytest.approx(440, abs=1)


def test_player_keeps_the_level_when_asked():
    quiet = 0.1 * tone(16_000)
    levels = [
        audio.level_db(soundfile.read(io.BytesIO(audio.play(quiet, normalize=how).mp3))[0])
        for how in (True, False)
    ]
    assert levels[0] - levels[1] == pytest.approx(20 * np.log10(0.89 / 0.05), abs=0.5)


def test_player_takes_any_rate():
    assert audio.play(tone(96_000), sample_rate=96_000).mp3


def test_real_recordings_are_embedded_only_for_a_listener(monkeypatch):
    for name in ("HEARING_EMBED", "JPY_SESSION_NAME", "COLAB_RELEASE_TAG"):
        monkeypatch.delenv(name, raising=False)
    player = audio.play(NOISE, real=True, title="cough")
    assert player.mp3 is None
    assert "base64" not in player._repr_html_()
    assert "run this cell to hear it" in player._repr_html_()
    assert "run this cell to hear it" in repr(player)
    assert audio.play(NOISE).mp3
    monkeypatch.setenv("JPY_SESSION_NAME", "notebooks/02_explore.ipynb")
    assert audio.play(NOISE, real=True).mp3
    monkeypatch.setenv("HEARING_EMBED", "0")
    assert audio.play(NOISE, real=True).mp3 is None
    monkeypatch.setenv("HEARING_EMBED", "1")
    assert "base64" in audio.play(NOISE, real=True)._repr_html_()
