"""No leak: potentials are lines between the breakpoints of postsynaptic potentials."""

from __future__ import annotations

from typing import ClassVar

from netsim.seams import families
from netsim.specification.checks import require
from netsim.specification.families._protocol import Family, Parameters, Rates


@families.register("piecewise-linear")
class PiecewiseLinear(Family):
    """``u(t) = a + b·t``: a spike changes the slope ``b`` at the breakpoints of its PSP."""

    has_psp: ClassVar[bool] = True
    response: ClassVar[str] = "piecewise-linear"
    phrase: ClassVar[str] = "piecewise-linear potentials"

    @classmethod
    def check(cls, neurons: Parameters) -> None:
        """See `Family`."""
        message = 'has a meaning for neurons with a decaying current only, family = "leaky"; remove it'
        require(neurons.tau_syn is None, "neurons.tau_syn", message)

    @classmethod
    def rates(cls, neurons: Parameters) -> Rates | None:
        """Return None: postsynaptic potentials have breakpoints."""
        return None
