"""Integrate, then fire: synaptic current counts until the onset, from there on the drive."""

from netsim.seams import regimes
from netsim.specification.checks import require
from netsim.specification.regimes._protocol import Regime


@regimes.register("phased")
class Phased(Regime):
    """Neurons integrate until the onset, where the gate closes; then a constant drive carries them to threshold."""

    gated = True
    summary = (
        r"a neuron integrates until its onset, where the gate closes, $t_{\mathrm{gate}} = t_{\mathrm{on}}$; from there"
        r" the drive $D$ alone moves its potential, so that $t_j = t_{\mathrm{on}} + \max(0, \hspace{0.17em} \tau"
        r" (\theta - v_j(t_{\mathrm{on}})) / D)$ if that is before $t_{\mathrm{end}}$"
    )
    current = r"I_j(t) \hspace{0.17em} [t < t_{\mathrm{gate}}] + D \hspace{0.17em} [t \geq t_{\mathrm{on}}]"

    @staticmethod
    def check(onset: float, drive: float) -> None:
        """Any onset, and a drive."""
        require(drive > 0, "neurons.drive", "must be positive in the regime phased")
