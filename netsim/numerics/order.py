"""The order of spikes in time."""

import numpy as np

from netsim.numerics.compilation import compiled

_PER_TIME = 2
"""Classes of equal width per time; most times then have separate classes."""
_MOVES = 4
"""Mean displacement within classes above which radix sort is faster."""
_DIGITS = (8, 11)
"""Bits per digit of the radix sort for few and for many times; amortises the counters of a digit."""
_FEW = 400


def bits_of(dtype: np.dtype) -> np.ndarray:
    """Return an empty array of unsigned integers as wide as times. Compiled code uses its dtype to view bits."""
    return np.empty(0, f"u{dtype.itemsize}")


@compiled
def in_order_of_time(times: np.ndarray, bits: np.ndarray, end: float) -> np.ndarray:
    """Return the neurons that fire before `end`, sorted by time, then by number.

    Spread times are sorted into classes of equal width, then by insertion. Crowded times are sorted by their bits
    (radix sort). Both take time proportional to their number.
    """
    order = _before(times, times.dtype.type(end))
    if order.size < 2:
        return order
    # times, the earliest and the latest; bits have the order of non-negative floats
    values = np.empty(order.size + 2, times.dtype)
    for k in range(order.size):
        values[k] = times[order[k]]
    keys = values.view(bits.dtype)
    least, most, apart = keys[0], keys[0], keys[0] ^ keys[0]
    for key in keys[: order.size]:
        least, most, apart = min(least, key), max(most, key), apart | (key ^ keys[0])
    keys[order.size], keys[order.size + 1] = least, most
    ordered = np.empty(order.size, np.int32)
    if _by_classes(times, values, order, ordered):
        return ordered
    return _by_digits(bits, order, ordered, apart)


@compiled
def _before(times: np.ndarray, end: float) -> np.ndarray:
    """Return the neurons that fire before `end`, sorted by number."""
    order, count = np.empty(times.size, np.int32), np.uint64(0)
    for i in range(times.size):  # branch-free, because a branch would be mispredicted
        order[count] = i
        count += np.uint64(times[i] < end)
    return order[:count]


@compiled
def _by_classes(times: np.ndarray, values: np.ndarray, order: np.ndarray, ordered: np.ndarray) -> bool:
    """Sort neurons by classes of their times, `values`. Return whether displacements within classes were small enough.

    The earliest and the latest time follow the times of all neurons.
    """
    real, size = values.dtype.type, order.size
    least, most = values[size], values[size + 1]
    classes = _PER_TIME * size
    scale = real(classes - 1) / (most - least)
    if not (most > least and scale < np.inf):
        return False
    room = np.empty(classes + size, np.uint32)
    starts, classed = room[:classes], room[classes:]
    starts[:] = 0
    for k in range(size):
        # with 2**23 times or more, rounding may exceed the last class
        classed[k] = min(np.uint32(np.int32((values[k] - least) * scale)), np.uint32(classes - 1))
    for class_number in classed:
        starts[class_number] += np.uint32(1)
    total = np.uint32(0)
    for class_number in range(classes):
        count = starts[class_number]
        starts[class_number] = total
        total += count
    for k in range(size):
        position = starts[classed[k]]
        ordered[position] = order[k]
        starts[classed[k]] = position + np.uint32(1)
    left, latest = _MOVES * size, times[ordered[0]]
    for k in range(1, size):
        neuron = ordered[k]
        now = times[neuron]
        if now >= latest:
            latest = now
            continue
        position = k
        while position > 0 and times[ordered[position - 1]] > now:
            ordered[position] = ordered[position - 1]
            position -= 1
        ordered[position] = neuron
        left -= k - position
        if left < 0:
            return False
    return True


@compiled
def _by_digits(bits: np.ndarray, order: np.ndarray, ordered: np.ndarray, apart: int) -> np.ndarray:
    """Sort neurons by their bits, digit by digit, starting at the last digit that differs."""
    unit, shift = bits.dtype.type(1), bits.dtype.type(0)
    digit = _DIGITS[0] if order.size < _FEW else _DIGITS[1]
    starts = np.empty(2**digit, dtype=np.int32)
    digit, most = bits.dtype.type(digit), bits.dtype.type(2**digit - 1)
    while apart != bits.dtype.type(0):
        while apart & unit == bits.dtype.type(0):
            apart, shift = apart >> unit, shift + unit
        starts[:] = 0
        for neuron in order:
            starts[(bits[neuron] >> shift) & most] += 1
        total = 0
        for bucket in range(starts.size):
            count = starts[bucket]
            starts[bucket] = total
            total += count
        for neuron in order:
            bucket = (bits[neuron] >> shift) & most
            ordered[starts[bucket]] = neuron
            starts[bucket] += 1
        order, ordered = ordered, order
        apart, shift = apart >> digit, shift + digit
    return order
