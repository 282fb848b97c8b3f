"""All populations run at once."""

from netsim.seams import regimes
from netsim.specification.checks import require
from netsim.specification.regimes._protocol import Regime


@regimes.register("free")
class Free(Regime):
    """Neurons integrate from the start, and fire whenever they are at threshold."""

    gated = False
    summary = "all layers run at once; a neuron may fire whenever it is at threshold"
    current = "I_j(t)"

    @staticmethod
    def check(onset: float, drive: float) -> None:
        """Neither an onset nor a drive."""
        require(onset == 0, "neurons.onset", "is 0 in the regime free; use staggered for a later one")
        require(drive == 0, "neurons.drive", "is 0 in the regime free; use staggered for a drive")
