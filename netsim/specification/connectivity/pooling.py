"""Relays of the earliest spike of a field."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.seams import connectivities
from netsim.specification.checks import check_size, require
from netsim.specification.connectivity._protocol import (
    Connections,
    Connectivity,
    Shape,
    Window,
    positions,
    visits,
    window_connections,
)


@connectivities.register("pooling")
@dataclass(frozen=True)
class Pooling(Connectivity):
    """Each relay forwards the earliest spike of a square of one map, without delay and without weights.

    Map k of the target reads map k of the source.

    Parameters
    ----------
    size : int
        Height and width of the field.
    stride : int, optional
        By default `size`. Rows and columns that do not fill a field are ignored.

    Examples
    --------
    >>> Pooling(2).target_shape((28, 28, 32))
    (14, 14, 32)
    """

    phrase: ClassVar[str] = "earliest spike of a field"
    size: int = 2
    stride: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size(self.size, "size")
        if self.stride is None:
            object.__setattr__(self, "stride", self.size)
        check_size(self.step, "stride")

    @property
    def step(self) -> int:
        """The stride, `size` if it is None."""
        assert self.stride is not None
        return self.stride

    def target_shape(self, source: Shape) -> Shape:
        """Return the shape (height, width, channels) for a source of shape (height, width, channels)."""
        require(len(source) == 3, "", "a pooling layer cannot follow a dense layer, which has no maps; remove it")
        for side in source[:2]:
            large = f"{self.size} is larger than its input of {source[0]}x{source[1]}; choose a smaller one"
            require(self.size <= side, "size", large)
        rows, columns = (positions(side, self.size, self.step, 0) for side in source[:2])
        return (rows, columns, source[2])

    def weight_shape(self, source: Shape, target: Shape) -> Shape:
        """Return ``()``: there are no weights."""
        return ()

    def connections(self, source: Shape, target: Shape) -> Connections:
        """Return the synapses of the fields."""
        return window_connections(self.window(source, target), within_maps=True)

    def window(self, source: Shape, target: Shape) -> Window:
        """Return the field as a window."""
        return Window(source, target, self.size, self.step, 0)

    def fan_out(self, source: Shape, target: Shape) -> np.ndarray:
        """Return the number of fields that contain a neuron."""
        return np.broadcast_to(visits(self.window(source, target)), source)

    def pattern(self) -> str:
        """Return the entry in the table of connectivity."""
        return rf"Fields of ${self.size} \times {self.size}$ in each map, stride {self.step}"

    def note(self) -> str:
        """Return the definition."""
        return (
            "Fields: the pooling neuron in row $y$ and column $x$ of a map receives from the rows $sy$ to $sy + f - 1$"
            " and the columns $sx$ to $sx + f - 1$ of the same map below, with side $f$ and stride $s$. Rows and"
            " columns that do not fill a field are left out."
        )

    def notation(self, target: Shape) -> str:
        """Return ``P`` and the size."""
        return f"P{self.size}"
