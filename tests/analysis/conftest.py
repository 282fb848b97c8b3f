"""A small network with maps and vectors, and latencies for it."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from netsim.engines import Latencies
from netsim.specification import Convolution, Dense, IntensityEncoder, Layer, Network, Neurons, Pooling


@pytest.fixture
def network() -> Network:
    return Network.chain(
        name="small",
        encoder=IntensityEncoder((6, 5, 1), 16.0),
        layers=(
            Layer("conv", Convolution(3, 3), neurons=Neurons("phased", onset=16.0, end=32.0, drive=1.0)),
            Layer("pool", Pooling(2)),
            Layer("hidden", Dense(7), Neurons("staggered", threshold=2.0, onset=24.0, end=40.0, drive=1.0)),
            Layer("output", Dense(4), Neurons("phased", onset=40.0, drive=1.0)),
        ),
        duration=64.0,
    )


@pytest.fixture
def latencies(network: Network) -> Latencies:
    """Five presentations in which about half of the neurons fire."""
    generator = np.random.default_rng(4)
    return Latencies(
        {
            name: np.where(generator.random((5, *shape)) < 0.5, generator.uniform(0, 63, (5, *shape)), np.inf)
            for name, shape in network.shapes.items()
        }
    )


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")
