"""The order of spikes in time."""

import numpy as np

from netsim.numerics.compilation import compiled
from netsim.numerics.vectors import below, broadcast, lanes_of, load, lowest

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
    own = np.empty(order.size + 2, times.dtype)
    for k in range(order.size):
        own[k] = times[order[k]]
    keys = own.view(bits.dtype)
    least, most, apart = keys[0], keys[0], keys[0] ^ keys[0]
    for key in keys[: order.size]:
        least, most, apart = min(least, key), max(most, key), apart | (key ^ keys[0])
    keys[order.size], keys[order.size + 1] = least, most
    found = np.empty(order.size, np.int32)
    if _by_classes(times, own, order, found):
        return found
    return _by_digits(bits, order, found, apart)


@compiled
def _before(times: np.ndarray, end: float) -> np.ndarray:
    """Return the neurons that fire before `end`, sorted by number."""
    order, count, lanes = np.empty(times.size, np.int32), np.uint64(0), lanes_of(times)
    in_vectors, bound = times.size - times.size % lanes, broadcast(end)
    for begin in range(0, in_vectors, lanes):
        found = below(load(times, begin), bound)
        while found:
            order[count] = np.uint32(begin) + lowest(found)
            found &= found - np.uint32(1)
            count += np.uint64(1)
    for i in range(in_vectors, times.size):
        order[count] = i
        count += np.uint64(times[i] < end)
    return order[:count]


@compiled
def _by_classes(times: np.ndarray, own: np.ndarray, order: np.ndarray, found: np.ndarray) -> bool:
    """Sort neurons by classes of their `own` times. Return whether displacements within classes were small enough.

    The earliest and the latest time follow the times of all neurons.
    """
    real, size = own.dtype.type, order.size
    least, most = own[size], own[size + 1]
    classes = _PER_TIME * size
    scale = real(classes - 1) / (most - least)
    if not (most > least and scale < np.inf):
        return False
    room = np.empty(classes + size, np.uint32)
    starts, classed = room[:classes], room[classes:]
    starts[:] = 0
    for k in range(size):
        # with 2**23 times or more, rounding may exceed the last class
        classed[k] = min(np.uint32(np.int32((own[k] - least) * scale)), np.uint32(classes - 1))
    for one in classed:
        starts[one] += np.uint32(1)
    total = np.uint32(0)
    for one in range(classes):
        count = starts[one]
        starts[one] = total
        total += count
    for k in range(size):
        place = starts[classed[k]]
        found[place] = order[k]
        starts[classed[k]] = place + np.uint32(1)
    left, latest = _MOVES * size, times[found[0]]
    for k in range(1, size):
        neuron = found[k]
        now = times[neuron]
        if now >= latest:
            latest = now
            continue
        place = k
        while place > 0 and times[found[place - 1]] > now:
            found[place] = found[place - 1]
            place -= 1
        found[place] = neuron
        left -= k - place
        if left < 0:
            return False
    return True


@compiled
def _by_digits(bits: np.ndarray, order: np.ndarray, found: np.ndarray, apart: int) -> np.ndarray:
    """Sort neurons by their bits, digit by digit, starting at the last digit that differs."""
    one, shift = bits.dtype.type(1), bits.dtype.type(0)
    digit = _DIGITS[0] if order.size < _FEW else _DIGITS[1]
    starts = np.empty(2**digit, dtype=np.int32)
    digit, most = bits.dtype.type(digit), bits.dtype.type(2**digit - 1)
    while apart != bits.dtype.type(0):
        while apart & one == bits.dtype.type(0):
            apart, shift = apart >> one, shift + one
        starts[:] = 0
        for neuron in order:
            starts[(bits[neuron] >> shift) & most] += 1
        total = 0
        for place in range(starts.size):
            count = starts[place]
            starts[place] = total
            total += count
        for neuron in order:
            place = (bits[neuron] >> shift) & most
            found[starts[place]] = neuron
            starts[place] += 1
        order, found = found, order
        apart, shift = apart >> digit, shift + digit
    return order
