"""Binary weights: forward weights (signs times scales), and the latent real-valued weights that are trained."""

import numpy as np

from netsim.specification import Network, Projection
from netsim.weights.incoming import Incoming
from netsim.weights.layout import Weights, kernel_name, log_scale_name, projections_with_learned_scales, weight_shapes


def forward_weights(network: Network, weights: Weights) -> Weights:
    """Return the forward weights: the weights themselves, or signs times scales for a binary network.

    Biases are unchanged, because they are currents. Binary weights that are forward weights already are unchanged.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
        Latent weights. Missing scales are computed as mean absolute values.

    Returns
    -------
    dict of ndarray

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
        signs = 2 * (latent >= 0).astype(latent.dtype) - 1  # ten times as fast as numpy.where
        forward[kernel_name(projection)] = (signs * _spread(network, projection, scale)).astype(
            latent.dtype, copy=False
        )
    return forward


def with_log_scales(network: Network, weights: Weights) -> Weights:
    """Return the initial latent weights of a training. Learned scales begin as mean absolute values."""
    return weights | {
        log_scale_name(projection): log_scales(network, projection, weights[kernel_name(projection)])
        for projection in projections_with_learned_scales(network)
    }


def log_scales(network: Network, projection: Projection, kernel: np.ndarray) -> np.ndarray:
    """Return the logarithms of the mean absolute weights of each scale, shape (maps or neurons,) or (1,)."""
    smallest = np.finfo(kernel.dtype).tiny  # weights may all be zero
    return np.log(np.maximum(np.atleast_1d(_mean_sizes(network, projection, kernel)), smallest)).astype(kernel.dtype)


def log_scale_gradients(network: Network, forward: Weights, gradients: Weights) -> Weights:
    """Return gradients of the logarithms of learned scales, from forward weights and their gradients."""
    shared, by_scale = network.weighting.shares_scale, {}
    for projection in projections_with_learned_scales(network):
        name = kernel_name(projection)
        if name not in gradients:
            continue
        sums = Incoming(network, projection).products(forward[name], np.asarray(gradients[name]))
        by_scale[log_scale_name(projection)] = sums.sum(keepdims=True) if shared else sums
    return by_scale


def kept_weights(network: Network, weights: Weights) -> Weights:
    """Return the weights that a run stores: latent weights, or forward weights if scales are learned.

    Learned scales are stored separately, so that only the signs of the latent weights matter.
    """
    return forward_weights(network, weights) if projections_with_learned_scales(network) else weights


def _mean_sizes(network: Network, projection: Projection, latent: np.ndarray) -> np.ndarray:
    """Return the mean absolute value of the weights that share a scale."""
    sizes = np.abs(latent)
    # clip, because rounding can move the mean of equal values
    if network.weighting.shares_scale:
        return np.clip(sizes.mean(), sizes.min(), sizes.max())
    incoming = Incoming(network, projection)
    return np.clip(incoming.means(sizes), *incoming.extremes(sizes))


def _spread(network: Network, projection: Projection, scale: np.ndarray) -> np.ndarray:
    """Return a scale, or a scale per map or neuron, as an array that broadcasts with the weights."""
    return Incoming(network, projection).spread(scale) if np.size(scale) > 1 else scale
