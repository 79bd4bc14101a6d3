"""Turn benchmarks/results.json into the scoreboard of the README and of `make run`.

The file is a flat list of rows (area, dataset, method, role, metric, condition, value, low, high,
unit, n, command). The scoreboard shows the few metrics that a reader asks for first; the whole
table is benchmarks/results.md.
"""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"

ROLES = ("chance", "baseline", "peer", "ours", "oracle")
# Boards of other areas than detection.
# Conditions that say which run it was, not what it was run on.
REPEATS = {"seed", "folds", "shipped"}
# Boards of which only the rows of one condition are shown.
CONDITIONS = {
    "anomaly:machines": {"snr_db": 0, "severity": 0.5},
    "own:coughs-mini": {"minutes": 5.0},
    "own:coughs-mini-0db": {"minutes": 5.0},
    "archive:brewery in noise": {"files": 1, "hours": 10.0, "jobs": 1},
    "anomaly:ceiling-fan": {"features": "shape", "moved_in_training": False},
}

# What is shown of each data set: area (detection unless said) and name in the file, what it is, and
# metrics with their headings.
BOARDS = {
    "brewery-large": (
        "Airlock plops, synthetic (`brewery-large`), test recordings of unheard brews",
        {
            "onset_f1_100ms": "onset F1, 100 ms",
            "onset_f1_50ms": "onset F1, 50 ms",
            "rate_within_10pct": "rate within 10 %",
        },
    ),
    "coughs-mini": (
        "Coughs, real recordings (`coughs-mini`), 5 folds by recording, all recordings pooled",
        {
            "onset_f1_200ms_pooled": "onset F1, 200 ms",
            "onset_f1_100ms_pooled": "onset F1, 100 ms",
        },
    ),
    "coughs-mini-0db": (
        "The same coughs with background sounds at 0 dB (`coughs-mini-0db`)",
        {
            "onset_f1_200ms_pooled": "onset F1, 200 ms",
            "onset_f1_100ms_pooled": "onset F1, 100 ms",
        },
    ),
    "classification:esc10": (
        "Everyday sounds, real clips (ESC-10), upstream's five folds; people name 95.7 %",
        {"accuracy": "accuracy", "accuracy_deviation": "deviation over folds"},
    ),
    "anomaly:machines": (
        "Faults of machines, synthetic (`machines`): twelve machines, background as loud as they, "
        "severity .5",
        {"auc": "AUC", "pauc": "partial AUC, up to 10 % of false alarms"},
    ),
    "anomaly:ceiling-fan": (
        "A coin on a ceiling fan, real vibration, by the shape of its spectrum; one session a "
        "condition, so part of it may be the session",
        {"auc": "AUC", "pauc": "partial AUC, up to 10 % of false alarms"},
    ),
    "own:coughs-mini": (
        "Your own sound: a folder of real coughs (`coughs-mini`), five minutes of training, three "
        "tenths of the recordings held out",
        {
            "onset_f1_200ms_pooled": "onset F1, 200 ms",
            "onset_f1_100ms_pooled": "onset F1, 100 ms",
        },
    ),
    "own:coughs-mini-0db": (
        "The same with background sounds at 0 dB, no background on both sides",
        {
            "onset_f1_200ms_pooled": "onset F1, 200 ms",
            "onset_f1_100ms_pooled": "onset F1, 100 ms",
        },
    ),
    "archive:brewery in noise": (
        "A whole archive: the shipped detector over one recording of ten hours (synthetic), one "
        "process",
        {"x_realtime": "times real time", "peak_mb": "most memory, MB"},
    ),
}

# What is shown of the tracker: metric, what it says, scale and unit.
TRACKER = [
    ("delay_ms_p50", "from the onset of a plop to its event, median", 1, " ms"),
    ("delay_ms_p95", "95 % of them within", 1, " ms"),
    ("core_share", "share of one core while it listens", 100, " %"),
    ("seconds_to_first_score", "from nothing to the first score", 1, " s"),
    ("peak_mb", "memory", 1, " MB"),
    ("x_realtime", "a day of sound, as fast as it goes: times real time", 1, ""),
    ("growth_mb", "growth of its memory over that day", 1, " MB"),
    (
        "rate_within_10pct",
        "recordings with 20 plops or more whose rate is right within 10 %",
        100,
        " %",
    ),
]


def load(path: Path = RESULTS) -> list[dict]:
    """Return the rows, or none where nothing was measured yet."""
    if not path.exists():
        return []
    return json.loads(path.read_text(encoding="utf-8"))


def cell(row: dict | None) -> str:
    """Return a value with its interval as people write it."""
    if row is None or row.get("value") is None:
        return ""
    share = row.get("unit") in ("share", "%") or row["metric"].startswith("rate_within")
    scale, digits = (100 if row.get("unit") != "%" else 1, 0) if share else (1, 3)
    unit = " %" if share else ""

    def number(value: float) -> str:
        return f"{value * scale:.{digits}f}".lstrip("0" if digits else "")

    if row["metric"] in ("x_realtime", "peak_mb"):
        return significant(row["value"])
    text = number(row["value"]) + unit
    if row.get("low") is not None and row.get("high") is not None:
        text += f" ({number(row['low'])} to {number(row['high'])})"
    return text


def shown(rows: list[dict], board: str) -> list[dict]:
    """Return the rows of one board: of repeated runs the one with the lowest seed."""
    area, _, dataset = board.rpartition(":")
    chosen = [
        row
        for row in rows
        if (row["area"], row["dataset"].removesuffix(" (synthetic)"))
        == (area or "detection", dataset)
        and row["metric"] in BOARDS[board][1]
        and _condition(row) == CONDITIONS.get(board, {})
    ]
    return sorted(chosen, key=lambda row: -(row["condition"] or {}).get("seed", 0))


def _condition(row: dict) -> dict:
    """Return what a row was measured on, without what says which run it was."""
    return {key: value for key, value in (row["condition"] or {}).items() if key not in REPEATS}


def table(rows: list[dict], board: str) -> tuple[list[str], list[list[str]]]:
    """Return headings and lines of one board, floors first and the best of ours below them."""
    metrics = BOARDS[board][1]
    found: dict[tuple[str, str], dict[str, dict]] = {}
    for row in shown(rows, board):
        found.setdefault((row["role"], row["method"]), {})[row["metric"]] = row
    first = next(iter(metrics))

    def order(item) -> tuple[int, float]:
        (role, _), values = item
        value = values[first]["value"] if first in values else None
        return ROLES.index(role), -1.0 if value is None else value

    lines = [
        [method, role, *(cell(values.get(metric)) for metric in metrics)]
        for (role, method), values in sorted(found.items(), key=order)
    ]
    return ["method", "role", *metrics.values()], lines


def tracker(rows: list[dict]) -> tuple[str, list[str], list[list[str]]]:
    """Return title, headings and lines of what was measured in real time."""
    ours = [r for r in rows if (r["area"], r["method"]) == ("realtime", "tracker")]
    found = {row["metric"]: row for row in ours}
    lines = []
    for metric, text, scale, unit in TRACKER:
        if metric in found:
            value, low, high = (found[metric][key] for key in ("value", "low", "high"))
            shown = significant(scale * value) + unit
            if low is not None:
                shown += f" ({significant(scale * low)} to {significant(scale * high)})"
            lines.append([text, shown])
    return "The tracker, on synthetic sound", ["what", "measured"], lines


def significant(value: float) -> str:
    """Write a figure with two digits that count, and no fewer than it has before the point."""
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.2g}"


def boards(rows: list[dict]) -> list[tuple[str, list[str], list[list[str]]]]:
    """Return title, headings and lines of every board that has lines."""
    made = [(BOARDS[name][0], *table(rows, name)) for name in BOARDS]
    return [board for board in [*made, tracker(rows)] if board[2]]


def as_text(rows: list[dict]) -> str:
    """Return the scoreboard for a terminal."""
    parts = []
    for title, headings, lines in boards(rows):
        widths = [max(len(line[i]) for line in [headings, *lines]) for i in range(len(headings))]
        aligned = [
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
            for line in [headings, *lines]
        ]
        parts.append("\n".join([title, *("  " + line for line in aligned)]))
    return "\n\n".join(parts)


def as_markdown(rows: list[dict]) -> str:
    """Return the scoreboard for the README."""
    parts = []
    for title, headings, lines in boards(rows):
        rule = ["---"] * len(headings)
        drawn = ["| " + " | ".join(line) + " |" for line in [headings, rule, *lines]]
        parts.append("\n".join([f"**{title}**", "", *drawn]))
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(as_text(load()) or "Nothing was measured yet: benchmarks/results.json is not there.")
