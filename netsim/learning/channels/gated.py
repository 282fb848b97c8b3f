"""Channels onto gated neurons, which share one limit, the gate.

The contribution of each spike at the gate, and its slope, are the same for all postsynaptic neurons. The step is
therefore two products, over receptive fields for windows, and otherwise with a sparse matrix of synapses. Each loop is
compiled by itself, so that a network compiles only the loops that it needs.
"""

import numpy as np

from netsim.learning.channels.channel import Channel, Step, Synapses
from netsim.learning.channels.fields import (
    breakpoints,
    contiguous,
    for_loops,
    handing_down,
    kernel_gradient,
    propagate,
)
from netsim.learning.gradients import Factors
from netsim.numerics.psp import integrate, multiply_by_slope
from netsim.numerics.sparse_products import SparseMatrix, add_outer_products, add_products, picked
from netsim.specification import Projection, Window


class _Gated(Channel):
    """What both kinds share."""

    def _inputs(self, times: np.ndarray) -> np.ndarray:
        """Return ``ε(gate - t_i)`` of each source neuron."""
        inputs, gate = np.empty(times.shape, times.dtype), times.dtype.type(self.gate)
        integrate(times.reshape(-1), gate, breakpoints(self.psp, times.dtype), inputs.reshape(-1))
        return inputs

    def _times_slope(self, propagated: np.ndarray, times: np.ndarray) -> None:
        """Multiply by ``ε'(gate - t_i)``."""
        slopes = handing_down(self.psp, self.causal, times.dtype)
        multiply_by_slope(propagated.reshape(-1), times.reshape(-1), times.dtype.type(self.gate), slopes)


class GatedWindow(_Gated):
    """A window, or dense synapses, onto gated neurons."""

    def __init__(self, projection: Projection, window: Window, gate: float, causal: bool = False) -> None:
        super().__init__(projection, gate, True, causal)
        self.window = window

    def step(self, source: np.ndarray, until: np.ndarray, signal: np.ndarray, synapses: Synapses) -> Step:
        """See `Channel`."""
        if not self.plastic:
            return Step()
        kernel, inputs = synapses.weights, self._inputs(contiguous(source, self.window.source, source.dtype))
        if kernel.ndim <= 2 and self.window.shape[:2] == (1, 1):
            return Step(Factors(inputs.reshape(len(inputs), -1), signal.reshape(len(signal), -1)))
        gradient = np.empty((kernel.size // kernel.shape[-1], kernel.shape[-1]), source.dtype)
        kernel_gradient(inputs, contiguous(signal, self.window.shape, source.dtype), self.window, gradient)
        return Step(gradient.reshape(kernel.shape))

    def back(self, source: np.ndarray, until: np.ndarray, signal: np.ndarray, synapses: Synapses) -> np.ndarray:
        """See `Channel`."""
        dtype, kernel = source.dtype, synapses.weights
        times = contiguous(source, self.window.source, dtype)
        weights, propagated = for_loops(kernel, dtype).reshape(-1, kernel.shape[-1]), np.empty(times.shape, dtype)
        signals = contiguous(signal, self.window.shape, dtype)
        propagate(signals, weights, self.window, times, dtype.type(self.gate), propagated)
        self._times_slope(propagated, times)
        return propagated.reshape(source.shape)


class GatedList(_Gated):
    """Listed synapses onto gated neurons."""

    def __init__(self, projection: Projection, matrix: SparseMatrix, gate: float, causal: bool = False) -> None:
        super().__init__(projection, gate, True, causal)
        self.matrix = matrix

    def step(self, source: np.ndarray, until: np.ndarray, signal: np.ndarray, synapses: Synapses) -> Step:
        """See `Channel`."""
        if not self.plastic:
            return Step()
        dtype, kernel = source.dtype, synapses.weights
        gradient = np.zeros(kernel.size, dtype)
        add_outer_products(self._inputs(_rows(source, dtype)), _rows(signal, dtype), self.matrix, gradient)
        return Step(gradient.reshape(kernel.shape))

    def back(self, source: np.ndarray, until: np.ndarray, signal: np.ndarray, synapses: Synapses) -> np.ndarray:
        """See `Channel`."""
        dtype, times = source.dtype, _rows(source, source.dtype)
        weights, propagated = for_loops(synapses.weights, dtype).reshape(-1), np.zeros_like(times)
        matrix = self.matrix
        add_products(_rows(signal, dtype), matrix.by_source, picked(weights, matrix.weight, dtype), propagated)
        self._times_slope(propagated, times)
        return propagated.reshape(source.shape)


def _rows(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return np.ascontiguousarray(values, dtype).reshape(len(values), -1)
