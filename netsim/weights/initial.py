"""Initial weights, drawn from a seed."""

import math

import numpy as np

from netsim.errors import SpecificationError
from netsim.specification import Network, Projection, Shape
from netsim.weights.layout import Weights, bias_name, kernel_name


def initial_weights(network: Network, seed: int) -> Weights:
    """Draw weights from each projection's distribution; biases are the same for all neurons of a population.

    Parameters
    ----------
    network : Network
    seed : int
        The same seed gives the same weights, to the bit. Those that a connectivity brings along are not drawn.

    Raises
    ------
    SpecificationError
        If weights that a connectivity brings along are not of the sign of the projection.
    """
    generator = np.random.default_rng([seed, 0])
    weights: Weights = {}
    for population in network.integrating:
        for projection in network.incoming(population.name):
            known = projection.connectivity.known_weights(*network.ends(projection))
            if known is None:
                known = draw(network, projection, network.weight_shape(projection), generator)
            elif (projection.signed(known) != known).any():
                wrong = f"is {projection.sign}, but weights that come with its connectivity are not"
                raise SpecificationError(f"projections.{projection.name}.sign", wrong)
            weights[kernel_name(projection)] = known
        if population.has_bias:
            weights[bias_name(population)] = np.full(population.maps, network.initial_bias(population), float)
    return weights


def draw(network: Network, projection: Projection, shape: Shape, generator: np.random.Generator) -> np.ndarray:
    """Draw weights of a projection: all, or for some of its maps or neurons, by a shorter last axis of the shape."""
    inputs, initial = network.fan_in(projection), projection.initial
    deviation = initial.spread / math.sqrt(inputs)
    if initial.distribution == "normal":
        centred = generator.normal(0.0, deviation, shape)
    else:
        largest = math.sqrt(3) * deviation
        centred = generator.uniform(-largest, largest, shape)
    return projection.signed(initial.mean / inputs + centred)
