"""Causal sets and paths: which presynaptic spikes each spike depends on, and through which of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from netsim.errors import DataError
from netsim.runs.model import Model
from netsim.specification import STIMULUS, Connections, Network, Population, Projection
from netsim.spikes.spikes import Progress, Spikes
from netsim.weights.layout import delay_of_each, kernel_name, synaptic_delay

_NUMBER, _FIRST, _SECOND = (np.uint64(value) for value in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
"""Constants of the hash SplitMix64."""


class Causes(NamedTuple):
    """What the spikes of a population depend on, arrays of shape (presentations, neurons).

    Attributes
    ----------
    paths : ndarray of uint64
        Hash of the causal path of each spike; 0 for silence.
    sets : ndarray of uint64
        Hash of the causal set of each spike: of its direct causes alone; 0 for silence.
    sizes : ndarray of int64
        Number of direct causes.
    synapses : ndarray of int64, shape (neurons,)
        Number of synapses that can be a cause.
    """

    paths: np.ndarray
    sets: np.ndarray
    sizes: np.ndarray
    synapses: np.ndarray


def refuse_loops(network: Network) -> None:
    """Raise DataError if the network has loops."""
    if loops := [each.name for each in network.projections if network.is_recurrent(each)]:
        raise DataError(f"causal-pieces: does not support loops ({', '.join(loops)}); choose a network without them")


def causes(spikes: Spikes, progress: Progress) -> Iterator[tuple[str, Causes]]:
    """Yield the causes of the spikes of each population, from first to last.

    A presynaptic spike is a direct cause if its synapse has a weight, and its postsynaptic potential is not zero when
    the neuron fires, or when its gate closes before. Relays depend on the earliest spike of their field. The causal
    path of a spike is its causal set with the causal paths of all spikes in it. The network has no loops.
    """
    model = spikes.known_model
    network = model.network
    count = spikes.presentations
    inputs = np.arange(1, int(np.prod(network.encoder.shape)) + 1, dtype=np.uint64)
    paths = {STIMULUS: np.broadcast_to(_mixed(inputs), (count, len(inputs)))}
    times = {STIMULUS: spikes[STIMULUS].reshape(count, -1)}
    for done, population in enumerate(network.in_order):
        progress(done, len(network.populations))
        times[population.name] = spikes[population.name].reshape(count, -1)
        incoming = [_Incoming(model, each, population) for each in network.incoming(population.name)]
        result = _of_population(population, incoming, times, paths)
        paths[population.name] = result.paths
        yield population.name, result
    progress(len(network.populations), len(network.populations))


class _Incoming:
    """The synapses of a projection in the order of their targets, without those whose weight is 0."""

    def __init__(self, model: Model, projection: Projection, population: Population) -> None:
        listed = model.network.connections(projection)
        weighted = population.integrates
        if weighted:
            kept = np.flatnonzero(model.weights[kernel_name(projection)].ravel()[listed.weight])
            listed = Connections(*(each[kept] for each in listed))
        order = np.argsort(listed.post, kind="stable")
        self.pre = listed.pre[order]
        self.psp = projection.psp if weighted else None
        self.source = projection.source
        self.ends = np.searchsorted(listed.post[order], np.arange(population.size + 1))
        delay = delay_of_each(model.network, projection, model.weights, {})[self.pre]
        if (of_synapses := synaptic_delay(projection, model.weights)) is not None:
            delay = delay + of_synapses.ravel()[listed.weight[order]]
        self.delay = delay
        self.post = listed.post[order]
        self.key = _mixed(np.array([model.network.projections.index(projection)], np.uint64))[0]
        self.names = _mixed(self.pre.astype(np.uint64) ^ self.key)

    def causal(self, sent: np.ndarray, until: np.ndarray) -> np.ndarray:
        """Return the synapses whose spike, sent at a time, changes the potential of their target `until` a time.

        ``-inf`` are targets that do not fire.
        """
        possible = np.flatnonzero(np.isfinite(sent)[self.pre] & np.isfinite(until)[self.post])
        arrivals, ends = sent[self.pre[possible]] + self.delay[possible], until[self.post[possible]]
        arrived = arrivals <= ends
        if self.psp is None:
            return possible[arrived]
        possible, ages = possible[arrived], (ends - arrivals)[arrived]
        return possible[self.psp.potential(ages) != 0]

    def sums(self, causal: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return the sum of the values of causal synapses for each target. Sums of hashes wrap around."""
        total = np.concatenate([np.zeros(1, values.dtype), np.cumsum(values)])
        return np.asarray(np.diff(total[np.searchsorted(causal, self.ends)]))


def _of_population(
    population: Population, incoming: list[_Incoming], times: dict[str, np.ndarray], paths: dict[str, np.ndarray]
) -> Causes:
    fired_times = times[population.name]
    result = Causes(
        np.zeros(fired_times.shape, np.uint64),
        np.zeros(fired_times.shape, np.uint64),
        np.zeros(fired_times.shape, np.int64),
        sum((np.diff(each.ends) for each in incoming), np.zeros(population.size, np.int64)),
    )
    gate = population.dynamics.gate if population.integrates else np.inf
    for presentation, fired_at in enumerate(fired_times):
        fired = np.isfinite(fired_at)
        until = np.where(fired, np.minimum(fired_at, gate), -np.inf)
        for each in incoming:
            causal = each.causal(times[each.source][presentation], until)
            source = paths[each.source][presentation, each.pre[causal]]
            result.paths[presentation] += each.sums(causal, _mixed(source ^ each.key))
            result.sets[presentation] += each.sums(causal, each.names[causal])
            result.sizes[presentation] += each.sums(causal, np.ones(len(causal), np.int64))
        number = np.arange(1, population.size + 1, dtype=np.uint64) * _SECOND  # neurons of one set have different paths
        result.paths[presentation] = np.where(fired, _mixed(result.paths[presentation] ^ number) | np.uint64(1), 0)
        result.sets[presentation] = np.where(fired, _mixed(result.sets[presentation]) | np.uint64(1), 0)
    return result


def _mixed(values: np.ndarray) -> np.ndarray:
    """Return a hash of each value, SplitMix64: equal sums of hashes are equal sets, except in one of 2^64 cases."""
    with np.errstate(over="ignore"):
        mixed = values + _NUMBER
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
        return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def distinct(hashes: np.ndarray) -> np.ndarray:
    """Return the number of different values of each column, without 0."""
    ordered = np.sort(hashes, axis=0)
    new = np.ones(ordered.shape, bool)
    new[1:] = ordered[1:] != ordered[:-1]
    return np.asarray((new & (ordered != 0)).sum(axis=0))
