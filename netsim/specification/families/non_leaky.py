"""Integrate-and-fire neurons without leak, with an exponential synaptic current."""

from __future__ import annotations

from typing import ClassVar

from netsim.seams import families
from netsim.specification.families._exponential import Exponential, Rates
from netsim.specification.families._protocol import Parameters


@families.register("non-leaky")
class NonLeaky(Exponential):
    """``tau·v' = I + b + D``, ``tau_syn·I' = -I``: a spike adds its weight to ``I``."""

    phrase: ClassVar[str] = "integrate-and-fire without leak, exponential currents"
    steepness: ClassVar[float] = 4.0

    @classmethod
    def rates(cls, neurons: Parameters) -> Rates:
        """Return no leak, and the inverse time constant of the synapse."""
        return Rates(0.0, 1.0 / (neurons.tau_syn or neurons.tau))
