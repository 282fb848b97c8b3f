"""Lesions: neurons, or whole maps, that never fire."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from netsim.engines import Batch
from netsim.specification import Network, Shape


def lesion_neurons(
    network: Network, batch: Batch, layers: Sequence[str], level: float, generator: np.random.Generator
) -> Batch:
    """The fraction `level` of the neurons of each layer, chosen at random, is silent."""
    return dataclasses.replace(
        batch,
        silenced={
            name: _some(int(np.prod(shape)), level, generator).reshape(shape)
            for name, shape in _shapes(network, layers).items()
        },
    )


def lesion_maps(
    network: Network, batch: Batch, layers: Sequence[str], level: float, generator: np.random.Generator
) -> Batch:
    """The fraction `level` of the maps of each layer, chosen at random, is silent."""
    return dataclasses.replace(
        batch,
        silenced={
            name: np.broadcast_to(_some(shape[-1], level, generator), shape)
            for name, shape in _shapes(network, layers).items()
        },
    )


def _shapes(network: Network, layers: Sequence[str]) -> dict[str, Shape]:
    """Shapes of the named layers, in the order of the network."""
    return {
        layer.name: shape
        for layer, shape in zip(network.layers, network.shapes[1:], strict=True)
        if layer.name in layers
    }


def _some(count: int, fraction: float, generator: np.random.Generator) -> np.ndarray:
    """Which of `count` are chosen; with the same seed, a larger fraction holds a smaller one."""
    return generator.permutation(count) < round(fraction * count)
