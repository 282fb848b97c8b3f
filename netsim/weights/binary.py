"""Binary weights: the signs and scales that feed forward, and the latent, real-valued weights behind them."""

import numpy as np

from netsim.specification import Network, Projection
from netsim.weights.incoming import Incoming
from netsim.weights.layout import Weights, kernel_name, log_scale_name, projections_with_learned_scales, weight_shapes


def forward_weights(network: Network, weights: Weights) -> Weights:
    """The weights that feed forward: the real ones, or signs times a scale if the network is binary.

    Biases stay as they are: they are currents, not synapses. Weights that feed forward already stay, to the bit.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        Latent weights; where they come without scales, they are mean absolute values.

    Examples
    --------
    >>> import dataclasses
    >>> import numpy as np
    >>> import netsim
    >>> network = netsim.load_preset("digits")
    >>> network = dataclasses.replace(network, weighting=netsim.Weighting("binary", "layer"))
    >>> forward = netsim.forward_weights(network, netsim.initial_weights(network, seed=0))
    >>> len(np.unique(np.abs(forward["hidden.kernel"])))
    1
    """
    if not network.weighting.is_binary:
        return weights
    forward = {name: weights[name] for name in weight_shapes(network)}
    for projection in network.weighted:
        latent = weights[kernel_name(projection)]
        logarithms = weights.get(log_scale_name(projection))
        scale = _mean_sizes(network, projection, latent) if logarithms is None else np.exp(logarithms)
        signs = 2 * (latent >= 0).astype(latent.dtype) - 1  # a choice by each sign takes ten times as long
        forward[kernel_name(projection)] = (signs * _spread(network, projection, scale)).astype(
            latent.dtype, copy=False
        )
    return forward


def with_log_scales(network: Network, weights: Weights) -> Weights:
    """The latent weights that a training begins with: scales that are learned begin as mean absolute values."""
    return weights | {
        log_scale_name(projection): log_scales(network, projection, weights[kernel_name(projection)])
        for projection in projections_with_learned_scales(network)
    }


def log_scales(network: Network, projection: Projection, kernel: np.ndarray) -> np.ndarray:
    """Logarithms of the mean absolute values of the weights that share a scale, shape (maps or neurons,) or (1,)."""
    smallest = np.finfo(kernel.dtype).tiny  # weights may all be zero
    return np.log(np.maximum(np.atleast_1d(_mean_sizes(network, projection, kernel)), smallest)).astype(kernel.dtype)


def log_scale_gradients(network: Network, forward: Weights, gradients: Weights) -> Weights:
    """Gradients of the logarithms of learned scales, from the weights that feed forward and their gradients."""
    shared, found = network.weighting.shares_scale, {}
    for projection in projections_with_learned_scales(network):
        name = kernel_name(projection)
        sums = Incoming(network, projection).products(forward[name], np.asarray(gradients[name]))
        found[log_scale_name(projection)] = sums.sum(keepdims=True) if shared else sums
    return found


def kept_weights(network: Network, weights: Weights) -> Weights:
    """What a run keeps of latent weights: themselves, or, where scales are learned, the weights that feed forward.

    Scales are apart then, and of the latent weights nothing but the signs counts.
    """
    return forward_weights(network, weights) if projections_with_learned_scales(network) else weights


def _mean_sizes(network: Network, projection: Projection, latent: np.ndarray) -> np.ndarray:
    """Mean absolute value of the weights that share a scale."""
    sizes = np.abs(latent)
    # a mean of equal values can be another one by rounding
    if network.weighting.shares_scale:
        return np.clip(sizes.mean(), sizes.min(), sizes.max())
    incoming = Incoming(network, projection)
    return np.clip(incoming.means(sizes), *incoming.extremes(sizes))


def _spread(network: Network, projection: Projection, scale: np.ndarray) -> np.ndarray:
    """A scale for all, or one for each map or neuron, as an array that goes with the weights."""
    return Incoming(network, projection).spread(scale) if np.size(scale) > 1 else scale
