"""Splits that keep what belongs together on one side.

Two recordings of one brew share the airlock, the room and the microphone. A network that trained
on one of them has heard the other already, so its score on it says little about the next brew.
Every split of this course is therefore made of whole groups. Which group falls where is decided
by a hash of its name and the seed: the same recordings give the same folds on every machine,
whatever the order of the table and the version of numpy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd


class SplitError(ValueError):
    """A split that cannot be made, or one that leaks."""


class Split(NamedTuple):
    """Filenames for training, for choosing (thresholds, when to stop) and for the one report."""

    train: list[str]
    validation: list[str]
    test: list[str]


class OfficialFold(NamedTuple):
    """One turn of cross-validation over folds that came with the data."""

    test_fold: int
    train: list[str]
    validation: list[str]
    test: list[str]


def by_fold(recordings: pd.DataFrame, *, validation: int = 1) -> list[OfficialFold]:
    """Cross-validation over the folds of the column ``fold``, as upstream made them.

    Every fold tests once. The folds that follow it, around the circle, are for validation (when
    to stop, thresholds), the others for training: what is reported has chosen nothing.

    Parameters
    ----------
    recordings : DataFrame
        One row a clip, with the columns ``filename``, ``group``, ``fold`` and ``label``.
    validation : int
        Number of folds for validation, at least 1.

    Returns
    -------
    list of OfficialFold
        One for each fold, in order: test_fold and sorted filenames train, validation, test.

    Raises
    ------
    SplitError
        When a column is missing, a filename comes twice, there are too few folds, a group is in
        two folds, or a class is missing from a fold.
    """
    _need(recordings, ["filename", "group", "fold", "label"])
    _members(recordings)  # refuses groups without a name and filenames that come twice
    folds = sorted(recordings["fold"].unique())
    if not 1 <= validation <= len(folds) - 2:
        raise SplitError(
            f"validation={validation} of {len(folds)} folds: one fold tests and one at least must "
            f"be left to train on, so give 1 to {len(folds) - 2} (three folds are the fewest)."
        )
    _check_folds(recordings, folds)
    names = {fold: list(recordings["filename"][recordings["fold"] == fold]) for fold in folds}
    turns = []
    for i, test in enumerate(folds):
        order = [folds[(i + step) % len(folds)] for step in range(1, len(folds))]
        held, rest = order[:validation], order[validation:]
        parts = (sorted(sum((names[fold] for fold in part), [])) for part in (rest, held, [test]))
        turns.append(OfficialFold(int(test), *parts))
    return turns


def _check_folds(recordings: pd.DataFrame, folds: list[int]) -> None:
    """Refuse a group in two folds, and a fold without one of the classes."""
    homes = recordings.groupby("group")["fold"].unique()
    torn = homes[homes.map(len) > 1]
    if len(torn):
        raise SplitError(
            f"group {torn.index[0]!r} is in folds {sorted(int(fold) for fold in torn.iloc[0])}, "
            "so what is tested was heard in training: keep upstream's folds, never shuffle them."
        )
    counts = recordings.groupby(["label", "fold"]).size().unstack(fill_value=0)
    for label, row in counts.iterrows():
        for fold in folds:
            if row[fold] == 0:
                raise SplitError(
                    f"class {label!r} has no clip in fold {fold} ({row.sum()} in all), so nothing "
                    "tests it there: add clips, or leave the class or the fold out."
                )


def by_group(
    recordings: pd.DataFrame, *, n_folds: int = 5, seed: int = 0
) -> list[tuple[list[str], list[str]]]:
    """Cross-validation folds made of whole groups.

    Groups are put in an order that only the seed and their names decide, and each goes to the fold
    with the fewest recordings so far, so that folds differ by one group at most.

    Parameters
    ----------
    recordings : DataFrame
        One row a recording, with the columns ``filename`` and ``group``.
    n_folds : int
        Number of folds, at least 2.
    seed : int
        Another seed gives other folds.

    Returns
    -------
    list of (train, test)
        Sorted filenames. Every recording is in the test part of exactly one fold.

    Raises
    ------
    SplitError
        When a column is missing, a filename comes twice, or there are fewer groups than folds.
    """
    if n_folds < 2:
        raise SplitError(f"n_folds must be 2 or more, not {n_folds}.")
    members = _members(recordings)
    if len(members) < n_folds:
        raise SplitError(
            f"{len(members)} groups cannot fill {n_folds} folds; "
            f"use n_folds={max(len(members), 2)} or fewer, or record more groups."
        )
    folds: list[list[str]] = [[] for _ in range(n_folds)]
    for group in _ordered(members, seed):
        min(folds, key=len).extend(members[group])
    everything = set().union(*folds)
    return [(sorted(everything - set(fold)), sorted(fold)) for fold in folds]


def inner(
    recordings: pd.DataFrame, filenames: Iterable[str], *, share: float = 0.2, seed: int = 0
) -> tuple[list[str], list[str]]:
    """Set a validation part aside from the training recordings, by whole groups.

    Parameters
    ----------
    recordings : DataFrame
        One row a recording, with the columns ``filename`` and ``group``.
    filenames : iterable of str
        The recordings to divide, for instance the training part of a fold.
    share : float
        Share of the recordings wanted for validation, between 0 and 1. Groups are not cut, so the
        share obtained is the nearest that whole groups allow, with one group at least on each side.
    seed : int
        Another seed gives another validation part.

    Returns
    -------
    train, validation : list of str
        Sorted filenames.

    Raises
    ------
    SplitError
        When a filename is not in the table, or fewer than two groups are left to divide.
    """
    if not 0 < share < 1:
        raise SplitError(f"share must lie between 0 and 1, not {share}.")
    members = _members(_only(recordings, filenames))
    if len(members) < 2:
        raise SplitError(
            f"{len(members)} group(s) cannot be divided into training and validation; "
            "two or more are needed."
        )
    order = _ordered(members, seed)
    sizes = np.cumsum([len(members[group]) for group in order])
    n_groups = int(np.argmin(np.abs(sizes[:-1] - share * sizes[-1]))) + 1
    validation = sorted(name for group in order[:n_groups] for name in members[group])
    train = sorted(name for group in order[n_groups:] for name in members[group])
    return train, validation


def fixed(recordings: pd.DataFrame, *, validation: float = 0.2, seed: int = 0) -> Split:
    """Split as the column ``split`` says, with a validation part taken from training.

    Parameters
    ----------
    recordings : DataFrame
        With the columns ``filename``, ``group`` and ``split`` ("train" or "test").
    validation : float
        Share of the training recordings to set aside for validation, by whole groups.
    seed : int
        Decides which training groups go to validation; the test part never changes.

    Returns
    -------
    Split
        Sorted filenames ``train``, ``validation`` and ``test``.

    Raises
    ------
    SplitError
        When the column is missing or holds something else, or a group is in both parts.
    """
    _need(recordings, ["filename", "group", "split"])
    other = sorted(set(recordings["split"].astype(str)) - {"train", "test"})
    if other:
        raise SplitError(f"column 'split' holds {other}; only 'train' and 'test' are known.")
    names = recordings["filename"].astype(str)
    test = sorted(names[recordings["split"] == "test"])
    rest = sorted(names[recordings["split"] == "train"])
    if not test or not rest:
        raise SplitError("column 'split' must name recordings for both 'train' and 'test'.")
    train, held = inner(recordings, rest, share=validation, seed=seed)
    assert_disjoint(recordings, train, held, test)
    return Split(train, held, test)


def assert_disjoint(recordings: pd.DataFrame, *parts: Iterable[str]) -> None:
    """Refuse parts that share a recording or a group.

    Parameters
    ----------
    recordings : DataFrame
        With the columns ``filename`` and ``group``.
    *parts : iterables of str
        Filenames of each part.

    Raises
    ------
    SplitError
        Naming the groups that two parts share, and the recordings that carry them there.
    """
    groups = [_members(_only(recordings, part)) for part in parts]
    for i, first in enumerate(groups):
        for j in range(i + 1, len(groups)):
            shared = sorted(set(first) & set(groups[j]))
            if shared:
                one, two = first[shared[0]][0], groups[j][shared[0]][0]
                raise SplitError(
                    f"parts {i} and {j} share {len(shared)} group(s), for instance "
                    f"{shared[0]!r} ({one} and {two}): split by group, not by recording."
                )


def _members(recordings: pd.DataFrame) -> dict[str, list[str]]:
    """Group name to the filenames it holds."""
    _need(recordings, ["filename", "group"])
    if recordings["group"].isna().any():
        lacking = recordings.loc[recordings["group"].isna(), "filename"].iloc[0]
        raise SplitError(f"{lacking} has no group; name what it shares with other recordings.")
    names = recordings["filename"].astype(str)
    twice = sorted(names[names.duplicated()])
    if twice:
        raise SplitError(f"filename {twice[0]} comes more than once; give each recording one row.")
    table = zip(recordings["group"].astype(str), names, strict=True)
    members: dict[str, list[str]] = {}
    for group, name in sorted(table):
        members.setdefault(group, []).append(name)
    return members


def _ordered(members: dict[str, list[str]], seed: int) -> list[str]:
    """Put groups in an order that is arbitrary yet the same everywhere."""
    return sorted(members, key=lambda group: hashlib.sha256(f"{seed}/{group}".encode()).digest())


def _only(recordings: pd.DataFrame, filenames: Iterable[str]) -> pd.DataFrame:
    """Return the rows of the named recordings."""
    _need(recordings, ["filename", "group"])
    wanted = {str(name) for name in filenames}
    names = recordings["filename"].astype(str)
    missing = sorted(wanted - set(names))
    if missing:
        raise SplitError(
            f"{missing[0]} is not in the table of recordings ({len(missing)} are not)."
        )
    return recordings[names.isin(wanted)]


def _need(recordings: pd.DataFrame, columns: list[str]) -> None:
    """Refuse a table that lacks a column."""
    missing = [name for name in columns if name not in recordings.columns]
    if missing:
        raise SplitError(
            f"recordings has no column {missing[0]!r}; it needs {columns}, "
            f"and holds {list(recordings.columns)}."
        )
