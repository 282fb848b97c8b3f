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
    if not _is_sparse(layer, inputs, signal):
        fields = gather_patches(inputs, layer.kernel, layer.stride, layer.padding, 0.0)
        return fields.T @ signal.reshape(-1, maps)
    presentations, height, width, channels = inputs.shape
    gathered = np.zeros((maps, layer.kernel, layer.kernel * channels), dtype=signal.dtype)
    rows = np.ascontiguousarray(inputs).reshape(presentations, height, width * channels)
    _weigh(rows, signal, channels, layer.stride, layer.padding, gathered)
    return np.ascontiguousarray(gathered.reshape(maps, -1).T)


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
    if not _is_sparse(layer, np.broadcast_to(kernel[:1, :1], shape), signal):
        fields = signal.reshape(-1, signal.shape[-1]) @ kernel.T
        return scatter_patches(fields, shape, layer.kernel, layer.stride, layer.padding)
    presentations, height, width, channels = shape
    kernels = np.ascontiguousarray(kernel.T).reshape(-1, layer.kernel, layer.kernel * channels)
    spread = np.zeros((presentations, height, width * channels), dtype=signal.dtype)
    _spread(signal, kernels, channels, layer.stride, layer.padding, spread)
    return spread.reshape(shape)


def _is_sparse(layer: Convolution, inputs: np.ndarray, signal: np.ndarray) -> bool:
    """Whether visiting the fields of signalling neurons is less work than a matrix product over all."""
    row = layer.kernel * inputs.shape[-1]
    return np.count_nonzero(signal) * (row * _VISIT + _ROW) < signal.size * row


@njit(cache=True, nogil=True, error_model="numpy")
def _weigh(
    inputs: np.ndarray, signal: np.ndarray, channels: int, stride: int, padding: int, gathered: np.ndarray
) -> None:
    presentations, rows, columns, maps = signal.shape
    height, width = inputs.shape[1], inputs.shape[2] // channels
    kernel = gathered.shape[1]
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
                        source = inputs[b, top + dy, offset + first : offset + last]
                        target = gathered[m, dy, first:last]
                        for k in range(len(target)):
                            target[k] += value * source[k]


@njit(cache=True, nogil=True, error_model="numpy")
def _spread(
    signal: np.ndarray, kernels: np.ndarray, channels: int, stride: int, padding: int, spread: np.ndarray
) -> None:
    presentations, rows, columns, maps = signal.shape
    height, width = spread.shape[1], spread.shape[2] // channels
    kernel = kernels.shape[1]
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
                        source = kernels[m, dy, first:last]
                        target = spread[b, top + dy, offset + first : offset + last]
                        for k in range(len(target)):
                            target[k] += value * source[k]
