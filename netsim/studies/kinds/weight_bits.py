"""Weights with few bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsim.studies.study import PROJECTIONS, Changes, Condition, NetworkStudy

if TYPE_CHECKING:
    import numpy as np

_STEPS = 25


@NetworkStudy(
    "weight-bits",
    "weights are multiples of the step that suits the layer best; 1 bit is the sign, 0 stays 0 (level: bits)",
    "bits per weight",
    (8, 7, 6, 5, 4, 3, 2, 1),
    least=1,
    most=16,
    whole=True,
    random=False,
    scope=PROJECTIONS,
    ticks_at_levels=True,
    rises=True,
    order=60,
)
def weight_bits(condition: Condition) -> Changes:
    """Quantise weights to `level` bits, see `quantised`."""
    return condition.change_kernels(lambda kernel: quantised(kernel, int(condition.level)))


def quantised(kernel: np.ndarray, bits: int) -> np.ndarray:
    """Round weights to multiples of a step, from minus to plus ``2^(bits - 1) - 1``. One bit keeps the sign. 0 stays 0.

    `_STEPS` steps are tried, up to the step that reaches the largest weight. The step with the smallest mean squared
    change wins. For one bit the optimal scale is the mean absolute value of nonzero weights.
    """
    import numpy as np

    sizes = np.abs(kernel)
    if not sizes.any():
        return kernel
    if bits == 1:
        return np.sign(kernel) * sizes[sizes > 0].mean()
    largest = sizes.max()
    most = 2 ** (bits - 1) - 1

    def rounded(step: float) -> np.ndarray:
        return np.clip(np.rint(kernel / step), -most, most) * step

    steps = largest / most * np.arange(1, _STEPS + 1) / _STEPS
    return rounded(min(steps, key=lambda step: float(np.square(rounded(step) - kernel).mean())))
