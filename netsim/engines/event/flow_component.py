"""Populations whose potentials leak, of any connectivity, in loops and with competition, from event to event.

Events have the same order as in `netsim.engines.event.component`. A spike adds its weight to the synaptic current of
its targets, at once or after a delay. Then a bound tells before which time a target cannot fire. Its crossing is
computed only if nothing else happens until then.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from netsim.engines.event.clock import Clock, Dynamics
from netsim.engines.event.competition import let_win, sort_by_lead
from netsim.engines.event.component import ComponentStage, _Members
from netsim.engines.event.flow import rates_of, thresholds_of
from netsim.engines.event.sparse import Synapses
from netsim.engines.event.spike_queue import Events, next_due, pop, push, schedule
from netsim.numerics.compilation import compiled, compiled_in_place
from netsim.numerics.flows import DOUBLE, by_constant, by_current, crossing, potential_after
from netsim.numerics.order import in_order_of_time
from netsim.specification import Population


class FlowComponentStage(ComponentStage):
    """A component of populations with rates (see `netsim.specification.families`). Arithmetic has double precision."""

    def __init__(self, clock: Clock, component: tuple[Population, ...]) -> None:
        super().__init__(clock, component)
        self.dtype = DOUBLE
        rates = [rates_of(clock, population) for population in component]
        self.leaks = np.array([each.leak for each in rates])
        self.decays = np.array([each.decay for each in rates])
        self.layout = _in_double(self.layout, ("delays", "changes"))
        self.members = _in_double(self.members, ("onset", "end", "drive", "equal"))

    def _start(self, population: Population, dynamics: Dynamics, thresholds: np.ndarray | None) -> np.ndarray:
        """Return the threshold of each neuron, because potentials start at 0."""
        return thresholds_of(self.clock, population, dynamics, thresholds)

    def _loop(self, start: np.ndarray, bias: np.ndarray) -> tuple[Callable[..., None], tuple[Any, ...]]:
        """See `ComponentStage`."""
        return _run_flow, (_Parameters(start, bias, self.leaks, self.decays),)


Arrays = TypeVar("Arrays", Synapses, _Members)


def _in_double(arrays: Arrays, names: Sequence[str]) -> Arrays:
    """Return arrays with some of them in double precision."""
    return arrays._replace(**{name: getattr(arrays, name).astype(DOUBLE) for name in names})


class _Parameters(NamedTuple):
    """Thresholds and constant currents of neurons, and rates of populations."""

    threshold: np.ndarray
    bias: np.ndarray
    leak: np.ndarray
    decay: np.ndarray


class _State(NamedTuple):
    """State of a presentation.

    Potentials and currents are those at the times `reached`. A neuron fires at its `planned` time if it is `exact`,
    else not before it. Neurons that have fired, or cannot fire, are `done`. `due` (`netsim.engines.event.spike_queue`)
    has the planned times or earlier times. Populations are `open` after their onset.
    """

    potential: np.ndarray
    current: np.ndarray
    reached: np.ndarray
    planned: np.ndarray
    exact: np.ndarray
    due: np.ndarray
    done: np.ndarray
    open: np.ndarray


@compiled
def _run_flow(
    arrivals: np.ndarray,
    silenced: np.ndarray,
    synapses: Synapses,
    lag: np.ndarray,
    parameters: _Parameters,
    members: _Members,
    whole_steps: bool,
    instant: float,
    tie: float,
    bits: np.ndarray,
    spikes: np.ndarray,
) -> None:
    """Write the first spikes of each presentation, shape (presentations, neurons), ``inf`` for silence.

    `arrivals` belong to lines from outside. `lag` has the delays of lines of the loop, which follow them in the rows of
    the synapses.
    """
    presentations, count = spikes.shape
    outer, last = arrivals.shape[1], members.end[members.last]
    leaves = 1
    while leaves < count:
        leaves *= 2
    state = _State(
        np.empty(count),
        np.empty(count),
        np.empty(count),
        np.empty(count),
        np.empty(count, np.bool_),
        np.empty(2 * leaves),
        np.empty(count, np.bool_),
        np.empty(members.onset.size, np.bool_),
    )
    times = np.empty(outer)
    events = Events(np.empty(lag.size), np.empty(lag.size, np.int64), np.zeros(1, np.int64))
    tally = np.empty(members.scopes, np.int64)
    firing = np.empty(count, np.int64)
    for b in range(presentations):
        for line in range(outer):
            times[line] = arrivals[b, line]
        order = in_order_of_time(times, times.view(bits.dtype), last)
        for i in range(count):
            state.done[i], spikes[b, i] = silenced[b, i], np.inf
        state.potential[:], state.current[:], state.reached[:] = 0, 0, 0
        state.planned[:], state.due[:], state.exact[:] = np.inf, np.inf, False
        state.open[:] = False
        tally[:] = 0
        events.waiting[0] = 0
        position, opened = 0, 0
        while True:
            from_outside = times[order[position]] if position < order.size else np.inf
            from_within = events.times[0] if events.waiting[0] > 0 else np.inf
            event = min(from_outside, from_within)
            opening = members.onset[members.openings[opened]] if opened < members.openings.size else np.inf
            now = min(event, opening)
            _settle(now + instant, parameters, members, state, whole_steps)
            if not min(now, state.due[1]) < last:
                break
            # simultaneous changes of currents do not affect a potential that reaches threshold
            if state.due[1] <= now + instant and state.due[1] < opening:
                _fire(
                    min(state.due[1] + tie, now + instant),
                    parameters,
                    members,
                    state,
                    whole_steps,
                    firing,
                    tally,
                    bits,
                    spikes[b],
                )
                for neuron in firing:
                    if neuron < 0:
                        break
                    for place_of_line in range(members.first_line[neuron], members.first_line[neuron + 1]):
                        line = members.lines[place_of_line]
                        time = spikes[b, neuron] + lag[line - outer]
                        if time < last:
                            push(events, time, line)
            elif opening == now:
                _open(members.openings[opened], now, parameters, members, state)
                opened += 1
            else:
                if from_outside == now:
                    line, position = int(order[position]), position + 1
                else:
                    line = int(pop(events))
                for s in range(synapses.first[line], synapses.first[line + 1]):
                    neuron = np.intp(synapses.post[s])
                    if state.done[neuron]:
                        continue
                    _advance(neuron, now, parameters, members, state)
                    state.current[neuron] += synapses.weights[s]
                    if state.open[members.owner[neuron]]:
                        _plan(neuron, parameters, members, state)


@compiled_in_place
def _rest(neuron: int, parameters: _Parameters, members: _Members, state: _State) -> float:
    """Return the constant current of a neuron at present."""
    owner = members.owner[neuron]
    return parameters.bias[neuron] + members.drive[owner] if state.open[owner] else parameters.bias[neuron]


@compiled_in_place
def _advance(neuron: int, now: float, parameters: _Parameters, members: _Members, state: _State) -> None:
    """Move a neuron to a time."""
    span = now - state.reached[neuron]
    if span > 0:
        owner = members.owner[neuron]
        leak, decay = parameters.leak[owner], parameters.decay[owner]
        rest, u = _rest(neuron, parameters, members, state), state.potential[neuron]
        rise, push = by_constant(leak, span), by_current(leak, decay, span)
        state.potential[neuron] = u + (rest - leak * u) * rise + state.current[neuron] * push
        state.current[neuron] *= np.exp(-decay * span)
    state.reached[neuron] = now


@compiled_in_place
def _plan(neuron: int, parameters: _Parameters, members: _Members, state: _State) -> None:
    """Write the time before which a neuron cannot fire, after a change of its current."""
    owner, due = members.owner[neuron], state.reached[neuron]
    missing = parameters.threshold[neuron] - state.potential[neuron]
    state.exact[neuron] = not missing > 0
    if missing > 0:
        leak = parameters.leak[owner]
        slope = max(state.current[neuron], 0.0) + _rest(neuron, parameters, members, state)
        slope -= leak * state.potential[neuron]
        # a current that stayed would raise the potential by at most slope/leak
        due = due + missing / slope * (1 - 1e-12) if slope > 0 and slope * (1 + 1e-12) >= leak * missing else np.inf
    due = due if due < members.end[owner] else np.inf
    state.planned[neuron] = due
    if due < state.due[state.due.size // 2 + neuron]:
        schedule(state.due, neuron, due)


@compiled_in_place
def _settle(until: float, parameters: _Parameters, members: _Members, state: _State, whole_steps: bool) -> None:
    """Update entries until the first due neuron is due at its planned, exact time, after `until`, or never."""
    while state.due[1] <= until and state.due[1] < np.inf:
        neuron = next_due(state.due)
        if state.planned[neuron] == state.due[1]:
            if state.exact[neuron]:
                return
            owner = members.owner[neuron]
            leak, decay, end = parameters.leak[owner], parameters.decay[owner], members.end[owner]
            u, current, reached = state.potential[neuron], state.current[neuron], state.reached[neuron]
            rest, threshold = _rest(neuron, parameters, members, state), parameters.threshold[neuron]
            time = reached + crossing(u, current, rest, threshold, leak, decay, end - reached)
            if whole_steps and time < np.inf:
                time = np.ceil(time)
                if potential_after(u, current, rest, leak, decay, time - reached) < threshold:
                    time = np.inf  # it was over threshold between two steps
            state.planned[neuron], state.exact[neuron] = time if time < end else np.inf, True
        schedule(state.due, neuron, state.planned[neuron])


@compiled_in_place
def _open(population: int, now: float, parameters: _Parameters, members: _Members, state: _State) -> None:
    """Open the firing window of a population at its onset."""
    for neuron in range(members.owner.size):
        if members.owner[neuron] == population and not state.done[neuron]:
            _advance(neuron, now, parameters, members, state)
    state.open[population] = True
    for neuron in range(members.owner.size):
        if members.owner[neuron] == population and not state.done[neuron]:
            _plan(neuron, parameters, members, state)


@compiled
def _fire(
    until: float,
    parameters: _Parameters,
    members: _Members,
    state: _State,
    whole_steps: bool,
    firing: np.ndarray,
    tally: np.ndarray,
    bits: np.ndarray,
    spikes: np.ndarray,
) -> None:
    """Fire all due neurons that competition allows. Write them to `firing`, followed by -1."""
    count, compete, first, owner = 0, False, state.due[1], members.owner[next_due(state.due)]
    while state.due[1] <= until:
        neuron = next_due(state.due)
        if state.due[1] > first and (members.contest.scope[neuron] < 0 or members.owner[neuron] != owner):
            break  # only rivals reach threshold together despite different times
        spikes[neuron] = state.due[1]
        state.planned[neuron], state.done[neuron] = np.inf, True
        schedule(state.due, neuron, np.inf)
        _settle(until, parameters, members, state, whole_steps)
        compete |= members.contest.scope[neuron] >= 0
        firing[count] = neuron
        count += 1
    if compete and count > 1:
        # their order is arbitrary by rounding: sort by potential above threshold, then by number
        lead = np.empty_like(spikes)
        lead[:] = -np.inf
        for neuron in firing[:count]:
            _advance(neuron, spikes[neuron], parameters, members, state)
            excess = state.potential[neuron] - parameters.threshold[neuron]
            lead[neuron] = np.rint(excess / members.equal[members.owner[neuron]])
        sort_by_lead(lead, bits, firing)
    let_win(count, members.contest, tally, firing, spikes)
