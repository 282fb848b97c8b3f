"""Helpers of analyses: iterate over layers, index labels, sum responses, draw a mark or a line per layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from netsim.analysis.shape import Axes, DataFrame
from netsim.analysis.style import colours, in_legend, is_narrow, layer_colours, legend_above, markers, plain
from netsim.spikes.columns import LayerSpikes
from netsim.spikes.spikes import Progress, Spikes


def each_layer(spikes: Spikes, progress: Progress) -> Iterator[LayerSpikes]:
    """Yield one layer after the other, and report progress."""
    for done, name in enumerate(spikes.sizes):
        progress(done, len(spikes.sizes))
        yield spikes.layer(name)  # no reference is kept, so that only one layer is in memory
    progress(len(spikes.sizes), len(spikes.sizes))


def positions(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct labels, and the position of each presentation's label among them."""
    known, position = np.unique(labels, return_inverse=True)
    return known, position


def ordered_layers(names: Iterable[str], spikes: Spikes) -> Any:
    """Return names of layers as a categorical in the order of the network."""
    import pandas as pd

    return pd.Categorical(list(names), list(spikes.sizes), ordered=True)


def nullable(values: Sequence[int] | np.ndarray, missing: Sequence[bool] | np.ndarray) -> Any:
    """Return integers with missing values."""
    import pandas as pd

    return pd.arrays.IntegerArray(np.asarray(values, np.int64), np.asarray(missing, bool))


def student_interval(mean: np.ndarray, sd: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the 95 % confidence interval of means (Student's t). NaN for fewer than two values."""
    from scipy import stats

    enough = count > 1
    degrees = np.where(enough, count - 1, 1)
    half = np.where(enough, stats.t.ppf(0.975, degrees) * sd / np.sqrt(np.maximum(count, 1)), np.nan)
    return mean - half, mean + half


def percentile_interval(draws: np.ndarray, count: int) -> tuple[float, float]:
    """Bounds of the 95 % bootstrap interval, from draws of `count` values. Undefined draws are NaN.

    NaN for fewer than two values, because every draw of a single value is equal.
    """
    known = draws[np.isfinite(draws)]
    if count < 2 or not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def layer_names(frame: DataFrame) -> list[str]:
    """Return the layers of a table in their order."""
    column = frame["layer"]
    if hasattr(column, "cat"):
        present = set(column.unique())
        return [str(name) for name in column.cat.categories if name in present]
    return [str(name) for name in dict.fromkeys(column)]


def draw_lines(axes: Axes, frame: DataFrame, x: str, y: str, step: bool = False) -> None:
    """Draw a line with its band for each layer. Dash patterns distinguish lines without colour; steps are solid."""
    names = layer_names(frame)
    dashes = ["-", "--", "-.", ":"]
    for position, (name, colour) in enumerate(zip(names, layer_colours(names), strict=True)):
        rows = frame[frame["layer"] == name]
        if "low" in rows:
            how = "post" if step else None
            axes.fill_between(
                rows[x],
                rows["low"],
                rows["high"],
                color=colour,
                alpha=0.2,
                linewidth=0,
                step=how,  # type: ignore[arg-type]
            )
        draw: Any = axes.step if step else axes.plot
        extra = {"label": in_legend(name)} | ({"where": "post"} if step else {})
        draw(rows[x], rows[y], color=colour, linestyle="-" if step else dashes[position % 4], linewidth=1.3, **extra)
    columns = min(3 if is_narrow(axes) else 7, max(1, len(names)))
    legend_above(axes, -0.1 if is_narrow(axes) else -0.05, columns, columnspacing=1.0, handlelength=1.8)


def draw_intervals(axes: Axes, groups: Sequence[str], series: Sequence[tuple[Any, ...]]) -> list[np.ndarray]:
    """Draw a row per group, with a mark and an interval for each series (label, middle, low, high).

    Return the heights of the marks of each series.
    """
    rows = np.arange(len(groups), dtype=float)
    offsets = np.linspace(-0.22, 0.22, len(series)) if len(series) > 1 else [0.0]
    heights = [rows - offset for offset in offsets]
    for (label, middle, low, high), at, colour, marker in zip(
        series, heights, colours(len(series)), markers(len(series)), strict=True
    ):
        axes.hlines(at, low, high, color=colour, linewidth=1.2, zorder=4)
        look: dict[str, Any] = {"markersize": 4, "markeredgecolor": "white", "markeredgewidth": 0.4, "zorder": 3}
        axes.plot(middle, at, marker, color=colour, label=label, **look)
    axes.set_yticks(rows, list(map(plain, groups)))
    axes.set_ylim(-0.6, len(groups) - 0.4)
    axes.tick_params(axis="y", length=0)
    if len(series) > 1:
        legend_above(axes, 0.0, len(series), columnspacing=1.0, handletextpad=0.2)
    return heights


class ResponseSums:
    """Sums of a layer's responses (earliness of spikes) over the presentations of each label, for each neuron.

    All arrays have the shape (labels, neurons).
    """

    def __init__(self, labels: int, neurons: int) -> None:
        self.spikes = np.zeros((labels, neurons), np.int64)
        self.total = np.zeros((labels, neurons))
        self.square = np.zeros((labels, neurons))

    def add(self, layer: LayerSpikes, tag: np.ndarray) -> None:
        """Add presentations. `tag` is the position of each presentation's label."""
        index = tag[layer.rows].astype(np.int64) * layer.size
        index += layer.neurons
        responses = layer.earliness()
        for sums, values in ((self.spikes, 1), (self.total, responses), (self.square, responses**2)):
            np.add.at(sums.reshape(-1), index, values)


def treves_rolls(total: np.ndarray, square: np.ndarray, size: int) -> np.ndarray:
    """Sparseness (1 - a) / (1 - 1/n) of n = `size` responses from sums of values and squares. NaN without responses."""
    count = len(total)
    ratio = np.divide(total**2 / size, square, out=np.full(count, np.nan), where=square > 0)
    return (1 - ratio) / (1 - 1 / size) if size > 1 else np.full(count, np.nan)
