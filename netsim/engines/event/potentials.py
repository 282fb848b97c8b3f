"""Membrane potentials of chosen neurons, computed afterwards from the spikes that reach them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from netsim.engines.protocol import Latencies, Potential, Recorded
from netsim.specification import Network, Population, Projection
from netsim.specification.grid import breakpoint_steps, on_grid, population_steps, step_at_or_after
from netsim.weights.layout import Weights, bias_name, kernel_name


def potential_traces(
    network: Network,
    weights: Weights,
    latencies: Latencies,
    record: Sequence[Recorded],
    dt: float = 0.0,
    delays: Mapping[str, np.ndarray] | None = None,
) -> list[Potential]:
    """Potentials of neurons at every time where their slope may change.

    Samples lie at the start and the end of the presentation, at every breakpoint of the synaptic current, at
    the onset, the gate and the spike; straight lines between them are the potential. It goes on after
    the spike as the equation says.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        The weights that feed forward.
    latencies : list of ndarray
        Of the stimulus and of every population (ms).
    record : sequence of Recorded
    dt : float
        Time grid (ms) on which onsets, gates and delays fall; 0 for exact times.
    delays : dict of ndarray of float, optional
        Conduction delays (ms) by projection, as in `Batch`.

    Returns
    -------
    list of Potential
        Presentation by presentation, in the order of `record`.
    """
    afferents = [_afferents(network, weights, recorded, dt, delays or {}) for recorded in record]
    traces = []
    for presentation in range(len(latencies[0])):
        for (name, neuron), (bias, inputs) in zip(record, afferents, strict=True):
            breakpoints, jumps = [], []
            for source, pre, late, weight, psp_delays, changes in inputs:
                arriving = latencies[source][presentation].ravel()[pre].astype(np.float64) + late
                breakpoints.append((arriving[:, None] + psp_delays).ravel())
                jumps.append((weight[:, None] * changes).ravel())
            spike = float(latencies[network.position(name)][presentation].ravel()[neuron])
            time, potential = _trace(
                network, network.population(name), np.concatenate(breakpoints), np.concatenate(jumps), bias, spike, dt
            )
            traces.append(Potential(presentation, name, neuron, time, potential))
    return traces


class _Inputs(NamedTuple):
    """What one projection brings to a neuron.

    Attributes
    ----------
    source : int
        Position of the source in the latencies.
    pre : ndarray of int, shape (synapses,)
    late : float or ndarray, shape (synapses,)
        Conduction delays (ms).
    weight : ndarray, shape (synapses,)
    delays, changes : ndarray, shape (breakpoints,)
        Of the PSP.
    """

    source: int
    pre: np.ndarray
    late: float | np.ndarray
    weight: np.ndarray
    delays: np.ndarray
    changes: np.ndarray


def _afferents(
    network: Network, weights: Weights, recorded: Recorded, dt: float, delays: Mapping[str, np.ndarray]
) -> tuple[float, list[_Inputs]]:
    """Constant current of a neuron, and what each projection brings to it."""
    population = network.population(recorded.layer)
    inputs = []
    for projection in network.incoming(population.name):
        pre, weight = afferents(network, projection, weights[kernel_name(projection)], recorded.neuron)
        late = np.asarray(projection.delay + delays.get(projection.name, np.zeros(1)))
        late = np.broadcast_to(on_grid(late, dt), network.shapes[projection.source]).ravel()[pre]
        kernel = projection.psp.kernel
        steps = breakpoint_steps(network, projection, dt) if dt else ()
        psp_delays = np.array(steps) * dt if dt else np.array([delay for delay, _ in kernel])
        changes = np.array([change for _, change in kernel])
        inputs.append(_Inputs(network.position(projection.source), pre, late, weight, psp_delays, changes))
    bias = weights[bias_name(population)][recorded.neuron % population.maps] if population.has_bias else 0.0
    return float(bias), inputs


def afferents(
    network: Network, projection: Projection, kernel: np.ndarray, neuron: int
) -> tuple[np.ndarray, np.ndarray]:
    """Presynaptic neurons of one neuron and their weights; padding is left out.

    Parameters
    ----------
    network : Network
    projection : Projection
    kernel : ndarray
        Weights of the projection.
    neuron : int
        Of the target.

    Returns
    -------
    inputs : ndarray of int, shape (synapses,)
    weights : ndarray, shape (synapses,)
    """
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
    network: Network,
    population: Population,
    breakpoints: np.ndarray,
    jumps: np.ndarray,
    bias: float,
    spike: float,
    dt: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Sample times (ms) and potentials of one neuron."""
    neurons = population.dynamics
    onset, gate, duration = neurons.onset, neurons.gate, network.duration
    if dt:
        steps = population_steps(network, population, dt)
        onset = steps.onset * dt
        gate = steps.gate * dt if neurons.gated else gate
        duration = step_at_or_after(duration, dt) * dt
    gate = min(gate, duration)
    counted = breakpoints < gate
    breakpoints, jumps = breakpoints[counted], jumps[counted]

    order = np.argsort(breakpoints)
    breakpoints, jumps = breakpoints[order], jumps[order]
    landmarks = np.array([0.0, onset, gate, spike, duration])
    time = np.unique(np.concatenate([breakpoints, landmarks[landmarks <= duration]]))
    # the synaptic current on the segment after each sample
    current = bias + np.concatenate([[0.0], np.cumsum(jumps)])[np.searchsorted(breakpoints, time, side="right")]
    slope = (np.where(time < gate, current, 0.0) + np.where(time >= onset, neurons.drive, 0.0)) / neurons.tau
    potential = np.concatenate([[0.0], np.cumsum(slope[:-1] * np.diff(time))])
    return time, potential
