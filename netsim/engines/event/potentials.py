"""Membrane potentials of recorded neurons, computed from their input spikes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from netsim.engines.protocol import Batch, Potential, Recorded
from netsim.specification import Connections, Network, Projection
from netsim.specification.derivative import potentials_at
from netsim.specification.grid import kernel_on_grid, on_grid, population_times, step_at_or_after
from netsim.specification.responses import effect
from netsim.weights.layout import bias_name, delay_of_each, kernel_name, synaptic_delay

_SAMPLES = 401
"""Regular samples of a potential that is no line between events."""
_AT_ONCE = 200_000
"""Events of neurons that are followed at once."""


def potential_traces(
    network: Network, batch: Batch, latencies: Mapping[str, np.ndarray], record: Sequence[Recorded], dt: float = 0.0
) -> list[Potential]:
    """Return potentials of neurons at all times where their slope may change, by presentation.

    Samples are at the start and the end of the presentation, at every breakpoint of the synaptic current, at the onset,
    the gate and the spike. Potentials that are no lines between them also have samples at regular intervals. A spike
    does not reset the potential. Onsets, gates and delays are on the grid `dt` (ms), unless it is 0.
    """
    traces: dict[tuple[int, int], Potential] = {}
    for name in dict.fromkeys(recorded.layer for recorded in record):
        afferents = {
            number: _afferents(network, batch, recorded, dt)
            for number, recorded in enumerate(record)
            if recorded.layer == name
        }
        every = [(presentation, number) for presentation in range(len(batch.stimuli)) for number in afferents]
        most = max(sum(each.pre.size * len(each.kernel) for each in inputs) for _, inputs in afferents.values())
        at_once = max(1, _AT_ONCE // (most + 1))
        for first in range(0, len(every), at_once):
            chosen = every[first : first + at_once]
            neurons = [(presentation, record[number].neuron, *afferents[number]) for presentation, number in chosen]
            for key, trace in zip(chosen, _traces(network, name, latencies, neurons, dt), strict=True):
                traces[key] = trace
    return [traces[presentation, number] for presentation in range(len(batch.stimuli)) for number in range(len(record))]


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
        built = effect(population.dynamics, synapses.kernel, arrivals, time, times, synapses.recurrent)
        potentials = synapses.weights * built / population.dynamics.tau
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

    Spikes of `pre` arrive after conduction delays `late` (ms). `kernel` are the breakpoints of the PSP. `recurrent`
    marks the current of a loop.
    """

    source: str
    pre: np.ndarray
    weights: np.ndarray
    late: np.ndarray
    kernel: list[tuple[float, float]]
    recurrent: bool


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
        kernel, recurrent = kernel_on_grid(network, projection, dt), network.is_recurrent(projection)
        inputs.append(_Inputs(projection.source, pre, weight, late, kernel, recurrent))
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


def _traces(
    network: Network,
    name: str,
    latencies: Mapping[str, np.ndarray],
    neurons: Sequence[tuple[int, int, float, list[_Inputs]]],
    dt: float,
) -> list[Potential]:
    """Return potentials of neurons of a population: presentation, number, constant current and input of each."""
    population = network.population(name)
    kind, gated = population.dynamics.kind, population.dynamics.gated
    onset = population_times(network, population, dt).onset
    duration = step_at_or_after(network.duration, dt) * dt if dt else network.duration
    regular = np.zeros(0) if kind.straight else np.linspace(0.0, duration, _SAMPLES)
    events, samples = [], []
    for presentation, neuron, _, inputs in neurons:
        times, amounts, recurrent = _events(inputs, presentation, latencies)
        recurrent &= kind.currents_from_onset
        times = np.where(recurrent, np.maximum(times, onset), times)
        order = np.argsort(times, kind="stable")
        order = order[times[order] < duration]
        times, amounts, recurrent = times[order], amounts[order], recurrent[order]
        events.append((times, amounts, recurrent))
        counted = times[(times < onset) | recurrent] if gated else times
        spike = float(latencies[name][presentation].ravel()[neuron])
        landmarks = np.array([0.0, onset, spike, duration])
        samples.append(np.unique(np.concatenate([counted, regular, landmarks[landmarks <= duration]])))
    biases = np.array([bias for _, _, bias, _ in neurons])
    found = potentials_at(population.dynamics, *_padded(events), samples, biases, onset)
    return [
        Potential(presentation, name, neuron, time, potential)
        for (presentation, neuron, _, _), time, potential in zip(neurons, samples, found, strict=True)
    ]


_Events = tuple[np.ndarray, np.ndarray, np.ndarray]


def _events(inputs: Sequence[_Inputs], presentation: int, latencies: Mapping[str, np.ndarray]) -> _Events:
    """Return times (ms) and changes of the current of a neuron, and whether they come from its loop."""
    parts = [(np.zeros(0), np.zeros(0), np.zeros(0, bool))]
    for synapses in inputs:
        sent = latencies[synapses.source][presentation].ravel()[synapses.pre].astype(np.float64) + synapses.late
        for delay, change in synapses.kernel:
            parts.append((sent + delay, synapses.weights * change, np.full(sent.shape, synapses.recurrent)))
    times, amounts, recurrent = (np.concatenate(each) for each in zip(*parts, strict=True))
    return times, amounts, recurrent


def _padded(events: Sequence[_Events]) -> _Events:
    """Return events as arrays (events, neurons). Missing ones are at ``inf``."""
    shape = max(len(times) for times, _, _ in events), len(events)
    padded = np.full(shape, np.inf), np.zeros(shape), np.zeros(shape, bool)
    for number, each in enumerate(events):
        for whole, part in zip(padded, each, strict=True):
            whole[: len(part), number] = part
    return padded
