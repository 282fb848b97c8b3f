"""Rules onto any number of neurons, which does not follow from the source."""

import math
from dataclasses import dataclass, replace
from typing import Self

from netsim.specification.checks import check_size, require
from netsim.specification.connectivity._protocol import Connectivity, Shape


@dataclass(frozen=True)
class Sized(Connectivity):
    """A rule with the number of neurons of the target as its first parameter.

    Parameters
    ----------
    size : int, optional
        Number of neurons. By default that of the target.
    """

    size: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size is not None:
            check_size(self.size, "size")

    def fitted(self, source: Shape, target: Shape) -> Self:
        """Return the same rule with the size of the target."""
        return replace(self, size=math.prod(target)) if self.size is None else self

    def target_shape(self, source: Shape) -> Shape:
        """Return the shape (neurons,) for any source."""
        require(self.size is not None, "size", "is missing; give the number of neurons")
        assert self.size is not None
        return (self.size,)

    def check(self, source: Shape, target: Shape) -> None:
        """Refuse a target with another number of neurons. Its shape may be any."""
        neurons = math.prod(target)
        require(self.size == neurons, "size", f"is {self.size}, but the target has {neurons} neurons; make both equal")
