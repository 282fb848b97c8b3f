"""Weights that differ by their signs alone: those onto each output are of one size.

Of a layer that sees all inputs a sign is a bit, for its weights come from far away. Of a receptive field, whose weights
are near and met many times, inputs come in groups of four: the 16 sums of a group that signs can make are added up
once, and every output looks its own up, in place of four products. The sums of groups are added in the order of the
field, whatever else is active, and multiplied by the size at the end.
"""

from typing import NamedTuple

import numpy as np

from netsim.numerics.compilation import compiled, compiled_with
from netsim.numerics.field_loops import Active
from netsim.numerics.vectors import (
    TABLE,
    below,
    broadcast,
    from_a_line,
    has_look_up,
    lanes_of,
    load,
    not_zero,
    store,
    where,
)

GROUP = 4
"""Inputs, channels of a pixel side by side, whose sums a table holds."""
_CHOICES = np.arange(2 * TABLE)  # a vector holds two tables
_SIGNS = np.concatenate([np.where(_CHOICES >> bit & 1, 1, -1) for bit in range(GROUP)]).astype(np.float32)
"""Of the inputs of a group in the sums of a table, one vector after the other."""


class Signs(NamedTuple):
    """Weights of receptive fields, by their signs.

    `choices` has the shape (blocks, groups of a field · outputs of a block): which sum of a group is an output's. A
    block is two vectors of outputs; the last may be filled up. `sizes` has the shape (outputs,).
    """

    choices: np.ndarray
    sizes: np.ndarray


def by_signs(weights: np.ndarray, channels: int) -> Signs | None:
    """Weights of receptive fields, shape (inputs of a field, outputs), by their signs; in single precision.

    None if they are of several sizes, the channels of a pixel are no whole groups, or the processor looks nothing up.
    """
    if weights.dtype != np.float32 or channels % GROUP or not has_look_up():
        return None
    choices = _choices(weights)
    return Signs(choices, np.abs(weights[0])) if len(choices) else None


@compiled
def _choices(weights: np.ndarray) -> np.ndarray:
    """The choices of `Signs`; there is no block if weights onto an output are of several sizes."""
    inputs, outputs = weights.shape
    block, sizes = 2 * lanes_of(weights), np.abs(weights[0])
    choices = np.zeros((-(-outputs // block), inputs // GROUP * block), np.uint8)
    for k in range(inputs):
        own, bit, others = weights[k], np.uint8(1 << k % GROUP), 0
        for m in range(outputs):
            others += abs(own[m]) != sizes[m]
        if others:
            return choices[:0]
        for left in range(0, outputs, block):
            first = k // GROUP * block
            for m in range(min(block, outputs - left)):
                choices[left // block, first + m] |= bit if own[left + m] > 0 else np.uint8(0)
    return choices


@compiled
def active_groups(inputs: np.ndarray) -> np.ndarray:
    """Which groups of a line of inputs have one that is not zero, as 1 and 0 of the type of the inputs."""
    pairs = inputs.view(np.uint64)  # a negative zero counts, which changes no sum
    active = np.empty(len(inputs) // GROUP, inputs.dtype)
    for group in range(len(active)):
        active[group] = (pairs[2 * group] | pairs[2 * group + 1]) != 0
    return active


@compiled
def tables_of_all(inputs: np.ndarray) -> np.ndarray:
    """The tables of the groups of a line of inputs, one after the other."""
    tables = _room(len(inputs) // GROUP, inputs)
    for group in range(len(inputs) // GROUP):
        _add_up_group(inputs, np.uint64(group), tables, np.uint64(group))
    return tables


@compiled
def tables_of_active(inputs: np.ndarray, shape: tuple[int, int, int, int], active: Active) -> np.ndarray:
    """The tables of the groups that are active alone; the shape is that of maps of groups."""
    presentations, height, width, groups = shape
    tables = _room(active.first[-1], inputs)
    for pixel in range(presentations * height * width):
        line = np.uint64((pixel - pixel % width) * groups)
        k, last = active.first[pixel], active.first[pixel + 1]
        while k < last:
            _add_up_group(inputs, line + active.places[k], tables, k)
            k += np.uint64(1)
    return tables


@compiled
def _room(groups: int, like: np.ndarray) -> np.ndarray:
    """Room for so many tables, and for as much beyond the last one as a vector is longer than a table."""
    return from_a_line(groups * TABLE + lanes_of(like), like)


@compiled_with(fastmath={"contract"})
def _add_up_group(inputs: np.ndarray, group: int, tables: np.ndarray, number: int) -> None:
    """Write the table of a group; what a vector is longer, the next one writes anew."""
    begin, lanes = group * np.uint64(GROUP), np.uint64(lanes_of(inputs))
    total = load(_SIGNS, np.uint64(0)) * broadcast(inputs[begin])
    total = total + load(_SIGNS, lanes) * broadcast(inputs[begin + np.uint64(1)])
    total = total + load(_SIGNS, lanes * np.uint64(2)) * broadcast(inputs[begin + np.uint64(2)])
    total = total + load(_SIGNS, lanes * np.uint64(3)) * broadcast(inputs[begin + np.uint64(3)])
    store(tables, number * np.uint64(TABLE), total)


@compiled
def bits_of_signs(weights: np.ndarray) -> np.ndarray:
    """Which weights are positive, if those onto each output are of one size and differ by their sign alone.

    Bits have the shape (blocks, inputs, vectors of a block); there is no block if weights are of other sizes. The last
    vectors may overlap.
    """
    inputs, outputs = weights.shape
    lanes = lanes_of(weights)
    bits = np.empty((-(-outputs // (2 * lanes)), inputs, 2), np.uint32)
    flat, nothing, sizes = weights.reshape(-1), broadcast(weights.dtype.type(0)), np.abs(weights[0])
    for k in range(inputs):
        for n in range(2 * len(bits)):
            first = min(n * lanes, outputs - lanes)
            own, size = load(flat, k * outputs + first), load(sizes, first)
            positive = below(nothing, own)
            if not_zero(own - where(positive, size, -size)):
                return bits[:0]
            bits[n // 2, k, n % 2] = positive
    return bits


@compiled_with(fastmath={"contract"})
def add_up_bits(active: Active, bits: np.ndarray, like: np.ndarray, products: np.ndarray) -> None:
    """Add up all outputs of a layer that sees all inputs from bits and a size for each output; the bits are the same.

    The sizes are those of the weights of any input. What is read for an input is a 32nd of its weights, and from a
    nearer cache: the weights of a large layer come from far away.
    """
    presentations, outputs = products.shape
    lanes, found, sizes = lanes_of(products), products.reshape(-1), np.abs(like)
    nothing = broadcast(products.dtype.type(0))
    for block in range(len(bits)):
        first = min(2 * block * lanes, outputs - lanes)
        next_one = min((2 * block + 1) * lanes, outputs - lanes)
        size, next_size, own = load(sizes, first), load(sizes, next_one), bits[block]
        minus, next_minus = -size, -next_size
        for b in range(presentations):
            total, total_of_next = nothing, nothing
            for k in range(active.first[b], active.first[b + 1]):
                value, place = broadcast(active.values[k]), active.places[k]
                total = total + value * where(own[place, 0], size, minus)
                total_of_next = total_of_next + value * where(own[place, 1], next_size, next_minus)
            store(found, b * outputs + first, total)
            store(found, b * outputs + next_one, total_of_next)
