"""Figure and summary of the experiment ``delays``."""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from netsim.analysis.experiments.figures import bars, beside, style_of
from netsim.analysis.experiments.tables import Interval, accuracy, gain
from netsim.analysis.style import FULL_WIDTH, colours, theme

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


def draw(table: pd.DataFrame, width: float) -> Figure:
    """Draw accuracy by data set and size, and the learned delays of the largest networks in bins of a `width` (ms)."""
    datasets, kinds = list(dict.fromkeys(table["dataset"])), list(dict.fromkeys(table["learned"]))
    nets = [(dataset, size) for dataset in datasets for size in _sizes(table, dataset)]
    with theme():
        size = (FULL_WIDTH, 2.5)
        figure, panels = plt.subplots(1, 1 + len(datasets), figsize=size, layout="constrained", squeeze=False)
        left, *others = panels[0]
        for number, (learned, colour) in enumerate(zip(kinds, colours(len(kinds)), strict=True)):
            accuracies = [accuracy(table, dataset=dataset, size=size, learned=learned) for dataset, size in nets]
            places = [position + beside(number, len(kinds), 0.12) for position in range(len(nets))]
            bars(left, places, accuracies, label=learned, **{**style_of(number, colour), "linestyle": "none"})
            for axes, dataset in zip(others, datasets, strict=True):
                largest = (table["dataset"] == dataset) & (table["size"] == _sizes(table, dataset)[-1])
                selected = table[largest & (table["learned"] == learned)].dropna(subset="share")
                shares = selected.groupby("delay_ms")["share"].mean()
                if len(shares):
                    edges = [*shares.index, shares.index[-1] + width]
                    axes.stairs(100 * shares.to_numpy(), edges, color=colour, linewidth=1.2)
        left.set(xlabel="hidden neurons (half as many for both)", ylabel="test accuracy (%)")
        left.set_xticks(range(len(nets)), [f"{dataset}\n{size}" for dataset, size in nets])
        left.margins(x=0.3)
        for axes, dataset in zip(others, datasets, strict=True):
            axes.set(xlabel="learned delay (ms)", ylabel="synapses (%)", ylim=(0, None))
            axes.set_title(f"{dataset}, size {_sizes(table, dataset)[-1]}")
        figure.legend(loc="outside upper center", ncols=len(kinds), title="learned")
    return figure


def _sizes(table: pd.DataFrame, dataset: str) -> list[int]:
    return sorted(set(table.loc[table["dataset"] == dataset, "size"]))
