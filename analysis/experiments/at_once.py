"""Figure and summary of the experiment ``at-once``."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from netsim.analysis.experiments.figures import bars, style_of
from netsim.analysis.experiments.tables import Interval, by_seed, interval
from netsim.analysis.style import FULL_WIDTH, colours, theme

_BASE, _OTHER = "in turn", "at once"


def _values(table: pd.DataFrame, run: str, column: str) -> pd.Series:
    """A column without jitter, a value for each seed."""
    return by_seed(table, run=run, jitter=0.0)[column].astype(float)


def mean(table: pd.DataFrame, run: str, column: str, factor: float = 1.0) -> Interval:
    """The mean of a column without jitter over seeds."""
    return interval(factor * _values(table, run, column))


def ratio(table: pd.DataFrame, column: str) -> Interval:
    """At once over in turn, paired by seed."""
    return interval(_values(table, _OTHER, column) / _values(table, _BASE, column))


def difference(table: pd.DataFrame) -> Interval:
    """Accuracy (points) at once minus in turn, paired by seed."""
    return interval(100 * (_values(table, _OTHER, "accuracy") - _values(table, _BASE, "accuracy")))


def summary(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Rows of text: accuracy, time, spikes and operations of each kind of run."""
    rows = []
    for run in dict.fromkeys(table["run"]):
        jittered = by_seed(table, run=run, jitter=table["jitter"].max())["accuracy"]
        rows.append(
            (
                str(run),
                mean(table, run, "accuracy", 100).shown(),
                mean(table, run, "latency").shown("{:.0f}"),
                mean(table, run, "spikes_to_decision").shown("{:.0f}"),
                mean(table, run, "spikes").shown("{:.0f}"),
                mean(table, run, "operations_to_decision").shown("{:,.0f}"),
                interval(100 * jittered).shown("{:.1f}"),
            )
        )
    return tuple(rows)


def draw(table: pd.DataFrame) -> Figure:
    """Draw accuracy against spikes and time of the decision, and against jitter."""
    runs = list(dict.fromkeys(table["run"]))
    with theme():
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=(FULL_WIDTH, 2.6), layout="constrained")
        for number, (run, colour) in enumerate(zip(runs, colours(len(runs)), strict=True)):
            style = style_of(number, colour)
            accuracy = mean(table, run, "accuracy", 100)
            for axes, column in ((left, "spikes_to_decision"), (middle, "latency")):
                found = mean(table, run, column)
                axes.plot(
                    _values(table, run, column),
                    100 * _values(table, run, "accuracy"),
                    **{**style, "linestyle": "", "markersize": 2, "alpha": 0.6},
                )
                across = found.high - found.mean if found.seeds > 1 else 0.0
                bars(axes, [found.mean], [accuracy], xerr=across, **{**style, "markersize": 6})
            own = table[table["run"] == run]
            levels = sorted(set(own["jitter"]))
            jittered = [interval(100 * own.loc[own["jitter"] == level, "accuracy"]) for level in levels]
            bars(right, levels, jittered, label=run, **style)
        left.set(xlabel="spikes to decision", ylabel="test accuracy (%)")
        middle.set(xlabel="time of decision (ms)", ylabel="test accuracy (%)")
        right.set(xlabel="jitter of input spikes, SD (ms)", ylabel="test accuracy (%)")
        figure.legend(loc="outside upper center", ncols=len(runs), title="layers")
    return figure
