"""The targets that come with netsim, one in each module."""

from __future__ import annotations

from netsim.specification import Network
from netsim.specification.grid import layer_times


def output_end(network: Network) -> float:
    """When the output neurons may no longer fire (ms), on the time grid of the training."""
    return layer_times(network, network.weighted_layers[-1], network.training.dt).end
