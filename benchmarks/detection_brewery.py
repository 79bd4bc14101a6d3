"""The ladder on the synthetic brewery: trained on its training brews, tested on 120 recordings.

    python benchmarks/detection_brewery.py [--seeds 0] [--rungs ...] [--more]

The test recordings come from the same generator with another seed; of their brews, some have an
airlock and some a device that training never heard. With --more, training also hears the 300 brews
of ``brewery-more``, as the shipped detector does. What a rung gave is kept in build/benchmarks/,
so a run that was broken off goes on where it was; --fresh starts again.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import pandas as pd
import rows
import rungs

from helpers import datasets, evaluation, ladder, splits

COMMAND = "python benchmarks/detection_brewery.py"


def main() -> None:
    """Fit every rung, test it on the large set and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--rungs", nargs="+", default=list(rungs.RUNGS))
    parser.add_argument("--more", action="store_true")
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    small = ladder.material(datasets.load("brewery"))
    if options.more:
        small = together(small, ladder.material(datasets.load("brewery-more")))
    large = ladder.material(datasets.load("brewery-large"))
    both = together(small, large)
    test = list(large.recordings["filename"])
    for seed in options.seeds:
        split = splits.fixed(small.recordings, seed=seed)
        report = rungs.Report(
            both,
            test,
            dataset="brewery-large (synthetic)",
            command=f"{COMMAND} --seeds {seed}" + (" --more" if options.more else ""),
            condition={"seed": seed},
        )
        if not options.more:
            report.add_floor_and_ceiling()
        for rung in options.rungs:
            found, about = rungs.run(
                rung,
                both,
                part=f"{seed}-more" if options.more else str(seed),
                train=list(split.train),
                validation=list(split.validation),
                test=test,
                folder="brewery",
                average="macro",
                seed=seed,
                fresh=options.fresh,
            )
            add(report, rung + (", 300 more brews" if options.more else ""), found, about)
        if not options.more:
            report.add_differences("energy", pooled=False)
        rows.add(report.rows)


def together(first: ladder.Material, second: ladder.Material) -> ladder.Material:
    """Two sets as one; no group is in both."""
    clash = set(first.recordings["group"]) & set(second.recordings["group"])
    if clash:
        raise ValueError(f"group {min(clash)} is in both sets: training would hear the test")
    return replace(
        first,
        recordings=pd.concat([first.recordings, second.recordings], ignore_index=True),
        events=pd.concat([first.events, second.events], ignore_index=True),
        log_mels=first.log_mels | second.log_mels,
        training=first.training | second.training,
        targets=first.targets | second.targets,
    )


def add(report: rungs.Report, rung: str, found: pd.DataFrame, about: dict) -> None:
    """Add the figures of one rung: events, rate, cost."""
    role = "baseline" if rung in ("energy", "librosa onsets") else "ours"
    report.add_events(rung, role, found)
    material = report.material
    errors = evaluation.rate_errors(
        material.events,
        found,
        filenames=report.filenames,
        durations=material.recordings.set_index("filename")["duration"],
        label=material.label,
    )
    within = evaluation.bootstrap(errors, evaluation.rate_within, groups=report.groups)
    report.add(rung, role, "rate_within_10pct", within)
    report.add_cost(rung, [about])
    table = evaluation.bootstrap(report.counts[rung, 0.1], evaluation.macro_f1)
    print(f"brewery {report.condition} {rung}: {table}, rate {within}", flush=True)


if __name__ == "__main__":
    main()
