"""Figure and summary of the experiment ``dale``."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from netsim.analysis.experiments.figures import bars, beside, curve, panels, styles
from netsim.analysis.experiments.tables import accuracy, gain, interval, percentage
from netsim.analysis.style import FAINT, INK


def summary(table: pd.DataFrame, free: str) -> tuple[tuple[str, ...], ...]:
    """Rows of text: accuracy, its cost against the networks without a constraint, activity and balance."""
    rows = []
    groups: Any = table.groupby(["depth", "constraint"], sort=False)
    for (depth, constraint), group in groups:
        cost = gain(table, {"constraint": constraint}, depth=depth, constraint=free)
        hidden = group[group["layer"] <= depth].groupby("seed")[["firing", "inhibition"]].mean()
        rows.append(
            (
                str(depth),
                str(constraint),
                accuracy(table, depth=depth, constraint=constraint).shown(),
                "" if constraint == free else cost.shown("{:+.2f}"),
                percentage(hidden["firing"]).shown("{:.0f}"),
                interval(hidden["inhibition"]).shown(),
            )
        )
    return tuple(rows)


def draw(table: pd.DataFrame, published: Mapping[tuple[int, str], tuple[float, float]]) -> Figure:
    """Draw accuracy by depth, and activity and balance by layer of the deepest network."""
    deepest = table["depth"].max()
    constraints = list(dict.fromkeys(table["constraint"]))
    depths = sorted(set(table["depth"]))
    with panels(3, 2.5) as (figure, (left, middle, right)):
        for number, (constraint, style) in enumerate(zip(constraints, styles(len(constraints)), strict=True)):
            shift = beside(number, len(constraints), 0.12)
            accuracies = [accuracy(table, depth=depth, constraint=constraint) for depth in depths]
            bars(left, [depth + shift for depth in depths], accuracies, label=constraint, **style)
            for (depth, other), bounds in published.items():
                if other == constraint and depth in depths:
                    value = 50 * sum(bounds)
                    look = {"color": style["color"], "markersize": 8, "markeredgecolor": INK}
                    left.plot(depth + shift, value, "*", **look, zorder=4)
            selected = table[(table["depth"] == deepest) & (table["constraint"] == constraint)]
            for axes, column, scale in ((middle, "firing", 100), (right, "inhibition", 1)):
                curve(axes, selected.assign(layer=selected["layer"] + shift), "layer", column, scale, **style)
        right.axhline(1, color=FAINT, linestyle=":", linewidth=0.8, zorder=0)
        left.set(xlabel="hidden layers", ylabel="test accuracy (%)", xticks=depths)
        middle.set(xlabel="layer", ylabel="neurons that fire (%)", ylim=(0, 105))
        right.set(xlabel="layer", ylabel="inhibition / excitation")
        for axes in (middle, right):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_title(f"{deepest} hidden layers")
        star = left.plot([], [], "*", color="white", markeredgecolor=INK, markersize=8)
        handles, labels = left.get_legend_handles_labels()
        figure.legend(
            [*handles, *star],
            [*labels, "published"],
            loc="outside upper center",
            ncols=len(labels) + 1,
            title="excitatory/inhibitory neurons (%)",
        )
    return figure
