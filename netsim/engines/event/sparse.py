"""Populations of any connectivity, and relays: synapse by synapse, at a cost in proportion to those with a spike.

Each neuron knows its potential at the time of its last event. The breakpoints of all presynaptic spikes are visited in
order of time, and each moves those neurons alone that its synapses reach. The kernels for windows are quicker where
they apply, and give the same spikes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from netsim.engines.event.clock import Clock, Dynamics
from netsim.engines.event.windows import FirstSpikes, biases
from netsim.numerics.compilation import compiled
from netsim.numerics.receptive_fields import earliest
from netsim.specification import Population
from netsim.weights.layout import Weights, kernel_name


class Synapses(NamedTuple):
    """Synapses of all projections onto a population, by presynaptic neuron; sources are counted one after another.

    Those of a presynaptic neuron begin in `post` and `weights` at its entry of `first`, which has one more at the end.
    `psp` is the row of `delays` and `changes`, shape (projections, breakpoints), that its spike has: when the slope of
    the PSP changes after the spike, and by how much; filled up with changes of 0.
    """

    first: np.ndarray
    post: np.ndarray
    weights: np.ndarray
    psp: np.ndarray
    delays: np.ndarray
    changes: np.ndarray


class SparseStage:
    """A population of integrating neurons that receives by any projections."""

    def __init__(self, clock: Clock, population: Population) -> None:
        self.clock = clock
        self.population = population
        self.dynamics = clock.dynamics(population)
        self.layout = lay_out_synapses(clock, population)

    def prepare(self, weights: Weights, thresholds: np.ndarray | None = None) -> FirstSpikes:
        """See `netsim.engines.event.engine.Stage`."""
        dtype, incoming = self.clock.dtype, self.clock.network.incoming(self.population.name)
        values = np.concatenate([weights[kernel_name(projection)].ravel() for projection in incoming])
        synapses = self.layout._replace(weights=values.astype(dtype)[self.layout.weights])
        start = np.full(self.population.size, -self.dynamics.threshold, dtype)
        if thresholds is not None:
            start += self.clock.head_start(self.population, thresholds).ravel()
        bias = biases(self.population, weights, dtype, start.size)

        def first_spikes(arriving: Sequence[np.ndarray], spikes: np.ndarray) -> None:
            found = np.empty((len(spikes), start.size), dtype)
            _first_spikes(side_by_side(arriving, dtype), synapses, start, bias, self.dynamics, found)
            spikes[...] = found.reshape(spikes.shape)

        return first_spikes


class RelayStage:
    """A population of relays, which receive by one projection."""

    def __init__(self, clock: Clock, population: Population) -> None:
        (projection,) = clock.network.incoming(population.name)
        self.window = clock.network.window(projection)
        self.layout = None if self.window is not None else lay_out_synapses(clock, population)

    def prepare(self, weights: Weights, thresholds: np.ndarray | None = None) -> FirstSpikes:
        """See `netsim.engines.event.engine.Stage`; there are neither weights nor thresholds."""
        return self._first_spikes

    def _first_spikes(self, arriving: Sequence[np.ndarray], spikes: np.ndarray) -> None:
        if self.window is not None:
            earliest(np.ascontiguousarray(arriving[0]), self.window.size, self.window.stride, spikes)
            return
        assert self.layout is not None
        found = np.empty((len(spikes), spikes[0].size), spikes.dtype)
        earliest_arrivals(side_by_side(arriving, spikes.dtype), self.layout.first, self.layout.post, found)
        spikes[...] = found.reshape(spikes.shape)


def side_by_side(sources: Sequence[np.ndarray], dtype: np.dtype) -> np.ndarray:
    """Spike times of several sources side by side, shape (presentations, presynaptic neurons of all)."""
    flat = [np.asarray(source, dtype).reshape(len(source), -1) for source in sources]
    return np.ascontiguousarray(np.concatenate(flat, axis=1))


def lay_out_synapses(clock: Clock, population: Population) -> Synapses:
    """The synapses onto a population, with indices into its weights, one array after another, in place of weights."""
    network = clock.network
    projections = network.incoming(population.name)
    most = max(len(projection.psp.kernel) for projection in projections)
    delays, changes = np.zeros((2, len(projections), most), clock.dtype)
    counts, posts, weights, psps = [], [], [], []
    offset = 0
    for number, projection in enumerate(projections):
        pre, post, weight = network.connections(projection)
        counts.append(np.bincount(pre, minlength=int(np.prod(network.shapes[projection.source]))))
        posts.append(post)
        weights.append(weight.astype(np.int64) + offset)
        psps.append(np.full(counts[-1].size, number, np.int32))
        offset += int(np.prod(network.weight_shape(projection) or (0,)))
        psp = clock.breakpoints(projection)
        delays[number, : psp.delays.size], changes[number, : psp.delays.size] = psp
    first = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64)
    return Synapses(first, np.concatenate(posts), np.concatenate(weights), np.concatenate(psps), delays, changes)


@compiled
def _first_spikes(
    arrivals: np.ndarray, synapses: Synapses, start: np.ndarray, bias: np.ndarray, neurons: Dynamics, spikes: np.ndarray
) -> None:
    """First spikes of each presentation, shape (presentations, neurons); ``inf`` is silent.

    Potentials at the `start` are counted from the threshold.
    """
    presentations, count = spikes.shape
    breakpoints = synapses.delays.shape[1]
    real = bias.dtype.type
    zero, silent = real(0), real(np.inf)
    times = np.empty(arrivals.shape[1] * breakpoints, bias.dtype)
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
        excess[:], slope[:], reached[:] = start, bias, zero
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
                advance(post, now, neurons, excess, slope, reached, fired)
                slope[post] += change * synapses.weights[s]
        for post in range(count):
            if fired[post] == silent:
                finish(post, neurons, excess, slope, reached, fired)


@compiled
def advance(
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
def finish(
    post: int, neurons: Dynamics, excess: np.ndarray, slope: np.ndarray, reached: np.ndarray, fired: np.ndarray
) -> None:
    """Find the spike of a neuron after its last event."""
    if reached[post] <= neurons.onset:
        advance(post, neurons.onset, neurons, excess, slope, reached, fired)
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
    """The earliest spike that reaches each relay, shape (presentations, neurons); see `Synapses`."""
    spikes[:] = np.inf
    for b in range(len(arrivals)):
        for pre in range(arrivals.shape[1]):
            for s in range(first[pre], first[pre + 1]):
                spikes[b, post[s]] = min(spikes[b, post[s]], arrivals[b, pre])
