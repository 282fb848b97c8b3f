"""Pairs of presentations: their distances in a layer, and means over pairs of the same and of different labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netsim.errors import SpecificationError
from netsim.spikes.columns import LayerSpikes

if TYPE_CHECKING:
    from collections.abc import Callable

_DRAWS = 500


def overlap_sums(layer: LayerSpikes, similarity: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """For each two presentations the sum over neurons that fire in both of the similarity of their latencies.

    `similarity` takes differences of latencies (ms, at least 0); the result has the shape (presentations,
    presentations).
    """
    count, sums = layer.presentations, np.zeros((layer.presentations, layer.presentations))
    fired = np.flatnonzero(layer.counts)
    own = np.full(layer.size, np.inf)
    for one in range(count):
        begin, end = layer.starts[one], layer.starts[one + 1]
        if begin == end:
            continue
        neurons = layer.neurons[begin:end]
        own[neurons] = layer.latencies[begin:end]
        later = layer.starts[one]  # the others, from this one on
        apart = np.abs(own[layer.neurons[later:]] - layer.latencies[later:])
        both = np.isfinite(apart)
        alike = np.zeros(len(apart))
        alike[both] = similarity(apart[both])
        rest = fired[fired >= one]
        sums[one, rest] = np.add.reduceat(alike, layer.starts[rest] - later)
        own[neurons] = np.inf
    whole: np.ndarray = sums + np.triu(sums, 1).T
    return whole


def van_rossum(layer: LayerSpikes, tau_ms: float) -> np.ndarray:
    r"""Distances of van Rossum between all presentations, shape (presentations, presentations), without a unit.

    The squared distance of two trains of one spike each, :math:`d` apart, is :math:`2 (1 - e^{-d / \tau})`, of one
    spike and none 1; that of the layer is the sum over neurons.
    """
    if not tau_ms > 0:
        raise SpecificationError("setting tau_ms", f"must be more than 0 ms, not {tau_ms:g}")
    counts = layer.counts.astype(np.float64)
    square = counts[:, None] + counts - overlap_sums(layer, lambda apart: 2 * np.exp(-apart / tau_ms))
    distances: np.ndarray = np.sqrt(np.maximum(square, 0.0))
    np.fill_diagonal(distances, 0.0)
    return distances


def victor_purpura(layer: LayerSpikes, cost_per_ms: float) -> np.ndarray:
    """Distances of Victor and Purpura between all presentations, shape (presentations, presentations), without a unit.

    A spike is removed or added for 1, or moved for `cost_per_ms` a ms; with one spike at most in each train that is the
    smaller of 2 and the cost of the move, 1 or 0. The distance of the layer is the sum over neurons.
    """
    if not cost_per_ms >= 0:
        raise SpecificationError("setting cost_per_ms", f"must be 0 or more, not {cost_per_ms:g}")
    counts = layer.counts.astype(np.float64)
    saved = overlap_sums(layer, lambda apart: 2 - np.minimum(cost_per_ms * apart, 2.0))
    distances: np.ndarray = np.maximum(counts[:, None] + counts - saved, 0.0)
    np.fill_diagonal(distances, 0.0)
    return distances


def rank_distance(layer: LayerSpikes) -> np.ndarray:
    """1 - Spearman's correlation of latencies, silence last, of shape (presentations, presentations); 0 to 2.

    1 where a presentation has no order, for all its neurons are silent or fire at once.
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
    """Mean of a measure over pairs of presentations, bounds of its 95 % interval, and how many pairs there are.

    `which` pairs: ``all``, or those ``within`` or ``between`` labels. Presentations are drawn with replacement; none is
    a pair with itself.
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
    low, high = np.quantile(means, [0.025, 0.975])
    return float(matrix[chosen].mean()), float(low), float(high), pairs
