"""Names, shapes, signs, delays and checks of synaptic weights.

A network's weights are a dictionary of arrays:

- ``"<projection>.kernel"``: the shape depends on the connectivity, such as (kernel, kernel, channels, maps), (inputs,
  neurons) or (synapses,)
- ``"<population>.bias"``: shape (maps,) or (neurons,), if the neurons have a bias
- ``"<projection>.delay"`` (ms): drawn or learned delays, in the shape of the source, or of the weights if per synapse
- ``"<projection>.log_scale"``: learned scales of binary weights, next to latent weights, shape (maps,), (neurons,) or
  (1,)

In a chain, a projection has the name of its target population.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from netsim.errors import DataError, SpecificationError
from netsim.numerics.draws import Purpose, generator_for
from netsim.specification import Network, Population, Projection, Shape
from netsim.specification.checks import check_array, check_unmasked
from netsim.weights.distributions import DISTRIBUTIONS


def bound_to_signs(weights: np.ndarray, signs: np.ndarray | None) -> np.ndarray:
    """Set weights of the wrong sign to 0, see `Network.weight_signs`."""
    return weights if signs is None else np.where(weights * signs < 0, 0.0, weights)


def contradict(weights: np.ndarray, signs: np.ndarray | None) -> bool:
    """True if any weight has the wrong sign."""
    return signs is not None and bool((weights * signs < 0).any())


def sign_words(network: Network, projection: Projection) -> str:
    """Describe the sign that weights of a projection must have. Empty if any sign is allowed."""
    signs = network.weight_signs(projection)
    if signs is None:
        return ""
    if (signs == signs.flat[0]).all():
        return "excitatory" if signs.flat[0] > 0 else "inhibitory"
    return "of the sign of their neuron"


Weights = dict[str, np.ndarray]


def kernel_name(projection: Projection) -> str:
    """Return the name of a projection's weights."""
    return f"{projection.name}.kernel"


def bias_name(population: Population) -> str:
    """Return the name of a population's constant currents."""
    return f"{population.name}.bias"


def delay_name(projection: Projection) -> str:
    """Return the name of a projection's drawn or learned delays."""
    return f"{projection.name}.delay"


def log_scale_name(projection: Projection) -> str:
    """Return the name of the logarithms of learned scales of a projection's binary weights."""
    return f"{projection.name}.log_scale"


def weight_shapes(network: Network) -> dict[str, Shape]:
    """Return names and shapes of all weights of a network, in the order of its populations."""
    shapes: dict[str, Shape] = {}
    for population in network.populations:
        for projection in network.incoming(population.name):
            if population.integrates:
                shapes[kernel_name(projection)] = network.weight_shape(projection)
            if projection.delays is not None:
                shapes[delay_name(projection)] = network.delay_shape(projection)
        if population.has_bias:
            shapes[bias_name(population)] = (population.maps,)
    return shapes


def latent_shapes(network: Network) -> dict[str, Shape]:
    """Return names and shapes of the latent weights, which a training updates, and of learned scales."""
    shapes = weight_shapes(network)
    shared = network.weighting.shares_scale
    for projection in projections_with_learned_scales(network):
        shapes[log_scale_name(projection)] = (1 if shared else network.receivers(projection),)
    return shapes


def projections_with_learned_scales(network: Network) -> list[Projection]:
    """Return the projections whose binary weights have learned scales."""
    return [projection for projection in network.weighted if projection.plastic and network.weighting.learns_scales]


def check_shapes(network: Network, weights: Weights, origin: str, latent: bool = False) -> dict[str, Shape]:
    """Return the expected shapes, or raise DataError unless weights have exactly these names and shapes.

    With `latent`, latent weights and learned scales are expected. Messages begin with `origin`.
    """
    expected = latent_shapes(network) if latent else weight_shapes(network)
    if set(weights) != set(expected):
        wrong = ", ".join(sorted(map(str, set(weights) ^ set(expected))))
        raise DataError(
            f"{origin}: does not contain the weights of {network.name} (missing or unknown: {wrong}); choose others"
        )
    for name, shape in expected.items():
        if not isinstance(weights[name], np.ndarray):
            raise DataError(f"{origin}: {name} must be a numpy array, not {type(weights[name]).__name__}")
        check_unmasked(weights[name], f"{origin}: {name}")
        if weights[name].shape != shape:
            raise DataError(
                f"{origin}: {name} has shape {weights[name].shape}, the network needs {shape}; choose others"
            )
    return expected


def have_shapes(weights: Weights, shapes: Mapping[str, Shape]) -> bool:
    """True if weights are floating-point arrays of these names and shapes. Values are not checked."""
    if len(weights) != len(shapes):
        return False
    for name, shape in shapes.items():  # a loop, because speed matters for small layers
        array = weights.get(name)
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype.kind != "f":
            return False
        if isinstance(array, np.ma.MaskedArray):
            return False
    return True


def check_weights(network: Network, weights: Weights, origin: str, latent: bool = False) -> Weights:
    """Return the weights in the order of `weight_shapes`, or raise DataError unless they fit the network.

    Checks names, shapes, types, finite values, nonnegative delays, and signs. Messages begin with `origin`.
    """
    expected = check_shapes(network, weights, origin, latent)
    for name, array in weights.items():
        if array.dtype.kind != "f":
            raise DataError(f"{origin}: {name} must be an array of floats, not of {array.dtype}")
    check_values(network, weights, origin)
    return {name: weights[name] for name in expected}


def check_values(network: Network, weights: Weights, origin: str) -> None:
    """Raise DataError unless the values of weights with the right shapes are valid, see `check_weights`."""
    for name, array in weights.items():
        if not all_finite(array):
            raise DataError(f"{origin}: {name} contains NaN or infinity; choose other weights")
    for projection in network.delayed:
        if (weights[delay_name(projection)] < 0).any():
            negative = "contains negative delays; a spike cannot arrive before it is sent"
            raise DataError(f"{origin}: {delay_name(projection)} {negative}")
    for projection in network.weighted:
        kernel = weights[kernel_name(projection)]
        if contradict(kernel, network.weight_signs(projection)):
            words = sign_words(network, projection)
            raise DataError(f"{origin}: {kernel_name(projection)} contains weights that are not {words}; choose others")


def all_finite(array: np.ndarray) -> bool:
    """True if all values are finite."""
    return bool(np.isfinite(array).all())


def check_thresholds(network: Network, thresholds: Mapping[str, np.ndarray]) -> None:
    """Refuse unknown populations, and thresholds that are not positive or have another shape."""
    for name, values in thresholds.items():
        network.neurons(name)
        _check_values("thresholds", name, values, network.shapes[name])
        if not (values > 0).all():
            raise DataError(f"thresholds: {name} contains values that are not positive; use positive thresholds")


def check_delays(network: Network, delays: Mapping[str, np.ndarray]) -> None:
    """Refuse unknown projections, projections onto relays, negative delays, and another shape than the source's."""
    for name, values in delays.items():
        if name in network.shapes and name not in {projection.name for projection in network.projections}:
            raise SpecificationError(f"delays: {name!r}", f"is a population; name a projection{_onward(network, name)}")
        projection = network.projection(name)
        network.neurons(projection.target)
        ends = f"; it is the projection from {projection.source} to {projection.target}{_onward(network, name)}"
        _check_values("delays", name, values, network.shapes[projection.source], ends)
        if not (values >= 0).all():
            raise DataError(f"delays: {name} contains negative delays; a spike cannot arrive before it is sent")


def _onward(network: Network, population: str) -> str:
    """Name the weighted projections out of a population or the stimulus. Return an empty text if there are none."""
    onward = " and ".join(
        projection.name for projection in network.outgoing(population) if network.weight_shape(projection)
    )
    return f"; delays out of {population} are those of {onward}" if onward else ""


def _check_values(what: str, name: str, values: np.ndarray, shape: Shape, note: str = "") -> None:
    check_array(values, f"{what}: {name}")
    if values.shape != shape:
        raise DataError(f"{what}: {name} has shape {values.shape}, {shape} is needed{note}")
    if not np.isfinite(values).all():
        raise DataError(f"{what}: {name} contains NaN or infinity; use finite numbers")


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
