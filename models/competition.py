"""Winner take all in Brian2: an operation before the thresholds of each step that silences losing neurons."""

from typing import Any

import numpy as np
from brian2 import NetworkOperation, NeuronGroup

from netsim.specification import Population
from netsim.specification.grid import TOLERANCE, PopulationTimes


class Competition:
    """The neurons of a population that may no longer fire, because their scopes have had their first spikes.

    Parameters
    ----------
    group : brian2.NeuronGroup
        Consecutive copies of the population.
    population : netsim.specification.Population
        Population with `winners`.
    steps : PopulationTimes
        Firing window in steps.
    copies : int
        Number of copies.
    common : dict
        Arguments of all Brian2 objects.

    Attributes
    ----------
    operation : brian2.NetworkOperation
        Operation to add to the network of the group.
    """

    def __init__(
        self, group: NeuronGroup, population: Population, steps: PopulationTimes, copies: int, common: dict[str, Any]
    ) -> None:
        winners = population.winners
        assert winners is not None
        self._group, self._steps, self._most = group, steps, winners.first
        # smaller differences count as equal, as in the event engine
        self._equal = TOLERANCE * population.dynamics.threshold
        scopes = winners.scopes(population.shape).ravel()
        count = int(scopes.max()) + 1
        copy = np.arange(copies)[:, None]
        self._scopes = (scopes + copy * count).ravel()
        neurons, counted = winners.counted(population.shape)
        self._firsts = np.searchsorted(neurons, np.arange(population.size + 1))
        self._counted, self._scopes_per_copy, self._size = counted, count, population.size
        self._tally = np.zeros(copies * count, dtype=np.int64)
        # Brian2 accepts bound methods with at most one parameter
        self.operation = NetworkOperation(
            self._step, clock=common["clock"], when="before_thresholds", name=f"competition_{population.name}"
        )

    def begin(self) -> None:
        """Reset the counts of spikes at the start of a presentation."""
        self._tally[:] = 0

    def _step(self) -> None:
        """Silence neurons at threshold whose scopes have had enough spikes, before Brian2 checks thresholds."""
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
            copy, number = divmod(int(neuron), self._size)
            counted = self._counted[self._firsts[number] : self._firsts[number + 1]]
            self._tally[counted + copy * self._scopes_per_copy] += 1
