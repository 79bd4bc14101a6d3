"""Colours that carry meaning, and marks of events. Used through `helpers.plot`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ._palette import PALETTE

# What became of an event: colour, marker and hatch, each enough to tell them apart.
OUTCOMES = {
    "hit": ("green", "o", ""),
    "miss": ("vermilion", "x", "////"),
    "false alarm": ("black", "v", "...."),
    "event": ("blue", "d", ""),
}


def contrast(colour: str, background: str = "white") -> float:
    """Contrast ratio of two colours, from 1 (none) to 21 (black on white).

    Parameters
    ----------
    colour, background : str
        Anything that matplotlib takes for a colour.

    Returns
    -------
    float

    References
    ----------
    Web Content Accessibility Guidelines 2.1, relative luminance and contrast ratio (2018).
    """
    from matplotlib.colors import to_rgb

    def luminance(name: str) -> float:
        channels = np.array(to_rgb(name))
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return float(linear @ [0.2126, 0.7152, 0.0722])

    dark, light = sorted((luminance(colour), luminance(background)))
    return (light + 0.05) / (dark + 0.05)


def mark_events(
    ax,
    events: pd.DataFrame,
    *,
    at: str = "span",
    on_dark: bool = False,
    colour: str | None = None,
    name: str | None = None,
):
    """Mark events on an axis of time.

    Parameters
    ----------
    ax : Axes
        Where to draw, with seconds along x.
    events : DataFrame
        onset and offset in seconds and, optionally, outcome ("hit", "miss", "false alarm" as
        `helpers.evaluation.outcomes` gives them).
    at : {"span", "top", "bottom"}
        Shade each event over the full height, or only mark its onset along an edge (so that truth
        and detections can be drawn on one axis).
    on_dark : bool
        The axis shows a dark picture: draw light edges in place of shades.
    colour : str, optional
        Name of a colour in `PALETTE`, for events without outcomes.
    name : str, optional
        What the legend calls events without outcomes, such as "labels" or "detections".

    Returns
    -------
    Axes
        Its legend names each kind that is there, with how many.

    Raises
    ------
    ValueError
        When `at` or an outcome is unknown.
    """
    if at not in ("span", "top", "bottom"):
        raise ValueError(f"at must be 'span', 'top' or 'bottom', not {at!r}.")
    kinds = events["outcome"] if "outcome" in events else pd.Series("event", index=events.index)
    unknown = sorted(set(kinds) - set(OUTCOMES))
    if unknown:
        raise ValueError(f"outcome {unknown[0]!r} is not known; there are {list(OUTCOMES)}.")
    limits = ax.get_xlim()
    for kind in (name for name in OUTCOMES if (kinds == name).any()):
        chosen = events[kinds == kind]
        plural = {"miss": "misses"}.get(kind, f"{kind}s")
        called = kind if len(chosen) == 1 else plural
        called = name if name and kind == "event" else called
        shade, marker, hatch = OUTCOMES[kind]
        shade = PALETTE[colour or shade]
        if at == "span":
            _spans(ax, chosen, shade, hatch, on_dark)
        _onset_marks(ax, chosen, shade, marker, at, on_dark, f"{len(chosen)} {called}")
    ax.set_xlim(limits)
    legend(ax)
    return ax


def axes(ax, *, height: float | None = None):
    """Return the axis given, or one of a new figure."""
    import matplotlib.pyplot as plt

    if ax is not None:
        return ax
    size = plt.rcParams["figure.figsize"]
    return plt.subplots(figsize=(size[0], height or size[1]), layout="constrained")[1]


def legend(ax) -> None:
    """Name what is drawn below the axis, clear of data and title, if anything has a name."""
    from matplotlib.transforms import ScaledTranslation

    handles, labels = ax.get_legend_handles_labels()
    if not labels:
        return
    below = ScaledTranslation(0, -36 / 72, ax.figure.dpi_scale_trans)
    ax.legend(
        handles,
        labels,
        loc="upper right",
        bbox_to_anchor=(1, 0),
        bbox_transform=ax.transAxes + below,
        borderaxespad=0,
        ncols=min(len(labels), 6),
    )


def _spans(ax, events, shade, hatch, on_dark) -> None:
    """Shade events over the full height, or edge them in white on a dark picture."""
    look = {"facecolor": "none", "edgecolor": "white"} if on_dark else {"facecolor": shade}
    if not on_dark:
        look |= {"alpha": 0.3, "edgecolor": shade}
    for onset, offset in zip(events["onset"], events["offset"], strict=True):
        ax.axvspan(onset, offset, hatch=hatch, linewidth=1, **look)


def _onset_marks(ax, events, shade, marker, at, on_dark, label) -> None:
    """Put a marker at each onset along an edge of the axis, ringed in white on a dark picture."""
    from matplotlib.patheffects import withStroke

    height = 0.07 if at == "bottom" else 0.93
    ax.plot(
        events["onset"],
        np.full(len(events), height),
        linestyle="none",
        marker=marker,
        markersize=8,
        markeredgewidth=2,
        color=shade,
        transform=ax.get_xaxis_transform(),
        path_effects=[withStroke(linewidth=5, foreground="white")] if on_dark else None,
        label=label,
    )
