"""Products over receptive fields that visit the inputs that are not zero, and no others.

An input that is active adds its multiple of the weights of its synapses, which lie side by side, to the sums of its
targets, two vectors at a time. Each sum is added up in the order of the inputs of the field, whatever else is active:
what is zero changes no bit. So it does not where most inputs are active and all are visited, as that is quicker then.
"""

from typing import NamedTuple

import numpy as np

from netsim.numerics.compilation import compiled, compiled_with
from netsim.numerics.receptive_fields import copy_line
from netsim.numerics.vectors import broadcast, from_a_line, lanes_of, load, lowest, not_zero, store

# Weights of so many bytes are met by sums of so many: together they stay in the nearest cache.
_WEIGHTS_BYTES = 16384
_SUMS_BYTES = 8192
# With fewer sums weights are not worth laying out anew.
_FEW_SUMS = 8
# To visit an active input takes so many times as long as to visit one of all, and to begin with a piece of a field as
# long as so many of all (measured).
_PER_ACTIVE = 1.5
_PER_PIECE = 6

# numbers that cannot be negative are places without a test
_ONE = np.uint64(1)


class Active(NamedTuple):
    """The inputs that are not zero: where each is in the line of its maps, and its value.

    Those of pixel ``p`` of all presentations begin at ``first[p]``; `first` has one entry more, where the last end.
    """

    first: np.ndarray
    places: np.ndarray
    values: np.ndarray


@compiled
def multiply_fields(
    maps: np.ndarray, weights: np.ndarray, size: int, stride: int, padding: int, products: np.ndarray
) -> None:
    """Multiply the receptive field of each position with the synapses of each map; the padding counts for nothing.

    All arrays are of one type and in C order: maps (presentations, height, width, channels), weights (size · size ·
    channels, outputs), products, which are written, (presentations, rows, columns, outputs).
    """
    presentations, height, width, channels = maps.shape
    _, rows, columns, outputs = products.shape
    block, sums = 2 * lanes_of(weights), presentations * rows * columns
    if outputs >= block and sums < _FEW_SUMS:
        active, flat = _active(maps), weights.reshape(-1)
        for left in range(0, outputs, block):
            # the last vectors may overlap those before, whose sums are the same again
            at = min(left, outputs - block)
            _add_up_active(maps.shape, active, flat, at, outputs, at, size, stride, padding, products)
        return
    visits_all = is_dense(count_nonzero(maps.reshape(-1)), maps.shape, size, weights)
    active = _active(maps[:0] if visits_all else maps)
    framed = _framed(maps, padding) if visits_all else maps.reshape(-1)
    line = (width + 2 * padding) * channels
    fields = np.empty(sums if visits_all else 0, np.uint64)
    for number in range(fields.size):
        b, row, column = number // (rows * columns), number // columns % rows, number % columns
        fields[number] = (b * (height + 2 * padding) + row * stride) * line + column * stride * channels
    own = from_a_line(len(weights) * block, weights)
    for left in range(0, outputs, block):
        _lay_out(weights, left, own.reshape(len(weights), block))
        if visits_all:
            by_field = products.reshape(sums, outputs)
            _add_up_all(framed, fields, line, size * channels, own, left, size, by_field)
        else:
            _add_up_active(maps.shape, active, own, 0, block, left, size, stride, padding, products)


@compiled
def is_dense(count: int, shape: tuple[int, int, int, int], size: int, weights: np.ndarray) -> bool:
    """Whether it takes less time to visit all inputs of maps than those that are active."""
    presentations, height, width, channels = shape
    piece = min(size, _pixels_at_once(channels, weights)) * channels
    return bool(_PER_ACTIVE * count / (presentations * height * width * channels) + _PER_PIECE / piece > 1)


@compiled
def _pixels_at_once(channels: int, weights: np.ndarray) -> int:
    """How many pixels of a line a piece of a field has."""
    return int(max(1, _WEIGHTS_BYTES // (2 * lanes_of(weights) * weights.itemsize * channels)))


# So many numbers are counted at a time.
_COUNTED = 4096


@compiled
def count_nonzero(numbers: np.ndarray) -> int:
    """How many numbers are not zero."""
    found = 0
    for first in range(0, len(numbers), _COUNTED):
        part = numbers[first : first + _COUNTED]
        count = np.int32(0)  # as wide as most numbers: the compiler then finds vectors
        for k in range(len(part)):
            count = np.int32(count + np.int32(part[k] != 0))
        found += int(count)
    return found


@compiled
def _active(maps: np.ndarray) -> Active:
    presentations, height, width, channels = maps.shape
    first = np.empty(presentations * height * width + 1, np.uint64)
    places, values = np.empty(maps.size, np.uint32), np.empty(maps.size, maps.dtype)
    flat, lanes = maps.reshape(-1), lanes_of(maps)
    in_vectors = channels - channels % lanes
    count = np.uint64(0)
    for pixel in range(len(first) - 1):
        first[pixel] = count
        begin, place = np.uint64(pixel * channels), np.uint32(pixel % width * channels)
        for k in range(0, in_vectors, lanes):
            bits = not_zero(load(flat, begin + np.uint64(k)))
            while bits:
                channel = np.uint64(k) + lowest(bits)
                bits &= bits - np.uint32(1)
                places[count], values[count] = place + channel, flat[begin + channel]
                count += _ONE
        for k in range(in_vectors, channels):
            value = flat[begin + np.uint64(k)]
            if value != 0:
                places[count], values[count] = place + np.uint32(k), value
                count += _ONE
    first[len(first) - 1] = count
    return Active(first, places, values)


@compiled
def _lay_out(weights: np.ndarray, left: int, block: np.ndarray) -> None:
    """Copy some columns of weights, filled up with zeros."""
    width = min(block.shape[1], weights.shape[1] - left)
    for k in range(len(weights)):
        source, target = weights[k, left : left + width], block[k, :width]
        for m in range(len(target)):
            target[m] = source[m]
        block[k, width:] = 0


@compiled_with(fastmath={"contract"})
def _add_up_active(
    shape: tuple[int, int, int, int],
    active: Active,
    weights: np.ndarray,
    base: int,
    pitch: int,
    left: int,
    size: int,
    stride: int,
    padding: int,
    products: np.ndarray,
) -> None:
    """Add up a block of outputs, from `left` on, whose weights begin at `base`, those of an input each `pitch`.

    A piece of a field, some pixels of a line, is added up for some positions before the next.
    """
    presentations, height, width, channels = shape
    _, rows, columns, outputs = products.shape
    first, places, values = active
    found, lanes = products.reshape(-1), lanes_of(weights)
    block, step, next_vector = 2 * lanes, np.uint64(pitch), np.uint64(lanes)
    count = min(block, outputs - left)
    rows_at_once = max(1, _SUMS_BYTES // (block * weights.itemsize * columns))
    pixels_at_once = _pixels_at_once(channels, weights)
    count_of_sums = min(rows_at_once, rows) * columns * block
    sums = from_a_line(count_of_sums, weights)
    for b in range(presentations):
        for top in range(0, rows, rows_at_once):
            bottom = min(top + rows_at_once, rows)
            sums[: (bottom - top) * columns * block] = 0
            for dy in range(size):
                for dx in range(0, size, pixels_at_once):
                    next_dx = min(dx + pixels_at_once, size)
                    for row in range(top, bottom):
                        y = row * stride - padding + dy
                        if y < 0 or y >= height:
                            continue
                        line, own, x = (b * height + y) * width, (row - top) * columns * block, -padding
                        for _ in range(columns):
                            begin, end = max(x + dx, 0), min(x + next_dx, width)
                            if begin < end:
                                k, last = first[np.uint64(line + begin)], first[np.uint64(line + end)]
                                if k < last:
                                    field = np.uint64((dy * size - x) * channels * pitch + base)
                                    total, total_of_next = load(sums, own), load(sums, own + lanes)
                                    while k < last:
                                        value, place = broadcast(values[k]), field + places[k] * step
                                        total = total + value * load(weights, place)
                                        total_of_next = total_of_next + value * load(weights, place + next_vector)
                                        k += _ONE
                                    store(sums, own, total)
                                    store(sums, own + lanes, total_of_next)
                            own += block
                            x += stride
            target = (b * rows + top) * columns * outputs + left
            for own in range(0, (bottom - top) * columns * block, block):
                if count == block:
                    store(found, target, load(sums, own))
                    store(found, target + lanes, load(sums, own + lanes))
                else:
                    for m in range(count):
                        found[target + m] = sums[own + m]
                target += outputs


@compiled
def _framed(maps: np.ndarray, padding: int) -> np.ndarray:
    """Maps with their padding, as one line of numbers."""
    if padding == 0:
        return maps.reshape(-1)
    presentations, height, width, channels = maps.shape
    framed = np.zeros((presentations, height + 2 * padding, (width + 2 * padding) * channels), maps.dtype)
    for b in range(presentations):
        for y in range(height):
            copy_line(maps[b, y].reshape(-1), framed[b, padding + y, padding * channels :])
    return framed.reshape(-1)


@compiled_with(fastmath={"contract"})
def _add_up_all(
    framed: np.ndarray,
    fields: np.ndarray,
    line: int,
    numbers: int,
    weights: np.ndarray,
    left: int,
    size: int,
    products: np.ndarray,
) -> None:
    """Add up a block of outputs from every input, eight fields at a time, of which each has `numbers` of each line."""
    outputs, lanes = products.shape[1], lanes_of(weights)
    block, zero = 2 * lanes, broadcast(weights.dtype.type(0))
    flat, found, start = products.reshape(-1), np.empty(lanes, weights.dtype), np.empty(8, np.uint64)
    for first in range(0, len(fields), 8):
        count = min(8, len(fields) - first)
        for n in range(8):
            start[n] = fields[first + min(n, count - 1)]
        a, b, c, d, e, f, g, h = start[0], start[1], start[2], start[3], start[4], start[5], start[6], start[7]
        for begin in range(left, min(left + block, outputs), lanes):
            of_a = of_b = of_c = of_d = of_e = of_f = of_g = of_h = zero
            place = np.uint64(begin - left)
            for dy in range(size):
                k = np.uint64(dy * line)
                last = k + np.uint64(numbers)
                while k < last:
                    synapses = load(weights, place)
                    of_a = of_a + broadcast(framed[a + k]) * synapses
                    of_b = of_b + broadcast(framed[b + k]) * synapses
                    of_c = of_c + broadcast(framed[c + k]) * synapses
                    of_d = of_d + broadcast(framed[d + k]) * synapses
                    of_e = of_e + broadcast(framed[e + k]) * synapses
                    of_f = of_f + broadcast(framed[f + k]) * synapses
                    of_g = of_g + broadcast(framed[g + k]) * synapses
                    of_h = of_h + broadcast(framed[h + k]) * synapses
                    place += np.uint64(block)
                    k += _ONE
            for n, total in enumerate((of_a, of_b, of_c, of_d, of_e, of_f, of_g, of_h)):
                target = first + min(n, count - 1)
                if begin + lanes <= outputs:
                    store(flat, target * outputs + begin, total)
                else:
                    store(found, 0, total)
                    for m in range(outputs - begin):
                        products[target, begin + m] = found[m]
