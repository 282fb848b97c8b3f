"""Shapes and weights in NIR's order, channels first, as PyTorch has it too.

Where a kernel slides over maps, populations keep their maps; all else is vectors, and matrices of (neurons, inputs).
"""

import math

import numpy as np

from netsim.errors import DataError
from netsim.specification import Network, Population, Projection, Shape, Window

LARGEST = 2**27  # entries of a matrix with zeros where there is no synapse


INPUT, NEURONS, POOLING = "input", "_neurons", "_pooling"
"""The node of the stimulus, and how those of integrating populations and of relays end."""


def numbers(shape: Shape) -> np.ndarray:
    """The numbers of neurons in NIR's order, in which they lie map by map."""
    return np.moveaxis(np.arange(math.prod(shape)).reshape(shape), -1, 0).ravel()


class Layout:
    """How a network lies in a graph; `with_maps` are the stimulus and populations onto which kernels alone slide."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.with_maps = set(network.shapes)
        before = None
        while before != self.with_maps:  # once for all that passes in order, which no loop does
            before = set(self.with_maps)
            for population in network.in_order:
                if not all(map(self._slides, network.incoming(population.name))):
                    self.with_maps.discard(population.name)

    def _slides(self, projection: Projection) -> bool:
        window, ends = self._network.window(projection), self._network.ends(projection)
        return projection.source in self.with_maps and window is not None and (window.source, window.shape) == ends

    def shape(self, name: str) -> Shape:
        """Shape of the stimulus or of a population."""
        shape = self._network.shapes[name]
        return (*shape[2:], *shape[:2]) if name in self.with_maps else (math.prod(shape),)

    def axons_to_nir(self, projection: Projection, delays: np.ndarray) -> np.ndarray:
        """Values of the neurons of a source, or one of all, in NIR's order."""
        shape = self._network.shapes[projection.source]
        return np.broadcast_to(delays, shape).ravel()[numbers(shape)].reshape(self.shape(projection.source))

    def per_bias(self, population: Population) -> int:
        """How many neurons in a row share a bias where there is one for each map."""
        return 1 if population.name in self.with_maps else population.size // population.maps

    def window(self, projection: Projection) -> Window | None:
        """Where a kernel slides over maps; None for what becomes a matrix."""
        return self._network.window(projection) if projection.target in self.with_maps else None

    def weight_shape(self, projection: Projection) -> Shape:
        """(maps, channels, size, size) of a kernel that slides, else (neurons, inputs)."""
        source, target = self._network.ends(projection)
        window = self.window(projection)
        if window is not None:
            return (target[2], source[2], window.size, window.size)
        return (math.prod(target), math.prod(source))

    def is_sparse(self, projection: Projection) -> bool:
        """Whether a projection becomes a matrix with zeros where there is no synapse."""
        window = self._network.window(projection)
        one_position = window is not None and (window.size, *window.source[:2], *window.shape[:2]) == (1, 1, 1, 1, 1)
        return projection.target not in self.with_maps and not (projection in self._network.weighted and one_position)

    def to_nir(self, projection: Projection, kernel: np.ndarray) -> np.ndarray:
        """Weights of a projection in NIR's order, of shape `weight_shape`; those of relays are ones, of any shape."""
        if projection.target in self.with_maps:
            maps, channels, size, _ = self.weight_shape(projection)
            return np.ascontiguousarray(kernel.reshape(size, size, channels, maps).transpose(3, 2, 0, 1))
        matrix = self._matrix(projection, kernel)
        return np.ascontiguousarray(matrix[self._order(projection)].T)

    def from_nir(self, projection: Projection, weight: np.ndarray, kernel: np.ndarray | None = None) -> np.ndarray:
        """What `to_nir` was given.

        `kernel` has, of a matrix with zeros, the weights of no synapse, or of several between two neurons; else 0.
        """
        shape = self._network.weight_shape(projection)
        if projection.target in self.with_maps:
            return np.ascontiguousarray(weight.transpose(2, 3, 1, 0)).reshape(shape)
        matrix = np.empty_like(weight.T, order="C")
        matrix[self._order(projection)] = weight.T
        if not self.is_sparse(projection):
            return matrix.reshape(shape)
        found = np.zeros(shape, weight.dtype) if kernel is None else kernel.copy()
        pre, post, number = self._network.connections(projection)
        changed = matrix[pre, post] != self._matrix(projection, found)[pre, post]
        found.reshape(-1)[number[changed]] = matrix[pre, post][changed]
        return found

    def _order(self, projection: Projection) -> tuple[np.ndarray, ...]:
        source, target = self._network.ends(projection)
        return np.ix_(numbers(source), numbers(target))

    def _matrix(self, projection: Projection, kernel: np.ndarray) -> np.ndarray:
        """Weights of shape (inputs, neurons), in netsim's order."""
        neurons, inputs = self.weight_shape(projection)
        if not self.is_sparse(projection):
            return kernel.reshape(inputs, neurons)
        if inputs * neurons > LARGEST:
            raise DataError(
                f"layer {projection.target!r}: in NIR the projection {projection.name} is a matrix of"
                f" {inputs * neurons:,} weights; at most {LARGEST:,} are written"
            )
        matrix = np.zeros((inputs, neurons), kernel.dtype)
        pre, post, number = self._network.connections(projection)
        np.add.at(matrix, (pre, post), kernel.ravel()[number])
        return matrix
