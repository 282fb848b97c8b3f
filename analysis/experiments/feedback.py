"""Figure and summary of the experiment ``feedback``."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from netsim.analysis.experiments.figures import bars, beside, panels, styles
from netsim.analysis.experiments.tables import Interval, accuracy, gain, interval
from netsim.analysis.style import FAINT


def minus(table: pd.DataFrame, dataset: str, depth: int, feedback: str, other: str) -> Interval:
    """Accuracy (points) with a feedback minus that with another, paired by seed."""
    return gain(table, {"feedback": other}, dataset=dataset, depth=depth, feedback=feedback)


def _angles(table: pd.DataFrame, dataset: str, depth: int, feedback: str) -> pd.DataFrame:
    """Angles of the lowest layer: a row for each seed, a column for each number of batches."""
    selected = table[(table["dataset"] == dataset) & (table["depth"] == depth) & (table["feedback"] == feedback)]
    lowest = selected[selected["layer"] == 1]
    return lowest.assign(angle=lowest["angle"].astype(float)).pivot(index="seed", columns="batches", values="angle")


def angle(table: pd.DataFrame, dataset: str, depth: int, feedback: str, probe: int) -> Interval:
    """The angle (°) of the lowest layer, at the first probe (0) or the last (-1)."""
    angles = _angles(table, dataset, depth, feedback)
    return interval(angles.iloc[:, probe] if angles.size else [])


def turned(table: pd.DataFrame, dataset: str, depth: int, feedback: str) -> Interval:
    """How much the angle (°) of the lowest layer changes from the first to the last probe."""
    angles = _angles(table, dataset, depth, feedback)
    return interval(angles.iloc[:, -1] - angles.iloc[:, 0] if angles.size else [])


def summary(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Rows of text: accuracy, differences from exact feedback and from frozen layers, and angles."""
    rows = []
    groups: Any = table.groupby(["dataset", "depth", "feedback"], sort=False)
    for dataset, depth, feedback in groups.groups:
        condition = (table, dataset, depth, feedback)
        differences = (
            "" if feedback == other else minus(*condition, other).shown("{:+.2f}") for other in ("exact", "frozen")
        )
        angles = (angle(*condition, probe) for probe in (0, -1))
        rows.append(
            (
                str(dataset),
                str(depth),
                str(feedback),
                accuracy(table, dataset=dataset, depth=depth, feedback=feedback).shown(),
                *differences,
                *(each.shown("{:.0f}", missing="") for each in angles),
            )
        )
    return tuple(rows)


def draw(table: pd.DataFrame) -> Figure:
    """Draw accuracy by depth for each data set, and angles of the deepest networks over training."""
    datasets, kinds = list(dict.fromkeys(table["dataset"])), list(dict.fromkeys(table["feedback"]))
    depths = sorted(set(table["depth"]))
    with panels(len(datasets) + 1, 2.6) as (figure, (*left, right)):
        for number, (kind, style) in enumerate(zip(kinds, styles(len(kinds)), strict=True)):
            shift = beside(number, len(kinds), 0.05)
            for axes, dataset in zip(left, datasets, strict=True):
                accuracies = [accuracy(table, dataset=dataset, depth=depth, feedback=kind) for depth in depths]
                label = kind if dataset == datasets[0] else None
                bars(axes, [position + shift for position in range(len(depths))], accuracies, label=label, **style)
            angles = _angles(table, datasets[0], depths[-1], kind)
            if angles.size:
                bars(
                    right,
                    angles.columns.to_numpy(float).tolist(),
                    [interval(angles[batches]) for batches in angles],
                    **style,
                )
        for axes, dataset in zip(left, datasets, strict=True):
            axes.set(xlabel="hidden layers", ylabel="test accuracy (%)", title=dataset)
            axes.set_xticks(range(len(depths)), [str(depth) for depth in depths])
            axes.margins(x=0.15)
        right.axhline(90, color=FAINT, linestyle=":", linewidth=0.9)
        right.set(xlabel="batches", ylabel="angle to exact gradient (°)", xscale="log", ylim=(0, None))
        right.set_title(f"{datasets[0]}, {depths[-1]} hidden, lowest layer")
        figure.legend(loc="outside upper center", ncols=len(kinds), title="feedback")
    return figure
