"""Signs of weights, defined by the presynaptic neuron or by the projection."""

import numpy as np

from netsim.specification import Network, Projection


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
