"""A postsynaptic potential that rises for ever."""

from dataclasses import dataclass

from netsim.seams import psps
from netsim.specification.psps._protocol import PSP


@psps.register("ramp")
@dataclass(frozen=True, repr=False)
class Ramp(PSP):
    """It rises with slope 1 from the spike on."""

    @property
    def kernel(self) -> tuple[tuple[float, float], ...]:
        """One breakpoint."""
        return ((0.0, 1.0),)
