"""Events as targets by frame and by window, and the edits between two sets of labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from helpers._events import COLUMNS, check_events

if TYPE_CHECKING:
    from helpers.features import FrontEnd


def frame_targets(
    events: pd.DataFrame, *, front_end: FrontEnd, n_frames: int, label: str | None
) -> np.ndarray:
    """Turn events into one target a frame.

    Onset and offset go to the frame whose centre is nearest, so that neither is biased; an
    event too short for that (a point, a click) still marks one frame.

    Parameters
    ----------
    events
        Columns onset, offset, event_label, in seconds.
    front_end
        Says when each frame is.
    n_frames
        Number of frames of the recording.
    label
        The label to mark; ``None`` marks every event.

    Returns
    -------
    ndarray
        float32, shape (n_frames,), 1 inside an event and 0 outside.

    Raises
    ------
    LabelError
        If the events are not valid.
    """
    targets = np.zeros(n_frames, np.float32)
    for first, stop in _frame_spans(events, front_end, n_frames, label):
        targets[first:stop] = 1
    return targets


def targets_to_events(
    targets: np.ndarray, *, front_end: FrontEnd, label: str = "p", duration: float | None = None
) -> pd.DataFrame:
    """Turn targets by frame back into events: the inverse of :func:`frame_targets`.

    Events that touch or overlap have become one run of frames and come back as one event.

    Parameters
    ----------
    targets
        Shape (n_frames,); frames of 0.5 or more are inside an event.
    front_end
        Says when each frame is.
    label
        What to call the events.
    duration
        Length of the recording in seconds, to cut the last event at its end.

    Returns
    -------
    DataFrame
        Columns onset, offset, event_label; onset is the centre of the first frame of a run and
        offset the centre of the first frame after it.

    Raises
    ------
    ValueError
        If the targets are not one-dimensional.
    """
    targets = np.asarray(targets)
    if targets.ndim != 1:
        raise ValueError(f"targets has shape {targets.shape}; pass one label at a time, (frames,)")
    inside = np.concatenate([[0], targets >= 0.5, [0]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(inside)).reshape(-1, 2)
    times = np.asarray(front_end.times(len(targets) + 1), dtype=float)
    events = pd.DataFrame(times[edges], columns=COLUMNS[:2])
    if duration is not None:
        events = events[events["onset"] < duration]
        events["offset"] = events["offset"].clip(upper=duration)
    events["event_label"] = label
    return events.reset_index(drop=True)


def window_targets(
    events: pd.DataFrame,
    *,
    front_end: FrontEnd,
    n_frames: int,
    length: int,
    hop: int,
    label: str | None,
    min_share: float = 0.5,
) -> np.ndarray:
    """Turn events into one target a window.

    A window is positive when it holds at least ``min_share`` of the frames of some event, or,
    for an event longer than the window, when at least ``min_share`` of its own frames lie in
    the event. A window that only brushes an event is a negative.

    Parameters
    ----------
    events
        Columns onset, offset, event_label, in seconds.
    front_end
        Says when each frame is.
    n_frames
        Number of frames of the recording.
    length, hop
        Of the windows, in frames, as for :func:`helpers.features.windows`.
    label
        The label to mark; ``None`` marks every event.
    min_share
        Between 0 (any common frame will do) and 1.

    Returns
    -------
    ndarray
        float32, shape (windows,), in the order of :func:`helpers.features.windows`.

    Raises
    ------
    LabelError
        If the events are not valid.
    """
    from helpers.features import windows

    _, starts = windows(np.zeros(n_frames, np.float32), length=length, hop=hop)
    starts = np.asarray(starts)
    targets = np.zeros(len(starts), np.float32)
    for first, stop in _frame_spans(events, front_end, n_frames, label):
        common = np.minimum(starts + length, stop) - np.maximum(starts, first)
        needed = max(1.0, min_share * min(stop - first, length))
        targets[common >= needed] = 1
    return targets


def agreement(
    reference: pd.DataFrame, other: pd.DataFrame, *, collar: float = 0.1, reach: float = 0.5
) -> dict[str, float]:
    """Count the edits that turn one set of labels into another.

    The pairs are those of the cheapest correction: an event whose onset lies within ``collar``
    of one in the reference is *kept* (no edit); one within ``reach`` is *moved* (one edit); the
    rest of ``other`` is *dropped* and the rest of ``reference`` *added* (one edit each). The same
    function serves proposals against truth, reviewed labels against truth, and proposals
    against reviewed labels. ``kept`` is the number of hits that sed_eval counts for onsets.

    Parameters
    ----------
    reference
        The labels to arrive at. Where both tables have a column filename, recordings are
        compared each with itself; labels are compared with events of the same event_label.
    other
        The labels to start from.
    collar
        Seconds by which an onset may be off and still count as right.
    reach
        Seconds by which a reviewer moves an event, rather than dropping it and adding another.

    Returns
    -------
    dict
        kept, moved, added, dropped; precision, recall, f1 (of kept); onset_error and onset_bias
        (median of the absolute and of the signed onset difference of the pairs, seconds); edits
        (moved + added + dropped) and from_nothing (edits needed to label by hand alone). A ratio
        without a denominator is NaN.

    Raises
    ------
    LabelError
        If either set is not valid.

    References
    ----------
    Mesaros, Heittola and Virtanen (2016), "Metrics for polyphonic sound event detection",
    Applied Sciences 6(6):162, for the onset collar and the counts.
    """
    reference = check_events(reference, name="reference", overlaps="allow")
    other = check_events(other, name="other", overlaps="allow")
    keys = ["event_label"]
    if "filename" in reference.columns and "filename" in other.columns:
        keys.insert(0, "filename")
    theirs = dict(list(other.groupby(keys)["onset"]))
    ours = dict(list(reference.groupby(keys)["onset"]))
    offsets = [np.empty(0)]
    for key in ours.keys() & theirs.keys():
        offsets.append(_pair(ours[key].to_numpy(), theirs[key].to_numpy(), collar, reach))
    return _edits(np.concatenate(offsets), len(reference), len(other), collar)


def _edits(offsets: np.ndarray, n_reference: int, n_other: int, collar: float) -> dict[str, float]:
    kept = int((np.abs(offsets) <= collar).sum())
    moved = len(offsets) - kept
    added, dropped = n_reference - len(offsets), n_other - len(offsets)
    total = n_reference + n_other
    return {
        "kept": kept,
        "moved": moved,
        "added": added,
        "dropped": dropped,
        "precision": kept / n_other if n_other else math.nan,
        "recall": kept / n_reference if n_reference else math.nan,
        "f1": 2 * kept / total if total else math.nan,
        "onset_error": float(np.median(np.abs(offsets))) if len(offsets) else math.nan,
        "onset_bias": float(np.median(offsets)) if len(offsets) else math.nan,
        "edits": moved + added + dropped,
        "from_nothing": n_reference,
    }


def _pair(reference: np.ndarray, other: np.ndarray, collar: float, reach: float) -> np.ndarray:
    """Signed onset differences (other - reference) of the pairs that save the most edits."""
    difference = other[None, :] - reference[:, None]
    distance = np.abs(difference)
    n = len(reference) + len(other) + 1
    # Keeping saves two edits, moving one; equal savings go to the matching that keeps more, and
    # then to the one that moves less. The steps are too small to change a whole edit.
    keep = 2 + 1 / (2 * n)
    saved = np.where(distance <= collar, keep, np.where(distance <= reach, 1.0, 0.0))
    saved -= np.where(saved > 0, distance / max(reach, collar, 1e-9) / (4 * n * n), 0)
    rows, columns = linear_sum_assignment(saved, maximize=True)
    paired = saved[rows, columns] > 0
    return difference[rows[paired], columns[paired]]


def _frame_spans(
    events: pd.DataFrame, front_end: FrontEnd, n_frames: int, label: str | None
) -> list[tuple[int, int]]:
    """First frame and frame after the last of each event, at least one frame each."""
    from helpers.features import frame_index

    events = check_events(events, overlaps="allow")
    if label is not None:
        events = events[events["event_label"] == label]
    if events.empty or n_frames == 0:
        return []
    first = np.clip(frame_index(events["onset"].to_numpy(), front_end=front_end), 0, n_frames - 1)
    stop = np.clip(frame_index(events["offset"].to_numpy(), front_end=front_end), 0, n_frames)
    return [(int(a), int(max(b, a + 1))) for a, b in zip(first, stop, strict=True)]
