"""OpenL3 on UrbanSound8K, on its official folds: the question that one of the talks left open.

    python benchmarks/openl3_urbansound8k.py [--embedding openl3-mel256-env-512] [--folder ...]

The ten folds are never shuffled: slices of one recording lie in one fold. Each fold tests once;
the next one chooses the settings of a classifier, which then learns from that one too. Clips are
read at 48 kHz, which is what OpenL3 hears. About four hours on two cores, most of it embedding.

Needs the clips (non-commercial; see data/README.md) and the published weights. Embeddings are kept
for each clip, decisions for each fold, in build/benchmarks/, so a run that was broken off goes on
where it was. Rows are written only for all 8732 clips and weights whose hash is the published one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import rows
import rungs
from shallow import CLASSIFIERS, tuned
from sklearn.dummy import DummyClassifier

from helpers import _openl3, audio, datasets, embeddings, features, intervals, store

KEPT = rungs.KEPT / "openl3_urbansound8k"
COMMAND = "python benchmarks/openl3_urbansound8k.py"
WHOLE = 8732  # clips of UrbanSound8K
BASELINE = "MFCC statistics, random forest"
CHANCE = "most frequent class"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the rows where they may be written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--embedding", default="openl3-mel256-env-512")
    parser.add_argument("--weights", type=Path, help="a weight file; else cache, mirror, network")
    parser.add_argument("--folder", type=Path, help="UrbanSound8K; else cache, mirror")
    parser.add_argument("--index", type=Path, help="index of a part of it, in soundata's format")
    parser.add_argument("--kept", type=Path, default=KEPT, help="where to keep what was computed")
    options = parser.parse_args(arguments)
    if options.folder:
        dataset = datasets.from_folder("urbansound8k", options.folder, index=options.index)
    else:
        dataset = datasets.load("urbansound8k")
    extractor = extractor_of(options.embedding, options.weights)
    # other clips may have the names of the official ones
    kept = options.kept / f"index-{options.index.stem}" if options.index else options.kept
    tables = measure(dataset, extractor, kept=kept)
    for method, table in tables.items():
        spread = by_fold(table).std(ddof=1)
        print(f"{interval(table)}, deviation over folds {spread:.3f}: {method}")
    if reason := why_no_rows(dataset, extractor, own_index=options.index is not None):
        print(f"No row is written: {reason}")
        return
    rows.add(as_rows(tables, embedding=options.embedding, command=COMMAND))


def extractor_of(name: str, weights: Path | None):
    """Build OpenL3 as its name says: ours, or the package; both hear 48 kHz."""
    ours = name.replace("openl3-package", "openl3", 1)
    kind = _openl3.Extractor if ours == name else _openl3.PackageExtractor
    return kind(ours, weights)


def why_no_rows(dataset, extractor, *, own_index: bool) -> str:
    """Say why these figures are not results; empty where they are."""
    if not extractor.published:
        return f"{extractor.weights} is not the published file {_published(extractor)}."
    if len(dataset.recordings) != WHOLE:
        return f"{len(dataset.recordings)} of the {WHOLE} clips are here."
    if own_index:
        return "the clips were checked against an index of your own, not the official one."
    return ""


def _published(extractor) -> str:
    representation, content, _ = extractor.variant
    return _openl3.published_name(representation, content)


# --- what is measured -----------------------------------------------------------------------


def measure(dataset, extractor, *, kept: Path) -> dict[str, pd.DataFrame]:
    """Decide every clip by every method, in the fold that tests it.

    Parameters
    ----------
    dataset : Dataset
        With the columns filename, label, group and fold.
    extractor : Extractor
        OpenL3 with its weights.
    kept : Path
        Where embeddings and decisions are kept and found again.

    Returns
    -------
    dict of str to DataFrame
        Method to filename, label, decided, correct, group and fold.
    """
    weights = store.sha256(extractor.weights)[:12]
    folder = kept / f"{extractor.name}-{weights}"
    both = described(dataset, lambda path: embedded(extractor, path), folder)
    mfcc = described(dataset, mfcc_statistics, kept / "mfcc")
    parts = {"mean": both[:, : extractor.dims], "mean and max": both}
    tables = {CHANCE: decided(dataset, mfcc, _most_frequent, (None,))}
    tables[BASELINE] = remembered(dataset, mfcc, "random forest", kept / "mfcc")
    for pooling, vectors in parts.items():
        for name in CLASSIFIERS:
            method = f"{extractor.name} {pooling}, {name}"
            tables[method] = remembered(dataset, vectors, name, folder / pooling)
    return tables


def embedded(extractor, path: Path) -> np.ndarray:
    """Mean and maximum of a clip's embeddings, one behind the other."""
    samples = audio.read(path, sample_rate=extractor.sample_rate, quiet=True)
    return embeddings.pooled(extractor.run(samples)[0], "mean_max")


def mfcc_statistics(path: Path) -> np.ndarray:
    """Mean and deviation over a clip of 20 MFCC and of their slopes."""
    log_mel = features.FrontEnd().log_mel(audio.read(path, quiet=True))
    cepstra = features.mfcc(log_mel, n_mfcc=20)
    frames = np.hstack([cepstra, features.delta(cepstra)])
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])


def described(dataset, describe: Callable[[Path], np.ndarray], folder: Path) -> np.ndarray:
    """One vector a clip, shape (clips, dims): computed, or found where it was kept."""
    names, made, start = list(dataset.recordings["filename"]), 0, time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    vectors = []
    for index, name in enumerate(names, start=1):
        path = folder / f"{name}.npy"
        if not path.exists():
            rows.write_whole(
                path, lambda file, name=name: np.save(file, describe(dataset.path(name)))
            )
            made += 1
            if made % 100 == 0 or index == len(names):
                pace = (time.perf_counter() - start) / made
                left = pace * (len(names) - index) / 60
                print(f"  {folder.name}: {index} of {len(names)} clips, {left:.0f} min to go")
        vectors.append(np.load(path))
    return np.stack(vectors)


def turns(recordings: pd.DataFrame) -> list[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Official folds in turn: number, and masks of training, validation and test clips."""
    fold = recordings["fold"].to_numpy()
    numbers = sorted(set(fold))
    if len(numbers) < 3:
        raise ValueError(f"{len(numbers)} folds: one trains, one validates, one tests; give three")
    after = dict(zip(numbers, [*numbers[1:], numbers[0]], strict=True))
    masks = [(number, fold == after[number], fold == number) for number in numbers]
    return [(number, ~(held | test), held, test) for number, held, test in masks]


def decided(
    dataset, vectors: np.ndarray, make: Callable, settings: tuple, *, folder: Path | None = None
) -> pd.DataFrame:
    """Decide each clip in the fold that tests it; what a fold decided is kept in ``folder``."""
    table = dataset.recordings[["filename", "label", "group", "fold"]].copy()
    labels = table["label"].to_numpy(dtype=str)
    found = np.full(len(table), "", dtype=object)
    for number, train, held, test in turns(table):
        path = folder / f"{number}.json" if folder else None
        if path and path.exists():
            found[test] = json.loads(path.read_text(encoding="utf-8"))
            continue
        learn, choose = ((vectors[part], labels[part]) for part in (train, held))
        model = tuned(make, settings, learn, choose)
        found[test] = model.fit(vectors[train | held], labels[train | held]).predict(vectors[test])
        if path:
            text = json.dumps(list(found[test]))
            rows.write_whole(path, lambda file, text=text: file.write(text.encode()))
            print(f"  {folder.parent.name} {folder.name}: fold {number}", flush=True)
    table["decided"] = found
    table["correct"] = table["decided"] == table["label"]
    return table


def remembered(dataset, vectors: np.ndarray, name: str, folder: Path) -> pd.DataFrame:
    """Decide with one of the classifiers, and keep what depends on just these clips."""
    make, settings = CLASSIFIERS[name]
    clips = dataset.recordings[["filename", "label", "fold"]].astype(str).to_numpy().tolist()
    place = folder / f"{name}-{store.key({'clips': clips, 'settings': settings})}"
    place.mkdir(parents=True, exist_ok=True)
    return decided(dataset, vectors, make, settings, folder=place)


def _most_frequent(*_):
    return DummyClassifier(strategy="most_frequent")


# --- figures --------------------------------------------------------------------------------


def by_fold(table: pd.DataFrame) -> pd.Series:
    """Accuracy of each fold."""
    return table.groupby("fold")["correct"].mean()


def fold_mean(table: pd.DataFrame, *, weights: np.ndarray | None = None):
    """Mean of the folds' accuracies, as UrbanSound8K is scored; see `intervals.bootstrap`."""
    right = table["correct"].to_numpy(dtype=float)
    member = table["fold"].to_numpy()[:, None] == np.unique(table["fold"])[None]
    weights = np.ones((1, len(table))) if weights is None else weights
    drawn = weights @ member
    each = (weights * right) @ member / np.where(drawn > 0, drawn, np.nan)
    found = np.nanmean(each, axis=1)  # a small fold may not be drawn at all
    return float(found[0]) if len(found) == 1 else found


def interval(table: pd.DataFrame) -> intervals.Interval:
    """Mean over folds, with its interval over the recordings that the clips were cut from."""
    return intervals.bootstrap(table, fold_mean, groups=table["group"].to_numpy())


def as_rows(tables: dict[str, pd.DataFrame], *, embedding: str, command: str) -> list[dict]:
    """Rows of results: accuracy, its spread, each fold, and the difference to the baseline."""
    common = {"area": "classification", "dataset": "urbansound8k", "command": command}
    if embedding != "openl3-mel256-env-512":
        common["command"] += f" --embedding {embedding}"
    made = []
    for method, table in tables.items():
        embedded_by = "peer" if method.startswith("openl3-package") else "ours"
        role = {CHANCE: "chance", BASELINE: "baseline"}.get(method, embedded_by)
        each = by_fold(table)
        figures = {"accuracy": interval(table), "accuracy_deviation": each.std(ddof=1)}
        figures |= {f"accuracy_fold_{fold:02d}": value for fold, value in each.items()}
        about = common | {"method": method, "role": role, "condition": {"folds": len(each)}}
        made += [rows.row(**about, metric=metric, value=value) for metric, value in figures.items()]
        if role == embedded_by:
            groups = table["group"].to_numpy()
            gain = intervals.paired(table, tables[BASELINE], fold_mean, groups=groups)
            about |= {"condition": {"folds": len(each), "to": BASELINE}}
            made.append(rows.row(**about, metric="accuracy_difference", value=gain))
    return made


if __name__ == "__main__":
    main()
