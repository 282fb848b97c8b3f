"""All populations run at once."""

from netsim.seams import regimes
from netsim.specification.regimes._protocol import Regime


@regimes.register("free")
class Free(Regime):
    """Neurons integrate from the start, and fire when they reach threshold."""
