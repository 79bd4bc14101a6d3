"""Labels that look like a misspelling of another."""

from __future__ import annotations

import re

import pandas as pd

from helpers.apps._own_findings import Finding, counted, named

LONG_ENOUGH = 4  # letters; 'p' and 'n' are no misspellings of each other
RARE = 0.1


def spellings(events: pd.DataFrame, labels: tuple[str, ...]) -> list[Finding]:
    """Find labels that are spelt almost like one of those to detect.

    Another case, a space or a dot always counts. One letter that is wrong, missing, doubled or
    swapped counts for a label that was not asked for, and for one that is far rarer than the
    other; digits do not, since ``call1`` and ``call2`` are two labels.
    """
    used = events["event_label"].value_counts()
    shown, total = [], 0
    for name, count in used.items():
        for label in labels:
            if name == label or not _slip(name, label, labels, used):
                continue
            shown.append(f"{name!r} ({count}) for {label!r} ({used.get(label, 0)})")
            total += int(count)
            break
    if not shown:
        return []
    return [
        Finding(
            "warning",
            "spelling",
            f"Labels that may be misspelt: {named(shown)}.",
            f"{counted(total, 'event')} so named would be taught as something else.",
            "Mend the text in the label files, unless these are two things.",
        )
    ]


def _slip(name: str, label: str, labels: tuple[str, ...], used: pd.Series) -> bool:
    rarer = used[name] < used.get(label, 0) or (name not in labels)
    if _bare(name) == _bare(label):
        return bool(rarer)
    if min(len(name), len(label)) < LONG_ENOUGH or _letters(name) == _letters(label):
        return False
    rare = name not in labels or used[name] <= RARE * used.get(label, 0)
    return bool(rare) and distance(_bare(name), _bare(label)) == 1


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _letters(name: str) -> str:
    return re.sub(r"\d", "", name)


def distance(one: str, other: str) -> int:
    """Edits from one text to the other: a letter more, less, another, or two swapped.

    References
    ----------
    F. J. Damerau, "A technique for computer detection and correction of spelling errors",
    Communications of the ACM 7 (1964).
    """
    table = [list(range(len(other) + 1))]
    for i, a in enumerate(one, start=1):
        row = [i]
        for j, b in enumerate(other, start=1):
            best = min(table[-1][j] + 1, row[-1] + 1, table[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, table[-2][j - 2] + 1)
            row.append(best)
        table.append(row)
    return table[-1][-1]
