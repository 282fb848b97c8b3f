"""Paired comparison of two models, or of a model before and after a change, on the same presentations."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.kinds._layers import ordered_layers, percentile_interval
from netsim.analysis.kinds.similarity import same_presentations
from netsim.analysis.shape import Axes, DataFrame, draws
from netsim.analysis.style import FAINT, colours, legend_above, markers, plain
from netsim.errors import DataError, DataWarning, warn_user
from netsim.measuring.metrics import decide
from netsim.spikes.spikes import Progress, Spikes, no_progress

_DRAWS = 1000
MEASURES = {
    "fired": "share that fires",
    "latency": "mean latency",
    "decision_latency": "decision latency",
    "correct": "strictly correct",
}
"""Measures and their names in the figure."""


@draws(
    "comparison",
    ("layer", "effect", "effect_low", "effect_high"),
    of="paired_comparison",
    height=lambda frame: 0.9 + 0.17 * len(frame),
)
def comparison_figure(axes: Axes, frame: DataFrame) -> None:
    """Draw the standardised difference for each measure and layer, with its 95 % confidence interval.

    The difference is subject minus reference: `spikes` minus `against` of `paired_comparison`. The axis is logarithmic
    beyond 1 if an effect exceeds 2.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", limit=40)
    >>> lesioned = netsim.present("digits", limit=40, disturbance=("lesion-neurons", 0.5))
    >>> table = netsim.analyse(lesioned, "comparison", spikes).table
    >>> ax = netsim.analysis.comparison_figure(table)
    >>> ax.get_xlabel().splitlines()[0]
    'paired difference over its SD ($d_z$)'
    """
    from matplotlib.ticker import NullLocator

    rows = frame.reset_index(drop=True)
    for measure, colour, marker in zip(MEASURES, colours(len(MEASURES)), markers(len(MEASURES)), strict=True):
        shown = rows[rows["measure"] == measure]
        if len(shown):
            axes.hlines(shown.index, shown["effect_low"], shown["effect_high"], color=colour, linewidth=1.2, zorder=4)
            look: dict[str, Any] = {
                "color": colour,
                "markersize": 4,
                "markeredgecolor": "white",
                "markeredgewidth": 0.4,
                "zorder": 3,  # below its interval, which may be shorter
            }
            axes.plot(shown["effect"], shown.index, marker, label=MEASURES[measure], **look)
    axes.axvline(0, color=FAINT, linewidth=0.6, zorder=0)
    # each layer is named once, next to the middle of its rows
    layers = rows["layer"].astype(str)
    middles = rows.index.to_series().groupby(layers, sort=False).mean()
    axes.set_yticks(middles, list(map(plain, middles.index)))
    axes.tick_params(axis="y", length=0)
    for first in rows.index[1:][layers.ne(layers.shift())[1:]]:
        axes.axhline(first - 0.5, color=FAINT, linewidth=0.4, linestyle=":", zorder=0)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    effects = rows[["effect", "effect_low", "effect_high"]].to_numpy(dtype=np.float64)
    most = 1.15 * float(np.nanmax(np.abs(effects), initial=0.0)) or 1.0
    if most > 2:
        axes.set_xscale("symlog", linthresh=1, linscale=0.8)  # one large effect does not flatten the others
        ticks = [sign * size for size in (1, 2, 5, 10, 20, 50, 100) for sign in (-1, 1) if size <= most]
        axes.set_xticks([0, *ticks], [f"{tick:g}".replace("-", "\N{MINUS SIGN}") for tick in (0, *ticks)])
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(-most, most)
    axes.set_xlabel(
        "paired difference over its SD ($d_z$)\n$\\leftarrow$ less than the reference    more $\\rightarrow$"
    )
    legend_above(axes, -0.2, 2, columnspacing=1.0, handletextpad=0.2)


@Analysis(
    "comparison",
    "two models or regimes, before and after learning or a lesion, paired, with effect size and interval",
    comparison_figure,
    order=150,
    height=3.4,
)
def paired_comparison(spikes: Spikes, against: Spikes, seed: int = 0, progress: Progress = no_progress) -> DataFrame:
    r"""Compare two sets of spikes of the same presentations by paired differences.

    A difference :math:`d` is the value of `spikes` minus the value of `against` in a presentation. The measures are

    - ``fired``: the fraction of a layer's neurons that fires.
    - ``latency``: the mean latency of the layer's spikes (ms), if both have spikes.
    - ``decision_latency``: the latency of the first spike of the last layer (ms), if both decide.
    - ``correct``: the decision is strictly correct, if there are labels.

    The effect size is Cohen's :math:`d_z = \bar d / \mathrm{SD}(d)`. It is 0 if all differences are 0, and missing if
    all are equal otherwise. Bounds are 95 % percentile intervals over 1,000 bootstrap draws of presentations. ``p`` is
    two-sided, from Wilcoxon's signed-rank test, or McNemar's exact test for ``correct``. ``q`` is the false discovery
    rate over all rows under any dependence (Benjamini and Yekutieli 2001, Ann Stat 29:1165-1188).

    .. note::
       The unit is the presentation, so results concern these two networks only. A claim about training methods needs
       several trained networks of each method.

    Parameters
    ----------
    spikes, against : Spikes
        Spikes of the same presentations. Layers with the same name and size are compared. If only one of the two has
        labels, they hold for both.

    Returns
    -------
    pandas.DataFrame
        One row for each layer and measure, with the columns

        =======================  ===========  ===========================================================
        layer                    categorical  shared layers, ordered from first to last
        measure                  str          ``fired`` (fraction), ``latency`` (ms), ``decision_latency``
                                              (ms), ``correct`` (fraction)
        presentations            int64        number of presentations with a value in both
        mean, against            float64      mean of `spikes`, and of `against`
        difference               float64      mean of the paired differences
        low, high                float64      bounds of its 95 % confidence interval
        effect                   float64      :math:`d_z`
        effect_low, effect_high  float64      bounds of its 95 % confidence interval
        p                        float64      of the test; missing without a pair
        q                        float64      false discovery rate
        =======================  ===========  ===========================================================

    Raises
    ------
    DataError
        If the presentations differ, or the two have no layer in common. A `netsim.errors.DataWarning` names layers
        that are left out because they have different numbers of neurons.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> lesioned = netsim.present(model, disturbance=("lesion-neurons", 0.5))
    >>> table = netsim.analysis.paired_comparison(netsim.present(model), lesioned)
    >>> bool(table.loc[table["layer"] == "hidden", "difference"].iloc[0] > 0)
    True
    """
    import pandas as pd
    from scipy import stats

    spikes, against = same_presentations(spikes, against)
    shared = _shared(spikes, against)
    if not shared:
        raise DataError("against: has no layer of the same name and size; compare networks with a layer in common")
    generator = np.random.default_rng(seed)
    last = _deciding(spikes, against)
    ours, theirs = (_measured(each, shared, last, spikes.labels, progress) for each in (spikes, against))
    rows = []
    for name in shared:
        for measure, value in ours[name].items():
            row = _paired(value, theirs[name][measure], measure == "correct", generator)
            rows.append({"layer": name, "measure": measure} | row)
    table = pd.DataFrame(rows)
    known = table["p"].notna().to_numpy()
    table["q"] = np.nan
    if known.any():
        table.loc[known, "q"] = stats.false_discovery_control(table.loc[known, "p"], method="by")
    return table.assign(layer=ordered_layers(table["layer"], spikes))


def _deciding(spikes: Spikes, against: Spikes) -> str | None:
    """Return the layer that decides: the output of the network, or the last layer of both if there is none."""
    if model := spikes.model or against.model:
        return model.network.output.name
    last, other = (list(each.sizes)[-1] for each in (spikes, against))
    if last == other:
        return last
    end = f"the last layers are {last} and {other}, so no layer is taken for the output"
    warn_user(f"{end}; decisions are not compared", DataWarning)
    return None


def _shared(spikes: Spikes, against: Spikes) -> dict[str, int]:
    """Return the number of neurons of layers in both. A file without silent neurons may have fewer than the layer."""
    shared, complete = {}, spikes.complete and against.complete
    for name, size in spikes.sizes.items():
        other = against.sizes.get(name, 0)
        if other and complete and other != size:
            warn_user(f"{name}: has {size} and {other} neurons, so it is not compared", DataWarning)
        elif other:
            shared[name] = max(size, other)
    return shared


def _measured(
    spikes: Spikes, sizes: dict[str, int], last: str | None, labels: np.ndarray | None, progress: Progress
) -> dict[str, dict[str, np.ndarray]]:
    """Return each measure of each layer in `sizes` per presentation, NaN if undefined. The layer `last` decides."""
    spikes, count = spikes.only([*sizes]), spikes.presentations
    measured = {name: {"fired": np.zeros(count), "latency": np.full(count, np.nan)} for name in spikes.sizes}
    if last is not None and last in measured:
        measured[last]["decision_latency"] = np.full(count, np.nan)
        if labels is not None:
            measured[last]["correct"] = np.zeros(count)
    for first, layer in spikes.parts(progress):
        part, values = slice(first, first + layer.presentations), measured[layer.name]
        values["fired"][part] = layer.counts / sizes[layer.name]
        values["latency"][part] = layer.mean_latencies()
        if layer.name == last:
            made = decide(layer.dense())
            values["decision_latency"][part] = np.where(np.isfinite(made.latency), made.latency, np.nan)
            if labels is not None:
                values["correct"][part] = made.strictly_correct(labels[part])
    return measured


def _paired(ours: np.ndarray, theirs: np.ndarray, binary: bool, generator: np.random.Generator) -> dict[str, float]:
    """Return the columns of a measure."""
    from scipy import stats

    both = np.isfinite(ours) & np.isfinite(theirs)
    ours, theirs = ours[both], theirs[both]
    difference = ours - theirs
    count = len(difference)
    missing = dict.fromkeys(
        ("mean", "against", "difference", "low", "high", "effect", "effect_low", "effect_high", "p"), float("nan")
    )
    if not count:
        return {"presentations": 0, **missing}
    means, effects = np.empty(_DRAWS), np.empty(_DRAWS)
    for draw in range(_DRAWS):
        drawn = difference[generator.integers(0, count, count)]
        means[draw], effects[draw] = drawn.mean(), _effect(drawn)
    row = {"presentations": count, "mean": ours.mean(), "against": theirs.mean(), "difference": difference.mean()}
    row["low"], row["high"] = percentile_interval(means, count)
    row["effect"] = _effect(difference)
    row["effect_low"], row["effect_high"] = percentile_interval(effects, count)
    changed = difference[difference != 0]
    if not len(changed):
        row["p"] = 1.0
    elif binary:
        row["p"] = stats.binomtest(int((changed > 0).sum()), len(changed)).pvalue
    else:
        row["p"] = stats.wilcoxon(changed).pvalue
    return {name: float(value) if name != "presentations" else int(value) for name, value in row.items()}


def _effect(difference: np.ndarray) -> float:
    """Cohen's d_z. 0 if all differences are 0, NaN if all are equal otherwise."""
    sd = difference.std(ddof=1) if len(difference) > 1 else 0.0
    if sd > 1e-12 * max(1.0, float(np.abs(difference).max())):
        return float(difference.mean() / sd)
    return 0.0 if not difference.any() else float("nan")
