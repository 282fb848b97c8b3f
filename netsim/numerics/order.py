"""The order of spikes in time."""

import numpy as np

from netsim.numerics.compilation import compiled
from netsim.numerics.vectors import below, broadcast, lanes_of, load, lowest

_PER_TIME = 2
"""Classes of equal width for each time: most times then have one of their own."""
_MOVES = 4
"""So many places a time, on average, may be moved within its class before digits are quicker."""
_DIGITS = (8, 11)
"""Bits by which few times, and many, are sorted at a time: the counters of a digit have to be worth their making."""
_FEW = 400


def bits_of(dtype: np.dtype) -> np.ndarray:
    """An empty array of the unsigned integers that are as wide as times: tells compiled code in what to view them."""
    return np.empty(0, f"u{dtype.itemsize}")


@compiled
def in_order_of_time(times: np.ndarray, bits: np.ndarray, end: float) -> np.ndarray:
    """The neurons that fire before `end`, in order of time and, at the same time, of number.

    Times that are spread out are put into classes of equal width, and then moved by the few places that are left;
    those that crowd together are sorted by their bits. Either takes a time that is proportional to their number.
    """
    order = _before(times, times.dtype.type(end))
    if order.size < 2:
        return order
    # times, the earliest and the latest: found by bits, which are in the order of floats that are not negative
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
    """The neurons that fire before `end`, in the order of their numbers."""
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
    """Sort neurons by classes of their `own` times; whether few enough had to be moved in a class.

    After the times of all follow the earliest and the latest.
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
        # of 2**23 times and more the last class may be rounded up to one that is not there
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
    """Sort neurons by their bits, digit by digit, from the last one on that tells any two apart."""
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
