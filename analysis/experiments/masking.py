"""Figure and summary of the experiment ``masking``."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from netsim.analysis.experiments.figures import bars, panels, styles
from netsim.analysis.experiments.tables import Interval, interval, of_seeds
from netsim.analysis.style import FAINT

_PUBLISHED = (40.0, 60.0)
_REACHED = 0.95
_EFFECT = 5.0
"""Points of accuracy that a mask costs at least, where an asymptote has a meaning."""


def _curves(table: pd.DataFrame, network: str, strength: float) -> pd.DataFrame:
    """Accuracy (%): a row for each seed, a column for each asynchrony."""
    selected = table[(table["network"] == network) & (table["strength"] == strength)]
    return 100 * selected.pivot(index="seed", columns="asynchrony", values="accuracy")


def _unmasked(table: pd.DataFrame, network: str, column: str = "accuracy", scale: float = 100) -> pd.Series:
    return of_seeds(table, column, scale, network=network, strength=0.0)


def rise(table: pd.DataFrame, network: str, strength: float) -> Interval:
    """How much higher (points) the accuracy is at the longest than at the shortest asynchrony."""
    curves = _curves(table, network, strength)
    return interval(curves.iloc[:, -1] - curves.iloc[:, 0] if len(curves) else [])


def dip(table: pd.DataFrame, network: str, strength: float) -> tuple[float, Interval]:
    """The asynchrony with the lowest mean accuracy but the shortest, and its accuracy minus that of the shortest.

    The interval is corrected for the number of asynchronies.
    """
    curves = _curves(table, network, strength)
    if curves.shape[1] < 2:
        return (np.nan, interval([]))
    differences = curves.iloc[:, 1:].sub(curves.iloc[:, 0], axis=0)
    lowest: Any = differences.mean().idxmin()
    return (float(lowest), interval(differences[lowest], 1 - 0.05 / differences.shape[1]))


def asymptote(table: pd.DataFrame, network: str, strength: float) -> Interval:
    """The asynchrony (ms) from which on a mask costs at most a twentieth of what it costs at worst.

    It is interpolated between the measured ones. Networks that the mask costs little have none.
    """
    curves, unmasked = _curves(table, network, strength), _unmasked(table, network)
    times, reached = curves.columns.to_numpy(float), []
    for free, values in zip(unmasked.loc[curves.index].to_numpy(float), curves.to_numpy(float), strict=True):
        lowest = float(values.min())
        goal = lowest + _REACHED * (free - lowest)
        below = np.flatnonzero(values < goal)
        if free - lowest >= _EFFECT and len(below) and below[-1] + 1 < len(values):
            ends = slice(below[-1], below[-1] + 2)
            reached.append(float(np.interp(goal, values[ends], times[ends])))
    return interval(reached)


def summary(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Rows of text: the ends and the lowest point of each curve, and where it reaches its asymptote."""
    rows = []
    for network in dict.fromkeys(table["network"]):
        for strength in sorted(set(table["strength"]) - {0.0}):
            curves = _curves(table, network, strength)
            points = (_unmasked(table, network), curves.iloc[:, 0], curves.min(axis=1), curves.iloc[:, -1])
            rows.append(
                (
                    str(network),
                    f"{strength:g}",
                    *(interval(point).of_fraction(100).shown("{:.1f}") for point in points),
                    asymptote(table, network, strength).shown("{:.0f}"),
                    interval(_unmasked(table, network, "latency", 1)).shown("{:.0f}"),
                )
            )
    return tuple(rows)


def draw(table: pd.DataFrame) -> Figure:
    """Draw accuracy by asynchrony and strength, a panel for each network."""
    networks, strengths = list(dict.fromkeys(table["network"])), sorted(set(table["strength"]) - {0.0})
    with panels(len(networks), 2.4, sharey=True, squeeze=False) as (figure, (shown,)):
        for axes, network in zip(shown, networks, strict=True):
            axes.axvspan(*_PUBLISHED, color="0.9", zorder=0, label="published asymptote")
            for strength, style in zip(strengths, styles(len(strengths)), strict=True):
                curves = _curves(table, network, strength)
                estimates = [interval(curves[late]).of_fraction(100) for late in curves]
                bars(
                    axes,
                    curves.columns.to_numpy(float).tolist(),
                    estimates,
                    label=f"mask strength {strength:g}",
                    **style,
                )
            unmasked, latency = _unmasked(table, network).mean(), _unmasked(table, network, "latency", 1).mean()
            axes.axhline(unmasked, color=FAINT, linestyle="--", linewidth=0.8, label="without a mask")
            if latency <= table["asynchrony"].max():
                axes.axvline(latency, color=FAINT, linestyle=":", linewidth=0.9, label="unmasked decision")
            axes.set(xlabel="onset asynchrony (ms)", ylim=(0, 102), title=network)
        shown[0].set(ylabel="test accuracy (%)")
        handles, labels = shown[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure
