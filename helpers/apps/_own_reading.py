"""Read a folder of recordings and label files as a data set, or say all that is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import pandas as pd

from helpers import audio
from helpers.apps import _own_events, _own_groups, _own_labels, _own_matching, _own_sound
from helpers.apps._own_findings import Finding, Findings, OwnError, counted, named, relative
from helpers.datasets import Dataset

__all__ = ["Collection", "OwnError", "read"]

UNLABELLED = ("empty", "skip")


@dataclass(frozen=True, eq=False)
class Collection:
    """A folder that was read: the data set, the labels to detect, and what was noticed.

    Parameters
    ----------
    dataset
        Its ``label`` is the first of ``labels``; see :meth:`for_label`.
    labels
        The labels to detect, in the order asked for. Any other label in the events marks
        look-alikes.
    findings
        What the reader noticed; :func:`helpers.apps._own_checks.check` adds to it.
    sounds
        What one pass over each file told, by filename.
    """

    dataset: Dataset
    labels: tuple[str, ...]
    findings: Findings
    sounds: dict[str, _own_sound.Sound]

    def __repr__(self) -> str:
        return f"<Collection {self.dataset!r}, {len(self.findings)} findings while reading>"

    def for_label(self, label: str) -> Dataset:
        """Return the data set with one of the labels as the one to detect."""
        if label not in self.labels:
            raise ValueError(f"label is {label!r}: choose from {', '.join(self.labels)}")
        return replace(self.dataset, label=label)


def read(
    folder: str | os.PathLike,
    *,
    labels: str | Sequence[str] | None = None,
    group: str | os.PathLike | Callable[[str], str] = "recording",
    unlabelled: str = "empty",
    column: str | None = None,
) -> Collection:
    """Read the recordings and the label files of a folder and of the folders below it.

    Sound files are those that :func:`helpers.audio.read` reads. A label file has the name of its
    recording and lies beside it or in a folder ``labels``: Audacity (``.txt``), Raven
    (``.selections.txt``), or a table with the columns onset, offset, event_label (``.csv``,
    ``.tsv``). One table over all recordings has a column filename as well. Every sound is decoded
    once.

    Parameters
    ----------
    folder
        The root.
    labels
        The label or the labels to detect; None for all that are used. Labels without text take
        the one that is asked for.
    group
        What must stay on one side of a split: ``"recording"`` (each file by itself), ``"folder"``
        (the first folder below the root), the path of a CSV file with the columns filename and
        group, or a function from filename to group.
    unlabelled
        What a recording without a label file is: ``"empty"``, it holds no event, or ``"skip"``,
        it is left out.
    column
        The column of tables (CSV, Raven) that holds the labels; None for the usual names.

    Returns
    -------
    Collection
        ``recordings`` has filename (relative to the folder, with ``/``), duration (seconds),
        sample_rate (Hz), channels, group, labelled, provenance.

    Raises
    ------
    OwnError
        With every problem at once, and a remedy each: no folder, nothing in it, no sound, no
        labels, labels without their recording, two files with one name, a label that nobody
        uses, label files and sound files that cannot be read, groups that are not known.
    """
    folder = Path(folder).expanduser()
    if unlabelled not in UNLABELLED:
        raise ValueError(f"unlabelled is {unlabelled!r}: use 'empty' or 'skip'")
    wanted = _wanted(labels)
    found = _own_matching.find(folder)
    sounds, problems = _measured(folder, found.sounds)
    matches = _own_matching.match(folder, found, skip=_own_groups.table_within(folder, group))
    problems += matches.problems
    events, labelled, refused = _own_events.gather(folder, found, matches, column, problems)
    if events.empty and not refused:
        problems.append(_own_events.no_labels(folder, labelled, found, matches.ignored))
    groups = _own_groups.groups(found.sounds, group, problems)
    wanted, notes = _own_events.settle(events, wanted, problems)
    if problems:
        raise OwnError(folder, problems)
    kept = [name for name in found.sounds if unlabelled == "empty" or name in labelled]
    recordings = _recordings(kept, sounds, groups, labelled)
    events, late = _own_events.cut(events, recordings)
    dataset = Dataset(
        name=folder.resolve().name,
        recordings=recordings,
        events=events,
        folder=folder.resolve(),
        label=wanted[0],
        synthetic=False,
        note="Your own recordings; read what helpers.apps.own.check says about them.",
    )
    notes += late + _about_files(found, matches, labelled, unlabelled)
    if group == "recording" and len(kept) > 1:
        notes.append(_own_groups.alone(len(kept)))
    return Collection(dataset, wanted, Findings(notes), {name: sounds[name] for name in kept})


def _wanted(labels: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the labels asked for, none for all."""
    if labels is None:
        return ()
    wanted = (labels,) if isinstance(labels, str) else tuple(labels)
    if not wanted or not all(isinstance(label, str) and label for label in wanted):
        raise ValueError(f"labels is {labels!r}: give the label to detect, or several")
    if len(set(wanted)) < len(wanted):
        raise ValueError(f"labels is {labels!r}: name each label once")
    return wanted


def _measured(folder: Path, names: list[str]) -> tuple[dict, list[str]]:
    """Decode every sound; those that cannot be are problems."""
    sounds, problems = {}, []
    for name in names:
        try:
            sounds[name] = _own_sound.measure(folder / name)
        except audio.AudioError as error:
            problems.append(f"{relative(error, folder)}; or move {name} out, with its labels")
    return sounds, problems


def _recordings(
    names: Iterable[str], sounds: dict, groups: dict[str, str], labelled: set[str]
) -> pd.DataFrame:
    rows = [
        {
            "filename": name,
            "duration": sounds[name].duration,
            "sample_rate": sounds[name].sample_rate,
            "channels": sounds[name].channels,
            "group": groups[name],
            "labelled": name in labelled,
            "provenance": "your own",
        }
        for name in names
    ]
    return pd.DataFrame(rows)


def _about_files(
    found: _own_matching.Files, matches: _own_matching.Matches, labelled: set[str], unlabelled: str
) -> list[Finding]:
    """Say which recordings have no labels, and which files were passed over."""
    notes = []
    bare = [name for name in found.sounds if name not in labelled]
    if bare:
        taken = "taken to hold no event" if unlabelled == "empty" else "left out"
        notes.append(
            Finding(
                "warning" if unlabelled == "empty" else "note",
                "unlabelled",
                f"{len(bare)} of {counted(len(found.sounds), 'recording')}, without a label file, "
                f"{'is' if len(bare) == 1 else 'are'} {taken}: {named(bare)}.",
                "An event in a recording that counts as empty is taught as background, and "
                "counted as a false alarm when it is found.",
                "Listen to them; if nobody has, leave them out: --skip-unlabelled or "
                "unlabelled='skip'."
                if unlabelled == "empty"
                else "Label them too: recordings without events show the false alarms.",
            )
        )
    if matches.ignored:
        notes.append(
            Finding(
                "note",
                "ignored_files",
                f"Passed over for want of labels: {counted(len(matches.ignored), 'file')}, "
                f"{named(matches.ignored)}.",
                "A label file that is not recognised would be missed.",
                "Nothing, if they are notes; a label file has three columns with tabs between.",
            )
        )
    if found.foreign:
        name = found.foreign[0]
        notes.append(
            Finding(
                "warning",
                "foreign_labels",
                f"{counted(len(found.foreign), 'file')} of other programs were not read: "
                f"{named(found.foreign)}.",
                "Their labels are not in what follows.",
                f"{name} is {_own_labels.FOREIGN[PurePosixPath(name).suffix.lower()]}.",
            )
        )
    return notes
