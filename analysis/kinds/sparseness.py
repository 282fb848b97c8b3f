"""Sparseness of a layer: how few of its neurons respond in a presentation."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.kinds._layers import (
    ResponseSums,
    draw_intervals,
    layer_names,
    positions,
    student_interval,
    treves_rolls,
)
from netsim.analysis.shape import Axes, DataFrame, Rows, draws
from netsim.spikes.spikes import Progress, Spikes, no_progress


@draws(
    "sparseness",
    ("layer", "population_sparseness", "lifetime_sparseness"),
    of="population_sparseness",
    height=lambda frame: 0.9 + 0.3 * len(layer_names(frame)),
)
def sparseness_figure(axes: Axes, frame: DataFrame) -> None:
    """Draw population and lifetime sparseness of each layer, over all labels, with 95 % confidence intervals."""
    rows = frame[frame["label"].isna()].set_index("layer")
    names = layer_names(rows.reset_index())
    series: list[tuple[Any, ...]] = [
        (what, *(rows.loc[names, f"{what}{end}"].to_numpy() for end in ("_sparseness", "_low", "_high")))
        for what in ("population", "lifetime")
    ]
    draw_intervals(axes, names, series)
    axes.set(xlim=(-0.02, 1.02), xlabel="sparseness (0: all respond alike, 1: one alone)")


@Analysis("sparseness", "how few neurons of a layer respond in a presentation", sparseness_figure, order=80)
def population_sparseness(spikes: Spikes, progress: Progress = no_progress) -> Rows:
    r"""Population and lifetime sparseness of each layer.

    Responses :math:`r_i` are the earliness of spikes, as in `label_selectivity`. The measure is the sparseness of
    Treves and Rolls (1991) in the form of Vinje and Gallant (2000):

    .. math:: S = (1 - a) / (1 - 1 / n), \quad a = (\sum_i r_i / n)^2 / (\sum_i r_i^2 / n)

    The sum of the population sparseness is over the neurons of the layer, and its mean over presentations. The sum of
    the lifetime sparseness is over presentations, and its mean over neurons that respond. Means have 95 % confidence
    intervals (Student's t).

    Returns
    -------
    pandas.DataFrame
        One row for each layer, and for each layer and label, with the columns

        ===============================  ===========  ==============================================
        layer                            categorical  ordered from first to last
        label                            Int64        missing in rows over all labels
        presentations                    int64        number of presentations
        fired                            float64      mean fraction of neurons with a spike
        population_sparseness            float64      mean over presentations, 0 to 1
        population_low, population_high  float64      bounds of its 95 % confidence interval
        lifetime_sparseness              float64      mean over neurons, 0 to 1
        lifetime_low, lifetime_high      float64      bounds of its 95 % confidence interval
        ===============================  ===========  ==============================================

    Examples
    --------
    >>> import numpy as np
    >>> from netsim.spikes import LayerSpikes, Spikes
    >>> from netsim.analysis import population_sparseness
    >>> layer = LayerSpikes.of_latencies("hidden", np.array([[3.0, np.inf], [np.inf, 3.0]]), window=(0.0, 10.0))
    >>> population_sparseness(Spikes.of_layers([layer]))["population_sparseness"].tolist()
    [1.0]
    """
    labels, tag = positions(np.zeros(spikes.presentations, np.int64) if spikes.labels is None else spikes.labels)
    sums_of = {name: ResponseSums(len(labels), size) for name, size in spikes.sizes.items()}
    of_presentation = {name: np.full(spikes.presentations, np.nan) for name in spikes.sizes}
    counts = {name: np.zeros(spikes.presentations, np.int64) for name in spikes.sizes}
    for first, layer in spikes.parts(progress):
        part = slice(first, first + layer.presentations)
        sums_of[layer.name].add(layer, tag[part])
        counts[layer.name][part] = layer.counts
        responses, by_row = layer.earliness(), layer.rows
        total, square = (np.bincount(by_row, of, layer.presentations) for of in (responses, responses**2))
        of_presentation[layer.name][part] = treves_rolls(total, square, layer.size)
    for name, size in spikes.sizes.items():
        groups: list[int | None] = [None, *(range(len(labels)) if spikes.labels is not None else [])]
        for group in groups:
            chosen = np.ones(spikes.presentations, bool) if group is None else tag == group
            of_labels = slice(None) if group is None else slice(group, group + 1)
            total, square = (of[of_labels].sum(axis=0) for of in (sums_of[name].total, sums_of[name].square))
            of_neuron = treves_rolls(total, square, int(chosen.sum()))
            row: dict[str, object] = {
                "layer": name,
                "label": None if group is None else int(labels[group]),
                "presentations": int(chosen.sum()),
                "fired": counts[name][chosen].mean() / size,
            }
            for what, values in (("population", of_presentation[name][chosen]), ("lifetime", of_neuron)):
                known = values[np.isfinite(values)]
                mean = known.mean() if len(known) else np.nan
                sd = known.std(ddof=1) if len(known) > 1 else np.nan
                low, high = student_interval(np.array(mean), np.array(sd), np.array(len(known)))
                low, high = np.clip([low, high], 0.0, 1.0)
                row |= {f"{what}_sparseness": mean, f"{what}_low": float(low), f"{what}_high": float(high)}
            yield row
