"""Distances of spike trains between presentations: van Rossum and Victor-Purpura, in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.kinds._layers import draw_intervals, each_layer, layer_names, positions
from netsim.analysis.kinds._pairs import mean_over_pairs, van_rossum, victor_purpura
from netsim.analysis.networks import RELATIVE_ROUNDING
from netsim.analysis.shape import Axes, DataFrame, Rows, draws
from netsim.spikes.spikes import Progress, Spikes, no_progress


@draws("distance", ("layer", "distance", "low", "high"), height=lambda frame: 0.9 + 0.3 * len(layer_names(frame)))
def distance_figure(axes: Axes, frame: DataFrame) -> None:
    """Draw distances within and between labels, relative to the mean of all pairs.

    Parameters
    ----------
    frame : pandas.DataFrame
        As from `spike_train_distances`; the van Rossum distance is drawn.
    """
    shown = frame[frame["measure"] == "van-rossum"]
    names = layer_names(shown)
    whole = shown[shown["pairs_of"] == "all"].set_index("layer").loc[names, "distance"].to_numpy()
    whole = np.where(whole > 0, whole, np.nan)
    series: list[tuple[Any, ...]] = []
    for which, text in (("within", "same label"), ("between", "different labels"), ("all", "all pairs")):
        rows = shown[shown["pairs_of"] == which].set_index("layer")
        if len(rows) and not (which == "all" and series):
            columns = (rows.loc[names, column].to_numpy() / whole for column in ("distance", "low", "high"))
            series.append((text, *columns))
    draw_intervals(axes, names, series)
    axes.set_xlabel("van Rossum distance (mean of all pairs = 1)")


@Analysis("distances", "how far apart the spikes of two presentations are", distance_figure, order=100)
def spike_train_distances(
    spikes: Spikes,
    tau_ms: float = 5.0,
    cost_per_ms: float = 0.2,
    sample: int = 300,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Rows:
    r"""Average the van Rossum and Victor-Purpura distances over pairs of presentations.

    Both distances have a closed form, because a neuron fires at most once. :math:`d` is the time between the spikes of
    a neuron in two presentations (ms):

    ================  ===================================  =======  =====
    distance          both fire                            1 fires  none
    ================  ===================================  =======  =====
    van Rossum        :math:`\sqrt{2 (1 - e^{-d/\tau})}`   1        0
    Victor-Purpura    :math:`\min(q d, 2)`                 1        0
    ================  ===================================  =======  =====

    The sources are van Rossum (2001, Neural Computation 13:751-763), scaled so that a spike has distance 1 from
    silence, and Victor and Purpura (1996, J Neurophysiol 76:1310-1326). Neurons are labelled lines. The van Rossum
    distance of a layer is the root of the sum of squares over neurons, the Victor-Purpura distance is the sum.

    Bounds are 95 % percentile intervals over 500 bootstrap draws of presentations. ``nearest`` measures how well
    distances separate labels: the fraction of presentations whose nearest neighbour has the same label. If several
    neighbours are nearest, each counts by its share, so that the order of presentations has no influence. ``chance`` is
    the expected value with shuffled labels.

    Parameters
    ----------
    tau_ms : float
        Time constant :math:`\tau` of the van Rossum distance (ms).
    cost_per_ms : float
        Cost :math:`q` of moving a spike (1/ms).
    sample : int
        Largest number of compared presentations, drawn evenly over labels.

    Returns
    -------
    pandas.DataFrame
        One row for each layer, measure and kind of pairs, with the columns

        =============  ===========  ==================================================================
        layer          categorical  ordered from first to last
        measure        str          ``van-rossum`` or ``victor-purpura``
        pairs_of       str          ``all``; with labels also ``within`` and ``between`` labels
        presentations  int64        number of compared presentations
        pairs          int64        number of pairs
        distance       float64      mean over pairs, dimensionless
        low, high      float64      bounds of its 95 % confidence interval
        nearest        float64      fraction with the label of its nearest neighbour; missing without
                                    labels, or if all distances are equal
        chance         float64      expected ``nearest`` with shuffled labels; missing without labels
        =============  ===========  ==================================================================

    Raises
    ------
    SpecificationError
        If the time constant or the cost is out of bounds.

    Examples
    --------
    >>> import numpy as np
    >>> from netsim.spikes import LayerSpikes, Spikes
    >>> from netsim.analysis import spike_train_distances
    >>> layer = LayerSpikes.of_latencies("hidden", np.array([[1.0, np.inf], [6.0, 2.0]]))
    >>> table = spike_train_distances(Spikes.of_layers([layer]), tau_ms=5.0, cost_per_ms=0.2)
    >>> table["distance"].round(3).tolist()  # √(2 (1 - 1/e) + 1) and 0.2·5 + 1
    [1.505, 2.0]
    """
    chosen = spikes.sample(sample, seed)
    _, tag = positions(np.zeros(chosen.presentations, np.int64) if chosen.labels is None else chosen.labels)
    generator = np.random.default_rng([seed, 1])
    for layer in each_layer(chosen, progress):
        measures = {"van-rossum": van_rossum(layer, tau_ms), "victor-purpura": victor_purpura(layer, cost_per_ms)}
        for measure, matrix in measures.items():
            nearest = chance = np.nan
            if chosen.labels is not None and chosen.presentations > 1:
                nearest = _nearest(matrix, tag)
                counts = np.bincount(tag)
                chance = (counts * (counts - 1)).sum() / (len(tag) * (len(tag) - 1))
            for which in ("all", "within", "between") if chosen.labels is not None else ("all",):
                mean, low, high, pairs = mean_over_pairs(matrix, tag, which, generator)
                yield {
                    "layer": layer.name,
                    "measure": measure,
                    "pairs_of": which,
                    "presentations": chosen.presentations,
                    "pairs": pairs,
                    "distance": mean,
                    "low": low,
                    "high": high,
                    "nearest": nearest,
                    "chance": chance,
                }


def _nearest(matrix: np.ndarray, tag: np.ndarray) -> float:
    """Return the fraction of presentations with the label of the nearest neighbour, or NaN if all distances are equal.

    Neighbours at the same distance, up to rounding, share a presentation. Squares are compared, because the root of a
    rounding error is large.
    """
    square = matrix**2
    apart = square[np.triu_indices(len(square), 1)]
    rounding = RELATIVE_ROUNDING * apart.max()
    if len(apart) > 1 and np.ptp(apart) <= rounding:
        return float("nan")
    np.fill_diagonal(square, np.inf)
    nearest = square <= square.min(axis=1, keepdims=True) + rounding
    same = nearest & (tag[:, None] == tag)
    return float((same.sum(axis=1) / nearest.sum(axis=1)).mean())
