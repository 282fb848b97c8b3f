"""Vectorised loops that sum inputs over receptive fields.

The weights of a block of outputs (two vectors) are ordered by input. If weights differ only by their signs, a group of
inputs replaces an input. The weights of its outputs are then indices into the sums of the group
(`netsim.numerics.signs`).
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload, register_jitable

from netsim.numerics.compilation import compiled, compiled_with
from netsim.numerics.receptive_fields import copy_line
from netsim.numerics.vectors import (
    VECTOR_BYTES,
    broadcast,
    from_a_line,
    has_avx512,
    lanes_of,
    load,
    looked_up,
    store,
)

# Bytes of sums per 48 KiB of weights. They exceed the L1 cache, but longer pieces of a field outweigh reading from the
# L2 cache (measured).
_INPUTS_AT_ONCE = 49152 // (2 * VECTOR_BYTES)
_SUMS_BYTES = 16384

# inlined, because it is called once per vector of outputs
_inlined = compiled_with(fastmath={"contract"}, forceinline=True)
# unsigned indices need no check
_ONE, _TWO, _THREE, _FOUR = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)


class Active(NamedTuple):
    """The nonzero inputs: index in the flat maps, and value.

    The channels of a pixel form `segments` segments. The inputs in segment ``s`` of pixel ``p`` of all presentations
    start at ``first[p · segments + s]``. `first` has one additional entry for the end.
    """

    segments: int
    first: np.ndarray
    places: np.ndarray
    values: np.ndarray


def brought(values: Any, k: Any, weights: Any, index: Any) -> Any:
    """Return the contribution of the k-th input to a vector of outputs with weights at `index`. Compiled code only."""
    raise NotImplementedError


@overload(brought, inline="always")
def _brought(values: Any, k: Any, weights: Any, index: Any) -> Any:
    def by_weights(values: Any, k: Any, weights: Any, index: Any) -> Any:
        return broadcast(values[k]) * load(weights, index)

    def by_choices(values: Any, k: Any, weights: Any, index: Any) -> Any:
        return looked_up(values, k, weights, index)

    return by_choices if weights.dtype == types.uint8 else by_weights


@register_jitable
def pixels_at_once(channels: int) -> int:
    """Return the pixels per line in a piece of a field."""
    return max(1, _INPUTS_AT_ONCE // channels)


def channels_at_once(channels: int) -> int:
    """Return the maximum channels per pixel in a piece of a field."""
    return min(channels, _INPUTS_AT_ONCE)


@compiled
def list_active(maps: np.ndarray, at_once: int) -> Active:
    """Return the nonzero inputs, in segments of `at_once` channels."""
    presentations, height, width, channels = maps.shape
    segments = -(-channels // at_once)
    first = np.empty(presentations * height * width * segments + 1, np.uint64)
    places, values = np.empty(maps.size, np.uint32), np.empty(maps.size, maps.dtype)
    flat, count, segment = maps.reshape(-1), np.uint64(0), 0
    for pixel in range(presentations * height * width):
        begin, start = np.uint64(pixel * channels), np.uint32(pixel % width * channels)
        for left in range(0, channels, at_once):
            first[segment] = count
            segment += 1
            for k in range(left, min(left + at_once, channels)):  # branch-free, because a branch would be mispredicted
                value = flat[begin + np.uint64(k)]
                places[count], values[count] = start + np.uint32(k), value
                count += np.uint64(value != 0)
    first[segment] = count
    return Active(segments, first, places, values)


@compiled
def lay_out(weights: np.ndarray, left: int, block: np.ndarray) -> None:
    """Copy some columns of weights, padded with zeros."""
    width = min(block.shape[1], weights.shape[1] - left)
    for k in range(len(weights)):
        copy_line(weights[k, left : left + width], block[k])
        block[k, width:] = 0


@compiled_with(fastmath={"contract"})
def add_up_active(
    shape: tuple[int, int, int, int],
    active: Active,
    weights: np.ndarray,
    left: int,
    size: int,
    stride: int,
    padding: int,
    products: np.ndarray,
) -> None:
    """Sum a block of outputs, starting at `left`, from its weights.

    A piece of a field (some pixels of a line) is summed for several positions before the next piece.
    """
    presentations, height, width, channels = shape
    _, rows, columns, outputs = products.shape
    segments, first, places, values = active
    flat, lanes = products.reshape(-1), lanes_of(products)
    block, step, next_vector = 2 * lanes, np.uint64(2 * lanes), np.uint64(lanes)
    count = min(block, outputs - left)
    lines, lines_at_once = presentations * rows, max(1, _SUMS_BYTES // (block * products.itemsize * columns))
    pixels = pixels_at_once(channels)
    sums = from_a_line(min(lines_at_once, lines) * columns * block, products)
    for top in range(0, lines, lines_at_once):
        bottom = min(top + lines_at_once, lines)
        sums[: (bottom - top) * columns * block] = 0
        for dy in range(size):
            for dx in range(0, size, pixels):
                next_dx = min(dx + pixels, size)
                for segment in range(segments):
                    b, row = top // rows, top % rows
                    for own_line in range(bottom - top):
                        y, line_of_maps = row * stride - padding + dy, b * height
                        row += 1
                        if row == rows:
                            b, row = b + 1, 0
                        if y < 0 or y >= height:
                            continue
                        line, at_sums, x = (line_of_maps + y) * width, own_line * columns * block, -padding
                        for _ in range(columns):
                            begin, end = max(x + dx, 0), min(x + next_dx, width)
                            if begin < end:
                                k = first[np.uint64((line + begin) * segments + segment)]
                                last = first[np.uint64((line + end - 1) * segments + segment + 1)]
                                if k < last:
                                    field = np.uint64((dy * size - x) * channels * block)
                                    total, total_of_next = load(sums, at_sums), load(sums, at_sums + lanes)
                                    while k < last:
                                        index = field + places[k] * step
                                        total = total + brought(values, k, weights, index)
                                        total_of_next = total_of_next + brought(values, k, weights, index + next_vector)
                                        k += _ONE
                                    store(sums, at_sums, total)
                                    store(sums, at_sums + lanes, total_of_next)
                            at_sums += block
                            x += stride
        target = top * columns * outputs + left
        for at_sums in range(0, (bottom - top) * columns * block, block):
            if count == block:
                store(flat, target, load(sums, at_sums))
                store(flat, target + lanes, load(sums, at_sums + lanes))
            else:
                for m in range(count):
                    flat[target + m] = sums[at_sums + m]
            target += outputs


@compiled_with(fastmath={"contract"})
def add_up_few(
    shape: tuple[int, int, int, int],
    active: Active,
    weights: np.ndarray,
    size: int,
    stride: int,
    padding: int,
    products: np.ndarray,
) -> None:
    """Sum by adding whole rows of weights in place, if weights are used too rarely to copy them."""
    presentations, height, width, _ = shape
    _, rows, columns, outputs = products.shape
    sums = products.reshape(-1, outputs)
    for number in range(presentations * rows * columns):
        b, row, column = number // (rows * columns), number // columns % rows, number % columns
        x = column * stride - padding
        begin, end = max(x, 0), min(x + size, width)
        sums[number] = 0
        for dy in range(size):
            y = row * stride - padding + dy
            if 0 <= y < height and begin < end:
                line = (b * height + y) * width
                k, last = active.first[np.uint64(line + begin)], active.first[np.uint64(line + end)]
                field = np.uint64((dy * size - x) * shape[3])
                _add_rows(active, k, last, field, weights, sums[number])


@compiled_with(fastmath={"contract"})
def _add_rows(
    active: Active, k: np.uint64, last: np.uint64, field: np.uint64, weights: np.ndarray, sums: np.ndarray
) -> None:
    """Add contributions of active inputs from the k-th to the last. The weights of the field start at row `field`."""
    _, _, places, values = active
    while k + _FOUR <= last:  # four at a time, so that sums are seldom moved
        a, b = weights[field + places[k]], weights[field + places[k + _ONE]]
        c, d = weights[field + places[k + _TWO]], weights[field + places[k + _THREE]]
        of_a, of_b, of_c, of_d = values[k], values[k + _ONE], values[k + _TWO], values[k + _THREE]
        for m in range(len(sums)):
            sums[m] = sums[m] + of_a * a[m] + of_b * b[m] + of_c * c[m] + of_d * d[m]
        k += _FOUR
    while k < last:
        of_a, a = values[k], weights[field + places[k]]
        for m in range(len(sums)):
            sums[m] += of_a * a[m]
        k += _ONE


class Fields(NamedTuple):
    """The fields of all positions in flat padded maps: their starts, and `size` lines with `numbers` numbers each.

    Lines of the maps begin `line` numbers apart.
    """

    places: np.ndarray
    size: int
    numbers: int
    line: int


@lru_cache(maxsize=16)  # of large maps an array takes some MB
def fields_in(
    shape: tuple[int, int, int, int], rows: int, columns: int, size: int, stride: int, padding: int
) -> Fields:
    """Return the fields in maps of a shape. The array is shared."""
    presentations, height, width, channels = shape
    line = (width + 2 * padding) * channels
    places = np.arange(presentations)[:, None, None] * ((height + 2 * padding) * line)
    places = places + np.arange(rows)[:, None] * (stride * line) + np.arange(columns) * (stride * channels)
    return Fields(places.astype(np.uint64).reshape(-1), size, size * channels, line)


def with_padding(maps: np.ndarray, padding: int) -> np.ndarray:
    """Return flat padded maps."""
    if padding == 0:
        return maps.reshape(-1)
    presentations, height, width, channels = maps.shape
    framed = np.zeros((presentations, height + 2 * padding, width + 2 * padding, channels), maps.dtype)
    framed[:, padding:-padding, padding:-padding] = maps  # np.pad takes several times as long for small maps
    return framed.reshape(-1)


@compiled_with(fastmath={"contract"})
def add_up_all(framed: np.ndarray, fields: Fields, weights: np.ndarray, left: int, products: np.ndarray) -> None:
    """Sum a block of outputs, starting at `left`, from all inputs. Products have the shape (fields, outputs)."""
    places, size, numbers, line = fields
    outputs, lanes = products.shape[1], lanes_of(products)
    block, flat, lane_sums = 2 * lanes, products.reshape(-1), np.empty(lanes, products.dtype)
    listed = np.empty(_FIELDS_AT_ONCE, np.uint64)
    for first in range(0, len(places), _FIELDS_AT_ONCE):
        count = min(_FIELDS_AT_ONCE, len(places) - first)
        for n in range(_FIELDS_AT_ONCE):
            listed[n] = places[first + min(n, count - 1)]
        for begin in range(left, min(left + block, outputs), lanes):
            sums = _sums_of_fields(framed, listed, line, numbers, weights, np.uint64(begin - left), size)
            for n, total in enumerate(sums):
                target = first + min(n, count - 1)
                if begin + lanes <= outputs:
                    store(flat, target * outputs + begin, total)
                else:
                    store(lane_sums, 0, total)
                    for m in range(outputs - begin):
                        products[target, begin + m] = lane_sums[m]


@_inlined
def _sums_of_eight(
    framed: np.ndarray, fields: np.ndarray, line: int, numbers: int, weights: np.ndarray, index: np.uint64, size: int
) -> Any:
    """Return the sums of a vector of outputs with weights at `index`, for eight fields (16 of 32 registers)."""
    a, b, c, d, e, f, g, h = (fields[0], fields[1], fields[2], fields[3], fields[4], fields[5], fields[6], fields[7])
    block, zero = np.uint64(2 * lanes_of(framed)), broadcast(framed.dtype.type(0))
    of_a = of_b = of_c = of_d = of_e = of_f = of_g = of_h = zero
    for dy in range(size):
        k = np.uint64(dy * line)
        last = k + np.uint64(numbers)
        while k < last:
            of_a = of_a + brought(framed, a + k, weights, index)
            of_b = of_b + brought(framed, b + k, weights, index)
            of_c = of_c + brought(framed, c + k, weights, index)
            of_d = of_d + brought(framed, d + k, weights, index)
            of_e = of_e + brought(framed, e + k, weights, index)
            of_f = of_f + brought(framed, f + k, weights, index)
            of_g = of_g + brought(framed, g + k, weights, index)
            of_h = of_h + brought(framed, h + k, weights, index)
            index += block
            k += _ONE
    return of_a, of_b, of_c, of_d, of_e, of_f, of_g, of_h


@_inlined
def _sums_of_three(
    framed: np.ndarray, fields: np.ndarray, line: int, numbers: int, weights: np.ndarray, index: np.uint64, size: int
) -> Any:
    """The same for three fields (12 of 16 registers)."""
    a, b, c = fields[0], fields[1], fields[2]
    block, zero = np.uint64(2 * lanes_of(framed)), broadcast(framed.dtype.type(0))
    of_a = of_b = of_c = zero
    for dy in range(size):
        k = np.uint64(dy * line)
        last = k + np.uint64(numbers)
        while k < last:
            of_a = of_a + brought(framed, a + k, weights, index)
            of_b = of_b + brought(framed, b + k, weights, index)
            of_c = of_c + brought(framed, c + k, weights, index)
            index += block
            k += _ONE
    return of_a, of_b, of_c


_FIELDS_AT_ONCE, _sums_of_fields = (8, _sums_of_eight) if has_avx512() else (3, _sums_of_three)
