"""The constraints that come with netsim, one in each module."""

from netsim.learning.protocol import Constraint
from netsim.seams import constraints
from netsim.specification import Network


def constraints_of(network: Network) -> list[Constraint]:
    """What holds for the weights of a network after every step, in the order in which it is enforced: by name."""
    found = (entry.from_network(network) for entry in constraints.values())
    return [constraint for constraint in found if constraint is not None]
