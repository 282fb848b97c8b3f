"""Membrane potentials of recorded neurons, computed from their input spikes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from netsim.engines.protocol import Batch, Potential, Recorded
from netsim.specification import PSP, Connections, Network, Projection
from netsim.specification.derivative import states_at
from netsim.specification.grid import breakpoint_steps, on_grid, population_steps, population_times, step_at_or_after
from netsim.specification.psps import rounded_sum
from netsim.weights.layout import bias_name, delay_of_each, kernel_name, synaptic_delay

_SAMPLES = 401
"""Regular samples of a potential that is not piecewise linear."""


def potential_traces(
    network: Network, batch: Batch, latencies: Mapping[str, np.ndarray], record: Sequence[Recorded], dt: float = 0.0
) -> list[Potential]:
    """Return potentials of neurons at all times where their slope may change, by presentation.

    Samples are at the start and the end of the presentation, at every breakpoint of the synaptic current, at the onset,
    the gate and the spike. Piecewise-linear potentials are lines between samples. Other families also have samples at
    regular intervals. A spike does not reset the potential. Onsets, gates and delays are on the grid `dt`
    (ms), unless it is 0.
    """
    if not record:
        return []
    afferents = [_afferents(network, batch, recorded, dt) for recorded in record]
    traces = []
    for presentation in range(len(batch.stimuli)):
        for (name, neuron), (bias, inputs) in zip(record, afferents, strict=True):
            spike = float(latencies[name][presentation].ravel()[neuron])
            kind = network.population(name).dynamics.kind
            if not (kind.additive and kind.has_psp):
                sampled = _curved_trace(network, name, inputs, latencies, presentation, bias, spike, dt)
                traces.append(Potential(presentation, name, neuron, *sampled))
                continue
            currents: list[_Current] = []  # from outside and from a loop
            for recurrent in (False, True):
                times, jumps = [np.zeros(0)], [np.zeros(0)]
                for synapses in inputs:
                    if synapses.recurrent is recurrent:
                        sent = latencies[synapses.source][presentation].ravel()[synapses.pre].astype(np.float64)
                        times.append(((sent + synapses.late)[:, None] + synapses.delays).ravel())
                        jumps.append(synapses.jumps.ravel())
                currents.append(_in_order(np.concatenate(times), np.concatenate(jumps)))
            sampled = _trace(network, name, currents[0], currents[1], bias, spike, dt)
            traces.append(Potential(presentation, name, neuron, *sampled))
    return traces


class Cause(NamedTuple):
    """Contributions of the synapses of one projection to a neuron's potential by some time.

    Arrays have the shape (synapses,).

    Attributes
    ----------
    source : str
        The presynaptic population.
    neurons : ndarray of int
        Presynaptic neurons.
    arrivals : ndarray of float
        When their spikes arrive (ms); ``inf`` for silence.
    potentials : ndarray of float
        Parts of the potential, in the unit of the threshold.
    weights : ndarray of float
        Synaptic weights, of silent neurons too.
    """

    source: str
    neurons: np.ndarray
    arrivals: np.ndarray
    potentials: np.ndarray
    weights: np.ndarray


def causes_of(
    network: Network, batch: Batch, latencies: Mapping[str, np.ndarray], neuron: Recorded, time: float, dt: float = 0.0
) -> list[Cause]:
    """Return what each synapse adds to the potential of a neuron by `time` (ms), in the first presentation.

    Together with the constant current and the drive, the parts sum to the potential of `potential_traces`. Raise
    SpecificationError for neurons whose family is not additive.
    """
    population = network.population(neuron.layer)
    times = population_times(network, population, dt)
    causes = []
    for synapses in _afferents(network, batch, neuron, dt)[1]:
        arrivals = latencies[synapses.source][0].ravel()[synapses.pre].astype(np.float64) + synapses.late
        starts, neurons = arrivals[:, None] + synapses.delays, population.dynamics
        if not (neurons.kind.has_psp and neurons.kind.additive):
            built = neurons.kind.effect(neurons, PSP(), time - starts)
        elif synapses.recurrent:  # its current counts from the onset
            built = np.maximum(time - np.maximum(starts, times.onset), 0.0)
        else:
            built = np.maximum(min(time, times.gate) - starts, 0.0)
        potentials = rounded_sum(synapses.jumps * built) / population.dynamics.tau
        causes.append(Cause(synapses.source, synapses.pre, arrivals, potentials, synapses.weights))
    return causes


def arrivals_at(
    network: Network,
    batch: Batch,
    latencies: Mapping[str, np.ndarray],
    relay: Recorded,
    dt: float = 0.0,
    connections: Connections | None = None,
) -> tuple[str, np.ndarray, np.ndarray]:
    """Return the source of a relay, its input neurons, and when their spikes arrive (ms), in the first presentation.

    Inputs are sorted by time, and silent ones are left out. The relay fires with the first. Pass `connections` of the
    relay's projection for many relays, because listing them takes time.
    """
    (projection,) = network.incoming(relay.layer)
    pre, post, _ = connections or network.connections(projection)
    pre = pre[post == relay.neuron]
    late = on_grid(delay_of_each(network, projection, batch.weights, batch.delays), dt)
    arrivals = latencies[projection.source][0].ravel()[pre].astype(np.float64) + late[pre]
    order = np.argsort(arrivals, kind="stable")[: int(np.isfinite(arrivals).sum())]
    return projection.source, pre[order], arrivals[order]


class _Inputs(NamedTuple):
    """Input of a neuron from one projection, by synapse.

    Spikes of `pre` arrive after conduction delays `late` (ms). The synaptic current jumps at the `delays` of the PSP
    (ms), shape (synapses, breakpoints). `recurrent` marks the current of a loop.
    """

    source: str
    pre: np.ndarray
    weights: np.ndarray
    late: np.ndarray
    delays: np.ndarray
    jumps: np.ndarray
    recurrent: bool


class _Current(NamedTuple):
    """Ascending times (ms) of the jumps of a current, and their sizes."""

    times: np.ndarray
    jumps: np.ndarray

    def after(self, times: np.ndarray) -> np.ndarray:
        """Return the current just after given times."""
        return np.concatenate([[0.0], np.cumsum(self.jumps)])[np.searchsorted(self.times, times, side="right")]


def _in_order(times: np.ndarray, jumps: np.ndarray) -> _Current:
    order = np.argsort(times)
    return _Current(times[order], jumps[order])


def _afferents(network: Network, batch: Batch, recorded: Recorded, dt: float) -> tuple[float, list[_Inputs]]:
    """Return the constant current of a neuron, and its input from each projection."""
    population = network.population(recorded.layer)
    inputs = []
    for projection in network.incoming(population.name):
        pre, weight = _synapses(network, projection, batch.weights[kernel_name(projection)], recorded.neuron)
        late = on_grid(delay_of_each(network, projection, batch.weights, batch.delays), dt)[pre]
        delay = synaptic_delay(projection, batch.weights)
        if delay is not None:
            late = late + on_grid(_synapses(network, projection, delay, recorded.neuron)[1], dt)
        delays, changes = np.array(projection.psp.kernel).T
        if dt:
            delays = np.array(breakpoint_steps(network, projection, dt)) * dt
        jumps, recurrent = weight[:, None] * changes, network.is_recurrent(projection)
        inputs.append(_Inputs(projection.source, pre, weight, late, delays, jumps, recurrent))
    bias = batch.weights[bias_name(population)][recorded.neuron % population.maps] if population.has_bias else 0.0
    return float(bias), inputs


def _synapses(
    network: Network, projection: Projection, kernel: np.ndarray, neuron: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return presynaptic neurons of one neuron and their weights or delays, shape (synapses,), without padding."""
    window = network.window(projection)
    if window is None:
        pre, post, weight = network.connections(projection)
        chosen = np.flatnonzero(post == neuron)
        return pre[chosen], kernel.ravel()[weight[chosen]]
    height, width, channels = window.source
    row, column, feature = np.unravel_index(neuron, window.shape)
    y = np.arange(window.size) + row * window.stride - window.padding
    x = np.arange(window.size) + column * window.stride - window.padding
    dy, dx = np.flatnonzero((y >= 0) & (y < height)), np.flatnonzero((x >= 0) & (x < width))
    inputs = (y[dy][:, None, None] * width + x[dx][None, :, None]) * channels + np.arange(channels)
    shared = kernel.reshape(window.size, window.size, channels, -1)
    return inputs.ravel(), shared[np.ix_(dy, dx)][..., feature].ravel()


def _trace(
    network: Network, name: str, outer: _Current, recurrent: _Current, bias: float, spike: float, dt: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return sample times (ms) and potentials of one neuron."""
    population, duration = network.population(name), network.duration
    neurons = population.dynamics
    onset, gate = neurons.onset, neurons.gate
    if dt:
        steps = population_steps(network, population, dt)
        onset = steps.onset * dt
        gate = steps.gate * dt if neurons.gated else gate
        duration = step_at_or_after(duration, dt) * dt
    gate = min(gate, duration)
    breakpoints = [
        outer.times[outer.times < gate],
        recurrent.times[(recurrent.times >= onset) & (recurrent.times < duration)],
    ]
    landmarks = np.array([0.0, onset, gate, spike, duration])
    time = np.unique(np.concatenate([*breakpoints, landmarks[landmarks <= duration]]))
    # slope after each sample
    before_gate = np.where(time < gate, bias + outer.after(time), 0.0)
    slope = (before_gate + np.where(time >= onset, neurons.drive + recurrent.after(time), 0.0)) / neurons.tau
    potential = np.concatenate([[0.0], np.cumsum(slope[:-1] * np.diff(time))])
    return time, potential


def _curved_trace(
    network: Network,
    name: str,
    inputs: list[_Inputs],
    latencies: Mapping[str, np.ndarray],
    presentation: int,
    bias: float,
    spike: float,
    dt: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return sample times (ms) and potentials of one neuron, moved by its family from event to event."""
    population = network.population(name)
    neurons = population.dynamics
    onset = population_times(network, population, dt).onset
    duration = step_at_or_after(network.duration, dt) * dt if dt else network.duration
    arrivals, amounts = [np.zeros(0)], [np.zeros(0)]
    for synapses in inputs:
        sent = latencies[synapses.source][presentation].ravel()[synapses.pre].astype(np.float64)
        arrivals.append(((sent + synapses.late)[:, None] + synapses.delays).ravel())
        amounts.append(synapses.jumps.ravel())
    arriving, amount = np.concatenate(arrivals), np.concatenate(amounts)
    order = np.argsort(arriving, kind="stable")[: int((arriving < duration).sum())]
    events = np.concatenate([arriving[order], [onset, spike]])
    time = np.unique(np.concatenate([np.linspace(0.0, duration, _SAMPLES), events[events <= duration]]))
    moved = states_at(neurons, arriving[order, None], amount[order, None], time, bias, onset)
    return time, moved[0]
