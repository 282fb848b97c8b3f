"""Figure and summary of the experiment ``retina``."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from netsim.analysis.experiments.figures import curve, panels, styles
from netsim.analysis.experiments.tables import interval, percentage


def summary(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Rows of text: accuracy and shift by noise, code and test."""
    rows = []
    groups: Any = table.groupby(["noise", "code", "contrast", "shared"], sort=False)
    for (noise, code, contrast, shared), group in groups:
        shift = interval(group["shift"].astype(float))
        accuracy = percentage(group["accuracy"]).shown("{:.1f}")
        rows.append(
            (f"{noise:g}", str(code), f"{contrast:g}", f"{shared:g}", accuracy, shift.shown("{:.1f}", missing=""))
        )
    return tuple(rows)


def draw(table: pd.DataFrame, noise: float) -> Figure:
    """Draw accuracy by contrast and by shared jitter, and the shift of latencies by contrast."""
    table = table[table["noise"] == noise]
    codes = list(dict.fromkeys(table["code"]))
    with panels(3, 2.6) as (figure, (left, middle, right)):
        for code, style in zip(codes, styles(len(codes)), strict=True):
            selected = table[table["code"] == code]
            steady, same = selected[selected["shared"] == 0], selected[selected["contrast"] == 1].sort_values("shared")
            curve(left, steady.sort_values("contrast"), "contrast", "accuracy", 100, label=code, **style)
            curve(middle, same, "shared", "accuracy", 100, **style)
            if selected["shift"].notna().any():
                curve(right, steady.sort_values("contrast"), "contrast", "shift", **style)
        contrasts = sorted(set(table["contrast"]))
        for axes in (left, right):
            axes.set(xlabel="contrast", xscale="log")
            axes.set_xticks(contrasts, [f"{each:g}" for each in contrasts])
            axes.minorticks_off()
        left.set(ylabel="images correct (%)", ylim=(0, 102))
        middle.set(xlabel="SD of shared jitter (ms)", ylabel="images correct (%)", ylim=(0, 102))
        right.set(ylabel="change of latencies (ms)")
        figure.legend(loc="outside upper center", ncols=len(codes))
    return figure
