"""Rank-order correlation: do the neurons of a layer fire in the same order in two presentations?"""

from __future__ import annotations

from typing import Any

import numpy as np

from netsim.analysis.analyses import Analysis
from netsim.analysis.kinds._layers import draw_intervals, each_layer, layer_names, percentile_interval, positions
from netsim.analysis.shape import Axes, DataFrame, Rows, draws
from netsim.analysis.style import FAINT
from netsim.spikes.columns import LayerSpikes
from netsim.spikes.spikes import Progress, Spikes, no_progress

_DRAWS = 200


@draws(
    "rank-order",
    ("layer", "correlation", "low", "high"),
    of="rank_order_correlation",
    height=lambda frame: 0.9 + 0.3 * len(layer_names(frame)),
)
def rank_order_figure(axes: Axes, frame: DataFrame) -> None:
    """Draw the mean rank-order correlation within and between labels, for each layer."""
    names = layer_names(frame)
    series: list[tuple[Any, ...]] = []
    for which, text in (("within", "same label"), ("between", "different labels"), ("all", "all pairs")):
        rows = frame[frame["pairs_of"] == which].set_index("layer")
        if len(rows) and not (which == "all" and series):
            series.append((text, *(rows.loc[names, column].to_numpy() for column in ("correlation", "low", "high"))))
    draw_intervals(axes, names, series)
    axes.axvline(0, color=FAINT, linewidth=0.5, zorder=0)
    axes.set_xlabel("rank-order correlation between presentations")


@Analysis("rank-order", "whether neurons fire in the same order in two presentations", rank_order_figure, order=60)
def rank_order_correlation(spikes: Spikes, seed: int = 0, progress: Progress = no_progress) -> Rows:
    r"""Spearman's correlation of the firing order between presentations, averaged over all pairs.

    Spearman (1904, Am J Psychol 15:72-101) defined the correlation. Neurons are ranked by latency within their layer,
    and ties share their mean rank. Silent neurons come last, as a tie. Scaled to mean 0 and norm 1, the ranks of a
    presentation are a vector :math:`z_p`. The correlation of two presentations is :math:`z_p \cdot z_q`. With the sum
    :math:`S` of :math:`n` vectors, the mean over all pairs is :math:`(|S|^2 - n) / (n (n - 1))`.

    A presentation in which no neuron fires, or all fire at the same time, has no order and is left out. Bounds are 95 %
    percentile intervals over 200 bootstrap draws of presentations within labels. A presentation is never paired with
    itself.

    The analysis needs all spikes of a layer. It reads one layer of a file at a time.

    Returns
    -------
    pandas.DataFrame
        One row for each layer and kind of pairs, and one for each layer and pair of labels, with the columns

        ===========  ===========  ===================================================================
        layer        categorical  ordered from first to last
        pairs_of     str          ``all``; with labels also ``within``, ``between`` and ``labels``
        label        Int64        first label, for ``labels``; missing elsewhere
        other        Int64        second label, for ``labels``; missing elsewhere
        pairs        int64        number of pairs of presentations
        correlation  float64      mean over pairs, -1 to 1; missing without a pair
        low, high    float64      bounds of its 95 % confidence interval; missing for ``labels``
        ===========  ===========  ===================================================================

    Examples
    --------
    >>> import numpy as np
    >>> from netsim.spikes import LayerSpikes, Spikes
    >>> from netsim.analysis import rank_order_correlation
    >>> layer = LayerSpikes.of_latencies("hidden", np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]]))
    >>> round(float(rank_order_correlation(Spikes.of_layers([layer]))["correlation"][0]), 6)
    1.0
    """
    labels, tag = positions(np.zeros(spikes.presentations, np.int64) if spikes.labels is None else spikes.labels)
    has_labels = spikes.labels is not None
    generator = np.random.default_rng(seed)
    weights = _draws(tag, len(labels), generator)
    for layer in each_layer(spikes, progress):
        ranks = _unit_ranks(layer)
        sums = _label_sums(ranks, tag, len(labels), np.ones((1, spikes.presentations)))
        inner, counts, self_weights = (part[0] for part in sums)
        drawn = _label_sums(ranks, tag, len(labels), weights)
        for which in ("all", "within", "between") if has_labels else ("all",):
            value, pairs = _mean_over(which, inner, counts, self_weights)
            values = np.array([_mean_over(which, *draw)[0] for draw in zip(*drawn, strict=True)])
            low, high = percentile_interval(values, spikes.presentations)
            bounds = {"pairs": int(pairs), "correlation": value, "low": low, "high": high}
            yield {"layer": layer.name, "pairs_of": which, "label": None, "other": None, **bounds}
        for first in range(len(labels) if has_labels else 0):
            for second in range(first, len(labels)):
                count = counts[first] * (counts[first] - 1) / 2 if first == second else counts[first] * counts[second]
                total = (inner[first, first] - self_weights[first]) / 2 if first == second else inner[first, second]
                mean = total / count if count else np.nan
                pair = {"label": labels[first], "other": labels[second], "pairs": int(count), "correlation": mean}
                yield {"layer": layer.name, "pairs_of": "labels", **pair, "low": np.nan, "high": np.nan}


def _draws(tag: np.ndarray, labels: int, generator: np.random.Generator) -> np.ndarray:
    """Draw presentations within labels with replacement. Return their multiplicities, shape (draws, presentations)."""
    weights = np.zeros((_DRAWS, len(tag)))
    for label in range(labels):
        members = np.flatnonzero(tag == label)
        weights[:, members] = generator.multinomial(len(members), np.full(len(members), 1 / len(members)), _DRAWS)
    return weights


def _label_sums(
    ranks: tuple[Any, np.ndarray, np.ndarray], tag: np.ndarray, labels: int, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, for each draw, products of the labels' sums, weights of labels, and squared weights of labels.

    Shapes are (draws, labels, labels), (draws, labels) and (draws, labels). A presentation correlates with itself by 1,
    so the squared weights are the contribution of such pairs. `_mean_over` subtracts it.
    """
    matrix, shift, has_order = ranks
    used = weights * has_order
    sums = np.empty((labels, len(used), matrix.shape[1]))
    for label in range(labels):
        members = np.flatnonzero(tag == label)
        sums[label] = (matrix[members].T @ used[:, members].T).T + (used[:, members] @ shift[members])[:, None]
    counts = np.stack([used[:, tag == label].sum(axis=1) for label in range(labels)], axis=1)
    own_weight = np.stack([(used[:, tag == label] ** 2).sum(axis=1) for label in range(labels)], axis=1)
    inner = np.einsum("adn,bdn->dab", sums, sums, optimize=True)
    return inner, counts, own_weight


def _mean_over(which: str, inner: np.ndarray, counts: np.ndarray, self_weights: np.ndarray) -> tuple[float, float]:
    """Return the mean correlation over a kind of pairs, and the number of pairs (in draws, their weight)."""
    within = (np.trace(inner) - self_weights.sum(), float((counts**2 - self_weights).sum()))
    everything = (inner.sum() - self_weights.sum(), float(counts.sum() ** 2 - self_weights.sum()))
    between = (everything[0] - within[0], everything[1] - within[1])
    total, pairs = {"all": everything, "within": within, "between": between}[which]
    return float(total / pairs) if pairs > 0 else float("nan"), pairs / 2


def _unit_ranks(layer: LayerSpikes) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return ranks of mean 0 and norm 1 as a sparse matrix plus a shift per presentation, and who has an order.

    The shift is the same for all neurons of a presentation, so that silent neurons need no entry.
    """
    values, shift = np.empty(len(layer.latencies)), np.zeros(layer.presentations)
    has_order = np.zeros(layer.presentations, dtype=bool)
    mean = (layer.size + 1) / 2
    for first, part in layer.parts():
        rows_of, begin = slice(first, first + part.presentations), layer.starts[first]
        ranks, rows, counts = part.ranks(), part.rows, part.counts.astype(np.float64)
        silent = (counts + 1 + layer.size) / 2  # mean rank of silent neurons
        of_fired = np.bincount(rows, (ranks - mean) ** 2, minlength=part.presentations)
        square = of_fired + (layer.size - counts) * (silent - mean) ** 2
        has_order[rows_of] = square > 1e-12
        norm = np.sqrt(np.where(has_order[rows_of], square, 1.0))
        values[begin : begin + len(ranks)] = (ranks - silent[rows]) / norm[rows]
        shift[rows_of] = np.where(has_order[rows_of], (silent - mean) / norm, 0.0)
    return layer.matrix(values), shift, has_order
