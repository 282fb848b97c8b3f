"""Receptive fields of a layer, and products over them: what positions gather into a gradient, and hand to their source.

Both are matrix products with receptive fields as rows. Where few postsynaptic neurons carry a signal, as below
pooling, where one neuron of a field is heard at most, only the fields of those are visited.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from netsim.numerics.compilation import compiled, compiled_with
from netsim.numerics.receptive_fields import (
    few_channels,
    gather_columns,
    gather_patches,
    scatter_patches,
    sees_one_place,
)
from netsim.numerics.vectors import check_lanes, load, spread, store
from netsim.specification import PSP, Window

# Visiting a row of a field takes so many times as long for each vector as a matrix product for each of its synapses
# (measured in single precision).
_VECTOR = 90
# So many signals are counted at a time.
_COUNTED = 4096


class Fields(NamedTuple):
    """The receptive fields of a layer, and what compiled loops need to know of its synapses.

    Attributes
    ----------
    times : ndarray, shape (presentations, height, width, channels)
        Presynaptic latencies (ms); a dense layer sees one pixel whose channels are its inputs.
    size, stride, padding : int
        Of the kernel: height, step and border; 1, 1 and 0 in a dense layer.
    delays, changes : ndarray, shape (breakpoints,)
        Of the postsynaptic potential: when its slope changes (ms after the spike), and by how much.
    """

    times: np.ndarray
    size: int
    stride: int
    padding: int
    delays: np.ndarray
    changes: np.ndarray


def fields_of(window: Window, psp: PSP, source: np.ndarray) -> Fields:
    """The receptive fields of a window, given the latencies of its source.

    Parameters
    ----------
    window : Window
    psp : PSP
    source : ndarray, shape (presentations, height, width, channels) or (presentations, neurons)
        In ms.
    """
    delays, changes = (np.array(values, dtype=source.dtype) for values in zip(*psp.kernel, strict=True))
    times = np.ascontiguousarray(source).reshape(len(source), *window.source)
    return Fields(times, window.size, window.stride, window.padding, delays, changes)


def by_position(values: np.ndarray, window: Window, kind: np.dtype) -> np.ndarray:
    """Values of neurons by presentation, row, column and map; all to all, there is one position.

    Parameters
    ----------
    values : ndarray, shape (presentations, rows, columns, maps) or (presentations, neurons)
    window : Window
    kind : dtype
        Of the result.

    Returns
    -------
    ndarray, shape (presentations, rows, columns, maps)
        In C order.
    """
    values = np.ascontiguousarray(values, kind)
    return values.reshape(len(values), *window.shape)


@compiled
def weigh_fields(
    inputs: np.ndarray, signal: np.ndarray, fields: Fields, visited: bool, lanes: int, gathered: np.ndarray
) -> None:
    """Sum over positions of what the position sees times the signal of each of its neurons.

    Parameters
    ----------
    inputs : ndarray, shape (presentations, height, width, channels)
        Zero where nothing is seen.
    signal : ndarray, shape (presentations, rows, columns, maps)
    fields : Fields
    visited : bool
        Visit the fields of the neurons that carry a signal; see `is_sparse`.
    lanes : int
        Numbers in a vector.
    gathered : ndarray, shape (inputs of a field, maps)
        The result is written here.
    """
    maps = signal.shape[3]
    if visited:
        row = fields.size * inputs.shape[3]
        by_map = np.empty((maps, fields.size, _vectors(row, lanes) * lanes), signal.dtype)
        _gather_visited(inputs, signal, fields.stride, fields.padding, lanes, by_map)
        _collect_from_maps(by_map, row, gathered)
    elif few_channels(inputs):
        columns = gather_columns(inputs, fields.size, fields.stride, fields.padding)
        np.dot(columns, signal.reshape(-1, maps), gathered)
    else:
        patches = gather_patches(inputs, fields.size, fields.stride, fields.padding)
        np.dot(patches.T, signal.reshape(-1, maps), gathered)


@compiled
def spread_onto_source(
    signal: np.ndarray, kernel: np.ndarray, fields: Fields, visited: bool, lanes: int, handed: np.ndarray
) -> None:
    """Hand the signal of each neuron to all it sees, by the weights of its synapses.

    Parameters
    ----------
    signal, fields, visited, lanes
        As in `weigh_fields`.
    kernel : ndarray, shape (inputs of a field, maps)
    handed : ndarray, shape (presentations, height, width, channels)
        The result is written here.
    """
    maps = kernel.shape[1]
    if visited:
        row = fields.size * handed.shape[3]
        by_map = np.empty((maps, fields.size, _vectors(row, lanes) * lanes), signal.dtype)
        _lay_out_by_map(kernel, row, by_map)
        _hand_to_visited(by_map, signal, fields.stride, fields.padding, lanes, handed)
    elif sees_one_place(fields.size, fields.stride, fields.padding):
        np.dot(signal.reshape(-1, maps), kernel.T, handed.reshape(-1, len(kernel)))
    else:
        onto = np.dot(signal.reshape(-1, maps), kernel.T)
        scatter_patches(onto, handed, fields.size, fields.stride, fields.padding)


@compiled
def is_sparse(signal: np.ndarray, fields: Fields, lanes: int) -> bool:
    """Whether visiting the fields of signalling neurons is less work than a matrix product over all.

    Parameters
    ----------
    signal, fields, lanes
        As in `weigh_fields`.
    """
    _, rows, columns, _ = signal.shape
    if rows * columns == 1:
        return False  # nobody shares weights with them
    row = fields.size * fields.times.shape[3]
    return bool(_signalling(signal.reshape(-1)) * _vectors(row, lanes) * _VECTOR < signal.size * row)


@compiled
def _lay_out_by_map(kernel: np.ndarray, row: int, by_map: np.ndarray) -> None:
    """Lay out the synapses of each map by the rows of its field, each filled up with zeros to whole vectors."""
    maps, size, _ = by_map.shape
    by_map[:] = 0
    for dy in range(size):
        for k in range(row):
            for m in range(maps):
                by_map[m, dy, k] = kernel[dy * row + k, m]


@compiled
def _collect_from_maps(by_map: np.ndarray, row: int, gathered: np.ndarray) -> None:
    """The way back from `_lay_out_by_map`."""
    maps, size, _ = by_map.shape
    for dy in range(size):
        for k in range(row):
            for m in range(maps):
                gathered[dy * row + k, m] = by_map[m, dy, k]


@compiled
def _vectors(numbers: int, lanes: int) -> int:
    """How many vectors hold a row of a field."""
    return (numbers + lanes - 1) // lanes


@compiled
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


@compiled_with(fastmath={"contract"})
def _gather_visited(
    inputs: np.ndarray, signal: np.ndarray, stride: int, padding: int, lanes: int, gathered: np.ndarray
) -> None:
    """Add up, for each map, the fields that its signals are at, times the signals; a map at a time."""
    presentations, height, width, channels = inputs.shape
    _, rows, columns, maps = signal.shape
    size, numbers = gathered.shape[1:]
    check_lanes(lanes, inputs.itemsize)
    line = (width + 2 * padding) * channels
    framed = np.zeros((height + 2 * padding) * line + numbers, inputs.dtype)  # with its padding
    fields, values = np.empty((maps, rows * columns), np.int64), np.empty((maps, rows * columns), signal.dtype)
    counts = np.empty(maps, np.int64)
    gathered[:] = 0
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


@compiled_with(fastmath={"contract"})
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
