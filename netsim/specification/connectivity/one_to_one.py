"""One-to-one connectivity."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.seams import connectivities
from netsim.specification.checks import require
from netsim.specification.connectivity._per_synapse import PerSynapse
from netsim.specification.connectivity._protocol import Shape


@connectivities.register("one-to-one")
@dataclass(frozen=True)
class OneToOne(PerSynapse):
    """Each neuron receives from the source neuron at the same position, with its own weight.

    Examples
    --------
    >>> OneToOne().target_shape((28, 28, 1))
    (28, 28, 1)
    """

    phrase: ClassVar[str] = "one to one"

    def target_shape(self, source: Shape) -> Shape:
        """Return the shape of the source."""
        return source

    def check(self, source: Shape, target: Shape) -> None:
        """Refuse a target of another shape."""
        require(
            source == target,
            "",
            f"is one to one, but the source has the shape {source}, the target {target}; make both equal",
        )

    def about(self, source: Shape, target: Shape) -> float:
        """Return the number of neurons."""
        return float(math.prod(source))

    def pairs(self, source: Shape, target: Shape) -> tuple[np.ndarray, np.ndarray]:
        """Pair each neuron with the neuron of the same number."""
        neurons = np.arange(math.prod(source), dtype=np.int32)
        return neurons, neurons

    def pattern(self) -> str:
        """Return the entry in the table of connectivity."""
        return "One to one"

    def notation(self, target: Shape) -> str:
        """Return the shape with a mark for one-to-one."""
        return f"{super().notation(target)}(1:1)"
