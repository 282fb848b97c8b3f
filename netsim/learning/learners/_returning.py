"""Displacements that bring hidden neurons back into their firing window.

A neuron that was silent, or above threshold at its onset, keeps its time for small changes of its potential. Without
these displacements such a neuron would not learn, and could stay at an edge of its window forever.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from netsim.learning.learners._stidi_bp_rule import returns
from netsim.specification import Network, Population, Projection
from netsim.specification.grid import PopulationTimes

_BEFORE = 1e-4
"""Time between the arrival of a spike and the gate of its target, in encoding windows."""


class Returning:
    """Displacements of hidden neurons at the edges of their windows. They point into the window.

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
    incoming : mapping of sequence of Projection
        Projections onto each population, by name. Delays of their PSPs are in the unit of latencies.
    """

    def __init__(
        self, network: Network, times: Mapping[str, PopulationTimes], incoming: Mapping[str, Sequence[Projection]]
    ) -> None:
        self._times = times
        self._hidden = [each for each in network.integrating if returns(network) and each is not network.output]
        self._price = network.learning.activity * network.encoder.t_max
        self._before = 1.0 if network.training.dt else _BEFORE * network.encoder.t_max
        self._heard_until_they_fire = {each.name for each in network.integrating if not each.dynamics.gated}
        silenced = {each.name for each in network.populations if each.dropout or each.winners is not None}
        sources = {each.name for each in self._hidden} - silenced
        self.projections = {
            projection.name: dataclasses.replace(projection, plastic=False)
            for population in network.integrating
            for projection in incoming[population.name]
            if projection.source in sources and projection.feedback is None and not network.is_recurrent(projection)
        }
        """Projections, by name, through which silent neurons receive displacements. They do not learn."""

    def asked(self, component: Sequence[Population], handed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return copies of the displacements of hidden populations, before those at the edges are removed."""
        return {
            each.name: handed[each.name].copy() for each in component if each in self._hidden and each.name in handed
        }

    def as_if_fired(
        self,
        projection: Projection,
        sent: np.ndarray,
        latency: np.ndarray,
        axons: np.ndarray | float,
        synapses: np.ndarray | None,
    ) -> np.ndarray | None:
        """Return arrival times of silent neurons, as if they had fired, and ``inf`` for others. None if all fired.

        Parameters
        ----------
        projection : Projection
        sent : ndarray, shape (presentations, \\*population)
            Latencies of the source.
        latency : ndarray, shape (presentations, \\*population)
            Latencies of the target.
        axons : ndarray or float
            Axonal delays.
        synapses : ndarray, optional
            Synaptic delays.
        """
        silent = np.isinf(sent)
        if not silent.any():
            return None
        latest = np.where(silent, -np.inf, sent).max(axis=tuple(range(1, sent.ndim)), keepdims=True)
        end, gate = self._times[projection.source].end, self._times[projection.target].gate
        if projection.target in self._heard_until_they_fire:
            gate = np.minimum(gate, latency.reshape(len(latency), -1).min(axis=1)).reshape(latest.shape)
        slowest = float(projection.psp.kernel[0][0]) + (0.0 if synapses is None else float(synapses.max()))
        arrival = np.where(np.isfinite(latest), latest, end) + axons
        return np.where(silent, np.minimum(arrival, gate - slowest - self._before), np.inf).astype(sent.dtype)

    def add(
        self,
        population: Population,
        displacement: np.ndarray,
        signal: np.ndarray,
        latency: np.ndarray,
        asked: np.ndarray,
        silent: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Add the displacements at the edges to displacement and signal of a population.

        Parameters
        ----------
        population : Population
        displacement, signal : ndarray
        latency : ndarray
        asked : ndarray
            Displacements before those at the edges were removed.
        silent : ndarray, optional
            Displacements of silent neurons, as if they had fired.
        """
        neurons, onset = population.dynamics, self._times[population.name].onset
        at_onset = (latency <= onset) & (onset > 0)
        inwards = np.where(at_onset, np.maximum(asked.reshape(latency.shape), 0), 0)
        if silent is not None:
            inwards += np.where(np.isinf(latency), np.minimum(silent.reshape(latency.shape) + self._price, 0), 0)
        inwards = inwards.astype(latency.dtype, copy=False)
        slope = 1.0 if neurons.gated else neurons.assumed_slope * neurons.tau
        return displacement + inwards, signal + inwards / latency.dtype.type(slope)
