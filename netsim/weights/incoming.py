"""Weights by receiver: the map or neuron of the target that receives each weight.

Scales of binary weights, balanced means and redrawn neurons need sums by receiver. These functions work for weights
whose last axis is the receiver, and for weights per synapse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from netsim.numerics.columns import column_sums, combine_columns
from netsim.specification import Network, Projection


class Incoming:
    """The weights of a projection, grouped by the map or neuron that receives them.

    Attributes
    ----------
    count : int
        Number of receiving maps or neurons.
    sizes : ndarray of int, shape (count,)
        Number of weights per receiver.
    """

    def __init__(self, network: Network, projection: Projection) -> None:
        self._post = network.connections(projection).post if projection.connectivity.per_synapse else None
        self._maps = network.population(projection.target).maps
        self.count = network.receivers(projection)
        if self._post is None:
            self.sizes = np.full(self.count, math.prod(network.weight_shape(projection)) // self.count)
        else:
            self.sizes = np.bincount(self._post, minlength=self.count)

    def means(self, kernel: np.ndarray) -> np.ndarray:
        """Return the mean weight of each receiver, shape (count,), or 0 for receivers without weights."""
        if self._post is None:
            return kernel.mean(axis=self._others(kernel))
        return self.averages(np.bincount(self._post, kernel, self.count)).astype(kernel.dtype)

    def averages(self, sums: np.ndarray) -> np.ndarray:
        """Divide sums over the weights of each receiver by their number, shape (count,). 0 without weights."""
        return np.asarray(sums / np.maximum(self.sizes, 1))

    def extremes(self, kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the smallest and the largest weight of each receiver, shape (count,) each. 0 without weights."""
        if self._post is None:
            return kernel.min(axis=self._others(kernel)), kernel.max(axis=self._others(kernel))
        least, most = np.zeros((2, self.count), kernel.dtype)
        least[self._post] = most[self._post] = kernel  # start from any weight of the receiver
        np.minimum.at(least, self._post, kernel)
        np.maximum.at(most, self._post, kernel)
        return least, most

    def products(self, kernel: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return the sum of products of weights and others for each receiver, shape (count,)."""
        if self._post is None:
            return np.einsum("im,im->m", kernel.reshape(-1, self.count), other.reshape(-1, self.count))
        return np.bincount(self._post, kernel * other, self.count).astype(kernel.dtype)

    def sums(self, kernel: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return sums of x, y, x² and xy for weights x and others y of each receiver, float64, shape (4, count)."""
        if self._post is None:
            return column_sums(self._columns(kernel), self._columns(other))
        x, y = kernel.astype(float), other.astype(float)
        return np.array([np.bincount(self._post, of, self.count) for of in (x, y, x * x, x * y)])

    def combine(self, kernel: np.ndarray, other: np.ndarray, factors: Sequence[np.ndarray], target: np.ndarray) -> None:
        """Write ``f (x - m) + g (y - n)`` for weights x and others y into `target`. All arrays are contiguous.

        The factors are m, f, n and g, with shape (count,) each.
        """
        rows = np.array(factors, kernel.dtype)
        if self._post is None:
            combine_columns(self._columns(kernel), self._columns(other), rows, self._columns(target))
            return
        m, f, n, g = rows[:, self._post]
        target[:] = f * (kernel - m) + g * (other - n)

    def _columns(self, kernel: np.ndarray) -> np.ndarray:
        """Return the weights as a matrix with one column per receiver."""
        return kernel.reshape(-1, self.count)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Return values of receivers, shape (count,) or (1,), as an array that broadcasts with the weights."""
        return values if self._post is None or len(values) == 1 else values[self._post]

    def of(self, receivers: np.ndarray) -> Any:
        """Return the index of the weights of some receivers."""
        return (..., receivers) if self._post is None else np.flatnonzero(np.isin(self._post, receivers))

    def in_maps(self, maps: np.ndarray) -> np.ndarray:
        """Return the receivers in some maps of the target, or these neurons if the target has no maps."""
        return np.flatnonzero(np.isin(np.arange(self.count) % self._maps, maps))

    @staticmethod
    def _others(kernel: np.ndarray) -> tuple[int, ...]:
        return tuple(range(kernel.ndim - 1))
