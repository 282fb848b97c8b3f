"""Targets relative to the earliest output spike."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from netsim.learning.protocol import OutputDisplacement, Targets
from netsim.learning.targets import output_end
from netsim.seams import targets
from netsim.specification import Network
from netsim.specification.checks import require
from netsim.specification.phrases import END, GAP, T_MAX, in_ms


@targets.register("relative")
@dataclass(frozen=True)
class Relative(Targets):
    """Displacements towards targets relative to the earliest output spike (S4NN).

    The labelled neuron should fire at the time of the earliest spike, and every other neuron at least `margin` later.
    If no neuron fired, the labelled neuron should fire `margin` before the end of the output window. All parameters are
    in ms.

    References
    ----------
    Kheradpisheh and Masquelier (2020), Temporal backpropagation for spiking neural networks with one
    spike per neuron, International Journal of Neural Systems.
    """

    follows_loss: ClassVar[bool] = True
    settings: ClassVar[tuple[str, ...]] = ("margin",)
    t_max: float
    margin: float
    end: float

    @classmethod
    def from_network(cls, network: Network) -> Self:
        """See `Targets`. Refuse a margin with which the target of a silent output lies before the presentation."""
        end, margin = output_end(network), network.learning.margin
        late = f"must be less than the end of the output window ({end:g} ms), not {margin:g}"
        require(margin < end, "learning.margin", late)
        return cls(network.encoder.t_max, network.learning.margin, output_end(network))

    def displacement(self, outputs: np.ndarray, labels: np.ndarray) -> OutputDisplacement:
        """See `Targets`."""
        latencies = np.minimum(outputs, outputs.dtype.type(self.end))
        first = latencies.min(axis=1, keepdims=True)
        silent = first[:, 0] >= self.end
        target = np.maximum(latencies, np.minimum(first + self.margin, self.end))
        target[np.arange(len(labels)), labels] = np.where(silent, self.end - self.margin, first[:, 0])
        displacement = target - latencies
        # an output that is later by the margin, up to rounding, needs no displacement (as on a grid)
        displacement[np.abs(displacement) <= 4 * np.finfo(displacement.dtype).eps * target] = 0.0
        return OutputDisplacement(displacement, 0.5 * np.square(displacement / self.t_max).sum(axis=1))

    def spread(self) -> float:
        """See `Targets`."""
        return self.margin / 2

    @classmethod
    def describe(cls, network: Network) -> str:
        """See `Targets`."""
        first = r"t_{\mathrm{first}}"
        return (
            rf"$\Delta_k = T_k - t_k$, with $T_y = {first} = \min_l t_l$, and"
            rf" $T_k = \max(t_k,{GAP}\min({first} + \gamma,{GAP}{END}))$ for $k \neq y$;"
            rf" $T_y = {END} - \gamma$ if all are silent; $\gamma = {in_ms(network.learning.margin)}$"
            f"\nThe loss: $\\frac{{1}}{{2}} \\sum_k (\\Delta_k / {T_MAX})^2$, whose negative gradient with respect to"
            rf" $t_k$, for given targets $T_k$, is $\Delta_k / {T_MAX}^2$"
        )
