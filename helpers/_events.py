"""What an event table is: three columns, half-open spans, and the checks that guard them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

COLUMNS = ["onset", "offset", "event_label"]


class LabelError(ValueError):
    """Labels that cannot be used; the message names the file, the line and the remedy."""


class LabelWarning(UserWarning):
    """Labels that can be used, but that somebody should look at."""


def check_events(
    events: pd.DataFrame,
    *,
    duration: float | None = None,
    name: str = "events",
    overlaps: str = "warn",
) -> pd.DataFrame:
    """Return the events sorted and known to be valid.

    Two airlocks may bubble at once, so events of one label that overlap are reported, not
    refused; an event that starts inside the recording and ends outside is cut at the end and
    reported; one that starts past the end is refused, since then the labels belong to another
    recording.

    Parameters
    ----------
    events
        Columns onset, offset, event_label and any others, which are kept.
    duration
        Length of the recording in seconds.
    name
        What to call the table in messages.
    overlaps
        ``"warn"``, ``"allow"`` or ``"error"``.

    Returns
    -------
    DataFrame
        Sorted by filename (where there is one) and onset, with a fresh index; equal onsets
        stay in their order.

    Raises
    ------
    LabelError
        Naming the row and the remedy.
    """
    missing = [column for column in COLUMNS if column not in events.columns]
    if missing:
        raise LabelError(
            f"{name}: no column {', '.join(missing)} among {list(events.columns)}; "
            f"events need {', '.join(COLUMNS)}"
        )
    events = events.copy()
    where = [f"{name}, row {row}" for row in range(len(events))]
    for column in COLUMNS[:2]:
        numbers = pd.to_numeric(events[column], errors="coerce")
        if numbers.isna().any():
            row = int(np.flatnonzero(numbers.isna())[0])
            found = events[column].iloc[row]
            raise LabelError(f"{where[row]}: {column} is {found!r}; it must be a number of seconds")
        events[column] = numbers.astype("float64")
    return checked(events, duration=duration, where=where, overlaps=overlaps)


def checked(
    events: pd.DataFrame, *, duration: float | None, where: Sequence[str], overlaps: str
) -> pd.DataFrame:
    if overlaps not in ("warn", "allow", "error"):
        raise ValueError(f"overlaps is {overlaps!r}; it is 'warn', 'allow' or 'error'")
    onset, offset = events["onset"].to_numpy(), events["offset"].to_numpy()
    _refuse(~np.isfinite(onset + offset), where, lambda i: "a time is not finite; mend it")
    _refuse(
        onset > offset, where, lambda i: f"onset {onset[i]:g} after offset {offset[i]:g}; swap them"
    )
    _refuse(
        onset < 0, where, lambda i: f"onset {onset[i]:g} is negative; a recording starts at 0 s"
    )
    if duration is not None:
        _refuse(
            onset >= duration,
            where,
            lambda i: (
                f"onset {onset[i]:g} s lies past the end of the recording ({duration:g} s); "
                "are these the labels of another recording?"
            ),
        )
        late = offset > duration
        if late.any():
            first = where[int(np.flatnonzero(late)[0])]
            message = f"{first}: {late.sum()} event(s) end past {duration:g} s and were cut there"
            warnings.warn(message, LabelWarning, stacklevel=3)
            events = events.assign(offset=np.minimum(offset, duration))
    by = [column for column in ("filename", "onset") if column in events.columns]
    order = events.reset_index(drop=True).sort_values(by, kind="stable").index
    events = events.iloc[order].reset_index(drop=True)
    _report_overlaps(events, [where[i] for i in order], overlaps)
    return events


def _report_overlaps(events: pd.DataFrame, where: Sequence[str], overlaps: str) -> None:
    if overlaps == "allow" or len(events) < 2:
        return
    keys = [column for column in ("filename", "event_label") if column in events.columns]
    latest = events.groupby(keys, sort=False)["offset"].cummax()
    earlier = latest.groupby([events[key] for key in keys], sort=False).shift()
    found = np.flatnonzero(events["onset"] < earlier)
    if len(found) == 0:
        return
    message = (
        f"{where[found[0]]}: {len(found)} event(s) start before the one of the same label above "
        "has ended; if these are not two sources at once, move their ends apart in Audacity"
    )
    if overlaps == "error":
        raise LabelError(message)
    warnings.warn(message, LabelWarning, stacklevel=4)


def _refuse(bad: np.ndarray, where: Sequence[str], message: Callable[[int], str]) -> None:
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        raise LabelError(f"{where[i]}: {message(i)}")
