"""Competition between maps at each position."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.seams import scopes
from netsim.specification.checks import Shape
from netsim.specification.scopes._protocol import Winners


@scopes.register("position")
@dataclass(frozen=True)
class PositionWinners(Winners):
    """The first neurons at each position fire, in any map.

    Parameters
    ----------
    first : int
        Number of neurons per position that fire.

    Examples
    --------
    >>> PositionWinners().scopes((1, 2, 3))
    array([[[0, 0, 0],
            [1, 1, 1]]])
    """

    phrase: ClassVar[str] = "position across maps"

    def most(self, shape: Shape) -> int:
        """Return the number of maps."""
        return shape[2]

    def scopes(self, shape: Shape) -> np.ndarray:
        """Return one scope per position."""
        height, width, _ = shape
        return np.broadcast_to(np.arange(height * width).reshape(height, width, 1), shape)
