"""Channels of any connectivity, synapse by synapse.

A synaptic delay shifts the arrival of a spike like the presynaptic latency does, but only at this synapse. The desired
change of the delay is therefore the displacement through the synapse, ``signal_j · w_ij · PSP'(L_j - t_i - delay_ij)``.
The gradient is its negative.
"""

import numpy as np

from netsim.learning.channels.channel import Channel, Step, Synapses
from netsim.learning.channels.fields import breakpoints, flat, for_loops, handing_down
from netsim.numerics.compilation import compiled
from netsim.numerics.psp import Breakpoints, Slopes
from netsim.specification import Connections, Projection

_NONE = np.empty(0)


class Listed(Channel):
    """Listed synapses, each with its own delay or none. Loops visit each synapse whose neuron carries a signal."""

    def __init__(
        self,
        projection: Projection,
        connections: Connections,
        gate: float = np.inf,
        drive: float | None = None,
        causal: bool = False,
    ) -> None:
        super().__init__(projection, gate, drive, causal)
        self.connections = connections

    def slope(self, source: np.ndarray, times: np.ndarray, asked: np.ndarray, synapses: Synapses) -> np.ndarray | float:
        """See `Channel`."""
        if self.drive is not None:
            return 0.0
        dtype, psp = source.dtype, breakpoints(self.psp, np.dtype(float))
        limits, weights = flat(times, dtype), for_loops(synapses.weights, dtype).ravel()
        current, late = np.zeros_like(limits), _delays(synapses, dtype)
        _current(self.connections, psp, flat(source, dtype), limits, weights, late, current)
        return current.reshape(times.shape)

    def step(self, source: np.ndarray, latency: np.ndarray, signal: np.ndarray, synapses: Synapses) -> Step:
        """See `Channel`."""
        weights = np.zeros(synapses.weights.shape if self.plastic else 0, source.dtype)
        delays = np.zeros(synapses.weights.shape if self.learns_delays else 0, source.dtype)
        self._visit(source, latency, signal, synapses, weights=weights, delays=delays)
        return Step(weights if self.plastic else None, delays if self.learns_delays else None)

    def back(self, source: np.ndarray, latency: np.ndarray, signal: np.ndarray, synapses: Synapses) -> np.ndarray:
        """See `Channel`."""
        displacement = np.zeros(source.shape, source.dtype)
        self._visit(source, latency, signal, synapses, displacement=displacement)
        return displacement

    def _visit(
        self,
        source: np.ndarray,
        latency: np.ndarray,
        signal: np.ndarray,
        synapses: Synapses,
        weights: np.ndarray = _NONE,
        delays: np.ndarray = _NONE,
        displacement: np.ndarray = _NONE,
    ) -> None:
        """Add to gradients and displacement, unless they are empty."""
        if not (weights.size or delays.size or displacement.size):
            return
        dtype, double = source.dtype, np.dtype(float)
        psp, slopes = breakpoints(self.psp, double), handing_down(self.psp, self.causal, double)
        limits = flat(self._limits(latency, signal), dtype)
        _step(
            self.connections, psp, slopes, flat(source, dtype), limits, flat(self._per_drive(signal), dtype),
            for_loops(synapses.weights, dtype).ravel(), _delays(synapses, dtype),
            weights.astype(dtype, copy=False).ravel(), delays.astype(dtype, copy=False).ravel(),
            displacement.astype(dtype, copy=False).reshape(len(source), -1),
        )  # fmt: skip


def _delays(synapses: Synapses, dtype: np.dtype) -> np.ndarray:
    """Return delays by index of the weight, or an empty array without delays."""
    return np.empty(0, dtype) if synapses.delays is None else for_loops(synapses.delays, dtype).ravel()


@compiled
def _step(
    connections: Connections,
    psp: Breakpoints,
    slopes: Slopes,
    times: np.ndarray,
    limits: np.ndarray,
    signals: np.ndarray,
    weights: np.ndarray,
    late: np.ndarray,
    gradient: np.ndarray,
    of_delays: np.ndarray,
    displacement: np.ndarray,
) -> None:
    """Compute the step. Empty arrays are not written."""
    for b in range(len(times)):
        for s in range(connections.pre.size):
            pre, post, number = connections.pre[s], connections.post[s], connections.weight[s]
            signal, since = signals[b, post], limits[b, post] - times[b, pre]
            if late.size:
                since -= late[number]
            if signal == 0 or since <= 0:
                continue
            if gradient.size:
                potential = times.dtype.type(0)
                for k in range(psp.delays.size):
                    if since > psp.delays[k]:
                        potential += psp.changes[k] * (since - psp.delays[k])
                gradient[number] += signal * potential
            if of_delays.size or displacement.size:
                slope = times.dtype.type(0)
                for k in range(slopes.slopes.size):
                    if slopes.after[k] < since <= slopes.until[k]:
                        slope += slopes.slopes[k]
                wanted = signal * weights[number] * slope
                if of_delays.size:
                    of_delays[number] -= wanted
                if displacement.size:
                    displacement[b, pre] += wanted


@compiled
def _current(
    connections: Connections,
    psp: Breakpoints,
    times: np.ndarray,
    limits: np.ndarray,
    weights: np.ndarray,
    late: np.ndarray,
    current: np.ndarray,
) -> None:
    for b in range(len(times)):
        for s in range(connections.pre.size):
            number = connections.weight[s]
            since = limits[b, connections.post[s]] - times[b, connections.pre[s]]
            if late.size:
                since -= late[number]
            for k in range(psp.delays.size):
                if since > psp.delays[k]:
                    current[b, connections.post[s]] += psp.changes[k] * weights[number]
