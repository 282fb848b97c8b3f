"""The receiver of each weight: the map, or the neuron, of the target that receives by it.

What is shared or summed by receivers, such as scales of binary weights, means to balance and neurons to redraw,
is asked here, whether the last axis of the weights runs over them or there is a weight for each synapse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from netsim.numerics.columns import column_sums, combine_columns
from netsim.specification import Network, Projection


class Incoming:
    """The weights of a projection by the map or neuron that receives by them.

    Attributes
    ----------
    count : int
        Number of maps or neurons that receive.
    sizes : ndarray of int, shape (count,)
        Number of weights of each.
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
        """Mean of the weights of each receiver, shape (count,); 0 of one without any."""
        if self._post is None:
            return kernel.mean(axis=self._others(kernel))
        return self.averages(np.bincount(self._post, kernel, self.count)).astype(kernel.dtype)

    def averages(self, sums: np.ndarray) -> np.ndarray:
        """Sums over the weights of each receiver, shape (count,), divided by their number; 0 of one without any."""
        return np.asarray(sums / np.maximum(self.sizes, 1))

    def extremes(self, kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The smallest and the largest weight of each who receives, shape (count,) each; 0 of one without any."""
        if self._post is None:
            return kernel.min(axis=self._others(kernel)), kernel.max(axis=self._others(kernel))
        least, most = np.zeros((2, self.count), kernel.dtype)
        least[self._post] = most[self._post] = kernel  # one of them, to begin with
        np.minimum.at(least, self._post, kernel)
        np.maximum.at(most, self._post, kernel)
        return least, most

    def products(self, kernel: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Sum over the weights of each receiver of their products with others, shape (count,)."""
        if self._post is None:
            return np.einsum("im,im->m", kernel.reshape(-1, self.count), other.reshape(-1, self.count))
        return np.bincount(self._post, kernel * other, self.count).astype(kernel.dtype)

    def sums(self, kernel: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Sums of x, y, x² and xy over the weights x of each receiver and others y, in double precision, (4, count)."""
        if self._post is None:
            return column_sums(self._columns(kernel), self._columns(other))
        x, y = kernel.astype(float), other.astype(float)
        return np.array([np.bincount(self._post, of, self.count) for of in (x, y, x * x, x * y)])

    def combine(self, kernel: np.ndarray, other: np.ndarray, factors: Sequence[np.ndarray], target: np.ndarray) -> None:
        """Write ``f (x - m) + g (y - n)`` of weights x and others y into a third array, all contiguous.

        The factors m, f, n and g are of each receiver, shape (count,) each.
        """
        own = np.array(factors, kernel.dtype)
        if self._post is None:
            combine_columns(self._columns(kernel), self._columns(other), own, self._columns(target))
            return
        m, f, n, g = own[:, self._post]
        target[:] = f * (kernel - m) + g * (other - n)

    def _columns(self, kernel: np.ndarray) -> np.ndarray:
        """The weights as a matrix with a column for each receiver."""
        return kernel.reshape(-1, self.count)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values of receivers, shape (count,) or (1,), as an array that goes with the weights."""
        return values if self._post is None or len(values) == 1 else values[self._post]

    def of(self, receivers: np.ndarray) -> Any:
        """The index of the weights of some receivers, by their numbers."""
        return (..., receivers) if self._post is None else np.flatnonzero(np.isin(self._post, receivers))

    def in_maps(self, maps: np.ndarray) -> np.ndarray:
        """The numbers of receivers in some maps of the target, or of these neurons if it has no maps."""
        return np.flatnonzero(np.isin(np.arange(self.count) % self._maps, maps))

    @staticmethod
    def _others(kernel: np.ndarray) -> tuple[int, ...]:
        return tuple(range(kernel.ndim - 1))
