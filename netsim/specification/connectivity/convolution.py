"""Maps of neurons that share a kernel."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.seams import connectivities
from netsim.specification.checks import check_size, require
from netsim.specification.connectivity._protocol import (
    Connections,
    Mapped,
    Shape,
    Window,
    positions,
    visits,
    window_connections,
)


@connectivities.register("convolution")
@dataclass(frozen=True)
class Convolution(Mapped):
    """Each neuron receives from a square of every map of the source. Neurons of a map share the kernel.

    The weights have the shape (kernel, kernel, channels, maps).

    Parameters
    ----------
    maps : int or None
        Number of feature maps. None stands for the number of the target.
    kernel : int
        Height and width of the receptive field.
    stride, padding : int
        Step of the kernel, and width of the border of silent neurons (rows and columns).

    Examples
    --------
    >>> Convolution(32, 5, padding=2).target_shape((28, 28, 1))
    (28, 28, 32)
    """

    phrase: ClassVar[str] = "convolution with shared weights"
    kernel: int
    stride: int = 1
    padding: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size(self.kernel, "kernel")
        check_size(self.stride, "stride")
        check_size(self.padding, "padding", least=0)
        remedy = f"must be smaller than the kernel ({self.kernel}), not {self.padding}"
        require(self.padding < self.kernel, "padding", remedy)

    def target_shape(self, source: Shape) -> Shape:
        """Return the shape (height, width, maps) for a source of shape (height, width, channels)."""
        require(len(source) == 3, "", "a convolution cannot follow a dense layer, which has no maps; use dense here")
        for side in source[:2]:
            reach = side + 2 * self.padding
            remedy = f"(padding {self.padding}); use a kernel of at most {reach}"
            large = f"{self.kernel} is larger than its input of {source[0]}x{source[1]} {remedy}"
            require(self.kernel <= reach, "kernel", large)
        rows, columns = (positions(side, self.kernel, self.stride, self.padding) for side in source[:2])
        return (rows, columns, self.given_maps())

    def weight_shape(self, source: Shape, target: Shape) -> Shape:
        """Return the shape (kernel, kernel, channels, maps) of the shared weights."""
        return (self.kernel, self.kernel, source[2], target[2])

    def connections(self, source: Shape, target: Shape) -> Connections:
        """Return the synapses of the window. Padding has no synapses."""
        return window_connections(self.window(source, target), within_maps=False)

    def window(self, source: Shape, target: Shape) -> Window:
        """Return the kernel as a window."""
        return Window(source, target, self.kernel, self.stride, self.padding)

    def fan_out(self, source: Shape, target: Shape) -> np.ndarray:
        """Return the number of positions whose window covers a neuron, times the maps."""
        return np.broadcast_to(visits(self.window(source, target)) * target[2], source)

    def fan_in(self, source: Shape, target: Shape) -> int:
        """Return the size of the kernel."""
        return math.prod(self.weight_shape(source, target)[:-1])

    def pattern(self) -> str:
        """Return the entry in the table of connectivity."""
        kernel = rf"${self.kernel} \times {self.kernel}$"
        return f"Convolution, kernel {kernel} over all maps, stride {self.stride}, padding {self.padding}"

    def note(self) -> str:
        """Return the definition."""
        return (
            "Convolution: counted from 0, the neuron in row $y$ and column $x$ of a map receives from the rows"
            " $sy - p$ to $sy - p + f - 1$ and the columns $sx - p$ to $sx - p + f - 1$ of every map below, with kernel"
            " $f$, stride $s$ and padding $p$. The neurons of a map share their weights. There are no neurons in the"
            " padding."
        )

    def notation(self, target: Shape) -> str:
        """Return maps and kernel, such as ``32C5``."""
        return f"{target[2]}C{self.kernel}"
