"""Statistics that set synthetic recordings beside real ones: rate, length, intervals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd


def statistics(
    events: pd.DataFrame, recordings: pd.DataFrame | None = None, *, label: str = "p"
) -> pd.DataFrame:
    """Describe the events of each recording.

    Parameters
    ----------
    events : DataFrame
        filename, onset, offset, event_label.
    recordings : DataFrame, optional
        filename; recordings without events then have a row too, and rates divide by nothing
        else than the events' own span all the same, as for real label files, of which nobody
        knows the length.
    label : str
        Events to count.

    Returns
    -------
    DataFrame
        Indexed by filename: n, other (events with another label), rate (a minute, from first
        to last onset), length_p5, length_p50, length_p95 (s), interval_p50 (s), interval_cv,
        interval_robust_cv (from quartiles, blind to pauses), overlaps.
    """
    names = events.filename.unique() if recordings is None else recordings.filename
    groups = dict(tuple(events.groupby("filename")))
    rows = {name: _describe(groups.get(name, events.iloc[:0]), label) for name in names}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("filename")


def compare(
    sets: Mapping[str, tuple[pd.DataFrame, pd.DataFrame | None]], *, label: str = "p"
) -> pd.DataFrame:
    """Set several sets of events side by side.

    Parameters
    ----------
    sets : mapping
        Name to (events, recordings), recordings may be None; for instance real and synthetic.
    label : str
        Events to count.

    Returns
    -------
    DataFrame
        One column a set; rows are counts, lengths over all events, and the lowest, middle and
        highest value over recordings of rate, typical length and intervals.
    """
    return pd.DataFrame({name: _summary(*tables, label) for name, tables in sets.items()})


def _describe(events: pd.DataFrame, label: str) -> dict:
    ours = events[events.event_label == label].sort_values("onset")
    onset, length = ours.onset.to_numpy(), (ours.offset - ours.onset).to_numpy()
    gaps = np.diff(onset)
    some = len(gaps) > 1
    low, middle, high = np.quantile(gaps, [0.25, 0.5, 0.75]) if some else (np.nan,) * 3
    p5, p50, p95 = np.quantile(length, [0.05, 0.5, 0.95]) if len(length) else (np.nan,) * 3
    return {
        "n": len(ours),
        "other": len(events) - len(ours),
        "rate": 60.0 / gaps.mean() if len(gaps) else np.nan,
        "length_p5": p5,
        "length_p50": p50,
        "length_p95": p95,
        "interval_p50": middle,
        "interval_cv": gaps.std() / gaps.mean() if some else np.nan,
        "interval_robust_cv": (high - low) / 1.349 / middle if some else np.nan,
        "overlaps": int((onset[1:] < ours.offset.to_numpy()[:-1]).sum()),
    }


def _summary(events: pd.DataFrame, recordings: pd.DataFrame | None, label: str) -> dict:
    table = statistics(events, recordings, label=label)
    ours = events[events.event_label == label]
    lengths = (ours.offset - ours.onset) * 1e3
    p5, p50, p95 = lengths.quantile([0.05, 0.5, 0.95])
    out = {
        "recordings": f"{len(table)}",
        "events p": f"{table.n.sum()}",
        "events n": f"{table.other.sum()}",
        "length of all events, p5 / p50 / p95 (ms)": f"{p5:.0f} / {p50:.0f} / {p95:.0f}",
    }
    rows = {
        "rate (a minute)": (table.rate, 1),
        "median length of a recording (ms)": (table.length_p50 * 1e3, 0),
        "median interval (s)": (table.interval_p50, 2),
        "interval variation (coefficient)": (table.interval_cv, 2),
        "interval variation, from quartiles": (table.interval_robust_cv, 2),
    }
    for name, (column, digits) in rows.items():
        values = column.quantile([0.0, 0.5, 1.0])
        text = " / ".join(f"{v:.{digits}f}" for v in values)
        out[f"{name}, lowest / middle / highest"] = text
    return out
