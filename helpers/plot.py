"""One look for every figure.

Hits, misses and false alarms differ in colour and in shape, so that nobody depends on colour; every
colour that carries meaning stands out from white by 3 to 1 or more. Figures are white to the edge,
so that they read on a dark page too.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers._charts import curve, intervals, table
from helpers._marks import PALETTE, axes, contrast, legend, mark_events

__all__ = [
    "PALETTE",
    "contrast",
    "curve",
    "intervals",
    "mark_events",
    "scores",
    "spectrogram",
    "table",
    "use_style",
    "waveform",
]


def use_style() -> None:
    """Set the look of all figures made from now on: seaborn's theme, white, 90 dots an inch."""
    import matplotlib as mpl
    import seaborn as sns

    sns.set_theme(style="ticks", context="notebook", palette=list(PALETTE.values()))
    mpl.rcParams.update(
        {
            "figure.dpi": 90,
            "savefig.dpi": 90,
            "figure.figsize": (9, 3.2),
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "axes.facecolor": "white",
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlelocation": "left",
            "axes.titlesize": 12,
            "axes.labelsize": 11,
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
            "legend.fontsize": 10,
            "legend.frameon": False,
            "image.cmap": "magma",
        }
    )


def waveform(
    samples: np.ndarray,
    *,
    sample_rate: int = 16_000,
    ax=None,
    events: pd.DataFrame | None = None,
    title: str | None = None,
    start: float = 0.0,
):
    """Draw samples over time.

    Long recordings are drawn as the band between the lowest and the highest sample of each pixel,
    so that no peak is lost and the picture stays small.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        Mono audio.
    sample_rate : int
        Samples a second.
    ax : Axes, optional
        Where to draw; a new figure by default.
    events : DataFrame, optional
        Events to shade, see `mark_events`.
    title : str, optional
        What the figure shows.
    start : float
        Time of the first sample in seconds.

    Returns
    -------
    Axes
    """
    ax = axes(ax)
    samples = np.asarray(samples, dtype=float)
    step = max(1, len(samples) // 1500)
    if step == 1:
        times = start + np.arange(len(samples)) / sample_rate
        ax.plot(times, samples, color=PALETTE["blue"], linewidth=0.8)
    else:
        edges = np.arange(0, len(samples), step)
        low, high = np.minimum.reduceat(samples, edges), np.maximum.reduceat(samples, edges)
        times = start + edges / sample_rate
        ax.fill_between(times, low, high, color=PALETTE["blue"], linewidth=0.3, step="post")
    ax.set_xlim(start, start + len(samples) / sample_rate)
    ax.set(xlabel="time in s", ylabel="amplitude")
    return _finish(ax, events, title)


def spectrogram(
    log_mel: np.ndarray,
    *,
    front_end,
    ax=None,
    events: pd.DataFrame | None = None,
    title: str | None = None,
    start: float = 0.0,
    dynamic_range: float = 70.0,
    colour_bar: bool = True,
):
    """Draw a log-mel spectrogram with frequencies in Hz and levels in dB.

    Parameters
    ----------
    log_mel : ndarray, shape (frames, n_mels)
        Natural logarithm of power, as `FrontEnd.log_mel` gives it.
    front_end : FrontEnd
        What made it: names the frequencies and times.
    ax : Axes, optional
        Where to draw; a new figure by default.
    events : DataFrame, optional
        Events to mark, see `mark_events`.
    title : str, optional
        What the figure shows.
    start : float
        Time of the first sample in seconds.
    dynamic_range : float
        Decibels shown below the loudest point.
    colour_bar : bool
        Whether to draw the scale of the levels.

    Returns
    -------
    Axes
    """
    ax = axes(ax)
    level = 10 / np.log(10) * np.asarray(log_mel, dtype=float)
    hop = front_end.hop / front_end.sample_rate
    # a frame is drawn where its centre is, one hop wide, which is how its events are placed
    left = start + float(front_end.times(1)[0]) - hop / 2
    image = ax.imshow(
        level.T,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(left, left + len(level) * hop, -0.5, front_end.n_mels - 0.5),
        vmin=level.max() - dynamic_range,
        vmax=level.max(),
        cmap="magma",
    )
    ax.set_xlim(max(start, left), left + len(level) * hop)
    _hertz_ticks(ax, front_end)
    ax.set(xlabel="time in s", ylabel="frequency in Hz")
    if colour_bar:
        ax.figure.colorbar(image, ax=ax, label="level in dB", pad=0.01)
    return _finish(ax, events, title, on_dark=True)


def scores(
    scores,
    *,
    decoder=None,
    ax=None,
    events: pd.DataFrame | None = None,
    label: str | None = None,
    title: str | None = None,
):
    """Draw scores over time with the thresholds that turn them into events.

    Parameters
    ----------
    scores : Scores
        Scores of one recording.
    decoder : Decoder, optional
        Draws the threshold, and the band between it and the lower one: a score that has passed the
        upper line stays an event until it leaves the band at the bottom.
    ax : Axes, optional
        Where to draw; a new figure by default.
    events : DataFrame, optional
        Events to mark, see `mark_events`.
    label : str, optional
        Which label to draw; all by default.
    title : str, optional
        What the figure shows.

    Returns
    -------
    Axes
    """
    ax = axes(ax)
    values = np.asarray(scores.values)
    for column, name in enumerate(scores.labels):
        if label in (None, name):
            colour = list(PALETTE.values())[column % len(PALETTE)]
            ax.plot(
                scores.times,
                values[:, column],
                color=colour,
                linewidth=1.2,
                label=f"score of {name}",
            )
    if decoder is not None:
        low = decoder.threshold if decoder.low is None else decoder.low
        ax.axhline(decoder.threshold, color=PALETTE["black"], linewidth=1, label="threshold")
        if low < decoder.threshold:
            ax.axhspan(low, decoder.threshold, color=PALETTE["grey"], alpha=0.25, linewidth=0)
            ax.axhline(low, color=PALETTE["black"], linewidth=1, linestyle="--", label="off below")
    ax.set_xlim(0, scores.duration)
    if values.size and values.min() >= 0 and values.max() <= 1:
        ax.set_ylim(0, 1.02)
    ax.set(xlabel="time in s", ylabel="score")
    legend(ax)
    return _finish(ax, events, title)


def _finish(ax, events, title, *, on_dark: bool = False):
    """Mark events and set the title."""
    if events is not None:
        mark_events(ax, events, on_dark=on_dark)
    if title:
        ax.set_title(title)
    return ax


def _hertz_ticks(ax, front_end) -> None:
    """Label mel bands with round frequencies, each where its band would be."""
    from helpers.features import hz_to_mel

    # 250 Hz is left out: in a short picture it runs into 500
    wanted = np.array([100, 500, 1000, 2000, 4000, 8000, 16000], dtype=float)
    wanted = wanted[(wanted >= front_end.fmin) & (wanted <= front_end.fmax)]
    low, high = (float(hz_to_mel(edge)) for edge in (front_end.fmin, front_end.fmax))
    # band k of n has its centre at the share (k + 1) / (n + 1) of the mel range
    share = (np.array([float(hz_to_mel(f)) for f in wanted]) - low) / (high - low)
    places = share * (front_end.n_mels + 1) - 1
    inside = (places >= -0.5) & (places <= front_end.n_mels - 0.5)
    ax.set_yticks(places[inside], [f"{f:g}" for f in wanted[inside]])
