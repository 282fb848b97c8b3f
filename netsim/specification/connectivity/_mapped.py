"""Rules onto maps, whose number does not follow from the source."""

from dataclasses import dataclass, replace
from typing import Self

from netsim.specification.checks import check_size, require
from netsim.specification.connectivity._protocol import Connectivity, Shape


@dataclass(frozen=True)
class Mapped(Connectivity):
    """A rule with the parameter `maps`, the number of maps of the target. None stands for the number of the target."""

    maps: int | None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.maps is not None:
            check_size(self.maps, "maps")

    def fitted(self, source: Shape, target: Shape) -> Self:
        """Return the same rule with the maps of the target."""
        return replace(self, maps=target[-1]) if self.maps is None else self

    def given_maps(self) -> int:
        """Return the number of maps. Refuse a rule without it."""
        require(self.maps is not None, "maps", "is missing; give the number of maps")
        assert self.maps is not None
        return self.maps
