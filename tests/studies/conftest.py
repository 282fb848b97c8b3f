"""A small network with convolution, pooling and dense layers, its weights and stimuli."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from netsim.data.stimuli import Stimuli
from netsim.specification import Convolution, Dense, IntensityEncoder, Layer, Network, Neurons, Pooling
from netsim.weights.layout import Weights, weight_shapes


@pytest.fixture(scope="session")
def network() -> Network:
    """Phased, staggered and free neurons, so that every way to a spike is disturbed."""
    return Network.chain(
        "small",
        IntensityEncoder((7, 7, 1), 16.0),
        (
            Layer("conv", Convolution(4, 3), neurons=Neurons("phased", 1.0, 16.0, onset=16.0, drive=1.0, bias=True)),
            Layer("pool", Pooling(2)),
            Layer("hidden", Dense(12), Neurons("staggered", 1.5, 16.0, onset=30.0, drive=0.5)),
            Layer("output", Dense(3), Neurons(threshold=1.2, tau=16.0)),
        ),
        duration=90.0,
    )


@pytest.fixture(scope="session")
def weights(network: Network) -> Weights:
    """Weights that make most neurons fire."""
    generator = np.random.default_rng(5)
    return {name: generator.normal(0.05, 0.3, shape) for name, shape in weight_shapes(network).items()}


@pytest.fixture
def stimuli(network: Network, random_stimuli: Callable[..., Stimuli]) -> Stimuli:
    """Twenty stimuli of three classes."""
    return random_stimuli(network.encoder, 20, 3)
