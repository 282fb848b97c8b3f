"""What the learning step of a projection yields, and the gradient of a batch that its parts add up to."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from netsim.numerics.field_products import multiply_fields
from netsim.numerics.threads import over_elements


class Factors(NamedTuple):
    """A part's gradient of a dense kernel, not multiplied yet: one product over the whole batch is less work.

    Inputs have the shape (presentations, inputs), the signal (presentations, neurons).
    """

    inputs: np.ndarray
    signal: np.ndarray


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


def total_gradient(shares: Sequence[np.ndarray | Factors], scale: np.floating) -> np.ndarray:
    """Add up the shares of all parts, which are of one type, and scale the sum; arrays are written over."""
    factors = [share for share in shares if isinstance(share, Factors)]
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

    over_elements(len(product), multiply, product.shape[1], products=True)
    return product
