"""A postsynaptic potential that rises forever."""

from dataclasses import dataclass

from netsim.seams import psps
from netsim.specification.psps._protocol import PSPShape


@psps.register("ramp")
@dataclass(frozen=True, repr=False)
class Ramp(PSPShape):
    """It rises with slope 1, starting at the spike."""

    @property
    def kernel(self) -> tuple[tuple[float, float], ...]:
        """Return one breakpoint."""
        return ((0.0, 1.0),)
