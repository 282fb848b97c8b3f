"""Populations whose synapses have delays of their own: neuron by neuron, spike by spike as they arrive there.

No two neurons need get a spike at the same time, so that each has a queue of its own. Of gated neurons only what is
built up by the onset counts, for which the order of the spikes does not matter.
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from netsim.engines.event.clock import Clock, Dynamics
from netsim.engines.event.sparse import Synapses, lay_out_synapses, side_by_side
from netsim.engines.event.windows import FirstSpikes, biases
from netsim.numerics.compilation import compiled
from netsim.numerics.order import bits_of, in_order_of_time
from netsim.numerics.sparse_products import picked
from netsim.specification import Population
from netsim.weights.delays import synaptic_delay
from netsim.weights.layout import Weights, kernel_name


class Afferents(NamedTuple):
    """Synapses by postsynaptic neuron, those of `j` from entry ``first[j]`` on; else as `Synapses`, with own delays."""

    first: np.ndarray
    pre: np.ndarray
    weights: np.ndarray
    late: np.ndarray
    psp: np.ndarray
    delays: np.ndarray
    changes: np.ndarray


class AfferentStage:
    """A population of integrating neurons, some of whose synapses have delays of their own."""

    ranks: ClassVar[bool] = False

    def __init__(self, clock: Clock, population: Population) -> None:
        self.clock = clock
        self.population = population
        self.dynamics = clock.dynamics(population)
        self.layout = _by_target(lay_out_synapses(clock, population), population.size)

    def prepare(self, weights: Weights, thresholds: np.ndarray | None = None) -> FirstSpikes:
        """See `netsim.engines.event.engine.Stage`."""
        clock, dtype = self.clock, self.clock.dtype
        values, late = [], []
        for projection in clock.network.incoming(self.population.name):
            kernel, delays = weights[kernel_name(projection)], synaptic_delay(projection, weights)
            values.append(kernel.ravel())
            late.append(np.zeros(kernel.size) if delays is None else clock.count(delays).ravel())
        afferents = self.layout._replace(
            weights=picked(np.concatenate(values), self.layout.weights, dtype),
            late=picked(np.concatenate(late), self.layout.weights, dtype),
        )
        start = np.full(self.population.size, -self.dynamics.threshold, dtype)
        if thresholds is not None:
            start += clock.head_start(self.population, thresholds).ravel()
        bias = biases(self.population, weights, dtype, start.size)
        bits = bits_of(dtype)

        def first_spikes(arriving: Sequence[np.ndarray], spikes: np.ndarray) -> None:
            found = np.empty((len(spikes), start.size), dtype)
            _first_spikes(side_by_side(arriving, dtype), afferents, start, bias, self.dynamics, bits, found)
            spikes[...] = found.reshape(spikes.shape)

        return first_spikes


def _by_target(synapses: Synapses, count: int) -> Afferents:
    """The same synapses, sorted by the neuron that receives."""
    order = np.argsort(synapses.post, kind="stable")
    pre = np.repeat(np.arange(synapses.psp.size, dtype=np.int32), np.diff(synapses.first))[order]
    first = np.concatenate([[0], np.cumsum(np.bincount(synapses.post, minlength=count))]).astype(np.int64)
    nothing = np.empty(0, synapses.delays.dtype)
    return Afferents(first, pre, synapses.weights[order], nothing, synapses.psp[pre], synapses.delays, synapses.changes)


@compiled
def _first_spikes(
    arrivals: np.ndarray,
    afferents: Afferents,
    start: np.ndarray,
    bias: np.ndarray,
    neurons: Dynamics,
    bits: np.ndarray,
    spikes: np.ndarray,
) -> None:
    """First spikes of each presentation, shape (presentations, neurons); ``inf`` is silent.

    Potentials at the `start` are counted from the threshold; `bits` are those of `bits_of`.
    """
    presentations, count = spikes.shape
    breakpoints = afferents.delays.shape[1]
    real = bias.dtype.type
    zero, silent = real(0), real(np.inf)
    until = neurons.onset if neurons.gated else neurons.end
    most = 0
    for post in range(count):
        most = max(most, afferents.first[post + 1] - afferents.first[post])
    times, jumps = np.empty(most * breakpoints, bias.dtype), np.empty(most * breakpoints, bias.dtype)
    excess, slope, reached = np.empty(count, times.dtype), np.empty(count, times.dtype), np.empty(count, times.dtype)
    for b in range(presentations):
        fired = spikes[b]
        fired[:] = silent
        for post in range(count):
            excess[post], slope[post], reached[post] = start[post], bias[post], zero
            events = 0
            for s in range(afferents.first[post], afferents.first[post + 1]):
                arrival, psp = arrivals[b, afferents.pre[s]] + afferents.late[s], afferents.psp[s]
                for k in range(breakpoints):
                    now, jump = arrival + afferents.delays[psp, k], afferents.changes[psp, k] * afferents.weights[s]
                    if now >= until or jump == 0:
                        continue
                    if neurons.gated:
                        excess[post] += jump * (neurons.onset - now)
                    else:
                        times[events], jumps[events] = now + zero, jump  # never -0.0, whose bits come last
                        events += 1
            for event in in_order_of_time(times[:events], times[:events].view(bits.dtype), silent):
                if fired[post] < silent:
                    break
                _advance(post, times[event], neurons, excess, slope, reached, fired)
                slope[post] += jumps[event]
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
