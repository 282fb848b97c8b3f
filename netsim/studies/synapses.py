"""Disturbed synapses: noise on weights, and weights of few bits. Biases are currents and stay as they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from netsim.engines import Batch
from netsim.specification import Network
from netsim.weights.layout import Weights, kernel_name, layer_shapes

_STEPS = 25


def weight_noise(
    network: Network, batch: Batch, layers: Sequence[str], level: float, generator: np.random.Generator
) -> Batch:
    """Normal noise on the weights of the layers, `level` times as wide as these themselves."""

    def noisy(kernel: np.ndarray) -> np.ndarray:
        return kernel + level * kernel.std() * generator.standard_normal(kernel.shape)

    return dataclasses.replace(batch, weights=_changed(network, batch.weights, layers, noisy))


def weight_bits(
    network: Network, batch: Batch, layers: Sequence[str], level: float, generator: np.random.Generator
) -> Batch:
    """Weights of the layers with `level` bits each, see `quantised`."""
    return dataclasses.replace(
        batch, weights=_changed(network, batch.weights, layers, lambda kernel: quantised(kernel, int(level)))
    )


def quantised(kernel: np.ndarray, bits: int) -> np.ndarray:
    """Weights as whole numbers, from minus to plus ``2^(bits - 1) - 1``, of a step; one bit is the sign.

    The step is the one, of `_STEPS` from nearly 0 to what reaches the largest weight, that changes the weights least
    (mean square). The scale of one bit is the mean absolute weight, which does the same.
    """
    largest = np.abs(kernel).max()
    if bits == 1 or largest == 0:
        return np.where(kernel >= 0, 1.0, -1.0) * np.abs(kernel).mean()
    most = 2 ** (bits - 1) - 1

    def rounded(step: float) -> np.ndarray:
        return np.clip(np.rint(kernel / step), -most, most) * step

    steps = largest / most * np.arange(1, _STEPS + 1) / _STEPS
    return rounded(min(steps, key=lambda step: float(np.square(rounded(step) - kernel).mean())))


def _changed(
    network: Network, weights: Weights, layers: Sequence[str], change: Callable[[np.ndarray], np.ndarray]
) -> Weights:
    """Weights with some layers' kernels changed."""
    kernels = [kernel_name(layer) for layer, _, _ in layer_shapes(network) if layer.name in layers]
    return weights | {name: change(weights[name]) for name in kernels}
