"""Small networks to learn with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from netsim.specification import (
    PSP,
    Convolution,
    Dense,
    InitialWeights,
    IntensityEncoder,
    Layer,
    Learning,
    Network,
    Neurons,
    Pooling,
    PSPShape,
)

T_MAX = 10.0


def _neurons(regime: str, depth: int, threshold: float = 1.0) -> Neurons:
    if regime == "free":
        return Neurons(threshold=0.4 + 0.3 * depth, tau=10.0)
    onset = T_MAX * depth
    return Neurons(regime=regime, threshold=threshold, tau=10.0, onset=onset, drive=1.0, bias=True)


@pytest.fixture
def small_network() -> Callable[..., Network]:
    """A function that makes 8x8x2 - 3C3 - P2 - 6 - 4, or its dense part alone."""

    def make(
        regime: str = "free", psp: PSPShape | None = None, convolutional: bool = True, **learning: object
    ) -> Network:
        psp = psp or PSP()
        initial = InitialWeights(mean=2.0 if regime == "free" else 0.5, spread=1.5)
        parts: list[Layer] = []
        if convolutional:
            parts += [
                Layer("conv", Convolution(3, 3, padding=1), neurons=_neurons(regime, 1), psp=psp, initial=initial),
                Layer("pool", Pooling(2)),
            ]
        depth = len(parts) // 2 + 1
        parts += [
            Layer("hidden", Dense(6), neurons=_neurons(regime, depth), psp=psp, initial=initial),
            # every output fires within its window, for the step of another is a convention, no derivative
            Layer(
                "output",
                Dense(4),
                neurons=_neurons(regime, depth + 1, threshold=5.0),
                psp=psp,
                initial=InitialWeights(mean=3.0, spread=0.4),
            ),
        ]
        network = Network.chain("small", IntensityEncoder((8, 8, 2), T_MAX), tuple(parts), duration=100.0)
        # neurons that return into their window get a displacement that is no derivative
        return dataclasses.replace(network, learning=Learning(**{"edges": "stop"} | learning))  # type: ignore[arg-type]

    return make


@pytest.fixture
def stimuli() -> np.ndarray:
    """Five presentations for a small network, a third of the neurons silent."""
    generator = np.random.default_rng(5)
    latencies = generator.uniform(0, T_MAX, (5, 8, 8, 2))
    latencies[generator.random(latencies.shape) < 0.3] = np.inf
    return latencies
