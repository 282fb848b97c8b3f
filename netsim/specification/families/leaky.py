"""Leaky integrate-and-fire neurons with an exponential synaptic current."""

from __future__ import annotations

from typing import ClassVar

from netsim.seams import families
from netsim.specification.families._exponential import Exponential, Rates
from netsim.specification.families._protocol import Described, Parameters
from netsim.specification.phrases import GAP


@families.register("leaky")
class Leaky(Exponential):
    """``tau·v' = -v + I + b + D``, ``tau_syn·I' = -I``: a spike adds its weight to ``I``."""

    phrase: ClassVar[str] = "leaky integrate-and-fire, exponential currents"
    steepness: ClassVar[float] = 4.0

    @classmethod
    def rates(cls, neurons: Parameters) -> Rates:
        """Return the inverse time constants of membrane and synapse."""
        return Rates(1.0 / neurons.tau, 1.0 / (neurons.tau_syn or neurons.tau))

    @classmethod
    def describe(cls, neurons: Parameters) -> Described:
        """See `Family`."""
        decaying = r"\mathrm{e}^{-t/\tau}"
        if neurons.tau_syn in (None, neurons.tau):
            kernel, functions = rf"t{GAP}{decaying}", rf"${decaying}$ and $t{GAP}{decaying}$"
        else:
            synaptic = r"\mathrm{e}^{-t/\tau_s}"
            kernel = rf"\frac{{\tau \tau_s}}{{\tau - \tau_s}} ({decaying} - {synaptic})"
            functions = f"${decaying}$ and ${synaptic}$"
        return Described(
            r"\tau v_j'(t) = -v_j(t) + I_j(t) + b_j",
            f"between events, a potential is a sum of {functions} and a constant",
            r"\tau (1 - \mathrm{e}^{-L_j/\tau})",
            r"$\tau_s I_j'(t) = -I_j(t)$, $I_j(0) = 0$; a spike adds its weight $w_{ij}$ to $I_j$ as it arrives",
            kernel,
        )
