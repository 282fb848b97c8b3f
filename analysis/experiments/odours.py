"""Figure and summary of the experiment ``odours``."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from netsim.analysis.experiments.figures import curve, panels, styles
from netsim.analysis.experiments.tables import Interval, interval, percentage
from netsim.analysis.style import FAINT


def of_code(table: pd.DataFrame, code: str, **condition: float) -> pd.DataFrame:
    """The rows of a code in a condition."""
    rows = table[table["code"] == code]
    for name, value in condition.items():
        rows = rows[rows[name] == value]
    return rows


def advantage(table: pd.DataFrame, jitter: float, code: str, other: str, share: float) -> Interval:
    """How many decades more of concentrations a code tells apart than another, paired by seed."""
    if table["level"].nunique() < 2:
        return interval([])
    ranges = []
    for each in (code, other):
        by_seed = of_code(table, each, jitter=jitter).groupby("seed")
        ranges.append(by_seed[["level", "told_apart"]].apply(_decades, share=share))
    return interval(ranges[0] - ranges[1])


def _decades(rows: pd.DataFrame, share: float) -> float:
    """Decades in which comparisons reach a share, with straight lines between the measured concentrations."""
    levels = np.linspace(rows["level"].min(), rows["level"].max(), 1001)
    reached = np.interp(levels, rows["level"], rows["told_apart"].astype(float)) >= share
    return float(reached.mean() * (levels[-1] - levels[0]))


def summary(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Rows of text: accuracy and comparisons by condition and code."""
    rows = []
    groups: Any = table.groupby(["level", "jitter", "code"], sort=False)
    for (level, jitter, code), group in groups:
        shown = (percentage(group[column]) for column in ("accuracy", "told_apart"))
        rows.append((f"{level:+g}", f"{jitter:g}", str(code), *(each.shown("{:.1f}", missing="") for each in shown)))
    return tuple(rows)


def draw(table: pd.DataFrame, jitter: float, step: float, share: float) -> Figure:
    """Draw accuracy and comparisons by concentration, and accuracy by jitter."""
    codes = list(dict.fromkeys(table["code"]))
    with panels(3, 2.6) as (figure, (left, middle, right)):
        for code, style in zip(codes, styles(len(codes)), strict=True):
            selected = of_code(table, code)
            fixed, recorded = selected[selected["jitter"] == jitter], selected[selected["level"] == 0]
            curve(left, fixed, "level", "accuracy", 100, label=code, **style)
            if fixed["told_apart"].notna().any():
                curve(middle, fixed, "level", "told_apart", 100, **style)
            curve(right, recorded.sort_values("jitter"), "jitter", "accuracy", 100, **style)
        middle.axhline(100 * share, color=FAINT, linestyle=":", linewidth=0.8, zorder=0)
        left.set(xlabel="concentration (decades)", ylabel="odours correct (%)", ylim=(0, 102))
        middle.set(xlabel="concentration (decades)", ylabel="comparisons correct (%)", ylim=(45, 102))
        middle.set_title(f"{step:g} decades apart")
        right.set(xlabel="SD of jitter (ms)", ylabel="odours correct (%)", xscale="log", ylim=(0, 102))
        ticks = sorted(set(table.loc[table["level"] == 0, "jitter"]))
        right.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        right.minorticks_off()
        figure.legend(loc="outside upper center", ncols=len(codes))
    return figure
