"""A postsynaptic potential with listed breakpoints."""

from dataclasses import dataclass

from netsim.seams import psps
from netsim.specification.checks import check_types
from netsim.specification.psps._protocol import PSPShape


@psps.register("breakpoints")
@dataclass(frozen=True, repr=False)
class Breakpoints(PSPShape):
    """Change the slope as listed: pairs of an ascending delay after the spike (ms) and a change."""

    breakpoints: tuple[tuple[float, float], ...]

    @property
    def phrase(self) -> str:
        """Return that the shape is custom."""
        return "own breakpoints"

    def check(self) -> None:
        """Convert lists and arrays to tuples."""
        check_types(self, "psp")

    @property
    def kernel(self) -> tuple[tuple[float, float], ...]:
        """Return the listed breakpoints."""
        return self.breakpoints
