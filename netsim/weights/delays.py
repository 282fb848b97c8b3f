"""How late spikes arrive: what the specification, the weights and a batch say of it."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from netsim.numerics.draws import Purpose, generator_for
from netsim.specification import Network, Projection
from netsim.weights.distributions import DISTRIBUTIONS
from netsim.weights.layout import Weights, delay_name

Delayed = Mapping[str, np.ndarray]
"""By the name of a projection, how much later (ms) the spikes of each presynaptic neuron arrive in a batch."""
ON_TIME: Delayed = MappingProxyType({})
"""No spikes are later than the specification and the weights say."""


def axonal_delay(projection: Projection, weights: Weights, late: Delayed) -> np.ndarray:
    """Conduction delays of the axons of a projection (ms), those of a batch included.

    They have the shape of the source, or ``()`` if all are the same.
    """
    own = weights[delay_name(projection)] if projection.is_delayed_per("axon") else projection.common_delay
    return np.asarray(own + late.get(projection.name, 0.0))


def axonal_delays(network: Network, weights: Weights, late: Delayed) -> dict[str, np.ndarray]:
    """By the name of a projection, the `axonal_delay` of those whose spikes do not arrive as they are sent."""
    delayed = (each for each in network.projections if each.delay != 0.0 or each.name in late)
    found = ((each.name, axonal_delay(each, weights, late)) for each in delayed)
    return {name: delay for name, delay in found if delay.any()}


def synaptic_delay(projection: Projection, weights: Weights) -> np.ndarray | None:
    """Delays of the synapses of a projection (ms), in the shape of its weights; None if they have none of their own."""
    return weights[delay_name(projection)] if projection.is_delayed_per("synapse") else None


def initial_delays(network: Network, seed: int) -> Weights:
    """Draw the delays of axons and synapses, cut to their bounds.

    The weights of a seed are the same with and without them.
    """
    generator = generator_for(Purpose.DELAYS, seed)
    drawn = {}
    for projection in network.delayed:
        delays, shape = projection.delays, network.delay_shape(projection)
        assert delays is not None
        values = DISTRIBUTIONS[delays.distribution].draw(generator, delays.mean, delays.spread, shape)
        drawn[delay_name(projection)] = np.clip(values, delays.shortest, network.longest_delay(delays))
    return drawn


def delay_rates(network: Network) -> dict[str, float]:
    """Learning rates of learned delays (ms), over that of weights, by their names."""
    return {
        delay_name(projection): projection.delays.rate * network.encoder.t_max
        for projection in network.delayed
        if projection.delays is not None and projection.learns_delays
    }
