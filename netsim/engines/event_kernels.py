"""Compiled loops of the event engine.

They count potential in units of ``threshold·u`` with ``u = tau·v``, so that the slope of ``u`` is the sum of
currents, and take every time on one clock: ms, or whole steps where spikes fall on a grid.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

# Maps that are advanced together; a dense layer is cut into blocks of this many neurons, each of which is
# done as soon as its own neurons have fired.
BLOCK = 128


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def integrate(times: np.ndarray, gate: float, delays: np.ndarray, changes: np.ndarray, integrals: np.ndarray) -> None:
    """Postsynaptic potential that each presynaptic spike has built up by the gate, before weights.

    Parameters
    ----------
    times, integrals : ndarray, shape (presentations, neurons)
        Spike times; ``inf`` is silent. The result is written to `integrals`.
    gate : float
    delays, changes : ndarray, shape (breakpoints,)
        The postsynaptic potential.
    """
    zero = times.dtype.type(0)
    for b in prange(times.shape[0]):
        row = integrals[b]
        row[:] = zero
        for k in range(delays.size):
            for i in range(row.size):
                row[i] += changes[k] * max(gate - delays[k] - times[b, i], zero)


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def carry_to_threshold(
    potentials: np.ndarray,
    bias: np.ndarray,
    threshold: float,
    drive: float,
    onset: float,
    end: float,
    whole_steps: bool,
) -> None:
    """Replace potentials at the onset by the times at which the drive alone carries them to threshold.

    Parameters
    ----------
    potentials : ndarray, shape (rows, maps)
        Overwritten by spike times; ``inf`` where the threshold is not reached before `end`.
    bias : ndarray, shape (maps,)
        Added to the potentials first.
    threshold, drive, onset, end : float
    whole_steps : bool
        Round spike times up to whole steps.
    """
    silent = potentials.dtype.type(np.inf)
    for row in prange(potentials.shape[0]):
        values = potentials[row]
        for m in range(values.size):
            missing = threshold - (values[m] + bias[m])
            time = onset + missing / drive
            if whole_steps:
                time = np.ceil(time)
            if missing <= 0:
                time = onset
            values[m] = time if time < end else silent


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def sweep(
    times: np.ndarray,
    order: np.ndarray,
    width: int,
    kernel: np.ndarray,
    bias: np.ndarray,
    delays: np.ndarray,
    changes: np.ndarray,
    threshold: float,
    drive: float,
    onset: float,
    gate: float,
    end: float,
    whole_steps: bool,
    stride: int,
    padding: int,
    latencies: np.ndarray,
) -> None:
    """First-spike times of a layer by visiting the breakpoints of its synaptic currents in order of time.

    Parameters
    ----------
    times : ndarray, shape (presentations, inputs)
        Presynaptic spike times, flattened from (height, width, channels).
    order : ndarray of int, shape (presentations, inputs)
        Presynaptic neurons of each presentation by time.
    width : int
        Width of the presynaptic maps.
    kernel : ndarray, shape (kernel, kernel, channels, maps)
        A dense layer is a kernel of 1 on one position whose channels are its inputs.
    bias : ndarray, shape (maps,)
    delays, changes : ndarray, shape (breakpoints,)
        The postsynaptic potential.
    threshold, drive, onset, gate, end : float
        The gate is the onset or later than the end.
    whole_steps : bool
        Round spike times up to whole steps.
    stride, padding : int
    latencies : ndarray, shape (presentations, rows, columns, maps)
        The result is written here.
    """
    blocks = (latencies.shape[3] + BLOCK - 1) // BLOCK
    for job in prange(latencies.shape[0] * blocks):
        b = job // blocks
        _sweep_block(
            times[b],
            order[b],
            width,
            kernel,
            bias,
            delays,
            changes,
            threshold,
            drive,
            onset,
            gate,
            end,
            whole_steps,
            stride,
            padding,
            job % blocks * BLOCK,
            latencies[b],
        )


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _sweep_block(
    times: np.ndarray,
    order: np.ndarray,
    width: int,
    kernel: np.ndarray,
    bias: np.ndarray,
    delays: np.ndarray,
    changes: np.ndarray,
    threshold: float,
    drive: float,
    onset: float,
    gate: float,
    end: float,
    whole_steps: bool,
    stride: int,
    padding: int,
    first_map: int,
    latencies: np.ndarray,
) -> None:
    """Sweep one presentation of the maps from `first_map` on.

    Each position is advanced only when a breakpoint reaches it. A neuron that has fired gets the potential
    ``-inf``, which no slope raises again.
    """
    rows, columns, maps = latencies.shape
    size, channels = kernel.shape[0], kernel.shape[2]
    count = min(BLOCK, maps - first_map)
    potentials = np.zeros((rows, columns, count), dtype=kernel.dtype)
    slopes = np.zeros((rows, columns, count), dtype=kernel.dtype)
    reached = np.full((rows, columns), onset, dtype=kernel.dtype)
    waiting = np.full((rows, columns), count, dtype=np.int64)
    heads = np.zeros(delays.size, dtype=np.int64)

    for k in range(delays.size):
        while heads[k] < order.size and times[order[heads[k]]] + delays[k] <= onset:
            neuron = order[heads[k]]
            heads[k] += 1
            gained = changes[k] * (onset - times[neuron] - delays[k])
            y, x, channel = (
                neuron // channels // width + padding,
                neuron // channels % width + padding,
                neuron % channels,
            )
            for row in range(max(y - size + stride, 0) // stride, min(y // stride + 1, rows)):
                for column in range(max(x - size + stride, 0) // stride, min(x // stride + 1, columns)):
                    weights = kernel[y - row * stride, x - column * stride, channel]
                    potential, slope = potentials[row, column], slopes[row, column]
                    for m in range(count):
                        potential[m] += gained * weights[first_map + m]
                        slope[m] += changes[k] * weights[first_map + m]

    alive = 0
    gated = gate <= onset
    for row in range(rows):
        for column in range(columns):
            potential, slope = potentials[row, column], slopes[row, column]
            for m in range(count):
                latency = np.inf
                potential[m] += bias[first_map + m] * onset
                slope[m] = drive if gated else slope[m] + bias[first_map + m] + drive
                if potential[m] >= threshold:
                    potential[m] = -np.inf
                    latency = onset
                    waiting[row, column] -= 1
                latencies[row, column, first_map + m] = latency
            alive += waiting[row, column] > 0

    until = onset if gated else end
    while alive > 0:
        now = end
        k = -1
        for candidate in range(delays.size):
            if heads[candidate] < order.size:
                time = times[order[heads[candidate]]] + delays[candidate]
                if time < now:
                    now, k = time, candidate
        if k < 0 or now >= until:
            break
        neuron = order[heads[k]]
        heads[k] += 1
        y, x, channel = neuron // channels // width + padding, neuron // channels % width + padding, neuron % channels
        for row in range(max(y - size + stride, 0) // stride, min(y // stride + 1, rows)):
            for column in range(max(x - size + stride, 0) // stride, min(x // stride + 1, columns)):
                if waiting[row, column] == 0:
                    continue
                potential, slope = potentials[row, column], slopes[row, column]
                elapsed = now - reached[row, column]
                if elapsed > 0:
                    reached[row, column] = now
                    crossed = 0
                    for m in range(count):
                        potential[m] += slope[m] * elapsed
                        crossed += potential[m] >= threshold
                    if crossed > 0:
                        for m in range(count):
                            if potential[m] >= threshold:
                                latency = now - min((potential[m] - threshold) / slope[m], elapsed)
                                latencies[row, column, first_map + m] = np.ceil(latency) if whole_steps else latency
                                potential[m] = -np.inf
                        waiting[row, column] -= crossed
                        if waiting[row, column] == 0:
                            alive -= 1
                            continue
                weights = kernel[y - row * stride, x - column * stride, channel]
                for m in range(count):
                    slope[m] += changes[k] * weights[first_map + m]

    for row in range(rows):
        for column in range(columns):
            if waiting[row, column] == 0:
                continue
            potential, slope = potentials[row, column], slopes[row, column]
            for m in range(count):
                if slope[m] > 0:
                    latency = reached[row, column] + (threshold - potential[m]) / slope[m]
                    if whole_steps:
                        latency = np.ceil(latency)
                    if latency < end:
                        latencies[row, column, first_map + m] = latency
