"""Populations whose synaptic current stops counting at the onset: first spikes in closed form.

The potential at the onset is one product over receptive fields; from there on the drive alone moves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from netsim.engines.event import grid_products
from netsim.engines.event.clock import Dynamics
from netsim.engines.event.windows import FirstSpikes, WindowStage
from netsim.numerics.compilation import compiled_with
from netsim.numerics.psp import Breakpoints, integrate_fused
from netsim.numerics.receptive_fields import multiply_fields
from netsim.specification import Window
from netsim.weights.layout import Weights

# "contract" lets the compiler fuse a product and a sum; infinities keep their meaning
_njit = compiled_with(fastmath={"contract"})


class ClosedForm(WindowStage):
    """A gated population that receives by one window."""

    def prepare(self, weights: Weights, thresholds: np.ndarray | None = None) -> FirstSpikes:
        """See `netsim.engines.event.engine.Stage`."""
        arrays = self.arrays(weights, thresholds)
        if not self.clock.dt or not grid_products.is_worthwhile(self.window, self.dynamics):
            return partial(self._first_spikes, *arrays)
        return partial(self._on_grid, *grid_products.prepare(*arrays, self.dynamics, self.clock.times))

    def _first_spikes(
        self,
        kernel: np.ndarray,
        bias: np.ndarray,
        start: np.ndarray | None,
        arriving: Sequence[np.ndarray],
        spikes: np.ndarray,
    ) -> None:
        found = spikes.reshape(-1, *self.window.shape)
        potentials = found if found.dtype == kernel.dtype else np.empty(found.shape, kernel.dtype)
        phased_spikes(self._maps(arriving), kernel, bias, start, self.dynamics, self.psp, self.window, potentials)
        if potentials is not found:
            found[...] = potentials

    def _on_grid(
        self,
        synapses: grid_products.SinglePrecision,
        steps: grid_products.Steps,
        arriving: Sequence[np.ndarray],
        spikes: np.ndarray,
    ) -> None:
        found = spikes.reshape(-1, *self.window.shape)
        grid_products.first_spikes(self._maps(arriving), synapses, steps, self.dynamics, self.psp, self.window, found)

    def _maps(self, arriving: Sequence[np.ndarray]) -> np.ndarray:
        return np.ascontiguousarray(arriving[0]).reshape(-1, *self.window.source)


@_njit
def phased_spikes(
    times: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray,
    start: np.ndarray | None,
    neurons: Dynamics,
    psp: Breakpoints,
    window: Window,
    spikes: np.ndarray,
) -> None:
    """First spikes of a population, from the onset on moved by the drive alone.

    All in one call, so that threads seldom wait for each other to get the GIL.

    Parameters
    ----------
    times : ndarray, shape (presentations, height, width, channels)
        Presynaptic spike times.
    kernel : ndarray, shape (inputs of a field, maps)
    bias : ndarray, shape (maps,)
    start : ndarray, shape (rows, columns, maps), or None
        Potentials to begin with.
    neurons : Dynamics
    psp : Breakpoints
    window : Window
    spikes : ndarray of the type of `kernel`, shape (presentations, rows, columns, maps)
        The result is written here.
    """
    integrals = np.empty(times.shape, kernel.dtype)
    integrate_fused(times.reshape(-1), neurons.onset, psp, integrals.reshape(-1))
    multiply_fields(integrals, kernel, window.size, window.stride, window.padding, spikes)
    if start is not None:
        for presentation in spikes:
            presentation += start
    _carry_to_threshold(spikes.reshape(-1, bias.size), bias, neurons)


@_njit
def _carry_to_threshold(potentials: np.ndarray, bias: np.ndarray, neurons: Dynamics) -> None:
    """Replace potentials at the onset by the times at which the drive alone carries them to threshold.

    Parameters
    ----------
    potentials : ndarray, shape (rows, maps)
        Without bias. Overwritten by spike times; ``inf`` where the threshold is not reached before the end.
    bias : ndarray, shape (maps,)
    neurons : Dynamics
    """
    silent = potentials.dtype.type(np.inf)
    for row in range(len(potentials)):
        for m in range(bias.size):
            missing = neurons.threshold - (potentials[row, m] + bias[m] * neurons.onset)
            time = neurons.onset + missing / neurons.drive
            if neurons.whole_steps:
                time = np.ceil(time)
            if missing <= 0:
                time = neurons.onset
            potentials[row, m] = time if time < neurons.end else silent
