"""Competition between neighbouring neurons of all maps."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.seams import scopes
from netsim.specification.checks import Shape, check_size, require
from netsim.specification.scopes._protocol import Winners

_MOST_PAIRS = 10**8
"""Maximum number of pairs of a neuron and a square in which its spike counts. More take over a GB."""


@scopes.register("neighbourhood")
@dataclass(frozen=True)
class NeighbourhoodWinners(Winners):
    """A neuron fires unless `first` neurons of any map fired before in the square around its position.

    Parameters
    ----------
    first : int
        Number of spikes in a square that silence its middle.
    radius : int
        The sides of the square have ``2·radius + 1`` positions, fewer at the border.

    Examples
    --------
    >>> neurons, scopes = NeighbourhoodWinners(radius=1).counted((1, 4, 1))
    >>> scopes[neurons == 0], scopes[neurons == 1]
    (array([0, 1]), array([0, 1, 2]))
    """

    phrase: ClassVar[str] = "square around a neuron's position"
    radius: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size(self.radius, "winners.radius")

    def check(self, shape: Shape) -> None:
        """Refuse populations without maps, and squares that need too much memory."""
        super().check(shape)
        side = 2 * self.radius + 1
        pairs = math.prod(shape) * min(side, shape[0]) * min(side, shape[1])
        large = f"{self.radius} makes {pairs:,} pairs of a neuron and a square; at most {_MOST_PAIRS:,} are possible"
        require(pairs <= _MOST_PAIRS, "winners.radius", large)

    def most(self, shape: Shape) -> int:
        """Return the number of neurons in the largest square."""
        side = 2 * self.radius + 1
        return min(side, shape[0]) * min(side, shape[1]) * shape[2]

    def scopes(self, shape: Shape) -> np.ndarray:
        """Return one scope per position: the square around it."""
        height, width, _ = shape
        return np.broadcast_to(np.arange(height * width).reshape(height, width, 1), shape)

    def counted(self, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
        """Count a spike in the squares around all nearby positions."""
        height, width, maps = shape
        y, x, m = (axis.ravel() for axis in np.indices(shape))
        pairs = []
        for dy in range(-min(self.radius, height), min(self.radius, height) + 1):
            for dx in range(-min(self.radius, width), min(self.radius, width) + 1):
                row, column = y + dy, x + dx
                inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
                neurons = (y * width + x)[inside] * maps + m[inside]
                pairs.append((neurons, (row * width + column)[inside]))
        neurons, arrays_of_pairs = (np.concatenate(arrays) for arrays in zip(*pairs, strict=True))
        order = np.lexsort((arrays_of_pairs, neurons))
        return neurons[order], arrays_of_pairs[order]

    def describe(self) -> str:
        """Return in words which neurons fire."""
        side = 2 * self.radius + 1
        return f"{super().describe()} ({side} by {side} positions, all maps)"
