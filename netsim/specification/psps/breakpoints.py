"""A postsynaptic potential of a list of breakpoints."""

from dataclasses import dataclass

from netsim.seams import psps
from netsim.specification.checks import check_types
from netsim.specification.psps._protocol import PSP


@psps.register("breakpoints")
@dataclass(frozen=True, repr=False)
class Breakpoints(PSP):
    """Its slope changes as listed: pairs of a delay after the spike (ms), ascending, and the change."""

    breakpoints: tuple[tuple[float, float], ...]

    @property
    def phrase(self) -> str:
        """That they are a user's own."""
        return "own breakpoints"

    def check(self) -> None:
        """Make tuples of lists and arrays."""
        check_types(self, "psp")

    @property
    def kernel(self) -> tuple[tuple[float, float], ...]:
        """As listed."""
        return self.breakpoints
