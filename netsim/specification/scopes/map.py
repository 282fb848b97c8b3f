"""Competition within maps."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.seams import scopes
from netsim.specification.checks import Shape
from netsim.specification.scopes._protocol import Winners


@scopes.register("map")
@dataclass(frozen=True)
class MapWinners(Winners):
    """The first neurons of each map fire, at any position.

    Parameters
    ----------
    first : int
        Number of neurons per map that fire.

    Examples
    --------
    >>> MapWinners().scopes((1, 2, 3))
    array([[[0, 1, 2],
            [0, 1, 2]]])
    """

    phrase: ClassVar[str] = "map"

    def most(self, shape: Shape) -> int:
        """Return the number of neurons of a map."""
        return shape[0] * shape[1]

    def scopes(self, shape: Shape) -> np.ndarray:
        """Return one scope per map."""
        return np.broadcast_to(np.arange(shape[2]), shape)
