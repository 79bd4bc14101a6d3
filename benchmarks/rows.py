"""The rows of results.json, and results.md written from them.

A benchmark calls `add` with its rows; a row about the same thing replaces the older one, so that a
benchmark can be run again on its own. ``python benchmarks/rows.py`` checks the file and writes
results.md from it.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable
from numbers import Real
from pathlib import Path
from typing import IO

from filelock import FileLock

RESULTS = Path(__file__).with_name("results.json")
MARKDOWN = Path(__file__).with_name("results.md")
IDENTITY = ("area", "dataset", "method", "role", "metric", "condition")
KEYS = (*IDENTITY, "value", "low", "high", "unit", "n", "command")
AREAS = tuple("detection realtime classification anomaly synthesis weak own archive cost".split())
# the order of a table: floors first, then the ladder, then what nobody can beat
ROLES = ("chance", "baseline", "ours", "peer", "oracle")


def row(
    *,
    area: str,
    dataset: str,
    method: str,
    role: str,
    metric: str,
    value,
    condition: dict | None = None,
    unit: str = "",
    n: int | None = None,
    low: float | None = None,
    high: float | None = None,
    command: str,
) -> dict:
    """Make one valid row.

    Parameters
    ----------
    area, dataset, method, role, metric, unit, command : str
        What was measured, on what, by what, how it is called, and the command that does it again.
    value : float or Interval
        The figure; an `helpers.evaluation.Interval` also brings low, high and n. NaN becomes null.
    condition : dict, optional
        What the figure holds for, such as ``{"snr_db": 0}``.
    n : int, optional
        How many independent units the figure stands on.
    low, high : float, optional
        Its interval.

    Returns
    -------
    dict
        With all of `KEYS`.

    Raises
    ------
    ValueError
        Naming the key and what is wrong with it.
    """
    if not isinstance(value, Real):
        low = value.low if low is None else low
        high = value.high if high is None else high
        n = value.n if n is None else n
        value = value.value
    figures = {"value": _number(value), "low": _number(low), "high": _number(high)}
    made = {
        "area": area,
        "dataset": dataset,
        "method": method,
        "role": role,
        "metric": metric,
        "condition": dict(condition or {}),
        **figures,
        "unit": unit,
        "n": None if n is None else int(n),
        "command": command,
    }
    check(made)
    return made


def check(made: dict) -> None:
    """Refuse a row that breaks the format, naming the key.

    Parameters
    ----------
    made : dict
        One row.

    Raises
    ------
    ValueError
        When a key is missing or unknown, or a value is of the wrong kind or out of order.
    """
    where = f"row {made.get('area')}/{made.get('dataset')}/{made.get('method')}: "
    if tuple(made) != KEYS:
        raise ValueError(f"{where}keys are {list(made)}, they must be {list(KEYS)} in this order.")
    for key in ("area", "dataset", "method", "role", "metric", "unit", "command"):
        if not isinstance(made[key], str) or (key != "unit" and not made[key].strip()):
            raise ValueError(f"{where}{key} must be text, not {made[key]!r}.")
    for key, known in (("area", AREAS), ("role", ROLES)):
        if made[key] not in known:
            raise ValueError(f"{where}{key} {made[key]!r} is not one of {list(known)}.")
    if not isinstance(made["condition"], dict):
        raise ValueError(f"{where}condition must be an object, not {made['condition']!r}.")
    for key in ("value", "low", "high"):
        figure = made[key]
        if figure is not None and not (isinstance(figure, Real) and math.isfinite(figure)):
            raise ValueError(f"{where}{key} must be a finite number or null, not {figure!r}.")
    if (made["low"] is None) != (made["high"] is None):
        raise ValueError(f"{where}low and high come together.")
    if made["low"] is not None and not made["low"] <= made["high"]:
        raise ValueError(f"{where}low {made['low']} is above high {made['high']}.")
    _check_count(made["n"], where)


def add(rows: Iterable[dict], *, path: Path = RESULTS) -> list[dict]:
    """Add rows to the results; each replaces the one about the same thing.

    Parameters
    ----------
    rows : iterable of dict
        As `row` makes them.
    path : Path
        The file of results; made when missing.

    Returns
    -------
    list of dict
        All rows, as they were written.

    Raises
    ------
    ValueError
        When a row breaks the format; nothing is written then.
    """
    new = list(rows)
    for made in new:
        check(made)
    lock = Path(tempfile.gettempdir()) / f"{path.resolve().as_posix().strip('/')}".replace("/", "-")
    with FileLock(f"{lock}.lock"):
        kept = {_identity(made): made for made in load(path=path)}
        kept.update({_identity(made): made for made in new})
        everything = sorted(kept.values(), key=_order)
        lines = ",\n".join(
            json.dumps(made, ensure_ascii=False, allow_nan=False) for made in everything
        )
        _write(path, f"[\n{lines}\n]\n")
    return everything


def load(*, path: Path = RESULTS) -> list[dict]:
    """Read and check all rows.

    Parameters
    ----------
    path : Path
        The file of results.

    Returns
    -------
    list of dict
        Empty when there is no file yet.

    Raises
    ------
    ValueError
        When the file is not a list of rows.
    """
    if not path.exists():
        return []
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path} is not JSON ({error}); restore it from version control."
        ) from error
    if not isinstance(rows, list) or not all(isinstance(made, dict) for made in rows):
        raise ValueError(f"{path} must hold a flat list of rows; restore it from version control.")
    for made in rows:
        check(made)
    return rows


def write_markdown(*, path: Path = RESULTS, to: Path = MARKDOWN) -> str:
    """Write results.md: a table for each area, dataset and condition.

    Parameters
    ----------
    path : Path
        The file of results.
    to : Path
        Where to write.

    Returns
    -------
    str
        The text written.
    """
    rows = load(path=path)
    parts = ["# Results", "", "Written from results.json by `python benchmarks/rows.py`.", ""]
    parts += ["Figures in brackets are 95 % intervals; n is what they stand on.", ""]
    for area, dataset, condition in dict.fromkeys(map(_table_of, rows)):
        chosen = [made for made in rows if _table_of(made) == (area, dataset, condition)]
        told = ", ".join(f"{key} {value}" for key, value in json.loads(condition).items())
        parts += [f"## {area}: {dataset}" + (f" ({told})" if told else ""), ""]
        parts += [table(chosen), "", "Again: " + _commands(chosen), ""]
    text = "\n".join(parts)
    _write(to, text)
    return text


def table(rows: list[dict]) -> str:
    """Set rows of one condition as a Markdown table: a method a line, a metric a column.

    Parameters
    ----------
    rows : list of dict
        Rows that differ in method, role and metric only.

    Returns
    -------
    str
        Table without a final line break.
    """
    metrics = list(dict.fromkeys(made["metric"] for made in rows))
    units = {made["metric"]: made["unit"] for made in rows}
    heads = [metric + (f" ({units[metric]})" if units[metric] else "") for metric in metrics]
    lines = ["| " + " | ".join(["method", "role", *heads, "n"]) + " |"]
    lines += ["|" + " --- |" * 2 + " ---: |" * (len(heads) + 1)]
    cells = {(made["method"], made["role"], made["metric"]): made for made in rows}
    for method, role in dict.fromkeys((made["method"], made["role"]) for made in rows):
        found = [cells.get((method, role, metric)) for metric in metrics]
        counts = sorted({made["n"] for made in found if made and made["n"] is not None})
        name = f"**{method}**" if role == "ours" else method
        told = ", ".join(map(str, counts))
        lines += ["| " + " | ".join([name, role, *map(figure, found), told]) + " |"]
    return "\n".join(lines)


def figure(made: dict | None) -> str:
    """Value and interval of a row as text; a dash where there is no row."""
    if made is None:
        return "–"
    if made["value"] is None:
        return "undefined"
    if made["low"] is None:
        return _digits(made["value"])
    return f"{_digits(made['value'])} [{_digits(made['low'])}, {_digits(made['high'])}]"


def _digits(value: float) -> str:
    """Three digits after the point for shares, fewer for large figures."""
    if float(value).is_integer() and abs(value) >= 10:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 2 else f"{value:.1f}"


def _number(value) -> float | None:
    """Round a figure to six significant digits; None where it is undefined."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{float(value):.6g}")


def _check_count(n, where: str) -> None:
    """Refuse an n that is no count."""
    if n is not None and (not isinstance(n, int) or isinstance(n, bool) or n < 0):
        raise ValueError(f"{where}n must be a whole number or null, not {n!r}.")


def _identity(made: dict) -> str:
    """Tell what a row is about, as text."""
    return json.dumps([made[key] for key in IDENTITY], sort_keys=True)


def _table_of(made: dict) -> tuple[str, str, str]:
    """Area, dataset and condition: what one table is about."""
    return made["area"], made["dataset"], json.dumps(made["condition"], sort_keys=True)


def _order(made: dict) -> tuple:
    """Key that sorts rows into tables, floors above ceilings."""
    area, dataset, condition = _table_of(made)
    rest = (ROLES.index(made["role"]), made["method"], made["metric"])
    return (AREAS.index(area), dataset, condition, *rest)


def _commands(rows: list[dict]) -> str:
    """Commands that make the rows, each once."""
    return ", ".join(f"`{command}`" for command in dict.fromkeys(made["command"] for made in rows))


def _write(path: Path, text: str) -> None:
    """Write a text whole or not at all."""
    write_whole(path, lambda file: file.write(text.encode()))


def write_whole(path: Path, fill: Callable[[IO[bytes]], object]) -> None:
    """Write a file whole or not at all.

    Parameters
    ----------
    path : Path
    fill : callable
        Writes the content into an open binary file.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            fill(file)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    write_markdown()
    print(f"{MARKDOWN.name}: {len(load())} figures")
