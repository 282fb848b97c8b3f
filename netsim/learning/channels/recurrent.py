"""Channels within a loop of neurons without leak. Their currents count from the onset to the spike, also if gated."""

import numpy as np

from netsim.learning.channels.channel import Channel, Step, Synapses
from netsim.learning.gradients import Deferred, sum_of
from netsim.specification import Projection


class Recurrent(Channel):
    """A projection within a loop: what it contributed by the spike, minus what it contributed by the onset.

    Parameters
    ----------
    projection, gate, gated, causal
        See `Channel`.
    inner : Channel
        The same projection onto neurons without a gate, whose synapses count until the end of the window.
    onset : float
    """

    recurrent = True

    def __init__(
        self, projection: Projection, inner: Channel, onset: float, gate: float, gated: bool, causal: bool
    ) -> None:
        super().__init__(projection, gate, gated, causal)
        self.inner, self.onset = inner, onset

    def slope(self, source: np.ndarray, times: np.ndarray, asked: np.ndarray, synapses: Synapses) -> np.ndarray | float:
        """See `Channel`."""
        return self.inner.slope(source, times, asked, synapses)

    def step(self, source: np.ndarray, until: np.ndarray, signal: np.ndarray, synapses: Synapses) -> Step:
        """See `Channel`."""
        onset = np.asarray(until.dtype.type(self.onset))
        step = self.inner.step(source, until, signal, synapses)
        if self.onset == 0:
            return step
        before = self.inner.step(source, onset, signal, synapses)
        return Step(_difference(step.weights, before.weights), _difference(step.delays, before.delays))

    def back(self, source: np.ndarray, until: np.ndarray, signal: np.ndarray, synapses: Synapses) -> np.ndarray:
        """See `Channel`. Displacements within the loop itself are the result of `netsim.learning.loops`."""
        onset = np.asarray(until.dtype.type(self.onset))
        back = self.inner.back(source, until, signal, synapses)
        return back if self.onset == 0 else back - self.inner.back(source, onset, signal, synapses)


def _difference(first: np.ndarray | Deferred | None, second: np.ndarray | Deferred | None) -> np.ndarray | None:
    return None if first is None or second is None else sum_of(first) - sum_of(second)
