"""Shapes and weights in NIR's order, channels first, which is also PyTorch's order.

Populations keep their maps if only kernels slide onto them. All others become vectors, with matrices (neurons, inputs).
"""

import math

import numpy as np

from netsim.errors import DataError
from netsim.specification import Network, Population, Projection, Shape, Window

LARGEST = 2**27  # entries of a dense matrix


INPUT, NEURONS, POOLING = "input", "_neurons", "_pooling"
"""Name of the stimulus's node, and suffixes of the nodes of integrating populations and of relays."""


def numbers(shape: Shape) -> np.ndarray:
    """Return the numbers of neurons in NIR's order, map by map."""
    return np.moveaxis(np.arange(math.prod(shape)).reshape(shape), -1, 0).ravel()


class Layout:
    """Layout of a network in a graph. `with_maps` are the stimulus and the populations that keep their maps."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.with_maps = set(network.shapes)
        before = None
        while before != self.with_maps:  # a single pass suffices without loops
            before = set(self.with_maps)
            for population in network.in_order:
                if not all(map(self._slides, network.incoming(population.name))):
                    self.with_maps.discard(population.name)

    def _slides(self, projection: Projection) -> bool:
        window, ends = self._network.window(projection), self._network.ends(projection)
        return projection.source in self.with_maps and window is not None and (window.source, window.shape) == ends

    def shape(self, name: str) -> Shape:
        """Return the shape of the stimulus or of a population."""
        shape = self._network.shapes[name]
        return (*shape[2:], *shape[:2]) if name in self.with_maps else (math.prod(shape),)

    def axons_to_nir(self, projection: Projection, delays: np.ndarray) -> np.ndarray:
        """Return values of the source's neurons, or a shared value, in NIR's order."""
        shape = self._network.shapes[projection.source]
        return np.broadcast_to(delays, shape).ravel()[numbers(shape)].reshape(self.shape(projection.source))

    def per_bias(self, population: Population) -> int:
        """Return how many consecutive neurons share a bias."""
        return 1 if population.name in self.with_maps else population.size // population.maps

    def window(self, projection: Projection) -> Window | None:
        """Return the window of a kernel that slides over maps, or None if the projection becomes a matrix."""
        return self._network.window(projection) if projection.target in self.with_maps else None

    def weight_shape(self, projection: Projection) -> Shape:
        """Return (maps, channels, size, size) for a sliding kernel, else (neurons, inputs)."""
        source, target = self._network.ends(projection)
        window = self.window(projection)
        if window is not None:
            return (target[2], source[2], window.size, window.size)
        return (math.prod(target), math.prod(source))

    def is_sparse(self, projection: Projection) -> bool:
        """Return whether a projection becomes a matrix with zeros for missing synapses."""
        window = self._network.window(projection)
        one_position = window is not None and (window.size, *window.source[:2], *window.shape[:2]) == (1, 1, 1, 1, 1)
        return projection.target not in self.with_maps and not (projection in self._network.weighted and one_position)

    def has_parallel_synapses(self, projection: Projection) -> bool:
        """Return whether a matrix sums several synapses between two neurons."""
        if not self.is_sparse(projection):
            return False
        pre, post, _ = self._network.connections(projection)
        return len(np.unique(np.column_stack((pre, post)), axis=0)) < len(pre)

    def to_nir(self, projection: Projection, kernel: np.ndarray) -> np.ndarray:
        """Return weights in NIR's order, shape `weight_shape`. Weights of relays are ones, of any shape."""
        if projection.target in self.with_maps:
            maps, channels, size, _ = self.weight_shape(projection)
            return np.ascontiguousarray(kernel.reshape(size, size, channels, maps).transpose(3, 2, 0, 1))
        matrix = self._matrix(projection, kernel)
        return np.ascontiguousarray(matrix[self._order(projection)].T)

    def from_nir(self, projection: Projection, weight: np.ndarray, kernel: np.ndarray | None = None) -> np.ndarray:
        """Invert `to_nir`.

        A matrix lacks weights without a synapse, and separate weights of several synapses between two neurons.
        `kernel` supplies them. The default is 0.
        """
        shape = self._network.weight_shape(projection)
        if projection.target in self.with_maps:
            return np.ascontiguousarray(weight.transpose(2, 3, 1, 0)).reshape(shape)
        matrix = np.empty_like(weight.T, order="C")
        matrix[self._order(projection)] = weight.T
        if not self.is_sparse(projection):
            return matrix.reshape(shape)
        restored = np.zeros(shape, weight.dtype) if kernel is None else kernel.copy()
        pre, post, number = self._network.connections(projection)
        changed = matrix[pre, post] != self._matrix(projection, restored)[pre, post]
        restored.reshape(-1)[number[changed]] = matrix[pre, post][changed]
        return restored

    def _order(self, projection: Projection) -> tuple[np.ndarray, ...]:
        source, target = self._network.ends(projection)
        return np.ix_(numbers(source), numbers(target))

    def _matrix(self, projection: Projection, kernel: np.ndarray) -> np.ndarray:
        """Return weights of shape (inputs, neurons), in netsim's order."""
        neurons, inputs = self.weight_shape(projection)
        if not self.is_sparse(projection):
            return kernel.reshape(inputs, neurons)
        if inputs * neurons > LARGEST:
            raise DataError(
                f"layer {projection.target!r}: in NIR the projection {projection.name} is a matrix of"
                f" {inputs * neurons:,} weights; at most {LARGEST:,} are supported; use smaller layers"
            )
        matrix = np.zeros((inputs, neurons), kernel.dtype)
        pre, post, number = self._network.connections(projection)
        np.add.at(matrix, (pre, post), kernel.ravel()[number])
        return matrix
