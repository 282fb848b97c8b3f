"""The protocol of a scope of competition."""

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

    Neurons may reach threshold at the same time (on a grid, in the same step). Then the neuron with the higher
    potential comes first. If the potentials are equal within a billionth of the threshold, the neuron with the lower
    number comes first. A subclass is a frozen dataclass, registered in `netsim.seams.scopes`.

    Parameters
    ----------
    first : int
        Number of neurons of a scope that fire.

    Attributes
    ----------
    phrase : str
        The scope in words that follow "of each".

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
        """Refuse a population without such scopes, by default a population without maps.

        Raises
        ------
        SpecificationError
            The error names the field ``winners.scope``.
        """
        need = f'has a meaning for populations of (height, width, maps), not {shape}; use scope = "population"'
        require(len(shape) == 3, "winners.scope", need)

    def most(self, shape: Shape) -> int:
        """Return the maximum number of neurons in a scope, by default all. The shape must pass `check`."""
        return math.prod(shape)

    @abstractmethod
    def scopes(self, shape: Shape) -> np.ndarray:
        """Return the number of the deciding scope of each neuron, an int array with the shape of the population."""

    def counted(self, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
        """Return pairs of a neuron and a scope in which its spike counts, by default its own scope.

        Returns
        -------
        neurons, scopes : ndarray of int, shape (pairs,)
        """
        scopes = self.scopes(shape).ravel()
        return np.arange(scopes.size), scopes

    def describe(self) -> str:
        """Return in words which neurons fire."""
        return f"the first {'neuron' if self.first == 1 else f'{self.first} neurons'} of each {self.phrase}"
