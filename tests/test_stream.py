"""The detector on a stream gives the events of the file, however the sound comes in."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import detection
from helpers.apps._event_tracker import EventTracker
from helpers.apps.stream import ArraySource, Block, StreamDetector, StreamError
from helpers.synth import brewery

RATE = 16_000
SECONDS = 6
COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
sizes = st.lists(
    st.one_of(st.integers(1, 40), st.integers(41, 2000), st.integers(2001, 160_000)),
    min_size=1,
    max_size=8,
)


@pytest.fixture(scope="module")
def sound():
    """Six seconds of a busy synthetic brew."""
    plan = brewery.plan(seed=3, n_brews=12)
    busy = plan[(plan["n_airlocks"] == 1) & (plan["rate"] > 60)].iloc[0]
    samples, _ = brewery.render(dict(busy))
    return samples[: SECONDS * RATE]


def streamed(detector, blocks, **options):
    """Push blocks one after the other; return what began and what ended."""
    stream = StreamDetector(detector, **options)
    updates = [stream.push(block) for block in blocks] + [stream.flush()]
    return [list(itertools.chain(*(getattr(u, k) for u in updates))) for k in ("begun", "ended")]


def as_rows(events):
    return [(e.onset, e.offset, e.event_label, e.score) for e in events]


def in_batch(detector, samples, start=0):
    table = detector.detect(samples)
    shift = start / RATE
    return [(e.onset + shift, e.offset + shift, e.event_label, e.score) for e in table.itertuples()]


def same(found, expected):
    """Whether two lists of events are the same up to the rounding of a float32 network."""
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a[2] == b[2]
        assert np.allclose([a[0], a[1], a[3]], [b[0], b[1], b[3]], atol=1e-5)


def test_the_example_has_events(detector, sound):
    assert len(in_batch(detector, sound)) >= 4


@settings(max_examples=25, **COMMON)
@given(sizes=sizes, start=st.integers(0, 2 * RATE), clock=st.integers(0, 10**9))
def test_events_are_those_of_the_file_whatever_the_blocks(detector, sound, sizes, start, clock):
    part = sound[start:]
    if np.mean(sizes) < 20:  # a thousand million pushes prove no more than some thousands
        part = part[: 2 * RATE]
    begun, ended = streamed(detector, ArraySource(part, sizes=sizes, start=clock))
    same(as_rows(ended), in_batch(detector, part, clock))
    assert sorted(e.onset for e in begun) == [e.onset for e in ended]


@settings(max_examples=10, **COMMON)
@given(one=sizes, other=sizes)
def test_block_sizes_change_nothing_to_the_last_bit(detector, sound, one, other):
    part = sound[: 2 * RATE]
    first = streamed(detector, ArraySource(part, sizes=one))
    second = streamed(detector, ArraySource(part, sizes=other))
    assert [as_rows(e) for e in first] == [as_rows(e) for e in second]


@pytest.mark.parametrize("frames", [1, 3, 20, 300])
def test_so_does_the_number_of_frames_scored_at_a_time(detector, sound, frames):
    _, ended = streamed(detector, ArraySource(sound), frames=frames)
    same(as_rows(ended), in_batch(detector, sound))


@pytest.mark.parametrize("n", [1, 100, 511, 512, 513, 671, 672, 673, 5000])
def test_short_stretches_end_as_short_files_do(detector, sound, n):
    _, ended = streamed(detector, [Block(0, sound[:n])])
    same(as_rows(ended), in_batch(detector, sound[:n]))


@settings(max_examples=15, **COMMON)
@given(
    cut=st.integers(1, SECONDS * RATE - 1),
    lost=st.integers(1, 3 * RATE),
    size=st.integers(200, 20_000),
)
def test_a_gap_parts_two_recordings(detector, sound, cut, lost, size):
    """Before and behind a gap stand the events of two files, and none reaches over it."""
    rest = sound[cut + lost :]
    blocks = [*ArraySource(sound[:cut], sizes=size)]
    blocks += [*ArraySource(rest, sizes=size, start=cut + lost)]
    begun, ended = streamed(detector, blocks)
    expected = in_batch(detector, sound[:cut])
    expected += in_batch(detector, rest, cut + lost) if len(rest) else []
    same(as_rows(ended), expected)
    for event in ended:
        assert event.offset <= cut / RATE or event.onset >= (cut + lost) / RATE
    assert len(begun) == len(ended)


def test_a_gap_is_told_once(detector, sound):
    stream = StreamDetector(detector)
    assert stream.push(Block(0, sound[:800])).lost == 0
    assert stream.push(Block(900, sound[900:1700])).lost == 100
    assert stream.push(Block(1700, sound[1700:1800])).lost == 0


def test_an_event_is_announced_before_it_is_over_and_in_time(detector, sound):
    """The announcement comes within the delay that the stream states, counted in samples."""
    stream, announced = StreamDetector(detector), {}
    for block in ArraySource(sound, sizes=160):
        for event in stream.push(block).begun:
            announced[event.onset] = block.stop / RATE
    allowed = stream.delay + detector.decoder.min_length + 160 / RATE + detector.decoder.shift
    assert announced
    for onset, when in announced.items():
        assert 0 < when - onset <= allowed


def test_nothing_begins_before_what_is_decided(detector, sound):
    stream, decided = StreamDetector(detector), 0.0
    for block in ArraySource(sound, sizes=333):
        for event in stream.push(block).begun:
            assert event.onset >= decided - 1e-9
        decided = stream.decided
    assert decided > SECONDS - 1


def test_the_last_minute_is_kept_and_no_more(detector):
    stream = StreamDetector(detector)
    noise = 0.01 * np.random.default_rng(0).standard_normal(70 * RATE).astype(np.float32)
    for block in ArraySource(noise, sizes=RATE):
        stream.push(block)
    kept = stream.recent()
    assert 59.9 < len(kept) / 100 <= 60.0
    whole = detector.front_end.log_mel(noise)
    last = stream._stretch.n_frames
    assert np.array_equal(kept, whole[last - len(kept) : last])


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([Block(100, np.zeros(50, np.float32)), Block(120, np.zeros(5, np.float32))], "went back"),
        ([Block(0, np.zeros((5, 2), np.float32))], "one row"),
        ([Block(0, np.array([0.0, np.nan], np.float32))], "NaN"),
    ],
)
def test_bad_blocks_are_refused_with_the_reason(detector, blocks, words):
    *good, bad = blocks
    stream = StreamDetector(detector)
    for block in good:
        stream.push(block)
    with pytest.raises(StreamError, match=words):
        stream.push(bad)


def test_no_frames_at_a_time_is_refused(detector):
    with pytest.raises(ValueError, match="frames must be 1 or more, found 0"):
        StreamDetector(detector, frames=0)


@settings(max_examples=300, **COMMON)
@given(
    levels=st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.9]), max_size=60),
    low=st.sampled_from([0.3, 0.5]),
    min_length=st.sampled_from([0.0, 0.02, 0.05]),
    max_gap=st.sampled_from([0.0, 0.01, 0.03]),
    cuts=st.lists(st.integers(1, 10), min_size=1, max_size=6),
)
def test_the_tracker_decodes_as_the_decoder(levels, low, min_length, max_gap, cuts):
    """Any scores, any cuts: the spans of the batch decoder, and each announced exactly once."""
    decoder = detection.Decoder(0.5, low=low, min_length=min_length, max_gap=max_gap)
    values, times = np.array(levels, np.float32), 0.016 + 0.01 * np.arange(len(levels))
    tracker = EventTracker(decoder, half=(times[1] - times[0]) / 2 if len(times) > 1 else 0.016)
    begun, ended, at = [], [], 0
    for size in itertools.cycle(cuts):
        if at >= len(values):
            break
        told = tracker.feed(values[at : at + size], times[at : at + size])
        begun += told[0]
        ended += told[1]
        at += size
    ended += tracker.flush()[1]
    expected = decoder.spans(values, times) if len(values) else ([], [], [])
    assert np.allclose([s.onset for s in ended], expected[0])
    assert np.allclose([s.offset for s in ended], expected[1])
    assert np.allclose([s.score for s in ended], expected[2])
    assert begun == ended
