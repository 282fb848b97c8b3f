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

from netsim.specification import Convolution, Dense, Network, Neurons, Pooling, Projection

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
    """First-spike latencies (ms) of the stimulus and of every population; exact if `dt` is 0, else on that grid.

    `silenced` and `thresholds` are of single neurons, by population; `delays` (ms) of presynaptic neurons, by
    projection, and come to the projection's own. Drawn or learned delays are beside the weights.
    """
    latencies = {"stimulus": stimuli.astype(float)}
    if dt:
        moved = np.floor(stimuli / dt + 0.5)
        latencies["stimulus"] = np.where(moved < math.ceil(network.duration / dt - 1e-9), moved * dt, math.inf)
    for population in network.populations:
        result = np.full((len(stimuli), *population.shape), math.inf)
        mute = np.broadcast_to((silenced or {}).get(population.name, False), result.shape)
        incoming = [projection for projection in network.projections if projection.target == population.name]
        arriving = []
        for projection in incoming:
            late = np.asarray((delays or {}).get(projection.name, 0.0), dtype=float)
            if isinstance(projection.delay, float):
                late = late + projection.delay
            elif projection.delay.per == "axon":
                late = late + weights[f"{projection.name}.delay"]
            arriving.append(latencies[projection.source] + (np.floor(late / dt + 0.5) * dt if dt else late))
        for index in np.ndindex(result.shape):
            if mute[index]:
                continue
            place, neurons = index[1:], population.neurons
            inputs = [
                delayed(projection, synapses_of(network, projection, source[index[0]], place), weights, dt)
                for projection, source in zip(incoming, arriving, strict=True)
            ]
            if neurons is None:
                result[index] = min(time for synapses in inputs for time, _ in synapses)
                continue
            arrivals = arrivals_of(incoming, inputs, weights)
            bias = float(weights[f"{population.name}.bias"][place[-1]]) if neurons.bias else 0.0
            end = min(neurons.end, network.duration)
            solve = first_spike_on_grid if dt else first_spike
            if thresholds is not None and population.name in thresholds:
                neurons = dataclasses.replace(neurons, threshold=float(thresholds[population.name][place]))
            result[index] = solve(neurons, arrivals, bias, end, dt)
        latencies[population.name] = result
    return list(latencies.values())


Arrival = tuple[float, float, tuple[tuple[float, float], ...]]
"""When a presynaptic spike arrives (ms), the weight of its synapse, and the breakpoints of the PSP."""


def delayed(
    projection: Projection, synapses: list[tuple[float, int]], weights: dict[str, np.ndarray], dt: float
) -> list[tuple[float, int]]:
    """The synapses of a neuron, with spikes that are late by the delays of single synapses."""
    if isinstance(projection.delay, float) or projection.delay.per == "axon":
        return synapses
    late = weights[f"{projection.name}.delay"].ravel()
    return [
        (time + (math.floor(late[number] / dt + 0.5) * dt if dt else float(late[number])), number)
        for time, number in synapses
    ]


def arrivals_of(
    incoming: list[Projection], inputs: list[list[tuple[float, int]]], weights: dict[str, np.ndarray]
) -> list[Arrival]:
    """The spikes that arrive at a neuron by its projections."""
    return [
        (time, float(weights[f"{projection.name}.kernel"].ravel()[weight]), projection.psp.kernel)
        for projection, synapses in zip(incoming, inputs, strict=True)
        for time, weight in synapses
        if time < math.inf
    ]


def synapses_of(
    network: Network, projection: Projection, presentation: np.ndarray, place: tuple[int, ...]
) -> list[tuple[float, int]]:
    """When spikes arrive at the synapses of a neuron, and the number of the weight of each.

    Convolutions, fields and all to all are written out here; of another rule, its index arrays are taken.
    """
    rule, found = projection.connectivity, []
    if type(rule) is Convolution or type(rule) is Pooling:
        row, column, feature = place
        height, width, channels = presentation.shape
        maps = network.shapes[projection.target][2]
        size = rule.kernel if isinstance(rule, Convolution) else rule.size
        stride, padding = (rule.stride, rule.padding) if isinstance(rule, Convolution) else (rule.step, 0)
        for dy in range(size):
            for dx in range(size):
                y, x = row * stride + dy - padding, column * stride + dx - padding
                for channel in range(channels) if isinstance(rule, Convolution) else [feature]:
                    if 0 <= y < height and 0 <= x < width:
                        number = ((dy * size + dx) * channels + channel) * maps + feature
                        found.append((float(presentation[y, x, channel]), number))
        return found
    shape = network.shapes[projection.target]
    neuron = int(np.ravel_multi_index(place, shape))
    if type(rule) is Dense:
        return [(float(time), k * math.prod(shape) + neuron) for k, time in enumerate(presentation.ravel())]
    pre, post, weight = network.connections(projection)
    return [(float(presentation.ravel()[pre[s]]), int(weight[s])) for s in np.flatnonzero(post == neuron)]


def potential(neurons: Neurons, arrivals: list[Arrival], bias: float, at: np.ndarray) -> np.ndarray:
    """The potential at the times `at` (ms): the equation, integrated term by term."""
    while_open = np.minimum(at, neurons.gate)
    total = bias * while_open + neurons.drive * np.maximum(at - neurons.onset, 0.0)
    for time, weight, psp in arrivals:
        for delay, change in psp:
            total = total + weight * change * np.maximum(while_open - time - delay, 0.0)
    return total / neurons.tau


def first_spike(neurons: Neurons, arrivals: list[Arrival], bias: float, end: float, _: float = 0.0) -> float:
    """Exact latency: between two corners the potential is a straight line."""
    corners = {neurons.onset, end}
    corners |= {time + delay for time, _, psp in arrivals for delay, _ in psp if neurons.onset < time + delay < end}
    if neurons.onset < neurons.gate < end:
        corners.add(neurons.gate)
    at = np.array(sorted(corners))
    v = potential(neurons, arrivals, bias, at)
    if v[0] >= neurons.threshold:
        return neurons.onset
    for left, right, low, high in zip(at, at[1:], v, v[1:], strict=False):
        if high >= neurons.threshold:
            crossing = left + (neurons.threshold - low) * (right - left) / (high - low)
            return float(crossing) if crossing < end else math.inf
    return math.inf


def first_spike_on_grid(neurons: Neurons, arrivals: list[Arrival], bias: float, end: float, dt: float) -> float:
    """Latency on a grid: step by step, with slopes that are constant during a step."""
    onset, last = math.ceil(neurons.onset / dt - 1e-9), math.ceil(end / dt - 1e-9)
    gate = math.inf if neurons.gate == math.inf else math.ceil(neurons.gate / dt - 1e-9)
    changes: dict[int, float] = {}
    for time, weight, psp in arrivals:
        for delay, change in psp:
            step = round(time / dt) + math.floor(delay / dt + 0.5)
            changes[step] = changes.get(step, 0.0) + weight * change
    v, current = 0.0, bias
    for n in range(last):
        if n >= onset and v >= neurons.threshold * (1 - GRID_TOLERANCE):
            return n * dt
        current += changes.get(n, 0.0)
        slope = (current if n < gate else 0.0) + (neurons.drive if n >= onset else 0.0)
        v += slope * dt / neurons.tau
    return math.inf
