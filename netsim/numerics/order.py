"""The order of spikes in time."""

import numpy as np

from netsim.numerics.compilation import compiled

_DIGITS = (8, 11)
"""Bits by which few times, and many, are sorted at a time: the counters of a digit have to be worth their making."""
_FEW = 400


@compiled
def in_order_of_time(times: np.ndarray, bits: np.ndarray, end: float) -> np.ndarray:
    """The neurons that fire before `end`, in order of time and, at the same time, of number.

    The bits of floats that are not negative are in the order of the floats: they are sorted digit by digit, from the
    last one on that tells any two apart, in a time that is proportional to their number.
    """
    order = np.empty(times.size, dtype=np.int32)
    count = 0
    for i in range(times.size):  # without a branch that nobody could foresee
        order[count] = i
        count += times[i] < end
    order, sorted_order = order[:count], np.empty(count, dtype=np.int32)
    one, zero = bits.dtype.type(1), bits.dtype.type(0)
    apart = zero
    for neuron in order:
        apart |= bits[neuron] ^ bits[order[0]]
    digit = _DIGITS[0] if count < _FEW else _DIGITS[1]
    starts, shift = np.empty(2**digit, dtype=np.int32), zero
    digit, most = bits.dtype.type(digit), bits.dtype.type(2**digit - 1)
    while apart != zero:
        while apart & one == zero:
            apart, shift = apart >> one, shift + one
        starts[:] = 0
        for neuron in order:
            starts[(bits[neuron] >> shift) & most] += 1
        total = 0
        for place in range(starts.size):
            own = starts[place]
            starts[place] = total
            total += own
        for neuron in order:
            place = (bits[neuron] >> shift) & most
            sorted_order[starts[place]] = neuron
            starts[place] += 1
        order, sorted_order = sorted_order, order
        apart, shift = apart >> digit, shift + digit
    return order
