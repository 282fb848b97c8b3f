"""The first output spike, with ties broken by potential, as in BPLC+NOSO.

References
----------
Jang and Jeong, official code of BPLC+NOSO, https://github.com/dooseokjeong/BPLC-NOSO.
"""

import numpy as np

from netsim.measuring.read_outs._protocol import Outputs, ReadOut


@ReadOut("tie-by-potential", "the first output spike decides; ties go to the highest potential", of_potentials=True)
def tie_by_potential(outputs: Outputs) -> np.ndarray:
    """Choose the first spike, and in ties the highest potential."""
    decided = outputs.first.copy()
    tied = decided.sum(axis=1) > 1
    if tied.any():
        some = outputs.some(tied)
        potentials = some.potentials(some.latencies.min(axis=1))
        decided[tied] = some.highest(np.where(some.first, potentials, -np.inf))
    return decided
