"""Figure and summary of the experiment ``tempotron``."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from netsim.analysis.experiments.figures import bars, beside, panels, styles
from netsim.analysis.experiments.tables import Interval, interval


def capacities(table: pd.DataFrame) -> pd.DataFrame:
    """The largest learned load of each condition and seed, 0 if none was learned."""
    by = ["shape", "window", "step", "seed"]
    learned = table.assign(capacity=np.where(table["solved"].astype(bool), table["load"], 0.0))
    return learned.groupby(by, sort=False)["capacity"].max().reset_index()


def capacity(table: pd.DataFrame, shape: str, window: float, step: float = 0.0) -> Interval:
    """The capacity of a condition over seeds."""
    measured = capacities(table)
    chosen = (measured["shape"] == shape) & (measured["window"] == window) & (measured["step"] == step)
    return interval(measured.loc[chosen, "capacity"])


def growth(table: pd.DataFrame, shape: str) -> Interval:
    """How much the capacity grows from the shortest to the longest window, paired by seed."""
    measured = capacities(table)
    chosen = measured[(measured["shape"] == shape) & (measured["step"] == 0)]
    if chosen["window"].nunique() < 2:
        return interval([])
    by_window = chosen.pivot(index="seed", columns="window", values="capacity")
    return interval(by_window[by_window.columns.max()] - by_window[by_window.columns.min()])


def summary(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Rows of text: the capacity of each condition, and the share of decisions that the engine confirms."""
    rows = []
    groups: Any = table.groupby(["shape", "window", "step"], sort=False)
    for (shape, window, step), group in groups:
        confirmed = group["confirmed"].dropna().astype(float)
        rows.append(
            (
                str(shape),
                f"{window:g}",
                f"{step:g}" if step else "exact",
                capacity(table, shape, window, step).shown(),
                f"{confirmed.min():.2%}" if len(confirmed) else "",
            )
        )
    return tuple(rows)


def draw(table: pd.DataFrame, shape: str, window: float, published: tuple[float, float]) -> Figure:
    """Draw success against the load, and capacity against window and time step."""
    exact = table[table["step"] == 0]
    shapes, windows = list(dict.fromkeys(exact["shape"])), sorted(set(exact["window"]))
    steps = sorted(set(table["step"]) - {0.0})
    with panels(3, 2.5) as (figure, (left, middle, right)):
        left.axvspan(*published, color="0.9", zorder=0)
        for axes in (middle, right):
            axes.axhspan(*published, color="0.9", zorder=0)
        for number, (each, style) in enumerate(zip(shapes, styles(len(shapes)), strict=True)):
            chosen = exact[(exact["shape"] == each) & (exact["window"] == window)]
            success = chosen.assign(solved=chosen["solved"].astype(float)).groupby("load")["solved"].mean()
            left.plot(success.index, 100 * success, label=each, **style)
            estimates = [capacity(table, each, width) for width in windows]
            factor = 1.03 ** beside(number, len(shapes), 1)
            bars(middle, [width * factor for width in windows], estimates, **style)
            if each == shape and steps:
                bars(right, steps, [capacity(table, shape, window, step) for step in steps], **style)
                reference = capacity(table, shape, window)
                right.axhline(reference.mean, color=style["color"], linestyle="--", linewidth=0.8)
        left.set(xlabel="patterns per synapse", ylabel="seeds learned (%)", ylim=(-4, 104))
        middle.set(xlabel="window (ms)", ylabel="patterns per synapse", xscale="log")
        right.set(xlabel="time step (ms)", ylabel="patterns per synapse", xscale="log")
        for axes, ticks in ((middle, windows), (right, steps)):
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
            axes.set_ylim(bottom=0)
        left.fill_between([], [], color="0.9", label="published, about 3")
        middle.set_title("exact times")
        right.set_title(f"{shape}, {window:g} ms")
        figure.legend(loc="outside upper center", ncols=len(shapes) + 1, title="postsynaptic potential")
    return figure
