"""Displacements of neurons at the edges of their firing windows (``learning.edges``).

A neuron that was silent, or above threshold at its onset, keeps its time for small changes of its potential. With
``return``, such hidden neurons receive displacements that point into their window. Without them such a neuron would not
learn, and could stay at an edge of its window forever.
"""

from collections.abc import Mapping

import numpy as np

from netsim.learning.channels import Channel, Credit
from netsim.specification import Network
from netsim.specification.grid import PopulationTimes, population_times
from netsim.specification.traits import returns

_BEFORE = 1e-4
"""Time between the arrival of a spike and the gate of its target, in encoding windows."""


class WithinWindow:
    """Remove displacements of outputs that point out of their window, past its onset or its end, unless they pass.

    Latencies are in ms.
    """

    def __init__(self, network: Network) -> None:
        self.passes = network.learning.edges == "pass"
        self.times = population_times(network, network.output, network.training.dt)

    def __call__(self, displacement: np.ndarray, latency: np.ndarray) -> np.ndarray:
        """Return the displacements (ms) to learn from, shape (presentations, \\*population)."""
        if self.passes:
            return displacement
        past_onset = (latency <= self.times.onset) & (displacement < 0) & (self.times.onset > 0)
        past_end = (latency >= self.times.end) & (displacement > 0)
        return np.where(past_onset | past_end, displacement.dtype.type(0), displacement)


class Inwards:
    """Displacements of hidden neurons at the edges of their window, which point into it.

    A silent neuron receives the displacement that it would receive if it had fired (`AsIfFired`), plus the price of a
    spike.

    Parameters
    ----------
    network : Network
    onset : float
        Onset of the population, in the unit of latencies.
    """

    def __init__(self, network: Network, onset: float) -> None:
        self._onset, self._price = onset, network.learning.activity * network.encoder.t_max

    def __call__(self, credit: Credit) -> np.ndarray:
        """Return the displacements at the edges, by the displacements that the targets handed back."""
        latency, handed = credit.latency, credit.handed
        assert handed is not None
        at_onset = (latency <= self._onset) & (self._onset > 0)
        inwards = np.where(at_onset, np.maximum(handed.reshape(latency.shape), 0), 0)
        if credit.silent is not None:
            silent = credit.silent.reshape(latency.shape) + self._price
            inwards += np.where(np.isinf(latency), np.minimum(silent, 0), 0)
        return inwards.astype(latency.dtype, copy=False)


class AsIfFired:
    """The displacement of silent sources of a projection, as if they had fired.

    They would have fired with the latest spike of their population, but in time for their targets. In time means before
    the gate of gated targets, and before the first spike of other targets.

    Parameters
    ----------
    network : Network
    channel : Channel
        The channel of the projection.
    times : mapping of PopulationTimes
        Windows of the populations, in the unit of latencies.
    """

    def __init__(self, network: Network, channel: Channel, times: Mapping[str, PopulationTimes]) -> None:
        self._channel, self._end, self._gate = channel, times[channel.source].end, times[channel.target].gate
        self._gated = network.neurons(channel.target).gated
        self._before = 1.0 if network.training.dt else _BEFORE * network.encoder.t_max

    def __call__(self, sent: np.ndarray, target: Credit) -> np.ndarray | None:
        """Return the displacement, by the latencies of the source. None if all neurons fired."""
        silent = np.isinf(sent)
        if not silent.any():
            return None
        channel, latency, synapses = self._channel, target.latency, target.synapses[self._channel.name]
        latest = np.where(silent, -np.inf, sent).max(axis=tuple(range(1, sent.ndim)), keepdims=True)
        gate = self._gate
        if not self._gated:  # its synapses count until it fires
            gate = np.minimum(gate, latency.reshape(len(latency), -1).min(axis=1)).reshape(latest.shape)
        slowest = float(channel.psp.kernel[0][0]) + (0.0 if synapses.delays is None else float(synapses.delays.max()))
        arrival = np.where(np.isfinite(latest), latest, self._end) + (0.0 if synapses.axons is None else synapses.axons)
        fired = np.where(silent, np.minimum(arrival, gate - slowest - self._before), np.inf).astype(sent.dtype)
        return channel.back(fired, target.until, target.signal, synapses)


def returning(network: Network) -> set[str]:
    """Return the names of the hidden populations whose neurons return from the edges of their windows."""
    return {each.name for each in network.integrating} - {network.output.name} if returns(network) else set()


def reaching_silent(network: Network) -> set[str]:
    """Return the names of the projections whose silent sources receive displacements.

    Dropout and competition silence neurons for other reasons than their potential, so such neurons do not return.
    Recurrent projections, feedback weights and pooling displace no silent neurons.
    """
    names = returning(network) - {each.name for each in network.populations if each.dropout or each.winners is not None}
    return {
        each.name
        for each in network.weighted
        if each.source in names and each.feedback is None and not network.is_recurrent(each)
    }
