"""Figure and summary of the experiment ``delays``."""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from netsim.analysis.experiments.tables import Interval, interval
from netsim.analysis.style import FULL_WIDTH, colours, theme

_MARKERS = ("o", "s", "^")


def _of_units(table: pd.DataFrame, size: int, learned: str) -> pd.DataFrame:
    """A row for each seed of a condition."""
    rows = table[(table["size"] == size) & (table["learned"] == learned)]
    return rows.drop_duplicates("seed").set_index("seed")


def gain(table: pd.DataFrame, size: int, learned: str) -> Interval:
    """How much higher (points) the accuracy is than with weights alone, paired by seed."""
    accuracies = [_of_units(table, size, each)["accuracy"] for each in (learned, "weights")]
    return interval(100 * (accuracies[0] - accuracies[1]))


def summary(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Rows of text: parameters, accuracy, and the difference from weights alone."""
    rows = []
    groups: Any = table.groupby(["size", "learned"], sort=False)
    for (size, learned), own in groups:
        accuracy = interval(100 * _of_units(table, size, learned)["accuracy"])
        difference = "" if learned == "weights" else gain(table, size, learned).shown("{:+.2f}")
        rows.append((str(size), str(learned), f"{own['parameters'].iloc[0]:,}", accuracy.shown(), difference))
    return tuple(rows)


def draw(table: pd.DataFrame, width: float) -> Figure:
    """Draw accuracy by size, and the learned delays of the largest networks in bins of a `width` (ms)."""
    sizes, kinds = sorted(set(table["size"])), list(dict.fromkeys(table["learned"]))
    with theme():
        figure, (left, right) = plt.subplots(1, 2, figsize=(FULL_WIDTH, 2.5), layout="constrained")
        for number, (learned, colour) in enumerate(zip(kinds, colours(len(kinds)), strict=True)):
            style: dict[str, Any] = {"color": colour, "marker": _MARKERS[number % len(_MARKERS)], "markersize": 3.5}
            found = [interval(100 * _of_units(table, size, learned)["accuracy"]) for size in sizes]
            places = [place + (number - (len(kinds) - 1) / 2) * 0.08 for place in range(len(sizes))]
            half = [each.high - each.mean if each.seeds > 1 else 0.0 for each in found]
            means = [each.mean for each in found]
            left.errorbar(places, means, half, label=learned, capsize=2, elinewidth=0.8, linewidth=1, **style)
            own = table[(table["size"] == sizes[-1]) & (table["learned"] == learned)].dropna(subset="share")
            shares = own.groupby("delay_ms")["share"].mean()
            if len(shares):
                edges = [*shares.index, shares.index[-1] + width]
                right.stairs(100 * shares.to_numpy(), edges, color=colour, linewidth=1.2)
        left.set(xlabel="hidden neurons (half as many for both)", ylabel="test accuracy (%)")
        left.set_xticks(range(len(sizes)), [str(size) for size in sizes])
        left.margins(x=0.3)
        right.set(xlabel="learned delay (ms)", ylabel="synapses (%)", ylim=(0, None), title=f"size {sizes[-1]}")
        figure.legend(loc="outside upper center", ncols=len(kinds), title="learned")
    return figure
