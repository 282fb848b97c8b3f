"""Populations of any connectivity: synapse by synapse, at a cost that is proportional to those that carry a spike.

Each neuron knows its potential at the time of its last event. The breakpoints of all presynaptic spikes are visited in
order of time, and each moves those neurons alone that its synapses reach. The kernels for windows are quicker where
they apply, and give the same spikes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from netsim.engines.event.arrangement import biases, clock_times, head_start
from netsim.numerics.compilation import compiled
from netsim.specification import Network, Population
from netsim.specification.grid import breakpoint_steps
from netsim.weights.layout import Weights, kernel_name


class Synapses(NamedTuple):
    """Synapses of all projections onto a population, by presynaptic neuron; sources are counted one after another.

    Attributes
    ----------
    first : ndarray of int64, shape (presynaptic neurons + 1,)
        Where the synapses of each presynaptic neuron begin.
    post : ndarray of int32, shape (synapses,)
        Postsynaptic neuron.
    weights : ndarray, shape (synapses,)
    psp : ndarray of int32, shape (presynaptic neurons,)
        Which PSP a neuron's spike has, a row of the following.
    delays, changes : ndarray, shape (projections, breakpoints)
        When the slope of the PSP changes after the spike, and by how much; filled up with changes of 0.
    """

    first: np.ndarray
    post: np.ndarray
    weights: np.ndarray
    psp: np.ndarray
    delays: np.ndarray
    changes: np.ndarray


class Dynamics(NamedTuple):
    """What the kernel knows of the neurons besides their synapses; times are on its clock, potentials are ``tau·v``.

    Attributes
    ----------
    excess : ndarray, shape (neurons,)
        Potentials at the start, counted from the threshold.
    bias : ndarray, shape (neurons,)
    drive, onset, end : float
    gated : bool
        Whether synaptic current and bias stop counting at the onset.
    whole_steps : bool
        Round spike times up to whole steps.
    """

    excess: np.ndarray
    bias: np.ndarray
    drive: float
    onset: float
    end: float
    gated: bool
    whole_steps: bool


@dataclass(frozen=True)
class SparsePopulation:
    """A population as the kernel sees it.

    Attributes
    ----------
    synapses : Synapses
    dynamics : Dynamics
    """

    synapses: Synapses
    dynamics: Dynamics

    def first_spikes(self, sources: Sequence[np.ndarray], spikes: np.ndarray) -> None:
        """First spikes of some presentations.

        Parameters
        ----------
        sources : sequence of ndarray, shape (presentations, *source)
            When the spikes of each projection's source arrive.
        spikes : ndarray, shape (presentations, *population)
            The result is written here.
        """
        arrivals = arriving_together(sources, self.dynamics.bias.dtype)
        found = np.empty((len(spikes), self.dynamics.bias.size), arrivals.dtype)
        _first_spikes(arrivals, self.synapses, self.dynamics, found)
        spikes[...] = found.reshape(spikes.shape)


def arriving_together(sources: Sequence[np.ndarray], dtype: np.dtype) -> np.ndarray:
    """Spike times of several sources side by side, shape (presentations, presynaptic neurons of all)."""
    flat = [np.asarray(source, dtype).reshape(len(source), -1) for source in sources]
    return np.ascontiguousarray(np.concatenate(flat, axis=1))


def lay_out_synapses(network: Network, population: Population, dt: float, dtype: np.dtype) -> Synapses:
    """The synapses onto a population, with indices into the arrays of weights, one after another, in place of weights.

    Parameters
    ----------
    network : Network
    population : Population
    dt : float
        Time grid (ms) that delays are counted on; 0 is none.
    dtype : dtype
    """
    projections = network.incoming(population.name)
    most = max(len(projection.psp.kernel) for projection in projections)
    delays, changes = np.zeros((len(projections), most), dtype), np.zeros((len(projections), most), dtype)
    counts, posts, weights, psps = [], [], [], []
    offset = 0
    for number, projection in enumerate(projections):
        pre, post, weight = network.connections(projection)
        counts.append(np.bincount(pre, minlength=int(np.prod(network.shapes[projection.source]))))
        posts.append(post)
        weights.append(weight.astype(np.int64) + offset)
        psps.append(np.full(counts[-1].size, number, np.int32))
        offset += int(np.prod(network.weight_shape(projection) or (0,)))
        kernel = projection.psp.kernel
        steps = breakpoint_steps(network, projection, dt) if dt else [delay for delay, _ in kernel]
        delays[number, : len(kernel)], changes[number, : len(kernel)] = steps, [change for _, change in kernel]
    first = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64)
    return Synapses(first, np.concatenate(posts), np.concatenate(weights), np.concatenate(psps), delays, changes)


def prepare(
    network: Network,
    population: Population,
    layout: Synapses,
    weights: Weights,
    dt: float,
    thresholds: np.ndarray | None = None,
) -> SparsePopulation:
    """Prepare a population for the kernel.

    Parameters
    ----------
    network : Network
    population : Population
    layout : Synapses
        As `lay_out_synapses` gives them.
    weights : dict of ndarray
    dt : float
        Time grid (ms); 0 is none.
    thresholds : ndarray, shape of the population, optional
    """
    dtype, times, neurons = layout.delays.dtype, clock_times(network, population, dt), population.dynamics
    values = [weights[kernel_name(projection)].ravel() for projection in network.incoming(population.name)]
    excess = np.full(population.size, -times.threshold, dtype)
    if thresholds is not None:
        excess += head_start(neurons, times.threshold, thresholds, dtype).ravel()
    real = dtype.type
    return SparsePopulation(
        layout._replace(weights=np.concatenate(values).astype(dtype)[layout.weights]),
        Dynamics(
            excess=excess,
            bias=biases(population, weights, dtype, population.size),
            drive=real(neurons.drive),
            onset=real(times.onset),
            end=real(times.end),
            gated=neurons.gated,
            whole_steps=bool(dt),
        ),
    )


@compiled
def _first_spikes(arrivals: np.ndarray, synapses: Synapses, neurons: Dynamics, spikes: np.ndarray) -> None:
    """First spikes of each presentation, shape (presentations, neurons); ``inf`` is silent."""
    presentations, count = spikes.shape
    breakpoints = synapses.delays.shape[1]
    kind = neurons.bias.dtype.type
    zero, silent = kind(0), kind(np.inf)
    times = np.empty(arrivals.shape[1] * breakpoints, neurons.bias.dtype)
    codes = np.empty(times.size, np.int64)
    excess, slope, reached = np.empty(count, times.dtype), np.empty(count, times.dtype), np.empty(count, times.dtype)
    for b in range(presentations):
        events = 0
        for pre in range(arrivals.shape[1]):
            for k in range(breakpoints):
                now = arrivals[b, pre] + synapses.delays[synapses.psp[pre], k]
                if now < neurons.end and synapses.changes[synapses.psp[pre], k] != 0:
                    times[events], codes[events] = now, pre * breakpoints + k
                    events += 1
        order = np.argsort(times[:events], kind="mergesort")
        excess[:], slope[:], reached[:] = neurons.excess, neurons.bias, zero
        fired = spikes[b]
        fired[:] = silent
        for event in order:
            now = times[event]
            if neurons.gated and now >= neurons.onset:
                break
            pre, k = codes[event] // breakpoints, codes[event] % breakpoints
            change = synapses.changes[synapses.psp[pre], k]
            for s in range(synapses.first[pre], synapses.first[pre + 1]):
                post = synapses.post[s]
                if fired[post] < silent:
                    continue
                _advance(post, now, neurons, excess, slope, reached, fired)
                slope[post] += change * synapses.weights[s]
        for post in range(count):
            if fired[post] == silent:
                _finish(post, neurons, excess, slope, reached, fired)


@compiled
def _advance(
    post: int,
    now: float,
    neurons: Dynamics,
    excess: np.ndarray,
    slope: np.ndarray,
    reached: np.ndarray,
    fired: np.ndarray,
) -> None:
    """Integrate a neuron up to an event, and find the spike that lies before it."""
    if reached[post] < neurons.onset:
        stop = min(now, neurons.onset)
        excess[post] += slope[post] * (stop - reached[post])
        reached[post] = stop
        if stop == neurons.onset and excess[post] >= 0:
            if neurons.onset < neurons.end:  # a window may hold no step of the grid
                fired[post] = neurons.onset
            return
    if now > reached[post]:
        rise = slope[post] + neurons.drive
        later = excess[post] + rise * (now - reached[post])
        if later >= 0:
            # no earlier than the last event, whatever the rounding
            latency = now - min(now - reached[post], later / rise)
            fired[post] = np.ceil(latency) if neurons.whole_steps else latency
        excess[post], reached[post] = later, now


@compiled
def _finish(
    post: int, neurons: Dynamics, excess: np.ndarray, slope: np.ndarray, reached: np.ndarray, fired: np.ndarray
) -> None:
    """Find the spike of a neuron after its last event."""
    if reached[post] <= neurons.onset:
        _advance(post, neurons.onset, neurons, excess, slope, reached, fired)
        if excess[post] >= 0:
            if neurons.onset < neurons.end:
                fired[post] = neurons.onset
            return
    rise = neurons.drive if neurons.gated else slope[post] + neurons.drive
    if rise > 0:
        latency = reached[post] - excess[post] / rise
        if neurons.whole_steps:
            latency = np.ceil(latency)
        if latency < neurons.end:
            fired[post] = latency


@compiled
def earliest_arrivals(arrivals: np.ndarray, first: np.ndarray, post: np.ndarray, spikes: np.ndarray) -> None:
    """The earliest spike that reaches each relay.

    Parameters
    ----------
    arrivals : ndarray, shape (presentations, presynaptic neurons)
    first, post : ndarray
        As in `Synapses`.
    spikes : ndarray, shape (presentations, neurons)
        The result is written here.
    """
    spikes[:] = np.inf
    for b in range(len(arrivals)):
        for pre in range(arrivals.shape[1]):
            for s in range(first[pre], first[pre + 1]):
                spikes[b, post[s]] = min(spikes[b, post[s]], arrivals[b, pre])
