"""Physical units of neurons, for model descriptions."""

from dataclasses import dataclass

from netsim.reprs import short_repr
from netsim.specification.checks import check_numbers, check_types


@dataclass(frozen=True)
class Scale:
    """Physical units of the potentials and currents of neurons. Times are in ms.

    Model descriptions print potentials, currents, the capacitance and the leak in these units. Simulation and learning
    do not use them.

    Parameters
    ----------
    potential : float
        Potential of 1 in mV.
    current : float
        Current of 1 in pA, and so also a weight, bias or drive of 1.
    rest : float
        Resting potential in mV, the potential of 0.

    Examples
    --------
    >>> import netsim
    >>> scale = netsim.Scale(potential=0.1, current=1.0, rest=-70.0)
    >>> scale.in_mv(200.0), scale.conductance, scale.capacitance(20.0)
    (-50.0, 10.0, 200.0)
    """

    potential: float = 1.0
    current: float = 1.0
    rest: float = 0.0

    __repr__ = short_repr

    def __post_init__(self) -> None:
        check_types(self, "scale")
        check_numbers(self, "scale", ("potential", "current"), "positive")
        check_numbers(self, "scale", ["rest"], "finite")

    def in_mv(self, potential: float) -> float:
        """Return a potential in mV."""
        return _rounded(self.rest + potential * self.potential)

    @property
    def conductance(self) -> float:
        """Conductance of the leak in nS."""
        return _rounded(self.current / self.potential)

    def capacitance(self, tau: float) -> float:
        """Return the capacitance in pF for a membrane time constant in ms."""
        return _rounded(tau * self.current / self.potential)


def _rounded(value: float) -> float:
    return float(f"{value:.12g}")
