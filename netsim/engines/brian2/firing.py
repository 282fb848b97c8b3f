"""Read the spikes of a Brian2 group in the current step, and replace them before synapses and monitors."""

from typing import Any

import numpy as np
from brian2.groups.subgroup import Subgroup


class Firing:
    """The neurons of a group or subgroup that fire in the current step, as indices in ascending order.

    Brian2 stores the spikes of the step in an array with one more element than the group: indices, and the count in the
    last element.
    """

    def __init__(self, group: Any) -> None:
        self._space = group.variables["_spikespace"]
        self._start, self._stop = int(group.start), int(group.stop)
        self._is_part = isinstance(group, Subgroup)

    def now(self) -> np.ndarray:
        """Return the neurons that fire in this step."""
        fired = self._all()
        if not self._is_part:
            return fired.copy()
        return fired[(fired >= self._start) & (fired < self._stop)] - self._start

    def replace(self, fired: np.ndarray) -> None:
        """Replace the neurons that fire in this step."""
        if self._is_part:
            everyone = self._all()
            outside = everyone[(everyone < self._start) | (everyone >= self._stop)]
            fired = np.sort(np.concatenate([outside, fired + self._start]))
        space = self._space.get_value()
        space[: len(fired)] = fired
        space[-1] = len(fired)

    def _all(self) -> np.ndarray:
        space = self._space.get_value()
        return space[: space[-1]]
