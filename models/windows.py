"""When the objects of a network have anything to do: outside of its window none of them costs time.

A population cannot fire before its onset, nor from its end on; it sends nothing then, and from its end on its potential
moves nobody. Where layers fire one after another most objects are idle most of the time.
"""

from collections import defaultdict
from collections.abc import Iterable

from brian2 import BrianObject, Clock, NetworkOperation, NeuronGroup, Synapses

from netsim.specification import STIMULUS, Network, grid


class _Switch:
    """In place of the method ``run`` of an object: calls it while it is on."""

    def __init__(self, part: BrianObject) -> None:
        self.on = True
        self._run = part.run
        part.run = self

    def __call__(self) -> None:
        if self.on:
            self._run()


class Windows:
    """Switches the objects of a network off and on between the steps of a presentation.

    Brian2 reads ``active`` and ``run`` of its objects when a run begins, and many presentations are one run; so each
    object that may be idle has a `_Switch` in place of its method ``run``.

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
        self._turns: dict[int, list[tuple[_Switch, bool]]] = {}
        self._step = 0
        self._switches: dict[str, _Switch] = {}

    def watch(self, populations: Iterable[str]) -> None:
        """Name the populations whose potentials are of interest after the ends of their windows, too."""
        self._watched = frozenset(populations)

    def begin(self, last: int, steps: int) -> None:
        """Begin a presentation of so many steps, whose last stimulus spike comes in the step `last`; all are on."""
        for switch in self._switches.values():
            switch.on = True
        self._turns, self._step = defaultdict(list), 0
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
        """What switches, as an operation that is made anew for each run; all objects have switches then."""
        for group in self._neurons.values():
            self._switch_of(group.thresholder["spike"])
        for population in self._specification.integrating:
            self._switch_of(self._neurons[population.name].state_updater)
        for synapses in self._synapses.values():
            for pathway in synapses._pathways:
                self._switch_of(pathway)
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
        switch = self._switch_of(part)
        if first > 0:
            self._turns[0].append((switch, False))
            self._turns[first].append((switch, True))
        self._turns[end].append((switch, False))

    def _switch_of(self, part: BrianObject) -> _Switch:
        if part.name not in self._switches:
            self._switches[part.name] = _Switch(part)
        return self._switches[part.name]

    def _switch(self) -> None:
        if self._step in self._turns:
            for switch, on in self._turns[self._step]:
                switch.on = on
            for name, (first, end) in self._spans.items():
                if not first <= self._step < end:  # what fired in its last step would be sent in each that follows
                    self._neurons[name].variables["_spikespace"].get_value()[-1] = 0
        self._step += 1


def _is_prompt(synapses: Synapses) -> bool:
    """Whether each spike has all its effects in its own step."""
    if "lag" in synapses.variables:
        return False
    return not any(pathway.variables["delay"].get_value().any() for pathway in synapses._pathways)
