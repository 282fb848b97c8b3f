"""The neuron equation solved one neuron at a time, as a check on the engines. Slow, plain, and on its own.

It shares no code with the engines: it reads the specification's numbers and does the rest itself. ::

    v' = (I(t)·[t < gate] + drive·[t >= onset]) / tau,     v(0) = 0
    I(t) = bias + Σ_i w_i Σ_k c_k·[t >= t_i + d_k]

One spike at the first ``t`` in ``[onset, end)`` with ``v >= threshold``.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from netsim.specification import Convolution, Network, Neurons, Pooling, WeightedLayer

# a potential this far below threshold (in units of the threshold) has reached it on a grid
GRID_TOLERANCE = 1e-9


def oracle_latencies(
    network: Network,
    weights: dict[str, np.ndarray],
    stimuli: np.ndarray,
    dt: float = 0.0,
    silenced: dict[str, np.ndarray] | None = None,
    thresholds: dict[str, np.ndarray] | None = None,
    delays: dict[str, np.ndarray] | None = None,
) -> list[np.ndarray]:
    """First-spike latencies (ms) of the stimulus and of every layer; exact if `dt` is 0, else on that grid.

    `silenced` and `thresholds` are of single neurons, by layer name; `delays` (ms) of presynaptic neurons, by the
    name of the layer that receives their spikes.
    """
    latencies = [stimuli.astype(float)]
    if dt:
        moved = np.floor(stimuli / dt + 0.5)
        latencies = [np.where(moved < math.ceil(network.duration / dt - 1e-9), moved * dt, math.inf)]
    for position, layer in enumerate(network.layers):
        source = latencies[-1]
        shape = network.shapes[position + 1]
        result = np.full((len(stimuli), *shape), math.inf)
        mute = np.broadcast_to((silenced or {}).get(layer.name, False), result.shape)
        late = np.asarray((delays or {}).get(layer.name, 0.0), dtype=float)
        source = source + (np.floor(late / dt + 0.5) * dt if dt else late)
        for index in np.ndindex(result.shape):
            if mute[index]:
                continue
            presentation, place = source[index[0]], index[1:]
            if isinstance(layer, Pooling):
                result[index] = earliest_of_field(layer, presentation, place)
            else:
                times, incoming, bias = inputs_of(layer, weights, presentation, place)
                end = min(layer.neurons.end, network.duration)
                solve = first_spike_on_grid if dt else first_spike
                neurons = layer.neurons
                if layer.name in (thresholds or {}):
                    neurons = dataclasses.replace(neurons, threshold=float(thresholds[layer.name][place]))
                result[index] = solve(neurons, layer.psp.kernel, times, incoming, bias, end, dt)
        latencies.append(result)
    return latencies


def earliest_of_field(layer: Pooling, presentation: np.ndarray, place: tuple[int, ...]) -> float:
    """Latency of a pooling neuron."""
    row, column, channel = place
    field = [
        presentation[row * layer.step + dy, column * layer.step + dx, channel]
        for dy in range(layer.size)
        for dx in range(layer.size)
    ]
    return min(field)


def inputs_of(
    layer: WeightedLayer, weights: dict[str, np.ndarray], presentation: np.ndarray, place: tuple[int, ...]
) -> tuple[list[float], list[float], float]:
    """Latencies and weights of the presynaptic neurons that spike, and the bias."""
    kernel = weights[f"{layer.name}.kernel"]
    bias = float(weights[f"{layer.name}.bias"][place[-1]]) if layer.neurons.bias else 0.0
    times, incoming = [], []
    if isinstance(layer, Convolution):
        row, column, feature = place
        height, width, channels = presentation.shape
        for dy in range(layer.kernel):
            for dx in range(layer.kernel):
                y, x = row * layer.stride + dy - layer.padding, column * layer.stride + dx - layer.padding
                for channel in range(channels):
                    if 0 <= y < height and 0 <= x < width and presentation[y, x, channel] < math.inf:
                        times.append(float(presentation[y, x, channel]))
                        incoming.append(float(kernel[dy, dx, channel, feature]))
    else:
        for number, time in enumerate(presentation.ravel()):
            if time < math.inf:
                times.append(float(time))
                incoming.append(float(kernel[number, place[0]]))
    return times, incoming, bias


def potential(
    neurons: Neurons,
    psp: tuple[tuple[float, float], ...],
    times: list[float],
    incoming: list[float],
    bias: float,
    at: np.ndarray,
) -> np.ndarray:
    """The potential at the times `at` (ms): the equation, integrated term by term."""
    gate = math.inf if neurons.gate is None else neurons.gate
    while_open = np.minimum(at, gate)
    total = bias * while_open + neurons.drive * np.maximum(at - neurons.onset, 0.0)
    for time, weight in zip(times, incoming, strict=True):
        for delay, change in psp:
            total = total + weight * change * np.maximum(while_open - time - delay, 0.0)
    return total / neurons.tau


def first_spike(
    neurons: Neurons,
    psp: tuple[tuple[float, float], ...],
    times: list[float],
    incoming: list[float],
    bias: float,
    end: float,
    _: float = 0.0,
) -> float:
    """Exact latency: between two corners the potential is a straight line."""
    corners = {neurons.onset, end}
    corners |= {time + delay for time in times for delay, _ in psp if neurons.onset < time + delay < end}
    if neurons.gate is not None and neurons.onset < neurons.gate < end:
        corners.add(neurons.gate)
    at = np.array(sorted(corners))
    v = potential(neurons, psp, times, incoming, bias, at)
    if v[0] >= neurons.threshold:
        return neurons.onset
    for left, right, low, high in zip(at, at[1:], v, v[1:], strict=False):
        if high >= neurons.threshold:
            crossing = left + (neurons.threshold - low) * (right - left) / (high - low)
            return float(crossing) if crossing < end else math.inf
    return math.inf


def first_spike_on_grid(
    neurons: Neurons,
    psp: tuple[tuple[float, float], ...],
    times: list[float],
    incoming: list[float],
    bias: float,
    end: float,
    dt: float,
) -> float:
    """Latency on a grid: step by step, with slopes that are constant during a step."""
    onset, last = math.ceil(neurons.onset / dt - 1e-9), math.ceil(end / dt - 1e-9)
    gate = math.inf if neurons.gate in (None, math.inf) else math.ceil(neurons.gate / dt - 1e-9)
    arrivals: dict[int, float] = {}
    for time, weight in zip(times, incoming, strict=True):
        for delay, change in psp:
            step = round(time / dt) + math.floor(delay / dt + 0.5)
            arrivals[step] = arrivals.get(step, 0.0) + weight * change
    v, current = 0.0, bias
    for n in range(last):
        if n >= onset and v >= neurons.threshold * (1 - GRID_TOLERANCE):
            return n * dt
        current += arrivals.get(n, 0.0)
        slope = (current if n < gate else 0.0) + (neurons.drive if n >= onset else 0.0)
        v += slope * dt / neurons.tau
    return math.inf
