"""Products over receptive fields: what the positions of a layer gather into a gradient, and hand to their source.

Both are matrix products with receptive fields as rows. Where few postsynaptic neurons carry a signal, as below
pooling, where one neuron of a field is heard at most, only the fields of those are visited.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from netsim.patches import gather_patches, scatter_patches
from netsim.specification import Convolution, WeightedLayer

# Visiting a field costs so much more for each synapse than the matrix product, and as much as so many synapses
# for each row of the kernel (measured in single precision).
_VISIT = 2.5
_ROW = 48


def weigh_fields(layer: WeightedLayer, inputs: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Sum over positions of what the position sees times the signal of each of its neurons.

    Parameters
    ----------
    layer : Convolution or Dense
    inputs : ndarray, shape (presentations, height, width, channels) or (presentations, neurons)
        Zero where nothing is seen.
    signal : ndarray, shape (presentations, rows, columns, maps) or (presentations, neurons)

    Returns
    -------
    ndarray, shape (inputs of a field, maps)
    """
    maps = signal.shape[-1]
    if not isinstance(layer, Convolution):
        return inputs.reshape(len(inputs), -1).T @ signal
    if not _is_sparse(layer, inputs.shape[-1], signal):
        fields = gather_patches(inputs, layer.kernel, layer.stride, layer.padding, 0.0)
        return fields.T @ signal.reshape(-1, maps)
    presentations, height, width, channels = inputs.shape
    gathered = np.zeros((maps, layer.kernel, layer.kernel * channels), dtype=signal.dtype)
    rows = np.ascontiguousarray(inputs).reshape(presentations, height, width * channels)
    _visit(rows, gathered, signal, layer.stride, layer.padding, False)
    return _by_synapse(gathered)


def spread_onto_source(
    layer: WeightedLayer, signal: np.ndarray, kernel: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Hand the signal of each neuron to all it sees, by the weights of its synapses.

    Parameters
    ----------
    layer : Convolution or Dense
    signal : ndarray, shape (presentations, rows, columns, maps) or (presentations, neurons)
    kernel : ndarray, shape (inputs of a field, maps)
    shape : tuple of int
        Of the source: (presentations, height, width, channels) or (presentations, neurons).

    Returns
    -------
    ndarray, shape `shape`
    """
    if not isinstance(layer, Convolution):
        return (signal @ kernel.T).reshape(shape)
    presentations, height, width, channels = shape
    if not _is_sparse(layer, channels, signal):
        fields = signal.reshape(-1, signal.shape[-1]) @ kernel.T
        return scatter_patches(fields, shape, layer.kernel, layer.stride, layer.padding)
    spread = np.zeros((presentations, height, width * channels), dtype=signal.dtype)
    _visit(spread, _by_map(kernel, layer.kernel), signal, layer.stride, layer.padding, True)
    return spread.reshape(shape)


def _by_map(kernel: np.ndarray, size: int) -> np.ndarray:
    """The kernel of each map in one piece, its rows as long as a row of a field: (maps, size, size · channels)."""
    return np.ascontiguousarray(kernel.T).reshape(kernel.shape[1], size, -1)


def _by_synapse(kernels: np.ndarray) -> np.ndarray:
    """The way back from `_by_map`."""
    return np.ascontiguousarray(kernels.reshape(len(kernels), -1).T)


def _is_sparse(layer: Convolution, channels: int, signal: np.ndarray) -> bool:
    """Whether visiting the fields of signalling neurons is less work than a matrix product over all."""
    row = layer.kernel * channels
    return bool(np.count_nonzero(signal) * (row * _VISIT + _ROW) < signal.size * row)


@njit(cache=True, nogil=True, error_model="numpy")
def _visit(
    inputs: np.ndarray, kernels: np.ndarray, signal: np.ndarray, stride: int, padding: int, onto_inputs: bool
) -> None:
    """Add, for each signal, its multiple of the kernel onto the field, or of the field onto the kernel."""
    presentations, rows, columns, maps = signal.shape
    kernel = kernels.shape[1]
    channels = kernels.shape[2] // kernel
    height, width = inputs.shape[1], inputs.shape[2] // channels
    for b in range(presentations):
        for row in range(rows):
            top = row * stride - padding
            for column in range(columns):
                left = column * stride - padding
                first, last = max(-left, 0) * channels, min(width - left, kernel) * channels
                offset = left * channels
                for m in range(maps):
                    value = signal[b, row, column, m]
                    if value == 0:
                        continue
                    for dy in range(max(-top, 0), min(height - top, kernel)):
                        field = inputs[b, top + dy, offset + first : offset + last]
                        weights = kernels[m, dy, first:last]
                        source, target = (weights, field) if onto_inputs else (field, weights)
                        for k in range(len(target)):
                            target[k] += value * source[k]
