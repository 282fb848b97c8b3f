"""Comparison: what two models, or one before and after, do with the same presentations; paired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.frames import require
from netsim.analysis.kinds._layers import MARKERS, ordered_layers
from netsim.analysis.kinds.similarity import same_presentations
from netsim.analysis.style import COLUMN_WIDTH, FAINT, Palette, colours, drawing, legend_above, plain
from netsim.errors import DataError
from netsim.measuring.metrics import decide
from netsim.spikes.spikes import Progress, Spikes, no_progress

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_DRAWS = 1000
MEASURES = {
    "fired": "share that fires",
    "latency": "mean latency",
    "decision_latency": "decision latency",
    "correct": "strictly correct",
}
"""What is compared, in the words of the figure."""


def comparison_figure(frame: pd.DataFrame, ax: Axes | None = None, palette: Palette = None) -> Axes:
    """Draw the standardised difference of every measure and layer, with its 95 % confidence interval.

    Parameters
    ----------
    frame : pandas.DataFrame
        As from `paired_comparison`.
    ax : matplotlib Axes, optional
        What is drawn into and returned; by default Axes of a new figure.
    palette : str or sequence of colours, optional
        As of `netsim.analysis.theme`.

    Examples
    --------
    >>> import netsim
    >>> from netsim import analysis
    >>> spikes = netsim.present("digits", limit=40)
    >>> lesioned = netsim.present("digits", limit=40, disturbance=("lesion-neurons", 0.5))
    >>> table = netsim.analyse(lesioned, "comparison", spikes).table
    >>> ax = analysis.comparison_figure(table)
    >>> ax.get_xlabel()
    'paired difference over its SD ($d_z$)'
    """
    require(frame, ("layer", "effect", "effect_low", "effect_high"), "comparison")
    rows = frame.reset_index(drop=True)
    with drawing(ax, COLUMN_WIDTH, 0.9 + 0.17 * len(rows), palette) as axes:
        for measure, colour, marker in zip(MEASURES, colours(len(MEASURES)), MARKERS, strict=False):
            own = rows[rows["measure"] == measure]
            if len(own):
                axes.hlines(own.index, own["effect_low"], own["effect_high"], color=colour, linewidth=1.2, zorder=4)
                look: dict[str, Any] = {
                    "color": colour,
                    "markersize": 4,
                    "markeredgecolor": "white",
                    "markeredgewidth": 0.4,
                    "zorder": 3,  # below its interval, which may be shorter
                }
                axes.plot(own["effect"], own.index, marker, label=MEASURES[measure], **look)
        axes.axvline(0, color=FAINT, linewidth=0.6, zorder=0)
        # a layer is named once, beside the middle of its rows
        layers = rows["layer"].astype(str)
        middles = rows.index.to_series().groupby(layers, sort=False).mean()
        axes.set_yticks(middles, list(map(plain, middles.index)))
        axes.tick_params(axis="y", length=0)
        for first in rows.index[1:][layers.ne(layers.shift())[1:]]:
            axes.axhline(first - 0.5, color=FAINT, linewidth=0.4, linestyle=":", zorder=0)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel("paired difference over its SD ($d_z$)")
        legend_above(axes, -0.2, 2, columnspacing=1.0, handletextpad=0.2)
    return axes


@Analysis(
    "comparison",
    "two models or regimes, before and after learning or a lesion, paired, with effect size and interval",
    comparison_figure,
    order=150,
    height=3.4,
)
def paired_comparison(spikes: Spikes, against: Spikes, seed: int = 0, progress: Progress = no_progress) -> pd.DataFrame:
    r"""Paired differences between two sets of spikes of the same presentations.

    In each presentation there is a value of each, and their difference :math:`d`, `spikes` minus `against`: the share
    of a layer's neurons that fires; the mean latency of its spikes (ms), where both have some; of the last layer the
    latency of the first spike, the decision, where both decide; and whether that is strictly correct, if there are
    labels. The effect size is Cohen's :math:`d_z = \bar d / \mathrm{SD}(d)`, 0 without any difference and missing if
    all are the same one. Bounds are those of the 95 % percentile interval over 1,000 bootstrap draws of presentations.
    ``p`` is two-sided: Wilcoxon's signed-rank test, for ``correct`` McNemar's exact one; ``q`` the false discovery rate
    over all rows, whatever their dependence (Benjamini and Yekutieli 2001, Ann Stat 29:1165-1188).

    The unit is the presentation: what is found is about these two networks. About how they were trained one
    presentation more says nothing; that takes several trainings of each.

    Parameters
    ----------
    spikes, against : Spikes
        Of the same presentations, with the same layers where they are to be compared. Labels of either stand for both.
    seed : int
        Of the bootstrap.
    progress : callable
        Called with (done, total).

    Returns
    -------
    pandas.DataFrame
        One row for each layer and measure, with the columns

        =======================  ===========  ===========================================================
        layer                    categorical  that both have, ordered from first to last
        measure                  str          ``fired`` (share), ``latency`` (ms), ``decision_latency`` (ms),
                                              ``correct`` (share)
        presentations            int64        in which both have a value
        mean, against            float64      means of both
        difference               float64      mean of the paired differences
        low, high                float64      bounds of its 95 % confidence interval
        effect                   float64      :math:`d_z`
        effect_low, effect_high  float64      bounds over the same draws
        p                        float64      of the test; missing without a pair
        q                        float64      false discovery rate
        =======================  ===========  ===========================================================

    Raises
    ------
    DataError
        If the presentations are not the same, or there is no layer in common.

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
    shared = [name for name, size in spikes.sizes.items() if against.sizes.get(name) == size]
    if not shared:
        raise DataError("against: has no layer of the same name and size; compare networks that have some in common")
    generator = np.random.default_rng(seed)
    last = list(spikes.sizes)[-1]
    ours, theirs = (_measured(one.only(shared), last, spikes.labels, progress) for one in (spikes, against))
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


def _measured(
    spikes: Spikes, last: str, labels: np.ndarray | None, progress: Progress
) -> dict[str, dict[str, np.ndarray]]:
    """Each measure of each layer, a value for each presentation, NaN where there is none; `last` decides."""
    count = spikes.presentations
    found = {name: {"fired": np.zeros(count), "latency": np.full(count, np.nan)} for name in spikes.sizes}
    if last in found:
        found[last]["decision_latency"] = np.full(count, np.nan)
        if labels is not None:
            found[last]["correct"] = np.zeros(count)
    for first, layer in spikes.parts(progress):
        own, values = slice(first, first + layer.presentations), found[layer.name]
        values["fired"][own] = layer.counts / layer.size
        values["latency"][own] = layer.mean_latencies()
        if layer.name == last:
            made = decide(layer.dense())
            values["decision_latency"][own] = np.where(np.isfinite(made.latency), made.latency, np.nan)
            if labels is not None:
                values["correct"][own] = made.strictly_correct(labels[own])
    return found


def _paired(ours: np.ndarray, theirs: np.ndarray, binary: bool, generator: np.random.Generator) -> dict[str, float]:
    """The columns of a measure."""
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
    found = {"presentations": count, "mean": ours.mean(), "against": theirs.mean(), "difference": difference.mean()}
    found["low"], found["high"] = np.quantile(means, [0.025, 0.975])
    found["effect"] = _effect(difference)
    known = effects[np.isfinite(effects)]
    found["effect_low"], found["effect_high"] = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
    changed = difference[difference != 0]
    if not len(changed):
        found["p"] = 1.0
    elif binary:
        found["p"] = stats.binomtest(int((changed > 0).sum()), len(changed)).pvalue
    else:
        found["p"] = stats.wilcoxon(changed).pvalue
    return {name: float(value) if name != "presentations" else int(value) for name, value in found.items()}


def _effect(difference: np.ndarray) -> float:
    """Cohen's d_z; 0 if all differences are 0, NaN if all are the same."""
    sd = difference.std(ddof=1) if len(difference) > 1 else 0.0
    if sd > 1e-12 * max(1.0, float(np.abs(difference).max())):
        return float(difference.mean() / sd)
    return 0.0 if not difference.any() else float("nan")
