"""Say in words what is wrong with a folder that was read, before anybody trains on it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.apps import _own_amounts, _own_leaks, _own_levels, _own_spellings
from helpers.apps._own_findings import Finding, Findings, counted, named
from helpers.apps._own_reading import Collection

__all__ = ["check"]

SHORT, LONG = 0.02, 5.0  # seconds
SPREAD = 20.0
CLOSE = 0.1  # seconds


def check(collection: Collection) -> Findings:
    """Check a folder that was read, and say what was found in words.

    Parameters
    ----------
    collection
        From :func:`helpers.apps._own_reading.read`. No file is read again.

    Returns
    -------
    Findings
        Those of the reader included, most severe first. ``print`` shows text, a notebook a table;
        ``stops`` are what no honest answer can come out of.
    """
    recordings, sounds = collection.dataset.recordings, collection.sounds
    sounds = {name: sounds[name] for name in recordings["filename"]}
    events = collection.dataset.events
    wanted = events[events["event_label"].isin(collection.labels)].reset_index(drop=True)
    found = [
        *collection.findings,
        *_own_amounts.amounts(recordings, wanted, collection.labels),
        *_own_amounts.background(recordings, wanted),
        *outside(recordings, events),
        *unlabelled_events(recordings, events),
        *spans(wanted),
        *_own_spellings.spellings(events, collection.labels),
        *_own_leaks.copies(recordings, sounds),
        *_own_leaks.series(recordings),
        *_own_levels.levels(sounds),
        *_own_levels.rates(recordings, sounds, set(wanted["filename"])),
    ]
    return Findings(found, summary=_summary(recordings, wanted, collection.labels))


def _summary(recordings: pd.DataFrame, wanted: pd.DataFrame, labels: tuple[str, ...]) -> str:
    groups = recordings.set_index("filename")["group"]
    n_with = groups.reindex(wanted["filename"].unique()).nunique()
    what = repr(labels[0]) if len(labels) == 1 else f"of {len(labels)} labels"
    minutes = recordings["duration"].sum() / 60
    return (
        f"{counted(len(recordings), 'recording')}, {minutes:.1f} minutes, "
        f"{counted(len(wanted), 'event')} {what} in {n_with} of "
        f"{counted(groups.nunique(), 'group')}."
    )


def outside(recordings: pd.DataFrame, events: pd.DataFrame) -> list[Finding]:
    """Check that events lie within their recording."""
    ends = events["filename"].map(recordings.set_index("filename")["duration"])
    # An offset may pass the end by the rounding of a number that was written to six places.
    bad = (events["onset"] >= ends) | (events["onset"] < 0) | (events["offset"] > ends + 1e-6)
    bad |= events["onset"] > events["offset"]
    if not bad.any():
        return []
    shown = [
        f"{name} ({onset:.6g} to {offset:.6g} s of {end:.6g} s)"
        for name, onset, offset, end in zip(
            events["filename"][bad],
            events["onset"][bad],
            events["offset"][bad],
            ends[bad],
            strict=True,
        )
    ]
    return [
        Finding(
            "stop",
            "outside",
            f"{counted(int(bad.sum()), 'label')} outside the recording: {named(shown)}.",
            "These are the labels of another recording, or of a longer version of it; then the "
            "others are in the wrong place as well.",
            "Open the recording with its labels in Audacity, and put the right file beside it.",
        )
    ]


def unlabelled_events(recordings: pd.DataFrame, events: pd.DataFrame) -> list[Finding]:
    """Check that no recording marked as unlabelled holds events."""
    bare = recordings["filename"][~recordings["labelled"].astype(bool)]
    found = sorted(set(bare) & set(events["filename"]))
    if not found:
        return []
    return [
        Finding(
            "warning",
            "labels_of_unlabelled",
            f"{counted(len(found), 'recording')} marked as unlabelled with events in them: "
            f"{named(found)}.",
            "One of the two is wrong, and only recordings that were labelled whole can be scored.",
            "Set the column labelled, or take the events out.",
        )
    ]


def spans(wanted: pd.DataFrame) -> list[Finding]:
    """Check lengths, overlaps and gaps of the events to detect."""
    length = (wanted["offset"] - wanted["onset"]).to_numpy()
    drawn = length > 0
    return [
        *_points(wanted, length == 0),
        *_odd_lengths(wanted, length, drawn),
        *_spread(wanted, length, drawn),
        *_neighbours(wanted),
    ]


def _points(wanted: pd.DataFrame, points: np.ndarray) -> list[Finding]:
    if not points.any():
        return []
    return [
        Finding(
            "note",
            "points",
            f"{int(points.sum())} of {counted(len(wanted), 'label')} are points without a length, "
            f"for instance in {named(sorted(set(wanted['filename'][points])), shown=1)}.",
            "They say when an event begins and not how long it lasts.",
            "Nothing to count events; draw spans if their length matters.",
        )
    ]


def _odd_lengths(wanted: pd.DataFrame, length: np.ndarray, drawn: np.ndarray) -> list[Finding]:
    found = []
    for check, bad, words, why in (
        (
            "short",
            drawn & (length < SHORT - 1e-9),
            f"shorter than {1000 * SHORT:.0f} ms",
            "A frame lasts 10 ms, so they leave one or two frames to learn from; often it was a "
            "slip of the mouse.",
        ),
        (
            "long",
            length > LONG,
            f"longer than {LONG:.0f} s",
            "One label over a whole series counts once, and its pauses are taught as event.",
        ),
    ):
        if bad.any():
            rows = wanted[bad]
            shown = [
                f"{name} at {onset:.6g} s"
                for name, onset in zip(rows["filename"], rows["onset"], strict=True)
            ]
            what = f"{counted(int(bad.sum()), 'event')} {words}: {named(shown)}."
            found.append(
                Finding("warning", check, what, why, "Look at these labels, and mend them.")
            )
    return found


def _spread(wanted: pd.DataFrame, length: np.ndarray, drawn: np.ndarray) -> list[Finding]:
    found = []
    for label in wanted["event_label"].unique():
        own = length[drawn & (wanted["event_label"] == label).to_numpy()]
        if len(own) < 20:
            continue
        low, middle, high = np.percentile(own, [5, 50, 95])
        if high > SPREAD * low:
            found.append(
                Finding(
                    "note",
                    "spread",
                    f"Lengths of {label!r} spread from {low:.2g} to {high:.2g} s (5 % to 95 %, "
                    f"median {middle:.2g} s).",
                    "One smallest length and one smallest gap must suit them all.",
                    "See whether the label stands for two things, or was drawn in two ways.",
                )
            )
    return found


def _neighbours(wanted: pd.DataFrame) -> list[Finding]:
    """Overlaps and narrow gaps between events of one label in one recording."""
    order = wanted.sort_values(["filename", "event_label", "onset"], kind="stable")
    keys = [order["filename"], order["event_label"]]
    before = order.groupby(keys)["offset"].cummax().groupby(keys).shift()
    gap = order["onset"] - before
    overlapping, close = order[gap < -1e-9], order[(gap >= -1e-9) & (gap < CLOSE - 1e-9)]
    found = []
    if len(overlapping):
        shown = [f"{n} at {t:.6g} s" for n, t in overlapping[["filename", "onset"]].to_numpy()]
        found.append(
            Finding(
                "warning",
                "overlap",
                f"{counted(len(overlapping), 'event')} overlapping the one before: {named(shown)}.",
                "Frames cannot tell two events at once, so the pair counts as one.",
                "Move their ends apart, unless two sources sound together.",
            )
        )
    if len(close):
        found.append(
            Finding(
                "note",
                "close",
                f"{len(close)} of {counted(len(wanted), 'event')} begin within "
                f"{1000 * CLOSE:.0f} ms of the end of the one before.",
                "A decoder that joins what is closer than its gap counts such a pair as one.",
                "Nothing: the gap is tuned on validation, which sees them.",
            )
        )
    return found
