"""Figure and summary of the experiment ``stdp``."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from netsim.analysis.experiments.figures import bars, panels, styles
from netsim.analysis.experiments.tables import accuracy, gain
from netsim.analysis.style import FAINT, INK, colour_bar

_READ_OUTS = ("first layer", "second layer", "both layers")


SHUFFLED = {"kernels": "shuffled"}


def summary(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Rows of text: accuracy of each read-out, and what learning adds to shuffled kernels."""
    rows = []
    measured = table[table["kernels"] != "weight"]
    groups: Any = measured.groupby(["learned", "kernels", "read_out"], sort=False)
    for learned, kernels, read_out in groups.groups:
        condition = {"learned": learned, "kernels": kernels, "read_out": read_out}
        more = gain(table, SHUFFLED, **condition).shown("{:+.2f}") if kernels == "learned" else ""
        estimate = accuracy(table, **condition)
        shown = f"{estimate.mean:.2f}" if kernels == "none" else estimate.shown()  # no seed changes cells
        rows.append((str(learned), str(kernels), str(read_out), shown, more))
    return tuple(rows)


def draw(table: pd.DataFrame, published: float, user: tuple[float, float]) -> Figure:
    """Draw the kernels of the first layer, and accuracy by the number of images that STDP learned from."""
    counts = sorted(set(table["learned"]))
    with panels(2, 2.9) as (figure, (left, right)):
        _kernels(left, table[table["kernels"] == "weight"])
        right.axhspan(*user, color="0.9", zorder=0, label="a user of SpykeTorch")
        for read_out, style in zip(_READ_OUTS, styles(3), strict=True):
            for kernels, line, filled in (("learned", "-", {}), ("shuffled", "--", {"markerfacecolor": "white"})):
                accuracies = [accuracy(table, learned=count, kernels=kernels, read_out=read_out) for count in counts]
                label = read_out if kernels == "learned" else None
                bars(right, counts, accuracies, label=label, **{**style, "linestyle": line, **filled})
        right.plot(
            [], [], "o--", color=FAINT, markersize=3.5, markerfacecolor="white", linewidth=1, label="weights shuffled"
        )
        cells = accuracy(table, learned=counts[-1], kernels="none").mean
        right.axhline(cells, color=FAINT, linestyle=":", linewidth=0.9, label="on- and off-cells")
        right.plot(counts[-1], published, "*", color="white", markeredgecolor=INK, markersize=8, label="published")
        right.set(xlabel="images that STDP learned from", ylabel="test accuracy (%)", xscale="log")
        right.set_xticks(counts, [f"{count:,}" for count in counts])
        right.minorticks_off()
        right.margins(x=0.15)
        figure.legend(loc="outside upper center", ncols=3)
    return figure


def _kernels(axes: plt.Axes, rows: pd.DataFrame) -> None:
    """Draw kernels as tiles, on-cells white and off-cells black."""
    axes.set_title("kernels of the first layer")
    axes.axis("off")
    if not len(rows):
        return
    weights = rows.sort_values(["map", "row", "column"])["weight"].to_numpy(float)
    count, side = int(rows["map"].max()) + 1, int(rows["row"].max()) + 1
    kernels = weights.reshape(count, side, side)
    columns = int(np.ceil(np.sqrt(2 * count)))
    sheet = np.full((-(-count // columns) * (side + 1) - 1, columns * (side + 1) - 1), np.nan)
    for number, kernel in enumerate(kernels):
        top, start = number // columns * (side + 1), number % columns * (side + 1)
        sheet[top : top + side, start : start + side] = kernel
    image = axes.imshow(sheet, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    colour_bar(axes, image, 1.04, 0.04, "weights, on minus off")
