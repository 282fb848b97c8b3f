"""The diagram of a network: who is where, and where each projection goes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from netsim import Convolution, Delays, Dense, IntensityEncoder, Layer, Network, Population, Projection, Random
from netsim.analysis import network_diagram, projection_table


@pytest.fixture
def network() -> Network:
    """A loop with itself, two skips, relays of signed maps, and delays of all sorts."""
    projections = (
        Projection("stimulus", "e", Dense(), delay=2.0),
        Projection("e", "i", Random(indegree=3), delay=Delays("synapse", 2.0, 1.0, learned=True)),
        Projection("i", "e", Dense(), delay=Delays("axon", 2.0)),
        Projection("i", "i", Dense()),
        Projection("e", "hidden", Dense()),
        Projection("hidden", "output", Dense()),
        Projection("e", "output", Dense()),
        Projection("stimulus", "output", Dense(), sign="inhibitory"),
    )
    populations = (
        Population("e", (6,), inhibitory=0),
        Population("i", (3,), inhibitory=1),
        Population("hidden", (8,), inhibitory=0.25),
        Population("output", (2,)),
    )
    return Network("mixed", IntensityEncoder((4, 4, 1), t_max=16.0), populations, projections, duration=64.0)


def test_levels_signs_and_delays_of_projections(network: Network) -> None:
    table = projection_table(network).set_index(["source", "target"])
    assert table["sign"].to_dict() == {
        ("stimulus", "e"): "any",
        ("i", "e"): "inhibitory",
        ("e", "i"): "excitatory",
        ("i", "i"): "inhibitory",
        ("e", "hidden"): "excitatory",
        ("hidden", "output"): "both",
        ("e", "output"): "excitatory",
        ("stimulus", "output"): "inhibitory",
    }
    levels = {"stimulus": 0, "e": 1, "i": 1, "hidden": 2, "output": 3}
    assert [levels[source] for source, _ in table.index] == table["source_level"].tolist()
    assert [levels[target] for _, target in table.index] == table["target_level"].tolist()
    assert table["recurrent"].tolist() == [source in "ei" and target in "ei" for source, target in table.index]
    delays = table["delay"]
    assert [delays[key] for key in (("stimulus", "e"), ("e", "i"), ("i", "e"), ("i", "i"))] == [
        "fixed",
        "learned",
        "drawn",
        "none",
    ]
    assert table["synapses"].sum() == network.synapses


def test_arrows_begin_and_end_at_their_populations(network: Network) -> None:
    table = projection_table(network)
    axes = network_diagram(table)
    drawn = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    boxes = {text.get_text().split("\n")[0]: box for text, box in zip(axes.texts, drawn, strict=False)}
    assert list(boxes) == ["stimulus", "e", "i", "hidden", "output"]
    found = []
    for arrow in axes.patches:
        if isinstance(arrow, FancyArrowPatch):
            ends = np.asarray(arrow._path_original.vertices)[[0, -1]]  # type: ignore[attr-defined]
            found.append(tuple(next(name for name, box in boxes.items() if _touches(box, end)) for end in ends))
    assert sorted(found) == sorted(zip(table["source"], table["target"], strict=True))
    assert len(axes.lines) == (table["sign"] == "inhibitory").sum()
    plt.close(axes.figure)  # type: ignore[arg-type]


def _touches(box: FancyBboxPatch, point: np.ndarray) -> bool:
    left, bottom = box.get_x(), box.get_y()
    across, up = point[0] - left, point[1] - bottom
    inside = -1e-9 <= across <= box.get_width() + 1e-9 and -1e-9 <= up <= box.get_height() + 1e-9
    at_edge = min(abs(across), abs(across - box.get_width()), abs(up), abs(up - box.get_height())) < 1e-9
    return inside and at_edge


def test_a_rule_is_named_without_its_formulas() -> None:
    layers = Network.chain(
        "maps",
        IntensityEncoder((4, 4, 1), t_max=16.0),
        [Layer("maps", Convolution(2, 3)), Layer("output", Random(3, 0.5, seed=7))],
        duration=64.0,
    )
    texts = [text.get_text() for text in network_diagram(projection_table(layers)).texts]
    assert texts[3] == "Convolution, kernel 3×3\nover all maps, stride 1,\npadding 0\n72"
    assert texts[4].startswith("Random, probability 0.5\n")
    plt.close("all")
