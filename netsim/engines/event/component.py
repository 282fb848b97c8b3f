"""Populations in a loop, or with competition that times do not determine, simulated together event by event.

A spike changes slopes, at once or after a delay. Slopes predict the next spike of each neuron. The neuron with the
earliest predicted spike fires, which may change all later predictions. Potentials have no jumps. Simultaneous spikes
therefore do not influence each other: they fire before any of them changes a slope. On a grid, this applies to spikes
of the same step.

One loop serves all families that have `Moves`, which it chooses by the type of the parameters of neurons.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numba.extending import overload

from netsim.engines.event.clock import Clock, Dynamics
from netsim.engines.event.competition import Contest, let_win, sort_by_lead
from netsim.engines.event.sparse import Synapses, by_line, lags_of, lay_out_synapses
from netsim.engines.event.spike_queue import Events, next_due, pop, push, schedule
from netsim.engines.event.windows import biases
from netsim.numerics.compilation import FORWARDED, compiled, compiled_in_place
from netsim.numerics.groups import starts_of
from netsim.numerics.order import bits_of, in_order_of_time
from netsim.numerics.sparse_products import picked
from netsim.specification import Population
from netsim.weights.layout import Weights, kernel_name

Run = Callable[[Mapping[str, np.ndarray], Mapping[str, np.ndarray], Mapping[str, np.ndarray]], None]
"""Compute the first spikes of a component for some presentations.

Arguments are arrival times of spikes by projection from outside, silenced neurons by population, and result arrays by
population. All have the shape (presentations, \\*population).
"""

EQUAL = 1e-9
"""Difference of potentials at threshold, in units of the threshold, below which competing neurons tie."""


class Members(NamedTuple):
    """The neurons of a component, ordered by population. `owner` is the index of a neuron's population.

    The next fields, up to `equal` (the difference of potentials that counts as a tie), are per population. The spike of
    neuron ``j`` uses the `lines` (rows of the synapses) starting at ``first_line[j]``. `scopes` is the number of scopes
    of the `contest`. `openings` are the populations in the order of their onsets. The window of population `last` ends
    last. If the targets of all lines are sorted and distinct, they are `in_order`.
    """

    owner: np.ndarray
    onset: np.ndarray
    end: np.ndarray
    drive: np.ndarray
    gated: np.ndarray
    equal: np.ndarray
    first_line: np.ndarray
    lines: np.ndarray
    contest: Contest
    openings: np.ndarray
    last: int
    scopes: int
    in_order: bool


class ComponentStage:
    """A component of a network (see `netsim.specification.Network.components`)."""

    def __init__(self, clock: Clock, component: tuple[Population, ...]) -> None:
        self.clock = clock
        self.component = component
        self.dynamics = [clock.dynamics(population) for population in component]
        sizes = [population.size for population in component]
        self.offsets = dict(
            zip([population.name for population in component], np.cumsum([0, *sizes]).tolist(), strict=False)
        )
        self.size = sum(sizes)
        network = clock.network
        incoming = [projection for population in component for projection in network.incoming(population.name)]
        self.outer = [projection for projection in incoming if not network.is_recurrent(projection)]
        self.inner = [projection for projection in incoming if network.is_recurrent(projection)]
        self.layout, self.lines = lay_out_synapses(clock, self.outer + self.inner, self.offsets)
        self.members = self._members()
        self.dtype = clock.dtype
        """Precision of arithmetic."""

    def prepare(self, weights: Weights, thresholds: Mapping[str, np.ndarray], late: Mapping[str, np.ndarray]) -> Run:
        """Return a function that computes the first spikes of some presentations.

        Thresholds of neurons are by population. Conduction delays are by projection, in units of the clock.
        """
        dtype, shapes = self.dtype, self.clock.network.shapes
        projections = self.outer + self.inner
        values = [weights[kernel_name(projection)].ravel() for projection in projections]
        synapses = self.layout._replace(weights=picked(np.concatenate(values), self.layout.weights, dtype))
        start, bias = np.empty(self.size, dtype), np.empty(self.size, dtype)
        for population, dynamics in zip(self.component, self.dynamics, strict=True):
            span = slice(self.offsets[population.name], self.offsets[population.name] + population.size)
            start[span] = self._start(population, dynamics, thresholds.get(population.name))
            bias[span] = biases(population, weights, dtype, population.size)
        own_lags = [
            lags_of(self.clock, projection, line, weights)
            for projection, line in zip(projections, self.lines, strict=True)
        ]
        from_inside = slice(len(self.outer), None)
        axons = [np.broadcast_to(late.get(each.name, 0), shapes[each.source]) for each in self.inner]
        lags = [
            by_line(sent[None], line, apart, dtype)[0]
            for sent, line, apart in zip(axons, self.lines[from_inside], own_lags[from_inside], strict=True)
        ]
        lag = np.concatenate([np.zeros(0), *lags]).astype(dtype)
        loop, neurons = self._loop(start, bias)
        whole_steps, bits = self.dynamics[0].whole_steps, bits_of(dtype)
        instant, tie = dtype.type(self.clock.instant), dtype.type(self.clock.tie)

        def run(
            arriving: Mapping[str, np.ndarray], silenced: Mapping[str, np.ndarray], spikes: Mapping[str, np.ndarray]
        ) -> None:
            presentations = len(next(iter(spikes.values())))
            arrivals = [np.zeros((presentations, 0), dtype)]
            for projection, lines, apart in zip(self.outer, self.lines, own_lags, strict=False):
                arrivals.append(by_line(arriving[projection.name], lines, apart, dtype))
            mute = np.zeros((presentations, self.size), dtype=bool)
            for name in silenced.keys() & spikes.keys():
                first = self.offsets[name]
                mute[:, first : first + spikes[name][0].size] = silenced[name].reshape(presentations, -1)
            fired = np.empty((presentations, self.size), dtype)
            from_outside = np.ascontiguousarray(np.concatenate(arrivals, axis=1), dtype)
            loop(from_outside, mute, synapses, lag, *neurons, self.members, whole_steps, instant, tie, bits, fired)
            for name, times in spikes.items():
                first = self.offsets[name]
                times[...] = fired[:, first : first + times[0].size].reshape(times.shape)

        return run

    def _start(self, population: Population, dynamics: Dynamics, thresholds: np.ndarray | None) -> np.ndarray:
        """Return a number for each neuron of a population: what its parameters need of its threshold."""
        raise NotImplementedError

    def _loop(self, start: np.ndarray, bias: np.ndarray) -> tuple[Callable[..., None], tuple[Any, ...]]:
        """Return the loop, and its arguments that describe the neurons."""
        raise NotImplementedError

    def _members(self) -> Members:
        real, sizes = self.clock.dtype, [population.size for population in self.component]
        each = {name: np.array([getattr(dynamics, name) for dynamics in self.dynamics]) for name in Dynamics._fields}
        lines, leaving = np.zeros(0, np.int64), np.zeros(0, np.int64)
        sources = [
            np.arange(math.prod(self.clock.network.shapes[projection.source])) if line.sources is None else line.sources
            for projection, line in zip(self.outer + self.inner, self.lines, strict=True)
        ]
        line = sum(source.size for source in sources[: len(self.outer)])
        for projection, source in zip(self.inner, sources[len(self.outer) :], strict=True):
            leaving = np.concatenate([leaving, source + self.offsets[projection.source]])
            lines = np.concatenate([lines, np.arange(line, line + source.size)])
            line += source.size
        scope, most = np.full((2, self.size), -1)
        neurons, counted, scopes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], 0
        for population in self.component:
            if population.winners is None:
                continue
            first, winners = self.offsets[population.name], population.winners
            local = winners.scopes(population.shape).ravel()
            scope[first : first + population.size] = local + scopes
            most[first : first + population.size] = winners.first
            source, where = winners.counted(population.shape)
            neurons.append(source + first)
            counted.append(where + scopes)
            scopes += int(local.max()) + 1
        order = np.argsort(leaving, kind="stable")
        return Members(
            np.repeat(np.arange(len(sizes)), sizes),
            each["onset"].astype(real),
            each["end"].astype(real),
            each["drive"].astype(real),
            each["gated"],
            (each["threshold"] * EQUAL).astype(real),
            starts_of(np.bincount(leaving, minlength=self.size)),
            lines[order],
            Contest(
                scope,
                most,
                starts_of(np.bincount(np.concatenate(neurons), minlength=self.size)),
                np.concatenate(counted),
            ),
            np.argsort(each["onset"], kind="stable"),
            int(each["end"].argmax()),
            scopes,
            self._is_in_order(),
        )

    def _is_in_order(self) -> bool:
        """Return whether the targets of each line are sorted and distinct."""
        begins = np.zeros(self.layout.post.size + 1, bool)
        begins[self.layout.first] = True
        return bool((begins[1:-1] | (self.layout.post[1:] > self.layout.post[:-1])).all())


Arrays = TypeVar("Arrays", Synapses, Members)


def in_double(arrays: Arrays, names: Sequence[str]) -> Arrays:
    """Return arrays with some of them in double precision."""
    return arrays._replace(**{name: getattr(arrays, name).astype(np.float64) for name in names})


class State(NamedTuple):
    """State of a presentation.

    Potentials and currents are those at the times `reached`. The current of a loop may be `recurrent`, apart from the
    others. Neurons that have fired, or cannot fire, have the potential ``-inf``. A neuron fires at its `planned` time
    if it is `exact`, else not before it. `due` (`netsim.engines.event.spike_queue`) has the planned times or earlier
    times, because postponed spikes are updated only when needed. Populations are `open` after their onset.
    """

    potential: np.ndarray
    current: np.ndarray
    recurrent: np.ndarray
    reached: np.ndarray
    planned: np.ndarray
    exact: np.ndarray
    due: np.ndarray
    open: np.ndarray


class Moves(NamedTuple):
    """Compiled functions of a family for the loop, with the arguments of the functions of the same name below.

    The parameters of its neurons are a NamedTuple with their `threshold`, and potential and current at the start.
    """

    advance: Any
    plan: Any
    arrive: Any


MOVES: dict[type, Moves] = {}
"""Functions by the type of the parameters of neurons."""


def _advance(neuron: int, now: float, neurons: Any, members: Members, state: State) -> None:
    """Move a neuron to a time."""
    MOVES[type(neurons)].advance(neuron, now, neurons, members, state)


def _plan(neuron: int, exactly: bool, neurons: Any, members: Members, state: State, whole_steps: bool) -> None:
    """Write the spike of a neuron after a change of its current, or, unless `exactly`, a time before its spike."""
    MOVES[type(neurons)].plan(neuron, exactly, neurons, members, state, whole_steps)


def _arrive(
    line: int, change: float, within: bool, now: float, synapses: Synapses, neurons: Any, members: Members,
    state: State, whole_steps: bool,
) -> None:  # fmt: skip
    """Change the currents of all synapses of a line, which have targets in one population, `within` a loop or not."""
    MOVES[type(neurons)].arrive(line, change, within, now, synapses, neurons, members, state, whole_steps)


@overload(_advance, jit_options=FORWARDED)
def _advance_of(neuron: Any, now: Any, neurons: Any, members: Any, state: Any) -> Any:
    move = MOVES[neurons.instance_class].advance

    def call(neuron: Any, now: Any, neurons: Any, members: Any, state: Any) -> Any:
        return move(neuron, now, neurons, members, state)

    return call


@overload(_plan, jit_options=FORWARDED)
def _plan_of(neuron: Any, exactly: Any, neurons: Any, members: Any, state: Any, whole_steps: Any) -> Any:
    move = MOVES[neurons.instance_class].plan

    def call(neuron: Any, exactly: Any, neurons: Any, members: Any, state: Any, whole_steps: Any) -> Any:
        return move(neuron, exactly, neurons, members, state, whole_steps)

    return call


@overload(_arrive, jit_options=FORWARDED)
def _arrive_of(
    line: Any, change: Any, within: Any, now: Any, synapses: Any, neurons: Any, members: Any, state: Any,
    whole_steps: Any,
) -> Any:  # fmt: skip
    move = MOVES[neurons.instance_class].arrive

    def call(
        line: Any, change: Any, within: Any, now: Any, synapses: Any, neurons: Any, members: Any, state: Any,
        whole_steps: Any,
    ) -> Any:  # fmt: skip
        return move(line, change, within, now, synapses, neurons, members, state, whole_steps)

    return call


@compiled
def run(
    arrivals: np.ndarray,
    silenced: np.ndarray,
    synapses: Synapses,
    lag: np.ndarray,
    neurons: Any,
    members: Members,
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
    outer, breakpoints = arrivals.shape[1], synapses.delays.shape[1]
    last, silent = members.end[members.last], neurons.current.dtype.type(np.inf)
    leaves = 1
    while leaves < count:
        leaves *= 2
    state = State(
        np.empty_like(neurons.current),
        np.empty_like(neurons.current),
        np.empty_like(neurons.current),
        np.empty_like(neurons.current),
        np.empty_like(neurons.current),
        np.empty(count, np.bool_),
        np.empty(2 * leaves, neurons.current.dtype),
        np.empty(members.onset.size, np.bool_),
    )
    times, codes = np.empty(outer * breakpoints, neurons.current.dtype), np.empty(outer * breakpoints, np.int64)
    room = lag.size * breakpoints
    events = Events(np.empty(room, neurons.current.dtype), np.empty(room, np.int64), np.zeros(1, np.int64))
    tally = np.empty(members.scopes, np.int64)
    firing = np.empty(count, np.int64)
    for b in range(presentations):
        arriving = 0
        for line in range(outer):
            for k in range(breakpoints):
                now = arrivals[b, line] + synapses.delays[synapses.psp[line], k]
                if now < last and synapses.changes[synapses.psp[line], k] != 0:
                    times[arriving], codes[arriving] = now, line * breakpoints + k
                    arriving += 1
        order = in_order_of_time(times[:arriving], times[:arriving].view(bits.dtype), last)
        # copying whole arrays would compile error messages for all mismatched shapes
        for i in range(count):
            state.potential[i] = -silent if silenced[b, i] else neurons.potential[i]
            state.current[i] = neurons.current[i]
            spikes[b, i] = silent
        state.recurrent[:], state.reached[:], state.planned[:], state.due[:] = 0, 0, silent, silent
        state.open[:], state.exact[:] = False, True
        tally[:] = 0
        events.waiting[0] = 0
        position, opened = 0, 0
        while True:
            from_outside = times[order[position]] if position < arriving else silent
            from_within = events.times[0] if events.waiting[0] > 0 else silent
            event = min(from_outside, from_within)
            opening = members.onset[members.openings[opened]] if opened < members.openings.size else silent
            now = min(event, opening)
            _settle(now + instant, neurons, members, state, whole_steps)
            if not min(now, state.due[1]) < last:
                break
            # simultaneous changes of slope do not affect a potential that reaches threshold
            if state.due[1] <= now + instant and state.due[1] < opening:
                together = min(state.due[1] + tie, now + instant)
                _fire(together, neurons, members, state, whole_steps, firing, tally, bits, spikes[b])
                for neuron in firing:
                    if neuron < 0:
                        break
                    for place_of_line in range(members.first_line[neuron], members.first_line[neuron + 1]):
                        line = members.lines[place_of_line]
                        row = synapses.psp[line]
                        for k in range(breakpoints):
                            time = spikes[b, neuron] + lag[line - outer] + synapses.delays[row, k]
                            if time < last and synapses.changes[row, k] != 0:
                                push(events, time, line * breakpoints + k)
            elif opening == now:
                _open(members.openings[opened], now, neurons, members, state, whole_steps)
                opened += 1
            else:
                recurrent = from_outside != now
                if recurrent:
                    code = pop(events)
                else:
                    code, position = codes[order[position]], position + 1
                line, k = divmod(code, breakpoints)
                change = synapses.changes[synapses.psp[line], k]
                _arrive(line, change, recurrent, now, synapses, neurons, members, state, whole_steps)


@compiled_in_place
def _settle(until: float, neurons: Any, members: Members, state: State, whole_steps: bool) -> None:
    """Update entries until the first due neuron is due at its planned, exact time, after `until`, or never."""
    while state.due[1] <= until and state.due[1] < np.inf:
        neuron = next_due(state.due)
        if state.planned[neuron] == state.due[1]:
            if state.exact[neuron]:
                return
            _plan(neuron, True, neurons, members, state, whole_steps)
        schedule(state.due, neuron, state.planned[neuron])


@compiled_in_place
def _open(population: int, now: float, neurons: Any, members: Members, state: State, whole_steps: bool) -> None:
    """Open the firing window of a population at its onset."""
    for neuron in range(members.owner.size):
        if members.owner[neuron] == population and state.potential[neuron] > -np.inf:
            _advance(neuron, now, neurons, members, state)
    state.open[population] = True
    for neuron in range(members.owner.size):
        if members.owner[neuron] == population and state.potential[neuron] > -np.inf:
            _plan(neuron, False, neurons, members, state, whole_steps)


@compiled
def _fire(
    until: float,
    neurons: Any,
    members: Members,
    state: State,
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
        state.planned[neuron] = np.inf
        schedule(state.due, neuron, np.inf)
        _settle(until, neurons, members, state, whole_steps)
        compete |= members.contest.scope[neuron] >= 0
        firing[count] = neuron
        count += 1
    if compete and count > 1:
        # their order is arbitrary by rounding: sort by potential above threshold, then by number
        lead = np.empty_like(spikes)
        lead[:] = -np.inf
        for neuron in firing[:count]:
            _advance(neuron, spikes[neuron], neurons, members, state)
            excess = state.potential[neuron] - neurons.threshold[neuron]
            lead[neuron] = np.rint(excess / members.equal[members.owner[neuron]])
        sort_by_lead(lead, bits, firing)
    for neuron in firing[:count]:
        state.potential[neuron] = -np.inf
    let_win(count, members.contest, tally, firing, spikes)
