"""Each population may fire from its onset, supported by a constant drive."""

from netsim.seams import regimes
from netsim.specification.regimes._protocol import Regime


@regimes.register("staggered")
class Staggered(Regime):
    """Neurons integrate from the start, and fire from their onset, supported by a constant drive."""

    has_onset = True
    has_drive = True
