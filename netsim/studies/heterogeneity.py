"""Heterogeneous neurons and axons: a threshold for each neuron, a conduction delay for each axon."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from netsim.engines import Batch
from netsim.specification import Network
from netsim.weights.layout import layer_shapes


def heterogeneous_thresholds(
    network: Network, batch: Batch, layers: Sequence[str], level: float, generator: np.random.Generator
) -> Batch:
    """Log-normal thresholds with the layer's as their mean and `level` as their coefficient of variation."""
    spread = np.sqrt(np.log1p(level**2))
    thresholds = {}
    for layer, _, shape in layer_shapes(network):
        if layer.name in layers:
            factors = np.exp(spread * generator.standard_normal(shape) - spread**2 / 2)
            thresholds[layer.name] = layer.neurons.threshold * factors
    return dataclasses.replace(batch, thresholds=thresholds)


def jittered_delays(
    network: Network, batch: Batch, layers: Sequence[str], level: float, generator: np.random.Generator
) -> Batch:
    """Half-normal delays of all axons that go to the layers: the absolute value of a normal draw of `level` ms."""
    return dataclasses.replace(
        batch,
        delays={
            layer.name: level * np.abs(generator.standard_normal(source))
            for layer, source, _ in layer_shapes(network)
            if layer.name in layers
        },
    )


def equal_delays(
    network: Network, batch: Batch, layers: Sequence[str], level: float, generator: np.random.Generator
) -> Batch:
    """The mean of `jittered_delays` for each axon: what is left of them without the jitter."""
    mean = level * np.sqrt(2 / np.pi)
    return dataclasses.replace(
        batch,
        delays={
            layer.name: np.full(source, mean) for layer, source, _ in layer_shapes(network) if layer.name in layers
        },
    )
