"""Shared code of the figures of experiments: panels, markers, and points with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from netsim.analysis.experiments.tables import Interval, interval
from netsim.analysis.style import FULL_WIDTH, colours, theme

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "D", "v")
"""Markers of the curves, in the order of the published pictures."""


@contextmanager
def panels(columns: int, height: float, rows: int = 1, **options: Any) -> Iterator[tuple[Figure, Any]]:
    """Make a figure as wide as a page, with panels side by side, and draw in the style of netsim."""
    import matplotlib.pyplot as plt

    with theme():
        yield plt.subplots(rows, columns, figsize=(FULL_WIDTH, height), layout="constrained", **options)


def styles(count: int) -> list[dict[str, Any]]:
    """Return colour, marker and line of each of `count` curves."""
    return [style_of(number, colour) for number, colour in enumerate(colours(count))]


def style_of(number: int, colour: Any) -> dict[str, Any]:
    """Return colour, marker and line of curve `number`."""
    return {"color": colour, "marker": MARKERS[number % len(MARKERS)], "markersize": 3.5, "linewidth": 1}


def beside(number: int, count: int, distance: float) -> float:
    """Return how far curve `number` of `count` is moved along x, so that bars do not cover each other."""
    return (number - (count - 1) / 2) * distance


def reaches(estimates: Sequence[Interval]) -> list[list[float]]:
    """Return how far the bars of means reach down and up; those of a single seed have no length."""
    ends = [(each.mean - each.low, each.high - each.mean) if each.seeds > 1 else (0.0, 0.0) for each in estimates]
    return [[down for down, _ in ends], [up for _, up in ends]]


def bars(axes: Axes, places: Sequence[float], estimates: Sequence[Interval], **style: Any) -> None:
    """Draw means with their intervals; a mean of a single seed has none."""
    means = [each.mean for each in estimates]
    axes.errorbar(places, means, reaches(estimates), elinewidth=0.8, capsize=2, **style)


def curve(axes: Axes, rows: pd.DataFrame, x: str, y: str, scale: float = 1.0, **style: Any) -> None:
    """Draw means of a column over seeds, times `scale`, against another column, in the order of the rows.

    With a scale of 100, the column has fractions, and intervals stay within 0 and 100 %.
    """
    groups: Any = rows.groupby(x, sort=False)[y]
    means = {at: interval(scale * values.astype(float)) for at, values in groups}
    if y == "accuracy" or scale == 100:
        means = {at: mean.of_fraction(scale) for at, mean in means.items()}
    bars(axes, list(means), list(means.values()), **style)
