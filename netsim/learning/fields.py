"""Products over receptive fields: what the positions of a layer gather into a gradient, and hand to their source.

Both are matrix products with receptive fields as rows. Where few postsynaptic neurons carry a signal, as below
pooling, where one neuron of a field is heard at most, only the fields of those are visited.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from netsim.lanes import check_lanes, lanes_of, load, spread, store
from netsim.patches import gather_patches, scatter_patches
from netsim.specification import Convolution, WeightedLayer

# Visiting a row of a field takes so many times as long for each vector as a matrix product for each of its synapses
# (measured in single precision).
_VECTOR = 90
# So many signals are counted at a time.
_COUNTED = 4096


def weigh_fields(layer: Convolution, inputs: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Sum over positions of what the position sees times the signal of each of its neurons.

    Parameters
    ----------
    layer : Convolution
    inputs : ndarray, shape (presentations, height, width, channels)
        Zero where nothing is seen.
    signal : ndarray, shape (presentations, rows, columns, maps)

    Returns
    -------
    ndarray, shape (inputs of a field, maps)
    """
    maps = signal.shape[-1]
    if not _is_sparse(layer, inputs.shape[-1], signal):
        fields = gather_patches(inputs, layer.kernel, layer.stride, layer.padding, 0.0)
        return fields.T @ signal.reshape(-1, maps)
    row = layer.kernel * inputs.shape[-1]
    lanes = lanes_of(signal.itemsize)
    gathered = np.zeros((maps, layer.kernel, _vectors(row, lanes) * lanes), dtype=signal.dtype)
    _gather_visited(np.ascontiguousarray(inputs), signal, layer.stride, layer.padding, lanes, gathered)
    return np.ascontiguousarray(gathered[:, :, :row].reshape(maps, -1).T)


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
    channels = shape[-1]
    if not _is_sparse(layer, channels, signal):
        fields = signal.reshape(-1, signal.shape[-1]) @ kernel.T
        return scatter_patches(fields, shape, layer.kernel, layer.stride, layer.padding)
    row, maps = layer.kernel * channels, kernel.shape[1]
    lanes = lanes_of(signal.itemsize)
    kernels = np.zeros((maps, layer.kernel, _vectors(row, lanes) * lanes), dtype=signal.dtype)
    kernels[:, :, :row] = kernel.T.reshape(maps, layer.kernel, row)
    handed = np.empty(shape, dtype=signal.dtype)
    _hand_to_visited(kernels, signal, layer.stride, layer.padding, lanes, handed)
    return handed


def _vectors(numbers: int, lanes: int) -> int:
    """How many vectors hold a row of a field."""
    return -(-numbers // lanes)


def _is_sparse(layer: Convolution, channels: int, signal: np.ndarray) -> bool:
    """Whether visiting the fields of signalling neurons is less work than a matrix product over all."""
    row = layer.kernel * channels
    visit = _vectors(row, lanes_of(signal.itemsize)) * _VECTOR
    return bool(_signalling(signal.reshape(-1)) * visit < signal.size * row)


@njit(cache=True, nogil=True, error_model="numpy")
def _signalling(signal: np.ndarray) -> int:
    """How many neurons carry a signal."""
    total = 0
    for first in range(0, len(signal), _COUNTED):
        part = signal[first : first + _COUNTED]
        count = np.int32(0)  # as wide as most signals: the compiler then finds vectors
        for k in range(len(part)):
            count = np.int32(count + np.int32(part[k] != 0))
        total += int(count)
    return total


# A row of a field is some vectors; the last one may reach into the next row, where its numbers count for nothing.


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _gather_visited(
    inputs: np.ndarray, signal: np.ndarray, stride: int, padding: int, lanes: int, gathered: np.ndarray
) -> None:
    """Add, for each signal, its multiple of the field onto what its map has gathered; a map at a time."""
    presentations, height, width, channels = inputs.shape
    _, rows, columns, maps = signal.shape
    size, numbers = gathered.shape[1:]
    check_lanes(lanes, inputs.itemsize)
    line = (width + 2 * padding) * channels
    framed = np.zeros((height + 2 * padding) * line + numbers, inputs.dtype)  # with its padding
    fields, values = np.empty((maps, rows * columns), np.int64), np.empty((maps, rows * columns), signal.dtype)
    counts = np.empty(maps, np.int64)
    for b in range(presentations):
        for y in range(height):
            first = (padding + y) * line + padding * channels
            framed[first : first + width * channels] = inputs[b, y].reshape(-1)
        counts[:] = 0
        for row in range(rows):
            for column in range(columns):
                for m in range(maps):
                    value = signal[b, row, column, m]
                    if value != 0:
                        fields[m, counts[m]] = (row * line + column * channels) * stride
                        values[m, counts[m]] = value
                        counts[m] += 1
        for m in range(maps):
            if counts[m] == 0:
                continue
            for dy in range(size):
                own, down = gathered[m, dy], dy * line
                for left in range(0, numbers - lanes, 2 * lanes):
                    total, total_of_next = load(own, left), load(own, left + lanes)
                    for k in range(counts[m]):
                        value, place = spread(values[m, k]), fields[m, k] + down + left
                        total = total + value * load(framed, place)
                        total_of_next = total_of_next + value * load(framed, place + lanes)
                    store(own, left, total)
                    store(own, left + lanes, total_of_next)
                if numbers // lanes % 2:
                    left = numbers - lanes
                    total = load(own, left)
                    for k in range(counts[m]):
                        total = total + spread(values[m, k]) * load(framed, fields[m, k] + down + left)
                    store(own, left, total)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _hand_to_visited(
    kernels: np.ndarray, signal: np.ndarray, stride: int, padding: int, lanes: int, handed: np.ndarray
) -> None:
    """Add, for each signal, its multiple of the kernel of its map onto the field; a position at a time."""
    presentations, height, width, channels = handed.shape
    _, rows, columns, maps = signal.shape
    size, numbers = kernels.shape[1:]
    check_lanes(lanes, handed.itemsize)
    line = (width + 2 * padding) * channels
    framed = np.empty((height + 2 * padding) * line + numbers, handed.dtype)  # with its padding
    chosen, values = np.empty(maps, np.int64), np.empty(maps, signal.dtype)
    for b in range(presentations):
        framed[:] = 0
        for row in range(rows):
            for column in range(columns):
                count = 0
                for m in range(maps):
                    value = signal[b, row, column, m]
                    if value != 0:
                        chosen[count], values[count] = m, value
                        count += 1
                if count == 0:
                    continue
                for dy in range(size):
                    field = ((row * stride + dy) * line) + column * stride * channels
                    for left in range(0, numbers - lanes, 2 * lanes):
                        total, total_of_next = load(framed, field + left), load(framed, field + left + lanes)
                        for k in range(count):
                            value, weights = spread(values[k]), kernels[chosen[k], dy]
                            total = total + value * load(weights, left)
                            total_of_next = total_of_next + value * load(weights, left + lanes)
                        store(framed, field + left, total)
                        store(framed, field + left + lanes, total_of_next)
                    if numbers // lanes % 2:
                        left = numbers - lanes
                        total = load(framed, field + left)
                        for k in range(count):
                            total = total + spread(values[k]) * load(kernels[chosen[k], dy], left)
                        store(framed, field + left, total)
        for y in range(height):
            first = (padding + y) * line + padding * channels
            handed[b, y].reshape(-1)[:] = framed[first : first + width * channels]
