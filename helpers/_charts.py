"""Figures and tables of results. Used through `helpers.plot`."""

from __future__ import annotations

import pandas as pd

from helpers._marks import PALETTE, axes, legend


def intervals(
    table: pd.DataFrame,
    *,
    ax=None,
    y: str = "method",
    chance: float | None = None,
    title: str | None = None,
    xlabel: str | None = None,
):
    """Draw each figure as a dot with its interval, the first row at the top.

    Parameters
    ----------
    table : DataFrame
        Columns value, low and high, the column named by `y` and, optionally, role: ours are filled
        dots, all others open ones.
    ax : Axes, optional
        Where to draw; a new figure by default.
    y : str
        Column that names the rows.
    chance : float, optional
        What chance reaches: a dotted line.
    title, xlabel : str, optional
        Texts.

    Returns
    -------
    Axes
    """
    ax = axes(ax, height=0.9 + 0.38 * max(len(table), 2))
    for row, (_, line) in enumerate(table.iterrows()):
        ours = line.get("role", "ours") == "ours"
        colour = PALETTE["blue" if ours else "grey"]
        ax.plot([line["low"], line["high"]], [row, row], color=colour, linewidth=2.2)
        face = colour if ours else "white"
        ax.plot(line["value"], row, "o", color=colour, markerfacecolor=face, markersize=8)
    ax.set_yticks(range(len(table)), table[y].astype(str))
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.grid(axis="x", alpha=0.4)
    if chance is not None:
        ax.axvline(chance, color=PALETTE["black"], linestyle=":", label=f"chance {chance:.2f}")
    if xlabel:
        ax.set_xlabel(xlabel)
    legend(ax)
    if title:
        ax.set_title(title)
    return ax


def curve(
    x,
    y,
    *,
    ax=None,
    label: str | None = None,
    point: tuple[float, float] | None = None,
    point_label: str = "chosen",
    xlabel: str | None = None,
    ylabel: str | None = None,
    title: str | None = None,
):
    """Draw a curve over thresholds, and the point chosen on it.

    Parameters
    ----------
    x, y : array-like, shape (n,)
        The curve, for instance false alarms an hour and miss rate.
    ax : Axes, optional
        Where to draw; a new figure by default.
    label : str, optional
        Name of the curve.
    point : (float, float), optional
        Operating point, ringed.
    point_label, xlabel, ylabel, title : str, optional
        Texts.

    Returns
    -------
    Axes
    """
    ax = axes(ax)
    style = ("-", "--", "-.", ":")[len(ax.lines) % 4]
    ax.plot(x, y, linestyle=style, linewidth=2, label=label)
    if point is not None:
        ring = {"markerfacecolor": "none", "markeredgewidth": 2, "markersize": 12}
        ax.plot(*point, "o", color=PALETTE["black"], label=point_label, **ring)
    ax.grid(alpha=0.4)
    ax.set(**{name: text for name, text in (("xlabel", xlabel), ("ylabel", ylabel)) if text})
    legend(ax)
    if title:
        ax.set_title(title)
    return ax


def table(rows: pd.DataFrame, *, caption: str | None = None, digits: int = 2):
    """Set rows of results as a table: a method a line, a metric a column, ours in bold.

    Parameters
    ----------
    rows : DataFrame
        Columns method, role, metric, value, low and high, one row a figure, as in
        ``benchmarks/results.json``. Methods and metrics keep the order in which they come.
    caption : str, optional
        What the table shows.
    digits : int
        Digits after the point.

    Returns
    -------
    pandas Styler
        A notebook shows it; ``.data`` is the plain table of texts. A figure that is undefined
        reads "undefined", one that was not measured "–".
    """
    texts = rows.assign(text=[_figure(row, digits) for _, row in rows.iterrows()])
    methods, metrics = list(dict.fromkeys(rows["method"])), list(dict.fromkeys(rows["metric"]))
    wide = texts.pivot(index="method", columns="metric", values="text")
    wide = wide.reindex(index=methods, columns=metrics).fillna("–")
    roles = rows.drop_duplicates("method").set_index("method")["role"]
    wide.insert(0, "role", roles.reindex(methods))
    wide.index.name = wide.columns.name = None

    def weight(line: pd.Series) -> list[str]:
        kinds = {"ours": "font-weight: bold", "chance": "font-style: italic"}
        return [kinds.get(line["role"], "")] * len(line)

    styled = wide.style.apply(weight, axis=1)
    return styled.set_caption(caption) if caption else styled


def _figure(row: pd.Series, digits: int) -> str:
    """Value and interval as text."""
    if pd.isna(row["value"]):
        return "undefined"
    if pd.isna(row.get("low")) or pd.isna(row.get("high")):
        return f"{row['value']:.{digits}f}"
    return f"{row['value']:.{digits}f} [{row['low']:.{digits}f}, {row['high']:.{digits}f}]"
