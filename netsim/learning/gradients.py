"""What the learning step of a projection yields, and the gradient of a batch that its parts add up to."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from netsim.numerics.compilation import compiled
from netsim.numerics.field_products import multiply_fields
from netsim.numerics.threads import over_arrays, over_elements
from netsim.weights.layout import all_finite


class Deferred(Protocol):
    """A part's gradient of a dense kernel that is not multiplied out yet: once for the whole batch is less work."""

    @classmethod
    def total(cls, parts: Sequence[Any], scale: np.floating) -> "Gradient":
        """Add up the shares of all parts and scale the sum."""


class Factors(NamedTuple):
    """Inputs of the shape (presentations, inputs) and the signal, (presentations, neurons), whose product it is."""

    inputs: np.ndarray
    signal: np.ndarray

    @classmethod
    def total(cls, parts: Sequence[Self], scale: np.floating) -> "np.ndarray | OuterProduct":
        """See `Deferred`."""
        if len(parts) == 1 and len(parts[0].signal) == 1:
            return OuterProduct(parts[0].inputs[0], parts[0].signal[0] * scale)
        signal = np.concatenate([part.signal for part in parts]) * scale
        product = np.empty((parts[0].inputs.shape[1], signal.shape[1]), signal.dtype)

        def multiply(rows: slice) -> None:
            # as if neurons were positions, whose channels are the presentations: in most of them a neuron is silent
            inputs = np.concatenate([part.inputs[:, rows] for part in parts]).T
            fields = np.ascontiguousarray(inputs)[None, :, None]
            multiply_fields(fields, signal, 1, 1, 0, product[None, rows, None])

        over_elements(len(product), multiply, product.shape[1])
        return product


class SinglePresentation(NDArrayOperatorsMixin, ABC):
    """The gradient of dense synapses by a single presentation, as what it is made of.

    ``numpy.asarray`` gives the array, of the shape (inputs, neurons); arithmetic, indices and whatever else is asked of
    an array are those of it. Nothing can be written to it.
    """

    ndim = 2

    def __init__(self, shape: tuple[int, int], dtype: np.dtype) -> None:
        self.shape, self.dtype = shape, dtype

    @property
    @abstractmethod
    def arrays(self) -> tuple[np.ndarray, ...]:
        """What is finite where the gradient is, but for products that are too large for their type."""

    @abstractmethod
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """The inputs whose synapses have a gradient, shape (some,), and theirs, (some, neurons)."""

    @abstractmethod
    def scaled(self, factor: np.floating) -> Self:
        """The gradient times a number."""

    @abstractmethod
    def subtract_from(self, weight: np.ndarray, rate: float) -> None:
        """Take the gradient times a rate away from weights, in the roundings of arrays; the others do not change."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = np.zeros(self.shape, dtype or self.dtype)
        inputs, rows = self.rows()
        array[inputs] = rows
        return array

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        # what would be written to it is a new array: `gradient += 1` makes it one
        targets = tuple(each for each in options.pop("out", ()) if not isinstance(each, SinglePresentation))
        arrays = (np.asarray(each) if isinstance(each, SinglePresentation) else each for each in inputs)
        return getattr(ufunc, method)(*arrays, **options, **({"out": targets} if targets else {}))

    def __getitem__(self, where: Any) -> Any:
        return np.asarray(self)[where]

    def __len__(self) -> int:
        return self.shape[0]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or "shape" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        array = np.asarray(self)
        array.flags.writeable = False
        return getattr(array, name)

    def __mul__(self, other: Any) -> Any:
        if np.ndim(other) == 0:
            return self.scaled(self.dtype.type(other))
        return np.asarray(self) * other

    __rmul__ = __mul__


class OuterProduct(SinglePresentation):
    """Inputs, shape (inputs,), times the signal, (neurons,). Most of both are zero, so that few synapses learn."""

    def __init__(self, inputs: np.ndarray, signal: np.ndarray) -> None:
        super().__init__((len(inputs), len(signal)), signal.dtype)
        self.inputs, self.signal = inputs, signal

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """See `SinglePresentation`."""
        return self.inputs, self.signal

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """See `SinglePresentation`."""
        active = np.flatnonzero(self.inputs)
        return active, np.multiply.outer(self.inputs[active], self.signal)

    def scaled(self, factor: np.floating) -> "OuterProduct":
        """See `SinglePresentation`."""
        return OuterProduct(self.inputs, self.signal * factor)

    def subtract_from(self, weight: np.ndarray, rate: float) -> None:
        """See `SinglePresentation`."""
        _subtract(weight, self.inputs, self.signal, weight.dtype.type(rate))


Gradient = np.ndarray | SinglePresentation


def arrays_of(gradient: Gradient) -> tuple[np.ndarray, ...]:
    """The arrays that a gradient is made of, which are finite where it is."""
    return (gradient,) if isinstance(gradient, np.ndarray) else gradient.arrays


def are_finite(gradients: Mapping[str, Gradient]) -> bool:
    """Whether finite weights that move by these gradients stay finite."""
    return all(all_finite(array) for gradient in gradients.values() for array in arrays_of(gradient))


@compiled
def _subtract(weight: np.ndarray, inputs: np.ndarray, signal: np.ndarray, rate: float) -> None:
    carrying = np.flatnonzero(signal).astype(np.uint64)  # unsigned indices are not checked for wraparound
    values = signal[signal != 0]
    for i in range(len(inputs)):
        if inputs[i] != 0:
            own = weight[i]
            for k in range(len(carrying)):
                own[carrying[k]] -= rate * (inputs[i] * values[k])


class LayerStep(NamedTuple):
    """What the learning step of a projection yields.

    The gradient of the kernel is a sum over presentations and positions of what each synapse contributes, times the
    postsynaptic signal (ms²), None if the synapses are static; that of the bias, shape (maps,), the same for the
    constant current, which acts up to the gate or the spike. The displacement is that of the presynaptic spikes (ms),
    of the shape of the source, where it is asked for. The gradient of delays (ms) is that of learned ones.
    """

    kernel_gradient: np.ndarray | Deferred | None
    bias_gradient: np.ndarray | None
    displacement: np.ndarray | None
    delay_gradient: np.ndarray | None = None


def total_gradient(shares: Sequence[Any], scale: np.floating) -> Any:
    """Add up the shares of all parts, arrays or `Deferred`, and scale the sum; arrays are written over.

    The sum is an array, or a `SinglePresentation`, which passes for one.
    """
    first = shares[0]
    if not isinstance(first, np.ndarray):
        return type(first).total(shares, scale)
    flat = [array.reshape(-1) for array in shares]

    def add(total: np.ndarray, *others: np.ndarray) -> None:
        for other in others:
            _add(total, other)
        _scale(total, scale)

    over_arrays(flat, add)
    return flat[0].reshape(first.shape)


@compiled
def _add(total: np.ndarray, other: np.ndarray) -> None:
    for k in range(len(total)):
        total[k] += other[k]


@compiled
def _scale(total: np.ndarray, scale: float) -> None:
    for k in range(len(total)):
        total[k] *= scale


def sum_of(share: np.ndarray | Deferred) -> np.ndarray:
    """The gradient of one part as an array."""
    return share if isinstance(share, np.ndarray) else np.asarray(share.total([share], np.float32(1)))
