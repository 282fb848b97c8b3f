"""The highest potential at the deadline. Output neurons need not fire."""

import numpy as np

from netsim.measuring.read_outs._protocol import Outputs, ReadOut


@ReadOut(
    "potential",
    "the highest potential at the end of the output window decides, regardless of spikes",
    of_potentials=True,
)
def potential(outputs: Outputs) -> np.ndarray:
    """Choose the highest potential at the end of the output window."""
    return outputs.highest(outputs.potentials_at_deadline())
