"""The first output spike, with ties with the label counted as correct, as in S4NN and BS4NN.

References
----------
Kheradpisheh and Masquelier, official code of S4NN, https://github.com/SRKH/S4NN, and of BS4NN,
https://github.com/SRKH/BS4NN.
"""

import numpy as np

from netsim.measuring.read_outs._protocol import Outputs, ReadOut


@ReadOut(
    "tie-with-label",
    "a tie with the label is correct; if no output fires, the highest potential decides",
    of_potentials=True,
)
def tie_with_label(outputs: Outputs) -> np.ndarray:
    """Choose all neurons that fired first, or in silence the highest potential at the end."""
    decided = outputs.first.copy()
    if outputs.silent.any():
        some = outputs.some(outputs.silent)
        decided[outputs.silent] = some.highest(some.potentials_at_deadline())
    return decided
