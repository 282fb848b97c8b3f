"""Populations of any connectivity, and relays. The cost is proportional to the synapses with a spike.

The loops visit the breakpoints of all presynaptic spikes in temporal order. Each breakpoint changes only the neurons
that its synapses reach. The loops for windows are faster where they apply, and compute the same spikes.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, NamedTuple

import numpy as np

from netsim.engines.event.clock import Clock, Dynamics
from netsim.engines.event.windows import FirstSpikes, biases, convert, in_type
from netsim.numerics.compilation import compiled, compiled_with
from netsim.numerics.groups import starts_of
from netsim.numerics.lines import ABREAST, bend
from netsim.numerics.order import bits_of, in_order_of_time
from netsim.numerics.psp import Breakpoints
from netsim.numerics.receptive_fields import earliest
from netsim.numerics.sparse_products import picked
from netsim.specification import Population, Projection
from netsim.weights.layout import Weights, kernel_name, synaptic_delay

_BLOCK, _LARGEST_BLOCK = 2048, 2**15 - 2
"""Neurons per block: their state fits into the L1 cache. The larger number fits into two bytes."""
_ROW = 32
"""Mean synapses per row; amortises row start-up."""
_QUEUED = 1_000_000
"""Breakpoints queued at a time; bounds memory."""
_NOWHERE: Mapping[str, int] = MappingProxyType({})


class Synapses(NamedTuple):
    """Synapses by line (`Lines`), with consecutive numbers over all projections.

    The synapses of a line start in `post` and `weights` at its entry of `first`, which has one final additional entry.
    `psp` is the row of a line in `delays` and `changes`, shape (projections, breakpoints). These are the delays of
    slope changes of the PSP after the spike, and their sizes, padded with changes of 0.
    """

    first: np.ndarray
    post: np.ndarray
    weights: np.ndarray
    psp: np.ndarray
    delays: np.ndarray
    changes: np.ndarray


class Rows(NamedTuple):
    """Synapses in blocks of `size` neighbouring neurons, so that reads and writes of a sweep stay in the cache.

    A row contains the synapses of a presynaptic neuron within a block. It starts in `post` and `weights` at its entry
    of `first`, block by block. `post` is the position of a neuron's line within its block, in numbers.
    Rows consist of whole groups of `ABREAST` synapses, each onto a different neuron. They are padded with synapses
    of weight 0 onto a dummy neuron, the last of a block.
    """

    first: np.ndarray
    post: np.ndarray
    weights: np.ndarray
    size: int


class Events(NamedTuple):
    """Breakpoints in temporal order: times, presynaptic neurons and slope changes, shape (presentations, most).

    `counts`, shape (presentations,), are the numbers of breakpoints.
    """

    times: np.ndarray
    pre: np.ndarray
    changes: np.ndarray
    counts: np.ndarray


class SparseStage:
    """A population of integrating, ungated neurons with any input projections."""

    ranks: ClassVar[bool] = False

    def __init__(self, clock: Clock, population: Population) -> None:
        self.clock = clock
        self.population = population
        self.dynamics = clock.dynamics(population)
        network = clock.network
        self.incoming = network.incoming(population.name)
        synapses, self.lines = lay_out_synapses(clock, self.incoming)
        weights = sum(math.prod(network.weight_shape(projection)) for projection in self.incoming)
        self.rows = _in_rows(synapses, population.size, weights)
        changes = synapses.changes[synapses.psp]
        self.psps = Breakpoints(
            np.where(changes == 0, np.inf, synapses.delays[synapses.psp]).astype(clock.dtype), changes
        )

    def prepare(self, weights: Weights, thresholds: np.ndarray | None = None) -> FirstSpikes:
        """See `netsim.engines.event.engine.Stage`."""
        dtype, incoming = self.clock.dtype, self.incoming
        values = [weights[kernel_name(projection)].ravel() for projection in incoming]
        lags = [
            lags_of(self.clock, projection, line, weights)
            for projection, line in zip(incoming, self.lines, strict=True)
        ]
        of_all = values[0] if len(values) == 1 else np.concatenate(values)
        rows = self.rows._replace(weights=picked(of_all, self.rows.weights, dtype))
        start = np.full(self.population.size, -self.dynamics.threshold, dtype)
        if thresholds is not None:
            start += self.clock.head_start(self.population, thresholds).ravel()
        bias = biases(self.population, weights, dtype, start.size)
        bits = bits_of(dtype)

        def first_spikes(arriving: Sequence[np.ndarray], spikes: np.ndarray) -> None:
            of_lines = zip(arriving, self.lines, lags, strict=True)
            times = side_by_side([by_line(sent, line, late, dtype) for sent, line, late in of_lines])
            most = self.psps.delays.size
            at_once = max(1, _QUEUED // most)
            shape = (min(at_once, len(times)), most)
            events = Events(
                np.empty(shape, dtype),
                np.empty(shape, np.uint32),
                np.empty(shape, dtype),
                np.empty(shape[0], np.uint64),
            )
            flat = spikes.reshape(len(spikes), -1)
            result = in_type(flat, dtype)
            for first in range(0, len(times), at_once):
                part = slice(first, first + at_once)
                _queue(times[part], self.psps, self.dynamics.end, bits, events)
                _first_spikes(events, rows, start, bias, self.dynamics, result[part])
            convert(result, flat)

        return first_spikes


class RelayStage:
    """A population of relays, which have one input projection."""

    ranks: ClassVar[bool] = False

    def __init__(self, clock: Clock, population: Population) -> None:
        (projection,) = clock.network.incoming(population.name)
        self.window = clock.network.window(projection)
        self.layout = None if self.window is not None else lay_out_synapses(clock, [projection])[0]
        self.end = clock.duration if projection.delay != 0.0 else None

    def prepare(self, weights: Weights, thresholds: np.ndarray | None = None) -> FirstSpikes:
        """See `netsim.engines.event.engine.Stage`. Weights and thresholds are ignored."""
        return self._first_spikes

    def _first_spikes(self, arriving: Sequence[np.ndarray], spikes: np.ndarray) -> None:
        if self.window is not None:
            earliest(np.ascontiguousarray(arriving[0]), self.window.size, self.window.stride, spikes)
        else:
            assert self.layout is not None
            first_arrivals = np.empty((len(spikes), spikes[0].size), spikes.dtype)
            arrivals = np.ascontiguousarray(arriving[0], spikes.dtype).reshape(len(spikes), -1)
            earliest_arrivals(arrivals, self.layout.first, self.layout.post, first_arrivals)
            spikes[...] = first_arrivals.reshape(spikes.shape)
        if self.end is not None:
            spikes[spikes >= self.end] = np.inf


class Lines(NamedTuple):
    """Lines of a projection: groups of synapses that a spike reaches simultaneously.

    With individual delays, each synapse is a line.

    `sources` are the presynaptic neurons of the lines, or None if each neuron has one line. `synapses` are the indices
    of the delays of lines with individual delays.
    """

    sources: np.ndarray | None
    synapses: np.ndarray | None


def lags_of(clock: Clock, projection: Projection, lines: Lines, weights: Weights) -> np.ndarray | None:
    """Return the additional delays of the lines of a projection, or None without individual delays."""
    delays = synaptic_delay(projection, weights)
    return None if delays is None else clock.count(delays).ravel()[lines.synapses]


def by_line(times: np.ndarray, lines: Lines, lags: np.ndarray | None, dtype: np.dtype) -> np.ndarray:
    """Return arrival times at lines, shape (presentations, lines), from common arrival times at all synapses."""
    flat = np.ascontiguousarray(times, dtype).reshape(len(times), -1)
    if lines.sources is None or lags is None:
        return flat
    arrivals = np.empty((len(flat), lines.sources.size), dtype)
    _send(flat, lines.sources, lags.astype(dtype, copy=False), arrivals)
    return arrivals


@compiled
def _send(times: np.ndarray, sources: np.ndarray, lags: np.ndarray, arrivals: np.ndarray) -> None:
    for b in range(len(times)):
        for line in range(sources.size):
            arrivals[b, line] = times[b, sources[line]] + lags[line]


def side_by_side(arrivals: Sequence[np.ndarray]) -> np.ndarray:
    """Concatenate arrays of all projections, shape (presentations, lines of all)."""
    return np.ascontiguousarray(arrivals[0] if len(arrivals) == 1 else np.concatenate(arrivals, axis=1))


def lay_out_synapses(
    clock: Clock, projections: Sequence[Projection], offsets: Mapping[str, int] = _NOWHERE
) -> tuple[Synapses, list[Lines]]:
    """Return the synapses of projections by line, and the lines of each projection.

    Weights are replaced by indices into the concatenated weights. Postsynaptic neurons are numbered from the offsets of
    their populations.
    """
    network = clock.network
    most = max(len(projection.psp.kernel) for projection in projections)
    delays, changes = np.zeros((2, len(projections), most), clock.dtype)
    counts, posts, weights, psps, lines = [], [], [], [], []
    offset = 0
    for number, projection in enumerate(projections):
        pre, post, weight = network.connections(projection)
        apart = projection.is_delayed_per("synapse")
        lines.append(Lines(pre, weight) if apart else Lines(None, None))
        of_neurons = np.bincount(pre, minlength=math.prod(network.shapes[projection.source]))
        counts.append(np.ones_like(pre) if apart else of_neurons)
        posts.append(post + np.int32(offsets.get(projection.target, 0)))
        weights.append(weight.astype(np.uint32) + np.uint32(offset))
        psps.append(np.full(counts[-1].size, number, np.int32))
        offset += math.prod(network.weight_shape(projection) or (0,))
        psp = clock.breakpoints(projection)
        delays[number, : psp.delays.size], changes[number, : psp.delays.size] = psp
    first = starts_of(np.concatenate(counts))
    places = np.concatenate(posts).view(np.uint32)
    return Synapses(first, places, np.concatenate(weights), np.concatenate(psps), delays, changes), lines


def _in_rows(synapses: Synapses, neurons: int, nothing: int) -> Rows:
    """Return the same synapses in blocks, with indices of weights. Padding has the index `nothing`."""
    sources, count = synapses.psp.size, synapses.post.size
    size = min(neurons, max(_BLOCK, -(-_ROW * neurons * sources // max(count, 1))), _LARGEST_BLOCK)
    blocks = -(-neurons // size)
    first = np.zeros(blocks * sources + 1, np.uint64)
    abreast, unit = np.uint64(ABREAST), 2
    _begin_rows(synapses, size, abreast, np.zeros(neurons, np.uint64), first)
    post, number = np.full(int(first[-1]), size * unit, np.uint16), np.full(int(first[-1]), nothing, np.uint32)
    _fill_rows(synapses, size, unit, abreast, np.zeros(neurons, np.uint64), first[:-1].copy(), post, number)
    return Rows(first, post, number, size)


@compiled
def _begin_rows(synapses: Synapses, size: int, abreast: np.uint64, after: np.ndarray, first: np.ndarray) -> None:
    """Write the start of the row of each presynaptic neuron in each block."""
    sources = synapses.psp.size
    for pre in range(sources):
        for s in range(synapses.first[pre], synapses.first[pre + 1]):
            after[synapses.post[s]] = 0
        for s in range(synapses.first[pre], synapses.first[pre + 1]):
            row = synapses.post[s] // size * sources + pre
            first[row + 1] = _placed(first[row + 1], synapses.post[s], abreast, after) + np.uint64(1)
    total = np.uint64(0)
    for row in range(first.size):
        total += _whole_vectors(first[row], abreast)
        first[row] = total


@compiled
def _fill_rows(
    synapses: Synapses,
    size: int,
    unit: int,
    abreast: np.uint64,
    after: np.ndarray,
    following: np.ndarray,
    post: np.ndarray,
    numbers: np.ndarray,
) -> None:
    """Write each synapse to a position in its row. `following` has the next free positions."""
    sources = synapses.psp.size
    for pre in range(sources):
        for s in range(synapses.first[pre], synapses.first[pre + 1]):
            row = synapses.post[s] // size * sources + pre
            slot = _placed(following[row], synapses.post[s], abreast, after)
            post[slot], numbers[slot] = synapses.post[s] % size * unit, synapses.weights[s]
            following[row] = slot + np.uint64(1)


@compiled
def _placed(following: np.uint64, post: int, abreast: np.uint64, after: np.ndarray) -> np.uint64:
    """Return the position of a synapse: the next of its row, or after the vector that contains its neuron already.

    `after` has the end of this vector by neuron.
    """
    slot = max(following, after[post])
    after[post] = _whole_vectors(slot + np.uint64(1), abreast)
    return slot


@compiled
def _whole_vectors(count: np.uint64, abreast: np.uint64) -> np.uint64:
    """Round a count up to whole vectors."""
    return (count + abreast - np.uint64(1)) // abreast * abreast


@compiled
def _queue(arrivals: np.ndarray, psps: Breakpoints, end: float, bits: np.ndarray, events: Events) -> None:
    """Fill a queue, starting at its first presentation, with all breakpoints before the end of the firing window.

    `psps` belong to presynaptic neurons, shape (presynaptic neurons, breakpoints). `bits` sets the integer type for the
    bits of times.
    """
    breakpoints = psps.delays.shape[1]
    delays, changes = psps.delays.reshape(-1), psps.changes.reshape(-1)
    times = np.empty(delays.size, delays.dtype)
    for b in range(len(arrivals)):
        event_times, pre, change = events.times[b], events.pre[b], events.changes[b]
        if breakpoints == 1:  # without divisions the loop is vectorised
            arrived = arrivals[b]
            for event in range(times.size):
                times[event] = arrived[event] + delays[event]
        else:
            for event in range(times.size):
                times[event] = arrivals[b, event // breakpoints] + delays[event]
        order = in_order_of_time(times, times.view(bits.dtype), end)
        events.counts[b] = order.size
        for position in range(order.size):
            next_one = np.uint32(order[position])
            event_times[position], change[position] = times[next_one], changes[next_one]
            pre[position] = next_one if breakpoints == 1 else next_one // np.uint32(breakpoints)


@compiled_with(fastmath={"contract"})
def _first_spikes(
    events: Events, rows: Rows, start: np.ndarray, bias: np.ndarray, neurons: Dynamics, spikes: np.ndarray
) -> None:
    """Write the first spikes of each presentation, shape (presentations, neurons), ``inf`` for silence.

    Potentials, including `start`, are relative to the threshold. Between two breakpoints, the potential of a neuron is
    a line ``a + b·t``. Each breakpoint changes both numbers. A line that has reached the threshold stays constant. At
    the end, all lines determine the spike times.
    """
    real = bias.dtype.type
    threshold, none, onset = real(0), real(np.inf), real(neurons.onset)
    # local names avoid reference counting of tuple members; the end of a row is read repeatedly because a loop of known
    # length would be unrolled, with one more unpredictable branch
    first, posts, weights, size = rows
    step, abreast = np.uint64(1), np.uint64(ABREAST)
    sources = (first.size - 1) // (-(-bias.size // size))
    lines = np.zeros(2 * (size + 1), bias.dtype)
    for begin in range(0, bias.size, size):
        row, count = begin // size * sources, min(size, bias.size - begin)
        row_starts, reached = first[row : row + sources + 1], lines[: 2 * count]
        unbent, opened = np.empty(2 * count, lines.dtype), np.empty(2 * count, lines.dtype)
        for post in range(count):
            unbent[2 * post], unbent[2 * post + 1] = start[begin + post], bias[begin + post]
        _copy(unbent, opened)
        _open(opened, neurons)
        for b in range(len(spikes)):
            times, pre, changes = events.times[b], events.pre[b], events.changes[b]
            position, last = np.uint64(0), events.counts[b]  # unsigned indices need no check
            is_open = last == position or times[position] > onset
            _copy(opened if is_open else unbent, reached)
            while position < last and times[position] <= onset:
                now, change = times[position], changes[position]
                s, end = row_starts[pre[position]], pre[position] + step
                while s < row_starts[end]:
                    bend(lines, posts, weights, s, change, now, none)
                    s += abreast
                position += step
            if not is_open:
                _open(reached, neurons)
            while position < last:
                now, change = times[position], changes[position]
                s, end = row_starts[pre[position]], pre[position] + step
                while s < row_starts[end]:
                    bend(lines, posts, weights, s, change, now, threshold)
                    s += abreast
                position += step
            _close(reached, neurons, spikes[b, begin : begin + count])


@compiled
def _copy(given: np.ndarray, written: np.ndarray) -> None:
    # assigning a slice would make a copy first
    for i in range(given.size):
        written[i] = given[i]


@compiled
def _open(lines: np.ndarray, neurons: Dynamics) -> None:
    """Apply the onset: neurons above threshold fire, and the drive starts for the others."""
    for post in range(lines.size // 2):
        height, rise = lines[2 * post], lines[2 * post + 1]
        over = height + rise * neurons.onset >= 0
        lines[2 * post] = -neurons.onset if over else height - neurons.drive * neurons.onset
        lines[2 * post + 1] = 1 if over else rise + neurons.drive


@compiled
def _close(lines: np.ndarray, neurons: Dynamics, fired: np.ndarray) -> None:
    """Write when each line reaches threshold before the end. A window may contain no step of the grid."""
    silent = fired.dtype.type(np.inf)
    for post in range(fired.size):
        height, rise = lines[2 * post], lines[2 * post + 1]
        time = -height / rise if rise > 0 else silent
        time = np.ceil(time) if neurons.whole_steps else time
        fired[post] = time if time < neurons.end else silent


@compiled
def earliest_arrivals(arrivals: np.ndarray, first: np.ndarray, post: np.ndarray, spikes: np.ndarray) -> None:
    """Write the earliest spike that reaches each relay, shape (presentations, neurons). See `Synapses`."""
    spikes[:] = np.inf
    for b in range(len(arrivals)):
        for pre in range(arrivals.shape[1]):
            for s in range(first[pre], first[pre + 1]):
                spikes[b, post[s]] = min(spikes[b, post[s]], arrivals[b, pre])
