"""Rules that change the displacements of a population before they become signals: edges, prices and normalisation.

A neuron that was silent, or above threshold at its onset, is at an edge of its firing window. It keeps its time for
small changes of its potential.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from netsim.learning.channels import Channel, Synapses
from netsim.numerics.compilation import compiled
from netsim.specification import STIMULUS, Network, Population
from netsim.specification.grid import PopulationTimes, population_times
from netsim.specification.traits import returns

_BEFORE = 1e-4
"""Time between the arrival of a spike and the gate of its target, in encoding windows."""


class DisplacementRule(Protocol):
    """A rule that acts on the displacements of a population, shape (presentations, \\*population)."""

    def __call__(self, displacement: np.ndarray, latency: np.ndarray) -> np.ndarray:
        """Return the displacements (ms) to learn from. The given ones may be overwritten."""


class WithinWindow(DisplacementRule):
    """Remove displacements of outputs that point out of their window, past its onset or its end, unless they pass.

    Latencies are in ms.
    """

    def __init__(self, network: Network) -> None:
        self.passes = network.learning.edges == "pass"
        self.times = population_times(network, network.output, network.training.dt)

    def __call__(self, displacement: np.ndarray, latency: np.ndarray) -> np.ndarray:
        """See `DisplacementRule`."""
        if self.passes:
            return displacement
        past_onset = (latency <= self.times.onset) & (displacement < 0) & (self.times.onset > 0)
        past_end = (latency >= self.times.end) & (displacement > 0)
        return np.where(past_onset | past_end, displacement.dtype.type(0), displacement)


class Movable(DisplacementRule):
    """Keep the displacements of hidden neurons whose latency can move, and add the price of their spikes (ms).

    Output neurons always learn, which brings them back into their window.
    """

    def __init__(self, onset: float, price: float) -> None:
        self.earliest, self.price = onset if onset > 0 else -1.0, price

    def __call__(self, displacement: np.ndarray, latency: np.ndarray) -> np.ndarray:
        """See `DisplacementRule`."""
        dtype = latency.dtype.type
        keep_movable(displacement.reshape(-1), latency.reshape(-1), dtype(self.earliest), dtype(self.price))
        return displacement


class Normalised(DisplacementRule):
    """Scale the displacements of each presentation to the norm `t_max` (ms)."""

    def __init__(self, t_max: float) -> None:
        self.t_max = t_max

    def __call__(self, displacement: np.ndarray, latency: np.ndarray) -> np.ndarray:
        """See `DisplacementRule`."""
        flat = displacement.reshape(len(displacement), -1)
        length = np.sqrt(np.square(flat).sum(axis=1, keepdims=True))
        return (flat * (self.t_max / np.where(length > 0, length, 1)).astype(flat.dtype)).reshape(displacement.shape)


def displacement_rules(
    network: Network, population: Population, times: Mapping[str, PopulationTimes]
) -> list[DisplacementRule]:
    """Return the rules of a population, in the order in which they act."""
    hidden, learning = population.name != network.output.name, network.learning
    price = learning.activity * network.encoder.t_max if population.integrates and hidden else 0.0
    # relays forward displacements of movable spikes, unless their input had a delay
    may_be_stuck = hidden and any(
        network.population(each.target).integrates or each.delay != 0.0 for each in network.outgoing(population.name)
    )
    rules: list[DisplacementRule] = []
    if may_be_stuck or price:
        rules.append(Movable(_onset(network, population, times), price))
    if population.integrates and learning.normalised:
        rules.append(Normalised(network.encoder.t_max))
    return rules


def _onset(network: Network, population: Population, times: Mapping[str, PopulationTimes]) -> float:
    """Return the onset of the neurons whose spikes a population sends. Relays send spikes of their sources."""
    if population.integrates:
        return times[population.name].onset
    (projection,) = network.incoming(population.name)
    source = projection.source
    return 0.0 if source == STIMULUS else _onset(network, network.population(source), times)


@compiled
def keep_movable(displacement: np.ndarray, latency: np.ndarray, onset: float, price: float) -> None:
    """Add the price (ms) of a spike to displacements of neurons that fired after `onset` (ms), and clear the others."""
    for k in range(len(latency)):
        displacement[k] = displacement[k] + price if onset < latency[k] < np.inf else 0


class Returning:
    """Displacements of hidden neurons at the edges of their windows. They point into the window.

    Without them such a neuron would not learn, and could stay at an edge of its window forever.

    A silent neuron receives the displacement that it would receive if it had fired with the latest spike of its
    population, but in time for its targets, plus the price of a spike. In time means before the gate of gated targets,
    and before the first spike of other targets. Dropout and competition silence neurons for other reasons than their
    potential, so such neurons do not return. Recurrent projections, feedback weights and pooling displace no silent
    neurons.

    Parameters
    ----------
    network : Network
    times : mapping of PopulationTimes
        Windows of the populations, in the unit of latencies.
    """

    def __init__(self, network: Network, times: Mapping[str, PopulationTimes]) -> None:
        self._times = times
        integrating = {each.name: each.dynamics for each in network.integrating}
        self._slopes = {  # gated channels divide by the drive themselves
            name: 1.0 if neurons.gated else neurons.assumed_slope * neurons.tau for name, neurons in integrating.items()
        }
        self._gated = {name for name, neurons in integrating.items() if neurons.gated}
        self._hidden = set(integrating) - {network.output.name} if returns(network) else set()
        self._price = network.learning.activity * network.encoder.t_max
        self._before = 1.0 if network.training.dt else _BEFORE * network.encoder.t_max
        silenced = {each.name for each in network.populations if each.dropout or each.winners is not None}
        sources = self._hidden - silenced
        self.channels = {
            projection.name
            for projection in network.projections
            if projection.source in sources
            and projection.target in integrating
            and projection.feedback is None
            and not network.is_recurrent(projection)
        }
        """Names of the projections through which silent neurons receive displacements."""

    def kept(self, names: Sequence[str], displacements: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return copies of the displacements of hidden populations, before those at the edges are removed."""
        return {name: displacements[name].copy() for name in names if name in self._hidden and name in displacements}

    def back(
        self, channel: Channel, sent: np.ndarray, latency: np.ndarray, signal: np.ndarray, synapses: Synapses
    ) -> np.ndarray | None:
        """Return the displacement of silent neurons of a source, as if they had fired. None if all fired.

        Parameters
        ----------
        channel : Channel
        sent : ndarray, shape (presentations, \\*population)
            Latencies of the source.
        latency, signal : ndarray, shape (presentations, \\*population)
            Latencies and signals of the target.
        synapses : Synapses
        """
        fired = self._as_if_fired(channel, sent, latency, synapses)
        return None if fired is None else channel.back(fired, latency, signal, synapses)

    def _as_if_fired(
        self, channel: Channel, sent: np.ndarray, latency: np.ndarray, synapses: Synapses
    ) -> np.ndarray | None:
        """Return arrival times of silent neurons, as if they had fired, and ``inf`` for others. None if all fired."""
        silent = np.isinf(sent)
        if not silent.any():
            return None
        latest = np.where(silent, -np.inf, sent).max(axis=tuple(range(1, sent.ndim)), keepdims=True)
        end, gate = self._times[channel.source].end, self._times[channel.target].gate
        if channel.target not in self._gated:  # its synapses count until it fires
            gate = np.minimum(gate, latency.reshape(len(latency), -1).min(axis=1)).reshape(latest.shape)
        slowest = float(channel.psp.kernel[0][0]) + (0.0 if synapses.delays is None else float(synapses.delays.max()))
        arrival = np.where(np.isfinite(latest), latest, end) + (0.0 if synapses.axons is None else synapses.axons)
        return np.where(silent, np.minimum(arrival, gate - slowest - self._before), np.inf).astype(sent.dtype)

    def add(
        self,
        name: str,
        displacement: np.ndarray,
        signal: np.ndarray,
        latency: np.ndarray,
        asked: np.ndarray,
        silent: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Add the displacements at the edges to displacement and signal of a population.

        Parameters
        ----------
        name : str
        displacement, signal : ndarray
        latency : ndarray
        asked : ndarray
            Displacements before those at the edges were removed.
        silent : ndarray, optional
            Displacements of silent neurons, as if they had fired.
        """
        onset = self._times[name].onset
        at_onset = (latency <= onset) & (onset > 0)
        inwards = np.where(at_onset, np.maximum(asked.reshape(latency.shape), 0), 0)
        if silent is not None:
            inwards += np.where(np.isinf(latency), np.minimum(silent.reshape(latency.shape) + self._price, 0), 0)
        inwards = inwards.astype(latency.dtype, copy=False)
        return displacement + inwards, signal + inwards / latency.dtype.type(self._slopes[name])
