"""The figures of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from benchmarks.growth import CURVES
from benchmarks.rows import ANN_FORWARD, ANN_FORWARD_ONE, ANN_ONLINE, ANN_TRAINING, Measured
from netsim.analysis.style import FULL_WIDTH, INK, colours, theme


def rows_figure(rows: Sequence[Measured]) -> Figure:
    """Times of a presentation, one line per row, the quickest first; a bar spans all blocks."""
    timed = sorted((row for row in rows if row.wall_ms), key=lambda row: (row.reference, row.median_ms))
    label_of = {
        ANN_FORWARD: "forward",
        ANN_TRAINING: "training step",
        ANN_FORWARD_ONE: "forward, one at a time",
        ANN_ONLINE: "online step",
    }
    colour_of = dict(zip(label_of, colours(len(label_of)), strict=True))
    with theme():
        figure, axes = plt.subplots(figsize=(FULL_WIDTH, 0.75 + 0.21 * len(timed)), layout="constrained")
        for reference in label_of:
            chosen = [(place, row) for place, row in enumerate(timed) if row.reference == reference]
            for place, row in chosen:
                axes.plot([min(row.wall_ms), max(row.wall_ms)], [place, place], color=colour_of[reference], linewidth=1)
                if row.name == reference:
                    axes.axvline(
                        row.median_ms, color=colour_of[reference], linewidth=0.8, linestyle=":", zorder=0,
                        label=f"{label_of[reference]} of the dense network",
                    )  # fmt: skip
            if chosen:
                axes.plot(
                    [row.median_ms for _, row in chosen], [place for place, _ in chosen], "o", markersize=4.5,
                    color=colour_of[reference], markeredgecolor="white", label=label_of[reference],
                )  # fmt: skip
        axes.set_yticks(range(len(timed)), [row.name for row in timed])
        axes.set_ylim(len(timed) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.set_xscale("log")
        _plain(axes)
        axes.set_xlabel("time of a presentation (ms)")
        figure.legend(loc="outside upper center", ncols=2, borderpad=0.2)
    return figure


def growth_figure(growth: Sequence[Mapping[str, Any]]) -> Figure:
    """Times of a presentation as one quantity grows, one panel each; both axes are logarithmic."""
    frame = pd.DataFrame(growth)
    curves = [curve for curve in CURVES if curve in set(frame["curve"])]
    names = list(dict.fromkeys(frame["series"]))
    colour_of = dict(zip(names, colours(len(names)), strict=True))
    with theme():
        rows = -(-len(curves) // 3)
        figure, grid = plt.subplots(
            rows, min(3, len(curves)), figsize=(FULL_WIDTH, 2.0 * rows + 0.5), layout="constrained", squeeze=False
        )
        for axes, curve in zip(grid.flat, curves, strict=False):
            for series, points in frame[frame["curve"] == curve].groupby("series", sort=False):
                ordered = points.sort_values("x")
                axes.fill_between(
                    ordered["x"], ordered["least_ms"], ordered["most_ms"], color=colour_of[str(series)], alpha=0.2,
                    linewidth=0,
                )  # fmt: skip
                axes.plot(
                    ordered["x"], ordered["median_ms"], ".-", markersize=4, linewidth=1.2, color=colour_of[str(series)]
                )
            if curve == "threads":
                axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            else:
                axes.set_xscale("log")
            axes.set_yscale("log")
            _plain(axes)
            axes.set_xlabel(CURVES[curve])
        for axes in grid.flat[len(curves) :]:
            axes.remove()
        for axes in grid[:, 0]:
            axes.set_ylabel("ms per presentation")
        handles = [plt.Line2D([], [], color=colour_of[name], linewidth=1.4, label=name) for name in names]
        figure.legend(handles=handles, loc="outside upper left", ncols=3, labelcolor=INK)
    return figure


def _plain(axes: Axes) -> None:
    """Numbers without powers of ten where they are short."""
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            axis.set_major_formatter(FuncFormatter(_number))
            axis.set_minor_formatter(NullFormatter())


def _number(value: float, _: object) -> str:
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
