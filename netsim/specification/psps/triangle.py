"""A postsynaptic potential that rises and falls."""

from dataclasses import dataclass

from netsim.seams import psps
from netsim.specification.psps._protocol import PSPShape


@psps.register("triangle")
@dataclass(frozen=True, repr=False)
class Triangle(PSPShape):
    """It rises with slope 1 for `rise` ms, and falls back to zero within `fall` ms."""

    rise: float
    fall: float

    @property
    def kernel(self) -> tuple[tuple[float, float], ...]:
        """Return three breakpoints: the start, the turn and the end of the slope."""
        ratio = self.rise / self.fall
        return ((0.0, 1.0), (self.rise, -1.0 - ratio), (self.rise + self.fall, ratio))
