"""Draw the picture of README.md: what the shipped detector hears in a brew, and over five days.

    python tools/readme_picture.py

Everything in it is synthetic, and it says so. The recording is of the test part: the detector was
not trained on that brew.
"""

import io
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from PIL import Image

from helpers import bundle, datasets, detection, plot
from helpers.synth import brewery

PICTURE = Path(__file__).resolve().parents[1] / "notebooks" / "images" / "readme.png"
RECORDING = "brew_04_1.flac"  # the one that notebook 00 opens with
SECONDS = 10  # of it that are drawn
HOURS = (4, 12, 18, 24, 32, 42, 54, 66, 80, 96, 114)
LARGEST = 200_000  # bytes


def draw_recording(ax, detector, data) -> None:
    """Draw a spectrogram with detections and truth, and name the burps: they are no plops."""
    front_end = detector.front_end
    samples = data.audio(RECORDING)[: SECONDS * front_end.sample_rate]
    events, here = detector.detect(samples), data.events_of(RECORDING)
    here = here[here["onset"] < SECONDS]
    truth = here[here["event_label"] == data.label]
    plot.spectrogram(front_end.log_mel(samples), front_end=front_end, ax=ax, colour_bar=False)
    plot.mark_events(ax, events, at="top", name="detections", colour="ochre", on_dark=True)
    plot.mark_events(ax, truth, at="bottom", name="true plops", colour="green", on_dark=True)
    for burp in here[here["source"] == "burp"].itertuples():
        middle = (burp.onset + burp.offset) / 2
        ax.text(middle, 4, "a burp", color="white", ha="center", weight="bold")
    title = f"A synthetic brew: {len(events)} plops detected in {SECONDS} s, {len(truth)} are there"
    ax.set_title(title)


def visits(detector, brew: dict, curve: pd.DataFrame) -> pd.DataFrame:
    """Record the brew for half a minute at each of `HOURS`, and count.

    Returns
    -------
    DataFrame
        per_minute, low, high and n by hour.
    """
    rows = {}
    for number, hour in enumerate(HOURS):
        rate = max(float(np.interp(hour, curve["hours"], curve["rate"])), 0.01)
        samples, _ = brewery.render(brew | {"rate": rate, "index": 1000 + number})
        rows[hour] = vars(detection.rate(detector.detect(samples), duration=brew["duration"]))
    return pd.DataFrame.from_dict(rows, orient="index")


def draw_five_days(ax, measured: pd.DataFrame, curve: pd.DataFrame) -> None:
    """Draw the rate curve and what was measured on it."""
    bars = np.abs(measured[["low", "high"]].to_numpy().T - measured["per_minute"].to_numpy())
    ax.plot(curve["hours"], curve["rate"], color=plot.PALETTE["grey"], label="simulated rate")
    ax.errorbar(
        measured.index,
        measured["per_minute"],
        bars,
        fmt="o",
        capsize=3,
        color=plot.PALETTE["blue"],
        label="detector on 30 s, with 95 % interval",
    )
    ax.set(xlabel="hours since the yeast was pitched", ylabel="bubbles a minute", ylim=(0, None))
    ax.set_title("The same brew over five days (synthetic)")
    ax.legend()


def main() -> int:
    """Draw, and write the picture where it is small enough."""
    detector, data = bundle.load(bundle.shipped()), datasets.load("brewery")
    brew = data.recordings.set_index("filename", drop=False).loc[RECORDING].to_dict()
    curve, _ = brewery.five_days(rng=1)
    plot.use_style()
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(9, 6.4), height_ratios=(5, 4))
    draw_recording(top, detector, data)
    draw_five_days(bottom, visits(detector, brew, curve), curve)
    kept = io.BytesIO()
    figure.savefig(kept, dpi=100)
    small = io.BytesIO()
    Image.open(kept).convert("RGB").quantize(96).save(small, format="PNG", optimize=True)
    size = len(small.getvalue())
    if size >= LARGEST:
        print(f"{PICTURE.name} would take {size} bytes, at most {LARGEST} are wanted: not written")
        return 1
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_bytes(small.getvalue())
    print(f"{PICTURE.name}: {size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
