"""Single receptive fields, and the earliest spike of a field.

Maps of numbers or spike times (``inf`` for silence) have the shape (presentations, height, width, channels). Kernel,
stride and padding are defined as in `netsim.specification.Convolution`, in neurons. Each position has a field.
"""

import numpy as np

from netsim.numerics.compilation import compiled


@compiled
def copy_line(source: np.ndarray, onto: np.ndarray) -> None:
    """Copy numbers to the start of a flat array.

    Assigning an array to a slice takes numba two seconds to compile, because of its error message.
    """
    for k in range(len(source)):
        onto[k] = source[k]


@compiled
def gather_field(
    times: np.ndarray, b: int, row: int, column: int, kernel: int, stride: int, padding: int, field: np.ndarray
) -> None:
    """Write the spike times in the receptive field of one position of presentation `b`. Padding is silent.

    The field has the shape (kernel · kernel · channels or more,), and is padded with ``inf``.
    """
    _, height, width, channels = times.shape
    top, left = row * stride - padding, column * stride - padding
    index = 0
    for y in range(top, top + kernel):
        for x in range(left, left + kernel):
            inside = 0 <= y < height and 0 <= x < width
            for channel in range(channels):
                field[index + channel] = times[b, y, x, channel] if inside else np.inf
            index += channels
    field[index:] = np.inf


@compiled
def earliest(latencies: np.ndarray, size: int, stride: int, pooled: np.ndarray) -> None:
    """Write the latency of the earliest spike of each field, shape (presentations, rows, columns, channels).

    Both arrays must have one dtype and C order.
    """
    presentations, rows, columns, channels = pooled.shape
    _, height, width, _ = latencies.shape
    times, flat, target = latencies.reshape(-1), pooled.reshape(-1), 0
    for b in range(presentations):
        for row in range(rows):
            for column in range(columns):
                field = ((b * height + row * stride) * width + column * stride) * channels
                first = flat[target : target + channels]
                copy_line(times[field : field + channels], first)
                for dy in range(size):
                    for dx in range(size):
                        index = field + (dy * width + dx) * channels
                        some = times[index : index + channels]
                        for channel in range(len(some)):
                            first[channel] = min(first[channel], some[channel])
                target += channels


@compiled
def scatter_to_earliest(
    values: np.ndarray, latencies: np.ndarray, pooled: np.ndarray, size: int, stride: int, scattered: np.ndarray
) -> None:
    """Assign a value of each pooling neuron, of latency `pooled`, to the neuron whose spike it forwarded.

    Ties go to the first neuron, row by row. Values of silent pooling neurons are dropped. All arrays must have one
    dtype and C order.
    """
    presentations, rows, columns, channels = pooled.shape
    _, height, width, _ = latencies.shape
    none = values.dtype.type(0)
    flat, times, firsts, handed = values.reshape(-1), latencies.reshape(-1), pooled.reshape(-1), scattered.reshape(-1)
    left, offset = np.empty(channels, values.dtype), 0
    for b in range(presentations):
        scattered[b] = 0  # one presentation at a time stays in the cache
        for row in range(rows):
            for column in range(columns):
                field = ((b * height + row * stride) * width + column * stride) * channels
                first, value = firsts[offset : offset + channels], flat[offset : offset + channels]
                anything = False
                for k in range(len(first)):
                    left[k] = value[k] if first[k] < np.inf else none
                    anything |= left[k] != 0
                if anything:
                    for dy in range(size):
                        for dx in range(size):
                            index = field + (dy * width + dx) * channels
                            some, target = times[index : index + channels], handed[index : index + channels]
                            # no branch in the innermost loop, to allow vectorisation
                            for k in range(len(first)):
                                here = left[k] if some[k] <= first[k] else none
                                target[k] += here
                                left[k] = none if some[k] <= first[k] else left[k]
                offset += channels
