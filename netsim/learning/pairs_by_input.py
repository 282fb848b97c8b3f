"""The local learning step pair by pair of spikes, by visiting the synapses of inputs that fired, channel by channel.

Synapses of an input lie side by side, so that neurons are visited in vectors, whether they carry a signal or not.
"""

import numpy as np

from netsim.learning.fields import in_vectors
from netsim.numerics.compilation import compiled_with
from netsim.numerics.psp import Breakpoints, Slopes
from netsim.numerics.receptive_fields import seen_from
from netsim.numerics.vectors import broadcast, lanes_of, load, store, total, where_at_least
from netsim.specification import Window

# So many bytes of weights and gradients are met by all presentations before others are: they stay in the cache.
_CACHED = 200_000


def step_by_input(
    times: np.ndarray,
    limits: np.ndarray,
    signals: np.ndarray,
    kernel: np.ndarray,
    psp: Breakpoints,
    slopes: Slopes,
    window: Window,
    learns: bool,
    downward: bool,
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The gradient of the synapses and the displacement of the sources; see `netsim.learning.pairs_by_map`."""
    dtype, channels, maps = times.dtype, window.source[2], kernel.shape[1]
    # synapses of a channel side by side stay in the first cache; to lay them out does not pay for one presentation
    axes = (0, 1) if len(times) == 1 else (1, 0)
    weights = in_vectors(kernel.reshape(-1, channels, maps).transpose(*axes, 2), dtype)
    learned = np.zeros_like(weights)
    pitches = tuple(weights.strides[axis] // weights.itemsize for axis in axes)
    own, until = in_vectors(signals, dtype), in_vectors(limits, dtype)
    by_channel = np.ascontiguousarray(times.transpose(3, 0, 1, 2))
    onto, zero = np.zeros_like(by_channel), dtype.type(0)
    changes: dict[np.floating, np.floating] = {}  # by delay, of which some may be the same in single precision
    for delay, change in zip(psp.delays, psp.changes, strict=True) if learns else ():
        changes[delay] = changes.get(delay, zero) + change
    pieces = {after: (stop, slope) for after, stop, slope in zip(*slopes, strict=True)} if downward else {}
    for delay in sorted(changes.keys() | pieces.keys()):
        stop, slope = pieces.get(delay, (delay, zero))
        factors = changes.get(delay, zero), slope
        _visit_inputs(by_channel, window, (until - delay, until - stop), own, factors, weights, pitches, learned, onto)
    gradient = np.ascontiguousarray(learned[..., :maps].transpose(*axes, 2)).reshape(kernel.shape) if learns else None
    return gradient, np.ascontiguousarray(onto.transpose(1, 2, 3, 0)) if downward else None


@compiled_with(fastmath={"contract"})
def _visit_inputs(
    times: np.ndarray,
    window: Window,
    limits: tuple[np.ndarray, np.ndarray],
    signal: np.ndarray,
    factors: tuple[float, float],
    kernel: np.ndarray,
    pitches: tuple[int, int],
    gradient: np.ndarray,
    displacement: np.ndarray,
) -> None:
    """The step for one breakpoint of the PSP, by visiting the synapses of each input that fired, channel by channel.

    Inputs learn by the change of slope there, the first of the factors, if they fire before the first of the limits;
    by the slope from there on, the second, is propagated to those that do not fire before the second limit, either.
    Times and displacement have the shape (channels, presentations, height, width). Kernel and gradient have one axis
    for the pixels of a field and one for channels, in any order, and one for the maps, which are filled up to whole
    vectors; the pitches are their strides, in elements, from pixel to pixel and from channel to channel.
    """
    channels, presentations, height, width = times.shape
    _, rows, columns, maps = signal.shape
    of_pixel, of_channel = pitches
    size, stride, padding, lanes = window.size, window.stride, window.padding, lanes_of(kernel)
    nothing = broadcast(kernel.dtype.type(0))
    below, beyond = seen_from(height, rows, size, stride, padding)
    lefts, rights = seen_from(width, columns, size, stride, padding)
    signals, latest, earliest = signal.reshape(-1), limits[0].reshape(-1), limits[1].reshape(-1)
    weights, slopes = kernel.reshape(-1), gradient.reshape(-1)
    (change, slope), at_change = factors, broadcast(factors[0])
    learns, downward, ends = change != 0, slope != 0, earliest.size > 0 and earliest[0] > -np.inf
    carries = np.zeros(presentations * rows * columns, np.bool_)
    for position in range(carries.size):
        for m in range(position * maps, (position + 1) * maps):
            carries[position] |= signals[m] != 0
    at_once = max(1, _CACHED // (2 * rows * columns * maps * kernel.itemsize))
    for first in range(0, presentations, at_once):
        for channel in range(channels):
            for b in range(first, min(first + at_once, presentations)):
                for y in range(height):
                    for x in range(width):
                        if not times[channel, b, y, x] < np.inf:
                            continue
                        time, sums = broadcast(times[channel, b, y, x]), nothing
                        for row in range(below[y], beyond[y]):
                            pixel = (y + padding - row * stride) * size + x + padding
                            for column in range(lefts[x], rights[x]):
                                position = (b * rows + row) * columns + column
                                if not carries[position]:
                                    continue
                                synapse = channel * of_channel + (pixel - column * stride) * of_pixel
                                for neuron in range(position * maps, (position + 1) * maps, lanes):
                                    own, since = load(signals, neuron), load(latest, neuron) - time
                                    if learns:
                                        share = at_change * own * where_at_least(nothing, since, nothing, since)
                                        store(slopes, synapse, load(slopes, synapse) + share)
                                    if downward:
                                        step = own * load(weights, synapse)
                                        if ends:
                                            past = load(earliest, neuron) - time
                                            step = where_at_least(nothing, past, step, nothing)
                                        sums = sums + where_at_least(nothing, since, nothing, step)
                                    synapse += lanes
                        if downward:
                            displacement[channel, b, y, x] += slope * total(sums)
