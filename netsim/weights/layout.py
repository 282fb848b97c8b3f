"""Synaptic weights as plain arrays by name: their names and shapes, and checks of them.

A network's weights are a dictionary: ``"<projection>.kernel"`` of the shape that the connectivity says, such as
(kernel, kernel, channels, maps), (inputs, neurons) or (synapses,), and ``"<population>.bias"`` of shape (maps,) or
(neurons,) where the neurons have a bias. Delays that are drawn or learned (ms) are ``"<projection>.delay"``, of the
shape of the source or, per synapse, of the weights. The latent weights behind binary ones have
``"<projection>.log_scale"`` as well where scales are learned, of shape (maps,), (neurons,) or (1,). In a chain a
projection is called like the population that it goes to.
"""

from collections.abc import Mapping

import numpy as np

from netsim.errors import DataError
from netsim.numerics.compilation import compiled_with, is_compiled_for
from netsim.specification import Network, Population, Projection, Shape
from netsim.specification.checks import check_unmasked
from netsim.weights.signs import contradict, sign_words

Weights = dict[str, np.ndarray]


def kernel_name(projection: Projection) -> str:
    """Name of a projection's weights."""
    return f"{projection.name}.kernel"


def bias_name(population: Population) -> str:
    """Name of a population's constant currents."""
    return f"{population.name}.bias"


def delay_name(projection: Projection) -> str:
    """Name of a projection's delays, where they are drawn or learned."""
    return f"{projection.name}.delay"


def log_scale_name(projection: Projection) -> str:
    """Name of the logarithms of the scales of a projection's binary weights, where these are learned."""
    return f"{projection.name}.log_scale"


def weight_shapes(network: Network) -> dict[str, Shape]:
    """Names and shapes of all weights of a network, in the order of its populations."""
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
    """Names and shapes of the latent weights, which a training updates, and of scales that are learned."""
    shapes = weight_shapes(network)
    shared = network.weighting.shares_scale
    for projection in projections_with_learned_scales(network):
        shapes[log_scale_name(projection)] = (1 if shared else network.receivers(projection),)
    return shapes


def projections_with_learned_scales(network: Network) -> list[Projection]:
    """The projections whose binary weights have scales that are learned."""
    return [projection for projection in network.weighted if projection.plastic and network.weighting.learns_scales]


def check_shapes(network: Network, weights: Weights, origin: str, latent: bool = False) -> dict[str, Shape]:
    """Refuse weights, or latent weights with their scales, whose names or shapes are not the network's; gives these.

    Raises DataError if a name is missing or unknown, or a shape differs; `origin` is named.
    """
    expected = latent_shapes(network) if latent else weight_shapes(network)
    if set(weights) != set(expected):
        wrong = ", ".join(sorted(map(str, set(weights) ^ set(expected))))
        raise DataError(f"{origin}: does not hold the weights of {network.name} (missing or unknown: {wrong})")
    for name, shape in expected.items():
        if not isinstance(weights[name], np.ndarray):
            raise DataError(f"{origin}: {name} must be a numpy array, not {type(weights[name]).__name__}")
        check_unmasked(weights[name], f"{origin}: {name}")
        if weights[name].shape != shape:
            raise DataError(f"{origin}: {name} has shape {weights[name].shape}, the network needs {shape}")
    return expected


def have_shapes(weights: Weights, shapes: Mapping[str, Shape]) -> bool:
    """Whether weights are floating-point arrays of these names and shapes; their values are not looked at."""
    if len(weights) != len(shapes):
        return False
    for name, shape in shapes.items():  # a comprehension takes as long as a small layer
        array = weights.get(name)
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype.kind != "f":
            return False
        if isinstance(array, np.ma.MaskedArray):
            return False
    return True


def check_weights(network: Network, weights: Weights, origin: str, latent: bool = False) -> Weights:
    """Refuse weights that do not belong to the network; the others in the order of `weight_shapes`.

    Raises DataError if a name is missing or unknown, a shape differs, a value is not finite, a delay is negative, or a
    sign is not the projection's; `origin` is named.
    """
    expected = check_shapes(network, weights, origin, latent)
    for name, array in weights.items():
        if array.dtype.kind != "f":
            raise DataError(f"{origin}: {name} must be an array of floats, not of {array.dtype}")
    check_values(network, weights, origin)
    return {name: weights[name] for name in expected}


def check_values(network: Network, weights: Weights, origin: str) -> None:
    """Refuse weights of the right shapes whose values do not belong to the network; see `check_weights`."""
    for name, array in weights.items():
        if not all_finite(array):
            raise DataError(f"{origin}: {name} holds values that are not finite numbers")
    for projection in network.delayed:
        if (weights[delay_name(projection)] < 0).any():
            negative = "holds negative delays; a spike cannot arrive before it is sent"
            raise DataError(f"{origin}: {delay_name(projection)} {negative}")
    for projection in network.weighted:
        kernel = weights[kernel_name(projection)]
        if contradict(kernel, network.weight_signs(projection)):
            words = sign_words(network, projection)
            raise DataError(f"{origin}: {kernel_name(projection)} holds weights that are not {words}")


def all_finite(array: np.ndarray) -> bool:
    """Whether every value is a finite number."""
    values = array.reshape(-1)
    if is_compiled_for(values.dtype) and _finite(values):
        return True
    # whatever the compiler may have reordered; and half precision is stored, and not known to compiled code
    return bool(np.isfinite(values).all())


@compiled_with(fastmath={"reassoc"})
def _finite(values: np.ndarray) -> bool:
    # x - x is 0 for finite x, NaN for infinities and NaN; reassoc allows several partial sums, so that the loop is
    # vectorised, as one that could end early is not; nnan or ninf would take the check away
    total = values.dtype.type(0)
    for k in range(len(values)):
        total += values[k] - values[k]
    return bool(total == 0)
