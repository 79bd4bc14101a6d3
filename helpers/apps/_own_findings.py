"""What is said about a folder of recordings: findings in words, and errors that come together."""

from __future__ import annotations

import html
import os
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

SEVERITIES = ("stop", "warning", "note")
COLOURS = {"stop": "#b00020", "warning": "#8a5a00", "note": "#00508a"}
WIDTH = 96
SHOWN, MOST = 3, 12  # names in a list, problems in a message


class OwnError(ValueError):
    """A folder that cannot be used; every problem that was found, in one message.

    Parameters
    ----------
    folder
        Where the problems are.
    problems
        One text each, with its remedy; also an attribute.
    """

    def __init__(self, folder: object, problems: Sequence[str]):
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        shown = list(problems[:MOST])
        if len(problems) > MOST:
            shown.append(f"... and {len(problems) - MOST} more")
        lines = "\n".join(f"  - {problem}" for problem in shown)
        super().__init__(f"{folder}: {count} to mend first\n{lines}")


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Parameters
    ----------
    severity
        ``"stop"``: no honest answer comes out of this; ``"warning"``: it does, but look at it;
        ``"note"``: good to know.
    check
        Short name of the check, for programs.
    what, why, remedy
        What was found, with names and numbers; why it matters; what to do.
    """

    severity: str
    check: str
    what: str
    why: str
    remedy: str

    def __post_init__(self):
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity is {self.severity!r}; it is one of {SEVERITIES}")

    def __str__(self) -> str:
        lines = _wrapped(f"{self.severity.upper()}: {self.what}", "  ")
        lines += _wrapped(f"  Why: {self.why}") + _wrapped(f"  Do: {self.remedy}")
        return "\n".join(lines)


class Findings(Sequence[Finding]):
    """Findings, most severe first; prints as text, and as a table in a notebook.

    Parameters
    ----------
    items
        The findings, in any order; those of one severity keep theirs.
    summary
        A line about the recordings as a whole.
    """

    def __init__(self, items: Iterable[Finding] = (), *, summary: str = ""):
        self._items = tuple(sorted(items, key=lambda item: SEVERITIES.index(item.severity)))
        self.summary = summary

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index):
        return self._items[index]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._items)

    def of(self, severity: str) -> list[Finding]:
        """Return the findings of one severity: "stop", "warning" or "note"."""
        return [item for item in self._items if item.severity == severity]

    @property
    def stops(self) -> list[Finding]:
        """Findings that stand in the way of an honest answer."""
        return self.of("stop")

    @property
    def table(self) -> pd.DataFrame:
        """One row a finding: severity, check, what, why, remedy."""
        columns = ["severity", "check", "what", "why", "remedy"]
        rows = [[getattr(item, column) for column in columns] for item in self._items]
        return pd.DataFrame(rows, columns=columns)

    def __str__(self) -> str:
        head = [line for line in (self.summary, self._verdict()) if line]
        return "\n\n".join(["\n".join(head), *map(str, self._items)])

    __repr__ = __str__

    def _verdict(self) -> str:
        counts = [
            f"{len(found)} {severity}{'s' * (len(found) > 1)}"
            for severity in SEVERITIES
            if (found := self.of(severity))
        ]
        return ", ".join(counts) if counts else "nothing wrong was found"

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><td style="color:{COLOURS[item.severity]};font-weight:bold">{item.severity}</td>'
            + "".join(
                f'<td style="text-align:left;vertical-align:top">{html.escape(text)}</td>'
                for text in (item.what, item.why, item.remedy)
            )
            + "</tr>"
            for item in self._items
        )
        head = "<tr><th></th><th>found</th><th>why it matters</th><th>what to do</th></tr>"
        title = f"<p>{html.escape(self.summary)}<br>{self._verdict()}</p>"
        return title + (f"<table>{head}{rows}</table>" if rows else "")


def named(names: Iterable[str], *, shown: int = SHOWN) -> str:
    """List a few names, and how many more there are."""
    names = list(names)
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")


def counted(number: int, noun: str) -> str:
    """Return ``1 file`` or ``2 files``."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def relative(error: Exception, folder: os.PathLike) -> str:
    """Text of an error with its file named as it is called within the folder."""
    return str(error).replace(f"{folder}{os.sep}", "")


def _wrapped(text: str, indent: str = "    ") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
