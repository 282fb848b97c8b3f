"""Figure, laws and summary of the experiment ``reaction-time``."""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.optimize import curve_fit, minimize_scalar

from netsim.analysis.experiments.figures import bars, panels, style_of
from netsim.analysis.experiments.tables import Interval, by_seed, interval, percentage
from netsim.analysis.style import FAINT, colours

_STEP = 0.05
_EXPONENTS = np.arange(-3 + _STEP / 2, 3, _STEP)
_AXES = {
    "contrast": "contrast",
    "strength": "strength of the evidence",
    "noise": "pixel noise, SD",
}


class Laws(NamedTuple):
    """Results of networks for three laws."""

    exponent: Interval
    """Of contrast, in Piéron's law."""
    slowing: Interval
    """Latency of the weakest minus the strongest evidence (ms)."""
    gain: Interval
    """Accuracy of the weakest minus the strongest evidence (points)."""
    per_bit: Interval
    """Slope of the latency over log2 of the number of classes (ms)."""


def laws(table: pd.DataFrame) -> Laws:
    """Fit the laws to each network."""
    most = table[table["classes"] == table["classes"].max()]
    contrast, strength = (most[most["manipulation"] == name] for name in ("contrast", "strength"))
    exponents = [pieron(group["level"], group["latency_correct"])[0] for _, group in contrast.groupby("seed")]
    weak, strong = (by_seed(strength, level=each(strength["level"])) for each in (min, max))
    return Laws(
        interval(exponents),
        interval(weak["latency"] - strong["latency"]),
        interval(100 * (weak["accuracy"] - strong["accuracy"])),
        interval([_slope(group) for _, group in _intact(table).groupby("seed")]),
    )


def pieron(levels: pd.Series, latencies: pd.Series) -> tuple[float, float, float]:
    """Exponent, t0 and k of t = t0 + k·S^p by least squares, the exponent from -3 to 3."""
    given = np.isfinite(latencies.astype(float))
    s, t = levels[given].to_numpy(float), latencies[given].to_numpy(float)
    if len(s) < 4:
        return (np.nan, np.nan, np.nan)

    def line(p: float) -> tuple[float, float, float]:
        design = np.column_stack([np.ones_like(s), s**p])
        start, factor = np.linalg.lstsq(design, t, rcond=None)[0]
        return float(((start + factor * s**p - t) ** 2).sum()), float(start), float(factor)

    near = min(_EXPONENTS.tolist(), key=lambda p: line(p)[0])
    bounds = (max(-3, near - _STEP), min(3, near + _STEP))
    p = float(minimize_scalar(lambda p: line(p)[0], bounds=bounds, method="bounded").x)
    return (p, *line(p)[1:])


def _intact(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of intact images."""
    return table[(table["manipulation"] == "contrast") & (table["level"] == 1)]


def _slope(rows: pd.DataFrame) -> float:
    if rows["classes"].nunique() < 2:
        return np.nan
    return float(np.polyfit(np.log2(rows["classes"]), rows["latency"].astype(float), 1)[0])


def diffusion(rows: pd.DataFrame) -> tuple[np.ndarray, float]:
    """Latencies (ms) that a diffusion predicts for one network by strength, and how much variance they explain."""
    s = rows["level"].to_numpy(float)
    b = curve_fit(lambda x, b: 1 / (1 + np.exp(-2 * b * x)), s, rows["accuracy"].to_numpy(float), 2.0, bounds=(0, 50))[
        0
    ]
    shape = np.tanh(b * s) / (b * s)
    t = rows["mean_latency"].to_numpy(float)
    design = np.column_stack([shape, np.ones_like(s)])
    predicted = design @ np.linalg.lstsq(design, t, rcond=None)[0]
    return predicted, float(1 - ((predicted - t) ** 2).sum() / ((t - t.mean()) ** 2).sum())


def diffusions(table: pd.DataFrame) -> tuple[pd.DataFrame, Interval]:
    """Predictions of a diffusion for all networks with the fewest classes, and the variance that they explain."""
    selected = table[(table["classes"] == table["classes"].min()) & (table["manipulation"] == "strength")]
    parts, explained = [], []
    for _, rows in selected.groupby("seed"):
        if len(rows) > 2 and rows["mean_latency"].notna().all():
            predicted, share = diffusion(rows)
            parts.append(rows.assign(predicted=predicted))
            explained.append(share)
    return (pd.concat(parts) if parts else selected.assign(predicted=np.nan)), interval(explained)


def summary(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Rows of text: each level with the most classes, and intact images for the others."""
    most, rows = table["classes"].max(), []
    drawn = table[table["manipulation"].isin(_AXES)]
    for manipulation in _AXES:
        selected = drawn[(drawn["classes"] == most) & (drawn["manipulation"] == manipulation)]
        rows += [_summed(most, manipulation, level, group) for level, group in selected.groupby("level")]
    intact = _intact(table)
    rows += [_summed(n, "none", 1.0, group) for n, group in intact.groupby("classes") if n != most]
    return tuple(rows)


def _summed(classes: object, manipulation: str, level: float, group: pd.DataFrame) -> tuple[str, ...]:
    difference = group["latency_error"].astype(float) - group["latency_correct"].astype(float)
    return (
        str(classes),
        manipulation,
        f"{level:g}",
        percentage(group["accuracy"]).shown("{:.1f}"),
        percentage(group["decided"]).shown("{:.1f}"),
        interval(group["latency_correct"]).shown("{:.1f}"),
        interval(difference).shown("{:+.1f}"),
        interval(group["skewness"]).shown("{:+.2f}"),
    )


def draw(table: pd.DataFrame) -> Figure:
    """Draw latencies by contrast, strength, noise and number of classes, deadlines, and a diffusion."""
    most = table[table["classes"] == table["classes"].max()]
    with panels(3, 4.6, rows=2) as (figure, axes):
        blue, orange, *_ = colours(2)
        for panel, (manipulation, label) in zip(axes[0], _AXES.items(), strict=True):
            selected = most[most["manipulation"] == manipulation]
            levels = sorted(set(selected["level"]))
            for number, (column, colour, name) in enumerate(
                (("latency_correct", blue, "correct"), ("latency_error", orange, "error"))
            ):
                estimates = [interval(selected.loc[selected["level"] == level, column]) for level in levels]
                bars(panel, levels, estimates, label=name, **style_of(number, colour))
            panel.set(xlabel=label, ylabel="decision latency (ms)", title=f"{most['classes'].max()} classes")
        _pieron_line(axes[0, 0], most[most["manipulation"] == "contrast"])
        _classes(axes[1, 0], table, blue)
        _deadlines(axes[1, 1], most)
        _diffusion(axes[1, 2], table, blue)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), title="decisions")
    return figure


def _pieron_line(axes: plt.Axes, rows: pd.DataFrame) -> None:
    means = rows.groupby("level")["latency_correct"].mean().reset_index()
    exponent, start, factor = pieron(means["level"], means["latency_correct"])
    levels = np.linspace(means["level"].min(), means["level"].max(), 50)
    axes.plot(levels, start + factor * levels**exponent, "--", color=FAINT, linewidth=0.9, label="Piéron's law, fitted")


def _classes(axes: plt.Axes, table: pd.DataFrame, colour: object) -> None:
    intact = _intact(table)
    numbers = sorted(set(intact["classes"]))
    bars(
        axes, numbers, [interval(intact.loc[intact["classes"] == n, "latency"]) for n in numbers], **style_of(0, colour)
    )
    axes.set(xlabel="number of classes", ylabel="decision latency (ms)", xscale="log", title="intact images")
    axes.set_xticks(numbers, [str(number) for number in numbers])
    axes.minorticks_off()


def _deadlines(axes: plt.Axes, most: pd.DataFrame) -> None:
    selected = most[most["manipulation"].str.startswith("deadline")]
    names = sorted(set(selected["manipulation"]))
    for name, colour, height in zip(names, colours(4)[2:], (60, 30), strict=False):
        rows = selected[selected["manipulation"] == name]
        estimates = [percentage(group["accuracy"]) for _, group in rows.groupby("level")]
        levels, means = sorted(set(rows["level"])), [each.mean for each in estimates]
        axes.plot(levels, means, color=colour, linewidth=1)
        axes.fill_between(
            levels, [e.low for e in estimates], [e.high for e in estimates], color=colour, alpha=0.25, linewidth=0
        )
        middle = float(np.interp(max(means) / 2, means, levels))
        early = middle < levels[-1] / 2  # the label is between both curves
        at, side = (middle + 8, "left") if early else (middle - 8, "right")
        axes.text(at, height, name.removeprefix("deadline, "), color=colour, ha=side, va="center")
    axes.set(xlabel="deadline (ms)", ylabel="decided correctly (%)", ylim=(0, 102))
    axes.set_title(f"{most['classes'].max()} classes")


def _diffusion(axes: plt.Axes, table: pd.DataFrame, colour: object) -> None:
    predictions = diffusions(table)[0]
    levels = sorted(set(predictions["level"]))
    estimates = [interval(predictions.loc[predictions["level"] == level, "mean_latency"]) for level in levels]
    bars(axes, levels, estimates, **style_of(0, colour))
    predicted = predictions.groupby("level")["predicted"].mean()
    axes.plot(predicted.index, predicted, "--", color=FAINT, linewidth=0.9)
    axes.set(xlabel=_AXES["strength"], ylabel="mean decision latency (ms)", title=f"{table['classes'].min()} classes")
