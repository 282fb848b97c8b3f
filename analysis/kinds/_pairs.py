"""Distances between presentations in a layer, and their means over pairs with equal or different labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netsim.analysis.kinds._layers import percentile_interval
from netsim.errors import SpecificationError
from netsim.spikes.columns import LayerSpikes

if TYPE_CHECKING:
    from collections.abc import Callable

_DRAWS = 500


def overlap_sums(layer: LayerSpikes, similarity: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Sum the similarity of latencies over the neurons that fire in both presentations, for each pair.

    `similarity` maps differences of latencies (ms, at least 0). The shape is (presentations, presentations).
    """
    latencies, sums = layer.dense(), np.zeros((layer.presentations, layer.presentations))
    for row, times in enumerate(latencies):
        fired = np.isfinite(times)
        apart = np.abs(latencies[row:, fired] - times[fired])
        both = np.isfinite(apart)
        alike = np.zeros(apart.shape)
        alike[both] = similarity(apart[both])
        sums[row, row:] = alike.sum(axis=1)
    whole: np.ndarray = sums + np.triu(sums, 1).T
    return whole


def van_rossum(layer: LayerSpikes, tau_ms: float) -> np.ndarray:
    r"""Dimensionless van Rossum distances between all presentations, shape (presentations, presentations).

    The squared distance of two spikes :math:`d` apart is :math:`2 (1 - e^{-d / \tau})`, and of a spike from silence 1.
    The squared distance of the layer is the sum over neurons.
    """
    if not tau_ms > 0:
        raise SpecificationError("setting tau_ms", f"must be more than 0 ms, not {tau_ms:g}")
    counts = layer.counts.astype(np.float64)
    square = counts[:, None] + counts - overlap_sums(layer, lambda apart: 2 * np.exp(-apart / tau_ms))
    distances: np.ndarray = np.sqrt(np.maximum(square, 0.0))
    np.fill_diagonal(distances, 0.0)
    return distances


def victor_purpura(layer: LayerSpikes, cost_per_ms: float) -> np.ndarray:
    """Dimensionless Victor-Purpura distances between all presentations, shape (presentations, presentations).

    Removing or adding a spike costs 1, moving it costs `cost_per_ms` per ms. With at most one spike per train the
    distance is min(2, cost of the move) if both fire, 1 if one fires, else 0. The layer's distance is the sum over
    neurons.
    """
    if not cost_per_ms >= 0:
        raise SpecificationError("setting cost_per_ms", f"must be 0 or more, not {cost_per_ms:g}")
    counts = layer.counts.astype(np.float64)
    saved = overlap_sums(layer, lambda apart: 2 - np.minimum(cost_per_ms * apart, 2.0))
    distances: np.ndarray = np.maximum(counts[:, None] + counts - saved, 0.0)
    np.fill_diagonal(distances, 0.0)
    return distances


def rank_distance(layer: LayerSpikes) -> np.ndarray:
    """1 minus Spearman's correlation of latencies, silence last, 0 to 2. Shape (presentations, presentations).

    It is 1 if all neurons of a presentation are silent or fire at the same time, because they have no order.
    """
    from scipy import stats

    ranks = stats.rankdata(layer.dense(), axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(ranks, axis=1, keepdims=True)
    ranks /= np.where(norm > 0, norm, 1.0)
    distances: np.ndarray = 1 - np.clip(ranks @ ranks.T, -1, 1)
    np.fill_diagonal(distances, 0.0)
    return distances


def mean_over_pairs(
    matrix: np.ndarray, tag: np.ndarray, which: str, generator: np.random.Generator
) -> tuple[float, float, float, int]:
    """Return mean, low, high and number of pairs of presentations, for a measure of each pair.

    `which` is ``all``, ``within`` or ``between`` labels. The bounds are a 95 % bootstrap interval over presentations.
    A presentation is never paired with itself.
    """
    same = tag[:, None] == tag
    chosen = {"all": np.ones_like(same), "within": same, "between": ~same}[which] & ~np.eye(len(tag), dtype=bool)
    pairs = int(chosen.sum()) // 2
    if not pairs:
        return float("nan"), float("nan"), float("nan"), 0
    drawn = generator.multinomial(len(tag), np.full(len(tag), 1 / len(tag)), _DRAWS).astype(np.float64)
    weight = np.einsum("dp,dp->d", drawn @ chosen, drawn)
    total = np.einsum("dp,dp->d", drawn @ np.where(chosen, matrix, 0.0), drawn)
    means = total[weight > 0] / weight[weight > 0]
    return float(matrix[chosen].mean()), *percentile_interval(means, len(tag)), pairs
