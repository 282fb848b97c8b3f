"""What networks, trainings and studies draw: every purpose has a stream of its own, also where seeds are equal.

Splits of data, samples of analyses and combinations of sweeps are drawn by generators of their own. Where seeds are
equal these can be in the state of one here, as numpy takes `[seed, 0]` for `seed`; nothing compares such draws.
"""

from enum import IntEnum, unique

import numpy as np


@unique
class Purpose(IntEnum):
    """What a stream is for."""

    WEIGHTS = 0
    ORDER = 1
    """Of the presentations in an epoch."""
    VARIATION = 2
    """Augmentation, jitter and dropout of a batch."""
    REVIVAL = 3
    """Weights of neurons that hardly fired."""
    DELAYS = 4
    FEEDBACK = 5
    SYNAPSES = 6
    """Which there are, by a connectivity."""
    FITTING = 7
    """Training stimuli that initial weights are fitted with."""
    STUDIED_NETWORK = 10
    STUDIED_STIMULI = 11


def generator_for(purpose: Purpose, seed: int, *place: int) -> np.random.Generator:
    """The generator of a seed; where a purpose draws more than once, the place tells the draws apart."""
    return np.random.default_rng([seed, purpose, *place])
