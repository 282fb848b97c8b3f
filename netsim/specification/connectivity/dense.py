"""All-to-all connectivity."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netsim.seams import connectivities
from netsim.specification.connectivity._protocol import Connections, Shape, Sized, Window


@connectivities.register("dense")
@dataclass(frozen=True)
class Dense(Sized):
    """Each neuron receives from all neurons of the source.

    The weights have the shape (inputs, neurons). Inputs from maps are numbered row by row, channels last.

    Parameters
    ----------
    size : int, optional
        Number of neurons. By default that of the target.

    Examples
    --------
    >>> Dense(10).weight_shape((8, 8, 1), (10,))
    (64, 10)
    """

    phrase: ClassVar[str] = "all to all"

    def weight_shape(self, source: Shape, target: Shape) -> Shape:
        """Return the shape (inputs, neurons)."""
        return (math.prod(source), math.prod(target))

    def connections(self, source: Shape, target: Shape) -> Connections:
        """Return all pairs."""
        inputs, neurons = self.weight_shape(source, target)
        pre = np.repeat(np.arange(inputs, dtype=np.int32), neurons)
        post = np.tile(np.arange(neurons, dtype=np.int32), inputs)
        return Connections(pre, post, np.arange(inputs * neurons, dtype=np.int32))

    def window(self, source: Shape, target: Shape) -> Window:
        """Return a window with one position whose channels are all inputs."""
        inputs, neurons = self.weight_shape(source, target)
        return Window((1, 1, inputs), (1, 1, neurons), 1, 1, 0)

    def fan_out(self, source: Shape, target: Shape) -> np.ndarray:
        """Return the number of neurons of the target."""
        return np.broadcast_to(math.prod(target), source)

    def pattern(self) -> str:
        """Return the entry in the table of connectivity."""
        return "All to all"

    def notation(self, target: Shape) -> str:
        """Return the number of neurons."""
        return str(math.prod(target))
