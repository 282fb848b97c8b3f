"""What the learning step of a projection yields, and the gradient of a batch that its parts add up to."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from netsim.numerics.compilation import compiled
from netsim.numerics.field_products import multiply_fields
from netsim.numerics.threads import over_elements


class Factors(NamedTuple):
    """A part's gradient of a dense kernel, not multiplied yet: one product over the whole batch is less work.

    Inputs have the shape (presentations, inputs), the signal (presentations, neurons).
    """

    inputs: np.ndarray
    signal: np.ndarray


class OuterProduct(NDArrayOperatorsMixin):
    """The gradient of dense synapses by a single presentation, as its factors; arithmetic takes it for the array.

    Inputs have the shape (inputs,), the signal (neurons,). Most of both are zero, so that few synapses learn.
    """

    def __init__(self, inputs: np.ndarray, signal: np.ndarray) -> None:
        self.inputs, self.signal = inputs, signal
        self.shape, self.dtype, self.ndim = (len(inputs), len(signal)), signal.dtype, 2

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.multiply.outer(self.inputs, self.signal).astype(dtype or self.dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        arrays = (np.asarray(each) if isinstance(each, OuterProduct) else each for each in inputs)
        return getattr(ufunc, method)(*arrays, **options)

    def __getitem__(self, where: Any) -> Any:
        return np.asarray(self)[where]

    def __mul__(self, other: Any) -> Any:
        if np.ndim(other) == 0:  # remains a product
            return OuterProduct(self.inputs, self.signal * self.dtype.type(other))
        return np.asarray(self) * other

    __rmul__ = __mul__

    def subtract_from(self, weight: np.ndarray, rate: float) -> None:
        """Take the product times a rate away from weights, in the roundings of arrays; the others are not touched."""
        _subtract(weight, self.inputs, self.signal, weight.dtype.type(rate))


Gradient = np.ndarray | OuterProduct


def factors_of(gradient: Gradient) -> tuple[np.ndarray, ...]:
    """The arrays that a gradient is made of."""
    return (gradient.inputs, gradient.signal) if isinstance(gradient, OuterProduct) else (gradient,)


@compiled
def _subtract(weight: np.ndarray, inputs: np.ndarray, signal: np.ndarray, rate: float) -> None:
    carrying = np.flatnonzero(signal)
    for i in range(len(inputs)):
        if inputs[i] != 0:
            own = weight[i]
            for j in carrying:
                own[j] -= rate * (inputs[i] * signal[j])


class LayerStep(NamedTuple):
    """What the learning step of a projection yields.

    The gradient of the kernel is a sum over presentations and positions of what each synapse contributes, times the
    postsynaptic signal (ms²), None if the synapses are static; that of the bias, shape (maps,), the same for the
    constant current, which acts up to the gate or the spike. The displacement is that of the presynaptic spikes (ms),
    of the shape of the source, where it is asked for. The gradient of delays (ms) is that of learned ones.
    """

    kernel_gradient: np.ndarray | Factors | None
    bias_gradient: np.ndarray | None
    displacement: np.ndarray | None
    delay_gradient: np.ndarray | None = None


def total_gradient(shares: Sequence[np.ndarray | Factors], scale: np.floating) -> Any:
    """Add up the shares of all parts, which are of one type, and scale the sum; arrays are written over.

    The sum is an array, or an `OuterProduct`, which passes for one.
    """
    factors = [share for share in shares if isinstance(share, Factors)]
    if len(factors) == 1 and len(factors[0].signal) == 1:
        return OuterProduct(factors[0].inputs[0], factors[0].signal[0] * scale)
    if factors:
        return _product(factors, scale)
    arrays = [share for share in shares if isinstance(share, np.ndarray)]
    total, *others = (array.reshape(-1) for array in arrays)

    def add(part: slice) -> None:
        for other in others:
            total[part] += other[part]
        total[part] *= scale

    over_elements(total.size, add)
    return total.reshape(arrays[0].shape)


def _product(factors: Sequence[Factors], scale: np.floating) -> np.ndarray:
    signal = np.concatenate([part.signal for part in factors]) * scale
    product = np.empty((factors[0].inputs.shape[1], signal.shape[1]), signal.dtype)

    def multiply(rows: slice) -> None:
        # as if neurons were positions, whose channels are the presentations: in most of them a neuron is silent
        inputs = np.concatenate([part.inputs[:, rows] for part in factors]).T
        fields = np.ascontiguousarray(inputs)[None, :, None]
        multiply_fields(fields, signal, 1, 1, 0, product[None, rows, None])

    over_elements(len(product), multiply, product.shape[1])
    return product
