"""Populations whose potentials leak: families with rates (`netsim.specification.families`).

Between two spikes, all neurons of a population follow the same two functions. A step between spikes therefore needs
four numbers for the whole population, which are computed once. Neighbouring neurons then take all steps together, in
vectors (`netsim.numerics.vectors`). A bound on the potential skips neurons that cannot reach threshold within a step.
Only for the others is the crossing computed (`netsim.numerics.flows`).
"""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar, NamedTuple

import numpy as np

from netsim.engines.event.clock import Clock, Dynamics
from netsim.engines.event.sweep import (
    AHEAD,
    Blocks,
    Fields,
    Layout,
    Queue,
    empty_queue,
    fields_of,
    queue_breakpoints,
)
from netsim.engines.event.windows import FirstSpikes, biases, convert, in_type
from netsim.numerics.compilation import compiled_in_place, compiled_with
from netsim.numerics.flows import DOUBLE, by_constant, crossing, crossing_before, interval, potential_after
from netsim.numerics.psp import Breakpoints
from netsim.numerics.vectors import (
    broadcast,
    count_at_least,
    from_a_line,
    lanes_of,
    load,
    maybe_positive,
    prefetch,
    store,
    where_at_least,
)
from netsim.specification import Network, Population, Rates, Window
from netsim.weights.layout import Weights, kernel_name

_PIECE = 0.5
"""Longest step in the shorter of the two time constants. Short steps have better bounds."""
_PIECES = 16
"""Number of such steps after a spike. The current has vanished after them, so the rest is a single step."""
_SAFE = 1 + 1e-12
"""Factor of a bound that covers its rounding error."""
_LEAST = 1e-300
"""Least share of a potential that is kept: more than 0, so that ``-inf`` remains."""
_AT_ONCE = Breakpoints(np.zeros(1), np.ones(1))
"""Spikes are queued with their arrival times."""

# "contract" allows fused multiply-add; infinities keep their meaning
_njit = compiled_with(fastmath={"contract"})


class Flow(NamedTuple):
    """Parameters of a population for compiled loops, in units of the clock. Potentials are ``u = tau·v``."""

    leak: float
    decay: float
    drive: float
    onset: float
    end: float
    whole_steps: bool


def flow_of(clock: Clock, population: Population) -> Flow:
    """Return the parameters of a population of a family with rates."""
    dynamics, rates = clock.dynamics(population), rates_of(clock, population)
    drive, onset, end = float(dynamics.drive), float(dynamics.onset), float(dynamics.end)
    return Flow(rates.leak, rates.decay, drive, onset, end, dynamics.whole_steps)


def rates_of(clock: Clock, population: Population) -> Rates:
    """Return the rates of a population in units of the clock."""
    leak, decay, _ = population.dynamics.kind.parameters(population.dynamics, clock.dt)
    return Rates(leak, decay)


def thresholds_of(
    clock: Clock, population: Population, dynamics: Dynamics, thresholds: np.ndarray | None
) -> np.ndarray:
    """Return the threshold of each neuron in units of ``u``, shape (neurons,)."""
    common = np.full(population.size, float(dynamics.threshold))
    if thresholds is None:
        return common
    per_threshold = population.dynamics.tau / (clock.dt or 1.0)
    return common + (thresholds.ravel().astype(DOUBLE) - population.dynamics.threshold) * per_threshold


class Steps(NamedTuple):
    """The steps of the neurons at each position, from spike to spike. Shapes begin with (presentations, rows, columns).

    The first `early` rows of `factors` belong to spikes up to the onset: their effects on potential and current at the
    onset. The other rows up to `counts` belong to steps: the share of the potential that is kept, the effects of a
    constant current and of the synaptic current on the potential, and the share of the synaptic current that is kept.
    `begins` are the times at which steps begin, and the end of the last step. `ends` are the numbers of queued spikes
    that arrive up to the end of a step.
    """

    early: np.ndarray
    counts: np.ndarray
    begins: np.ndarray
    factors: np.ndarray
    ends: np.ndarray


class FlowSweep:
    """A population whose projections are all dense, or one window, without loops. Arithmetic has double precision."""

    ranks: ClassVar[bool] = False

    def __init__(self, clock: Clock, population: Population) -> None:
        network = clock.network
        self.clock, self.population = clock, population
        self.incoming = network.incoming(population.name)
        windows = [network.window(projection) for projection in self.incoming]
        assert windows[0] is not None
        self.window = windows[0]
        if len(windows) > 1:  # several dense projections are one
            inputs = sum(window.source[2] for window in windows if window is not None)
            self.window = self.window._replace(source=(1, 1, inputs))
        self.dynamics = clock.dynamics(population)
        self.flow = flow_of(clock, population)
        self._layout = Layout(self.window.shape, lanes_of(DOUBLE))
        self._fields = fields_of(self.window)
        fastest = max(self.flow.leak, self.flow.decay)
        self._longest = _PIECE / fastest if fastest > 0 else np.inf
        if self.flow.whole_steps:
            self._longest = np.ceil(self._longest)

    @staticmethod
    def suits(network: Network, population: Population) -> bool:
        """Return whether the projections onto a population have a form that the sweep supports."""
        incoming = network.incoming(population.name)
        windows = [network.window(projection) for projection in incoming]
        if any(projection.is_delayed_per("synapse") for projection in incoming) or any(
            window is None for window in windows
        ):
            return False
        return len(windows) == 1 or all(_is_dense(window) for window in windows if window is not None)

    def prepare(self, weights: Weights, thresholds: np.ndarray | None = None) -> FirstSpikes:
        """See `netsim.engines.event.engine.Stage`."""
        kernels = [weights[kernel_name(projection)] for projection in self.incoming]
        parts = [np.ascontiguousarray(part, DOUBLE).reshape(-1, part.shape[-1]) for part in kernels]
        kernel = parts[0] if len(parts) == 1 else np.concatenate(parts)
        maps = self.window.shape[2]
        bias = biases(self.population, weights, DOUBLE, maps)
        shape = (1, 1, maps) if thresholds is None else self.window.shape
        threshold = thresholds_of(self.clock, self.population, self.dynamics, thresholds)
        threshold = threshold[:maps] if thresholds is None else threshold
        # potentials are relative to the threshold, so that the leak adds a constant current
        potentials = -threshold.reshape(shape)
        steady = bias + self.flow.leak * potentials if self.flow.leak > 0 else np.broadcast_to(bias, shape)
        layout = self._layout
        blocks = Blocks(
            layout.first,
            *layout.weights(kernel),
            layout.by_block(bias, 0.0, DOUBLE),
            layout.by_block(potentials, -np.inf, DOUBLE),
        )
        return partial(self._sweep, blocks, layout.by_block(steady, 0.0, DOUBLE))

    def _sweep(self, blocks: Blocks, steady: np.ndarray, arriving: Sequence[np.ndarray], spikes: np.ndarray) -> None:
        if self.flow.onset >= self.flow.end:
            spikes[...] = np.inf
            return
        count = len(spikes)
        parts = [np.asarray(part, DOUBLE).reshape(count, -1) for part in arriving]
        times = np.ascontiguousarray(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1))
        maps = times.reshape(count, *self.window.source)
        queue = empty_queue(self.window, 1, self._layout.in_place, DOUBLE)
        shaped = spikes.reshape(-1, *self.window.shape)
        result = in_type(shaped, DOUBLE)
        _first_spikes(
            maps,
            (maps + 0.0).view(np.uint64),
            _AT_ONCE,
            self._fields,
            queue,
            self._empty_steps(queue),
            blocks,
            steady,
            self.flow,
            self._longest,
            result,
        )
        convert(result, shaped)

    def _empty_steps(self, queue: Queue) -> Steps:
        *shape, spikes = queue.times.shape
        gaps = spikes + 1
        pieces = min(int((self.flow.end - self.flow.onset) // self._longest) + 1, _PIECES * gaps)
        room = gaps + pieces
        return Steps(
            np.empty(shape, np.int64),
            np.empty(shape, np.int64),
            np.empty((*shape, room + 1)),
            np.empty((*shape, room, 4)),
            np.empty((*shape, room), np.int32),
        )


def _is_dense(window: Window) -> bool:
    return window.shape[:2] == (1, 1) and window.source[:2] == (1, 1)


@_njit
def _first_spikes(
    maps: np.ndarray,
    bits: np.ndarray,
    at_once: Breakpoints,
    fields: Fields,
    queue: Queue,
    steps: Steps,
    blocks: Blocks,
    steady: np.ndarray,
    flow: Flow,
    longest: float,
    spikes: np.ndarray,
) -> None:
    """Write first spikes, ``inf`` for silence, in groups of presentations that fit the queue."""
    together = len(queue.counts)
    for first in range(0, len(maps), together):
        part = slice(first, first + together)
        queue_breakpoints(maps[part], bits[part], flow.end, at_once, fields, queue)
        _plan(len(maps[part]), queue, flow, longest, steps)
        _sweep(queue, steps, blocks, steady, flow, spikes[part])


@compiled_in_place
def _plan(presentations: int, queue: Queue, flow: Flow, longest: float, steps: Steps) -> None:
    """Write the steps of queued presentations. Long gaps between spikes have several steps."""
    _, rows, columns, _ = queue.times.shape
    for b in range(presentations):
        for row in range(rows):
            for column in range(columns):
                times, count, position = queue.times[b, row, column], queue.counts[b, row, column], 0
                begins, factors, ends = (
                    steps.begins[b, row, column],
                    steps.factors[b, row, column],
                    steps.ends[b, row, column],
                )
                while position < count and times[position] <= flow.onset:
                    _, push, fade = interval(flow.leak, flow.decay, flow.onset - times[position])
                    factors[position, 0], factors[position, 1] = push, fade
                    position += 1
                steps.early[b, row, column] = position
                k, now, pieces = position, flow.onset, 0
                while now < flow.end:
                    until = times[position] if position < count else flow.end
                    if until - now > longest and pieces < _PIECES:
                        until, pieces = now + longest, pieces + 1
                    else:
                        pieces = 0
                    rise, push, fade = interval(flow.leak, flow.decay, until - now)
                    factors[k, 0], factors[k, 1] = max(1.0 - flow.leak * rise, _LEAST), rise
                    factors[k, 2], factors[k, 3] = push, fade
                    while position < count and times[position] <= until:
                        position += 1
                    begins[k], ends[k], now = now, position, until
                    k += 1
                begins[k] = now
                steps.counts[b, row, column] = k


@_njit
def _sweep(queue: Queue, steps: Steps, blocks: Blocks, steady: np.ndarray, flow: Flow, spikes: np.ndarray) -> None:
    """Take all steps until all maps have fired. The maps of a block are swept together.

    Potentials are relative to the threshold. Neurons that have fired get the potential ``-inf``. `steady` are constant
    currents without the drive, with the leak at threshold. Spikes have the shape (presentations, rows, columns, maps).
    """
    presentations, rows, columns, maps = spikes.shape
    lanes, weights, pitch = blocks.bias.shape[1], blocks.weights, blocks.pitch
    last_row, last_column = blocks.start.shape[0] - 1, blocks.start.shape[1] - 1
    nothing, silent, at_onset = broadcast(0.0), broadcast(np.inf), broadcast(flow.onset)
    drive, built = broadcast(flow.drive), broadcast(by_constant(flow.leak, flow.onset))
    fired, before, currents = from_a_line(lanes, spikes), from_a_line(lanes, spikes), from_a_line(lanes, spikes)
    rests, after, bounds = from_a_line(lanes, spikes), from_a_line(lanes, spikes), from_a_line(lanes, spikes)
    # numbers that cannot be negative are places without a test
    step, ahead, far = np.uint64(1), np.uint64(AHEAD), pitch > lanes
    for block in range(len(blocks.bias)):
        first, map_of_block = blocks.places[block], blocks.maps[block]
        bias = load(blocks.bias[block], 0)
        count_of_maps = min(lanes, maps - map_of_block)
        for b in range(presentations):
            for row in range(rows):
                for column in range(columns):
                    synapses, factors = queue.synapses[b, row, column], steps.factors[b, row, column]
                    begins, ends = steps.begins[b, row, column], steps.ends[b, row, column]
                    early, count = np.uint64(steps.early[b, row, column]), np.uint64(steps.counts[b, row, column])
                    excess = load(blocks.start[min(row, last_row), min(column, last_column), block], 0)
                    rest = load(steady[min(row, last_row), min(column, last_column), block], 0) + drive
                    excess, current, position = excess + bias * built, nothing, np.uint64(0)
                    while position < early:
                        arriving = load(weights, first + np.uint32(synapses[position]) * pitch)
                        excess = excess + arriving * broadcast(factors[position, 0])
                        current = current + arriving * broadcast(factors[position, 1])
                        position += step
                    store(fired, 0, where_at_least(excess, nothing, at_onset, silent))
                    waiting = count_of_maps - count_at_least(excess, nothing)
                    excess, k = where_at_least(excess, nothing, -silent, excess), early
                    while k < count and waiting > 0:
                        rise = broadcast(factors[k, 1])
                        kept = excess * broadcast(factors[k, 0]) + rest * rise
                        later = kept + current * broadcast(factors[k, 2])
                        # no further than a current that stayed would raise it
                        bound = kept + where_at_least(current, nothing, current, nothing) * rise * broadcast(_SAFE)
                        if maybe_positive(bound):
                            store(before, 0, excess)
                            store(currents, 0, current)
                            store(rests, 0, rest)
                            store(after, 0, later)
                            store(bounds, 0, bound)
                            waiting -= _fire(
                                begins[k], begins[k + step], flow, before, currents, rests, after, bounds, fired
                            )
                            later = load(after, 0)
                        excess, current = later, current * broadcast(factors[k, 3])
                        end = np.uint64(ends[k])
                        while position < end:
                            if far:
                                prefetch(weights, first + np.uint32(synapses[position + ahead]) * pitch)
                            current = current + load(weights, first + np.uint32(synapses[position]) * pitch)
                            position += step
                        k += step
                    written = spikes[b, row, column, map_of_block:]
                    for m in range(count_of_maps):  # assigning a slice would make a copy first
                        written[m] = fired[m]


@compiled_in_place
def _fire(
    now: float,
    until: float,
    flow: Flow,
    excess: np.ndarray,
    current: np.ndarray,
    rest: np.ndarray,
    later: np.ndarray,
    bounds: np.ndarray,
    spikes: np.ndarray,
) -> int:
    """Write spikes of a step and return their number. Neurons that have fired get the potential ``-inf``.

    On a grid only whole steps count.
    """
    fired, span = 0, until - now
    for j in range(spikes.size):
        if not bounds[j] >= 0 or spikes[j] < np.inf:
            continue
        if later[j] >= 0 and not flow.whole_steps:
            time = now + crossing_before(excess[j], current[j], rest[j], 0.0, flow.leak, flow.decay, span, later[j])
        else:
            time = now + crossing(excess[j], current[j], rest[j], 0.0, flow.leak, flow.decay, span)
            if flow.whole_steps and time < np.inf:
                time = np.ceil(time)
                if potential_after(excess[j], current[j], rest[j], flow.leak, flow.decay, time - now) < 0:
                    time = np.inf  # it was over threshold between two steps
            if not time <= until:
                time = until if later[j] >= 0 else np.inf
        if time < flow.end:
            spikes[j], later[j] = time, -np.inf
            fired += 1
    return fired
