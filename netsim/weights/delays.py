"""Conduction delays from the specification, the weights and the batch."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from netsim.numerics.draws import Purpose, generator_for
from netsim.specification import Network, Projection
from netsim.weights.distributions import DISTRIBUTIONS
from netsim.weights.layout import Weights, delay_name

Delayed = Mapping[str, np.ndarray]
"""Additional delay (ms) of the spikes of each presynaptic neuron in a batch, by projection."""
ON_TIME: Delayed = MappingProxyType({})
"""No additional delays."""


def axonal_delay(projection: Projection, weights: Weights, late: Delayed) -> np.ndarray:
    """Return the conduction delays of the axons of a projection (ms), including delays of a batch.

    The shape is the shape of the source, or ``()`` if all delays are equal.
    """
    constant = weights[delay_name(projection)] if projection.is_delayed_per("axon") else projection.common_delay
    return np.asarray(constant + late.get(projection.name, 0.0))


def delay_of_each(network: Network, projection: Projection, weights: Weights, late: Delayed) -> np.ndarray:
    """Return `axonal_delay` of each neuron of the source, in a flat array."""
    return np.broadcast_to(axonal_delay(projection, weights, late), network.shapes[projection.source]).ravel()


def axonal_delays(network: Network, weights: Weights, late: Delayed) -> dict[str, np.ndarray]:
    """Return `axonal_delay` by projection, for all projections with a delay."""
    delayed = (each for each in network.projections if each.delay != 0.0 or each.name in late)
    delays = ((each.name, axonal_delay(each, weights, late)) for each in delayed)
    return {name: delay for name, delay in delays if delay.any()}


def synaptic_delay(projection: Projection, weights: Weights) -> np.ndarray | None:
    """Return delays of individual synapses (ms), in the shape of the weights, or None without such delays."""
    return weights[delay_name(projection)] if projection.is_delayed_per("synapse") else None


def initial_delays(network: Network, seed: int) -> Weights:
    """Draw the delays (ms) of axons and synapses, clipped to their bounds.

    They do not affect the weights that are drawn with the same seed.
    """
    generator = generator_for(Purpose.DELAYS, seed)
    drawn = {}
    for projection in network.canonical:
        delays, shape = projection.delays, network.delay_shape(projection)
        if delays is None:
            continue
        values = DISTRIBUTIONS[delays.distribution].draw(generator, delays.mean, delays.spread, shape)
        drawn[delay_name(projection)] = np.clip(values, delays.shortest, network.longest_delay(delays))
    return drawn


def delay_rates(network: Network) -> dict[str, float]:
    """Return the learning rates of learned delays (ms), relative to the rate of weights, by delay name."""
    return {
        delay_name(projection): projection.delays.rate * network.encoder.t_max
        for projection in network.delayed
        if projection.delays is not None and projection.learns_delays
    }
