"""Choose settings of anomaly detectors on twelve machines that nothing is reported on.

    python benchmarks/anomaly_choice.py [--kinds fan ...]

The generator makes another twelve machines from another seed: other blades, other bearings, other
rooms. On them, at 0 dB and faults of severity .5, the number of centres of the Gaussian mixture,
the neighbours, whether they see every vector or every fourth, the pool of each quick method, and
whether PCA comes first are compared; `helpers.anomaly` has what did best, or nearly as well in a
quarter of the time. `benchmarks/anomaly.py` then reports on the machines of the data set. Some ten
minutes.
"""

from __future__ import annotations

import argparse
import functools

import pandas as pd
import rows
from anomaly import KINDS, SHOWN, chosen
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor

from helpers import _one_class, anomaly, audio, ranking, store
from helpers._loaders import _synth_code
from helpers.synth import machines

SEED = 13  # the data set has another


def candidates() -> dict[str, anomaly.Method]:
    """Every setting that is compared, by name."""
    names = ("level", "clip statistics, Mahalanobis", "PCA, Mahalanobis", "Mahalanobis")
    made = {name: anomaly.METHODS[name] for name in names}
    for centres in (1, 4, 16):
        make = functools.partial(_mixture, centres=centres)
        made[f"PCA, Gaussian mixture, {centres} centres"] = anomaly.Method(make, at_most=8000)
    for k in (1, 2, 8):
        made |= _both("nearest neighbours", k, functools.partial(_one_class.Neighbours, k), 8000)
    for k in (4, 20):
        make = functools.partial(LocalOutlierFactor, k, novelty=True)
        made |= _both("local outlier factor", k, make, 4000)
    return made | _sparse()


def _sparse() -> dict[str, anomaly.Method]:
    """Compare neighbours that are asked about every fourth vector alone: a quarter of the work."""
    made = {}
    for most in (2000, 4000):
        about = {"framing": anomaly.Framing(stride=4), "at_most": most}
        one = anomaly.Method(_one_class.neighbours, **about)
        other = anomaly.Method(_one_class.local_outlier_factor, **about)
        made[f"nearest neighbours, 1, every fourth of {most}"] = one
        made[f"local outlier factor, 4, every fourth of {most}"] = other
    return made


def _both(name, k, make, most) -> dict[str, anomaly.Method]:
    """Compare an estimator behind PCA, and on all numbers."""
    behind = anomaly.Method(lambda x, seed: _one_class.reduced(make(), x), at_most=most)
    alone = anomaly.Method(lambda x, seed: _one_class.whole(make()), at_most=most)
    return {f"PCA, {name}, {k}": behind, f"{name}, {k}": alone}


def _mixture(x, seed, *, centres):
    last = GaussianMixture(centres, reg_covar=1e-2, max_iter=60, random_state=seed)
    return _one_class.reduced(last, x)


def main() -> None:
    """Compare every candidate with every pool, and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--methods", nargs="+", help="some of the candidates only")
    options = parser.parse_args()
    known = candidates()
    methods = {n: m for n, m in known.items() if n in (options.methods or known)}
    tables = {name: [] for name in methods}
    for kind in options.kinds:
        recordings, frames = others(kind)
        for name, method in methods.items():
            tables[name].append(scored(method, recordings, frames))
        print(kind, "done", flush=True)
    made = []
    for name, parts in tables.items():
        table = pd.concat(parts, ignore_index=True)
        for pool in anomaly.POOLS:
            value = ranking.by_machine(ranking.auc)(table.assign(score=table[pool]))
            print(f"{name}, {pool}: {value:.3f}", flush=True)
            made.append(
                rows.row(
                    area="anomaly",
                    dataset="machines of another seed (synthetic)",
                    method=name,
                    role="ours",
                    metric="auc",
                    value=value,
                    condition={"snr_db": 0, "severity": SHOWN, "pool": pool},
                    command="python benchmarks/anomaly_choice.py",
                )
            )
    rows.add(made)


def others(kind: str) -> tuple[pd.DataFrame, dict]:
    """Make the other machines of a kind once, and read the clips that are needed."""
    config = {"kind": kind, "seed": SEED, "code": _synth_code("machines")}

    def make(folder) -> None:
        machines.generate(folder, kind=kind, seed=SEED)

    folder = store.artefact("machines-choice", config, make)
    table = machines.plan(kind, seed=SEED)
    train = (table["split"] == "train") & (table["domain"] == "source")
    table = table[train | table.index.isin(chosen(table, severity=SHOWN).index)]
    framing = anomaly.Framing()
    frames = {n: framing.log_mel(audio.read(folder / n, quiet=True)) for n in table["filename"]}
    return table, frames


def scored(method: anomaly.Method, recordings: pd.DataFrame, frames: dict) -> pd.DataFrame:
    """Score the test clips of a kind by every pool, each machine by its own detector."""
    found = []
    for _, part in recordings.groupby("machine"):
        learn = part[part["split"] == "train"]["filename"]
        detector = anomaly.fit(method, [frames[name] for name in learn])
        test = part[part["split"] == "test"]
        each = [detector.each(frames[name]) for name in test["filename"]]
        pools = {pool: [f(x) for x in each] for pool, f in anomaly.POOLS.items()}
        found.append(test[["filename", "label", "machine_type", "machine"]].assign(**pools))
    table = pd.concat(found, ignore_index=True)
    return table.assign(machine=table["machine_type"] + "/" + table["machine"])


if __name__ == "__main__":
    main()
