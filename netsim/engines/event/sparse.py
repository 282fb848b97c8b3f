"""Populations of any connectivity, and relays: synapse by synapse, at a cost in proportion to those with a spike.

The breakpoints of all presynaptic spikes are visited in order of time, and each moves those neurons alone that
its synapses reach. The kernels for windows are quicker where they apply, and give the same spikes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from netsim.engines.event.clock import Clock, Dynamics
from netsim.engines.event.windows import FirstSpikes, biases
from netsim.numerics.compilation import compiled, compiled_with
from netsim.numerics.order import in_order_of_time
from netsim.numerics.receptive_fields import earliest
from netsim.numerics.sparse_products import picked
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
    """A population of integrating neurons, not gated, that receives by any projections."""

    def __init__(self, clock: Clock, population: Population) -> None:
        self.clock = clock
        self.population = population
        self.dynamics = clock.dynamics(population)
        self.layout = lay_out_synapses(clock, population)

    def prepare(self, weights: Weights, thresholds: np.ndarray | None = None) -> FirstSpikes:
        """See `netsim.engines.event.engine.Stage`."""
        dtype, incoming = self.clock.dtype, self.clock.network.incoming(self.population.name)
        values = np.concatenate([weights[kernel_name(projection)].ravel() for projection in incoming])
        in_order = len(incoming) == 1 and incoming[0].connectivity.per_synapse
        own = values.astype(dtype, copy=False) if in_order else picked(values, self.layout.weights, dtype)
        synapses = self.layout._replace(weights=own)
        start = np.full(self.population.size, -self.dynamics.threshold, dtype)
        if thresholds is not None:
            start += self.clock.head_start(self.population, thresholds).ravel()
        bias = biases(self.population, weights, dtype, start.size)
        bits = np.empty(0, f"u{dtype.itemsize}")  # tells their type

        def first_spikes(arriving: Sequence[np.ndarray], spikes: np.ndarray) -> None:
            found = np.empty((len(spikes), start.size), dtype)
            _first_spikes(side_by_side(arriving, dtype), synapses, start, bias, self.dynamics, bits, found)
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
        weights.append(weight.astype(np.uint32) + np.uint32(offset))
        psps.append(np.full(counts[-1].size, number, np.int32))
        offset += int(np.prod(network.weight_shape(projection) or (0,)))
        psp = clock.breakpoints(projection)
        delays[number, : psp.delays.size], changes[number, : psp.delays.size] = psp
    first = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64)
    posts = np.concatenate(posts).view(np.uint32)
    return Synapses(first, posts, np.concatenate(weights), np.concatenate(psps), delays, changes)


@compiled_with(fastmath={"contract"})
def _first_spikes(
    arrivals: np.ndarray,
    synapses: Synapses,
    start: np.ndarray,
    bias: np.ndarray,
    neurons: Dynamics,
    bits: np.ndarray,
    spikes: np.ndarray,
) -> None:
    """First spikes of each presentation, shape (presentations, neurons); ``inf`` is silent.

    Potentials, at the `start` too, are counted from the threshold. Between two breakpoints that of a neuron is a line
    ``a + b·t``, of which each breakpoint changes two numbers.
    """
    breakpoints, real = synapses.delays.shape[1], bias.dtype.type
    silent, onset = real(np.inf), real(neurons.onset)
    at_onset = onset if neurons.onset < neurons.end else silent  # a window may hold no step of the grid
    times = np.empty(arrivals.shape[1] * breakpoints, bias.dtype)
    lines = np.empty((bias.size, 2), bias.dtype)
    for b in range(len(spikes)):
        fired = spikes[b]
        for post in range(bias.size):
            lines[post, 0], lines[post, 1], fired[post] = start[post], bias[post], silent
        _write_times(arrivals[b], synapses, times)
        order = in_order_of_time(times, times.view(bits.dtype), neurons.end)
        place = 0
        while place < order.size and times[order[place]] <= onset:
            pre, now, change = _breakpoint(order[place], times, synapses)
            for s in range(np.uint64(synapses.first[pre]), np.uint64(synapses.first[pre + 1])):
                post, step = synapses.post[s], change * synapses.weights[s]
                lines[post, 0] -= step * now
                lines[post, 1] += step
            place += 1
        _open(lines, neurons, at_onset, fired)
        while place < order.size:
            pre, now, change = _breakpoint(order[place], times, synapses)
            for s in range(np.uint64(synapses.first[pre]), np.uint64(synapses.first[pre + 1])):
                post, step = synapses.post[s], change * synapses.weights[s]
                height, rise = lines[post, 0], lines[post, 1]
                excess = height + rise * now
                if excess >= 0:
                    latency = now - excess / rise
                    fired[post] = np.ceil(latency) if neurons.whole_steps else latency
                    height = -silent  # no slope raises it again
                lines[post, 0], lines[post, 1] = height - step * now, rise + step
            place += 1
        for post in range(bias.size):
            if fired[post] == silent and lines[post, 1] > 0:
                latency = -lines[post, 0] / lines[post, 1]
                latency = np.ceil(latency) if neurons.whole_steps else latency
                if latency < neurons.end:
                    fired[post] = latency


@compiled_with(forceinline=True)
def _breakpoint(event: int, times: np.ndarray, synapses: Synapses) -> tuple[int, float, float]:
    """The presynaptic neuron of a breakpoint, when it comes, and by how much it changes slopes."""
    breakpoints = synapses.delays.shape[1]
    pre = event if breakpoints == 1 else event // breakpoints
    return pre, times[event], synapses.changes[synapses.psp[pre], event - pre * breakpoints]


@compiled
def _open(lines: np.ndarray, neurons: Dynamics, at_onset: float, fired: np.ndarray) -> None:
    """What happens at the onset: who is over threshold fires, and the drive sets in for the others."""
    for post in range(len(lines)):
        if lines[post, 0] + lines[post, 1] * neurons.onset >= 0:
            fired[post] = at_onset
            lines[post, 0] = -np.inf
        else:
            lines[post, 0] -= neurons.drive * neurons.onset
            lines[post, 1] += neurons.drive


@compiled
def _write_times(arrivals: np.ndarray, synapses: Synapses, times: np.ndarray) -> None:
    """Write when breakpoints come, ``inf`` where there is none.

    The number of a breakpoint is that of its neuron, times the number of breakpoints of a PSP, plus its own.
    """
    breakpoints, never = synapses.delays.shape[1], times.dtype.type(np.inf)
    for pre in range(arrivals.size):
        psp = synapses.psp[pre]
        for k in range(breakpoints):
            now = arrivals[pre] + synapses.delays[psp, k]
            times[pre * breakpoints + k] = now if synapses.changes[psp, k] != 0 else never


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
