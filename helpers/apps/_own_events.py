"""The events of a folder: gathered from its label files, given to recordings, and named."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from helpers.apps import _own_labels, _own_matching
from helpers.apps._own_findings import Finding, counted, named, relative
from helpers.labels import COLUMNS, LabelError

ROUNDING = 0.1  # seconds that a label may pass the end before it is worth a warning


def gather(
    folder: Path,
    found: _own_matching.Files,
    matches: _own_matching.Matches,
    column: str | None,
    problems: list[str],
) -> tuple[pd.DataFrame, set[str], int]:
    """All events with their filename, the recordings labelled, and how many files were refused."""
    index = _own_matching.index_of(found.sounds)
    tables, source, refused = [], {}, 0
    texts = [(text, sound) for sound, text in matches.own.items()]
    for text, sound in [*texts, *((text, None) for text in matches.tables)]:
        try:
            table = _own_labels.read(folder / text, column=column)
        except LabelError as error:
            problems.append(relative(error, folder))
            refused += 1
            continue
        table = _to_recordings(table, text, sound, index, problems)
        for name in sorted({*table["filename"]} | ({sound} if sound else set())):
            if name in source:
                both = f"{source[name]} and {text}"
                problems.append(f"{name} is labelled twice, in {both}: keep one of them")
            source[name] = text
        tables.append(table.assign(source=text)[table["onset"].notna()])
    columns = ["filename", *COLUMNS, "source"]
    empty = pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
    events = pd.concat(tables, ignore_index=True) if tables else empty
    events = events[columns].astype({"onset": "float64", "offset": "float64"})
    return events, set(source), refused


def _to_recordings(
    table: pd.DataFrame,
    text: str,
    sound: str | None,
    index: dict[str, list[str]],
    problems: list[str],
) -> pd.DataFrame:
    """Events with the filenames of recordings; names that lead to none or to two are problems."""
    if "filename" not in table:
        return table.assign(filename=sound)
    names = sorted(set(table["filename"]))
    meant = {name: _own_matching.resolve(name, index) for name in names}
    if sound is not None and len(names) == 1 and not meant[names[0]]:
        return table.assign(filename=sound)  # the recording was renamed, and its table with it
    missing = [name for name in names if not meant[name]]
    if missing:
        near = _own_matching.nearest(missing[0], {key for keys in index.values() for key in keys})
        hint = f" (is it {near[0]}?)" if near else ""
        problems.append(
            f"{text} names {counted(len(missing), 'recording')} not there: {named(missing)}{hint}; "
            "add the sound, or mend the names"
        )
    for name in names:
        if len(meant[name]) > 1:
            problems.append(
                f"{text} names {name}, which may be {' or '.join(meant[name])}: "
                "write the path from the folder"
            )
    if sound is not None and names and not any(sound in meant[name] for name in names):
        problems.append(
            f"{text} belongs to {sound} by its name and tells of {named(names)}: rename it"
        )
    table = table[table["filename"].map(lambda name: len(meant[name]) == 1)]
    return table.assign(filename=[meant[name][0] for name in table["filename"]])


def settle(
    events: pd.DataFrame,
    wanted: tuple[str, ...],
    problems: list[str],
) -> tuple[tuple[str, ...], list[Finding]]:
    """Give labels without text the one asked for; say which labels there are and are not."""
    notes = []
    if events.empty:
        return wanted, notes
    bare = events["event_label"].astype(str).str.strip() == ""
    written = events.loc[~bare, "event_label"].value_counts()
    for label in wanted:  # before labels without text take a name that may be a slip
        if label not in written.index and not written.empty:
            problems.append(_unused(label, written))
    if bare.any() and len(wanted) == 1:
        notes.append(_textless(events, bare, wanted[0]))
        events.loc[bare, "event_label"] = wanted[0]
    elif bare.any():
        problems.append(_nameless(events[bare], wanted))
        events = events[~bare]
    used = events["event_label"].value_counts()
    return wanted or tuple(sorted(used.index)), notes + _look_alikes(used, wanted)


def no_labels(
    folder: Path, labelled: set[str], found: _own_matching.Files, ignored: list[str]
) -> str:
    """Say that nobody labelled anything, and which files may have been meant as labels."""
    other = [
        f"{name} is {_own_labels.FOREIGN[PurePosixPath(name).suffix.lower()]}"
        for name in found.foreign[:1]
    ]
    for name in ignored:
        if columns := _own_labels.columns_of(folder / name):
            other.append(
                f"{name} has the columns {', '.join(columns)}: a table of labels has onset, offset "
                "(seconds), event_label, and filename where it tells of several recordings"
            )
            break
    sounds = counted(len(found.sounds), "recording")
    if labelled:
        text = (
            f"no labels: {counted(len(labelled), 'label file')} for {sounds}, and no event in them"
        )
    else:
        text = f"no labels for {sounds}: put NAME.txt, as Audacity exports it, beside NAME.wav"
    return "; ".join([text, *other])


def _unused(label: str, used: pd.Series) -> str:
    near = _own_matching.nearest(label, used.index)
    order = [*near, *(name for name in used.index if name not in near)]
    there = named((f"{name!r} ({used[name]})" for name in order), shown=10)
    return f"label {label!r} is used nowhere; used are {there}: ask for one of these"


def _textless(events: pd.DataFrame, bare: pd.Series, label: str) -> Finding:
    """Say which labels have no text: a warning where others have one."""
    files = sorted(set(events.loc[bare, "source"]))
    what = (
        f"Without text: {int(bare.sum())} of {counted(len(events), 'label')}, taken for {label!r}; "
        f"in {named(files)}."
    )
    if bare.all():
        why = "Whatever name is asked for, they take it: a slip in it would not be noticed."
        return Finding("note", "text_missing", what, why, "Nothing, if that is what they mark.")
    why = "A label that was forgotten may as well mark something else."
    return Finding("warning", "text_missing", what, why, "Open these files and write the text.")


def _nameless(bare: pd.DataFrame, wanted: tuple[str, ...]) -> str:
    """Say that labels without text cannot be given a name."""
    remedy = "write their text"
    if not wanted:
        remedy = "say what all of them are (labels='cough', --label cough), or " + remedy
    asked = f", and {len(wanted)} labels asked for" if wanted else ""
    files = sorted(set(bare["source"]))
    return f"{counted(len(bare), 'label')} without text in {named(files)}{asked}: {remedy}"


def _look_alikes(used: pd.Series, wanted: tuple[str, ...]) -> list[Finding]:
    others = [f"{name!r} ({count})" for name, count in used.items() if name not in wanted]
    if not wanted or not others:
        return []
    return [
        Finding(
            "note",
            "look_alikes",
            f"Labels that were not asked for: {named(others, shown=10)}.",
            "They are kept as sounds that are no event, which teaches the difference.",
            "Ask for them too if they are events.",
        )
    ]


def cut(events: pd.DataFrame, recordings: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """Sort the events, and cut those that begin in a recording and end after it."""
    events = events.sort_values(["filename", "onset"], kind="stable", ignore_index=True)
    ends = events["filename"].map(recordings.set_index("filename")["duration"])
    late = (events["offset"] > ends) & (events["onset"] < ends)
    past = float((events["offset"] - ends)[late].max()) if late.any() else 0.0
    names = sorted(set(events.loc[late, "filename"]))
    events["offset"] = np.where(late, ends, events["offset"]).astype(float)
    notes = []
    if late.any():
        notes.append(
            Finding(
                "warning" if past > ROUNDING else "note",
                "cut_at_end",
                f"{counted(int(late.sum()), 'label')} end after their recording, by up to "
                f"{past:.3g} s, and were cut there: {named(names)}.",
                "Labels that reach over the end may belong to another version of the recording.",
                "Open one of them with its labels, and see whether they fit.",
            )
        )
    return events[["filename", *COLUMNS]], notes
