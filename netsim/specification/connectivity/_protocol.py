"""The protocol of a connectivity: its shapes and its connections. All other methods have defaults."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, NamedTuple, Self

import numpy as np

from netsim.reprs import short_repr
from netsim.specification.checks import Shape, check_size, plain_numbers, require, whole_numbers


class Connections(NamedTuple):
    """Index arrays, one entry per synapse, sorted by presynaptic neuron.

    Attributes
    ----------
    pre, post : ndarray of int32, shape (synapses,)
        Presynaptic and postsynaptic neuron.
    weight : ndarray of int32, shape (synapses,)
        Index into the flattened array of weights. -1 without weights.

    Examples
    --------
    >>> import numpy as np
    >>> import netsim
    >>> netsim.Dense(2).connections((3,), (2,)).post
    array([0, 1, 0, 1, 0, 1], dtype=int32)
    """

    pre: np.ndarray
    post: np.ndarray
    weight: np.ndarray

    def __repr__(self) -> str:
        return short_repr(self)

    @classmethod
    def of(cls, pre: np.ndarray, post: np.ndarray, weight: np.ndarray) -> Connections:
        """Sort index arrays and return them as connections.

        Examples
        --------
        >>> import numpy as np
        >>> Connections.of(np.array([1, 0]), np.array([0, 1]), np.array([0, 1])).pre
        array([0, 1], dtype=int32)
        """
        arrays = {"pre": pre, "post": post, "weight": weight}
        pre, post, weight = (_indices(name, array) for name, array in arrays.items())
        alike = f"has {pre.size}, {post.size} and {weight.size} entries in pre, post and weight; list as many in each"
        require(pre.size == post.size == weight.size, "Connections.of", alike)
        order = np.lexsort((post, pre))
        return cls(pre[order], post[order], weight[order])


def _indices(name: str, given: np.ndarray) -> np.ndarray:
    """Return indices as 32-bit integers. Raise a SpecificationError if they are no such numbers."""
    array = np.asarray(given).ravel()
    if array.dtype == np.int32:
        return array
    numbers = whole_numbers(array)
    most = np.iinfo(np.int32).max
    small = numbers is not None and (not numbers.size or (numbers.min() >= -1 and numbers.max() <= most))
    require(small, "Connections.of", f"needs whole numbers from -1 to {most:,} in {name}")
    return np.asarray(numbers, np.int32)


class Window(NamedTuple):
    """The geometry of a kernel that slides over its source. Engine and learner have fast loops for it.

    All-to-all connectivity is a window of size 1 over one position whose channels are all inputs.

    Attributes
    ----------
    source : (height, width, channels)
        Shape of the source for the window.
    shape : (rows, columns, maps)
        Shape of the target for the window: one position per row and column.
    size, stride, padding : int
        Height and width of the window, its step, and the width of the border of silent neurons (rows and columns).
    """

    source: Shape
    shape: Shape
    size: int
    stride: int
    padding: int


@dataclasses.dataclass(frozen=True)
class Connectivity(ABC):
    """A rule that connects the neurons of a source to the neurons of a target.

    A subclass is a frozen dataclass of its parameters, registered in `netsim.seams.connectivities`. It must define
    `target_shape`, `weight_shape` and `connections`.

    Attributes
    ----------
    phrase : str
        The rule in a few words.

    Examples
    --------
    >>> import netsim
    >>> rule = netsim.Convolution(maps=4, kernel=3)
    >>> isinstance(rule, netsim.Connectivity)
    True
    >>> rule.target_shape((8, 8, 1)), rule.weight_shape((8, 8, 1), (6, 6, 4))
    ((6, 6, 4), (3, 3, 1, 4))
    >>> rule.synapse_count((8, 8, 1), (6, 6, 4))
    1296
    """

    phrase: ClassVar[str] = "own rule"
    per_synapse: ClassVar[bool] = False
    """Whether each synapse has its own weight, in the order of the connections (see `PerSynapse`)."""
    files: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Parameters with paths of files, mapped to the parameters with their SHA-256, or to `""` without a checksum.

    A network that moves to another folder may have such files next to its own. The checksum identifies the file.
    """

    def __post_init__(self) -> None:
        plain_numbers(self)

    @abstractmethod
    def target_shape(self, source: Shape) -> Shape:
        """Return the shape of the population that the rule makes from a source, for a layer of a chain.

        Raises
        ------
        SpecificationError
            If the rule does not fit a source of this shape.
        """

    @abstractmethod
    def weight_shape(self, source: Shape, target: Shape) -> Shape:
        """Return the shape of the array of weights, or ``()`` without weights.

        The last axis runs over the maps, or over all neurons, of the target: neuron ``j`` has the weights ``[..., j %
        n]`` with ``n`` the length of that axis. A rule with another layout has one weight `per_synapse`.
        """

    @abstractmethod
    def connections(self, source: Shape, target: Shape) -> Connections:
        """Return all synapses from a source onto a target, as index arrays."""

    def known_weights(self, source: Shape, target: Shape) -> np.ndarray | None:
        """Return weights that the rule specifies, of the shape `weight_shape`, or None if they are drawn.

        Raises
        ------
        SpecificationError
            If the weights cannot be read.
        """
        return None

    def fitted(self, source: Shape, target: Shape) -> Self:
        """Return the same rule with the parameters that follow from the target filled in."""
        return self

    def check(self, source: Shape, target: Shape) -> None:
        """Refuse populations that the rule cannot connect.

        Raises
        ------
        SpecificationError
            If the rule makes another shape from the source.
        """
        made = self.target_shape(source)
        require(made == target, "", f"makes a population of shape {made} from {source}, not {target}")

    def window(self, source: Shape, target: Shape) -> Window | None:
        """Return the window that slides over the source, or None: then engine and learner use sparse loops."""
        return None

    def synapse_count(self, source: Shape, target: Shape) -> int:
        """Return the number of synapses."""
        return int(self.fan_out(source, target).sum())

    def checked_connections(self, source: Shape, target: Shape) -> Connections:
        """Return the index arrays. Raise a SpecificationError if they contradict the shapes of the rule."""
        listed_synapses, shape = self.connections(source, target), self.weight_shape(source, target)
        listed = isinstance(listed_synapses, Connections) and all(
            isinstance(array, np.ndarray)
            and array.dtype.kind in "iu"
            and array.ndim == 1
            and array.size == np.size(listed_synapses.pre)
            for array in listed_synapses
        )
        require(listed, "connectivity", f"{self} must list Connections, three arrays of as many integers each")
        weights = (0, math.prod(shape)) if shape else (-1, 0)
        bounds = {"pre": (0, math.prod(source)), "post": (0, math.prod(target)), "weight": weights}
        for name, (least, beyond) in bounds.items():
            indices = getattr(listed_synapses, name)
            inside = not indices.size or (indices.min() >= least and indices.max() < beyond)
            require(inside, "connectivity", f"{self} lists indices in {name} that are not from {least} to {beyond - 1}")
        ascending = bool((listed_synapses.pre[1:] >= listed_synapses.pre[:-1]).all())
        unsorted = "lists synapses that are not sorted by presynaptic neuron; Connections.of sorts them"
        require(ascending, "connectivity", f"{self} {unsorted}")
        if self.per_synapse:
            fits = listed_synapses.weight.shape == shape and bool(
                (listed_synapses.weight == np.arange(*shape, dtype=np.int32)).all()
            )
            require(fits, "connectivity", f"{self} lists weights that are not one for each synapse, in order")
        else:
            fits = not shape or bool((listed_synapses.weight % shape[-1] == listed_synapses.post % shape[-1]).all())
            require(
                fits, "connectivity", f"{self} lists weights whose last axis is not the axis of the receiving neuron"
            )
        return listed_synapses

    def fan_out(self, source: Shape, target: Shape) -> np.ndarray:
        """Return the number of outgoing synapses of each presynaptic neuron, in the shape of the source."""
        return np.bincount(self.checked_connections(source, target).pre, minlength=math.prod(source)).reshape(source)

    def fan_in(self, source: Shape, target: Shape) -> int:
        """Return the mean number of synapses onto a neuron, rounded up. Padding counts."""
        return max(1, math.ceil(self.synapse_count(source, target) / math.prod(target)))

    def pattern(self) -> str:
        """Return the rule with its parameters, as the table of connectivity states it."""
        parameters = (f"{field.name} {getattr(self, field.name)}" for field in dataclasses.fields(self))
        return ", ".join([self.phrase[:1].upper() + self.phrase[1:], *parameters])

    def note(self) -> str:
        """Return the definition of the rule in sentences, for the foot of the table. May be empty."""
        return ""

    def notation(self, target: Shape) -> str:
        """Return the layer in the shorthand of the field, such as ``32C5``."""
        return "x".join(map(str, target))


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
