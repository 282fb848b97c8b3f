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

    @classmethod
    def equations(cls, neurons: Parameters, looped: bool = False) -> str:
        """See `Family`."""
        return "dv/dt = (rest + current)/tau : 1\ndcurrent/dt = -current/tau_syn : 1"

    @classmethod
    def step(cls, neurons: Parameters) -> str:
        """Return the closed form, because Brian2's exact method does not accept an equation without leak."""
        return """
        left = exp(-dt/tau_syn)
        v = v + (rest*dt + current*tau_syn*(1 - left))/tau
        current = current*left
        """
