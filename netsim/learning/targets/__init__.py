"""The targets of netsim, one module each."""

import numpy as np

from netsim.seams import targets
from netsim.specification import Network
from netsim.specification.grid import population_times


def output_end(network: Network) -> float:
    """Return the end of the output window (ms), on the time grid of the training."""
    return population_times(network, network.output, network.training.dt).end


def output_probabilities(network: Network, outputs: np.ndarray) -> np.ndarray | None:
    """Return the probability of each output neuron by the network's targets, or None (see `Targets`)."""
    own = targets[network.learning.targets].from_network(network)
    found: np.ndarray | None = own.probabilities(outputs) if hasattr(own, "probabilities") else None
    return found
