"""When the objects of a network have anything to do: outside of its window none of them costs time.

A population cannot fire before its onset, nor from its end on; it sends nothing then, and from its end on its potential
moves nobody. Where layers fire one after another most objects are idle most of the time.
"""

from collections import defaultdict
from collections.abc import Iterable

from brian2 import BrianObject, Clock, NetworkOperation, NeuronGroup, Synapses

from netsim.specification import STIMULUS, Network, grid


class Windows:
    """Switches the objects of a network off and on between the steps of a presentation.

    Brian2 reads ``active`` when a run begins, and many presentations are one run; so an object that is off has a method
    ``run`` of its own, which does nothing.

    Parameters
    ----------
    specification : netsim.specification.Network
    clock : brian2.Clock
    neurons, synapses : dict
        Those of a `NetworkModel`.
    """

    def __init__(
        self, specification: Network, clock: Clock, neurons: dict[str, NeuronGroup], synapses: dict[str, Synapses]
    ) -> None:
        self._specification, self._clock, self._neurons, self._synapses = specification, clock, neurons, synapses
        self._watched: frozenset[str] = frozenset()
        self._spans: dict[str, tuple[int, int]] = {}
        self._switches: dict[int, list[tuple[BrianObject, bool]]] = {}
        self._step = 0

    def watch(self, populations: Iterable[str]) -> None:
        """Name the populations whose potentials are of interest after the ends of their windows, too."""
        self._watched = frozenset(populations)

    def begin(self, last: int, steps: int) -> None:
        """Begin a presentation of so many steps, whose last stimulus spike comes in the step `last`; all are on."""
        for switches in self._switches.values():
            for part, _ in switches:
                part.__dict__.pop("run", None)
        self._switches, self._step = defaultdict(list), 0
        prompt = {name for name, one in self._synapses.items() if _is_prompt(one)}
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
        """What switches, as an operation that is made anew for each run."""
        return NetworkOperation(self._switch, clock=self._clock, when="start")

    def _when_they_fire(self, last: int, steps: int, prompt: set[str]) -> dict[str, tuple[int, int]]:
        """The first step in which each population may fire, and the one after the last."""
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
        if first > 0:
            self._switches[0].append((part, False))
            self._switches[first].append((part, True))
        self._switches[end].append((part, False))

    def _switch(self) -> None:
        if self._step in self._switches:
            for part, on in self._switches[self._step]:
                part.__dict__.pop("run", None)
                if not on:
                    part.run = _idle
            for name, (first, end) in self._spans.items():
                if not first <= self._step < end:  # what fired in its last step would be sent in each that follows
                    self._neurons[name].variables["_spikespace"].get_value()[-1] = 0
        self._step += 1


def _idle() -> None:
    pass


def _is_prompt(synapses: Synapses) -> bool:
    """Whether each spike has all its effects in its own step."""
    if "lag" in synapses.variables:
        return False
    return not any(pathway.variables["delay"].get_value().any() for pathway in synapses._pathways)
