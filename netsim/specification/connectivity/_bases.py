"""Bases of connectivities: a given number of target maps or neurons, and windows that slide over maps."""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from netsim.specification.checks import check_size, require
from netsim.specification.connectivity._protocol import Connections, Connectivity, Shape, Window


@dataclass(frozen=True)
class Mapped(Connectivity):
    """A rule with the parameter `maps`, the number of maps of the target. None stands for the number of the target."""

    maps: int | None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.maps is not None:
            check_size(self.maps, "maps")

    def fitted(self, source: Shape, target: Shape) -> Self:
        """Return the same rule with the maps of the target."""
        return replace(self, maps=target[-1]) if self.maps is None else self

    def given_maps(self) -> int:
        """Return the number of maps. Refuse a rule without it."""
        require(self.maps is not None, "maps", "is missing; give the number of maps")
        assert self.maps is not None
        return self.maps


@dataclass(frozen=True)
class Sized(Connectivity):
    """A rule with the number of neurons of the target as its first parameter.

    Parameters
    ----------
    size : int, optional
        Number of neurons. By default that of the target.
    """

    size: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size is not None:
            check_size(self.size, "size")

    def fitted(self, source: Shape, target: Shape) -> Self:
        """Return the same rule with the size of the target."""
        return replace(self, size=math.prod(target)) if self.size is None else self

    def target_shape(self, source: Shape) -> Shape:
        """Return the shape (neurons,) for any source."""
        require(self.size is not None, "size", "is missing; give the number of neurons")
        assert self.size is not None
        return (self.size,)

    def check(self, source: Shape, target: Shape) -> None:
        """Refuse a target with another number of neurons. Its shape may be any."""
        neurons = math.prod(target)
        require(self.size == neurons, "size", f"is {self.size}, but the target has {neurons} neurons; make both equal")


def positions(side: int, size: int, stride: int, padding: int) -> int:
    """Return the number of rows (or columns) of a target from the number of rows of its source."""
    return (side + 2 * padding - size) // stride + 1


def visits(window: Window) -> np.ndarray:
    """Return how many windows cover each position of the source, shape (height, width, 1)."""
    counts = []
    for axis in (0, 1):
        count = np.zeros(window.source[axis], dtype=np.int64)
        for position in range(window.shape[axis]):
            first = position * window.stride - window.padding
            count[max(first, 0) : first + window.size] += 1
        counts.append(count)
    return np.outer(*counts)[:, :, None]


def window_connections(window: Window, within_maps: bool) -> Connections:
    """Return index arrays of the synapses of a window. Weights are indexed in a kernel (size, size, channels, maps).

    With `within_maps`, each map receives only from the channel with its own number, without weights.
    """
    (height, width, channels), (rows, columns, maps) = window.source, window.shape
    row, column = (axis.ravel() for axis in np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"))
    if within_maps:
        channel = feature = np.arange(channels)
    else:
        channel, feature = (axis.ravel() for axis in np.meshgrid(np.arange(channels), np.arange(maps), indexing="ij"))
    parts = []
    for dy in range(window.size):
        for dx in range(window.size):
            y = row * window.stride + dy - window.padding
            x = column * window.stride + dx - window.padding
            inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            pre = ((y * width + x)[inside][:, None] * channels + channel).ravel()
            post = ((row * columns + column)[inside][:, None] * maps + feature).ravel()
            weight = ((dy * window.size + dx) * channels + channel) * maps + feature
            parts.append((pre, post, np.tile(np.full_like(weight, -1) if within_maps else weight, inside.sum())))
    return Connections.of(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
