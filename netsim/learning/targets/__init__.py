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
    target = targets[network.learning.targets].from_network(network)
    probabilities: np.ndarray | None = target.probabilities(outputs) if hasattr(target, "probabilities") else None
    return probabilities
