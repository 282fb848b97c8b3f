"""The protocol of a regime."""

from typing import ClassVar

from netsim.seams import regimes
from netsim.specification.checks import require


class Regime:
    """When neurons integrate and when they may fire. A regime selects terms of the neuron equation.

    A subclass is registered in `netsim.seams.regimes` and has no instances. Engines, learners and descriptions read
    these flags.

    Attributes
    ----------
    has_onset : bool
        Whether a population may fire only from its onset. Otherwise it may fire from the start.
    has_drive : bool
        Whether a constant current (the drive) starts at the onset.
    gated : bool
        Whether synaptic current stops at the onset. Then only the drive raises the potential to threshold, and the
        latency has a closed form. A gated regime therefore needs a drive.
    """

    has_onset: ClassVar[bool] = False
    has_drive: ClassVar[bool] = False
    gated: ClassVar[bool] = False

    @classmethod
    def check(cls, onset: float, drive: float) -> None:
        """Refuse an onset (ms) or a drive that the regime does not support.

        Raises
        ------
        SpecificationError
            The error names the field ``neurons.onset`` or ``neurons.drive``.
        """
        name = regimes.name_of(cls)
        no_onset = f"is 0 in the regime {name}; use staggered for a later one"
        require(cls.has_onset or onset == 0, "neurons.onset", no_onset)
        if cls.has_drive or cls.gated:
            require(drive > 0, "neurons.drive", f"must be positive in the regime {name}")
        else:
            require(drive == 0, "neurons.drive", f"is 0 in the regime {name}; use staggered for a drive")
