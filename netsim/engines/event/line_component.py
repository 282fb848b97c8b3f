"""Functions of piecewise-linear neurons for the loop of `netsim.engines.event.component`."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba.extending import register_jitable

from netsim.engines.event.clock import Dynamics
from netsim.engines.event.component import MOVES, ComponentStage, Members, Moves, State, run
from netsim.engines.event.sparse import Synapses
from netsim.engines.event.spike_queue import schedule
from netsim.numerics.compilation import compiled_in_place
from netsim.numerics.vectors import below, lowest, plus, rounded_up, store, vectors_of, where_at_least
from netsim.specification import Population

lanes_of, load, broadcast, _ = vectors_of(64)  # few neurons are left over


class LineComponentStage(ComponentStage):
    """A component of piecewise-linear populations."""

    def _start(self, population: Population, dynamics: Dynamics, thresholds: np.ndarray | None) -> np.ndarray:
        """Return the first potential of each neuron, relative to its threshold."""
        start = np.full(population.size, -dynamics.threshold, self.dtype)
        if thresholds is not None:
            start += self.clock.head_start(population, thresholds).ravel()
        return start

    def _loop(self, start: np.ndarray, bias: np.ndarray) -> tuple[Callable[..., None], tuple[Any, ...]]:
        """See `ComponentStage`."""
        return run, (Lines(np.zeros_like(start), start, bias),)


class Lines(NamedTuple):
    """Piecewise-linear neurons. Potentials are relative to the threshold, which is 0 here. The bias is a current."""

    threshold: np.ndarray
    potential: np.ndarray
    current: np.ndarray


@compiled_in_place
def _slope(neuron: int, members: Members, state: State) -> float:
    """Return the slope of a neuron's potential."""
    owner = members.owner[neuron]
    if not state.open[owner]:
        return state.current[neuron]
    rise = members.drive[owner] + state.recurrent[neuron]
    return rise if members.gated[owner] else rise + state.current[neuron]


@compiled_in_place
def _advance_line(neuron: int, now: float, neurons: Lines, members: Members, state: State) -> None:
    """Integrate a neuron up to a time."""
    state.potential[neuron] += _slope(neuron, members, state) * (now - state.reached[neuron])
    state.reached[neuron] = now


@compiled_in_place
def _plan_line(neuron: int, exactly: bool, neurons: Lines, members: Members, state: State, whole_steps: bool) -> None:
    """See `_plan`. The spikes of lines are always exact."""
    excess, due = state.potential[neuron], state.reached[neuron]
    if not excess >= 0:
        rise = _slope(neuron, members, state)
        due = due - excess / rise if rise > 0 else np.inf
        if whole_steps:
            due = np.ceil(due)
    due = due if due < members.end[members.owner[neuron]] else np.inf
    state.planned[neuron] = due
    if due < state.due[state.due.size // 2 + neuron]:
        schedule(state.due, neuron, due)


@compiled_in_place
def _change_slopes(
    line: int,
    change: float,
    recurrent: bool,
    now: float,
    synapses: Synapses,
    neurons: Lines,
    members: Members,
    state: State,
    whole_steps: bool,
) -> None:
    """Apply a breakpoint of a PSP to all synapses of a line, which have targets in one population."""
    first, last = synapses.first[line], synapses.first[line + 1]
    if first == last:
        return
    population = members.owner[synapses.post[first]]
    is_open = state.open[population]
    # currents from outside end at the gate, currents of the loop start at the onset
    if is_open and not recurrent and members.gated[population]:
        return
    changed, lanes, s = state.recurrent if recurrent else state.current, lanes_of(state.current), first
    while s < last:
        neuron = np.intp(synapses.post[s])
        if members.in_order and s + lanes <= last and synapses.post[s + lanes - 1] == neuron + lanes - 1:
            added = broadcast(change) * load(synapses.weights, s)
            _change_together(neuron, added, recurrent, now, members, state, whole_steps)
            s += lanes
            continue
        if state.potential[neuron] > -np.inf:
            if is_open or not recurrent:
                _advance_line(neuron, now, neurons, members, state)
            changed[neuron] += change * synapses.weights[s]
            if is_open:
                _plan_line(neuron, True, neurons, members, state, whole_steps)
        s += 1


@register_jitable
def _open_slope(drive: Any, inner: Any, slope: Any, gated: bool) -> Any:
    """Return slopes after the onset, like `_slope`, of a vector of neurons."""
    return drive + inner if gated else plus(drive + inner, slope)


@compiled_in_place
def _change_together(
    neuron: int, added: Any, recurrent: bool, now: float, members: Members, state: State, whole_steps: bool
) -> None:
    """Add to the slopes of a vector of neighbours, like `_advance` and `_plan`, with the same rounding."""
    owner, real = members.owner[neuron], state.current.dtype.type
    is_open, gated = state.open[owner], members.gated[owner]
    slope, inner, excess = load(state.current, neuron), load(state.recurrent, neuron), load(state.potential, neuron)
    drive, at, nothing = broadcast(members.drive[owner]), broadcast(now), broadcast(real(0))
    if is_open or not recurrent:
        rise = _open_slope(drive, inner, slope, gated) if is_open else slope
        excess = plus(excess, rise * (at - load(state.reached, neuron)))
        store(state.potential, neuron, excess)
        store(state.reached, neuron, at)
    if recurrent:
        inner = plus(inner, added)
        store(state.recurrent, neuron, inner)
    else:
        slope = plus(slope, added)
        store(state.current, neuron, slope)
    if is_open:
        silent, rise = broadcast(real(np.inf)), _open_slope(drive, inner, slope, gated)
        due = at - excess / rise
        if whole_steps:
            due = rounded_up(due)
        due = where_at_least(excess, nothing, at, where_at_least(nothing, rise, silent, due))
        due = where_at_least(due, broadcast(members.end[owner]), silent, due)
        store(state.planned, neuron, due)
        earlier = below(due, load(state.due, state.due.size // 2 + neuron))
        while earlier:
            k = np.intp(lowest(earlier))
            schedule(state.due, neuron + k, state.planned[neuron + k])
            earlier &= earlier - np.uint32(1)


MOVES[Lines] = Moves(_advance_line, _plan_line, _change_slopes)
