"""Potentials of the output population, computed afterwards from the spikes that reach it."""

from collections.abc import Mapping

import numpy as np

from netsim.numerics.psp import Breakpoints, integrate
from netsim.specification import Network, Projection
from netsim.specification.grid import breakpoint_steps, on_grid, population_times
from netsim.weights.delays import axonal_delay, synaptic_delay
from netsim.weights.layout import Weights, bias_name, kernel_name


def output_potentials(
    network: Network, weights: Weights, latencies: Mapping[str, np.ndarray], times: np.ndarray, dt: float = 0.0
) -> np.ndarray:
    """Potentials of the output neurons at a time of each presentation.

    They follow from the equation of the network and from latencies, whichever engine found these. The potential of a
    neuron goes on after its spike as the equation says; the current of a loop is that of the spikes that there were.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        The weights that feed forward.
    latencies : mapping of ndarray
        By the name of the population, ``stimulus`` among them (ms); ``inf`` is silent.
    times : ndarray of float, shape (presentations,)
        When (ms); at most the end of the output window.
    dt : float
        The time grid (ms) that the latencies are on; 0 is none.

    Returns
    -------
    ndarray of float, shape (presentations, neurons)
    """
    from scipy.sparse import csr_array

    output = network.output
    window = population_times(network, output, dt)
    before_gate, since_onset = np.minimum(times, window.gate), np.maximum(times - window.onset, 0.0)
    moved = np.repeat((output.dynamics.drive * since_onset)[:, None], output.size, axis=1)
    if output.has_bias:
        moved += before_gate[:, None] * weights[bias_name(output)]
    for projection in network.incoming(output.name):
        pre, post, weight = network.connections(projection)
        arriving = latencies[projection.source] + on_grid(axonal_delay(projection, weights, {}), dt)
        arriving = arriving.reshape(len(times), -1).astype(np.float64)
        own = synaptic_delay(projection, weights)
        if own is not None:  # a column for each synapse in place of each presynaptic neuron
            arriving, pre = arriving[:, pre] + on_grid(own.ravel()[weight], dt), np.arange(len(pre))
        psp = _breakpoints(network, projection, dt)
        if network.is_recurrent(projection):  # its current counts from the onset on, in every regime
            built = _built_up(arriving, times, psp) - _built_up(arriving, np.minimum(times, window.onset), psp)
        else:
            built = _built_up(arriving, before_gate, psp)
        kernel = weights[kernel_name(projection)].ravel()[weight].astype(np.float64)
        moved += built @ csr_array((kernel, (pre, post)), (built.shape[1], output.size))
    return moved / output.dynamics.tau


def _breakpoints(network: Network, projection: Projection, dt: float) -> Breakpoints:
    delays, changes = np.array(projection.psp.kernel, dtype=np.float64).T.copy()
    return Breakpoints(np.array(breakpoint_steps(network, projection, dt)) * dt if dt else delays, changes)


def _built_up(arriving: np.ndarray, times: np.ndarray, psp: Breakpoints) -> np.ndarray:
    """What each spike has built up by the time of its presentation, before weight and ``1/tau``."""
    built = np.empty_like(arriving)
    for sent, time, row in zip(arriving, times.tolist(), built, strict=True):
        integrate(sent, time, psp, row)
    return built
