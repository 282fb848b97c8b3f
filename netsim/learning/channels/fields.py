"""Products over receptive fields: the gradient of the synapses, and the displacement of their source.

The loops visit only the fields of postsynaptic neurons with a signal. Below pooling, these are few, because at most one
neuron per field receives a displacement.
"""

from functools import cache

import numpy as np

from netsim.numerics.compilation import compiled, compiled_with
from netsim.numerics.field_loops import add_up_active, channels_at_once, list_active
from netsim.numerics.psp import Breakpoints, Slopes
from netsim.numerics.receptive_fields import copy_line
from netsim.numerics.vectors import broadcast, from_a_line, lanes_of, load, lowest, not_zero, store, total, transpose
from netsim.specification import PSP, PSPShape, Window

# Cost of visiting a single neuron with a signal, relative to one neuron in a vectorised visit of all (measured).
_PER_SIGNAL = 8
# Number of positions from which reordering dense synapses by map pays off (measured).
_POSITIONS_PER_LAYOUT = 12
# Number of transposed maps that take as long as copying one map (measured).
_PER_TRANSPOSED = 6


@cache
def breakpoints(psp: PSPShape, dtype: np.dtype) -> Breakpoints:
    """Return a postsynaptic potential (ms) for compiled loops. The arrays are shared and read-only."""
    return Breakpoints(*np.array(psp.kernel, dtype).T.copy())


@cache
def handing_down(psp: PSPShape, causal: bool, dtype: np.dtype) -> Slopes:
    """Return the factor of displacements in the backward pass: the slope of the PSP.

    If `causal`, only the order of spikes counts, as for a ramp. The arrays are shared and read-only.
    """
    return Slopes(*np.array(PSP().slopes if causal else psp.slopes, dtype).reshape(-1, 3).T.copy())


def for_loops(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return values in C order and not read-only, because loops are compiled once more for read-only arrays."""
    found = np.ascontiguousarray(values, dtype)
    return found if found.flags.writeable else found.copy()


def flat(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return values in C order, shape (presentations, neurons)."""
    return for_loops(values, dtype).reshape(len(values), -1)


def contiguous(values: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return values of all presentations in C order, in the shape of a window (see `Window`)."""
    return np.ascontiguousarray(values, dtype).reshape(len(values), *shape)


def kernel_gradient(inputs: np.ndarray, signal: np.ndarray, window: Window, gradient: np.ndarray) -> None:
    """Write the gradient of the synapses: the sum over positions of outer products of fields and signals.

    Inputs have the shape (presentations, height, width, channels), and are zero for silent neurons. The signal has the
    shape (presentations, rows, columns, maps), the gradient (inputs of a field, maps).
    """
    by_map = room_by_map(signal.shape[3], window.size, window.size * inputs.shape[3], signal)
    learns = _gather_visited(inputs, signal, window.stride, window.padding, by_map)
    collect_from_maps(by_map, learns, gradient)


def propagate(
    signal: np.ndarray,
    kernel: np.ndarray,
    window: Window,
    times: np.ndarray,
    gate: float,
    propagated: np.ndarray,
) -> None:
    """Propagate the signal of each neuron to all its sources, by the weights of its synapses.

    The kernel has the shape of the gradient in `kernel_gradient`. Times and the result have the shape of its inputs.
    Results of sources that did not fire before the gate (ms) may be omitted. The choice is not compiled, so that a
    network compiles only the loop that it needs.
    """
    maps = kernel.shape[1]
    if (window.size, window.stride, window.padding) != (1, 1, 0):
        by_map = lay_out_by_map(kernel, window.size, signal)
        _scatter_visited(by_map, signal, window.stride, window.padding, propagated)
        return
    shape, signals = (-1, len(kernel)), signal.reshape(-1, maps)
    if len(signals) >= _POSITIONS_PER_LAYOUT:
        _propagate_by_signal(signals, kernel, propagated.reshape(shape))
    else:
        _propagate_to_heard(signals, kernel, times.reshape(shape), gate, propagated.reshape(shape))


def _propagate_by_signal(signal: np.ndarray, kernel: np.ndarray, propagated: np.ndarray) -> None:
    """Multiply the signals of each position with the synapses of all its sources: a reversed forward pass."""
    (positions, maps), sources = signal.shape, len(kernel)
    shape, block = (positions, 1, 1, maps), 2 * lanes_of(signal)
    carrying = list_active(signal.reshape(shape), channels_at_once(maps))
    by_map, weights = from_a_line(maps * block, kernel), kernel.reshape(-1)
    handed = propagated.reshape(positions, 1, 1, sources)
    for first in range(0, sources, block):
        count = min(block, sources - first)
        if count < block:
            by_map[:] = 0
        transpose(weights, first * maps, maps, (count, maps), by_map, 0, block)
        add_up_active(shape, carrying, by_map, first, 1, 1, 0, handed)


@compiled_with(fastmath={"contract"})
def _propagate_to_heard(
    signal: np.ndarray, kernel: np.ndarray, times: np.ndarray, gate: float, propagated: np.ndarray
) -> None:
    """Multiply the signals of each position with the synapses of its sources that fired before the gate."""
    (positions, maps), lanes = signal.shape, lanes_of(signal)
    nothing, whole = broadcast(signal.dtype.type(0)), maps // (2 * lanes) * 2 * lanes
    signals, weights = signal.reshape(-1), kernel.reshape(-1)  # views of rows would take longer than few signals
    carrying, heard = np.empty(maps, np.uint32), np.empty(len(kernel), np.uint32)
    propagated[:] = 0
    for position in range(positions):
        # unsigned indices need no check for wraparound
        offset, sources = np.uint64(position * maps), 0
        count = list_signals(signals, position * maps, maps, carrying)
        for i in range(len(kernel)):
            heard[sources] = i  # branch-free, because a branch would be mispredicted
            sources += times[position, i] < gate
        for i in heard[:sources]:
            row = np.uint64(i * maps)
            if count * _PER_SIGNAL < maps:
                # two accumulators hide the latency of additions
                rest, next_rest = signal.dtype.type(0), signal.dtype.type(0)
                for k in range(1, count, 2):
                    a, b = np.uint64(carrying[k - 1]), np.uint64(carrying[k])
                    rest += signals[offset + a] * weights[row + a]
                    next_rest += signals[offset + b] * weights[row + b]
                if count % 2:
                    a = np.uint64(carrying[count - 1])
                    rest += signals[offset + a] * weights[row + a]
                propagated[position, i] = rest + next_rest
                continue
            sums, sums_of_next = nothing, nothing
            for m in range(0, whole, 2 * lanes):
                at, at_next = np.uint64(m), np.uint64(m + lanes)
                sums = sums + load(signals, offset + at) * load(weights, row + at)
                sums_of_next = sums_of_next + load(signals, offset + at_next) * load(weights, row + at_next)
            rest = total(sums + sums_of_next)
            for m in range(whole, maps):
                rest += signals[offset + np.uint64(m)] * weights[row + np.uint64(m)]
            propagated[position, i] = rest


@compiled
def _with_signals(signal: np.ndarray) -> np.ndarray:
    """Return whether each map has any signal. In a single presentation few have."""
    maps, lanes, flat = signal.shape[3], lanes_of(signal), signal.reshape(-1)
    in_vectors, present = maps - maps % lanes, np.zeros(maps, np.bool_)
    for first in range(0, in_vectors, lanes):
        bits = np.uint32(0)
        for index in range(first, len(flat), maps):
            bits |= not_zero(load(flat, index))
        while bits:
            present[first + np.int64(lowest(bits))] = True
            bits &= bits - np.uint32(1)
    for m in range(in_vectors, maps):
        for index in range(m, len(flat), maps):
            present[m] |= flat[index] != 0
    return present


def room_by_map(maps: int, size: int, row: int, like: np.ndarray) -> np.ndarray:
    """Allocate kernels by map and row of a field, shape (maps, size, inputs of a row padded to whole vectors)."""
    length = -(-row // lanes_of(like)) * lanes_of(like)
    return from_a_line(maps * size * length, like).reshape(maps, size, length)


def lay_out_by_map(kernel: np.ndarray, size: int, signal: np.ndarray) -> np.ndarray:
    """Reorder a kernel, shape (inputs of a field, maps), by map and row of a field, for maps with any signal.

    The result has the shape (maps, size, inputs of a row). Rows are padded with zeros to whole vectors. Entries of
    other maps are undefined.
    """
    row, maps = len(kernel) // size, kernel.shape[1]
    by_map, chosen = room_by_map(maps, size, row, kernel), np.flatnonzero(_with_signals(signal))
    by_map[:, :, row:] = 0
    if chosen.size * _PER_TRANSPOSED > maps:
        weights, laid_out, length = kernel.reshape(-1), by_map.reshape(-1), by_map.shape[2]
        for dy in range(size):
            transpose(weights, dy * row * maps, maps, (row, maps), laid_out, dy * length, size * length)
    else:
        by_map[chosen, :, :row] = kernel.reshape(size, row, maps)[:, :, chosen].transpose(2, 0, 1)
    return by_map


def collect_from_maps(by_map: np.ndarray, learns: np.ndarray, kernel: np.ndarray) -> None:
    """Copy maps, shape (maps, rows of a field, inputs of a row or more), into a kernel, if `learns` marks them.

    The other maps become zero in the kernel, and their entries in `by_map` may be overwritten.
    """
    (maps, size, length), chosen = by_map.shape, np.flatnonzero(learns)
    row = len(kernel) // size
    if chosen.size * _PER_TRANSPOSED > maps:
        by_map[~learns] = 0
        laid_out, weights = by_map.reshape(-1), kernel.reshape(-1)
        for dy in range(size):
            transpose(laid_out, dy * length, size * length, (maps, row), weights, dy * row * maps, maps)
    else:
        kernel[:] = 0
        kernel.reshape(size, row, maps)[:, :, chosen] = by_map[chosen, :, :row].transpose(1, 2, 0)


def in_vectors(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Pad the last axis with zeros to whole vectors."""
    maps = values.shape[-1]
    missing = -maps % lanes_of(dtype)
    if not missing:
        return np.ascontiguousarray(values, dtype)
    filled = np.zeros((*values.shape[:-1], maps + missing), dtype)
    filled[..., :maps] = values
    return filled


@compiled
def list_signals(signal: np.ndarray, first: int, maps: int, chosen: np.ndarray) -> int:
    """Write the indices of neurons with a signal at a position, in order, and return their number.

    Signals of all positions are flat. The signals of this position begin at `first`.
    """
    count, lanes = 0, lanes_of(signal)
    in_vectors = maps - maps % lanes
    for left in range(0, in_vectors, lanes):
        bits = not_zero(load(signal, first + left))
        while bits:
            chosen[count] = left + np.int64(lowest(bits))
            bits &= bits - np.uint32(1)
            count += 1
    for m in range(in_vectors, maps):
        chosen[count] = m
        count += signal[first + m] != 0
    return count


@compiled
def frame(maps: np.ndarray, padding: int, beyond: int, filler: float) -> np.ndarray:
    """Allocate a flat frame with padding for one of the maps, shape (presentations, height, width, channels).

    It is aligned to a cache line, because vectors across two lines take twice as long. It has `beyond` additional
    elements.
    """
    _, height, width, channels = maps.shape
    framed = from_a_line((height + 2 * padding) * (width + 2 * padding) * channels + beyond, maps)
    framed[:] = filler
    return framed


@compiled
def copy_framed(values: np.ndarray, padding: int, framed: np.ndarray) -> None:
    """Copy a map, shape (height, width, channels), into a flat frame that contains its padding."""
    height, width, channels = values.shape
    line = (width + 2 * padding) * channels
    for y in range(height):
        copy_line(values[y].reshape(-1), framed[(padding + y) * line + padding * channels :])


@compiled
def copy_out_of_frame(framed: np.ndarray, padding: int, values: np.ndarray) -> None:
    """Copy a map, shape (height, width, channels), out of a flat frame. Inverse of `copy_framed`."""
    height, width, channels = values.shape
    line = (width + 2 * padding) * channels
    for y in range(height):
        first = (padding + y) * line + padding * channels
        copy_line(framed[first : first + width * channels], values[y].reshape(-1))


@compiled
def offsets_in_frame(size: int, per_row: int, line: int, lanes: int) -> np.ndarray:
    """Return the offsets of the vectors of a field in a frame with lines of `line` elements, from its first element.

    A field has `size` rows of `per_row` vectors each.
    """
    offsets = np.empty(size * per_row, np.uint64)
    for n in range(len(offsets)):
        offsets[n] = n // per_row * line + n % per_row * lanes
    return offsets


# A row of a field consists of vectors. The last vector may extend into the next row, where its elements are ignored.


@compiled_with(fastmath={"contract"})
def _gather_visited(
    inputs: np.ndarray, signal: np.ndarray, stride: int, padding: int, gathered: np.ndarray
) -> np.ndarray:
    """Sum, for each map, its fields times their signals, one map at a time.

    Return the maps with any signal. Other maps are not written.
    """
    presentations, _, width, channels = inputs.shape
    _, rows, columns, maps = signal.shape
    size, numbers = gathered.shape[1:]
    lanes = lanes_of(inputs)
    line = (width + 2 * padding) * channels
    framed = frame(inputs, padding, numbers, 0.0)
    offsets = offsets_in_frame(size, numbers // lanes, line, lanes)
    vectors = len(offsets)
    flat, flat_gathered, seen = signal.reshape(-1), gathered.reshape(-1), np.zeros(maps, np.bool_)
    fields, values = np.empty((maps, rows * columns), np.uint64), np.empty((maps, rows * columns), signal.dtype)
    counts, chosen, start = np.empty(maps, np.uint64), np.empty(maps, np.uint32), 0
    for b in range(presentations):
        copy_framed(inputs[b], padding, framed)
        counts[:] = 0
        for row in range(rows):
            for column in range(columns):
                field = (row * line + column * channels) * stride
                for k in range(list_signals(flat, start, maps, chosen)):
                    m = chosen[k]
                    fields[m, counts[m]], values[m, counts[m]] = field, flat[start + m]
                    counts[m] += np.uint64(1)
                start += maps
        for m in range(maps):
            if counts[m] == 0:
                continue
            if not seen[m]:
                seen[m], gathered[m] = True, 0
            target, count = m * vectors * lanes, counts[m]
            for n in range(0, vectors - 1, 2):
                offset, next_offset = offsets[n], offsets[n + 1]
                sums, sums_of_next = load(flat_gathered, target), load(flat_gathered, target + lanes)
                for k in range(count):
                    value, at = broadcast(values[m, k]), fields[m, k]
                    sums = sums + value * load(framed, at + offset)
                    sums_of_next = sums_of_next + value * load(framed, at + next_offset)
                store(flat_gathered, target, sums)
                store(flat_gathered, target + lanes, sums_of_next)
                target += 2 * lanes
            if vectors % 2:
                sums = load(flat_gathered, target)
                for k in range(count):
                    sums = sums + broadcast(values[m, k]) * load(framed, fields[m, k] + offsets[vectors - 1])
                store(flat_gathered, target, sums)
    return seen


@compiled_with(fastmath={"contract"})
def _scatter_visited(
    kernels: np.ndarray, signal: np.ndarray, stride: int, padding: int, propagated: np.ndarray
) -> None:
    """Add the kernel of each map times its signal onto the field, one position at a time."""
    presentations, _, width, channels = propagated.shape
    _, rows, columns, maps = signal.shape
    size, numbers = kernels.shape[1:]
    lanes = lanes_of(kernels)
    line = (width + 2 * padding) * channels
    framed = frame(propagated, padding, numbers, 0.0)
    flat, start = signal.reshape(-1), 0
    chosen, values = np.empty(maps, np.uint32), np.empty(maps, signal.dtype)
    for b in range(presentations):
        framed[:] = 0
        for row in range(rows):
            for column in range(columns):
                count = list_signals(flat, start, maps, chosen)
                for k in range(count):
                    values[k] = flat[start + chosen[k]]
                start += maps
                if count == 0:
                    continue
                for dy in range(size):
                    field = ((row * stride + dy) * line) + column * stride * channels
                    for left in range(0, numbers - lanes, 2 * lanes):
                        sums, sums_of_next = load(framed, field + left), load(framed, field + left + lanes)
                        for k in range(count):
                            value, weights = broadcast(values[k]), kernels[chosen[k], dy]
                            sums = sums + value * load(weights, left)
                            sums_of_next = sums_of_next + value * load(weights, left + lanes)
                        store(framed, field + left, sums)
                        store(framed, field + left + lanes, sums_of_next)
                    if numbers // lanes % 2:
                        left = numbers - lanes
                        sums = load(framed, field + left)
                        for k in range(count):
                            sums = sums + broadcast(values[k]) * load(kernels[chosen[k], dy], left)
                        store(framed, field + left, sums)
        copy_out_of_frame(framed, padding, propagated[b])
