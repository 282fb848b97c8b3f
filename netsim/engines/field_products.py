"""Products of all receptive fields of a layer with its kernel: the potentials of phased layers.

Large fields are laid out as the rows of a matrix. Where a field has few inputs, as that of a first convolution, laying
it out takes as long as the product, and the sums of neighbouring maps are added up in registers instead.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from netsim.lanes import check_lanes, lanes_of, load, spread, store
from netsim.patches import gather_patches

# With more inputs the matrix product is quicker (measured with 32 maps in single precision).
_FEW_INPUTS = 64


def multiply_fields(
    maps: np.ndarray, kernel: np.ndarray, size: int, stride: int, padding: int, sums: np.ndarray
) -> None:
    """Multiply the receptive field of each position with the kernel.

    Parameters
    ----------
    maps : ndarray, shape (presentations, height, width, channels)
    kernel : ndarray, shape (size · size · channels, maps)
    size, stride, padding : int
        As in `netsim.patches.gather_patches`.
    sums : ndarray, shape (presentations, rows, columns, maps)
        The result is written here. All arrays have the same type.
    """
    if sums.shape[1] * sums.shape[2] > 1 and len(kernel) <= _FEW_INPUTS:
        _add_up(np.ascontiguousarray(maps), in_blocks(kernel), size, stride, padding, sums)
    else:
        patches = gather_patches(maps, size, stride, padding)
        np.matmul(patches, kernel, out=sums.reshape(-1, kernel.shape[1]))


def in_blocks(kernel: np.ndarray) -> np.ndarray:
    """A kernel in blocks of neighbouring maps, the last one filled up with zeros.

    Parameters
    ----------
    kernel : ndarray, shape (inputs of a field, maps)

    Returns
    -------
    ndarray, shape (blocks, inputs of a field, lanes)
    """
    lanes = lanes_of(kernel.itemsize)
    inputs, maps = kernel.shape
    blocks = np.zeros((-(-maps // lanes), inputs, lanes), kernel.dtype)
    for block, left in enumerate(range(0, maps, lanes)):
        part = kernel[:, left : left + lanes]
        blocks[block, :, : part.shape[1]] = part
    return blocks


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _add_up(maps: np.ndarray, blocks: np.ndarray, size: int, stride: int, padding: int, sums: np.ndarray) -> None:
    _, height, width, channels = maps.shape
    presentations, rows, columns, neurons = sums.shape
    lanes = blocks.shape[2]
    check_lanes(lanes, blocks.itemsize)
    nothing = spread(blocks.dtype.type(0))
    # a presentation with its padding
    framed = np.zeros((height + 2 * padding, (width + 2 * padding) * channels), maps.dtype)
    whole, whole_of_other = np.empty(len(blocks) * lanes, sums.dtype), np.empty(len(blocks) * lanes, sums.dtype)
    for b in range(presentations):
        for y in range(height):
            framed[padding + y, padding * channels : (padding + width) * channels] = maps[b, y].reshape(-1)
        for row in range(rows):
            # two positions at a time: each addition waits for the one before
            for column in range(0, columns, 2):
                other = min(column + 1, columns - 1)
                left, right = column * stride * channels, other * stride * channels
                for block in range(len(blocks)):
                    weights = blocks[block].reshape(-1)
                    total, total_of_other, place = nothing, nothing, 0
                    for y in range(row * stride, row * stride + size):
                        seen = framed[y, left : left + size * channels]
                        seen_by_other = framed[y, right : right + size * channels]
                        for i in range(seen.size):
                            synapses = load(weights, place)
                            total = total + spread(seen[i]) * synapses
                            total_of_other = total_of_other + spread(seen_by_other[i]) * synapses
                            place += lanes
                    store(whole, block * lanes, total)
                    store(whole_of_other, block * lanes, total_of_other)
                sums[b, row, column] = whole[:neurons]
                sums[b, row, other] = whole_of_other[:neurons]
