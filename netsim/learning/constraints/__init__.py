"""The constraints of netsim, one module each."""

from netsim.learning.protocol import Constraint
from netsim.seams import constraints
from netsim.specification import Network


def constraints_of(network: Network) -> list[Constraint]:
    """Return the constraints on the weights of a network, in the order of enforcement (by name)."""
    candidates = (entry.from_network(network) for entry in constraints.values())
    return [constraint for constraint in candidates if constraint is not None]
