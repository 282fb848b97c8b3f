"""First spikes in closed form, for populations whose synaptic current ends at the onset.

The potential at the onset is a product, or a sum of one product per projection. Projections with windows use products
over receptive fields. Other projections use a sparse matrix of synapses. After the onset, only the drive changes the
potential.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from netsim.engines.event.clock import Clock, Dynamics
from netsim.engines.event.sparse import Lines, by_line, lags_of
from netsim.engines.event.windows import FirstSpikes, WindowStage, biases, convert, in_type
from netsim.numerics.compilation import compiled_with
from netsim.numerics.field_products import multiply_fields, multiply_signs
from netsim.numerics.psp import Breakpoints, integrate
from netsim.numerics.signs import by_signs
from netsim.numerics.sparse_products import add_products, picked
from netsim.numerics.vectors import has_avx512, lanes_of
from netsim.specification import Population, Projection, Window
from netsim.weights.layout import Weights, kernel_name
from netsim.weights.sparse import matrix_of

# Minimum number of look-ups per table of sums, in vectors of outputs; with fewer, tables cost more than they save.
_LEAST_LOOK_UPS = 8


class ClosedForm(WindowStage):
    """A gated population with one input projection, which is a window."""

    ranks: ClassVar[bool] = True

    def __init__(self, clock: Clock, population: Population) -> None:
        super().__init__(clock, population)
        self._fields = self.window.size, self.window.stride, self.window.padding
        self._takes_signs = self._are_signs_worthwhile()

    def prepare(self, weights: Weights, thresholds: np.ndarray | None = None) -> FirstSpikes:
        """See `netsim.engines.event.engine.Stage`."""
        kernel, bias, start = self.arrays(weights, thresholds)
        signs = by_signs(kernel, self.window.source[2]) if self._takes_signs else None
        neurons, psp, fields = self.dynamics, self.psp, self._fields

        def first_spikes(arriving: Sequence[np.ndarray], spikes: np.ndarray) -> None:
            flat = spikes.reshape(self._spikes_shape)
            result = in_type(flat, kernel.dtype)
            times = self.maps(arriving).astype(kernel.dtype, copy=False)  # counts of steps, which are exact in both
            integrals = _integrals(times, neurons.onset, psp, kernel.dtype)
            if signs is None:
                multiply_fields(integrals, kernel, *fields, result)
            else:
                multiply_signs(integrals, signs, *fields, result)
            if start is not None:
                result += start
            carry_to_threshold(result.reshape(-1, bias.size), bias, neurons)
            convert(result, flat)

        return first_spikes

    def _are_signs_worthwhile(self) -> bool:
        """Return whether look-up by signs pays off for synapses that differ only by their signs.

        The choice must not depend on the stimuli, because sums round differently.
        """
        if not self.clock.network.weighting.is_binary or not has_avx512():
            return False
        rows, columns, maps = self.window.shape
        look_ups = (self.window.size / self.window.stride) ** 2 * math.ceil(maps / lanes_of(self.clock.dtype))
        return rows * columns > 1 and look_ups >= _LEAST_LOOK_UPS


def _integrals(times: np.ndarray, onset: float, psp: Breakpoints, dtype: np.dtype) -> np.ndarray:
    """Return the potential of each presynaptic spike at the onset, without weight and ``1/tau``."""
    integrals = np.empty(times.shape, dtype)
    integrate(times.reshape(-1), onset, psp, integrals.reshape(-1))
    return integrals


@compiled_with(fastmath={"contract"})  # allows fused multiply-add; infinities keep their meaning
def carry_to_threshold(potentials: np.ndarray, bias: np.ndarray, neurons: Dynamics) -> None:
    """Replace potentials at the onset by the times at which the drive raises them to threshold.

    Potentials have the shape (rows, maps), and exclude the bias. Neurons that do not reach threshold before the end are
    silent.
    """
    silent = potentials.dtype.type(np.inf)
    for row in range(len(potentials)):
        for m in range(bias.size):
            missing = neurons.threshold - (potentials[row, m] + bias[m] * neurons.onset)
            time = neurons.onset + missing / neurons.drive
            exact = time
            if neurons.whole_steps:
                time = np.ceil(time)
            if missing <= 0:
                time = neurons.onset
            fires = time < neurons.end
            if neurons.rank > 0:
                excess = neurons.drive * (time - exact)
                time -= neurons.rank * (excess / (excess + neurons.threshold))
            potentials[row, m] = time if fires else silent


Add = Callable[[np.ndarray, np.ndarray], None]
"""Add the input of a projection to potentials, shape (presentations, neurons).

The input comes from the integrals of the PSPs of presynaptic spikes, shape (presentations, presynaptic neurons).
"""


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
            (part.psp, part.arrivals(weights), part.prepare(weights[kernel_name(part.projection)]))
            for part in self.inputs
        ]

        def first_spikes(arriving: Sequence[np.ndarray], spikes: np.ndarray) -> None:
            flat = spikes.reshape(len(spikes), neurons)
            potentials = in_type(flat, dtype)
            potentials[...] = 0.0
            for (psp, arrivals, add), sent in zip(added, arriving, strict=True):
                add(_integrals(arrivals(sent), dynamics.onset, psp, dtype), potentials)
            if start is not None:
                potentials += start
            carry_to_threshold(potentials, bias, dynamics)
            convert(potentials, flat)

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
        """Return the function that adds the products with these weights."""

    def arrivals(self, weights: Weights) -> Callable[[np.ndarray], np.ndarray]:
        """Return a function from arrival times at all synapses to arrival times at each line."""
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
        if projection.is_delayed_per("synapse"):  # each synapse is a line, in the order of summation
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
