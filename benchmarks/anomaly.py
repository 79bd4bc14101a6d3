"""Every anomaly detector on every synthetic machine, at three levels of the background.

    python benchmarks/anomaly.py [--kinds fan ...] [--levels 0 -6 6] [--methods ...] [--fresh]

A detector learns from the normal training clips of one machine, those of the shifted domain left
out, and scores its test clips: faults of severity 0, .25, .5 and 1, and the shifted domain. Nothing
is tuned on them; every method runs once with the settings and the pool of `helpers.anomaly.METHODS`
(see `anomaly_choice.py`), unless the row names another pool. Intervals resample sessions.

About two hours on two cores. What a machine gave is kept in build/benchmarks/, so a run that was
broken off goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import time

import pandas as pd
import rows
from rungs import KEPT

from helpers import anomaly, datasets, ranking

KINDS = ("fan", "pump", "slider", "valve")
LEVELS = (0, -6, 6)
BASELINES = ("level",)
RIVALS = ("Mahalanobis", "dense autoencoder")  # the quickest good one, and the published one
SEVERITIES = (0.0, 0.25, 0.5, 1.0)
SHOWN = 0.5  # the severity of the table by machine


def main() -> None:
    """Run what is not there yet, and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--levels", nargs="+", type=int, default=list(LEVELS), choices=LEVELS)
    parser.add_argument("--methods", nargs="+", default=list(anomaly.METHODS))
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    for level in options.levels:
        found = {method: [] for method in options.methods}
        for kind in options.kinds:
            for method, table in of_kind(kind, level, options.methods, options.fresh).items():
                found[method].append(table)
        whole = {method: scored(pd.concat(tables), method) for method, tables in found.items()}
        for method, table in whole.items():
            made = as_rows(table, method, level)
            rows.add(made)
            shown = next(one for one in made if one["metric"] == "auc")
            print(f"{method}, {level:+d} dB: mean AUC {rows.figure(shown)}", flush=True)
        rows.add(differences(whole, level))


def name_of(kind: str, level: int) -> str:
    """Name of the dataset of a kind of machine at a level."""
    return f"machines/{kind}" + (f"@{level}dB" if level else "")


def of_kind(kind: str, level: int, methods, fresh: bool) -> dict[str, pd.DataFrame]:
    """Scores of every method on the three machines of a kind; log-mels are computed once."""
    places = {
        m: KEPT / "machines" / f"{kind}{level:+d}-{m.replace(', ', '-')}.json" for m in methods
    }
    waiting = [m for m in methods if fresh or not places[m].exists()]
    if waiting:
        dataset = datasets.load(name_of(kind, level))
        frames = anomaly.log_mels(dataset, dataset.recordings["filename"])
        for method in waiting:
            table = of_method(method, dataset.recordings, frames)
            text = table.to_json(orient="records")
            places[method].parent.mkdir(parents=True, exist_ok=True)
            rows.write_whole(places[method], lambda file, text=text: file.write(text.encode()))
    return {m: pd.DataFrame(json.loads(path.read_text())) for m, path in places.items()}


def of_method(method: str, recordings: pd.DataFrame, frames: dict) -> pd.DataFrame:
    """Fit one detector a machine and score its test clips by every pool."""
    tables = []
    for name, part in recordings.groupby("machine", sort=True):
        learn = part[(part["split"] == "train") & (part["domain"] == "source")]["filename"]
        start = time.perf_counter()
        detector = anomaly.fit(method, [frames[one] for one in learn])
        seconds = time.perf_counter() - start
        test = part[part["split"] == "test"]
        table = test[["filename", "machine_type", "label", "domain", "group", "fault", "severity"]]
        scores = {n: detector.each(frames[n]) for n in table["filename"]}
        for pool, function in anomaly.POOLS.items():
            table = table.assign(**{pool: [function(scores[n]) for n in table["filename"]]})
        tables.append(table.assign(machine=name, seconds=seconds))
        print(f"  {part['machine_type'].iloc[0]}/{name}, {method}: {seconds:.0f} s", flush=True)
    return pd.concat(tables, ignore_index=True)


def chosen(table: pd.DataFrame, *, severity: float, domain: str = "source") -> pd.DataFrame:
    """Take the normal test clips of a domain and its anomalies of one severity."""
    here = table["domain"] == domain
    return table[here & ((table["label"] == "normal") | (table["severity"] == severity))]


def scored(table: pd.DataFrame, method: str) -> pd.DataFrame:
    """Name machines in full, and take for a score the pool of the method."""
    table = table.assign(machine=table["machine_type"] + "/" + table["machine"])
    return table.assign(score=table[anomaly.METHODS[method].pool]).reset_index(drop=True)


def differences(tables: dict[str, pd.DataFrame], level: int) -> list[dict]:
    """Rows of every method minus the rivals of :data:`RIVALS`, on the same clips."""
    made = []
    for rival in RIVALS:
        if rival not in tables:
            continue
        other = chosen(tables[rival], severity=SHOWN)
        for method, table in tables.items():
            if method == rival:
                continue
            part = chosen(table, severity=SHOWN)
            value = ranking.difference(part, other, ranking.by_machine(ranking.auc))
            condition = {"snr_db": level, "severity": SHOWN, "to": rival}
            about = {"metric": "auc_difference", "value": value, "condition": condition}
            made.append(rows.row(**_about(method), **about))
    return made


def _about(method: str) -> dict:
    return {
        "area": "anomaly",
        "dataset": "machines (synthetic)",
        "method": method,
        "role": "baseline" if method in BASELINES else "ours",
        "command": "python benchmarks/anomaly.py",
    }


def as_rows(table: pd.DataFrame, method: str, level: int) -> list[dict]:
    """Rows of one method at one level: by severity, by machine, by pool, and the shifted domain."""
    about, made = _about(method), []

    def add(part: pd.DataFrame, metric: str, **condition) -> None:
        statistic = ranking.auc if metric == "auc" else ranking.partial_auc
        value = ranking.interval(part, ranking.by_machine(statistic))
        made.append(
            rows.row(**about, metric=metric, value=value, condition={"snr_db": level} | condition)
        )

    for metric in ("auc", "pauc"):
        for severity in (SHOWN, *(s for s in SEVERITIES if s != SHOWN)):
            add(chosen(table, severity=severity), metric, severity=severity)
        for machine, part in table.groupby("machine"):
            add(chosen(part, severity=SHOWN), metric, severity=SHOWN, machine=machine)
    for pool in anomaly.POOLS:
        part = chosen(table.assign(score=table[pool]), severity=SHOWN)
        add(part, "auc", severity=SHOWN, pool=pool)
    shifted = chosen(table, severity=SHOWN, domain="target")
    add(shifted, "auc", severity=SHOWN, domain="target")
    # the median: a machine whose training was interrupted says nothing of the time
    seconds = float(table.groupby("machine")["seconds"].first().median())
    made.append(
        rows.row(
            **about,
            metric="training_seconds",
            value=seconds,
            unit="s",
            condition={"snr_db": level},
        )
    )
    return made


if __name__ == "__main__":
    main()
