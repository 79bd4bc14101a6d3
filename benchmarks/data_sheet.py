"""Measure the tables of data/README.md and write them between their markers.

    HEARING_MIRROR=... python benchmarks/data_sheet.py

The real columns come from the label files and recordings that are at hand in the cache or the
mirror; a table whose data is not there stays as it is.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from helpers import _download, audio, datasets, labels
from helpers._sources import SOURCES, manifest
from helpers.synth import brewery

CLIPS = {"esc10": "real", "everyday": "synthetic"}
SHEET = Path(__file__).resolve().parents[1] / "data" / "README.md"


def yardstick() -> pd.DataFrame | None:
    """Statistics of the real label files beside those of the synthetic sets."""
    source = SOURCES["brewing-labels"]
    found, _ = _download.at_hand(source, list(manifest(source.name).values()))
    if not found:
        return None
    events = pd.concat(
        labels.read_audacity(path, overlaps="allow").assign(filename=name)
        for name, path in found.items()
    )
    sets = {"real labels": (events, None)}
    for name in ("brewery", "brewery-large"):
        dataset = datasets.load(name)
        sets[f"{name} (synthetic)"] = (dataset.events, dataset.recordings)
    return brewery.compare(sets)


def coughs() -> pd.DataFrame | None:
    """Describe the cough recordings, where they are at hand."""
    try:
        dataset = datasets.load("coughs-mini")
    except datasets.DataMissing:
        return None
    recordings, events = dataset.recordings, dataset.positives
    silence = np.array([_silence(dataset.path(name)) for name in recordings["filename"]])
    length = (events["offset"] - events["onset"]) * 1e3
    each = events.groupby("filename").size()
    facts = {
        "recordings, of these with coughs": f"{len(recordings)}, {recordings['cough'].sum()}",
        "minutes": f"{recordings['duration'].sum() / 60:.1f}",
        "length of a recording, shortest / middle / longest (s)": _spread(
            recordings["duration"], 1
        ),
        "coughs": f"{len(events)}",
        "coughs in a recording that has any, fewest / middle / most": _spread(each, 0),
        "length of a cough, p5 / p50 / p95 (ms)": _spread(length, 0, (0.05, 0.5, 0.95)),
        "frames of 10 ms below -80 dBFS, median of recordings": f"{np.median(silence):.0%}",
    }
    return pd.DataFrame({"coughs-mini": facts})


def clips() -> pd.DataFrame | None:
    """Describe the clips of ESC-10, where they are at hand, and those of its stand-in."""
    try:
        sets = {f"{name} ({kind})": datasets.load(name) for name, kind in CLIPS.items()}
    except datasets.DataMissing:
        return None
    return pd.DataFrame({column: clip_facts(dataset) for column, dataset in sets.items()})


def clip_facts(dataset: datasets.Dataset) -> dict[str, str]:
    """Measure what the clips of a data set are like, whatever their classes."""
    recordings = dataset.recordings
    measured = pd.DataFrame([_measures(dataset.audio(name)) for name in recordings["filename"]])
    tails = (0.05, 0.5, 0.95)
    return {
        "clips, classes, folds": f"{len(recordings)}, {len(dataset.labels)}, "
        f"{recordings['fold'].nunique()}",
        "sources, clips of the largest": f"{recordings['group'].nunique()}, "
        f"{recordings['group'].value_counts().max()}",
        "length, shortest / middle / longest (s)": _spread(recordings["duration"], 1),
        "level, p5 / p50 / p95 (dBFS)": _spread(measured["level"], 0, tails),
        "loud over quiet parts, p5 / p50 / p95 (dB)": _spread(measured["range"], 0, tails),
        "parts within 25 dB of the loudest, p5 / p50 / p95 (%)": _spread(
            100 * measured["heard"], 0, tails
        ),
        "digital silence, mean (%)": f"{100 * measured['silent'].mean():.0f}",
        "middle of the spectrum's power, p5 / p50 / p95 (Hz)": _spread(
            measured["middle"].round(-1), 0, tails
        ),
    }


def _measures(samples: np.ndarray) -> dict[str, float]:
    """Level, range and spectrum of one clip, in parts of 50 ms; quiet parts count as -80 dBFS."""
    size = audio.SAMPLE_RATE // 20
    parts = samples[: len(samples) // size * size].reshape(-1, size).astype(float)
    level = 10 * np.log10(np.maximum(np.mean(parts**2, axis=1), 1e-8))
    loud, quiet = np.quantile(level, [0.95, 0.1])
    power = np.cumsum(np.sum(np.abs(np.fft.rfft(parts)) ** 2, axis=0))
    return {
        "level": audio.level_db(samples),
        "range": loud - quiet,
        "heard": float(np.mean(level > level.max() - 25.0)),
        "silent": float(np.mean(np.abs(samples) < 1e-4)),
        "middle": float(np.searchsorted(power, power[-1] / 2) * audio.SAMPLE_RATE / size),
    }


def _silence(path: Path) -> float:
    """Share of the frames of 10 ms whose level is below -80 dBFS."""
    samples, rate = soundfile.read(path, always_2d=True)
    mono = samples.mean(axis=1)
    size = rate // 100
    frames = mono[: len(mono) // size * size].reshape(-1, size)
    return float(np.mean(np.mean(frames**2, axis=1) < 1e-8))


def _spread(values: pd.Series, digits: int, quantiles=(0.0, 0.5, 1.0)) -> str:
    return " / ".join(f"{value:.{digits}f}" for value in values.quantile(list(quantiles)))


def markdown(table: pd.DataFrame) -> str:
    """Write a table in Markdown, its index as the first column."""
    lines = [["", *table.columns], ["---"] * (1 + len(table.columns))]
    lines += [[index, *row] for index, row in zip(table.index, table.to_numpy(), strict=True)]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def replaced(text: str, name: str, table: str) -> str:
    """Put a table between the markers of its name.

    Raises
    ------
    ValueError
        When the markers are not there exactly once.
    """
    start, end = f"<!-- table {name} -->", f"<!-- end {name} -->"
    parts = re.split(f"({re.escape(start)}|{re.escape(end)})", text)
    if parts[1::2] != [start, end]:
        others = [part for part in parts[1::2] if part in (start, end)]
        raise ValueError(f"{SHEET}: markers {start} and {end} wanted once, found {others}")
    return f"{parts[0]}{start}\n{table}\n{end}{parts[4]}"


def main() -> None:
    """Measure what can be measured here and write the sheet."""
    text = SHEET.read_text(encoding="utf-8")
    for name, make in (("yardstick", yardstick), ("coughs", coughs), ("clips", clips)):
        table = make()
        if table is None:
            print(f"{name}: the data is not at hand, left as it is")
            continue
        text = replaced(text, name, markdown(table))
    SHEET.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
