"""Each population may fire from its onset on, helped by a constant drive."""

from netsim.seams import regimes
from netsim.specification.checks import require
from netsim.specification.regimes._protocol import Regime


@regimes.register("staggered")
class Staggered(Regime):
    """Neurons integrate from the start, and fire from their onset on, helped by a constant drive."""

    gated = False
    summary = (
        r"a neuron integrates from the start but fires only from its onset $t_{\mathrm{on}}$ on, helped by the constant"
        " drive $D$ from there"
    )
    current = r"I_j(t) + D \hspace{0.17em} [t \geq t_{\mathrm{on}}]"

    @staticmethod
    def check(onset: float, drive: float) -> None:
        """Any onset, and a drive."""
        require(drive > 0, "neurons.drive", "must be positive in the regime staggered")
