"""The local learning step pair by pair of spikes, by visiting the receptive fields of neurons that carry a signal.

A presynaptic spike contributes through a breakpoint of the PSP if it comes before the neuron's synaptic limit less the
delay of the breakpoint. A map of spike times lies in a frame with its padding, so that the row of a field is some
vectors, wherever it lies; the last one may reach into the next row, where its numbers count for nothing.
"""

import numpy as np

from netsim.learning.fields import (
    collect_from_maps,
    copy_framed,
    copy_out_of_frame,
    frame,
    lay_out_by_map,
    list_signals,
    maps_with_signals,
    offsets_in_frame,
    room_by_map,
)
from netsim.numerics.compilation import compiled, compiled_with
from netsim.numerics.psp import Breakpoints, Slopes
from netsim.numerics.vectors import broadcast, lanes_of, load, store, where_at_least
from netsim.specification import Window


def step_by_map(
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
    """The gradient of the synapses and the displacement of the sources, as `netsim.learning.synapses` defines them.

    Times (ms), limits (ms) and signals are by presentation in the shapes of the window's source and target, the kernel
    has the shape (inputs of a field, maps). What is returned has the shapes of kernel and times, and is None where the
    synapses do not learn, or nothing is propagated downward.
    """
    gradient = np.empty_like(kernel) if learns else None
    displacement = np.empty_like(times) if downward else None
    if gradient is not None:
        _add_up(times, limits, signals, psp, window, gradient)
    if displacement is not None:
        _propagate(times, limits, signals, kernel, slopes, window, displacement)
    return gradient, displacement


@compiled
def _add_up(
    times: np.ndarray,
    limit: np.ndarray,
    signal: np.ndarray,
    psp: Breakpoints,
    window: Window,
    gradient: np.ndarray,
) -> None:
    """Write the gradient of the synapses: ``signal_j · PSP(L_j - t_i)`` over all positions."""
    by_map = room_by_map(signal.shape[3], window.size, window.size * times.shape[3], times)
    learns = _gather(times, limit, signal, psp, window, by_map)
    collect_from_maps(by_map, learns, gradient)


@compiled
def _propagate(
    times: np.ndarray,
    limit: np.ndarray,
    signal: np.ndarray,
    kernel: np.ndarray,
    psp: Slopes,
    window: Window,
    displacement: np.ndarray,
) -> None:
    """Write, for each presynaptic spike, the sum of ``signal_j · w_ij · PSP'(L_j - t_i)``."""
    by_map = lay_out_by_map(kernel, window.size, maps_with_signals(signal))
    _scatter(by_map, times, limit, signal, psp, window, displacement)


@compiled_with(fastmath={"contract"})
def _gather(
    times: np.ndarray,
    limit: np.ndarray,
    signal: np.ndarray,
    psp: Breakpoints,
    window: Window,
    gathered: np.ndarray,
) -> np.ndarray:
    """Add up what the synapses of each map learn, one map at a time.

    What is gathered has the shape (maps, rows of a field, inputs of a row filled up to whole vectors). Returned is
    which maps have any signal; nothing is written for others.
    """
    presentations, _, width, channels = times.shape
    _, rows, columns, maps = signal.shape
    size, numbers = gathered.shape[1:]
    stride, padding, lanes = window.stride, window.padding, lanes_of(times)
    nothing, line = broadcast(times.dtype.type(0)), (width + 2 * padding) * channels
    framed = frame(times, padding, numbers, np.inf)
    offsets = offsets_in_frame(size, numbers // lanes, line, lanes)
    vectors = len(offsets)
    found, seen = gathered.reshape(-1), np.zeros(maps, np.bool_)
    shape = maps, rows * columns
    fields, latest, values = np.empty(shape, np.uint64), np.empty(shape, times.dtype), np.empty(shape, times.dtype)
    counts, chosen = np.empty(maps, np.uint64), np.empty(maps, np.int64)
    signals, limits, position = signal.reshape(-1), limit.reshape(-1), 0
    for b in range(presentations):
        copy_framed(times[b], padding, framed)
        counts[:] = 0
        for row in range(rows):
            for column in range(columns):
                field = (row * line + column * channels) * stride
                for k in range(list_signals(signals, position, maps, chosen)):
                    m = chosen[k]
                    fields[m, counts[m]], latest[m, counts[m]] = field, limits[position + m]
                    values[m, counts[m]] = signals[position + m]
                    counts[m] += np.uint64(1)
                position += maps
        for m in range(maps):
            if counts[m] == 0:
                continue
            if not seen[m]:
                seen[m], gathered[m] = True, 0
            for point in range(psp.delays.size):
                delay, change = psp.delays[point], psp.changes[point]
                place, count = m * vectors * lanes, counts[m]
                for n in range(0, vectors - 1, 2):
                    one, next_one = offsets[n], offsets[n + 1]
                    sums, sums_of_next = load(found, place), load(found, place + lanes)
                    for k in range(count):
                        value, last = broadcast(change * values[m, k]), broadcast(latest[m, k] - delay)
                        at = fields[m, k]
                        since = last - load(framed, at + one)
                        since_next = last - load(framed, at + next_one)
                        sums = sums + value * where_at_least(nothing, since, nothing, since)
                        sums_of_next = sums_of_next + value * where_at_least(nothing, since_next, nothing, since_next)
                    store(found, place, sums)
                    store(found, place + lanes, sums_of_next)
                    place += 2 * lanes
                if vectors % 2:
                    sums = load(found, place)
                    for k in range(count):
                        since = broadcast(latest[m, k] - delay) - load(framed, fields[m, k] + offsets[vectors - 1])
                        sums = sums + broadcast(change * values[m, k]) * where_at_least(nothing, since, nothing, since)
                    store(found, place, sums)
    return seen


@compiled_with(fastmath={"contract"})
def _scatter(
    kernels: np.ndarray,
    times: np.ndarray,
    limit: np.ndarray,
    signal: np.ndarray,
    psp: Slopes,
    window: Window,
    displacement: np.ndarray,
) -> None:
    """Add up what is propagated to each presynaptic spike, one position at a time; kernels are laid out by map."""
    presentations, _, width, channels = times.shape
    _, rows, columns, maps = signal.shape
    size, numbers = kernels.shape[1:]
    stride, padding, lanes = window.stride, window.padding, lanes_of(times)
    line = (width + 2 * padding) * channels
    framed, onto = frame(times, padding, numbers, np.inf), frame(times, padding, numbers, 0)
    capacity = maps * psp.slopes.size
    signals, limits, position = signal.reshape(-1), limit.reshape(-1), 0
    chosen, visited = np.empty(maps, np.int64), np.empty(capacity, np.int64)
    latest, values = np.empty(capacity, times.dtype), np.empty(capacity, times.dtype)
    earliest = np.empty(capacity, times.dtype)
    for b in range(presentations):
        copy_framed(times[b], padding, framed)
        onto[:] = 0
        for row in range(rows):
            for column in range(columns):
                count = 0
                for k in range(list_signals(signals, position, maps, chosen)):
                    m = chosen[k]
                    for n in range(psp.slopes.size):
                        visited[count], values[count] = m, psp.slopes[n] * signals[position + m]
                        latest[count] = limits[position + m] - psp.after[n]
                        earliest[count] = limits[position + m] - psp.until[n]
                        count += 1
                position += maps
                if count == 0:
                    continue
                for dy in range(size):
                    field = (row * stride + dy) * line + column * stride * channels
                    for left in range(0, numbers, lanes):
                        seen, sums = load(framed, field + left), load(onto, field + left)
                        for k in range(count):
                            added = sums + broadcast(values[k]) * load(kernels[visited[k], dy], left)
                            added = where_at_least(seen, broadcast(earliest[k]), added, sums)
                            sums = where_at_least(seen, broadcast(latest[k]), sums, added)
                        store(onto, field + left, sums)
        copy_out_of_frame(onto, padding, displacement[b])
