"""Figure and summary of the experiment ``delays``."""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from netsim.analysis.experiments.figures import bars, beside, style_of
from netsim.analysis.experiments.tables import Interval, accuracy, gain
from netsim.analysis.style import FULL_WIDTH, colours, theme

_BASE = {"learned": "weights"}


def gain_over_weights(table: pd.DataFrame, size: int, learned: str) -> Interval:
    """How much higher (points) the accuracy is than with weights alone, paired by seed."""
    return gain(table, _BASE, size=size, learned=learned)


def summary(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Rows of text: parameters, accuracy, and the difference from weights alone."""
    rows = []
    groups: Any = table.groupby(["size", "learned"], sort=False)
    for (size, learned), own in groups:
        found = accuracy(table, size=size, learned=learned).shown()
        difference = "" if learned == "weights" else gain_over_weights(table, size, learned).shown("{:+.2f}")
        rows.append((str(size), str(learned), f"{own['parameters'].iloc[0]:,}", found, difference))
    return tuple(rows)


def draw(table: pd.DataFrame, width: float) -> Figure:
    """Draw accuracy by size, and the learned delays of the largest networks in bins of a `width` (ms)."""
    sizes, kinds = sorted(set(table["size"])), list(dict.fromkeys(table["learned"]))
    with theme():
        figure, (left, right) = plt.subplots(1, 2, figsize=(FULL_WIDTH, 2.5), layout="constrained")
        for number, (learned, colour) in enumerate(zip(kinds, colours(len(kinds)), strict=True)):
            found = [accuracy(table, size=size, learned=learned) for size in sizes]
            places = [place + beside(number, len(kinds), 0.08) for place in range(len(sizes))]
            bars(left, places, found, label=learned, **style_of(number, colour))
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
