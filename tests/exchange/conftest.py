"""A small simulation with maps and vectors, and silence of all kinds."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from netsim.runs.model import Model
from netsim.seams import connectivities
from netsim.specification import (
    PSP,
    Convolution,
    Delays,
    Dense,
    IntensityEncoder,
    Layer,
    Network,
    Neurons,
    Pooling,
    Population,
    Projection,
    PSPShape,
)
from netsim.spikes import LayerSpikes, Spikes

EXPECTED = (
    # Elephant calls quantities so
    "ignore:The 'copy' argument in Quantity is deprecated",
    "ignore::DeprecationWarning:brian2",
    "ignore::DeprecationWarning:pyparsing",
)
"""Warnings of libraries about themselves; all others are errors here, so that no call of ours is deprecated."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Make warnings errors in the tests of this folder, except where tools run in any version."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.path.name != "test_tools.py":
            for filters in (*reversed(EXPECTED), "error"):
                item.add_marker(pytest.mark.filterwarnings(filters), append=False)


@pytest.fixture(autouse=True)
def _scanned_here(request: pytest.FixtureRequest) -> None:
    """Check HDF5 files in this process, except in tests of damaged files, which may crash HDF5."""
    if request.path.name not in ("test_damaged_files.py", "test_foreign_nir.py"):
        request.getfixturevalue("scanned_here")


@pytest.fixture(scope="session")
def simulation() -> Spikes:
    """Four presentations; the layer `hidden` and the whole third presentation but for its stimulus are silent."""
    network = Network.chain(
        name="small",
        encoder=IntensityEncoder((4, 5, 2), 16.0),
        layers=(
            Layer("conv", Convolution(3, 3), neurons=Neurons("phased", onset=16.0, end=32.0, drive=1.0)),
            Layer("pool", Pooling(2)),
            Layer("hidden", Dense(5), Neurons("staggered", threshold=2.0, onset=24.0, end=40.0, drive=1.0)),
            Layer("output", Dense(3), Neurons("phased", onset=40.0, drive=1.0)),
        ),
        duration=64.3,
    )
    generator = np.random.default_rng(4)
    latencies = {
        name: np.where(generator.random((4, *shape)) < 0.5, generator.uniform(0, 64, (4, *shape)), np.inf)
        for name, shape in network.shapes.items()
    }
    latencies["stimulus"][0, 0, 0, 0] = 0.0
    latencies["hidden"][:] = np.inf
    for population in network.populations:
        latencies[population.name][2] = np.inf
    layers = [
        replace(LayerSpikes.of_latencies(name, times), window=network.firing_window(name), observed=False)
        for name, times in latencies.items()
    ]
    labels, indices = np.array([1, 0, 2, 1]), np.array([7, 3, 0, 12])
    return Spikes.of_layers(layers, labels, indices, shapes=network.shapes, model=Model(network, {}))


@pytest.fixture(scope="session")
def drawn() -> ModuleType:
    """The module ``tests/random_networks.py``, whose connectivities have names here."""
    spec = importlib.util.spec_from_file_location("netsim_drawn", Path(__file__).parents[1] / "random_networks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["netsim_drawn"] = module
    spec.loader.exec_module(module)
    connectivities.register("every-other-neuron")(module.EveryOther)
    connectivities.register("pairs-with-replacement")(module.DrawnPairs)
    return module


@pytest.fixture(scope="session")
def free_network() -> Callable[..., Network]:
    """A function of the PSP of one projection and of other settings, which returns a network of the regime `free`.

    It has maps, relays, a loop, ends, and delays of all kinds.
    """

    def build(psp: PSPShape | None = None, **settings: Any) -> Network:
        free = Neurons("free", threshold=0.8, tau=16.0, end=40.0)
        populations = (
            Population("conv", (4, 5, 2), Neurons("free", threshold=0.5, tau=16.0, bias=True)),
            Population("pool", (2, 2, 2), None),
            Population("e", (12,), free),
            Population("i", (4,), free),
            Population("output", (3,), free),
        )
        projections = (
            Projection("stimulus", "conv", Convolution(2, 3, padding=1), delay=0.5),
            Projection("conv", "pool", Pooling(2), delay=1.0),
            Projection("pool", "e", Dense(), psp or PSP(), delay=1.0),
            Projection("i", "e", Dense(), delay=2.0),
            Projection("e", "i", Dense(), delay=Delays("synapse", mean=3.0, spread=1.0)),
            Projection("e", "output", Dense(), delay=Delays("axon", mean=3.0, spread=1.0)),
        )
        encoder = IntensityEncoder((4, 5, 1), t_max=16.0)
        return Network("free", encoder, populations, projections, duration=64.0, **settings)

    return build
