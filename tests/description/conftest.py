"""Networks that between them use every setting of a specification."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from netsim.description import Description
from netsim.description.document import pieces
from netsim.specification import (
    PSP,
    Convolution,
    Dense,
    EventEncoder,
    InitialWeights,
    IntensityEncoder,
    Layer,
    Learning,
    Network,
    Neurons,
    Pooling,
    Population,
    Projection,
    Training,
    Weighting,
)

_STAGGERED = Neurons("staggered", 1.5, 16.0, 10.0, 60.0, 0.5, bias=True)
_FREE, _UNIFORM = Neurons("free", 1.0, 12.0, crossing_slope=0.2), InitialWeights("uniform", 1.0)
_PHASED = Neurons("phased", 3.0, 8.0, 60.0, 100.0, 1.0, bias=True)
_OWN = PSP("breakpoints", breakpoints=((0.0, 1.0), (2.5, -0.5), (7.0, -0.75), (9.25, 0.25)))
_LEARNING = {"targets": "relative", "derivative": "exact", "propagation": "causal", "normalised": True}
_LEARNING |= {"optimizer": "sgd", "schedule": "cosine", "weight_decay": 1e-5, "averaging": 0.99}
_LEARNING |= {"balanced": True, "revive_below": 0.001}

_NETWORKS = {
    "mixed": Network.chain(
        "mixed",
        IntensityEncoder((12, 10, 2), 20.0),
        (
            Layer("conv_1", Convolution(4, 3, 1, 1), _STAGGERED, PSP("triangle", 8.0, 12.0), _UNIFORM),
            Layer("pool", Pooling(2, 1), dropout=0.25),
            Layer("hidden", Dense(30), _FREE, _OWN, dropout=0.1, plastic=False),
            Layer("output", Dense(10), _PHASED, PSP("plateau", 5.0)),
        ),
        100.0,
        weighting=Weighting("binary", "layer"),
        learning=Learning(**_LEARNING),  # type: ignore[arg-type]
        training=Training("folder/of images", "brian2", 1.0, flips=True, shift=2, occlusion=5),
        description="every regime",
    ),
    "recordings": Network.chain(
        "recordings",
        EventEncoder((6, 6, 2), 30.0, 2, "separate", "first-event"),
        (
            Layer("conv", Convolution(3, 3, 2, 0), Neurons("free", bias=True), rest_below=0.9),
            Layer("output", Dense(4), Neurons("free", tau=20.0)),
        ),
        90.0,
        weighting=Weighting("binary", scale_rate=2.0),
        learning=Learning(label_smoothing=0.1, weight_decay=0.01, schedule="constant", revive_below=0.01),
        training=Training("tonic:NMNIST", precision="double", pretrained="runs/before"),
    ),
    "phased": Network.chain(
        "phased",
        IntensityEncoder((4, 4, 1), 16.0),
        (
            Layer("hidden", Dense(5), Neurons("phased", onset=16.0, end=40.0, drive=1.0)),
            Layer("output", Dense(3), Neurons("phased", onset=40.0, drive=1.0)),
        ),
        80.0,
    ),
    "leaky": Network.chain(
        "leaky",
        IntensityEncoder((4, 4, 1), 16.0),
        (
            Layer("hidden", Dense(5), Neurons(family="leaky", tau_syn=5.0, bias=True)),
            Layer("output", Dense(3), Neurons("staggered", onset=10.0, drive=1.0, family="leaky"), delay=1.0),
        ),
        80.0,
        learning=Learning(derivative="exact"),
    ),
    "graph": Network(
        "graph",
        IntensityEncoder((6, 6, 1), 16.0),
        (
            Population("maps", (4, 4, 2), Neurons(tau=8.0)),
            Population("pool", (2, 2, 2), None, dropout=0.1),
            Population("output", (3,), Neurons("staggered", onset=10.0, drive=1.0)),
        ),
        (
            Projection("stimulus", "maps", Convolution(2, 3)),
            Projection("maps", "pool", Pooling(2), delay=1.0),
            Projection("pool", "output", Dense(), PSP("plateau", 3.0), delay=2.5, sign="excitatory"),
            Projection("stimulus", "output", Dense(), sign="inhibitory", plastic=False, name="skip"),
        ),
        64.0,
    ),
}


@pytest.fixture
def networks() -> dict[str, Network]:
    """All of these networks, by name."""
    return _NETWORKS


@pytest.fixture(params=_NETWORKS)
def network(request: pytest.FixtureRequest) -> Network:
    """Each of these networks."""
    return _NETWORKS[request.param]


@pytest.fixture
def mixed() -> Network:
    """The network with most settings."""
    return _NETWORKS["mixed"]


@pytest.fixture
def formulas() -> Callable[[Description], list[str]]:
    """A function that lists the mathematics of a description, in the order of the text."""

    def listed(description: Description) -> list[str]:
        texts = [description.title, description.introduction]
        for table in description.tables:
            texts += table.headings
            texts += [line for row in table.rows for cell in row for line in cell.split("\n")]
            texts += table.notes
        return [piece.content for text in texts for piece in pieces(text) if piece.sort == "math"]

    return listed
