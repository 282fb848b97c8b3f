"""What a regime has to say of itself."""

from abc import ABC, abstractmethod
from typing import ClassVar


class Regime(ABC):
    """A choice of onset, gate and drive; a subclass is registered in `netsim.seams.regimes`, and has no instances.

    Attributes
    ----------
    gated : bool
        Whether synaptic current stops counting at the onset. Then the drive alone carries the potential to threshold,
        and the latency has a closed form; else synaptic current counts throughout.
    summary : str
        What neurons do, as the model description says it: a clause in the mathematics of LaTeX.
    current : str
        The sum that moves the potential, in LaTeX.
    """

    gated: ClassVar[bool]
    summary: ClassVar[str]
    current: ClassVar[str]

    @staticmethod
    @abstractmethod
    def check(onset: float, drive: float) -> None:
        """Refuse an onset (ms) or a drive that the regime does not have.

        Raises
        ------
        SpecificationError
            With the field ``neurons.onset`` or ``neurons.drive``.
        """
