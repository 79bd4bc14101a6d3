"""Say what a trained detector is worth: on recordings held out, with intervals, and in words."""

from __future__ import annotations

import html
from dataclasses import dataclass

import pandas as pd

from .. import audio, evaluation
from ..intervals import Interval
from ._own_findings import Findings, counted
from ._own_training import ENERGY, NETWORK, Trained

COLLARS = (0.2, 0.1)
CHANCE = "chance"
HOW = (
    "F1 of onsets that lie within the collar (seconds) of a label, all recordings held out taken "
    "together,\nwith 95 % intervals over groups; chance is as many events at any moment."
)
FEWEST = 30  # events held out: fewer make no figure
WIDEST = 0.3  # of the network's interval: a wider one is no answer
AROUND = 1.5  # seconds of sound to hear on either side of a mistake


@dataclass(frozen=True)
class Report:
    """What was measured on the recordings that nothing was trained or tuned on.

    Parameters
    ----------
    table : DataFrame
        One row a rung and label: label, rung, collar (seconds), f1 (Interval), hits, misses,
        false_alarms.
    gain : dict of str to Interval
        F1 of the network minus that of tuned energy at 200 ms, by label, paired.
    rival : dict of str to tuple of str and Interval
        The best of the other rungs but energy, and F1 of the network minus its own, by label.
    errors : DataFrame
        What the network missed or invented at 200 ms: filename, time, event_label, error.
    enough : bool
        Whether the figures can be relied on at all.
    verdict : str
        In words.
    """

    table: pd.DataFrame
    gain: dict[str, Interval]
    rival: dict[str, tuple[str, Interval]]
    errors: pd.DataFrame
    enough: bool
    verdict: str

    def __str__(self) -> str:
        shown = self.table.assign(f1=self.table["f1"].map("{:.2f}".format))
        return f"{shown.to_string(index=False)}\n{HOW}\n\n{self.verdict}"

    def _repr_html_(self) -> str:
        shown = self.table.assign(f1=self.table["f1"].map("{:.2f}".format))
        return f"{shown.to_html(index=False)}<p>{HOW}</p><p>{html.escape(self.verdict)}</p>"


def judge(trained: Trained, findings: Findings) -> Report:
    """Score every rung on the test recordings, and put into words what that means."""
    rows, counts = [], {}
    for (rung, label), found in {**_chance(trained), **trained.found}.items():
        for collar in COLLARS:
            table = _counts(trained, label, found, collar)
            counts[rung, label, collar] = table
            rows.append(_row(trained, rung, label, collar, table))
    gain, rival = {}, {}
    for label in trained.materials:
        by_rung = {rung: counts[rung, label, COLLARS[0]] for rung, of, _ in counts if of == label}
        gain[label] = _ahead(trained, by_rung, ENERGY)
        others = [rung for rung in by_rung if rung not in (CHANCE, ENERGY, NETWORK)]
        best = max(others, key=lambda rung: evaluation.pooled_f1(by_rung[rung]))
        rival[label] = best, _ahead(trained, by_rung, best)
    table = pd.DataFrame(rows)
    words = [_verdict(trained, label, table, gain[label], rival[label]) for label in gain]
    enough = not findings.stops and all(fine for fine, _ in words)
    verdict = "\n".join(text for _, text in words)
    return Report(table, gain, rival, errors(trained), enough, verdict)


def _ahead(trained: Trained, counts: dict[str, pd.DataFrame], rung: str) -> Interval:
    """F1 of the network minus that of another rung, paired."""
    pair = counts[NETWORK], counts[rung]
    return evaluation.paired(*pair, evaluation.pooled_f1, groups=_groups(trained))


def _chance(trained: Trained) -> dict:
    return {(CHANCE, label): None for label in trained.materials}


def _counts(trained: Trained, label: str, found, collar: float) -> pd.DataFrame:
    events = trained.materials[label].events
    if found is None:
        durations = trained.materials[label].recordings.set_index("filename")["duration"]
        about = {"filenames": trained.parts.test, "label": label, "collar": collar}
        return evaluation.chance_counts(events, durations=durations, **about)
    return evaluation.counts(
        events, found, filenames=trained.parts.test, label=label, collar=collar
    )


def _groups(trained: Trained):
    recordings = next(iter(trained.materials.values())).recordings
    return recordings.set_index("filename")["group"].loc[trained.parts.test].to_numpy()


def _row(trained: Trained, rung: str, label: str, collar: float, counts: pd.DataFrame) -> dict:
    value = evaluation.bootstrap(counts, evaluation.pooled_f1, groups=_groups(trained))
    about = {"label": label, "rung": rung, "collar": collar, "f1": value}
    return about | {name: int(counts[name].sum()) for name in ("hits", "misses", "false_alarms")}


def _verdict(
    trained: Trained,
    label: str,
    table: pd.DataFrame,
    gain: Interval,
    rival: tuple[str, Interval],
) -> tuple[bool, str]:
    """Whether the figures of a label hold, and what they say."""
    row = table[(table["label"] == label) & (table["rung"] == NETWORK) & (table["collar"] == 0.2)]
    row = row.iloc[0]
    n, f1 = int(row["hits"] + row["misses"]), row["f1"]
    told = f"{label!r}: F1 {f1:.2f} on {counted(n, 'event')} that were held out"
    wide = f1.high - f1.low
    if n < FEWEST or not wide <= WIDEST:
        return False, (
            f"{told}. That is not enough data for an answer (fewer than {FEWEST} events, or an "
            f"interval wider than {WIDEST:g}): label more recordings of other days and places."
        )
    if gain.low > 0:
        better = f"better than a tuned energy threshold by {gain:+.2f}"
    elif gain.high < 0:
        better = f"worse than a tuned energy threshold by {gain:+.2f}: use the threshold"
    else:
        better = f"not shown to be better than a tuned energy threshold ({gain:+.2f})"
    return True, f"{told}, {better}. {_counted(trained, label, row)}{_outdone(trained, *rival)}"


def _counted(trained: Trained, label: str, row: pd.Series) -> str:
    """Say what the figures come to for who counts."""
    durations = trained.materials[label].recordings.set_index("filename")["duration"]
    minutes = durations.loc[trained.parts.test].sum() / 60
    n = int(row["hits"] + row["misses"])
    return (
        f"In {minutes:.1f} minutes it found {int(row['hits'])} of {n} and gave "
        f"{counted(int(row['false_alarms']), 'false alarm')}."
    )


def _outdone(trained: Trained, rung: str, ahead: Interval) -> str:
    """Say so where a plainer rung did better than the network, which is what is kept."""
    if ahead.value >= 0:
        return ""
    epochs = counted(len(trained.network.history), "epoch")
    by = f"{-ahead.value:.2f} [{-ahead.high:.2f}, {-ahead.low:.2f}]"
    how = "did better" if ahead.high < 0 else "came out ahead, perhaps by chance"
    return f" The {rung} {how}, by {by}: the network had {epochs}, give it more minutes."


def errors(trained: Trained, *, collar: float = 0.2) -> pd.DataFrame:
    """List what the network missed and what it invented in the test recordings."""
    rows = []
    for label, material in trained.materials.items():
        found = trained.found[NETWORK, label]
        for name in trained.parts.test:
            true = material.events[material.events["filename"] == name]
            told = evaluation.outcomes(true, found[found["filename"] == name], collar=collar)
            rows += [(name, label, row.onset, row.outcome) for row in told.itertuples()]
    columns = ["filename", "event_label", "time", "error"]
    table = pd.DataFrame(rows, columns=columns)
    return table[table["error"] != "hit"].reset_index(drop=True)


def players(listed: pd.DataFrame, data, *, most: int = 6, real: bool = True) -> list:
    """Players of the first mistakes, each with a second and a half of sound around it.

    ``real=False`` puts the sound in, whoever runs it: for a page that stays with its owner.
    """
    made = []
    for row in listed.head(most).itertuples():
        samples = data.audio(row.filename)
        rate = audio.SAMPLE_RATE
        first = max(0, int((row.time - AROUND) * rate))
        part = samples[first : int((row.time + AROUND) * rate)]
        title = f"{row.error}: {row.event_label} at {row.time:.2f} s of {row.filename}"
        made.append(audio.play(part, title=title, real=real))
    return made


def as_html(report: Report, findings: Findings, listened: list) -> str:
    """One page: the verdict, the figures, the findings and the mistakes to listen to."""
    parts = [
        "<!doctype html><meta charset='utf-8'><title>Detector</title>",
        "<style>body{font-family:sans-serif;max-width:60em;margin:2em auto}td{padding:.2em .6em}"
        "</style><h1>What this detector is worth</h1>",
        report._repr_html_(),
        "<h2>The recordings</h2>",
        findings._repr_html_(),
        f"<h2>Mistakes</h2>{report.errors.to_html(index=False)}",
        *[player._repr_html_() for player in listened],
    ]
    return "\n".join(parts)
