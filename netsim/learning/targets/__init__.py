"""The targets that come with netsim, one in each module."""

import numpy as np

from netsim.seams import targets
from netsim.specification import Network
from netsim.specification.grid import population_times


def output_end(network: Network) -> float:
    """When the output neurons may no longer fire (ms), on the time grid of the training."""
    return population_times(network, network.output, network.training.dt).end


def output_probabilities(network: Network, outputs: np.ndarray) -> np.ndarray | None:
    """How probable each output neuron is by the network's targets, see `Targets`; None if they do not say it."""
    own = targets[network.learning.targets].from_network(network)
    found: np.ndarray | None = own.probabilities(outputs) if hasattr(own, "probabilities") else None
    return found
