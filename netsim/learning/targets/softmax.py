"""Targets of a softmax over negative latencies."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from netsim.learning.protocol import OutputDisplacement, Targets
from netsim.learning.targets import output_end
from netsim.seams import targets
from netsim.specification import Network
from netsim.specification.phrases import GAP, T_MAX, number


@targets.register("softmax")
@dataclass(frozen=True)
class Softmax(Targets):
    """Displacements that follow the cross-entropy of a softmax over negative latencies.

    With ``p = softmax(-sharpness·latency/t_max)`` and the target distribution ``q``, the displacement is ``t_max·(p -
    q)``. This is ``t_max²/sharpness`` times the negative gradient of the cross-entropy. The reported loss is the
    cross-entropy itself. The gradients of a learner are gradients of the cross-entropy divided by ``sharpness``. The
    output window ends at `end` (ms). The other parameters are settings of `netsim.specification`.
    """

    follows_loss: ClassVar[bool] = True
    settings: ClassVar[tuple[str, ...]] = ("sharpness", "label_smoothing")
    t_max: float
    sharpness: float
    end: float
    label_smoothing: float = 0.0

    @classmethod
    def from_network(cls, network: Network) -> Self:
        """See `Targets`."""
        settings = network.learning
        return cls(network.encoder.t_max, settings.sharpness, output_end(network), settings.label_smoothing)

    def displacement(self, outputs: np.ndarray, labels: np.ndarray) -> OutputDisplacement:
        """See `Targets`."""
        logarithm = self._logarithms(outputs)
        target = np.full_like(logarithm, self.label_smoothing / logarithm.shape[1])
        target[np.arange(len(labels)), labels] += 1.0 - self.label_smoothing
        loss = -(target * logarithm).sum(axis=1)
        return OutputDisplacement(self.t_max * (np.exp(logarithm) - target), loss)

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Return softmax probabilities, shape (presentations, neurons). Silence counts as firing at the end."""
        return np.exp(self._logarithms(outputs))

    def spread(self) -> float:
        """See `Targets`."""
        return self.t_max / self.sharpness

    def _logarithms(self, outputs: np.ndarray) -> np.ndarray:
        evidence = np.minimum(outputs, outputs.dtype.type(self.end)) * (-self.sharpness / self.t_max)
        evidence = evidence - evidence.max(axis=1, keepdims=True)
        logarithms: np.ndarray = evidence - np.log(np.exp(evidence).sum(axis=1, keepdims=True))
        return logarithms

    @classmethod
    def describe(cls, network: Network) -> str:
        """See `Targets`."""
        settings = network.learning
        target, smoothing = "[k = y]", ""
        if settings.label_smoothing:
            target = rf"(1 - \zeta){GAP}[k = y] + \zeta / {network.outputs}"
            smoothing = rf", $\zeta = {number(settings.label_smoothing)}$"
        return (
            rf"$\displaystyle \Delta_k = {T_MAX}{GAP}(p_k - q_k)$, $\displaystyle p_k ="
            rf" \frac{{\exp(-\beta t_k / {T_MAX})}}{{\sum_l \exp(-\beta t_l / {T_MAX})}}$, $q_k = {target}$,"
            rf" $\beta = {number(settings.sharpness)}${smoothing}"
            "\n"
            r"The loss: $-\frac{1}{\beta} \sum_k q_k \ln p_k$, the cross-entropy over $\beta$, whose negative"
            rf" gradient with respect to $t_k$ is $\Delta_k / {T_MAX}^2$; metrics show the cross-entropy itself"
        )
