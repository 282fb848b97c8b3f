"""Whether activity can be learned from: neurons that are silent, at their onset or too late, and tied outputs.

Training measures every batch, so that each figure is one pass over the latencies, and none where it is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from netsim.measuring.metrics import Decisions, decide, silent_fractions
from netsim.specification import Network, Projection
from netsim.specification.grid import breakpoint_steps, nearest_steps, population_times
from netsim.weights.delays import ON_TIME, axonal_delay, synaptic_delay
from netsim.weights.layout import Weights

_ROUNDING = 1e-6
"""Relative difference up to which two times are the same; latencies may be of single precision."""


class BatchHealth(NamedTuple):
    """Shares of neurons by population, over the presentations of a batch, and the decisions.

    Attributes
    ----------
    silent : dict of float
        Share of neurons that stayed silent. Relays are included, others are of integrating populations.
    onset : dict of float
        Share that fired at the onset of a window that begins after 0 ms: the potential was over threshold already.
    late : dict of float
        Share that fired, but too late to affect any target; 0 without targets.
    decisions : Decisions
    """

    silent: dict[str, float]
    onset: dict[str, float]
    late: dict[str, float]
    decisions: Decisions


class PopulationHealth(NamedTuple):
    """Activity and incoming weights of a population; shares are of neurons and presentations.

    Attributes
    ----------
    population : str
    silent, at_onset, too_late : float
        Shares of neurons: silent, firing at the onset of a window that begins after 0 ms, firing too late to affect any
        target.
    lower_quartile_ms, median_ms, upper_quartile_ms : float
        Of the latencies of neurons that fired (ms); NaN if none did.
    excitation, inhibition : float
        Sums of the positive and of the negative weights onto a neuron, on average.
    inhibitory : float or None
        Share of inhibitory neurons; None if neurons have no sign.
    """

    population: str
    silent: float
    at_onset: float
    too_late: float
    lower_quartile_ms: float
    median_ms: float
    upper_quartile_ms: float
    excitation: float
    inhibition: float
    inhibitory: float | None


class ProjectionHealth(NamedTuple):
    """Spikes that arrive by a projection.

    Attributes
    ----------
    projection, source, target : str
    arrivals : float
        Spikes that arrive at synapses, per presentation.
    too_late : float
        Share that arrives after the target can be affected: after the gate, or after the end of the window; NaN without
        arrivals.
    """

    projection: str
    source: str
    target: str
    arrivals: float
    too_late: float


class Health:
    """Measures batches of one network.

    Parameters
    ----------
    network : Network
    dt : float
        Time grid of the latencies (ms); 0 for exact times.
    """

    def __init__(self, network: Network, dt: float) -> None:
        self.network, self.dt = network, dt
        self.times = {one.name: population_times(network, one, dt) for one in network.integrating}
        self._learns_delays = any(projection.learns_delays for projection in network.projections)
        self._by_pre: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        self._deadlines: dict[str, np.ndarray] = {}

    def measure(self, latencies: Mapping[str, np.ndarray], weights: Weights) -> BatchHealth:
        """Return the shares of a batch.

        Parameters
        ----------
        latencies : mapping of ndarray
            Latencies (ms) by population; ``inf`` is silent.
        weights : dict of ndarray
            Those that fed forward; only delays are read.
        """
        deadlines = self.deadlines(weights)
        onset, late = {}, {}
        for name, times in self.times.items():
            onset[name] = self._share_at(latencies[name], times.onset)
            possible = deadlines[name].min() < times.end
            late[name] = _share_from(latencies[name], deadlines[name]) if possible else 0.0
        output = latencies[self.network.output.name]
        return BatchHealth(silent_fractions(self.network, latencies), onset, late, decide(output))

    def _share_at(self, latencies: np.ndarray, onset: float) -> float:
        if onset == 0:
            return 0.0
        return _share(latencies <= latencies.dtype.type(onset * (1 + _ROUNDING)))

    def at_onset(self, decisions: Decisions) -> np.ndarray:
        """Return which presentations were decided at the onset of an output window that begins after 0 ms."""
        onset = self.times[self.network.output.name].onset
        return (decisions.latency <= onset * (1 + _ROUNDING)) & (onset > 0)

    def deadlines(self, weights: Weights) -> dict[str, np.ndarray]:
        """Return from when on spikes affect no target (ms), by the stimulus and population; ``inf`` without targets.

        The arrays have the shape of the population, or ``()`` if it is the same for all neurons.
        """
        if not self._deadlines or self._learns_delays:
            found: dict[str, np.ndarray] = {}
            for name in self.network.shapes:
                self._deadline(name, weights, found)
            self._deadlines = found
        return self._deadlines

    def _deadline(self, name: str, weights: Weights, found: dict[str, np.ndarray]) -> np.ndarray:
        """The deadline of a population, which is noted, and of the relays after it."""
        if name not in found:
            latest = np.array(-np.inf)
            for projection in self.network.outgoing(name):
                end = self.until(projection)
                if end is None:
                    end = float(self._deadline(projection.target, weights, found).max())
                latest = np.maximum(latest, end - self._shortest_delay(projection, weights))
            found[name] = latest if self.network.outgoing(name) else np.array(np.inf)
        return found[name]

    def until(self, projection: Projection) -> float | None:
        """Return before when spikes must arrive to affect the target (ms); None for relays, which pass them on."""
        population = self.network.population(projection.target)
        if not population.integrates:
            return None
        times = self.times[population.name]
        gated = population.dynamics.gated and not self.network.is_recurrent(projection)
        steps = breakpoint_steps(self.network, projection, self.dt) if self.dt else ()
        delays = [step * self.dt for step in steps] or [delay for delay, _ in projection.psp.kernel]
        changes = [change for _, change in projection.psp.kernel]
        effect = min((delay for delay, change in zip(delays, changes, strict=True) if change), default=0.0)
        return (times.gate if gated else times.end) - effect

    def delays(self, projection: Projection, weights: Weights) -> np.ndarray:
        """Return the delays of axons (ms), in the shape of the source or ``()``, as the time grid has them."""
        return self._on_grid(axonal_delay(projection, weights, ON_TIME))

    def synaptic(self, projection: Projection, weights: Weights) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the presynaptic neuron and the delay (ms) of each synapse; None if these have none of their own."""
        delays = synaptic_delay(projection, weights)
        if delays is None:
            return None
        pre, weight, _ = self._synapses(projection)
        return pre, self._on_grid(delays.ravel()[weight])

    def _shortest_delay(self, projection: Projection, weights: Weights) -> np.ndarray:
        """The delay with which the spikes of each neuron reach the first target."""
        single = self.synaptic(projection, weights)
        if single is None:
            return self.delays(projection, weights)
        first = self._synapses(projection)[2]
        source, _ = self.network.ends(projection)
        shortest = np.zeros(int(np.prod(source)))
        if len(first):
            shortest[single[0][first]] = np.minimum.reduceat(single[1], first)
        return shortest.reshape(source)

    def _synapses(self, projection: Projection) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Presynaptic neuron and weight of each synapse, and the first synapse of each neuron that has any."""
        if projection.name not in self._by_pre:
            pre, _, weight = self.network.connections(projection)
            self._by_pre[projection.name] = pre, weight, np.flatnonzero(np.diff(pre, prepend=-1))
        return self._by_pre[projection.name]

    def _on_grid(self, delays: np.ndarray) -> np.ndarray:
        return nearest_steps(delays, self.dt) * self.dt if self.dt else delays


def is_late(times: np.ndarray, deadline: np.ndarray | float) -> np.ndarray:
    """Return which spikes come at or after a deadline (ms); silence is not late."""
    # in the precision of the latencies: to compare with doubles takes several times as long
    bound = np.asarray(deadline * (1 - _ROUNDING), times.dtype)
    return (times >= bound) & (times < np.inf)


def _share_from(latencies: np.ndarray, deadline: np.ndarray) -> float:
    return _share(is_late(latencies, deadline))


def _share(chosen: np.ndarray) -> float:
    # a mean of booleans takes several times as long
    return float(np.count_nonzero(chosen) / max(chosen.size, 1))
