"""How good proposals without labels are, and the settings that notebook 03 uses.

    python benchmarks/proposals.py

Settings are chosen on one part of each collection, by the edits that they leave, and every method
is measured on the other part: the test brews of the brewery, every second one of the coughs.
"""

from __future__ import annotations

import itertools

import pandas as pd
import rows
from joblib import Parallel, delayed

from helpers import datasets, evaluation, labels
from helpers._proposals import strong_enough

COMMAND = "python benchmarks/proposals.py"
MODELS = [
    {"n_states": n, "n_mfcc": m, "quantile": q}
    for n, m, q in itertools.product((2, 3), (5, 13), (0.2, 0.5))
]
# White or pink noise alone rises by 1.2 dB at most: less than 1.5 would never answer "no event".
RISES = {"brewery": (1.5, 2.0, 4.0), "coughs-mini": (8.0, 12.0, 15.0, 20.0)}
SHARES = (0.0, 0.2, 0.4, 0.6)
LENGTHS = (0.03, 0.08)
ENERGIES = [
    {"threshold": t, "reference": reference, "min_length": length}
    for reference, levels in (("background", (3, 5, 8, 12, 16)), ("full_scale", (-10, -5, 0, 5)))
    for t in levels
    for length in LENGTHS
]


def main() -> None:
    """Choose and measure on both collections, and write the rows."""
    for name in ("brewery", "coughs-mini"):
        data = datasets.load(name)
        chosen_on, judged_on = parts(data)
        report(data, chosen_on, judged_on)


def parts(data) -> tuple[list[str], list[str]]:
    """Filenames to choose settings on, and to judge on."""
    if data.label == "p":
        return tuple(
            sorted(data.recordings.query("split == @part")["filename"])
            for part in ("train", "test")
        )
    names = sorted(data.recordings["filename"])
    return names[::2], names[1::2]


def report(data, chosen_on, judged_on) -> None:
    """Measure energy and model with the settings that leave the fewest edits, write the rows."""
    everything = Parallel(n_jobs=2)(delayed(edits)(data, name) for name in [*chosen_on, *judged_on])
    table = pd.concat(everything, ignore_index=True)
    tried = table[table["filename"].isin(chosen_on)].groupby(["method", "settings"])["edits"].sum()
    made, kept = [], {}
    common = {
        "area": "detection",
        "dataset": f"{data.name}, proposals" + (" (synthetic)" if data.synthetic else ""),
        "command": COMMAND,
    }
    for method, role in (("energy", "baseline"), ("propose", "ours")):
        best = tried[method].idxmin()
        print(data.name, method, best, "edits", tried[method].min(), flush=True)
        mine = table.query("method == @method and settings == @best")
        kept[method] = mine[mine["filename"].isin(judged_on)].reset_index(drop=True)
        value = evaluation.bootstrap(kept[method], saved)
        print("  saves", value)
        made.append(rows.row(**common, method=method, role=role, metric="edits_saved", value=value))
    value = evaluation.paired(kept["propose"], kept["energy"], saved)
    print("  difference", value)
    made.append(
        rows.row(
            **common,
            method="propose",
            role="ours",
            metric="edits_saved_difference",
            value=value,
            condition={"to": "energy"},
        )
    )
    rows.add(made)


def saved(table: pd.DataFrame) -> float:
    """Share of the edits that proposals save against labelling from nothing."""
    return 1 - table["edits"].sum() / table["from_nothing"].sum()


def edits(data, name: str) -> pd.DataFrame:
    """Count the edits that each setting of each method leaves in one recording."""
    samples, truth = data.audio(name), data.events_of(name, data.label)
    found = []

    def count(method, settings, events):
        counted = labels.agreement(truth, events, collar=0.1)
        found.append({"method": method, "settings": str(settings), "filename": name, **counted})

    for settings in ENERGIES:
        count("energy", settings, labels.propose_energy(samples, label=data.label, **settings))
    for model, length in itertools.product(MODELS, LENGTHS):
        settings = {**model, "min_length": length}
        loud = labels.propose(samples, label=data.label, min_rise=0, min_share=0, **settings).events
        for rise, share in itertools.product(RISES[data.name], SHARES):
            there = loud["rise"].median() >= rise
            events = strong_enough(loud, share) if there else loud.iloc[:0]
            count("propose", {**settings, "min_rise": rise, "min_share": share}, events)
    return pd.DataFrame(found)


if __name__ == "__main__":
    main()
