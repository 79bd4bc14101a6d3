"""Whether there is enough: events, groups, time, and sound without events."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.apps._own_findings import Finding, named

FEWEST, FEW = 20, 100  # events of a label
FEWEST_GROUPS = 5
DOMINATING = 0.3
BACKGROUND = 60.0  # seconds
ENOUGH = 600.0  # seconds
MANY_LABELS = 20


def amounts(
    recordings: pd.DataFrame, wanted: pd.DataFrame, labels: tuple[str, ...]
) -> list[Finding]:
    """Check the numbers of events and groups of each label, the number of labels, and the time.

    Parameters
    ----------
    recordings
        With filename, duration, group, labelled.
    wanted
        The events to detect.
    labels
        Their labels.
    """
    group = wanted["filename"].map(recordings.set_index("filename")["group"])
    counts = wanted["event_label"].value_counts().reindex(list(labels), fill_value=0)
    groups = group.groupby(wanted["event_label"]).nunique().reindex(list(labels), fill_value=0)
    return [
        *_too_few(counts, groups),
        *_few(counts, groups),
        *_dominating(wanted["event_label"], group, groups),
        *_many_labels(counts),
        *_time(recordings),
    ]


def _too_few(counts: pd.Series, groups: pd.Series) -> list[Finding]:
    found = []
    few = counts[counts < FEWEST]
    if len(few):
        found.append(
            Finding(
                "stop",
                "too_few_events",
                f"Fewer than {FEWEST} events: {_each(few, 'event')}.",
                "Training, choosing a threshold and the report each need some of them; a score "
                "from a handful of events may be anything.",
                f"Label {FEWEST - int(few.min())} more at least, better {FEW} in all"
                + (", or ask for fewer labels." if len(counts) > 1 else "."),
            )
        )
    few = groups[(groups < FEWEST_GROUPS) & (counts > 0)]
    if len(few):
        found.append(
            Finding(
                "stop",
                "too_few_groups",
                f"Events in fewer than {FEWEST_GROUPS} groups: {_each(few, 'group')}.",
                "A group stays on one side of the split, so training, validation and test cannot "
                "all have events in several groups; the score would tell of one recording, not of "
                "the next.",
                f"Record in {FEWEST_GROUPS} places or sessions at least, each a group of its own.",
            )
        )
    return found


def _few(counts: pd.Series, groups: pd.Series) -> list[Finding]:
    few = counts[(counts >= FEWEST) & (counts < FEW)]
    if few.empty:
        return []
    return [
        Finding(
            "warning",
            "few_events",
            f"Fewer than {FEW} events: {_each(few, 'event')}.",
            "The interval of every score will be wide, and differences between methods will drown "
            "in it.",
            f"Label {FEW} or more; notebook 03 makes proposals that you correct.",
        )
    ]


def _dominating(label: pd.Series, group: pd.Series, groups: pd.Series) -> list[Finding]:
    """One group with a large part of the events, where there are groups enough."""
    shown = []
    for name in groups.index[groups >= FEWEST_GROUPS]:
        shares = group[label == name].value_counts(normalize=True)
        if shares.iloc[0] > DOMINATING:
            shown.append(f"{shares.index[0]} holds {100 * shares.iloc[0]:.0f} % of {name!r}")
    if not shown:
        return []
    return [
        Finding(
            "warning",
            "dominating",
            f"One group has a large part of the events: {named(shown)}.",
            "The detector learns that recording, and the score depends on the side of the split "
            "that it falls on.",
            "Record more of the others, or label only a part of this one.",
        )
    ]


def _many_labels(counts: pd.Series) -> list[Finding]:
    if len(counts) <= MANY_LABELS:
        return []
    once = int((counts <= 1).sum())
    return [
        Finding(
            "warning",
            "many_labels",
            f"{len(counts)} labels are asked for, {once} of them used once or never.",
            "Each label needs its own events, threshold and report; with so many, time and data "
            "run out.",
            "Ask for those that matter, or join labels that mean one thing.",
        )
    ]


def _time(recordings: pd.DataFrame) -> list[Finding]:
    whole = recordings["duration"].sum()
    labelled = recordings["duration"][recordings["labelled"].astype(bool)].sum()
    if labelled >= ENOUGH:
        return []
    return [
        Finding(
            "note",
            "little_time",
            f"{labelled / 60:.1f} minutes are labelled, of {whole / 60:.1f} in all.",
            "Below ten minutes a rate of false alarms is hardly known.",
            "Label ten minutes or more, those without events included.",
        )
    ]


def background(recordings: pd.DataFrame, wanted: pd.DataFrame) -> list[Finding]:
    """Check that there is sound without events, in recordings of its own at best."""
    if wanted.empty:
        return []
    covered = sum(_covered(one) for _, one in wanted.groupby("filename"))
    free = float(recordings["duration"].sum()) - covered
    empty = set(recordings["filename"]) - set(wanted["filename"])
    if empty and free >= BACKGROUND:
        return []
    what = "No recording is without events" if not empty else "There is little sound without events"
    return [
        Finding(
            "warning",
            "background",
            f"{what}: {free / 60:.1f} minutes lie between and around the events.",
            "False alarms are counted where nothing happens; there is "
            + ("little" if free < BACKGROUND else "only what lies near the events")
            + " to count them in.",
            "Add recordings of the same places without an event, each with an empty label file.",
        )
    ]


def _covered(events: pd.DataFrame) -> float:
    """Seconds that the events of one recording cover together."""
    spans = events[["onset", "offset"]].sort_values("onset").to_numpy()
    reached = np.maximum.accumulate(spans[:, 1])
    begins = np.maximum(spans[:, 0], np.concatenate([[-np.inf], reached[:-1]]))
    return float(np.maximum(reached - begins, 0).sum())


def _each(values: pd.Series, noun: str) -> str:
    """List labels with their numbers, the smallest first."""
    shown = [f"{name!r} ({count})" for name, count in values.sort_values(kind="stable").items()]
    if len(shown) == 1:
        return f"{values.iloc[0]} {noun}{'' if values.iloc[0] == 1 else 's'} {values.index[0]!r}"
    return f"{len(shown)} labels, {named(shown)}"
