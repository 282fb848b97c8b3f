"""The first output spike. Ties go to the lowest neuron number, as in most functions for a minimum."""

import numpy as np

from netsim.measuring.read_outs._protocol import Outputs, ReadOut, lowest


@ReadOut("plain", "the first output spike decides; ties go to the lowest neuron number")
def plain(outputs: Outputs) -> np.ndarray:
    """Choose the first spike."""
    return lowest(outputs.first)
