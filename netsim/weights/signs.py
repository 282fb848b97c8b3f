"""Signs of weights: those of the neurons that they come from, or of a whole projection."""

import numpy as np

from netsim.specification import Network, Projection


def bound_to_signs(weights: np.ndarray, signs: np.ndarray | None) -> np.ndarray:
    """The weights, those of the wrong sign set to 0; see `Network.weight_signs`."""
    return weights if signs is None else np.where(weights * signs < 0, 0.0, weights)


def contradict(weights: np.ndarray, signs: np.ndarray | None) -> bool:
    """Whether any weights have the sign that they must not have."""
    return signs is not None and bool((weights * signs < 0).any())


def sign_words(network: Network, projection: Projection) -> str:
    """What the weights of a projection must be, in words; empty if they are free."""
    signs = network.weight_signs(projection)
    if signs is None:
        return ""
    if (signs == signs.flat[0]).all():
        return "excitatory" if signs.flat[0] > 0 else "inhibitory"
    return "of the sign of their neuron"
