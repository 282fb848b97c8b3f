"""Leaky integrate-and-fire neurons with an exponential synaptic current."""

from __future__ import annotations

from typing import ClassVar

from netsim.seams import families
from netsim.specification.checks import require
from netsim.specification.families._protocol import Described, Family, Parameters, Rates
from netsim.specification.phrases import GAP

_SHORTEST = 1e-6
"""Shortest time constant (ms). Rounding errors of times, up to 1e-12 ms, remain small in comparison."""


@families.register("leaky")
class Leaky(Family):
    """``tau·v' = -v + I + b + D``, ``tau_syn·I' = -I``: a spike adds its weight to ``I``."""

    regimes: ClassVar[tuple[str, ...]] = ("free", "staggered")
    phrase: ClassVar[str] = "leaky integrate-and-fire, exponential currents"
    steepness: ClassVar[float] = 4.0

    @classmethod
    def check(cls, neurons: Parameters) -> None:
        """See `Family`. Refuse time constants that exact spike times do not resolve."""
        super().check(neurons)
        for name, constant in (("tau", neurons.tau), ("tau_syn", neurons.tau_syn)):
            short = f"must be at least {_SHORTEST:g} ms for neurons of the family leaky, not {constant}"
            require(constant is None or constant >= _SHORTEST, f"neurons.{name}", short)

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
            r"$\tau_s I_j'(t) = -I_j(t)$, $I_j(0) = 0$; a spike adds its weight $w_{ij}$ to $I_j$ as it arrives",
            kernel,
            f"between events, a potential is a sum of {functions} and a constant",
            r"\tau (1 - \mathrm{e}^{-L_j/\tau})",
            "- v_j(t_j)",
        )
