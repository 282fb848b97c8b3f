"""Noise on synaptic weights."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from netsim.studies.study import PROJECTIONS, Changes, Condition, NetworkStudy

if TYPE_CHECKING:
    import numpy as np


@NetworkStudy(
    "weight-noise",
    "normal noise on all synaptic weights (level: SD relative to the SD of the layer's weights)",
    "SD of noise / SD of weights",
    (0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0),
    scope=PROJECTIONS,
    neutral=0.0,
    order=50,
)
def weight_noise(condition: Condition) -> Changes:
    """Add normal noise to the weights of each projection, with SD `level` times the SD of the weights.

    Excitatory and inhibitory weights are cut at 0 if noise would reverse their sign.
    """
    from netsim.weights.layout import kernel_name

    kernels = [condition.weights[kernel_name(condition.network.projection(name))] for name in condition.layers]
    draws = iter(_draws(condition.seed, tuple(kernel.shape for kernel in kernels)))
    return condition.change_kernels(lambda kernel: kernel + condition.level * kernel.std() * next(draws))


@lru_cache(maxsize=1)
def _draws(seed: int, shapes: tuple[tuple[int, ...], ...]) -> list[np.ndarray]:
    """Draw standard normal numbers, which are equal at all levels. They take most of the time of large networks."""
    from netsim.numerics.draws import Purpose, generator_for

    draw = generator_for(Purpose.STUDIED_NETWORK, seed).standard_normal
    return [draw(shape) for shape in shapes]
