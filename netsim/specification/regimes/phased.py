"""Integrate, then fire: synaptic current counts before the onset, the drive after it."""

from netsim.seams import regimes
from netsim.specification.regimes._protocol import Regime


@regimes.register("phased")
class Phased(Regime):
    """Neurons integrate until the onset, where the gate closes. Then a constant drive raises them to threshold."""

    has_onset = True
    has_drive = True
    gated = True
