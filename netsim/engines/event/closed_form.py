"""Populations whose synaptic current stops counting at the onset: first spikes in closed form.

The potential at the onset is one product over receptive fields; from there on the drive alone moves it.
"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from netsim.engines.event.clock import Clock, Dynamics
from netsim.engines.event.windows import FirstSpikes, WindowStage, convert, in_type
from netsim.numerics.compilation import compiled_with
from netsim.numerics.field_products import multiply_synapses
from netsim.numerics.psp import Breakpoints, integrate_fused
from netsim.numerics.signs import Signs, by_signs
from netsim.numerics.vectors import has_avx512, lanes_of
from netsim.specification import Population
from netsim.weights.layout import Weights

# "contract" lets the compiler fuse a product and a sum; infinities keep their meaning
_njit = compiled_with(fastmath={"contract"})

# If vectors of outputs look fewer sums up for each group of inputs, tables of these take longer than they save.
_LEAST_LOOK_UPS = 8


class ClosedForm(WindowStage):
    """A gated population that receives by one window."""

    ranks: ClassVar[bool] = True

    def __init__(self, clock: Clock, population: Population) -> None:
        super().__init__(clock, population)
        self._none = np.empty((0, 0, 0), clock.dtype)
        self._fields = self.window.size, self.window.stride, self.window.padding
        self._constants = tuple(self.dynamics), tuple(self.psp)
        self._takes_signs = self._are_signs_worthwhile()

    def prepare(self, weights: Weights, thresholds: np.ndarray | None = None) -> FirstSpikes:
        """See `netsim.engines.event.engine.Stage`."""
        kernel, bias, start = self.arrays(weights, thresholds)
        signs = by_signs(kernel, self.window.source[2]) if self._takes_signs else None
        incoming = kernel if signs is None else signs
        start = self._none if start is None else start  # None would be compiled for by itself

        def first_spikes(arriving: Sequence[np.ndarray], spikes: np.ndarray) -> None:
            own = spikes.reshape(self._spikes_shape)
            found = in_type(own, kernel.dtype)
            gated_spikes(self.maps(arriving), incoming, bias, start, self._fields, self._constants, found)
            convert(found, own)

        return first_spikes

    def _are_signs_worthwhile(self) -> bool:
        """Whether synapses that differ by their signs alone are worth being looked up by these.

        It must not depend on the stimuli, as sums are rounded differently.
        """
        if not self.clock.network.weighting.is_binary or not has_avx512():
            return False
        rows, columns, maps = self.window.shape
        look_ups = (self.window.size / self.window.stride) ** 2 * math.ceil(maps / lanes_of(self.clock.dtype))
        return rows * columns > 1 and look_ups >= _LEAST_LOOK_UPS


@_njit
def gated_spikes(
    times: np.ndarray,
    synapses: np.ndarray | Signs,
    bias: np.ndarray,
    start: np.ndarray,
    fields: tuple[int, int, int],
    constants: tuple[tuple[Any, ...], tuple[Any, ...]],
    spikes: np.ndarray,
) -> None:
    """First spikes, shape (presentations, rows, columns, maps), from the onset on moved by the drive alone.

    `times` are presynaptic, shape (presentations, height, width, channels); synapses come as a kernel, shape (inputs of
    a field, maps), or by their signs; `start` are potentials to begin with, shape (rows, columns, maps), or empty.
    `fields` are size, stride and padding of the window, `constants` the values of neurons and PSP: names of values
    would be looked up in every call. All in one call, so that threads seldom wait for each other to get the GIL.
    """
    (size, stride, padding), (of_neurons, of_psp) = fields, constants
    neurons, psp = Dynamics(*of_neurons), Breakpoints(*of_psp)
    integrals = np.empty(times.shape, bias.dtype)
    integrate_fused(times.reshape(-1), neurons.onset, psp, integrals.reshape(-1))
    multiply_synapses(integrals, synapses, size, stride, padding, spikes)
    if start.size:
        for presentation in spikes:
            presentation += start
    carry_to_threshold(spikes.reshape(-1, bias.size), bias, neurons)


@_njit
def carry_to_threshold(potentials: np.ndarray, bias: np.ndarray, neurons: Dynamics) -> None:
    """Replace potentials at the onset by the times at which the drive alone carries them to threshold.

    They have the shape (rows, maps), and come without the bias; neurons that are not there before the end are silent.
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
