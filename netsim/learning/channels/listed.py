"""Channels of any connectivity, synapse by synapse.

A synaptic delay shifts the arrival of a spike like the presynaptic latency does, but only at this synapse. The desired
change of the delay is therefore the displacement through the synapse, ``signal_j · w_ij · PSP'(L_j - t_i - delay_ij)``.
The gradient is its negative.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from netsim.learning.channels.channel import Channel, Step, Synapses
from netsim.learning.channels.effects import Bent, Fading, effect_after, slope_after
from netsim.learning.channels.fields import flat, for_loops
from netsim.numerics.compilation import compiled
from netsim.specification import Connections, Projection, PSPShape


class Listed(Channel):
    """Listed synapses, each with its own delay or none. Loops visit each synapse whose neuron carries a signal.

    Parameters
    ----------
    projection, gate, gated, causal
        See `Channel`.
    connections : Connections
    effects : Bent or Fading, optional
        The effect of a spike, in row 0. By default it is the PSP of the projection.
    """

    dtype: np.dtype | None = None
    """Precision of arithmetic; None for that of times."""

    def __init__(
        self,
        projection: Projection,
        connections: Connections,
        gate: float = np.inf,
        gated: bool = False,
        causal: bool = False,
        effects: Fading | None = None,
    ) -> None:
        super().__init__(projection, gate, gated, causal)
        self.connections, self.effects = connections, effects or bent([projection.psp], np.dtype(float))

    def slope(self, source: np.ndarray, times: np.ndarray, asked: np.ndarray, synapses: Synapses) -> np.ndarray | float:
        """See `Channel`."""
        if self.gated:
            return 0.0
        dtype = self.dtype or source.dtype
        limits, weights = flat(times, dtype), for_loops(synapses.weights, dtype).ravel()
        slopes, late = np.zeros_like(limits), _delays(synapses, dtype)
        _slopes(self.connections, self.effects, flat(source, dtype), limits, weights, late, slopes)
        return slopes.reshape(times.shape).astype(times.dtype, copy=False)

    def step(self, source: np.ndarray, until: np.ndarray, signal: np.ndarray, synapses: Synapses) -> Step:
        """See `Channel`."""
        shape, dtype, nothing = synapses.weights.shape, self.dtype or source.dtype, (0,)
        weights, delays = (
            np.zeros(shape if learns else nothing, dtype) for learns in (self.plastic, self.learns_delays)
        )
        self._visit(source, until, signal, synapses, weights, delays, np.zeros((0, 0), dtype))
        return Step(
            weights.astype(source.dtype, copy=False) if self.plastic else None,
            delays.astype(source.dtype, copy=False) if self.learns_delays else None,
        )

    def back(self, source: np.ndarray, until: np.ndarray, signal: np.ndarray, synapses: Synapses) -> np.ndarray:
        """See `Channel`."""
        dtype = self.dtype or source.dtype
        displacement, nothing = np.zeros((len(source), source[0].size), dtype), np.zeros(0, dtype)
        self._visit(source, until, signal, synapses, nothing, nothing, displacement)
        return displacement.reshape(source.shape).astype(source.dtype, copy=False)

    def _visit(
        self,
        source: np.ndarray,
        until: np.ndarray,
        signal: np.ndarray,
        synapses: Synapses,
        weights: np.ndarray,
        delays: np.ndarray,
        displacement: np.ndarray,
    ) -> None:
        """Add to gradients and displacement, unless they are empty."""
        if not (weights.size or delays.size or displacement.size):
            return
        dtype = self.dtype or source.dtype
        _step(
            self.connections, self.effects, self.causal, flat(source, dtype),
            flat(self._limits(until, signal), dtype), flat(signal, dtype),
            for_loops(synapses.weights, dtype).ravel(), _delays(synapses, dtype), weights.reshape(-1),
            delays.reshape(-1), displacement,
        )  # fmt: skip


def bent(psps: Sequence[PSPShape], dtype: np.dtype) -> Bent:
    """Return the effects of PSPs, one per row."""
    arrays = []
    for rows, width in (([psp.kernel for psp in psps], 2), ([psp.slopes for psp in psps], 3)):
        padded = np.zeros((width, len(rows), max(map(len, rows))), dtype)
        for row, pieces in enumerate(rows):
            padded[:, row, : len(pieces)] = np.reshape(pieces, (-1, width)).T
        arrays += list(padded)
    return Bent(*arrays)


def _delays(synapses: Synapses, dtype: np.dtype) -> np.ndarray:
    """Return delays by index of the weight, or an empty array without delays."""
    return np.empty(0, dtype) if synapses.delays is None else for_loops(synapses.delays, dtype).ravel()


@compiled
def _step(
    connections: Connections,
    effects: Any,
    causal: bool,
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
            if signal == 0 or not since > 0:
                continue
            if gradient.size:
                gradient[number] += signal * effect_after(effects, 0, since)
            if of_delays.size or displacement.size:
                wanted = signal * weights[number] * (1.0 if causal else slope_after(effects, 0, since))
                if of_delays.size:
                    of_delays[number] -= wanted
                if displacement.size:
                    displacement[b, pre] += wanted


@compiled
def _slopes(
    connections: Connections,
    effects: Any,
    times: np.ndarray,
    limits: np.ndarray,
    weights: np.ndarray,
    late: np.ndarray,
    slopes: np.ndarray,
) -> None:
    for b in range(len(times)):
        for s in range(connections.pre.size):
            number = connections.weight[s]
            since = limits[b, connections.post[s]] - times[b, connections.pre[s]]
            if late.size:
                since -= late[number]
            slopes[b, connections.post[s]] += weights[number] * slope_after(effects, 0, since)
