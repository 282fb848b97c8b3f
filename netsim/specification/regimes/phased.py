"""Integrate, then fire: synaptic current counts until the onset, from there on the drive."""

from netsim.seams import regimes
from netsim.specification.regimes._protocol import Regime


@regimes.register("phased")
class Phased(Regime):
    """Neurons integrate until the onset, where the gate closes; then a constant drive carries them to threshold."""

    has_onset = True
    has_drive = True
    gated = True
