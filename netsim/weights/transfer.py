"""Weights of one network for another, and their checksum."""

import hashlib

import numpy as np

from netsim.errors import SpecificationError
from netsim.specification import Network
from netsim.weights.layout import Weights, check_weights, weight_shapes
from netsim.weights.synapses import synapse_checksums


def transferred(trained: Network, weights: Weights, name: str, network: Network, where: str) -> Weights:
    """Return the forward weights of a trained network that another network has too.

    Raises SpecificationError, with the key `where`, unless both networks have the same shapes and synapses. `name`
    names the trained network.
    """
    shapes = weight_shapes(trained)
    for weight, shape in weight_shapes(network).items():
        if shapes.get(weight) != shape:
            raise SpecificationError(
                where,
                f"{name} has {f'{weight} of shape {shapes[weight]}' if weight in shapes else f'no {weight}'},"
                f" {network.name} needs {weight} of shape {shape}",
            )
    listed = synapse_checksums(trained)
    for projection, checksum in synapse_checksums(network).items():
        if listed.get(projection) != checksum:
            others = f"{name} has other synapses in {projection}, which its weights are of; give the same seed or list"
            raise SpecificationError(where, others)
    return check_weights(network, {weight: weights[weight] for weight in weight_shapes(network)}, name)


def weights_sha256(weights: Weights) -> str:
    """Return a checksum that identifies weights in a record."""
    digest = hashlib.sha256()
    for name, array in sorted(weights.items()):
        digest.update(name.encode() + np.ascontiguousarray(array, np.float64).tobytes())
    return digest.hexdigest()
