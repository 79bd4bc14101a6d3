"""The rungs of the ladder on sounds whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from helpers import evaluation, features, ladder, networks

FRONT_END = features.FrontEnd()
LABEL = "p"


def recording(onsets, *, seed: int, seconds: float = 10.0) -> np.ndarray:
    """Log-mel frames of bursts of 80 ms, 30 dB over a hiss."""
    rng = np.random.default_rng(seed)
    samples = 0.002 * rng.normal(size=int(seconds * 16_000))
    for onset in onsets:
        first = int(onset * 16_000)
        samples[first : first + 1280] += 0.06 * rng.normal(size=1280)
    return FRONT_END.log_mel(samples.astype(np.float32))


@pytest.fixture(scope="module")
def material() -> ladder.Material:
    """Four recordings with bursts at known times."""
    onsets = {f"{i}.wav": np.arange(0.5 + 0.1 * i, 9.5, 0.7 + 0.2 * i) for i in range(4)}
    events = pd.concat(
        pd.DataFrame({"filename": n, "onset": o, "offset": o + 0.08, "event_label": LABEL})
        for n, o in onsets.items()
    )
    log_mels = {n: recording(o, seed=i) for i, (n, o) in enumerate(onsets.items())}
    by_name = dict(list(events.groupby("filename")))
    targets = {
        n: ladder.attack_targets(by_name[n], front_end=FRONT_END, n_frames=len(x), label=LABEL)
        for n, x in log_mels.items()
    }
    recordings = pd.DataFrame({"filename": list(onsets), "duration": 10.0, "group": list("abcd")})
    return ladder.Material(recordings, events, log_mels, log_mels, targets, FRONT_END, LABEL)


def renamed(material, new: dict[str, str]) -> ladder.Material:
    """Give some recordings other names, as if they came from another data set."""
    tables = [table.replace({"filename": new}) for table in (material.recordings, material.events)]
    kept = [table[table["filename"].isin(new.values())] for table in tables]
    parts = (material.log_mels, material.training, material.targets)
    by_name = [{new[n]: part[n] for n in new} for part in parts]
    return ladder.Material(*kept, *by_name, material.front_end, material.label)


def f1_at(material, rung, decoder, filenames, collar):
    """Pooled onset F1 of a rung."""
    found = ladder.detect(rung, decoder, material, filenames)
    return evaluation.pooled_f1(
        evaluation.counts(material.events, found, filenames=filenames, label=LABEL, collar=collar)
    )


@pytest.mark.parametrize("make", [ladder.energy, ladder.onset_strength])
def test_a_clear_burst_is_found_within_two_hops(material, make):
    rung = make(material)
    decoder = ladder.tuned(rung, material, ["0.wav", "1.wav"])
    assert f1_at(material, rung, decoder, ["2.wav", "3.wav"], 0.02) == 1.0


def test_a_rung_detects_in_recordings_that_its_material_never_named(material):
    model = LogisticRegression(max_iter=200)
    rung = ladder.classical("lr", model, material, ["0.wav", "1.wav"])
    decoder = ladder.tuned(rung, material, ["0.wav", "1.wav"])
    new = {n: f"new-{n}" for n in ("2.wav", "3.wav")}
    elsewhere = renamed(material, new)
    here = ladder.detect(rung, decoder, material, list(new))
    there = ladder.detect(rung, decoder, elsewhere, list(new.values()))
    assert len(here)
    pd.testing.assert_frame_equal(here.replace({"filename": new}), there)


def test_onset_strength_peaks_where_the_level_rises(material):
    name = "0.wav"
    scores = ladder.onset_strength(material).score({name: material.log_mels[name]})[name]
    first = material.events.query("filename == @name")["onset"].iloc[0]
    near = np.abs(scores.times - first) < 0.3
    peak = scores.times[near][scores.of(LABEL)[near].argmax()]
    # A frame of 32 ms feels the burst first with its last sample, and most within 20 ms.
    assert abs(peak - first) <= 0.025


def test_best_energy_is_tuned_on_what_it_is_given(material):
    rung, decoder = ladder.best_energy(material, ["0.wav", "1.wav"])
    assert f1_at(material, rung, decoder, ["2.wav", "3.wav"], 0.05) == 1.0


def test_a_linear_model_learns_bursts(material):
    train = ["0.wav", "1.wav", "2.wav"]
    rung = ladder.classical("linear", LogisticRegression(max_iter=200), material, train)
    decoder = ladder.tuned(rung, material, train[:2])
    assert f1_at(material, rung, decoder, ["3.wav"], 0.05) > 0.9


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(5, 40), min_size=1, max_size=30), st.integers(3, 60))
def test_attacks_never_run_together(steps, length):
    onsets = 0.05 + 0.01 * np.cumsum(steps)
    events = pd.DataFrame({"onset": onsets, "offset": onsets + 0.01 * length, "event_label": LABEL})
    n = FRONT_END.n_frames(int((onsets[-1] + 2) * 16_000))
    targets = ladder.attack_targets(events, front_end=FRONT_END, n_frames=n, label=LABEL)
    rises = np.flatnonzero(np.diff(np.concatenate([[0], targets])) > 0)
    assert len(rises) == len(onsets)
    assert targets.sum() <= 11 * len(onsets)  # 100 ms each, and a frame for rounding


@settings(deadline=None, max_examples=50)
@given(st.integers(20, 400), st.integers(4, 20), st.integers(0, 5))
def test_merging_windows_that_agree_changes_nothing(n_frames, half, seed):
    truth = np.random.default_rng(seed).random(n_frames + 2 * half).astype(np.float32)
    starts = np.arange(0, max(1, n_frames), half)
    padded = np.pad(truth, (0, 2 * half + len(starts) * half))
    predicted = np.stack([padded[s : s + 2 * half] for s in starts])
    merged = networks.merge_windows(predicted, starts, n_frames=n_frames)
    np.testing.assert_allclose(merged, truth[:n_frames], rtol=1e-5)


def test_merging_says_when_frames_are_left_out():
    with pytest.raises(ValueError, match="leave frames out"):
        networks.merge_windows(np.ones((2, 4)), np.array([0, 10]), n_frames=14)
