"""Figure and summary of the experiment ``at-once``."""

import pandas as pd
from matplotlib.figure import Figure

from netsim.analysis.experiments.figures import bars, curve, panels, styles
from netsim.analysis.experiments.tables import Interval, accuracy, gain, interval, mean, of_seeds

_BASE, _OTHER = "in turn", "at once"


def still(table: pd.DataFrame, run: str, column: str, scale: float = 1.0) -> Interval:
    """The mean of a column without jitter over seeds."""
    return mean(table, column, scale, run=run, jitter=0.0)


def ratio(table: pd.DataFrame, column: str) -> Interval:
    """At once over in turn, paired by seed."""
    other, base = (of_seeds(table, column, run=run, jitter=0.0) for run in (_OTHER, _BASE))
    return interval(other / base)


def difference(table: pd.DataFrame) -> Interval:
    """Accuracy (points) at once minus in turn, paired by seed."""
    return gain(table, {"run": _BASE}, run=_OTHER, jitter=0.0)


def summary(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Rows of text: accuracy, time, spikes and operations of each kind of run."""
    rows = []
    for run in dict.fromkeys(table["run"]):
        jittered = accuracy(table, run=run, jitter=table["jitter"].max())
        rows.append(
            (
                str(run),
                still(table, run, "accuracy", 100).shown(),
                still(table, run, "latency").shown("{:.0f}"),
                still(table, run, "spikes_to_decision").shown("{:.0f}"),
                still(table, run, "spikes").shown("{:.0f}"),
                still(table, run, "operations_to_decision").shown("{:,.0f}"),
                jittered.shown("{:.1f}"),
            )
        )
    return tuple(rows)


def draw(table: pd.DataFrame) -> Figure:
    """Draw accuracy against spikes and time of the decision, and against jitter."""
    runs = list(dict.fromkeys(table["run"]))
    with panels(3, 2.6) as (figure, (left, middle, right)):
        for run, style in zip(runs, styles(len(runs)), strict=True):
            height = still(table, run, "accuracy", 100)
            for axes, column in ((left, "spikes_to_decision"), (middle, "latency")):
                estimate = still(table, run, column)
                axes.plot(
                    *(of_seeds(table, *each, run=run, jitter=0.0) for each in ((column,), ("accuracy", 100))),
                    **{**style, "linestyle": "", "markersize": 2, "alpha": 0.6},
                )
                across = estimate.high - estimate.mean if estimate.seeds > 1 else 0.0
                bars(axes, [estimate.mean], [height], xerr=across, **{**style, "markersize": 6})
            curve(
                right, table[table["run"] == run].sort_values("jitter"), "jitter", "accuracy", 100, label=run, **style
            )
        left.set(xlabel="spikes to decision", ylabel="test accuracy (%)")
        middle.set(xlabel="time of decision (ms)", ylabel="test accuracy (%)")
        right.set(xlabel="jitter of input spikes, SD (ms)", ylabel="test accuracy (%)")
        figure.legend(loc="outside upper center", ncols=len(runs), title="layers")
    return figure
