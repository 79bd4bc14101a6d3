"""What labels are worth that only say whether a clip has the event, or how often.

    python benchmarks/weak.py [--datasets brewery coughs-mini] [--methods ...] [--seconds 1 2]
                              [--seeds 0] [--fresh]

Recordings are cut into clips of one or two seconds. A network of one window is trained on whole
clips (every pooling, and counts), and tuned on validation clips, with nothing but these labels; the
same network is trained on strong labels, for as many windows. All are judged by strong labels that
the weak ones never saw: brewery on the 120 recordings of `brewery-large`, coughs in five folds; and
by the clips in which they find an event. Energy is the plain baseline, its threshold tuned on the
same labels of clips, and again on strong ones. With "strong decoder" the decoder alone was tuned on
the strong labels of the validation recordings. "self-training" takes the events that max pooling
finds in recordings nobody labelled for true and trains the strong network on them. About an hour on
two cores; what a part gave is kept in build/benchmarks/, so a run that was broken off goes on where
it was.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import rows
import rungs
from detection_brewery import together

from helpers import datasets, evaluation, ladder, networks, splits, weak

STRONG, SELF = "strong labels", "self-training"
PLAIN = ("energy, clips", "energy, strong labels")
UNLABELLED = 60  # recordings of other brews
BEST = "max"  # pooling of the teacher of self-training, chosen on validation clips
EPOCHS = {"brewery": 16, "coughs-mini": 12}
PER_EPOCH = 640.0  # seconds of clips: some 15,000 windows
NONE = np.zeros(0)
COMMAND = "python benchmarks/weak.py"


def main() -> None:
    """Run what is not there yet, and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", nargs="+", default=list(EPOCHS), choices=list(EPOCHS))
    parser.add_argument("--methods", nargs="+")
    parser.add_argument("--seconds", nargs="+", type=float, default=[1.0, 2.0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    for dataset, seed, seconds in product(options.datasets, options.seeds, options.seconds):
        measure(dataset, seed, seconds, options)


def measure(dataset: str, seed: int, seconds: float, options) -> None:
    """Every method on one dataset, with clips of so many seconds."""
    material, parts, average, shown = parts_of(dataset, seed)
    known, clips = recipes(material, dataset, seed, seconds), weak.clips(material, seconds=seconds)
    test = sorted(name for part in parts for name in part.test)
    report = rungs.Report(
        material,
        test,
        dataset=shown,
        command=COMMAND,
        condition={"seed": seed, "clip_seconds": seconds},
    )
    report.common["area"] = "weak"
    for method in options.methods or known:
        found = []
        for index, part in enumerate(parts):
            events, _ = rungs.run(
                method,
                material,
                part=f"{seed}-{index}",
                train=part.train,
                validation=part.validation,
                test=part.test,
                folder=f"weak-{dataset}-{seconds:g}",
                average=average,
                seed=seed,
                fresh=options.fresh,
                recipes=known,
            )
            found.append(events)
        events = pd.concat(found)
        report.add_events(method, "baseline" if method in PLAIN else "ours", events)
        add_clips(report, method, events, clips.of(report.filenames), seconds)
        add_costs(report, method, parts, clips)
        best = evaluation.bootstrap(report.counts[method, 0.1], evaluation.pooled_f1)
        print(f"{dataset}, {method}: {best}", flush=True)
    report.add_floor_and_ceiling()
    if (STRONG, 0.1) in report.counts:
        report.add_differences(STRONG, pooled=True)
    rows.add(report.rows)


def parts_of(dataset: str, seed: int):
    """Material, the splits, how F1 is averaged in tuning, and the name in the table."""
    if dataset != "brewery":
        material = ladder.material(datasets.load(dataset))
        parts = []
        for index, (rest, test) in enumerate(splits.by_group(material.recordings, seed=seed)):
            train, held = splits.inner(material.recordings, rest, seed=seed + index)
            parts.append(splits.Split(train, held, sorted(test)))
        return material, parts, "pooled", dataset
    small = ladder.material(datasets.load("brewery"))
    split = splits.fixed(small.recordings, seed=seed)
    large = ladder.material(datasets.load("brewery-large"))
    part = splits.Split(split.train, split.validation, sorted(large.recordings["filename"]))
    return together(small, large), [part], "macro", "brewery-large (synthetic)"


def recipes(material: ladder.Material, dataset: str, seed: int, seconds: float) -> dict:
    """One function a method, as `rungs.run` wants them."""
    given = weak.clips(material, seconds=seconds)
    options = {"epochs": EPOCHS[dataset], "patience": EPOCHS[dataset]}

    def learnt(pooling, train, validation):
        return weak.fit(
            material,
            given,
            train,
            validation,
            pooling=pooling,
            per_epoch=round(PER_EPOCH / seconds),
            seed=seed,
            **options,
        )

    def weakly(pooling):
        def fit(material, train, validation, *, average, seed):
            rung = learnt(pooling, train, validation)
            target = "count" if pooling == weak.COUNT else "present"
            return rung, weak.tuned(rung, material, given, validation, target=target)

        return fit

    def strong_decoder(pooling):
        def fit(material, train, validation, *, average, seed):
            rung = replace(learnt(pooling, train, validation), decoders=weak.DECODERS)
            return rung, ladder.tuned(rung, material, validation, average=average)

        return fit

    def plain(material, train, validation, *, average, seed):
        rung = ladder.energy(material)
        held = [*train, *validation]  # nothing is fitted but the decoder
        return rung, weak.tuned(rung, material, given, held, decoders=rung.decoders)

    def energy(material, train, validation, *, average, seed):
        return ladder.best_energy(material, [*train, *validation], average=average)

    made = dict(zip(PLAIN, (plain, energy), strict=True)) | {STRONG: strongly(**options)}
    made |= {pooling: weakly(pooling) for pooling in (*weak.POOLINGS, weak.COUNT)}
    made |= {f"{BEST}, strong decoder": strong_decoder(BEST)}
    if dataset == "brewery":
        made[SELF] = self_trained(learnt, given, **options)
    return made


def strongly(**options):
    """Train the same network of one window on strong labels."""

    def fit(material, train, validation, *, average, seed):
        rung = of_windows(material, train, validation, average=average, seed=seed, **options)
        return rung, ladder.tuned(rung, material, validation, average=average)

    return fit


def of_windows(material, train, validation, **options) -> ladder.Rung:
    """Train the network of one window, which the clips share, on labels of windows."""
    return networks.cnn(
        material,
        train,
        validation,
        window=weak.WINDOW,
        step=weak.STEP,
        per_epoch=15_000,
        **options,
    )


def self_trained(learnt, given, **options):
    """Train on what a weak teacher hears in recordings without labels."""

    def fit(material, train, validation, *, average, seed):
        teacher = learnt(BEST, train, validation)
        decoder = weak.tuned(teacher, material, given, validation)
        other = datasets.load("brewery-more")
        names = list(other.recordings["filename"])[:UNLABELLED]
        unlabelled = ladder.material(other.subset(names))
        # the teacher's events stand in for labels, also in the recordings that it learnt from
        both = together(material, unlabelled)
        heard = [*train, *validation, *names]
        pseudo = heard_by(teacher, decoder, both, heard)
        student = of_windows(
            pseudo, [*train, *names], validation, average=average, seed=seed, **options
        )
        rung = ladder.Rung(SELF, student.score, student.parameters)
        return rung, ladder.tuned(student, pseudo, validation, average=average)

    return fit


def heard_by(teacher, decoder, material: ladder.Material, filenames) -> ladder.Material:
    """Put the teacher's events in the place of the true ones, which are gone."""
    found = ladder.detect(teacher, decoder, material, filenames)
    targets = {
        name: ladder.attack_targets(
            found[found["filename"] == name],
            front_end=material.front_end,
            n_frames=len(material.log_mels[name]),
            label=material.label,
        )
        for name in filenames
    }
    return replace(material, events=found.drop(columns="score"), targets=targets)


def add_clips(report: rungs.Report, method: str, events, clips: weak.Clips, seconds) -> None:
    """Add how well the clips with an event are told from those without, by the events found."""
    found = {name: rows["onset"].to_numpy() for name, rows in events.groupby("filename")}
    inside = [
        (found.get(row.filename, NONE) - row.start) // seconds == 0
        for row in clips.table.itertuples()
    ]
    said, truth = np.array([one.any() for one in inside]), clips.table["present"].to_numpy()
    counted = {"hits": truth & said, "misses": truth & ~said, "false_alarms": said & ~truth}
    table = clips.table[["filename", "group"]].assign(**counted, n_reference=truth)
    counts = table.groupby(["filename", "group"], as_index=False).sum()
    value = evaluation.bootstrap(counts, evaluation.pooled_f1, groups=counts["group"])
    report.add(method, "baseline" if method in PLAIN else "ours", "clip_f1", value)


def add_costs(report: rungs.Report, method: str, parts, clips: weak.Clips) -> None:
    """Labels that somebody has to set, and edits that are left to make for each true event."""
    held = {name for part in parts for name in part.validation}
    heard = held | {name for part in parts for name in part.train}
    strongly_labelled = {STRONG: heard, PLAIN[1]: heard, f"{BEST}, strong decoder": held}
    strong = strongly_labelled.get(method, set())
    # an onset and an offset for each event, or a word for each clip
    set_by_hand = 2 * report.material.events["filename"].isin(strong).sum()
    set_by_hand += len(clips.of(heard - strong).table)
    role = "baseline" if method in PLAIN else "ours"
    report.add(method, role, "labels", float(set_by_hand))
    counted = report.counts[method, 0.1]
    edits = (counted["misses"] + counted["false_alarms"]).sum() / counted["n_reference"].sum()
    report.add(method, role, "edits_per_event", float(edits))


if __name__ == "__main__":
    main()
