"""Figure and summary of the experiment ``information``."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from netsim.analysis.experiments.figures import curve, panels, styles
from netsim.analysis.experiments.tables import by_seed, interval
from netsim.analysis.style import FAINT

_CODES = {"times": "spike times", "count": "counts", "first": "first spike"}


def gain(table: pd.DataFrame, dispersion: float, drive: float) -> Any:
    """How much more information spike times have than counts (%), for each seed."""
    rows = by_seed(table, dispersion=dispersion, drive=drive)
    return 100 * (rows["times"] / rows["count"] - 1)


def share(table: pd.DataFrame, dispersion: float, drive: float) -> Any:
    """The information of first spikes over the information of spike times (%), for each seed."""
    rows = by_seed(table, dispersion=dispersion, drive=drive)
    return 100 * rows["first"] / rows["times"]


def summary(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Rows of text: information by condition and code, and what they have in common."""
    rows = []
    groups: Any = table.groupby(["dispersion", "drive"], sort=False)
    for (dispersion, drive), group in groups:
        bits = [interval(group[name]).shown() for name in ("count", "times", "shuffled", "first")]
        ratios = [interval(each(table, dispersion, drive)).shown("{:.0f}") for each in (gain, share)]
        same = f"{100 * group['same_first'].min():g}"
        spikes = interval(group["spikes"]).shown()
        rows.append((f"{dispersion:g}", f"{drive:g}", spikes, *bits, *ratios, same))
    return tuple(rows)


def draw(table: pd.DataFrame, dispersion: float, drive: float, published: tuple[float, float]) -> Figure:
    """Draw information by dispersion, and the gain of spike times by dispersion and by drive."""
    table = table.assign(gain=100 * (table["times"] / table["count"] - 1))
    spread = table[table["drive"] == drive].sort_values("dispersion")
    driven = table[table["dispersion"] == dispersion].sort_values("drive")
    with panels(3, 2.5) as (figure, (left, middle, right)):
        for (code, label), style in zip(_CODES.items(), styles(len(_CODES)), strict=True):
            curve(left, spread, "dispersion", code, label=label, **style)
        for axes, rows, column in ((middle, spread, "dispersion"), (right, driven, "drive")):
            axes.axhspan(*published, color="0.9", zorder=0)
            axes.axhline(0, color=FAINT, linewidth=0.5, zorder=0)
            curve(axes, rows, column, "gain", **styles(1)[0])
            axes.set_ylabel("gain of times over counts (%)")
        left.set(xlabel="dispersion of latencies (ms)", ylabel="information (bits)", ylim=(0, None))
        middle.set(xlabel="dispersion of latencies (ms)")
        right.set(xlabel="drive (thresholds)")
        middle.fill_between([], [], color="0.9", label="published gains")
        figure.legend(loc="outside upper center", ncols=len(_CODES) + 1)
    return figure
