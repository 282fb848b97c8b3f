"""A twin of a network whose last population fires again and again, in Brian2."""

from __future__ import annotations

import warnings

import numpy as np

from netsim.specification import Network
from netsim.weights.layout import Weights

_SPIKE_AND_GO_ON = "v -= threshold\nnot_refractory = True"


def all_spikes(network: Network, weights: Weights, latencies: np.ndarray, dt: float) -> list[list[np.ndarray]]:
    """Return the times (ms) of all spikes of each presentation and output neuron.

    The network is netsim's own model in Brian2, with one change: a spike of an output neuron lowers its potential by
    the threshold, and the neuron goes on integrating. So its first spike is that of the network itself.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
    latencies : ndarray of float, shape (presentations, afferents)
        First spikes of the stimulus (ms), ``inf`` = silent.
    dt : float
        Time step (ms).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of pyparsing, which Brian2 uses
        import brian2

        from netsim.engines.brian2.clock_driven import quiet_brian2
        from netsim.models.network import build_network

        count, size = len(latencies), network.output.size
        with quiet_brian2():
            model = build_network(network, weights, dt=dt, copies=count)
            group = model.neurons[network.output.name]
            group.run_on_event("spike", _SPIKE_AND_GO_ON, when="resets")
            monitor = brian2.SpikeMonitor(group)
            model.network.add(monitor)
            model.begin(latencies.reshape(count, *network.encoder.shape))
            model.network.run(model.duration, namespace={})
    neuron, step = np.asarray(monitor.i), np.rint(np.asarray(monitor.t) / model.clock.dt_)
    order = np.argsort(neuron, kind="stable")
    trains = np.split(dt * step[order], np.cumsum(np.bincount(neuron, minlength=count * size))[:-1])
    return [trains[first : first + size] for first in range(0, count * size, size)]
