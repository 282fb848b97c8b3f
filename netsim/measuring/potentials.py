"""Potentials of the output population, computed from its input spikes."""

from collections.abc import Mapping

import numpy as np

from netsim.specification import Network, Projection
from netsim.specification.grid import kernel_on_grid, on_grid, population_times
from netsim.specification.responses import effect, effect_of_bias
from netsim.weights.layout import Weights, axonal_delay, bias_name, kernel_name, synaptic_delay


def output_potentials(
    network: Network, weights: Weights, latencies: Mapping[str, np.ndarray], times: np.ndarray, dt: float = 0.0
) -> np.ndarray:
    """Return potentials of the output neurons at one time per presentation.

    Potentials follow from the equation of the network and from latencies of any engine. A spike does not reset the
    potential of its neuron. The current of a loop comes from the actual spikes.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        Forward weights.
    latencies : mapping of ndarray
        Latencies (ms) by population, including ``stimulus``. ``inf`` for silence.
    times : ndarray of float, shape (presentations,)
        Times (ms), at most the end of the output window.
    dt : float
        Time step of the latencies (ms), or 0 for exact times.

    Returns
    -------
    ndarray of float, shape (presentations, neurons)
    """
    output = network.output
    window = population_times(network, output, dt)
    neurons = output.dynamics
    by_drive = neurons.drive * neurons.by_constant(times - window.onset)
    moved = np.repeat(by_drive[:, None], output.size, axis=1)
    if output.has_bias:
        moved += effect_of_bias(neurons, times, window)[:, None] * weights[bias_name(output)]
    for projection in network.incoming(output.name):
        moved += Synaptic(network, projection, weights, latencies, dt).at(times)
    return moved / neurons.tau


class Synaptic:
    """Contribution of the synapses of a projection to the potentials of its target.

    Parameters
    ----------
    network, weights, latencies, dt
        See `output_potentials`. The target may be any population that integrates.
    projection : Projection
    """

    def __init__(
        self,
        network: Network,
        projection: Projection,
        weights: Weights,
        latencies: Mapping[str, np.ndarray],
        dt: float = 0.0,
    ) -> None:
        from scipy.sparse import csr_array

        target = network.population(projection.target)
        pre, post, weight = network.connections(projection)
        presentations = len(latencies[projection.source])
        arriving = latencies[projection.source] + on_grid(axonal_delay(projection, weights, {}), dt)
        arriving = arriving.reshape(presentations, -1).astype(np.float64)
        delays = synaptic_delay(projection, weights)
        if delays is not None:  # one column per synapse instead of one per presynaptic neuron
            arriving, pre = arriving[:, pre] + on_grid(delays.ravel()[weight], dt), np.arange(len(pre))
        kernel = weights[kernel_name(projection)].ravel()[weight].astype(np.float64)
        self._arriving = arriving
        self._ends = pre, post
        self._kernel = csr_array((kernel, self._ends), (arriving.shape[1], target.size))
        self._breakpoints = kernel_on_grid(network, projection, dt)
        self._window = population_times(network, target, dt)
        self._neurons = target.dynamics
        self._recurrent = network.is_recurrent(projection)

    def at(self, times: np.ndarray) -> np.ndarray:
        """Return potentials times `tau`, shape (presentations, neurons), at one time (ms) per presentation."""
        moved: np.ndarray = self._since_spikes(times) @ self._kernel
        return moved

    def of_weight_one(self, times: np.ndarray) -> np.ndarray:
        """Return the same with all weights set to 1."""
        from scipy.sparse import csr_array

        synapses = csr_array((np.ones(len(self._ends[0])), self._ends), self._kernel.shape)
        moved: np.ndarray = self._since_spikes(times) @ synapses
        return moved

    def _since_spikes(self, times: np.ndarray) -> np.ndarray:
        """Return the effect of each spike at one time per presentation, for a weight of 1."""
        return effect(self._neurons, self._breakpoints, self._arriving, times[:, None], self._window, self._recurrent)
