"""The default read-out of netsim: the first output spike, if it is unique."""

import numpy as np

from netsim.measuring.read_outs._protocol import Outputs, ReadOut


@ReadOut("strict", "the first output spike decides; ties and silence are errors")
def strict(outputs: Outputs) -> np.ndarray:
    """Choose the first spike, if it is unique."""
    return outputs.first & (outputs.first.sum(axis=1, keepdims=True) == 1)
