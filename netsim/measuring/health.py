"""Measures of activity that hinders learning: neurons that are silent, at their onset or too late, and ties.

Training measures every batch. Each figure therefore takes at most one pass over the latencies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from netsim.measuring.metrics import ROUNDING, Decisions, at_onset, decide, silent_fractions
from netsim.specification import Network, Projection
from netsim.specification.grid import breakpoint_steps, nearest_steps, population_times
from netsim.weights.layout import ON_TIME, Weights, axonal_delay, synaptic_delay


class BatchHealth(NamedTuple):
    """Fractions of neurons by population over the presentations of a batch, and the decisions.

    Attributes
    ----------
    silent : dict of float
        Fraction of silent neurons, also of relays. The other figures are only for integrating populations.
    onset : dict of float
        Fraction that fired at the onset of a window that starts after 0 ms. Their potential was already above
        threshold.
    late : dict of float
        Fraction that fired too late to affect any target. 0 without targets.
    decisions : Decisions
    """

    silent: dict[str, float]
    onset: dict[str, float]
    late: dict[str, float]
    decisions: Decisions


class PopulationHealth(NamedTuple):
    """Activity and incoming weights of a population. Fractions are over neurons and presentations.

    Attributes
    ----------
    population : str
    silent, at_onset, too_late : float
        Fractions of neurons that are silent, fire at the onset of a window that starts after 0 ms, or fire too late to
        affect any target.
    lower_quartile_ms, median_ms, upper_quartile_ms : float
        Quartiles of the latencies of neurons that fired (ms), or NaN if none fired.
    excitation, inhibition : float
        Mean sums of the positive and of the negative weights onto a neuron, without padding.
    inhibitory : float or None
        Fraction of inhibitory neurons, or None if neurons have no sign.
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
    """Spikes that arrive through a projection.

    Attributes
    ----------
    projection, source, target : str
    arrivals : float
        Spikes at synapses per presentation.
    too_late : float
        Fraction that arrives too late to affect the target: after the gate or the end of the window. NaN without
        arrivals.
    """

    projection: str
    source: str
    target: str
    arrivals: float
    too_late: float


class Health:
    """Measures of the batches of a network.

    Parameters
    ----------
    network : Network
    dt : float
        Time step of the latencies (ms), or 0 for exact times.
    """

    def __init__(self, network: Network, dt: float) -> None:
        self.network, self.dt = network, dt
        self.times = {population.name: population_times(network, population, dt) for population in network.integrating}
        self._learns_delays = any(projection.learns_delays for projection in network.projections)
        self._by_pre: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        self._deadlines: dict[str, np.ndarray] = {}

    def measure(self, latencies: Mapping[str, np.ndarray], weights: Weights) -> BatchHealth:
        """Return the fractions of a batch.

        Parameters
        ----------
        latencies : mapping of ndarray
            Latencies (ms) by population, ``inf`` for silence.
        weights : dict of ndarray
            Forward weights. Only their delays are used.

        Returns
        -------
        BatchHealth
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
        return _share(latencies <= latencies.dtype.type(onset * (1 + ROUNDING)))

    def at_onset(self, decisions: Decisions) -> np.ndarray:
        """Return which presentations were decided at the onset of an output window that starts after 0 ms."""
        return at_onset(decisions, self.times[self.network.output.name].onset)

    def deadlines(self, weights: Weights) -> dict[str, np.ndarray]:
        """Return the times (ms) from which spikes affect no target, by population. ``inf`` without targets.

        The result includes the stimulus. Arrays have the shape of the population, or ``()`` if all neurons share a
        time.
        """
        if not self._deadlines or self._learns_delays:
            deadlines: dict[str, np.ndarray] = {}
            for name in self.network.shapes:
                self._deadline(name, weights, deadlines)
            self._deadlines = deadlines
        return self._deadlines

    def _deadline(self, name: str, weights: Weights, deadlines: dict[str, np.ndarray]) -> np.ndarray:
        """Return and store the deadline of a population. Deadlines of relays after it are stored too."""
        if name not in deadlines:
            latest = np.array(-np.inf)
            for projection in self.network.outgoing(name):
                end = self.until(projection)
                if end is None:
                    end = float(self._deadline(projection.target, weights, deadlines).max())
                latest = np.maximum(latest, end - self._shortest_delay(projection, weights))
            deadlines[name] = latest if self.network.outgoing(name) else np.array(np.inf)
        return deadlines[name]

    def until(self, projection: Projection) -> float | None:
        """Return the time (ms) before which spikes must arrive to affect the target, or None for relays."""
        population = self.network.population(projection.target)
        if not population.integrates:
            return None
        times = self.times[population.name]
        gated = population.dynamics.gated and not self.network.is_recurrent(projection)
        steps = breakpoint_steps(self.network, projection, self.dt) if self.dt else ()
        delays = [step * self.dt for step in steps] or [delay for delay, _ in projection.psp.kernel]
        changes = [change for _, change in projection.psp.kernel]
        effect = min((delay for delay, change in zip(delays, changes, strict=True) if change), default=0.0)
        return (times.gate if gated else times.end - self.dt) - effect

    def delays(self, projection: Projection, weights: Weights) -> np.ndarray:
        """Return the delays of axons (ms) on the time grid, in the shape of the source or ``()``."""
        return self._on_grid(axonal_delay(projection, weights, ON_TIME))

    def synaptic(self, projection: Projection, weights: Weights) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the presynaptic neuron and the delay (ms) of each synapse, or None without individual delays."""
        delays = synaptic_delay(projection, weights)
        if delays is None:
            return None
        pre, weight, _ = self._synapses(projection)
        return pre, self._on_grid(delays.ravel()[weight])

    def _shortest_delay(self, projection: Projection, weights: Weights) -> np.ndarray:
        """Return the shortest delay (ms) of each neuron to any target."""
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
        """Return presynaptic neuron and weight index of each synapse, and the first synapse of each source neuron."""
        if projection.name not in self._by_pre:
            pre, _, weight = self.network.connections(projection)
            self._by_pre[projection.name] = pre, weight, np.flatnonzero(np.diff(pre, prepend=-1))
        return self._by_pre[projection.name]

    def _on_grid(self, delays: np.ndarray) -> np.ndarray:
        return nearest_steps(delays, self.dt) * self.dt if self.dt else delays


def is_late(times: np.ndarray, deadline: np.ndarray | float) -> np.ndarray:
    """Return which spikes come at or after a deadline (ms). Silence is not late."""
    # compare in the precision of the latencies; comparing with doubles is several times slower
    bound = np.asarray(deadline * (1 - ROUNDING), times.dtype)
    return (times >= bound) & (times < np.inf)


def _share_from(latencies: np.ndarray, deadline: np.ndarray) -> float:
    return _share(is_late(latencies, deadline))


def _share(chosen: np.ndarray) -> float:
    # a mean of booleans is several times slower
    return float(np.count_nonzero(chosen) / max(chosen.size, 1))
