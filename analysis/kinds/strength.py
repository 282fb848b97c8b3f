"""Latency against stimulus strength: do strong stimuli make a layer fire earlier?"""

from __future__ import annotations

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.kinds._layers import draw_lines, ordered_layers, student_interval
from netsim.analysis.networks import RELATIVE_ROUNDING
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.analysis.style import legend_above
from netsim.errors import DataError, DataWarning, SpecificationError, warn_user
from netsim.spikes.spikes import Progress, Spikes, no_progress

_STIMULUS = "stimulus"


@draws("strength", ("layer", "strength", "latency_ms", "low", "high", "rho"), of="latency_against_strength")
def strength_figure(axes: Axes, frame: DataFrame) -> None:
    """Draw the mean latency of each layer against the strength of the stimulus, with its 95 % confidence interval.

    The mean of each layer is subtracted, so that early and late layers can be compared.
    """
    means = frame.groupby("layer", observed=True)["latency_ms"].transform("mean")
    shown = {column: frame[column] - means for column in ("latency_ms", "low", "high")}
    texts = ["undefined" if np.isnan(rho) else f"= {rho:.2f}" for rho in frame["rho"]]
    names = [f"{name} (ρ {text})" for name, text in zip(frame["layer"], texts, strict=True)]
    table = frame.assign(layer=names, **shown)
    draw_lines(axes, table.drop(columns=["low", "high"]), "strength", "latency_ms")
    step = float(np.ptp(frame["strength"])) or 1.0
    for position, line in enumerate(axes.lines[-len(set(names)) :]):
        rows = table[table["layer"] == list(dict.fromkeys(names))[position]]
        at = rows["strength"] + 0.008 * step * (position - len(set(names)) / 2)  # bands would cover each other
        axes.vlines(at, rows["low"], rows["high"], color=line.get_color(), linewidth=0.9)
    axes.set(xlabel="strength of the stimulus (mean intensity)", ylabel="mean latency, less that\nof the layer (ms)")
    legend_above(
        axes, -0.15, 2, columnspacing=0.8, handlelength=1.6, handletextpad=0.4, title="means and 95% intervals"
    )


@Analysis("strength", "latency of each layer against the strength of the stimulus", strength_figure, order=30)
def latency_against_strength(spikes: Spikes, groups: int = 10, progress: Progress = no_progress) -> DataFrame:
    r"""Mean latency of each layer against the strength of the stimulus.

    The strength of a presentation is the mean of :math:`1 - t_i / T` over all :math:`M` inputs. :math:`t_i` is the
    latency of an input in a window of :math:`T` ms. A silent input contributes 0. If intensities are coded as
    latencies, the strength is the mean intensity, 0 to 1.

    Presentations are sorted by strength into groups of equal number. :math:`\rho` is Spearman's correlation of strength
    and mean latency over presentations. Its interval uses Fisher's z with the standard error
    :math:`\sqrt{(1 + \rho^2 / 2) / (n - 3)}` of Bonett and Wright (2000, Psychometrika 65:23-28).

    Parameters
    ----------
    spikes : Spikes
        Spikes that include the layer ``stimulus``.
    groups : int
        Number of groups.

    Returns
    -------
    pandas.DataFrame
        One row for each layer and group, with the columns

        =================  ===========  ================================================================
        layer              categorical  ordered from first to last, without the stimulus
        strength_group     int64        from 0, the weakest, to the strongest
        strength           float64      mean strength of the group, dimensionless
        presentations      int64        presentations of the group in which the layer fires
        latency_ms         float64      mean over presentations of the layer's mean latency (ms)
        low, high          float64      bounds of its 95 % confidence interval (ms), Student's t
        reliability        float64      fraction of neurons that fire in a presentation
        rho                float64      Spearman's correlation over all presentations
        rho_low, rho_high  float64      bounds of its 95 % confidence interval
        =================  ===========  ================================================================

    Raises
    ------
    DataError
        If the spikes lack the stimulus, or have one presentation.
    SpecificationError
        If `groups` is below 2 or above the number of presentations.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits")
    >>> table = netsim.analysis.latency_against_strength(spikes, groups=5)
    >>> len(table)
    10
    """
    import pandas as pd

    if _STIMULUS not in spikes.sizes:
        raise DataError("spikes: have no layer stimulus, which defines the strength; present with the stimulus")
    if spikes.presentations < 2:
        raise DataError("spikes: have 1 presentation; at least 2 are needed to compare strengths")
    if not 2 <= groups <= spikes.presentations:
        allowed = f"must be 2 to {spikes.presentations}, the number of presentations"
        raise SpecificationError("strength: setting groups", allowed)
    strength = np.zeros(spikes.presentations)
    counts = {name: np.zeros(spikes.presentations, np.int64) for name in spikes.sizes}
    means = {name: np.full(spikes.presentations, np.nan) for name in spikes.sizes}
    for first, layer in spikes.parts(progress):
        part = slice(first, first + layer.presentations)
        counts[layer.name][part] = layer.counts
        means[layer.name][part] = layer.mean_latencies()
        if layer.name == _STIMULUS:
            strength[part] = np.bincount(layer.rows, layer.earliness(), layer.presentations) / layer.size
    strength = _without_rounding(strength, 1.0)
    if np.ptp(strength) == 0:
        note = f"is {strength[0]:.3g} in all presentations, so its correlation with latencies is undefined"
        warn_user(f"strength of the stimulus: {note}", DataWarning)
    order = np.argsort(strength, kind="stable")
    group_of = np.empty(spikes.presentations, np.int64)
    group_of[order] = np.arange(spikes.presentations) * groups // spikes.presentations
    others = spikes.only([name for name in spikes.sizes if name != _STIMULUS])
    parts = []
    for name, size in others.sizes.items():
        mean, fired = means[name], counts[name] > 0
        latest = float(mean[fired].max(initial=0.0))
        rho, bounds = _spearman(strength[fired], _without_rounding(mean[fired], latest or 1.0))
        table = pd.DataFrame({"group": group_of, "strength": strength, "ms": mean, "share": counts[name] / size})
        by = table.groupby("group")
        count = by["ms"].count().to_numpy()
        middle = by["ms"].mean().to_numpy()
        low, high = student_interval(middle, by["ms"].std().to_numpy(), count)
        parts.append(
            pd.DataFrame(
                {
                    "layer": [name] * groups,
                    "strength_group": np.arange(groups),
                    "strength": by["strength"].mean().to_numpy(),
                    "presentations": count,
                    "latency_ms": middle,
                    "low": low,
                    "high": high,
                    "reliability": by["share"].mean().to_numpy(),
                    "rho": rho,
                    "rho_low": bounds[0],
                    "rho_high": bounds[1],
                }
            )
        )
    table = pd.concat(parts, ignore_index=True)
    return table.assign(layer=ordered_layers(table["layer"], others))


def _without_rounding(values: np.ndarray, scale: float) -> np.ndarray:
    """Round values to the digits that sums of numbers up to `scale` keep, so that equal values have equal ranks."""
    rounded: np.ndarray = np.round(values / scale / RELATIVE_ROUNDING) * RELATIVE_ROUNDING * scale
    return rounded


def _spearman(first: np.ndarray, second: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Spearman's correlation and its 95 % confidence interval. NaN if undefined."""
    from scipy import stats

    if len(first) < 4 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan"), (float("nan"), float("nan"))
    rho = float(stats.spearmanr(first, second).statistic)
    half = stats.norm.ppf(0.975) * np.sqrt((1 + rho**2 / 2) / (len(first) - 3))
    z = np.arctanh(np.clip(rho, -1 + 1e-15, 1 - 1e-15))
    return rho, (float(np.tanh(z - half)), float(np.tanh(z + half)))
