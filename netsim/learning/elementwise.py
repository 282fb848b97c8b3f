"""Compiled loops over flat arrays of equal length, and the exponential moving average (EMA) of weights."""

from collections.abc import Callable, Sequence

import numpy as np

from netsim.numerics.compilation import compiled
from netsim.numerics.threads import over_arrays
from netsim.weights.layout import Weights


def elementwise(kernel: Callable[..., None], arrays: Sequence[np.ndarray], constants: Sequence[float]) -> None:
    """Apply a compiled loop to contiguous arrays of equal size and dtype, on several threads.

    The loop receives a flat piece of each array, and the constants in the same dtype.
    """
    dtype = arrays[0].dtype.type
    flat = [array.reshape(-1) for array in arrays]
    typed = [dtype(constant) for constant in constants]
    over_arrays(flat, lambda *pieces: kernel(*pieces, *typed))


def update_ema(mean: Weights, weights: Weights, keep: float) -> None:
    """Update an exponential moving average of weights in place. `keep` is the weight of the old average."""
    for name, array in weights.items():
        elementwise(_move, (mean[name], array), (1.0 - keep,))


@compiled
def _move(mean: np.ndarray, array: np.ndarray, share: float) -> None:
    for k in range(len(mean)):
        mean[k] += share * (array[k] - mean[k])
