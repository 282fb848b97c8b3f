"""Fixtures of the engine tests: small random networks of every kind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from netsim.engines import Batch
from netsim.specification import PSP, Convolution, Dense, IntensityEncoder, Layer, Network, Neurons, Pooling, PSPShape
from netsim.weights.layout import weight_shapes


@pytest.fixture(params=["ramp", "plateau", "triangle", "breakpoints"])
def psp(request: pytest.FixtureRequest) -> PSPShape:
    """Every shape of the postsynaptic potential; no time is a whole number of steps."""
    return {
        "ramp": PSP(),
        "plateau": PSP("plateau", rise=7.3),
        "triangle": PSP("triangle", rise=5.2, fall=9.1),
        "breakpoints": PSP("breakpoints", breakpoints=((1.2, 1.0), (4.0, -2.5), (11.7, 2.0))),
    }[request.param]


@pytest.fixture(params=["free", "staggered", "phased"])
def regime(request: pytest.FixtureRequest) -> str:
    """Every regime."""
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="session")
def layered() -> Callable[..., Network]:
    """A function that makes a network of convolutions with padding and stride, pooling, and a dense layer."""

    def make(regime: str, psp: PSPShape, bias: bool = True) -> Network:
        def neurons(onset: float, threshold: float) -> Neurons:
            if regime == "free":
                return Neurons(threshold=threshold, tau=10.0, end=60.0, bias=bias)
            return Neurons(regime, threshold, tau=10.0, onset=onset, end=onset + 16.0, drive=0.3, bias=bias)

        return Network.chain(
            "layered",
            IntensityEncoder((7, 6, 2), 20.0),
            (
                Layer("padded", Convolution(5, 3, padding=1), neurons=neurons(15.3, 0.4), psp=psp),
                Layer("pool", Pooling(2)),
                Layer("strided", Convolution(4, 3, stride=2, padding=2), neurons=neurons(30.0, 0.5), psp=psp),
                Layer("overlapping", Pooling(2, stride=1)),
                Layer("output", Dense(6), neurons=neurons(50.0, 0.5), psp=psp),
            ),
            duration=90.0,
        )

    return make


@pytest.fixture(scope="session")
def random_batch() -> Callable[..., Batch]:
    """A function that draws stimuli, a third of them silent, and weights that make most neurons fire."""

    def make(network: Network, presentations: int, seed: int) -> Batch:
        generator = np.random.default_rng(seed)
        weights = {name: generator.normal(0.1, 0.3, shape) for name, shape in weight_shapes(network).items()}
        stimuli = generator.uniform(0.0, network.encoder.t_max, (presentations, *network.encoder.shape))
        stimuli[generator.uniform(size=stimuli.shape) < 0.3] = np.inf
        return Batch(stimuli, weights)

    return make
