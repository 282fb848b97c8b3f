"""Skip the objects of a network outside of their windows, where they have nothing to do.

A population cannot fire before its onset or after its end, and then sends nothing. After its end its potential has no
effect. If layers fire one after another, most objects are idle most of the time.
"""

from collections import defaultdict
from collections.abc import Iterable

from brian2 import BrianObject, Clock, NetworkOperation, NeuronGroup, Synapses

from netsim.specification import STIMULUS, Network, grid


class Windows:
    """Switches the objects of a network off and on between the steps of a presentation.

    Brian2's `run` reads ``active`` of its objects once, when it begins. Engines read it in each step.

    Parameters
    ----------
    specification : netsim.specification.Network
    clock : brian2.Clock
    neurons, synapses : dict
        Neurons and synapses of a `NetworkModel`.
    """

    def __init__(
        self, specification: Network, clock: Clock, neurons: dict[str, NeuronGroup], synapses: dict[str, Synapses]
    ) -> None:
        self._specification, self._clock, self._neurons, self._synapses = specification, clock, neurons, synapses
        self._watched: frozenset[str] = frozenset()
        self._spans: dict[str, tuple[int, int]] = {}
        self._turns: dict[int, list[tuple[BrianObject, bool]]] = {}
        self._step = 0
        self._parts: list[BrianObject] = []

    def watch(self, populations: Iterable[str]) -> None:
        """Set the populations whose potentials are also needed after the ends of their windows."""
        self._watched = frozenset(populations)

    def begin(self, last: int, steps: int) -> None:
        """Start a presentation of `steps` steps with the last stimulus spike in step `last`. All objects are on."""
        for part in self._parts:
            part.active = True
        self._parts = []
        self._turns, self._step = defaultdict(list), 0
        prompt = {name for name, synapses in self._synapses.items() if _is_prompt(synapses)}
        self._spans = self._when_they_fire(last, steps, prompt)
        for name, span in self._spans.items():
            self._let_run(self._neurons[name].thresholder["spike"], *span)
        for projection in self._specification.projections:
            if projection.name in prompt:
                for pathway in self._synapses[projection.name]._pathways:
                    self._let_run(pathway, *self._spans[projection.source])
        for population in self._specification.integrating:
            if population.name not in self._watched:
                self._let_run(self._neurons[population.name].state_updater, 0, self._spans[population.name][1])

    def operation(self) -> NetworkOperation:
        """Return a new operation that switches objects in each step."""
        return NetworkOperation(self._switch, clock=self._clock, when="start")

    def _when_they_fire(self, last: int, steps: int, prompt: set[str]) -> dict[str, tuple[int, int]]:
        """Return the first step in which each population may fire, and the step after the last."""
        spans = {STIMULUS: (0, last + 1)}
        dt = self._clock.dt_ * 1e3
        for population in self._specification.in_order:
            incoming = self._specification.incoming(population.name)
            if population.integrates:
                times = grid.population_steps(self._specification, population, dt)
                spans[population.name] = int(times.onset), int(times.end)
            elif all(projection.name in prompt for projection in incoming):
                firsts, ends = zip(*(spans[projection.source] for projection in incoming), strict=True)
                spans[population.name] = min(firsts), max(ends)
            else:
                spans[population.name] = 0, steps
        return spans

    def _let_run(self, part: BrianObject, first: int, end: int) -> None:
        self._parts.append(part)
        if first > 0:
            self._turns[0].append((part, False))
            self._turns[first].append((part, True))
        self._turns[end].append((part, False))

    def _switch(self) -> None:
        if self._step in self._turns:
            for part, on in self._turns[self._step]:
                part.active = on
            for name, (first, end) in self._spans.items():
                if not first <= self._step < end:  # spikes of its last step would be sent again in each step
                    self._neurons[name].variables["_spikespace"].get_value()[-1] = 0
        self._step += 1


def _is_prompt(synapses: Synapses) -> bool:
    """Return whether each spike has all its effects in its own step."""
    if "lag" in synapses.variables:
        return False
    return not any(pathway.variables["delay"].get_value().any() for pathway in synapses._pathways)
