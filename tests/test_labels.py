"""Labels: files, targets, agreement. Properties first, then every bad file by name."""

import os
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import labels
from helpers.features import FrontEnd
from helpers.labels import LabelError, LabelWarning

FRONT_END = FrontEnd()
HOP = FRONT_END.hop / FRONT_END.sample_rate

seconds = st.floats(0, 3600, allow_nan=False)
texts = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=12)
hertz = st.one_of(st.none(), st.floats(0, 24_000))
examples = settings(max_examples=60, deadline=None)


def table(rows, columns=("onset", "offset", "event_label")):
    return pd.DataFrame(list(rows), columns=list(columns))


def plops(*onsets, length=0.1, label="p"):
    return table((onset, onset + length, label) for onset in onsets)


@st.composite
def events_with_bounds(draw):
    rows = []
    for _ in range(draw(st.integers(0, 12))):
        onset, offset = sorted([draw(seconds), draw(seconds)])
        low, high = draw(hertz), draw(hertz)
        if low is not None and high is not None:
            low, high = sorted([low, high])
        rows.append((onset, offset, draw(texts), low, high))
    frame = table(rows, [*labels.COLUMNS, *labels.BOUNDS])
    return frame.astype(dict.fromkeys(["onset", "offset", *labels.BOUNDS], float))


# --- Audacity files ---------------------------------------------------------------------------


@examples
@given(events=events_with_bounds())
def test_audacity_round_trip_is_exact(tmp_path_factory, events):
    path = tmp_path_factory.mktemp("labels") / "labels.txt"
    labels.write_audacity(path, events)
    back = labels.read_audacity(path, overlaps="allow")
    expected = labels.check_events(events, overlaps="allow")
    if expected[labels.BOUNDS].isna().all(axis=None):
        expected = expected.drop(columns=labels.BOUNDS)
    pd.testing.assert_frame_equal(back, expected, check_exact=True, check_dtype=False)


def test_a_file_from_audacity_comes_back_byte_for_byte(tmp_path):
    text = (
        "0.095271\t0.199203\tp\n\\\t484.777191\t519.206421\n"
        "0.224000\t0.224000\tpoint\n1.000000\t1.500000\t\n\\\t-1.000000\t900.000000\n"
    )
    path = tmp_path / "labels.txt"
    path.write_text(text, encoding="utf-8")
    events = labels.read_audacity(path)
    assert events["low_frequency"].isna().tolist() == [False, True, True]
    assert events.loc[1, "onset"] == events.loc[1, "offset"]
    labels.write_audacity(path, events)
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.filterwarnings("ignore::helpers.labels.LabelWarning")
def test_real_label_files_come_back_byte_for_byte(tmp_path, mirror):
    files = sorted((mirror / "brewing-labels").glob("labels.*"))
    assert files
    for source in files:
        events = labels.read_audacity(source)
        labels.write_audacity(tmp_path / "copy.txt", events)
        assert (tmp_path / "copy.txt").read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("0.1\t0.2\tp\n0,5\t1,0\tp\n", 2, ["decimal comma", "'0.5'"]),
        ("0.1\t0.2\n", 1, ["2 columns", "three"]),
        ("0.1\t0.2\tp\tq\n", 1, ["4 columns"]),
        ("0.1 0.2 p\n", 1, ["1 columns", "tabs"]),
        ("\n0.3\t0.2\tp\n", 2, ["onset 0.3 after offset 0.2", "swap"]),
        ("zero\t0.2\tp\n", 1, ["'zero'", "not a number"]),
        ("nan\t0.2\tp\n", 1, ["finite"]),
        ("0\tinf\tp\n", 1, ["finite"]),
        ("-0.5\t0.2\tp\n", 1, ["negative"]),
        ("\\\t100\t200\n0.1\t0.2\tp\n", 1, ["without a label above"]),
        ("0.1\t0.2\tp\n\\\t100\n", 2, ["backslash, tab"]),
        ("0.1\t0.2\tp\n\\\t200\t100\n", 2, ["swap"]),
        ("0.1\t0.2\tp\n\\\t1,5\t2\n", 2, ["decimal comma"]),
        ("0.1\t0.2\tp\n99\t99.5\tp\n", 2, ["past the end", "another recording"]),
        (b"0.1\t0.2\tp\n0.3\t0.4\tpl\xf6p\n", 2, ["UTF-8", "0xf6"]),
        ("0.1\t0.2\tp\n".encode("utf-16"), 1, ["UTF-16", "save it again as UTF-8"]),
    ],
)
def test_bad_files_are_refused_by_file_line_and_remedy(tmp_path, content, line, words):
    path = tmp_path / "take 1.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LabelError) as caught:
        labels.read_audacity(path, duration=30)
    message = str(caught.value)
    assert f"take 1.txt, line {line}" in message
    assert all(word in message for word in words), message


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(LabelError, match="nowhere.txt: cannot be read"):
        labels.read_audacity(tmp_path / "nowhere.txt")
    with pytest.raises(LabelError, match="cannot be read"):
        labels.read_audacity(tmp_path)


def test_what_is_harmless_is_read(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes(b"\xef\xbb\xbf1.5\t2\tp\r\n\r\n0.5\t0.75\t\r\n")
    events = labels.read_audacity(path, empty_label="cough")
    assert events.to_dict("list") == {
        "onset": [0.5, 1.5],
        "offset": [0.75, 2.0],
        "event_label": ["cough", "p"],
    }
    path.write_bytes(b"")
    empty = labels.read_audacity(path)
    assert list(empty.columns) == labels.COLUMNS
    assert len(empty) == 0


def test_overlaps_are_reported_and_can_be_refused(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("0\t2\tp\n0.5\t0.7\tn\n1\t3\tp\n", encoding="utf-8")
    with pytest.warns(LabelWarning, match=r"line 3: 1 event"):
        labels.read_audacity(path)
    with pytest.raises(LabelError, match="line 3"):
        labels.read_audacity(path, overlaps="error")
    path.write_text("0\t1\tp\n1\t3\tp\n0.5\t0.7\tn\n", encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        labels.read_audacity(path)


def test_an_event_over_the_end_is_cut_there(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("1\t2\tp\n9.9\t10.2\tp\n", encoding="utf-8")
    with pytest.warns(LabelWarning, match="line 2"):
        events = labels.read_audacity(path, duration=10)
    assert events["offset"].tolist() == [2, 10]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "labels.txt"
    labels.write_audacity(path, plops(1))
    before = path.read_bytes()
    with pytest.raises(LabelError, match="tab"):
        labels.write_audacity(path, plops(1, label="a\tb"))

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        labels.write_audacity(path, plops(1, 2, 3))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["labels.txt"]


@examples
@given(rows=st.lists(st.tuples(seconds, seconds, st.sampled_from("pn")), max_size=20))
def test_checked_events_are_sorted_and_never_negative(rows):
    events = table((min(a, b), max(a, b), label) for a, b, label in rows)
    checked = labels.check_events(events, overlaps="allow")
    assert checked["onset"].is_monotonic_increasing
    assert (checked["onset"] >= 0).all()
    assert (checked["onset"] <= checked["offset"]).all()
    assert sorted(checked["event_label"]) == sorted(events["event_label"])


def test_checked_events_name_the_row():
    with pytest.raises(LabelError, match="my table, row 1: onset is 'x'"):
        labels.check_events(table([(1, 2, "p"), ("x", 2, "p")]), name="my table")
    with pytest.raises(LabelError, match="no column offset, event_label"):
        labels.check_events(pd.DataFrame({"onset": [1.0]}))


# --- targets ----------------------------------------------------------------------------------


@examples
@given(targets=st.lists(st.booleans(), min_size=1, max_size=300))
def test_targets_to_events_and_back(targets):
    targets = np.asarray(targets, np.float32)
    events = labels.targets_to_events(targets, front_end=FRONT_END)
    back = labels.frame_targets(events, front_end=FRONT_END, n_frames=len(targets), label="p")
    np.testing.assert_array_equal(back, targets)


@examples
@given(
    gaps=st.lists(st.floats(2.1 * HOP, 1), min_size=1, max_size=12),
    lengths=st.lists(st.floats(1.1 * HOP, 0.4), min_size=12, max_size=12),
)
def test_events_to_targets_and_back(gaps, lengths):
    onset, rows = FRONT_END.times(1)[0], []
    for gap, length in zip(gaps, lengths, strict=False):
        rows.append((onset + gap, onset + gap + length, "p"))
        onset += gap + length
    events = table(rows)
    n_frames = FRONT_END.n_frames(int((onset + 0.1) * FRONT_END.sample_rate))
    targets = labels.frame_targets(events, front_end=FRONT_END, n_frames=n_frames, label="p")
    back = labels.targets_to_events(targets, front_end=FRONT_END)
    assert len(back) == len(events)
    for column in ("onset", "offset"):
        assert np.abs(back[column] - events[column]).max() <= HOP / 2 + 1e-6


def test_targets_mark_the_frames_whose_centre_is_inside():
    times = FRONT_END.times(100)
    events = plops(0.3, length=0.2)
    targets = labels.frame_targets(events, front_end=FRONT_END, n_frames=100, label="p")
    inside = (times >= 0.3 - HOP / 2) & (times < 0.5 - HOP / 2)
    np.testing.assert_array_equal(targets, inside)


def test_short_and_late_events_mark_one_frame_and_labels_are_kept_apart():
    events = table([(0.2, 0.2, "p"), (0.5, 0.501, "p"), (0.7, 0.9, "n"), (5, 6, "p")])
    targets = labels.frame_targets(events, front_end=FRONT_END, n_frames=100, label="p")
    assert targets.sum() == 3
    assert targets[-1] == 1
    both = labels.frame_targets(events, front_end=FRONT_END, n_frames=100, label=None)
    assert both.sum() == 3 + 20


def test_targets_refuse_several_labels_at_once():
    with pytest.raises(ValueError, match="one label at a time"):
        labels.targets_to_events(np.zeros((4, 2)), front_end=FRONT_END)


@examples
@given(
    n_frames=st.integers(1, 400),
    length=st.integers(1, 60),
    share=st.floats(0, 1),
    onset=st.floats(0, 4),
    duration=st.floats(0, 1),
)
def test_window_targets_agree_with_brute_force(n_frames, length, share, onset, duration):
    from helpers.features import windows

    hop = max(1, length // 2)
    events = plops(onset, length=duration)
    options = {"front_end": FRONT_END, "n_frames": n_frames, "label": "p"}
    frames = labels.frame_targets(events, **options)
    _, starts = windows(frames, length=length, hop=hop)
    found = labels.window_targets(events, length=length, hop=hop, min_share=share, **options)
    total = frames.sum()
    for target, start in zip(found, starts, strict=True):
        common = frames[start : start + length].sum()
        assert target == (common >= max(1, share * min(total, length)))


# --- agreement --------------------------------------------------------------------------------


def test_agreement_counts_every_kind_of_edit():
    reference = plops(1, 2, 3, 4)
    other = plops(1.02, 2.3, 5.9)
    found = labels.agreement(reference, other, collar=0.1)
    kinds = {kind: found[kind] for kind in ("kept", "moved", "added", "dropped", "edits")}
    assert kinds == {"kept": 1, "moved": 1, "added": 2, "dropped": 1, "edits": 4}
    assert found["from_nothing"] == 4
    assert found["precision"] == pytest.approx(1 / 3)
    assert found["recall"] == pytest.approx(1 / 4)
    assert found["onset_bias"] == pytest.approx(0.16)


def test_agreement_with_nothing():
    nothing = plops()
    assert labels.agreement(plops(1, 2), nothing)["edits"] == 2
    assert labels.agreement(nothing, plops(1, 2))["dropped"] == 2
    empty = labels.agreement(nothing, nothing)
    assert empty["edits"] == 0
    assert np.isnan(empty["precision"])


def test_agreement_keeps_recordings_and_labels_apart():
    first = plops(1, 2).assign(filename=["a", "b"])
    swapped = plops(1, 2).assign(filename=["b", "a"])
    assert labels.agreement(first, first)["edits"] == 0
    assert labels.agreement(first, swapped)["kept"] == 0
    assert labels.agreement(plops(1), plops(1, label="n"))["edits"] == 2


@examples
@given(
    reference=st.lists(st.integers(0, 400), max_size=15),
    other=st.lists(st.integers(0, 400), max_size=15),
)
def test_agreement_keeps_as_many_as_sed_eval_hits(reference, other):
    from helpers.evaluation import match_onsets

    # Hundredths of a second plus a half step, so that no pair lies on the edge of the collar.
    a, b = plops(*np.array(reference) / 100), plops(*(np.array(other) / 100 + 0.005))
    found = labels.agreement(a, b, collar=0.1)
    assert found["kept"] == match_onsets(a["onset"], b["onset"], collar=0.1)
    assert found["kept"] + found["moved"] + found["added"] == len(reference)
    assert found["kept"] + found["moved"] + found["dropped"] == len(other)
    back = labels.agreement(b, a, collar=0.1)
    assert (back["kept"], back["edits"]) == (found["kept"], found["edits"])


@examples
@given(
    reference=st.lists(st.integers(0, 60), max_size=4),
    other=st.lists(st.integers(0, 60), max_size=4),
)
def test_agreement_finds_the_fewest_edits(reference, other):
    def fewest(left, right):
        if not left or not right:
            return len(left) + len(right)
        best = 1 + fewest(left[1:], right)
        for i, onset in enumerate(right):
            gap = abs(onset - left[0])
            if gap <= 0.5:
                rest = right[:i] + right[i + 1 :]
                best = min(best, (gap > 0.1) + fewest(left[1:], rest))
        return best

    a = [onset / 20 for onset in reference]
    b = [onset / 20 + 0.005 for onset in other]
    assert labels.agreement(plops(*a), plops(*b), collar=0.1, reach=0.5)["edits"] == fewest(a, b)


# --- proposals --------------------------------------------------------------------------------

RATE = 16_000


def bursts(onsets, *, duration=12.0, level=0.3, noise=0.003, seed=0):
    """Decaying bursts of noise and tone on a quiet hiss, with exact onsets."""
    generator = np.random.default_rng(seed)
    samples = noise * generator.standard_normal(int(duration * RATE))
    time = np.arange(int(0.12 * RATE)) / RATE
    for onset in onsets:
        start = int(onset * RATE)
        burst = np.sin(2 * np.pi * 700 * time) + 0.3 * generator.standard_normal(len(time))
        burst = (level * burst * np.exp(-time / 0.04))[: len(samples) - start]
        samples[start : start + len(burst)] += burst
    return samples.astype(np.float32)


def test_proposals_find_bursts_and_trust_them():
    onsets = np.arange(0.5, 11.5, 0.9)
    proposal = labels.propose(bursts(onsets))
    found = labels.agreement(plops(*onsets), proposal.events, collar=0.05)
    assert (found["kept"], found["edits"]) == (len(onsets), 0)
    assert proposal.plausible, proposal.reason
    assert proposal.posterior.min() >= 0
    assert proposal.posterior.max() <= 1
    assert len(proposal.times) == len(proposal.posterior) == len(proposal.excess)


def test_a_hop_of_ten_milliseconds_follows_five_events_a_second():
    onsets = np.arange(0.5, 11.5, 0.2)
    proposal = labels.propose(bursts(onsets))
    assert labels.agreement(plops(*onsets), proposal.events, collar=0.05)["recall"] > 0.95


def test_no_event_here_is_an_answer():
    for samples in (bursts([]), np.zeros(5 * RATE, np.float32)):
        proposal = labels.propose(samples)
        assert len(proposal.events) == 0
        assert not proposal.plausible
        assert "no event" in proposal.reason
        assert list(proposal.events.columns[:3]) == labels.COLUMNS
    weak = bursts(np.arange(1, 11, 1.0), level=0.02)
    assert len(labels.propose(weak, min_rise=0).events) > 0
    assert len(labels.propose(weak, min_rise=40).events) == 0


def test_digital_silence_is_never_an_event_nor_the_background():
    onsets = [1.0, 2.0, 3.0, 4.0]
    samples = bursts(onsets, duration=5.0)
    padded = np.concatenate([samples, np.zeros(10 * RATE, np.float32)])
    proposal = labels.propose(padded)
    assert labels.agreement(plops(*onsets), proposal.events, collar=0.05)["edits"] == 0
    assert (proposal.posterior[proposal.times > 5.1] == 0).all()


def test_proposals_are_the_same_twice_and_cut_at_the_end():
    samples = bursts([1.0, 2.0, 3.98], duration=4.0)
    first, again = labels.propose(samples).events, labels.propose(samples).events
    pd.testing.assert_frame_equal(first, again)
    assert first["offset"].max() <= 4.0
    labels.check_events(first, duration=4.0, overlaps="error")


def test_plausibility_names_holes_doubles_and_too_few():
    steady = np.arange(0.5, 30, 1.0)
    assert labels.plausibility(plops(*steady), duration=30)[0]
    holes = np.delete(steady, slice(8, 24))
    doubled = np.sort(np.concatenate([steady, steady + 0.15]))
    for onsets in (holes, doubled):
        plausible, reason = labels.plausibility(plops(*onsets), duration=30)
        assert not plausible
        assert "holes or doubles" in reason
    plausible, reason = labels.plausibility(plops(1, 2), duration=30)
    assert not plausible
    assert "listen" in reason
    assert labels.plausibility(plops(*holes), duration=30, regular=False)[0]


def test_energy_proposals_follow_their_threshold():
    onsets = np.arange(0.5, 11.5, 0.9)
    samples = bursts(onsets)
    events = labels.propose_energy(samples, threshold=12)
    assert labels.agreement(plops(*onsets), events, collar=0.05)["edits"] == 0
    assert len(labels.propose_energy(samples, threshold=90)) == 0
    assert len(labels.propose_energy(np.zeros(RATE, np.float32), threshold=0)) == 0
    with pytest.raises(ValueError, match="full_scale"):
        labels.propose_energy(samples, threshold=3, reference="peak")


def test_proposals_refuse_settings_that_mean_nothing():
    with pytest.raises(ValueError, match="low <= high"):
        labels.propose(np.zeros(RATE, np.float32), high=0.3, low=0.4)
