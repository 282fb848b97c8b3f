"""The neuron equation solved one neuron at a time, as a check on the engines. Slow, plain, and on its own.

It shares no code with the engines: it reads the specification's numbers and does the rest itself. ::

    v' = (I(t)·[t < gate] + (R(t) + drive)·[t >= onset]) / tau,     v(0) = 0
    I(t) = bias + Σ_i w_i Σ_k c_k·[t >= t_i + d_k]

``R`` is such a sum over the projections of a loop. One spike at the first ``t`` in ``[onset, end)`` with ``v >=
threshold``. In a loop the earliest spike of all is found again after each spike, from nothing but those before it.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from netsim.specification import (
    Convolution,
    Dense,
    MapWinners,
    NeighbourhoodWinners,
    Network,
    Neurons,
    Pooling,
    Population,
    PositionWinners,
    Projection,
    Winners,
)

SOLVERS: dict[str, Any] = {}
"""Modules that solve the neurons of other families, by name (`tests/leaky_oracle.py`)."""
# a potential this far below threshold (in units of the threshold) has reached it on a grid
GRID_TOLERANCE = 1e-9
# spikes within so many ms are of one instant, and do not see each other
INSTANT = 1e-9


def oracle_latencies(
    network: Network,
    weights: dict[str, np.ndarray],
    stimuli: np.ndarray,
    dt: float = 0.0,
    silenced: dict[str, np.ndarray] | None = None,
    thresholds: dict[str, np.ndarray] | None = None,
    delays: dict[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """First-spike latencies (ms) of the stimulus and of every population; exact if `dt` is 0, else on that grid.

    `silenced` and `thresholds` are of single neurons, by population; `delays` (ms) of presynaptic neurons, by
    projection, and come to the projection's own. Drawn or learned delays are beside the weights.
    """
    latencies = {"stimulus": stimuli.astype(float)}
    if dt:
        moved = np.floor(stimuli / dt + 0.5)
        latencies["stimulus"] = np.where(moved < math.ceil(network.duration / dt - 1e-9), moved * dt, math.inf)
    for members in in_order(network):
        if len(members) > 1 or members[0].winners is not None or reaches(network, members[0].name, members[0].name):
            Loop(network, members, weights, dt, silenced, thresholds, delays).run(latencies)
            continue
        (population,) = members
        result = np.full((len(stimuli), *population.shape), math.inf)
        mute = np.broadcast_to((silenced or {}).get(population.name, False), result.shape)
        incoming = [projection for projection in network.projections if projection.target == population.name]
        arriving = []
        for projection in incoming:
            late = of_axons(projection, weights, delays or {})
            arriving.append(latencies[projection.source] + (np.floor(late / dt + 0.5) * dt if dt else late))
        for index in np.ndindex(result.shape):
            if mute[index]:
                continue
            position, neurons = index[1:], population.neurons
            inputs = [
                delayed(projection, synapses_of(network, projection, source[index[0]], position), weights, dt)
                for projection, source in zip(incoming, arriving, strict=True)
            ]
            if neurons is None:
                result[index] = min(time for synapses in inputs for time, _ in synapses)
                continue
            arrivals = arrivals_of(incoming, inputs, weights)
            bias = float(weights[f"{population.name}.bias"][position[-1]]) if neurons.bias else 0.0
            end = min(neurons.end, network.duration)
            solve = first_spike_on_grid if dt else first_spike
            if thresholds is not None and population.name in thresholds:
                neurons = dataclasses.replace(neurons, threshold=float(thresholds[population.name][position]))
            result[index] = solve(neurons, arrivals, bias, end, dt)
        latencies[population.name] = result
    return {name: latencies[name] for name in network.shapes}


def reaches(network: Network, source: str, target: str) -> bool:
    """Whether a path of at least one projection leads from one population to another."""
    reached: set[str] = set()
    fresh = {source}
    while fresh:
        fresh = {projection.target for projection in network.projections if projection.source in fresh} - reached
        reached |= fresh
    return target in reached


def in_order(network: Network) -> list[list[Population]]:
    """Populations, those of a loop together, after all that they receive from."""
    groups: list[list[Population]] = []
    for population in network.populations:
        for group in groups:
            if reaches(network, population.name, group[0].name) and reaches(network, group[0].name, population.name):
                group.append(population)
                break
        else:
            groups.append([population])
    ordered: list[list[Population]] = []
    while groups:
        names = [population.name for group in groups for population in group]
        for group in groups:
            members = [population.name for population in group]
            sources = {projection.source for projection in network.projections if projection.target in members}
            if not sources & (set(names) - set(members)):
                ordered.append(group)
                groups.remove(group)
                break
    return ordered


class Loop:
    """Populations that a loop joins, or whose neurons compete, a presentation at a time, a neuron at a time."""

    def __init__(
        self,
        network: Network,
        members: list[Population],
        weights: dict[str, np.ndarray],
        dt: float,
        silenced: dict[str, np.ndarray] | None,
        thresholds: dict[str, np.ndarray] | None,
        delays: dict[str, np.ndarray] | None,
    ) -> None:
        self.network, self.members, self.weights, self.dt = network, members, weights, dt
        self.silenced, self.thresholds, self.delays = silenced or {}, thresholds or {}, delays or {}
        self.names = [population.name for population in members]
        self.synapses: dict[tuple[str, tuple[int, ...]], list[tuple[float, int]]] = {}

    def run(self, latencies: dict[str, np.ndarray]) -> None:
        """Add the latencies of all members."""
        self.count = len(latencies["stimulus"])
        for population in self.members:
            latencies[population.name] = np.full((self.count, *population.shape), math.inf)
        for b in range(self.count):
            self.present({name: times[b] for name, times in latencies.items()}, b)

    def present(self, spikes: dict[str, np.ndarray], b: int) -> None:
        """Write the spikes of one presentation, the earliest first."""
        waiting = []
        for population in self.members:
            mute = np.broadcast_to(self.silenced.get(population.name, False), (self.count, *population.shape))[b]
            waiting += [(population, index) for index in np.ndindex(population.shape) if not mute[index]]
        pending: dict[str, dict[tuple[int, ...], float]] = {}  # by population, as long as no spike reaches it
        while waiting:
            for population, index in waiting:
                times = pending.setdefault(population.name, {})
                if index not in times:
                    times[index] = self.first_spike(population, index, spikes)[0]
            now = min(pending[population.name][index] for population, index in waiting)
            if now == math.inf:
                return
            at_once = [who for who in waiting if pending[who[0].name][who[1]] <= now + INSTANT]
            waiting = [who for who in waiting if pending[who[0].name][who[1]] > now + INSTANT]
            fired = [
                (population, index)
                for population in self.members
                for index in self.winners(population, at_once, now, spikes)
            ]
            for population, index in fired:
                spikes[population.name][index] = pending[population.name][index]
            for projection in self.network.projections:
                if projection.source in [population.name for population, _ in fired]:
                    pending.pop(projection.target, None)

    def winners(
        self,
        population: Population,
        at_once: list[tuple[Population, tuple[int, ...]]],
        now: float,
        spikes: dict[str, np.ndarray],
    ) -> list[tuple[int, ...]]:
        """Which neurons of a population fire, of those that could."""
        places = [index for owner, index in at_once if owner is population]
        if population.winners is None:
            return places
        assert population.neurons is not None
        unit = 1e-9 * population.neurons.threshold

        def rank(index: tuple[int, ...]) -> tuple[float, tuple[int, ...]]:
            neurons, arrivals, bias = self.first_spike(population, index, spikes)[1]
            excess = float(potential(neurons, arrivals, bias, np.array([now]), self.dt)[0]) - neurons.threshold
            return (-round(excess / unit), index)

        rivals = [index for index in np.ndindex(population.shape) if spikes[population.name][index] <= now]
        fired = []
        for index in sorted(places, key=rank):
            if sum(compete(population.winners, index, other) for other in rivals) < population.winners.first:
                fired.append(index)
                rivals.append(index)
        return fired

    def first_spike(
        self, population: Population, index: tuple[int, ...], spikes: dict[str, np.ndarray]
    ) -> tuple[float, tuple[Neurons, list[Arrival], float]]:
        """When a neuron fires as far as is known, and what of."""
        arrivals: list[Arrival] = []
        for projection in self.network.projections:
            if projection.target != population.name:
                continue
            late = of_axons(projection, self.weights, self.delays)
            sent = (spikes[projection.source] + (np.floor(late / self.dt + 0.5) * self.dt if self.dt else late)).ravel()
            if (projection.name, index) not in self.synapses:
                neurons_of = np.arange(sent.size).reshape(spikes[projection.source].shape)
                self.synapses[projection.name, index] = synapses_of(self.network, projection, neurons_of, index)
            inputs = [(float(sent[int(pre)]), weight) for pre, weight in self.synapses[projection.name, index]]
            inputs = delayed(projection, inputs, self.weights, self.dt)
            arrivals += arrivals_of([projection], [inputs], self.weights, projection.source in self.names)
        neurons = population.neurons
        assert neurons is not None
        if population.name in self.thresholds:
            neurons = dataclasses.replace(neurons, threshold=float(self.thresholds[population.name][index]))
        bias = float(self.weights[f"{population.name}.bias"][index[-1]]) if neurons.bias else 0.0
        solve = first_spike_on_grid if self.dt else first_spike
        end = min(neurons.end, self.network.duration)
        return solve(neurons, arrivals, bias, end, self.dt), (neurons, arrivals, bias)


def compete(winners: Winners, index: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether the spike of another neuron counts against one."""
    if isinstance(winners, MapWinners):
        return index[2] == other[2]
    if isinstance(winners, PositionWinners):
        return index[:2] == other[:2]
    if isinstance(winners, NeighbourhoodWinners):
        return max(abs(index[0] - other[0]), abs(index[1] - other[1])) <= winners.radius
    return True


Arrival = tuple[float, float, tuple[tuple[float, float], ...], bool]
"""When a presynaptic spike arrives (ms), its synapse's weight, the breakpoints of the PSP, and whether by a loop."""


def of_axons(projection: Projection, weights: dict[str, np.ndarray], delays: dict[str, np.ndarray]) -> np.ndarray:
    """How late the spikes of presynaptic neurons are (ms), in the shape of the source if they differ."""
    late = np.asarray(delays.get(projection.name, 0.0), dtype=float)
    if isinstance(projection.delay, float):
        return late + projection.delay
    return late + weights[f"{projection.name}.delay"] if projection.delay.per == "axon" else late


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
    incoming: list[Projection],
    inputs: list[list[tuple[float, int]]],
    weights: dict[str, np.ndarray],
    recurrent: bool = False,
) -> list[Arrival]:
    """The spikes that arrive at a neuron by its projections."""
    return [
        (time, float(weights[f"{projection.name}.kernel"].ravel()[weight]), projection.psp.kernel, recurrent)
        for projection, synapses in zip(incoming, inputs, strict=True)
        for time, weight in synapses
        if time < math.inf
    ]


def synapses_of(
    network: Network, projection: Projection, presentation: np.ndarray, index: tuple[int, ...]
) -> list[tuple[float, int]]:
    """When spikes arrive at the synapses of a neuron, and the number of the weight of each.

    Convolutions, fields and all to all are written out here; of another rule, its index arrays are taken.
    """
    rule, synapses = projection.connectivity, []
    if type(rule) is Convolution or type(rule) is Pooling:
        row, column, feature = index
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
                        synapses.append((float(presentation[y, x, channel]), number))
        return synapses
    shape = network.shapes[projection.target]
    neuron = int(np.ravel_multi_index(index, shape))
    if type(rule) is Dense:
        return [(float(time), k * math.prod(shape) + neuron) for k, time in enumerate(presentation.ravel())]
    pre, post, weight = network.connections(projection)
    return [(float(presentation.ravel()[pre[s]]), int(weight[s])) for s in np.flatnonzero(post == neuron)]


def potential(neurons: Neurons, arrivals: list[Arrival], bias: float, at: np.ndarray, dt: float = 0.0) -> np.ndarray:
    """The potential at the times `at` (ms): the equation, integrated term by term; on a grid, if there is one."""
    if neurons.family in SOLVERS:
        result: np.ndarray = SOLVERS[neurons.family].potential(neurons, arrivals, bias, at, dt)
        return result
    gate, onset = neurons.gate, neurons.onset
    if dt:
        gate, onset = (math.ceil(time / dt - 1e-9) * dt if time < math.inf else time for time in (gate, onset))
    while_open = np.minimum(at, gate)
    total = bias * while_open + neurons.drive * np.maximum(at - onset, 0.0)
    for by_loop, until in ((False, while_open), (True, at)):
        rises = [
            (time + (math.floor(delay / dt + 0.5) * dt if dt else delay), weight * change)
            for time, weight, psp, recurrent in arrivals
            if recurrent is by_loop
            for delay, change in psp
        ]
        begin, slope = np.array(rises).reshape(-1, 2).T
        begin = np.maximum(begin, onset) if by_loop else begin
        total = total + np.maximum(until[:, None] - begin, 0.0) @ slope
    return total / neurons.tau


def first_spike(neurons: Neurons, arrivals: list[Arrival], bias: float, end: float, _: float = 0.0) -> float:
    """Exact latency: between two corners the potential is a straight line."""
    if neurons.family in SOLVERS:
        result: float = SOLVERS[neurons.family].first_spike(neurons, arrivals, bias, end)
        return result
    corners = {neurons.onset, end}
    corners |= {time + delay for time, _, psp, _ in arrivals for delay, _ in psp if neurons.onset < time + delay < end}
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
    if neurons.family in SOLVERS:
        result: float = SOLVERS[neurons.family].first_spike_on_grid(neurons, arrivals, bias, end, dt)
        return result
    onset, last = math.ceil(neurons.onset / dt - 1e-9), math.ceil(end / dt - 1e-9)
    gate = math.inf if neurons.gate == math.inf else math.ceil(neurons.gate / dt - 1e-9)
    changes: dict[int, float] = {}
    of_loops: dict[int, float] = {}
    for time, weight, psp, recurrent in arrivals:
        chosen = of_loops if recurrent else changes
        for delay, change in psp:
            step = round(time / dt) + math.floor(delay / dt + 0.5)
            chosen[step] = chosen.get(step, 0.0) + weight * change
    v, current, loops = 0.0, bias, 0.0
    for n in range(last):
        if n >= onset and v >= neurons.threshold * (1 - GRID_TOLERANCE):
            return n * dt
        current += changes.get(n, 0.0)
        loops += of_loops.get(n, 0.0)
        slope = (current if n < gate else 0.0) + (neurons.drive + loops if n >= onset else 0.0)
        v += slope * dt / neurons.tau
    return math.inf


def gather_patches(maps: np.ndarray, kernel: int, stride: int = 1, padding: int = 0) -> np.ndarray:
    """The receptive field of each position as a row, by presentation, y, x; columns by dy, dx, channel."""
    padded = np.pad(maps, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view
    fields = view(padded, (1, kernel, kernel, 1))[:, ::stride, ::stride, :, 0, :, :, 0]
    return fields.transpose(0, 1, 2, 4, 5, 3).reshape(-1, kernel**2 * maps.shape[3])


def scatter_patches(
    patches: np.ndarray, shape: tuple[int, ...], kernel: int, stride: int = 1, padding: int = 0
) -> np.ndarray:
    """Rows of receptive fields added back onto maps of a shape: the transpose of `gather_patches`."""
    sums = np.zeros(math.prod(shape) + 1)
    places = gather_patches(np.arange(1, sums.size).reshape(shape), kernel, stride, padding)
    np.add.at(sums, places, patches)
    return sums[1:].reshape(shape)
