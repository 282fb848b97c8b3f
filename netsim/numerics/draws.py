"""Random generators of networks, trainings and studies. Each purpose has a separate stream, also for equal seeds.

Splits of data, samples of analyses and combinations of sweeps have other generators. For equal seeds, these can have
the state of a generator here, because numpy treats `[seed, 0]` like `seed`. No code compares such draws.
"""

from enum import IntEnum, unique

import numpy as np


@unique
class Purpose(IntEnum):
    """Purposes of streams."""

    WEIGHTS = 0
    ORDER = 1
    """Order of the presentations in an epoch."""
    VARIATION = 2
    """Augmentation, jitter and dropout of a batch."""
    REVIVAL = 3
    """Weights of neurons that hardly fired."""
    DELAYS = 4
    FEEDBACK = 5
    SYNAPSES = 6
    """Synapses of a connectivity."""
    FITTING = 7
    """Training stimuli for fitting initial weights."""
    STUDIED_NETWORK = 10
    STUDIED_STIMULI = 11


def generator_for(purpose: Purpose, seed: int, *keys: int) -> np.random.Generator:
    """Return the generator of a purpose and a seed. `keys` distinguish several draws of a purpose."""
    return np.random.default_rng([seed, purpose, *keys])
