"""Compiled loops over flat arrays of one length, and the exponential moving average (EMA) of weights."""

from collections.abc import Callable, Sequence

import numpy as np

from netsim.numerics.compilation import compiled
from netsim.numerics.threads import over_arrays
from netsim.weights.layout import Weights


def elementwise(kernel: Callable[..., None], arrays: Sequence[np.ndarray], constants: Sequence[float]) -> None:
    """Let a compiled loop go over contiguous arrays of one size and type, on several threads.

    It gets a piece of each array, flat, and the constants in their type.
    """
    dtype = arrays[0].dtype.type
    flat = [array.reshape(-1) for array in arrays]
    typed = [dtype(constant) for constant in constants]
    over_arrays(flat, lambda *pieces: kernel(*pieces, *typed))


def update_ema(mean: Weights, weights: Weights, keep: float) -> None:
    """Move an exponential moving average of weights towards the weights, in place; `keep` is the share that stays."""
    for name, array in weights.items():
        elementwise(_move, (mean[name], array), (1.0 - keep,))


@compiled
def _move(mean: np.ndarray, array: np.ndarray, share: float) -> None:
    for k in range(len(mean)):
        mean[k] += share * (array[k] - mean[k])
