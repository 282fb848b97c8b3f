"""Figure and summary of the experiment ``delays``."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from netsim.analysis.experiments.figures import bars, panels, styles
from netsim.analysis.experiments.tables import Interval, accuracy, gain
from netsim.analysis.style import INK

_BASE = {"learned": "weights"}


def gain_over_weights(table: pd.DataFrame, dataset: str, size: int, learned: str) -> Interval:
    """How much higher (points) the accuracy is than with weights alone, paired by seed."""
    return gain(table, _BASE, dataset=dataset, size=size, learned=learned)


def summary(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Rows of text: parameters, accuracy, and the difference from weights alone."""
    rows = []
    groups: Any = table.groupby(["dataset", "size", "learned"], sort=False)
    for (dataset, size, learned), group in groups:
        shown = accuracy(table, dataset=dataset, size=size, learned=learned).shown()
        more = "" if learned == "weights" else gain_over_weights(table, dataset, size, learned).shown("{:+.2f}")
        rows.append((str(dataset), str(size), str(learned), f"{group['parameters'].iloc[0]:,}", shown, more))
    return tuple(rows)


def draw(table: pd.DataFrame, width: float, published: Mapping[str, Mapping[int, float]]) -> Figure:
    """Draw accuracy against parameters, and the learned delays of the largest networks.

    Parameters
    ----------
    table : pandas.DataFrame
    width : float
        Width of the bins of delays (ms).
    published : mapping of mapping
        Published accuracies (%) by data set and number of parameters.
    """
    datasets, kinds = list(dict.fromkeys(table["dataset"])), list(dict.fromkeys(table["learned"]))
    with panels(1 + len(datasets), 2.5) as (figure, (left, *others)):
        for learned, style in zip(kinds, styles(len(kinds)), strict=True):
            for axes, dataset in zip(others, datasets, strict=True):
                chosen = table[(table["dataset"] == dataset) & (table["learned"] == learned)]
                sizes = _sizes(chosen, dataset)
                counts = [chosen.loc[chosen["size"] == size, "parameters"].iloc[0] for size in sizes]
                estimates = [accuracy(table, dataset=dataset, size=size, learned=learned) for size in sizes]
                label = learned if dataset == datasets[0] else None
                bars(left, counts, estimates, label=label, **style)
                largest = chosen[chosen["size"] == max(sizes, default=0)].dropna(subset="share")
                shares = largest.groupby("delay_ms")["share"].mean()
                if len(shares):
                    edges = [*shares.index, shares.index[-1] + width]
                    axes.stairs(100 * shares.to_numpy(), edges, color=style["color"], linewidth=1.2)
        for dataset in datasets:
            most = table.loc[table["dataset"] == dataset, "parameters"].max()
            left.text(most, 100.5, dataset, ha="center", va="bottom", fontsize="small")
            stars = published.get(dataset, {})
            left.plot([*stars], [*stars.values()], "*", color="white", markeredgecolor=INK, markersize=7, zorder=3)
        left.set(xlabel="learned parameters", ylabel="test accuracy (%)", xscale="log")
        left.margins(x=0.15)
        for axes, dataset in zip(others, datasets, strict=True):
            axes.set(xlabel="learned delay (ms)", ylabel="synapses (%)", ylim=(0, None))
            axes.set_title(f"{dataset}, size {_sizes(table, dataset)[-1]}")
        figure.legend(loc="outside upper center", ncols=len(kinds), title="learned")
    return figure


def _sizes(table: pd.DataFrame, dataset: str) -> list[int]:
    return sorted(set(table.loc[table["dataset"] == dataset, "size"]))
