"""Gated populations of any connectivity and number of inputs: first spikes in closed form.

The potential at the onset is a sum of products, one for each projection: over receptive fields where there is a window,
over a sparse matrix of synapses elsewhere.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from netsim.engines.event.clock import Clock
from netsim.engines.event.closed_form import carry_to_threshold
from netsim.engines.event.sparse import Lines, by_line, lags_of
from netsim.engines.event.windows import FirstSpikes, biases, convert, in_type
from netsim.numerics.field_products import multiply_fields
from netsim.numerics.psp import Breakpoints, integrate_fused
from netsim.numerics.sparse_products import add_products, picked
from netsim.specification import Population, Projection, Window
from netsim.weights.layout import Weights, kernel_name
from netsim.weights.sparse import matrix_of

Add = Callable[[np.ndarray, np.ndarray], None]
"""Adds what a projection brings to potentials, shape (presentations, neurons), from the integrals of the PSPs of its
presynaptic spikes, shape (presentations, presynaptic neurons)."""


class ClosedFormSum:
    """A gated population."""

    ranks: ClassVar[bool] = True

    def __init__(self, clock: Clock, population: Population) -> None:
        self.clock = clock
        self.population = population
        self.dynamics = clock.dynamics(population)
        self.inputs = [_input(clock, projection) for projection in clock.network.incoming(population.name)]

    def prepare(self, weights: Weights, thresholds: np.ndarray | None = None) -> FirstSpikes:
        """See `netsim.engines.event.engine.Stage`."""
        dtype, neurons, dynamics = self.clock.dtype, self.population.size, self.dynamics
        bias = biases(self.population, weights, dtype, neurons)
        start = None if thresholds is None else self.clock.head_start(self.population, thresholds).ravel()
        added = [
            (one.psp, one.arrivals(weights), one.prepare(weights[kernel_name(one.projection)])) for one in self.inputs
        ]

        def first_spikes(arriving: Sequence[np.ndarray], spikes: np.ndarray) -> None:
            own = spikes.reshape(len(spikes), neurons)
            potentials = in_type(own, dtype)
            potentials[...] = 0.0
            for (psp, arrivals, add), sent in zip(added, arriving, strict=True):
                times = arrivals(sent)
                integrals = np.empty(times.shape, dtype)
                integrate_fused(times.reshape(-1), dynamics.onset, psp, integrals.reshape(-1))
                add(integrals, potentials)
            if start is not None:
                potentials += start
            carry_to_threshold(potentials, bias, dynamics)
            convert(potentials, own)

        return first_spikes


class _Input(ABC):
    """A projection onto the population."""

    lines = Lines(None, None)

    def __init__(self, clock: Clock, projection: Projection) -> None:
        self.clock, self.projection = clock, projection
        self.psp: Breakpoints = clock.breakpoints(projection)
        self.dtype = clock.dtype

    @abstractmethod
    def prepare(self, kernel: np.ndarray) -> Add:
        """What adds the products with these weights."""

    def arrivals(self, weights: Weights) -> Callable[[np.ndarray], np.ndarray]:
        """When spikes arrive at each line, given when they arrive at all synapses."""
        lags = lags_of(self.clock, self.projection, self.lines, weights)
        return lambda times: by_line(times, self.lines, lags, self.dtype)


class _Windowed(_Input):
    def __init__(self, clock: Clock, projection: Projection, window: Window) -> None:
        super().__init__(clock, projection)
        self.window = window

    def prepare(self, kernel: np.ndarray) -> Add:
        window, weights = self.window, np.ascontiguousarray(kernel, self.dtype).reshape(-1, kernel.shape[-1])

        def add(integrals: np.ndarray, potentials: np.ndarray) -> None:
            products = np.empty((len(integrals), *window.shape), self.dtype)
            maps = integrals.reshape(-1, *window.source)
            multiply_fields(maps, weights, window.size, window.stride, window.padding, products)
            potentials += products.reshape(potentials.shape)

        return add


class _Listed(_Input):
    def __init__(self, clock: Clock, projection: Projection) -> None:
        super().__init__(clock, projection)
        matrix = matrix_of(clock.network, projection)
        self.side = matrix.by_target
        self.weight = matrix.weight[self.side.order]
        if projection.is_delayed_per("synapse"):  # each synapse is a line, in the order in which they are added up
            pre, _, weight = clock.network.connections(projection)
            self.lines = Lines(pre[self.side.order], weight[self.side.order])
            self.side = self.side._replace(opposite=np.arange(pre.size, dtype=np.uint32))

    def prepare(self, kernel: np.ndarray) -> Add:
        weights = picked(kernel.reshape(-1), self.weight, self.dtype)
        return lambda integrals, potentials: add_products(integrals, self.side, weights, potentials)


def _input(clock: Clock, projection: Projection) -> _Input:
    window = clock.network.window(projection)
    if window is None or projection.is_delayed_per("synapse"):
        return _Listed(clock, projection)
    return _Windowed(clock, projection, window)
