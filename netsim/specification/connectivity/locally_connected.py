"""Windows that slide over maps, without shared weights."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.seams import connectivities
from netsim.specification.checks import check_size, require
from netsim.specification.connectivity._per_synapse import PerSynapse
from netsim.specification.connectivity._protocol import Mapped, Shape, Window, positions, window_connections


@connectivities.register("locally-connected")
@dataclass(frozen=True)
class LocallyConnected(Mapped, PerSynapse):
    """Each neuron receives from a square of every map of the source, as in a convolution, with its own weights.

    Parameters
    ----------
    maps : int or None
        Number of maps. None stands for the number of the target.
    kernel : int
        Height and width of the receptive field.
    stride : int

    Examples
    --------
    >>> LocallyConnected(4, 3).target_shape((8, 8, 1))
    (6, 6, 4)
    >>> LocallyConnected(4, 3).weight_shape((8, 8, 1), (6, 6, 4))
    (1296,)
    """

    phrase: ClassVar[str] = "locally connected, weights not shared"
    kernel: int
    stride: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size(self.kernel, "kernel")
        check_size(self.stride, "stride")

    def target_shape(self, source: Shape) -> Shape:
        """Return the shape (height, width, maps) for a source of shape (height, width, channels)."""
        require(len(source) == 3, "", "needs a source with rows and columns; use dense or random here")
        for side in source[:2]:
            large = f"{self.kernel} is larger than its input of {source[0]}x{source[1]}; choose a smaller one"
            require(self.kernel <= side, "kernel", large)
        rows, columns = (positions(side, self.kernel, self.stride, 0) for side in source[:2])
        return (rows, columns, self.given_maps())

    def about(self, source: Shape, target: Shape) -> float:
        """Return the number of neurons times the size of the field."""
        return float(math.prod(target) * self.kernel**2 * source[2])

    def synapse_count(self, source: Shape, target: Shape) -> int:
        """Return the same number, because no field extends beyond the source."""
        self.check_size_of(source, target)
        return int(self.about(source, target))

    def pairs(self, source: Shape, target: Shape) -> tuple[np.ndarray, np.ndarray]:
        """Return the synapses of the window."""
        window = Window(source, target, self.kernel, self.stride, 0)
        synapses = window_connections(window, within_maps=False)
        return synapses.pre, synapses.post

    def pattern(self) -> str:
        """Return the entry in the table of connectivity."""
        field = rf"${self.kernel} \times {self.kernel}$"
        return f"Locally connected, fields of {field} over all maps, stride {self.stride}"

    def note(self) -> str:
        """Return the definition."""
        return (
            "Locally connected: counted from 0, the neuron in row $y$ and column $x$ of a map receives from the rows"
            " $sy$ to $sy + f - 1$ and the columns $sx$ to $sx + f - 1$ of every map below, with the side $f$ of the"
            " field and stride $s$. No two neurons share weights."
        )

    def notation(self, target: Shape) -> str:
        """Return maps and field, such as ``8L5``."""
        return f"{target[2]}L{self.kernel}"
