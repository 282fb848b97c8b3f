"""Shared by windows that slide over maps: positions, and the index arrays of their synapses."""

import numpy as np

from netsim.specification.connectivity._protocol import Connections, Window


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
