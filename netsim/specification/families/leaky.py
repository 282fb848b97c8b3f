"""Leaky integrate-and-fire neurons with an exponential synaptic current."""

from __future__ import annotations

from typing import ClassVar

from netsim.seams import families
from netsim.specification.families._protocol import Family, Parameters, Rates
from netsim.specification.phrases import GAP


@families.register("leaky")
class Leaky(Family):
    """``tau·v' = -v + I + b + D``, ``tau_syn·I' = -I``: a spike adds its weight to ``I``."""

    regimes: ClassVar[tuple[str, ...]] = ("free", "staggered")
    phrase: ClassVar[str] = "leaky integrate-and-fire, exponential currents"

    @classmethod
    def rates(cls, neurons: Parameters) -> Rates:
        """Return the inverse time constants of membrane and synapse."""
        return Rates(1.0 / neurons.tau, 1.0 / (neurons.tau_syn or neurons.tau))

    @classmethod
    def equations(cls, neurons: Parameters) -> str:
        """See `Family`. Equal time constants have one symbol: the general solution divides by their difference."""
        synapse = "tau" if neurons.tau_syn in (None, neurons.tau) else "tau_syn"
        return f"dv/dt = (rest + current - v)/tau : 1\ndcurrent/dt = -current/{synapse} : 1"

    @classmethod
    def describe(cls, neurons: Parameters) -> list[tuple[str, str]]:
        """See `Family`."""
        if neurons.tau_syn in (None, neurons.tau):
            kernel = rf"t{GAP}\mathrm{{e}}^{{-t/\tau}}$, times $w_{{ij}} / \tau$, with $\tau_s = \tau$"
        else:
            kernel = (
                r"\frac{\tau \tau_s}{\tau - \tau_s} (\mathrm{e}^{-t/\tau} - \mathrm{e}^{-t/\tau_s})$,"
                r" times $w_{ij} / \tau$"
            )
        return [
            ("Membrane potential", r"\tau v_j'(t) = -v_j(t) + "),
            ("Synaptic current", r"$\tau_s I_j'(t) = -I_j(t)$; a spike of weight $w_{ij}$ adds $w_{ij}$ to $I_j$"),
            ("Postsynaptic potential", rf"$\displaystyle \varepsilon(t) = {kernel}"),
        ]
