"""A postsynaptic potential that rises and stays."""

from dataclasses import dataclass

from netsim.seams import psps
from netsim.specification.psps._protocol import PSPShape


@psps.register("plateau")
@dataclass(frozen=True, repr=False)
class Plateau(PSPShape):
    """It rises with slope 1 for `rise` ms, and stays."""

    rise: float

    @property
    def kernel(self) -> tuple[tuple[float, float], ...]:
        """Return two breakpoints: the start and the end of the slope."""
        return ((0.0, 1.0), (self.rise, -1.0))
