"""Figure and summary of the experiment ``causal-pieces``."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from netsim.analysis.experiments.figures import bars, panels, reaches, style_of, styles
from netsim.analysis.experiments.tables import Interval, interval, percentage
from netsim.analysis.style import FAINT

_PREDICTORS = {"pieces": "causal\npieces", "firing": "neurons\nthat fire"}


def _correlations(table: pd.DataFrame, column: str) -> pd.Series:
    """Spearman's rank correlation of a column and accuracy, of each seed; missing where one of them is constant."""
    correlations = {seed: rows[column].rank().corr(rows["accuracy"].rank()) for seed, rows in table.groupby("seed")}
    return pd.Series(correlations, dtype=float)


def correlation(table: pd.DataFrame, column: str) -> Interval:
    """Spearman's rank correlation of a column and accuracy over initializations, as a mean over seeds."""
    estimate = interval(_correlations(table, column))
    low, high = max(estimate.low, -1.0), min(estimate.high, 1.0)
    return estimate._replace(low=low, high=high) if estimate.seeds > 1 else estimate


def summary(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Rows of text: pieces, activity and accuracy of each initialization."""
    rows = []
    groups: Any = table.groupby(["mean", "spread"], sort=False)
    for (mean, spread), group in groups:
        pieces, firing = interval(group["pieces"]).shown("{:.0f}"), percentage(group["firing"]).shown("{:.0f}")
        rows.append((f"{mean:g}", f"{spread:g}", pieces, firing, percentage(group["accuracy"]).shown("{:.1f}")))
    return tuple(rows)


def draw(table: pd.DataFrame) -> Figure:
    """Draw accuracy against causal pieces and against activity, and the rank correlations of both."""
    means = sorted(set(table["mean"]))
    with panels(3, 2.6, gridspec_kw={"width_ratios": (3, 3, 2)}) as (figure, (left, middle, right)):
        for mean, style in zip(means, styles(len(means)), strict=True):
            by_spread: Any = table[table["mean"] == mean].groupby("spread")
            accuracy = [percentage(rows["accuracy"]) for _, rows in by_spread]
            style |= {"linestyle": "none"}
            for panel, column, estimated in ((left, "pieces", interval), (middle, "firing", percentage)):
                estimates = [estimated(rows[column]) for _, rows in by_spread]
                across = reaches(estimates)
                label = f"{mean:g}" if panel is left else None
                bars(panel, [each.mean for each in estimates], accuracy, xerr=across, label=label, **style)
        left.set(xlabel="causal pieces per output neuron", ylabel="test accuracy (%)")
        if table["pieces"].min() > 0:
            left.set_xscale("log")
            few = table["pieces"].max() < 100 * table["pieces"].min()
            left.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
            left.xaxis.set_major_formatter("{x:g}")
            left.xaxis.set_minor_locator(NullLocator())
        middle.set(xlabel="hidden neurons that fire (%)", ylabel="test accuracy (%)")
        for position, column in enumerate(_PREDICTORS):
            of_seeds = _correlations(table, column)
            right.plot([position - 0.15] * len(of_seeds), of_seeds, "o", color=FAINT, markersize=2.5)
            bars(right, [position + 0.1], [correlation(table, column)], **style_of(0, "0.15"))
        right.axhline(0.5, color=FAINT, linestyle=":", linewidth=0.8, zorder=0)
        right.axhline(0.0, color=FAINT, linewidth=0.5, zorder=0)
        right.set_xticks(range(len(_PREDICTORS)), list(_PREDICTORS.values()))
        right.set(ylabel="rank correlation with accuracy", ylim=(-1.05, 1.05), xlim=(-0.5, 1.5))
        figure.legend(loc="outside upper center", ncols=len(means), title="mean of initial weights")
    return figure
