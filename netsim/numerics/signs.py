"""Weights that differ only by their signs: all weights onto an output have one absolute value.

The inputs of a receptive field form groups of four. The 16 possible signed sums of a group are computed once, as a
look-up table for all outputs. One look-up replaces four products. Sums of groups are added in the order of the field,
and finally multiplied by the size. Skipped zero groups do not change this order.
"""

from typing import NamedTuple

import numpy as np

from netsim.numerics.compilation import compiled, compiled_with
from netsim.numerics.field_loops import Active
from netsim.numerics.receptive_fields import copy_line
from netsim.numerics.vectors import TABLE, from_a_line, lanes_of

GROUP = 4
"""Inputs per table: neighbouring channels of a pixel."""
_CHOICES = np.arange(TABLE)
_SIGNS = np.array([np.where(_CHOICES >> bit & 1, 1, -1) for bit in range(GROUP)], np.float32)
"""Signs of the inputs of a group in the sums of a table, shape (inputs, sums)."""


class Signs(NamedTuple):
    """Weights of receptive fields as signs.

    `choices` are indices into look-up tables, shape (blocks, groups of a field · outputs of a block), which select the
    sum of a group for an output. A block has two vectors of outputs. The last may be padded. `sizes` has the shape
    (outputs,).
    """

    choices: np.ndarray
    sizes: np.ndarray


def by_signs(weights: np.ndarray, channels: int) -> Signs | None:
    """Convert weights of receptive fields, shape (inputs of a field, outputs), to signs, in single precision.

    Return None if an output has several sizes or infinite weights, or the channels of a pixel are not whole groups.
    """
    if weights.dtype != np.float32 or channels % GROUP:
        return None
    sizes = np.abs(weights[0])
    choices = _choices(weights, sizes)
    return Signs(choices, sizes) if len(choices) and np.isfinite(sizes).all() else None


@compiled
def _choices(weights: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the choices of `Signs`, or no block if weights onto an output have several sizes."""
    inputs, outputs = weights.shape
    block = 2 * lanes_of(weights)
    choices = np.zeros((-(-outputs // block), inputs // GROUP * block), np.uint8)
    # integers as wide as weights allow vectorisation
    others, codes = np.zeros(outputs, np.int32), np.empty(outputs, np.int32)
    for group in range(inputs // GROUP):
        codes[:] = 0
        for n in range(GROUP):
            row, bit = weights[GROUP * group + n], np.int32(1 << n)
            for m in range(len(row)):
                others[m] |= np.int32(abs(row[m]) != sizes[m])
                codes[m] += bit if row[m] > 0 else np.int32(0)
        for left in range(0, outputs, block):
            copy_line(codes[left : left + block], choices[left // block, group * block :])
    return choices[:0] if others.any() else choices


@compiled
def active_groups(inputs: np.ndarray) -> np.ndarray:
    """Return 1 for groups of flat inputs with any nonzero input, else 0, in the dtype of the inputs."""
    pairs = inputs.view(np.uint64)  # negative zeros count, which changes no sum
    active = np.empty(len(inputs) // GROUP, inputs.dtype)
    for group in range(len(active)):
        active[group] = (pairs[2 * group] | pairs[2 * group + 1]) != 0
    return active


@compiled
def tables_of_all(inputs: np.ndarray) -> np.ndarray:
    """Return the consecutive tables of the groups of flat inputs."""
    tables = from_a_line(len(inputs) // GROUP * TABLE, inputs)
    for group in range(len(inputs) // GROUP):
        _add_up_group(inputs, np.uint64(group), tables, np.uint64(group))
    return tables


@compiled
def tables_of_active(inputs: np.ndarray, shape: tuple[int, int, int, int], active: Active) -> np.ndarray:
    """Return the tables of active groups. `shape` is the shape of maps of groups."""
    presentations, height, width, groups = shape
    tables = from_a_line(active.first[-1] * TABLE, inputs)
    for pixel in range(presentations * height * width):
        line = np.uint64((pixel - pixel % width) * groups)
        k, last = active.first[pixel], active.first[pixel + 1]
        while k < last:
            _add_up_group(inputs, line + active.places[k], tables, k)
            k += np.uint64(1)
    return tables


@compiled_with(fastmath={"contract"})
def _add_up_group(inputs: np.ndarray, group: int, tables: np.ndarray, number: int) -> None:
    """Write the table of a group."""
    begin = group * np.uint64(GROUP)
    a, b = inputs[begin], inputs[begin + np.uint64(1)]
    c, d = inputs[begin + np.uint64(2)], inputs[begin + np.uint64(3)]
    table = tables[number * np.uint64(TABLE) : (number + np.uint64(1)) * np.uint64(TABLE)]
    for choice in range(TABLE):
        table[choice] = _SIGNS[0, choice] * a + _SIGNS[1, choice] * b + _SIGNS[2, choice] * c + _SIGNS[3, choice] * d
