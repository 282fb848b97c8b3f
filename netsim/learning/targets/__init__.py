"""The targets that come with netsim, one in each module."""

from netsim.specification import Network
from netsim.specification.grid import population_times


def output_end(network: Network) -> float:
    """When the output neurons may no longer fire (ms), on the time grid of the training."""
    return population_times(network, network.output, network.training.dt).end
