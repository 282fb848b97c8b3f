"""Receptive fields in the rows of a matrix or one by one, and the earliest spike of a field."""

from __future__ import annotations

import numpy as np
from numba import njit

# With fewer channels the row of a field is too short to be copied at a time.
_FEW_CHANNELS = 4


def gather_patches(maps: np.ndarray, kernel: int, stride: int = 1, padding: int = 0, fill: float = 0.0) -> np.ndarray:
    """Lay out the receptive field of each position as a row.

    Parameters
    ----------
    maps : ndarray, shape (presentations, height, width, channels)
    kernel, stride, padding : int
        As in `netsim.specification.Convolution`.
    fill : float
        Value of the padding.

    Returns
    -------
    ndarray, shape (presentations · positions, kernel · kernel · channels)
        Rows by presentation, y, x; columns by dy, dx, channel, so that the product with a flattened kernel
        is the convolution. With few channels it lies in memory by columns.
    """
    presentations, height, width, channels = maps.shape
    rows = (height + 2 * padding - kernel) // stride + 1
    columns = (width + 2 * padding - kernel) // stride + 1
    if channels < _FEW_CHANNELS:
        # a row of positions is copied at a time instead
        by_column = np.empty((kernel, kernel, channels, presentations, rows, columns), dtype=maps.dtype)
        _gather_by_column(np.ascontiguousarray(maps), stride, padding, fill, by_column)
        return by_column.reshape(kernel * kernel * channels, -1).T
    patches = np.empty((presentations, rows, columns, kernel, kernel * channels), dtype=maps.dtype)
    _gather(np.ascontiguousarray(maps).reshape(presentations, height, width * channels), stride, padding, fill, patches)
    return patches.reshape(presentations * rows * columns, kernel * kernel * channels)


@njit(cache=True, nogil=True, error_model="numpy")
def look(
    maps: np.ndarray, b: int, row: int, column: int, kernel: int, stride: int, padding: int, fill: float,
    seen: np.ndarray,
) -> None:  # fmt: skip
    """Lay out the receptive field of one position, for compiled loops; one row of `gather_patches`.

    Parameters
    ----------
    maps : ndarray, shape (presentations, height, width, channels)
    b, row, column : int
        Presentation and position.
    kernel, stride, padding, fill
        As in `gather_patches`.
    seen : ndarray, shape (kernel · kernel · channels or more,)
        The result; filled up with `fill`.
    """
    _, height, width, channels = maps.shape
    top, left = row * stride - padding, column * stride - padding
    place = 0
    for y in range(top, top + kernel):
        for x in range(left, left + kernel):
            part = seen[place : place + channels]
            if 0 <= y < height and 0 <= x < width:
                part[:] = maps[b, y, x]
            else:
                part[:] = fill
            place += channels
    seen[place:] = fill


def scatter_patches(
    patches: np.ndarray, shape: tuple[int, ...], kernel: int, stride: int = 1, padding: int = 0
) -> np.ndarray:
    """Add rows of receptive fields back onto the maps they came from: the transpose of `gather_patches`.

    Parameters
    ----------
    patches : ndarray, shape (presentations · positions, kernel · kernel · channels)
    shape : tuple
        (presentations, height, width, channels) of the maps.

    Returns
    -------
    ndarray, shape `shape`
    """
    presentations, height, width, channels = shape
    rows = (height + 2 * padding - kernel) // stride + 1
    columns = (width + 2 * padding - kernel) // stride + 1
    maps = np.zeros((presentations, height, width * channels), dtype=patches.dtype)
    _scatter(patches.reshape(presentations, rows, columns, kernel, kernel * channels), stride, padding, maps)
    return maps.reshape(shape)


def earliest(latencies: np.ndarray, size: int, stride: int, out: np.ndarray | None = None) -> np.ndarray:
    """Latency of the earliest spike of each pooling field.

    Parameters
    ----------
    latencies : ndarray, shape (presentations, height, width, channels)
        In ms; ``inf`` is silent.
    size, stride : int
        Height of a field, and step.
    out : ndarray, optional
        Where the result is written.

    Returns
    -------
    ndarray, shape (presentations, rows, columns, channels)
    """
    presentations, height, width, channels = latencies.shape
    shape = (presentations, (height - size) // stride + 1, (width - size) // stride + 1, channels)
    pooled = np.empty(shape, dtype=latencies.dtype) if out is None else out
    _earliest(np.ascontiguousarray(latencies), size, stride, pooled)
    return pooled


def to_earliest(values: np.ndarray, latencies: np.ndarray, pooled: np.ndarray, size: int, stride: int) -> np.ndarray:
    """Hand a value of each pooling neuron to the neuron whose spike it passed on.

    Of several equally early neurons the first, row by row, gets it; for a silent pooling neuron none does.

    Parameters
    ----------
    values, pooled : ndarray, shape (presentations, rows, columns, channels)
    latencies : ndarray, shape (presentations, height, width, channels)

    Returns
    -------
    ndarray, shape of `latencies`
    """
    handed = np.zeros(latencies.shape, dtype=values.dtype)
    _to_earliest(np.ascontiguousarray(values), latencies, pooled, size, stride, handed)
    return handed


@njit(cache=True, nogil=True, error_model="numpy")
def _gather(maps: np.ndarray, stride: int, padding: int, fill: float, patches: np.ndarray) -> None:
    presentations, rows, columns, kernel, segment = patches.shape
    height = maps.shape[1]
    channels = segment // kernel
    width = maps.shape[2] // channels
    for b in range(presentations):
        for row in range(rows):
            for column in range(columns):
                left = column * stride - padding
                first = max(-left, 0) * channels
                last = min(width - left, kernel) * channels
                offset = left * channels
                for dy in range(kernel):
                    target = patches[b, row, column, dy]
                    y = row * stride - padding + dy
                    if y < 0 or y >= height:
                        target[:] = fill
                        continue
                    target[:first] = fill
                    target[last:] = fill
                    # slices of one length let the compiler vectorise: no index could be negative
                    seen = target[first:last]
                    source = maps[b, y, offset + first : offset + last]
                    for k in range(len(seen)):
                        seen[k] = source[k]


@njit(cache=True, nogil=True, error_model="numpy")
def _gather_by_column(maps: np.ndarray, stride: int, padding: int, fill: float, by_column: np.ndarray) -> None:
    kernel, _, channels, presentations, rows, columns = by_column.shape
    height, width = maps.shape[1:3]
    for dy in range(kernel):
        for dx in range(kernel):
            # the positions whose fields have this column inside the map
            first = min(max(padding - dx + stride - 1, 0) // stride, columns)
            last = max(min((width - 1 + padding - dx) // stride + 1, columns), first)
            for channel in range(channels):
                for b in range(presentations):
                    for row in range(rows):
                        target = by_column[dy, dx, channel, b, row]
                        y = row * stride - padding + dy
                        if y < 0 or y >= height:
                            target[:] = fill
                            continue
                        target[:first] = fill
                        target[last:] = fill
                        left = dx - padding
                        if stride == 1:
                            # slices of one length let the compiler vectorise: no index could be negative
                            seen = target[first:last]
                            source = maps[b, y, first + left : last + left, channel]
                            for k in range(len(seen)):
                                seen[k] = source[k]
                        else:
                            for column in range(first, last):
                                target[column] = maps[b, y, column * stride + left, channel]


@njit(cache=True, nogil=True, error_model="numpy")
def _scatter(patches: np.ndarray, stride: int, padding: int, maps: np.ndarray) -> None:
    presentations, rows, columns, kernel, segment = patches.shape
    height = maps.shape[1]
    channels = segment // kernel
    width = maps.shape[2] // channels
    for b in range(presentations):
        for row in range(rows):
            for column in range(columns):
                left = column * stride - padding
                first = max(-left, 0) * channels
                last = min(width - left, kernel) * channels
                offset = left * channels
                for dy in range(kernel):
                    y = row * stride - padding + dy
                    if y < 0 or y >= height:
                        continue
                    source = patches[b, row, column, dy, first:last]
                    target = maps[b, y, offset + first : offset + last]
                    for k in range(len(target)):
                        target[k] += source[k]


@njit(cache=True, nogil=True, error_model="numpy")
def _earliest(latencies: np.ndarray, size: int, stride: int, pooled: np.ndarray) -> None:
    presentations, rows, columns, channels = pooled.shape
    for b in range(presentations):
        for row in range(rows):
            for column in range(columns):
                target = pooled[b, row, column]
                target[:] = np.inf
                for dy in range(size):
                    for dx in range(size):
                        source = latencies[b, row * stride + dy, column * stride + dx]
                        for channel in range(channels):
                            target[channel] = min(target[channel], source[channel])


@njit(cache=True, nogil=True, error_model="numpy")
def _to_earliest(
    values: np.ndarray, latencies: np.ndarray, pooled: np.ndarray, size: int, stride: int, handed: np.ndarray
) -> None:
    presentations, rows, columns, channels = pooled.shape
    waiting = np.empty(channels, dtype=values.dtype)
    for b in range(presentations):
        for row in range(rows):
            for column in range(columns):
                first = pooled[b, row, column]
                for channel in range(channels):
                    waiting[channel] = values[b, row, column, channel] if first[channel] < np.inf else 0
                for dy in range(size):
                    for dx in range(size):
                        source = latencies[b, row * stride + dy, column * stride + dx]
                        target = handed[b, row * stride + dy, column * stride + dx]
                        for channel in range(channels):
                            taken = waiting[channel] if source[channel] == first[channel] else 0
                            target[channel] += taken
                            waiting[channel] -= taken
