"""Competition of the neurons of all maps at one position."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.seams import scopes
from netsim.specification.checks import Shape
from netsim.specification.scopes._protocol import Winners


@scopes.register("position")
@dataclass(frozen=True)
class PositionWinners(Winners):
    """The first neurons of each position fire, whichever maps they are of.

    Parameters
    ----------
    first : int
        How many of a position fire.

    Examples
    --------
    >>> PositionWinners().scopes((1, 2, 3))
    array([[[0, 0, 0],
            [1, 1, 1]]])
    """

    phrase: ClassVar[str] = "position across maps"

    def most(self, shape: Shape) -> int:
        """One of each map."""
        return shape[2]

    def scopes(self, shape: Shape) -> np.ndarray:
        """One for each position."""
        height, width, _ = shape
        return np.broadcast_to(np.arange(height * width).reshape(height, width, 1), shape)
