"""The synapses of a projection as a sparse matrix."""

import math

from netsim.numerics.sparse_products import SparseMatrix, sparse_matrix
from netsim.specification import Network, Projection


def matrix_of(network: Network, projection: Projection) -> SparseMatrix:
    """Return the synapses of a projection, indexed by presynaptic and by postsynaptic neuron."""
    source, target = network.ends(projection)
    return sparse_matrix(*network.connections(projection), math.prod(source), math.prod(target))
