"""Names, shapes and checks of synaptic weights.

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

import numpy as np

from netsim.errors import DataError
from netsim.specification import Network, Population, Projection, Shape
from netsim.specification.checks import check_unmasked
from netsim.weights.signs import contradict, sign_words

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
