"""Winner take all in Brian2: an operation before the thresholds of each step, which silences the neurons that lose."""

from typing import Any

import numpy as np
from brian2 import NetworkOperation, NeuronGroup

from netsim.specification import Population
from netsim.specification.grid import TOLERANCE, PopulationTimes


class Competition:
    """The neurons of a population that may not fire any more, as its scopes have had their first spikes.

    Parameters
    ----------
    group : brian2.NeuronGroup
        Some copies of the population, one after another.
    population : netsim.specification.Population
        With `winners`.
    steps : PopulationTimes
        When it may fire, in steps.
    copies : int
    common : dict
        What Brian2 objects are made with.

    Attributes
    ----------
    operation : brian2.NetworkOperation
        To be added to the network of the group.
    """

    def __init__(
        self, group: NeuronGroup, population: Population, steps: PopulationTimes, copies: int, common: dict[str, Any]
    ) -> None:
        winners = population.winners
        assert winners is not None
        self._group, self._steps, self._most = group, steps, winners.first
        # what differs by less is the same, as in the other engine
        self._equal = TOLERANCE * population.dynamics.threshold
        scopes = winners.scopes(population.shape).ravel()
        count = int(scopes.max()) + 1
        copy = np.arange(copies)[:, None]
        self._scopes = (scopes + copy * count).ravel()
        neurons, counted = winners.counted(population.shape)
        self._firsts = np.searchsorted(neurons, np.arange(population.size + 1))
        self._counted, self._scopes_per_copy, self._size = counted, count, population.size
        self._tally = np.zeros(copies * count, dtype=np.int64)
        # a bound method of one parameter at most is what Brian2 takes
        self.operation = NetworkOperation(
            self._step, clock=common["clock"], when="before_thresholds", name=f"competition_{population.name}"
        )

    def begin(self) -> None:
        """Forget all spikes, at the beginning of a presentation."""
        self._tally[:] = 0

    def _step(self) -> None:
        """Silence those at threshold whose scopes have had enough spikes, before Brian2 looks at thresholds."""
        variables = self._group.variables
        step = round(float((self._group.clock.t_ - variables["start"].get_value().item()) / self._group.clock.dt_))
        if not self._steps.onset <= step < self._steps.end:
            return
        potential, threshold = variables["v"].get_value(), variables["threshold"].get_value()
        silenced = variables["silenced"].get_value()
        could = (potential >= threshold) & ~silenced & np.isinf(variables["lastspike"].get_value())
        candidates = np.flatnonzero(could)
        if not candidates.size:
            return
        excess = np.rint((potential - threshold)[candidates] / self._equal)
        for neuron in candidates[np.argsort(-excess, kind="stable")]:
            if self._tally[self._scopes[neuron]] >= self._most:
                silenced[neuron] = True
                continue
            copy, own = divmod(int(neuron), self._size)
            counted = self._counted[self._firsts[own] : self._firsts[own + 1]]
            self._tally[counted + copy * self._scopes_per_copy] += 1
