"""The ceiling fan: what tells a coin on a blade, and how much of that is the sensor.

    python benchmarks/ceiling_fan.py

Real vibration (S. Hymel), one session a condition. Detectors learn from the first 60 % of the
normal session. Reported by kind of feature: the area under the curve against the coin, the share of
recordings with the sensor moved that raise an alarm, and nominal against achieved false alarms on
the normal recordings that come later. Under a minute.
"""

from __future__ import annotations

import numpy as np
import rows

from helpers import anomaly, datasets, ranking, thresholds, vibration

METHODS = ("clip statistics, Mahalanobis", "nearest neighbours", "local outlier factor")
NAMES = {"clip statistics, Mahalanobis": "Mahalanobis"}
NOMINAL = 0.1
ABOUT = {
    "area": "anomaly",
    "dataset": "ceiling-fan",
    "command": "python benchmarks/ceiling_fan.py",
}


def main() -> None:
    """Measure every kind of feature with every method, and write the rows."""
    data = datasets.load("ceiling-fan")
    recordings = data.recordings
    signals = {name: data.signal(name) for name in recordings["filename"]}
    made = []
    for kind, describe in vibration.FEATURES.items():
        vectors = {name: describe(signal)[None] for name, signal in signals.items()}
        for method in METHODS:
            for moved in (False, True):
                made += measure(kind, method, vectors, recordings, moved=moved)
    rows.add(made)


def measure(kind: str, method: str, vectors: dict, recordings, *, moved: bool) -> list[dict]:
    """Rows of one kind of feature with one method; `moved`: learn from the moved sensor too."""
    normal = recordings[recordings["label"] == "normal"]
    source = normal[(normal["domain"] == "source") & (normal["split"] == "train")]
    target = normal[normal["domain"] == "target"]
    half = target["group"].isin(sorted(target["group"].unique())[: target["group"].nunique() // 2])
    learn = [*source["filename"], *(target.loc[half, "filename"] if moved else ())]
    fitted, held = held_out(recordings[recordings["filename"].isin(learn)])
    plain = anomaly.Method(anomaly.METHODS[method].make, describe=lambda vector: vector)
    detector = anomaly.fit(plain, [vectors[name] for name in fitted])
    rest = recordings[~recordings["filename"].isin(learn)]
    table = anomaly.scores(detector, {n: vectors[n] for n in rest["filename"]}, rest)
    limit = thresholds.empirical(
        [detector.score(vectors[n]) for n in held], false_alarm_rate=NOMINAL
    )
    condition = {"features": kind, "moved_in_training": moved}
    about = ABOUT | {"method": NAMES.get(method, method), "role": role(kind)}
    made = []
    here = table[table["domain"] == "source"]
    for metric, statistic in (("auc", ranking.auc), ("pauc", ranking.partial_auc)):
        value = ranking.interval(here, statistic)
        made.append(rows.row(**about, metric=metric, value=value, condition=condition))
        print(kind, method, "moved" if moved else "", metric, value, flush=True)
    for what, part in (
        ("normal, later", here[here["label"] == "normal"]),
        ("normal, sensor moved", table[table["domain"] == "target"]),
    ):
        rate = thresholds.achieved(part["score"], limit, clip_seconds=1.0)
        ends = {"low": rate["low"], "high": rate["high"], "n": rate["clips"]}
        made.append(
            rows.row(
                **about,
                metric="false_alarm_rate",
                value=rate["rate"],
                **ends,
                condition=condition | {"nominal": NOMINAL, "of": what},
            )
        )
    return made


def role(kind: str) -> str:
    """Tilt and strength are what a change of session gives away: they stand as baselines."""
    return "ours" if kind == "shape" else "baseline"


def held_out(recordings) -> tuple[list[str], list[str]]:
    """Keep every fourth group of the training recordings for the threshold."""
    groups = {name: i for i, name in enumerate(sorted(recordings["group"].unique()))}
    back = recordings["group"].map(groups) % 4 == 3
    names = recordings["filename"].to_numpy()
    return list(names[~back]), list(names[np.asarray(back)])


if __name__ == "__main__":
    main()
