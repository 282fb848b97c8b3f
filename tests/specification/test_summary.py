"""A specification in a few words and numbers."""

from __future__ import annotations

import dataclasses
import math

import pytest

from netsim.models.presets import load_preset, preset_names
from netsim.specification import Dense, IntensityEncoder, Network, Population, Projection, Weighting
from netsim.specification.summary import architecture, summarise
from netsim.weights.layout import kernel_name, latent_shapes


def test_a_projection_from_elsewhere_has_its_source() -> None:
    network = Network(
        "skip",
        IntensityEncoder((8, 8, 2), 16.0),
        (Population("hidden", (20,)), Population("output", (10,))),
        (
            Projection("stimulus", "hidden", Dense()),
            Projection("hidden", "output", Dense()),
            Projection("stimulus", "output", Dense(), plastic=False),
        ),
        64.0,
    )
    assert architecture(network) == "8x8x2-20-10+10(stimulus)"
    assert summarise(network)["synapses"] == 128 * 20 + 20 * 10 + 128 * 10
    assert summarise(network)["parameters"] == 128 * 20 + 20 * 10


@pytest.mark.parametrize("name", preset_names())
@pytest.mark.parametrize(
    "weighting",
    [Weighting(), *(Weighting("binary", scale, rate) for scale in ("channel", "layer") for rate in (0.0, 1.0))],
)
def test_parameters_are_those_that_a_training_changes(name: str, weighting: Weighting) -> None:
    network = load_preset(name)
    if weighting.is_binary:  # whose weights are nothing but signs, so that neurons cannot have some
        populations = tuple(dataclasses.replace(population, inhibitory=None) for population in network.populations)
        projections = tuple(dataclasses.replace(projection, sign="any") for projection in network.projections)
        network = dataclasses.replace(network, populations=populations, projections=projections)
    network = dataclasses.replace(network, weighting=weighting)
    static = {kernel_name(projection) for projection in network.weighted if not projection.plastic}
    shapes = latent_shapes(network)
    assert summarise(network)["parameters"] == sum(math.prod(shapes[name]) for name in shapes if name not in static)
