"""Which estimated onset answers which reference onset. Used through `helpers.evaluation`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd

COLUMNS = ["filename", "hits", "misses", "false_alarms", "n_reference", "n_estimated"]


def match_pairs(
    reference_onsets, estimated_onsets, *, collar: float = 0.1
) -> tuple[np.ndarray, np.ndarray]:
    """Pair as many onsets as possible, each used once, no further apart than the collar.

    With times sorted, the estimates that a reference may take form a range, and both ends of that
    range move to the right with the reference. Then walking through both lists and pairing the
    first two that agree is optimal: swapping the partners of any best pairing into this order
    never loses a pair. Rounding keeps the order of differences, so this holds for floats too, and
    the test is the one sed_eval makes: ``abs(reference - estimated) <= collar``.

    Parameters
    ----------
    reference_onsets, estimated_onsets : array-like, shape (n,)
        Times in seconds, in any order.
    collar : float
        Largest difference in seconds that still counts.

    Returns
    -------
    reference_index, estimated_index : ndarray of int
        Positions of the pairs in the two inputs, ordered in time.
    """
    if not collar > 0:
        raise ValueError(f"collar must be above 0 seconds, not {collar}.")
    reference = np.asarray(reference_onsets, dtype=float)
    estimated = np.asarray(estimated_onsets, dtype=float)
    order_r, order_e = np.argsort(reference, kind="stable"), np.argsort(estimated, kind="stable")
    first, second = reference[order_r].tolist(), estimated[order_e].tolist()
    pairs = []
    i = j = 0
    while i < len(first) and j < len(second):
        difference = first[i] - second[j]
        if abs(difference) <= collar:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif difference > 0:
            j += 1
        else:
            i += 1
    found = np.array(pairs, dtype=int).reshape(-1, 2)
    return order_r[found[:, 0]], order_e[found[:, 1]]


def match_onsets(reference_onsets, estimated_onsets, *, collar: float = 0.1) -> int:
    """Count hits: the size of the largest pairing of onsets within the collar.

    The same number that sed_eval's optimal matching finds, hundreds of times faster: for loops
    that choose thresholds. Reported figures use `counts`.

    Parameters
    ----------
    reference_onsets, estimated_onsets : array-like, shape (n,)
        Times in seconds, in any order.
    collar : float
        Largest difference in seconds that still counts.

    Returns
    -------
    int
    """
    return len(match_pairs(reference_onsets, estimated_onsets, collar=collar)[0])


def load_sed_eval():
    """Import sed_eval without the deprecation warning of pkg_resources, which it pulls in."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*pkg_resources.*")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=SyntaxWarning)
        import sed_eval
    return sed_eval


def sed_eval_hits(
    reference: list[dict], estimated: list[dict], *, label: str, collar: float
) -> int:
    """Hits of one recording by sed_eval: onset only, optimal matching."""
    if not reference or not estimated:
        return 0
    metric = load_sed_eval().sound_event.EventBasedMetrics(
        event_label_list=[label],
        evaluate_onset=True,
        evaluate_offset=False,
        t_collar=float(collar),
        event_matching_type="optimal",
    )
    metric.evaluate(reference, estimated)
    return int(metric.class_wise[label]["Ntp"])


def as_lists(events, filenames, label: str, name: str) -> dict[str, list[dict]]:
    """Events of one label by recording, as sed_eval wants them.

    `events` is one table with a column ``filename``, or a mapping from filename to a table.
    """
    if isinstance(events, Mapping):
        tables = dict(events)
    else:
        _need(events, ["filename"], name)
        tables = dict(tuple(events.groupby("filename")))
    return {
        filename: _records(tables[filename], filename, label, name) if filename in tables else []
        for filename in filenames
    }


def _records(table: pd.DataFrame, filename: str, label: str, name: str) -> list[dict]:
    """Rows of one label as dictionaries, sorted by onset."""
    if len(table) == 0:
        return []
    _need(table, ["onset", "event_label"], f"{name} of {filename}")
    kept = table[table["event_label"] == label]
    onset = kept["onset"].to_numpy(float)
    offset = kept["offset"].to_numpy(float) if "offset" in kept else onset
    bad = ~np.isfinite(onset) | ~np.isfinite(offset)
    if bad.any():
        raise ValueError(f"{name} of {filename} holds a time that is no number; drop or mend it.")
    return [
        {"onset": float(a), "offset": float(b), "event_label": label}
        for a, b in sorted(zip(onset, offset, strict=True))
    ]


def _need(table: pd.DataFrame, columns: list[str], name: str) -> None:
    """Refuse a table of events that lacks a column."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(
            f"{name} has no column {missing[0]!r}; it holds {list(table.columns)}. "
            "Events need filename, onset, offset and event_label."
        )


def tally(filenames: list[str], hits, n_reference, n_estimated) -> pd.DataFrame:
    """Table of counts from the hits and the numbers of events of each recording."""
    hits, n_reference, n_estimated = map(np.asarray, (hits, n_reference, n_estimated))
    columns = [filenames, hits, n_reference - hits, n_estimated - hits, n_reference, n_estimated]
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
