"""Adam on the direction and the norm of the weights of each neuron."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from netsim.learning.optimizers.adam import Adam
from netsim.seams import optimizers
from netsim.specification import Network, Projection
from netsim.specification.checks import require
from netsim.specification.traits import unless_all
from netsim.weights.incoming import Incoming
from netsim.weights.layout import Weights, kernel_name


@optimizers.register("weight-norm")
@dataclass(eq=False)
class WeightNorm(Adam):
    """Adam on a direction and a norm in place of the incoming weights of each hidden map or neuron.

    The weights of a map or neuron are a norm times a direction of unit length and a mean of zero, as in centred weight
    normalisation; directions and logarithms of norms are what Adam moves. Whatever the norms are, a step turns
    directions by as much, and fewer neurons saturate or fall silent for good. Weights onto the output, weights with a
    sign, and biases are moved as by Adam.

    Parameters
    ----------
    momentum : float
        Decay of the first moment.
    weight_decay : float
        Must be 0: directions have no size.
    kernels : mapping
        What is normalised: names of weights, and whose they are.

    References
    ----------
    Salimans and Kingma (2016), Weight normalization, arXiv:1602.07868. Huang et al. (2017), Centered weight
    normalization in accelerating training of deep neural networks, ICCV.

    Examples
    --------
    >>> import numpy as np
    >>> import netsim
    >>> network = netsim.load_preset("digits")
    >>> weights = netsim.initial_weights(network, seed=0)
    >>> optimizer = netsim.seams.optimizers["weight-norm"].from_network(network)
    >>> optimizer.begin(weights)
    >>> optimizer.step(weights, {"hidden.kernel": np.ones((64, 200))}, rate=0.01)
    >>> bool(abs(weights["hidden.kernel"].mean(axis=0)).max() < 1e-12)
    True
    """

    kernels: Mapping[str, Incoming] = field(default_factory=dict, repr=False)

    @classmethod
    def from_network(cls, network: Network) -> Self:
        """See `Optimizer`; a SpecificationError for settings that change weights in another way."""
        settings, where = network.learning, "learning.optimizer"
        require(not network.weighting.is_binary, where, "weight-norm is for real weights; choose adam for binary ones")
        for name in ("weight_decay", "revive_below"):
            require(not getattr(settings, name), f"learning.{name}", "must be 0 with the optimizer weight-norm")
        chosen = _normalised(network)
        for projection in chosen:
            single = f"weight-norm needs more than one synapse per neuron, unlike {projection.name}; choose adam"
            require(network.fan_in(projection) > 1, where, single)
        kernels = {kernel_name(projection): Incoming(network, projection) for projection in chosen}
        return cls(settings.momentum, 0.0, kernels)

    def begin(self, weights: Weights) -> None:
        """See `Optimizer`; the norms are those of the weights, less their mean."""
        norms = {}
        for name, incoming in self.kernels.items():
            _, norm = _direction(incoming, weights[name])
            norms[_norm_name(name)] = np.log(norm).astype(weights[name].dtype)
        super().begin(weights | norms)
        self.state |= {f"direction.{name}": weights[name].copy() for name in self.kernels}
        self.state |= {f"logarithm.{name}": norm for name, norm in norms.items()}

    def step(
        self, weights: Weights, gradients: Weights, rate: float, factors: Mapping[str, float] | None = None
    ) -> None:
        """See `Optimizer`."""
        moved, slopes, learns = dict(weights), dict(gradients), [name for name in self.kernels if name in gradients]
        for name in learns:
            norm_name = _norm_name(name)
            moved[name] = latent = self.state[f"direction.{name}"]
            moved[norm_name] = logarithm = self.state[f"logarithm.{norm_name}"]
            gradient = np.asarray(gradients[name], latent.dtype)
            slopes[name], slopes[norm_name] = handed_back(self.kernels[name], latent, logarithm, gradient)
        super().step(moved, slopes, rate, factors)
        for name in learns:
            weights[name][...] = normalised(self.kernels[name], moved[name], moved[_norm_name(name)])

    @classmethod
    def describe(cls, network: Network) -> str:
        """See `Optimizer`."""
        chosen = _normalised(network)
        if not chosen:
            return super().describe(network)
        names = {projection.target for projection in chosen}
        where = unless_all([one for one in network.integrating if one.name in names], network.integrating)
        return (
            rf"{super().describe(network)}. Weight normalisation{where}: $\displaystyle w_{{ij}} = e^{{s_j}}"
            r" \frac{d_{ij} - \bar d_j}{\lvert d_j - \bar d_j \rvert}$, with means and norms over the incoming weights"
            r" of a map or neuron; there $x$ is $d_{ij}$ and $s_j$, and $g$ by the chain rule"
        )


def normalised(incoming: Incoming, latent: np.ndarray, logarithm: np.ndarray) -> np.ndarray:
    """The weights that directions, which need not be of unit length, and logarithms of norms stand for."""
    direction, _ = _direction(incoming, latent)
    direction *= incoming.spread(np.exp(logarithm))
    return direction


def handed_back(
    incoming: Incoming, latent: np.ndarray, logarithm: np.ndarray, gradient: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients with respect to directions and logarithms of norms, from the one with respect to weights."""
    direction, length = _direction(incoming, latent)
    along, norm = incoming.products(gradient, direction), np.exp(logarithm)
    across = gradient - direction * incoming.spread(along)
    across -= incoming.spread(incoming.means(across))
    across *= incoming.spread(norm / length)
    return across, along * norm


def _normalised(network: Network) -> list[Projection]:
    """The projections whose weights are normalised."""
    return [
        projection
        for projection in network.weighted
        if projection.plastic and projection.target != network.output.name and network.weight_signs(projection) is None
    ]


def _norm_name(name: str) -> str:
    """What the logarithms of the norms of some weights are called."""
    return f"{name.removesuffix('.kernel')}.log_norm"


def _direction(incoming: Incoming, latent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions of unit length and a mean of zero, in the shape of the weights, and the lengths before."""
    direction = latent - incoming.spread(incoming.means(latent))
    length = np.sqrt(incoming.products(direction, direction))
    length = np.maximum(length, np.finfo(latent.dtype).tiny)  # weights may all be equal
    direction /= incoming.spread(length)
    return direction, length
