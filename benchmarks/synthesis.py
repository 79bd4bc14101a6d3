"""What mixing buys: coughs over backgrounds that training never heard, at many levels.

    python benchmarks/synthesis.py [--rungs ...] [--seeds 0] [--fresh]

Every rung is trained on clean coughs, and on the same coughs mixed over backgrounds of ESC-10's
folds 1 to 3 at -5 to 15 dB; its decoder is tuned on recordings of the kind that it was trained on.
Both are tested on coughs over backgrounds of folds 4 and 5, at -10 to 20 dB, in five folds by
recording. Also: which background costs most, at 0 dB. About an hour and a half on two cores; what a
fold gave is kept in build/benchmarks/, so a run that was broken off goes on where it was.
"""

from __future__ import annotations

import argparse
import functools
from dataclasses import replace

import numpy as np
import pandas as pd
import rows
from rungs import KEPT, RUNGS

from helpers import _backgrounds, datasets, evaluation, ladder, splits

DATASET = "coughs-mini-0db"  # names the backgrounds of both roles; levels are mixed here
LEVELS = (-10.0, -5.0, 0.0, 5.0, 10.0, 20.0)
TRAINED_AT = (-5.0, 15.0)
TRAININGS = ("clean", "mixed")
COLLAR = 0.2
COMMAND = "python benchmarks/synthesis.py"


def main() -> None:
    """Run what is not there yet, and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rungs", nargs="+", default=list(RUNGS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    noisy, clean = datasets.load(DATASET), datasets.load("coughs-mini")
    tests = {level: at_level(noisy, clean, level) for level in LEVELS}
    rows.add([chance(noisy, tests[0.0])])
    trainings = {"clean": versions(noisy, clean, None), "mixed": versions(noisy, clean, TRAINED_AT)}
    for seed in options.seeds:
        for rung in options.rungs:
            found = {
                training: of_rung(rung, training, trainings[training], tests, seed, options.fresh)
                for training in TRAININGS
            }
            made = as_rows(rung, found, tests[0.0], noisy.recordings, seed)
            rows.add(made)
            gain = next(one for one in made if one["metric"].endswith("difference"))
            print(f"{rung}, seed {seed}: mixing gains {rows.figure(gain)} at 0 dB", flush=True)


def sound(noisy, clean, row, role: str, level: float | None) -> np.ndarray:
    """One recording over its background of a role; without one when there is no level."""
    samples = clean.audio(row.source)
    if level is None:
        return samples
    name = getattr(row, f"background_{role}").rsplit("/", 1)[1]
    rng = _backgrounds._random(row.filename, role)
    background = _backgrounds.extend(_clip(name), len(samples), random=rng)
    return _backgrounds.mix(samples, background, noisy.events_of(row.filename), snr_db=level)


@functools.cache
def _clip(name: str) -> np.ndarray:
    return _clips().audio(name)


@functools.cache
def _clips():
    return datasets.load("esc10")


def at_level(noisy, clean, level: float) -> ladder.Material:
    """Test recordings at one level."""
    return _material(noisy, lambda row: sound(noisy, clean, row, "test", level))


def versions(noisy, clean, levels: tuple[float, float] | None) -> ladder.Material:
    """Training recordings, clean or each at a level of its own."""

    def made(row):
        rng = _backgrounds._random(row.filename, "level")
        level = None if levels is None else float(rng.uniform(*levels))
        return sound(noisy, clean, row, "train", level)

    return _material(noisy, made)


def _material(noisy, make) -> ladder.Material:
    front_end = ladder.FrontEnd()
    log_mels = {row.filename: front_end.log_mel(make(row)) for row in noisy.recordings.itertuples()}
    return ladder.material(replace(noisy, roles=False), front_end=front_end, log_mels=log_mels)


def of_rung(rung, training, material, tests, seed: int, fresh: bool) -> pd.DataFrame:
    """Events that a rung finds at every level, trained in one way, over all folds."""
    parts = []
    for index, (rest, test) in enumerate(splits.by_group(material.recordings, seed=seed)):
        name = f"{rung.replace(' ', '_')}-{training}-{seed}-{index}.csv"
        path = KEPT / "synthesis" / name
        if not path.exists() or fresh:
            train, held = splits.inner(material.recordings, rest, seed=seed + index)
            fitted, decoder = RUNGS[rung](material, train, held, average="pooled", seed=seed)
            found = [
                ladder.detect(fitted, decoder, tests[level], test).assign(level=level)
                for level in LEVELS
            ]
            path.parent.mkdir(parents=True, exist_ok=True)
            text = pd.concat(found).to_csv(index=False)
            rows.write_whole(path, lambda file, text=text: file.write(text.encode()))
            print(f"  {name}", flush=True)
        parts.append(pd.read_csv(path))
    return pd.concat(parts, ignore_index=True)


def chance(noisy, material: ladder.Material) -> dict:
    """Row of as many events as there are, put anywhere: no level of noise changes that."""
    names = list(noisy.recordings["filename"])
    durations = noisy.recordings.set_index("filename")["duration"]
    about = {"filenames": names, "durations": durations, "label": material.label}
    counts = evaluation.chance_counts(material.events, collar=COLLAR, **about)
    groups = noisy.recordings["group"].to_numpy()
    value = evaluation.bootstrap(counts, evaluation.pooled_f1, groups=groups)
    about = {"area": "synthesis", "dataset": "coughs-mini", "command": COMMAND}
    metric = f"onset_f1_{1000 * COLLAR:.0f}ms_pooled"
    return rows.row(**about, method="chance", role="chance", metric=metric, value=value)


def as_rows(rung: str, found: dict, material, recordings: pd.DataFrame, seed: int) -> list[dict]:
    """F1 at every level for both trainings, their paired difference, and F1 by background."""
    names = list(recordings["filename"])
    groups = recordings["group"].to_numpy()
    common = {"area": "synthesis", "dataset": "coughs-mini", "command": COMMAND}
    common |= {"role": "baseline" if rung in ("energy", "librosa onsets") else "ours"}
    metric, made = f"onset_f1_{1000 * COLLAR:.0f}ms_pooled", []
    for level in LEVELS:
        counts = {
            training: evaluation.counts(
                material.events,
                events[events["level"] == level],
                filenames=names,
                label=material.label,
                collar=COLLAR,
            )
            for training, events in found.items()
        }
        for training, table in counts.items():
            value = evaluation.bootstrap(table, evaluation.pooled_f1, groups=groups)
            condition = {"snr_db": level, "trained_on": training, "seed": seed}
            made.append(
                rows.row(**common, method=rung, metric=metric, value=value, condition=condition)
            )
        both = (counts["mixed"], counts["clean"])
        value = evaluation.paired(*both, evaluation.pooled_f1, groups=groups)
        condition = {"snr_db": level, "to": "clean", "seed": seed}
        about = {"method": rung, "metric": f"{metric}_difference", "condition": condition}
        made.insert(0 if level == 0 else len(made), rows.row(**common, **about, value=value))
        if level == 0:
            made += by_background(rung, counts["mixed"], recordings, common, metric, seed)
    return made


def by_background(rung, counts, recordings, common, metric, seed) -> list[dict]:
    """F1 at 0 dB for each class of background, trained on mixtures."""
    kinds = recordings["background_test"].str.split("/").str[0].str.split(" - ").str[-1]
    made = []
    for kind in sorted(kinds.unique()):
        part = counts[(kinds == kind).to_numpy()]
        value = evaluation.bootstrap(part, evaluation.pooled_f1)
        condition = {"snr_db": 0.0, "trained_on": "mixed", "background": kind, "seed": seed}
        made.append(
            rows.row(**common, method=rung, metric=metric, value=value, condition=condition)
        )
    return made


if __name__ == "__main__":
    main()
