"""Shared code of populations with one window as input: constants of an engine, and arrays of a batch."""

from collections.abc import Callable, Sequence

import numpy as np

from netsim.engines.event.clock import Clock
from netsim.specification import Population
from netsim.weights.layout import Weights, bias_name, kernel_name

FirstSpikes = Callable[[Sequence[np.ndarray], np.ndarray], None]
"""Compute the first spikes of a population for some presentations.

Arguments are the arrival times of spikes of each projection's source, and the result array. All are in units of the
clock, with shape (presentations, \\*population).
"""


class WindowStage:
    """A population with one input projection, which is a window.

    All-to-all connectivity is a window on one position whose channels are all inputs.
    """

    def __init__(self, clock: Clock, population: Population) -> None:
        (projection,) = clock.network.incoming(population.name)
        window = clock.network.window(projection)
        assert window is not None
        self.clock = clock
        self.population = population
        self.projection = projection
        self.window = window
        self.dynamics = clock.dynamics(population)
        self.psp = clock.breakpoints(projection)
        # made once, because each takes as long as a part of a small layer
        self._kernel_name, self._bias_name = kernel_name(projection), bias_name(population)
        self._has_bias = population.has_bias
        self._maps_shape, self._spikes_shape = (-1, *window.source), (-1, *window.shape)

    def maps(self, arriving: Sequence[np.ndarray]) -> np.ndarray:
        """Return presynaptic spike times, shape (presentations, height, width, channels)."""
        return np.ascontiguousarray(arriving[0]).reshape(self._maps_shape)

    def arrays(
        self, weights: Weights, thresholds: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return kernel (inputs of a field, maps), bias (maps,), and any initial potentials (rows, columns, maps)."""
        dtype, kernel = self.clock.dtype, weights[self._kernel_name]
        kernel = np.ascontiguousarray(kernel, dtype).reshape(-1, kernel.shape[-1])
        bias = weights[self._bias_name] if self._has_bias else None
        if bias is None or bias.dtype != dtype or len(bias) != kernel.shape[1] or not bias.flags.c_contiguous:
            bias = biases(self.population, weights, dtype, kernel.shape[1])
        if thresholds is None:
            return kernel, bias, None
        return kernel, bias, self.clock.head_start(self.population, thresholds).reshape(self.window.shape)


def biases(population: Population, weights: Weights, dtype: np.dtype, count: int) -> np.ndarray:
    """Return the constant currents of `count` maps or neurons."""
    if not population.has_bias:
        return np.zeros(count, dtype)
    bias = weights[bias_name(population)]
    return np.ascontiguousarray(np.tile(bias, count // bias.size) if count != bias.size else bias, dtype=dtype)


def in_type(spikes: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return an array for spikes in the dtype of the arithmetic: the given array, or a new array for `convert`."""
    return spikes if spikes.dtype == dtype else np.empty(spikes.shape, dtype)


def convert(result: np.ndarray, spikes: np.ndarray) -> None:
    """Convert spikes in the dtype of the arithmetic into their result array, if it is another array."""
    if result is not spikes:
        spikes[...] = result
