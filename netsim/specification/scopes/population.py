"""Competition within the population."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.seams import scopes
from netsim.specification.checks import Shape
from netsim.specification.scopes._protocol import Winners


@scopes.register("population")
@dataclass(frozen=True)
class PopulationWinners(Winners):
    """The first neurons of the population fire.

    Parameters
    ----------
    first : int
        Number of neurons of the population that fire.

    Examples
    --------
    >>> PopulationWinners(2).scopes((4,))
    array([0, 0, 0, 0])
    """

    phrase: ClassVar[str] = "population"

    def check(self, shape: Shape) -> None:
        """Accept any shape."""

    def scopes(self, shape: Shape) -> np.ndarray:
        """Return one scope."""
        return np.zeros(shape, dtype=np.int64)

    def describe(self) -> str:
        """Return in words which neurons fire."""
        return super().describe().replace("each", "the")
