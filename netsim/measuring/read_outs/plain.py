"""The first output spike, as the smallest latency of a list is usually looked for."""

import numpy as np

from netsim.measuring.read_outs._protocol import Outputs, ReadOut, lowest


@ReadOut("plain", "the first output spike decides; ties go to the lowest neuron number")
def plain(outputs: Outputs) -> np.ndarray:
    """Who fired first."""
    return lowest(outputs.first)
