"""Gradients of parts of a batch, their sum, and compiled loops over the arrays of weights and gradients."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from netsim.numerics.compilation import compiled
from netsim.numerics.field_products import multiply_fields
from netsim.numerics.threads import over_arrays, over_elements
from netsim.weights.layout import Weights, all_finite


class Deferred(Protocol):
    """Unmultiplied gradient of a dense kernel in one part of a batch. One product for the whole batch is faster."""

    @classmethod
    def total(cls, parts: Sequence[Any], scale: np.floating) -> "Gradient":
        """Sum the gradients of all parts and scale the sum."""


class Factors(NamedTuple):
    """Factors of a gradient: inputs, shape (presentations, inputs), and signal, shape (presentations, neurons)."""

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
            # treat neurons as positions and presentations as channels, because a neuron is silent in most presentations
            inputs = np.concatenate([part.inputs[:, rows] for part in parts]).T
            fields = np.ascontiguousarray(inputs)[None, :, None]
            multiply_fields(fields, signal, 1, 1, 0, product[None, rows, None])

        over_elements(len(product), multiply, product.shape[1])
        return product


class SinglePresentation(NDArrayOperatorsMixin, ABC):
    """The gradient of dense synapses for a single presentation, stored as its factors.

    ``numpy.asarray`` returns the array, shape (inputs, neurons). Arithmetic, indexing and attributes behave like this
    array. The object is read-only.
    """

    ndim = 2

    def __init__(self, shape: tuple[int, int], dtype: np.dtype) -> None:
        self.shape, self.dtype = shape, dtype

    @property
    @abstractmethod
    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return arrays that are finite if the gradient is finite, except for overflow of products."""

    @abstractmethod
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return inputs whose synapses have a gradient, shape (some,), and their gradients, (some, neurons)."""

    @abstractmethod
    def scaled(self, factor: np.floating) -> Self:
        """Return the gradient times a number."""

    @abstractmethod
    def subtract_from(self, weight: np.ndarray, rate: float) -> None:
        """Subtract the gradient times a rate from weights, rounded as for arrays. Other weights do not change."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = np.zeros(self.shape, dtype or self.dtype)
        inputs, rows = self.rows()
        array[inputs] = rows
        return array

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        # in-place operations return a new array: `gradient += 1` rebinds the name
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
    """Inputs, shape (inputs,), times the signal, (neurons,). Most entries are zero, so that few synapses learn."""

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
    """Return the arrays that determine a gradient, which are finite if it is finite."""
    return (gradient,) if isinstance(gradient, np.ndarray) else gradient.arrays


def are_finite(gradients: Mapping[str, Gradient]) -> bool:
    """Return whether finite weights stay finite under these gradients."""
    return all(all_finite(array) for gradient in gradients.values() for array in arrays_of(gradient))


@compiled
def _subtract(weight: np.ndarray, inputs: np.ndarray, signal: np.ndarray, rate: float) -> None:
    carrying = np.flatnonzero(signal).astype(np.uint64)  # unsigned indices need no check for wraparound
    values = signal[signal != 0]
    for i in range(len(inputs)):
        if inputs[i] != 0:
            row = weight[i]
            for k in range(len(carrying)):
                row[carrying[k]] -= rate * (inputs[i] * values[k])


def total_gradient(shares: Sequence[Any], scale: np.floating) -> Any:
    """Sum the gradients of all parts, arrays or `Deferred`, and scale the sum. The arrays are overwritten.

    Return an array, or a `SinglePresentation`, which behaves like an array.
    """
    first = shares[0]
    if not isinstance(first, np.ndarray):
        return type(first).total(shares, scale)
    flat = [array.reshape(-1) for array in shares]

    def add(total: np.ndarray, *others: np.ndarray) -> None:
        for other in others:
            np.add(total, other, out=total)
        np.multiply(total, scale, out=total)

    over_arrays(flat, add)
    return flat[0].reshape(first.shape)


def sum_of(share: np.ndarray | Deferred) -> np.ndarray:
    """Return the gradient of one part as an array."""
    return share if isinstance(share, np.ndarray) else np.asarray(share.total([share], np.float32(1)))


def elementwise(kernel: Callable[..., None], arrays: Sequence[np.ndarray], constants: Sequence[float]) -> None:
    """Apply a compiled loop to contiguous arrays of equal size and dtype, on several threads.

    The loop receives a flat piece of each array, and the constants in the same dtype.
    """
    dtype = arrays[0].dtype.type
    flat = [array.reshape(-1) for array in arrays]
    typed = [dtype(constant) for constant in constants]
    over_arrays(flat, lambda *pieces: kernel(*pieces, *typed))


def update_ema(mean: Weights, weights: Weights, keep: float) -> None:
    """Update an exponential moving average of weights in place. `keep` is the weight of the old average."""
    for name, array in weights.items():
        elementwise(_move, (mean[name], array), (1.0 - keep,))


@compiled
def _move(mean: np.ndarray, array: np.ndarray, share: float) -> None:
    for k in range(len(mean)):
        mean[k] += share * (array[k] - mean[k])
