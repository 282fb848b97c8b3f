"""What a scope of competition has to say of itself."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.reprs import short_repr
from netsim.specification.checks import Shape, check_size, plain_numbers, require


@dataclass(frozen=True)
class Winners(ABC):
    """Winner take all: the first neurons of a scope to reach threshold fire, the others fall silent.

    Of neurons that reach threshold at the same instant (on a grid, in the same step) those come first whose potential
    is further above threshold, and of equal ones, to a billionth of the threshold, those with the lower number. A
    subclass is a frozen dataclass, registered in `netsim.seams.scopes`.

    Parameters
    ----------
    first : int
        How many neurons of a scope fire.

    Attributes
    ----------
    phrase : str
        A scope in words that go on from "of each".

    Examples
    --------
    >>> import netsim
    >>> isinstance(netsim.MapWinners(first=2), netsim.Winners)
    True
    """

    phrase: ClassVar[str]
    first: int = 1

    __repr__ = short_repr

    def __post_init__(self) -> None:
        plain_numbers(self)
        check_size(self.first, "winners.first")

    def check(self, shape: Shape) -> None:
        """Refuse a population that has no such scopes; by default one without maps.

        Raises
        ------
        SpecificationError
            With the field ``winners.scope``.
        """
        need = f'has a meaning for populations of (height, width, maps), not {shape}; use scope = "population"'
        require(len(shape) == 3, "winners.scope", need)

    def most(self, shape: Shape) -> int:
        """How many neurons at most count in a scope of a population that passes `check`; by default all."""
        return math.prod(shape)

    @abstractmethod
    def scopes(self, shape: Shape) -> np.ndarray:
        """The number of the scope that decides whether a neuron may fire, an array of int of a population's shape."""

    def counted(self, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
        """Neurons, in order, and the scopes that their spikes count in; by default each in its own.

        Returns
        -------
        neurons, scopes : ndarray of int, shape (pairs,)
        """
        scopes = self.scopes(shape).ravel()
        return np.arange(scopes.size), scopes

    def describe(self) -> str:
        """Who fires, in words."""
        return f"the first {'neuron' if self.first == 1 else f'{self.first} neurons'} of each {self.phrase}"
