"""The synthetic ceiling fan stands in for the real one: layout, levels, weight, tilt."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import datasets
from helpers.synth import vibration

NORMAL, WEIGHT, MOVED = vibration.CONDITIONS


@pytest.fixture(scope="module")
def sessions():
    return {name: vibration.render(name, 3) for name in vibration.CONDITIONS}


def spectrum(signals):
    """Root mean square of the amplitudes of all files: shape (frequencies of 1 Hz, axes)."""
    rest = signals - signals.mean(axis=1, keepdims=True)
    window = np.hanning(signals.shape[1])
    lines = np.abs(np.fft.rfft(rest * window[None, :, None], axis=1)) * 2 / window.sum()
    return np.sqrt(np.mean(lines**2, axis=0))


def test_levels_are_of_the_order_of_the_real_ones(sessions):
    # The real ones: means -.01, .20 and .98 g, deviations .005 to .009 g, strongest line 80 Hz.
    signals, _ = sessions[NORMAL]
    assert signals.shape == (120, 200, 3)
    np.testing.assert_allclose(signals.mean(axis=(0, 1)), [-0.012, 0.204, 0.979], atol=0.002)
    assert ((signals.std(axis=1) > 0.003) & (signals.std(axis=1) < 0.015)).all()
    assert (spectrum(signals)[5:, :2].argmax(axis=0) + 5 == 80).all()
    steps = signals / vibration.STEP
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)


def test_a_weight_pulls_at_the_rotation_and_the_blades_stay(sessions):
    normal, weight = (spectrum(sessions[name][0]) for name in (NORMAL, WEIGHT))
    assert (weight[1, :2] > 2 * normal[1, :2]).all()
    assert weight[1, 2] < 2 * normal[1, 2]
    np.testing.assert_allclose(weight[5:7], normal[5:7], rtol=0.35)


def test_each_condition_has_its_own_tilt_and_the_moved_sensor_many(sessions):
    means = {name: signals.mean(axis=1) for name, (signals, _) in sessions.items()}
    apart = means[NORMAL].mean(axis=0) - means[WEIGHT].mean(axis=0)
    assert np.abs(apart[:2]).min() > 5 * means[NORMAL].std(axis=0)[:2].max()
    assert (means[MOVED].std(axis=0)[:2] > 20 * means[NORMAL].std(axis=0)[:2]).all()
    length = np.linalg.norm(means[MOVED], axis=1)
    np.testing.assert_allclose(length, 1.0, atol=0.005)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.1, 1.0), st.floats(1.1, 4.0))
def test_a_heavier_weight_is_felt_more(weight, more):
    conditions = (
        vibration.Condition(30, (0.0, 0.2, 0.98), weight=w) for w in (weight, more * weight)
    )
    light, heavy = (vibration.render(condition, 1)[0] for condition in conditions)
    # The same numbers are drawn for both, so what differs is the weight's part.
    free = vibration.render(vibration.Condition(30, (0.0, 0.2, 0.98)), 1)[0]
    felt = [np.sqrt(np.mean((one - free) ** 2)) for one in (light, heavy)]
    rounding = vibration.STEP
    assert felt[1] == pytest.approx(more * felt[0], rel=0.1, abs=rounding)


def test_one_seed_writes_the_same_files(tmp_path):
    tables = [vibration.generate(tmp_path / name, share=0.03)[0] for name in "ab"]
    assert tables[0].equals(tables[1])
    files = sorted((tmp_path / "a").rglob("*.csv"))
    assert sorted(f"{p.parent.name}/{p.name}" for p in files) == sorted(tables[0].filename)
    for path in files:
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()
        assert len(path.read_text().splitlines()) == 200


def test_it_loads_like_the_real_one(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARING_DATA", str(tmp_path))
    made = datasets.load("machines-vibration")
    again = datasets.load("machines-vibration")
    assert again.recordings.equals(made.recordings)
    assert made.synthetic
    assert made.labels == ["anomaly", "normal"]
    table = made.recordings
    assert table.groupby("condition").size().to_dict() == {NORMAL: 120, WEIGHT: 120, MOVED: 60}
    assert (table.groupby("group")["split"].nunique() == 1).all()
    assert set(table[table.split == "train"].label) == {"normal"}
    assert set(table.sample_rate) == {200.0}
    assert ((table.weight == 1) == (table.label == "anomaly")).all()
    row = table[table.condition == NORMAL].iloc[0]
    samples = made.signal(row.filename)
    assert samples.dtype == np.float32
    assert samples.shape == (200, 3)
    np.testing.assert_allclose(
        samples.mean(axis=0), row[["tilt_x", "tilt_y", "tilt_z"]].tolist(), atol=0.003
    )
    assert made.events.empty


def test_unknown_condition_is_refused():
    with pytest.raises(ValueError, match="condition 'off' is unknown; choose one of fan_0_low"):
        vibration.render("off")
