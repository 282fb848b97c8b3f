"""Populations whose potentials leak: families with rates (`netsim.specification.families`).

Between events all neurons of a population follow the same two functions. One interval therefore needs three numbers for
the whole population. A bound on the potential skips neurons that cannot reach threshold within the interval. Only for
the others is the crossing computed (`netsim.numerics.flows.crossing`).
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from netsim.engines.event.clock import Clock, Dynamics
from netsim.engines.event.windows import FirstSpikes, biases
from netsim.numerics.compilation import compiled, compiled_with
from netsim.numerics.flows import crossing, crossing_before, interval, potential_after
from netsim.numerics.order import bits_of, in_order_of_time
from netsim.numerics.receptive_fields import gather_field
from netsim.specification import Network, Population, Rates, Window
from netsim.weights.layout import Weights, kernel_name

DOUBLE = np.dtype(np.float64)
_PIECE = 0.5
"""Longest interval in which crossings are sought, in the longer of the two time constants."""
_SAFE = 1 + 1e-12
"""Factor of a bound that covers its rounding error."""
_DONE = -1e200
"""Potential of neurons that have fired; far below any threshold."""


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
    return Flow(rates.leak, rates.decay, dynamics.drive, dynamics.onset, dynamics.end, dynamics.whole_steps)


def rates_of(clock: Clock, population: Population) -> Rates:
    """Return the rates of a population in units of the clock."""
    rates = population.dynamics.rates
    assert rates is not None
    return rates.per_step(clock.dt)


def thresholds_of(
    clock: Clock, population: Population, dynamics: Dynamics, thresholds: np.ndarray | None
) -> np.ndarray:
    """Return the threshold of each neuron in units of ``u``, shape (neurons,)."""
    common = np.full(population.size, float(dynamics.threshold))
    if thresholds is None:
        return common
    per_threshold = population.dynamics.tau / (clock.dt or 1.0)
    return common + (thresholds.ravel().astype(DOUBLE) - population.dynamics.threshold) * per_threshold


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
        kernel = np.concatenate([part.reshape(-1, part.shape[-1]).astype(DOUBLE) for part in kernels])
        rows, columns, maps = self.window.shape
        bias = biases(self.population, weights, DOUBLE, maps)
        threshold = thresholds_of(self.clock, self.population, self.dynamics, thresholds).reshape(-1, maps)

        def first_spikes(arriving: Sequence[np.ndarray], spikes: np.ndarray) -> None:
            count = len(spikes)
            times = np.concatenate([np.asarray(part, DOUBLE).reshape(count, -1) for part in arriving], axis=1)
            result = np.empty((count, rows * columns, maps))
            shaped = times.reshape(count, *self.window.source)
            _sweep(shaped, kernel, bias, threshold, self.flow, self.window, bits_of(DOUBLE), result)
            spikes[...] = result.reshape(spikes.shape)

        return first_spikes


def _is_dense(window: Window) -> bool:
    return window.shape[:2] == (1, 1) and window.source[:2] == (1, 1)


@compiled
def _sweep(
    times: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray,
    threshold: np.ndarray,
    flow: Flow,
    window: Window,
    bits: np.ndarray,
    spikes: np.ndarray,
) -> None:
    """Write first spikes, shape (presentations, positions, maps), ``inf`` for silence."""
    columns = window.shape[1]
    seen = np.empty(len(kernel))
    rests, room = np.empty(bias.size), np.empty((5, bias.size))
    for b in range(len(times)):
        for position in range(spikes.shape[1]):
            row, column = position // columns, position % columns
            gather_field(times, b, row, column, window.size, window.stride, window.padding, seen)
            order = in_order_of_time(seen, seen.view(bits.dtype), flow.end)
            fired = spikes[b, position]
            _follow(seen, order, kernel, bias, threshold[position], flow, rests, room, fired)


@compiled
def _follow(
    times: np.ndarray,
    order: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray,
    threshold: np.ndarray,
    flow: Flow,
    rests: np.ndarray,
    room: np.ndarray,
    spikes: np.ndarray,
) -> None:
    """Follow the neurons of one position from spike to spike. `room` has five rows."""
    potentials, currents, later, fading, bounds = room[0], room[1], room[2], room[3], room[4]
    neurons, fired, now, position = spikes.size, 0, 0.0, 0
    opened = flow.onset <= 0
    for j in range(neurons):
        potentials[j], currents[j], spikes[j] = 0.0, 0.0, np.inf
        rests[j] = bias[j] + flow.drive if opened else bias[j]
    slowest = min(flow.leak, flow.decay)
    longest = max(1.0, np.ceil(_PIECE / slowest)) if slowest > 0 else np.inf
    while True:
        until = times[order[position]] if position < order.size else flow.end
        if not opened and flow.onset <= until:
            until = flow.onset
        span = until - now
        if span > 0:
            rise, push, fade = interval(flow.leak, flow.decay, span)
            near = _advance(rise, push, fade, flow.leak, threshold, potentials, currents, rests, later, fading, bounds)
            if opened and near:
                if span > longest:  # the bound and the first guess of a crossing are better in short intervals
                    until, span = now + longest, longest
                    rise, push, fade = interval(flow.leak, flow.decay, span)
                    near = _advance(
                        rise, push, fade, flow.leak, threshold, potentials, currents, rests, later, fading, bounds
                    )
                fired += _fire(now, until, threshold, flow, potentials, currents, rests, spikes, later, bounds)
            potentials, later = later, potentials
            currents, fading = fading, currents
            now = until
            if fired == neurons:
                return
            if opened and until < (times[order[position]] if position < order.size else flow.end):
                continue
        if not opened and now >= flow.onset:
            opened = True
            for j in range(neurons):
                rests[j] = bias[j] + flow.drive
                if potentials[j] >= threshold[j] and now < flow.end:
                    spikes[j] = now
                    fired += 1
            continue
        if position == order.size or fired == neurons:
            return
        _add(kernel[order[position]], currents)
        position += 1


@compiled_with(fastmath={"contract"})
def _add(weights: np.ndarray, currents: np.ndarray) -> None:
    for j in range(currents.size):
        currents[j] += weights[j]


@compiled_with(fastmath={"contract"})
def _advance(
    rise: float,
    push: float,
    fade: float,
    leak: float,
    threshold: np.ndarray,
    potentials: np.ndarray,
    currents: np.ndarray,
    rests: np.ndarray,
    later: np.ndarray,
    fading: np.ndarray,
    bounds: np.ndarray,
) -> bool:
    """Write potentials and currents after an interval, and return whether any neuron may reach threshold in it.

    Also write bounds of the potentials within the interval. A potential has one extremum at most. So it exceeds both
    its ends only if it falls at the later end, and no further than a current that stayed would raise it.
    """
    count = 0
    for j in range(potentials.size):
        u, current = potentials[j], currents[j]
        slope = rests[j] - leak * u
        last, left = u + slope * rise + current * push, current * fade
        later[j], fading[j] = last, left
        bound = max(u, last)
        if rests[j] - leak * last + left < 0:
            bound = max(bound, u + (slope + max(current, 0.0)) * rise * _SAFE)
        bounds[j] = bound
        count += bound >= threshold[j]
    return count > 0


@compiled
def _fire(
    now: float,
    until: float,
    threshold: np.ndarray,
    flow: Flow,
    potentials: np.ndarray,
    currents: np.ndarray,
    rests: np.ndarray,
    spikes: np.ndarray,
    later: np.ndarray,
    bounds: np.ndarray,
) -> int:
    """Write spikes of an interval and return their number. Neurons that have fired move far below threshold."""
    fired = 0
    for j in range(spikes.size):
        if bounds[j] < threshold[j] or spikes[j] < np.inf:
            continue
        u, current, rest = potentials[j], currents[j], rests[j]
        if later[j] >= threshold[j] > u and not flow.whole_steps:
            time = now + crossing_before(u, current, rest, threshold[j], flow.leak, flow.decay, until - now, later[j])
            time = time if time < flow.end else np.inf
        else:
            time = spike_within(now, until, u, current, rest, threshold[j], flow)
        if time < np.inf:
            spikes[j], later[j] = time, _DONE
            fired += 1
    return fired


@compiled
def spike_within(
    now: float, until: float, u: float, current: float, rest: float, threshold: float, flow: Flow
) -> float:
    """Return when a neuron fires within ``[now, until)``, ``inf`` if it does not. On a grid only steps count."""
    time = now + crossing(u, current, rest, threshold, flow.leak, flow.decay, until - now)
    if flow.whole_steps and time < np.inf:
        time = np.ceil(time)
        if potential_after(u, current, rest, flow.leak, flow.decay, time - now) < threshold:
            time = np.inf  # it was over threshold between two steps
    return time if time < until or (time == until and not flow.whole_steps and until < flow.end) else np.inf
