"""The diagram of a network: who is where, and where each projection goes."""

from __future__ import annotations

from itertools import combinations, pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from scipy.spatial import cKDTree

from netsim import Convolution, Delays, Dense, IntensityEncoder, Layer, Network, Population, Projection, Random
from netsim.analysis import network_diagram, projection_table
from netsim.models.presets import load_preset


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
    chain = projection_table(load_preset("digits"))
    assert chain[["source_level", "target_level"]].to_numpy().tolist() == [[0, 1], [1, 2]]
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
        "2 ms",
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
    ends_of, dots = [], []
    for arrow in axes.patches:
        if isinstance(arrow, FancyArrowPatch):
            ends = np.asarray(arrow._path_original.vertices)[[0, -1]]  # type: ignore[attr-defined]
            ends_of.append(tuple(next(name for name, box in boxes.items() if _touches(box, end)) for end in ends))
            if arrow.get_arrowstyle().__class__.__name__ == "Curve":  # without a head: inhibitory
                dots.append(ends[1].tolist())
    assert sorted(ends_of) == sorted(zip(table["source"], table["target"], strict=True))
    assert [np.ravel(line.get_xydata()).tolist() for line in axes.lines] == dots
    assert len(dots) == (table["sign"] == "inhibitory").sum()
    plt.close(axes.figure)  # type: ignore[arg-type]


def _touches(box: FancyBboxPatch, point: np.ndarray) -> bool:
    left, bottom = box.get_x(), box.get_y()
    across, up = point[0] - left, point[1] - bottom
    inside = -1e-9 <= across <= box.get_width() + 1e-9 and -1e-9 <= up <= box.get_height() + 1e-9
    at_edge = min(abs(across), abs(across - box.get_width()), abs(up), abs(up - box.get_height())) < 1e-9
    return inside and at_edge


@pytest.fixture
def crowded() -> Network:
    """Streams side by side, skips past populations on both sides, a loop of three, and two projections of one pair."""
    pairs = [("stimulus", name) for name in ("a", "b", "c", "d", "output")]
    pairs += [(source, target) for source in "abc" for target in "abc"]
    pairs += [("a", "a"), ("a", "b"), ("d", "e"), ("e", "output"), ("d", "output"), ("a", "output"), ("c", "output")]
    populations = tuple(Population(name, (3,)) for name in (*"abcde", "output"))
    projections = tuple(Projection(source, target, Dense(), name=f"p{n}") for n, (source, target) in enumerate(pairs))
    return Network("crowded", IntensityEncoder((4, 4, 1), t_max=16.0), populations, projections, duration=64.0)


def test_no_text_lies_on_another_one(network: Network, crowded: Network) -> None:
    for shown in (network, crowded):
        axes = network_diagram(projection_table(shown))
        axes.figure.draw_without_rendering()  # type: ignore[union-attr]
        extents = [text.get_window_extent() for text in axes.texts]
        assert not [(a, b) for a, b in combinations(extents, 2) if a.overlaps(b)]
        assert all(axes.figure.bbox.x0 <= each.x0 and each.x1 <= axes.figure.bbox.x1 for each in extents)
        plt.close(axes.figure)  # type: ignore[arg-type]


def test_no_arrow_lies_behind_a_box_or_on_another_arrow(network: Network, crowded: Network) -> None:
    for shown in (network, crowded):
        axes = network_diagram(projection_table(shown))
        boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
        arrows = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
        share = np.linspace(0, 1, 101)[:, None]
        ways = []
        for arrow in arrows:
            corners = np.asarray(arrow._path_original.vertices)  # type: ignore[attr-defined]
            ways.append(np.concatenate([a + share * (b - a) for a, b in pairwise(corners)]))
        for box in boxes:
            low = np.array([box.get_x(), box.get_y()])
            high = low + [box.get_width(), box.get_height()]
            assert not any(((low + 1e-9 < way) & (way < high - 1e-9)).all(axis=1).any() for way in ways)
        for way, other in combinations(ways, 2):
            assert (cKDTree(other).query(way)[0] < 0.005).mean() < 0.1  # they cross, at most
        plt.close(axes.figure)  # type: ignore[arg-type]


def test_a_rule_is_named_without_its_formulas() -> None:
    layers = Network.chain(
        "maps",
        IntensityEncoder((4, 4, 1), t_max=16.0),
        [Layer("maps", Convolution(2, 3)), Layer("output", Random(3, 0.5, seed=7))],
        duration=64.0,
    )
    texts = [text.get_text() for text in network_diagram(projection_table(layers)).texts]
    assert texts[3:] == [
        "Convolution, kernel 3×3 over all maps, stride 1,\npadding 0: 72 synapses",
        f"Random, probability 0.5: {layers.synapse_count(layers.projections[1])} synapses",
    ]
    plt.close("all")
