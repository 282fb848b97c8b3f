"""Adam on the direction and the norm of the weights of each neuron."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np

from netsim.learning.optimizers.adam import Adam
from netsim.seams import optimizers
from netsim.specification import Network, Projection
from netsim.specification.checks import require
from netsim.specification.traits import onto
from netsim.weights.incoming import Incoming
from netsim.weights.layout import Weights, kernel_name

_ROUNDING = 1e-12
"""Smallest squared length, relative to the sum of squares, that differs from 0 beyond rounding."""


@optimizers.register("weight-norm")
@dataclass(eq=False)
class WeightNorm(Adam):
    """Adam on the direction and the norm of the incoming weights of each hidden map or neuron.

    The weights of a projection onto a map or neuron are a norm times a direction, as in centred weight normalisation.
    The direction has unit length and a mean of zero. It is a latent vector divided by its length. Adam updates the
    logarithm of the norm and the latent vector. The longer the latent vector, the less a step turns it. The spread of
    initial weights therefore also sets a rate. Adam updates these parameters directly: weights onto the output, weights
    with a sign, weights of neurons with a single synapse, and biases.

    Other changes of the normalised weights, for example by a custom constraint, last only until the next step, which
    overwrites them.

    Parameters
    ----------
    momentum : float
        Decay of the first moment.
    weight_decay : float
        Must be 0, because the latent vectors must not shrink.
    kernels : mapping
        Normalised weights: names, and the neurons or maps of each weight.

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
    normalises: ClassVar[bool] = False  # a step turns a direction by the same angle for any norm

    @classmethod
    def from_network(cls, network: Network) -> Self:
        """See `Optimizer`. Raise SpecificationError for settings that also change the weights, or keep their means."""
        settings, where = network.learning, "learning.optimizer"
        require(not network.weighting.is_binary, where, "weight-norm is for real weights; choose adam for binary ones")
        for name in ("weight_decay", "revive_below"):
            require(not getattr(settings, name), f"learning.{name}", "must be 0 with the optimizer weight-norm")
        begun = network.training.pretrained
        centred = f"weight-norm takes their means from the weights of {begun} that it would begin with; choose adam"
        require(not begun, where, centred)
        chosen = _normalised(network)
        require(bool(chosen), where, "weight-norm finds nothing to normalise here; choose adam")
        kernels = {kernel_name(projection): Incoming(network, projection) for projection in chosen}
        for projection, (name, incoming) in zip(chosen, kernels.items(), strict=True):
            single = f"weight-norm needs more than one synapse per neuron, unlike in {name}; choose adam"
            require(not (incoming.sizes == 1).any(), where, single)
            mean = "must be 0 with the optimizer weight-norm, which takes means from weights"
            require(not projection.initial.mean, f"{network.key_of(projection)}.initial.mean", mean)
        return cls(settings.momentum, 0.0, kernels)

    def begin(self, weights: Weights) -> None:
        """See `Optimizer`. The norms come from the weights minus their mean.

        Raise SpecificationError if all weights of a neuron are equal.
        """
        norms = {}
        for name, incoming in self.kernels.items():
            _, length = _means_and_lengths(incoming, incoming.sums(weights[name], weights[name]))
            equal = f"are all equal onto a neuron, so that weight-norm has no direction of {name}; give them a spread"
            require(bool(np.isfinite(length[incoming.sizes > 0]).all()), "initial weights", equal)
            norms[_norm_name(name)] = np.log(np.where(incoming.sizes > 0, length, 1.0)).astype(weights[name].dtype)
        super().begin(weights | norms)
        self.state |= {f"direction.{name}": weights[name].copy() for name in self.kernels}
        self.state |= {f"logarithm.{name}": norm for name, norm in norms.items()}

    def step(
        self, weights: Weights, gradients: Weights, rate: float, factors: Mapping[str, float] | None = None
    ) -> None:
        """See `Optimizer`. Raise DataError for gradients of other shapes, or before `begin`."""
        self.check_step(weights, gradients)
        moved, slopes, learns = dict(weights), dict(gradients), [name for name in self.kernels if name in gradients]
        for name in learns:
            norm_name = _norm_name(name)
            moved[name] = latent = self.state[f"direction.{name}"]
            moved[norm_name] = logarithm = self.state[f"logarithm.{norm_name}"]
            gradient = np.ascontiguousarray(gradients[name], latent.dtype)
            slopes[name] = weights[name]  # overwritten below
            slopes[norm_name] = hand_back(self.kernels[name], latent, logarithm, gradient, slopes[name])
        super().step(moved, slopes, rate, factors)
        for name in learns:
            normalise(self.kernels[name], moved[name], moved[_norm_name(name)], weights[name])

    @classmethod
    def describe(cls, network: Network) -> str:
        """See `Optimizer`."""
        chosen = _normalised(network)
        if not chosen:
            return super().describe(network)
        return (
            rf"{super().describe(network)}. Weights {onto(chosen, network)} are normalised, each projection by itself:"
            r" $\displaystyle w_{ij} = e^{\rho_j} \frac{d_{ij} - \bar d_j}{\lvert d_j - \bar d_j \rvert}$, means and"
            r" norms being over $i$; in place of $w_{ij}$ Adam moves $d_{ij}$ and $\rho_j$, with gradients by the chain"
            r" rule, from $d_{ij} = w_{ij}$ and $\rho_j = \ln \lvert d_j - \bar d_j \rvert$ on"
        )


def normalise(incoming: Incoming, latent: np.ndarray, logarithm: np.ndarray, weights: np.ndarray) -> None:
    """Write the weights for latent vectors of any length and logarithms of norms."""
    mean, length = _means_and_lengths(incoming, incoming.sums(latent, latent))
    factors = (mean, np.exp(logarithm) / length, mean, np.zeros(incoming.count))
    incoming.combine(latent, latent, factors, weights)


def hand_back(
    incoming: Incoming, latent: np.ndarray, logarithm: np.ndarray, gradient: np.ndarray, slopes: np.ndarray
) -> np.ndarray:
    """Return the gradient of the logarithms of norms. Write the gradient of the latent vectors to `slopes`."""
    sums, norm = incoming.sums(latent, gradient), np.exp(logarithm)
    mean, length = _means_and_lengths(incoming, sums)
    mean_slope = incoming.averages(sums[1])
    along = (sums[3] - incoming.sizes * mean * mean_slope) / length
    factors = (mean, -norm * along / length**2, mean_slope, norm / length)
    incoming.combine(latent, gradient, factors, slopes)
    return np.asarray(norm * along, latent.dtype)


def _means_and_lengths(incoming: Incoming, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means and centred lengths of latent vectors from `Incoming.sums`. Infinite if all values are equal."""
    mean = incoming.averages(sums[0])
    square = sums[2] - incoming.sizes * mean**2
    return mean, np.sqrt(np.where(square > _ROUNDING * sums[2], square, np.inf))


def _normalised(network: Network) -> list[Projection]:
    """Return the projections with normalised weights."""
    return [
        projection
        for projection in network.weighted
        if projection.plastic
        and projection.target != network.output.name
        and network.fan_in(projection) > 1
        and network.weight_signs(projection) is None
    ]


def _norm_name(name: str) -> str:
    """Return the name of the logarithms of norms for a name of weights."""
    return f"{name.removesuffix('.kernel')}.log_norm"
