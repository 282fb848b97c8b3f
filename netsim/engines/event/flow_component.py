"""Functions of neurons with exponentials for the loop of `netsim.engines.event.component`.

A spike adds its weight to the synaptic current of its targets, at once or after a delay. Then a bound tells before
which time a target cannot fire. Its crossing is computed only if nothing else happens until then.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from netsim.engines.event.clock import Clock, Dynamics
from netsim.engines.event.component import MOVES, ComponentStage, Members, Moves, State, in_double, run
from netsim.engines.event.flow import rates_of, thresholds_of
from netsim.engines.event.sparse import Synapses
from netsim.engines.event.spike_queue import schedule
from netsim.numerics.compilation import compiled_in_place
from netsim.numerics.flows import DOUBLE, by_constant, by_current, crossing, potential_after
from netsim.specification import Population


class FlowComponentStage(ComponentStage):
    """A component of populations with rates (see `netsim.specification.families`). Arithmetic has double precision."""

    def __init__(self, clock: Clock, component: tuple[Population, ...]) -> None:
        super().__init__(clock, component)
        self.dtype = DOUBLE
        rates = [rates_of(clock, population) for population in component]
        self.leaks = np.array([each.leak for each in rates])
        self.decays = np.array([each.decay for each in rates])
        self.layout = in_double(self.layout, ("delays", "changes"))
        self.members = in_double(self.members, ("onset", "end", "drive", "equal"))

    def _start(self, population: Population, dynamics: Dynamics, thresholds: np.ndarray | None) -> np.ndarray:
        """Return the threshold of each neuron, because potentials start at 0."""
        return thresholds_of(self.clock, population, dynamics, thresholds)

    def _loop(self, start: np.ndarray, bias: np.ndarray) -> tuple[Callable[..., None], tuple[Any, ...]]:
        """See `ComponentStage`."""
        nothing = np.zeros_like(start)
        return run, (Decaying(start, nothing, nothing, bias, self.leaks, self.decays),)


class Decaying(NamedTuple):
    """Neurons with exponentials: thresholds, the start, constant currents, and rates of populations."""

    threshold: np.ndarray
    potential: np.ndarray
    current: np.ndarray
    bias: np.ndarray
    leak: np.ndarray
    decay: np.ndarray


@compiled_in_place
def _rest(neuron: int, neurons: Decaying, members: Members, state: State) -> float:
    """Return the constant current of a neuron at present."""
    owner = members.owner[neuron]
    return neurons.bias[neuron] + members.drive[owner] if state.open[owner] else neurons.bias[neuron]


@compiled_in_place
def _advance(neuron: int, now: float, neurons: Decaying, members: Members, state: State) -> None:
    """Move a neuron to a time."""
    span = now - state.reached[neuron]
    if span > 0:
        owner = members.owner[neuron]
        leak, decay = neurons.leak[owner], neurons.decay[owner]
        rest, u = _rest(neuron, neurons, members, state), state.potential[neuron]
        rise, push = by_constant(leak, span), by_current(leak, decay, span)
        state.potential[neuron] = u + (rest - leak * u) * rise + state.current[neuron] * push
        state.current[neuron] *= np.exp(-decay * span)
    state.reached[neuron] = now


@compiled_in_place
def _plan(neuron: int, exactly: bool, neurons: Decaying, members: Members, state: State, whole_steps: bool) -> None:
    """See `Moves`."""
    owner, reached = members.owner[neuron], state.reached[neuron]
    leak, decay, end = neurons.leak[owner], neurons.decay[owner], members.end[owner]
    u, current, threshold = state.potential[neuron], state.current[neuron], neurons.threshold[neuron]
    rest, missing = _rest(neuron, neurons, members, state), threshold - u
    due, state.exact[neuron] = reached, exactly or not missing > 0
    if exactly:
        due = reached + crossing(u, current, rest, threshold, leak, decay, end - reached)
        if whole_steps and due < np.inf:
            due = np.ceil(due)
            if potential_after(u, current, rest, leak, decay, due - reached) < threshold:
                due = np.inf  # it was over threshold between two steps
    elif missing > 0:
        slope = max(current, 0.0) + rest
        slope -= leak * u
        # a current that stayed would raise the potential by at most slope/leak
        due = due + missing / slope * (1 - 1e-12) if slope > 0 and slope * (1 + 1e-12) >= leak * missing else np.inf
    due = due if due < end else np.inf
    state.planned[neuron] = due
    if due < state.due[state.due.size // 2 + neuron]:
        schedule(state.due, neuron, due)


@compiled_in_place
def _arrive(
    line: int, change: float, within: bool, now: float, synapses: Synapses, neurons: Decaying, members: Members,
    state: State, whole_steps: bool,
) -> None:  # fmt: skip
    """See `Moves`. Currents of loops count at any time, like others."""
    for s in range(synapses.first[line], synapses.first[line + 1]):
        neuron = np.intp(synapses.post[s])
        if state.potential[neuron] > -np.inf:
            _advance(neuron, now, neurons, members, state)
            state.current[neuron] += change * synapses.weights[s]
            if state.open[members.owner[neuron]]:
                _plan(neuron, False, neurons, members, state, whole_steps)


MOVES[Decaying] = Moves(_advance, _plan, _arrive)
