"""The read-out of all figures of netsim: the first output spike, if there is one alone."""

import numpy as np

from netsim.measuring.read_outs._protocol import Outputs, ReadOut


@ReadOut("strict", "the first output spike decides; ties and silence are errors")
def strict(outputs: Outputs) -> np.ndarray:
    """Who fired first, and alone."""
    return outputs.first & (outputs.first.sum(axis=1, keepdims=True) == 1)
