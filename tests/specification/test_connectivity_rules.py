"""Rules whose synapses each have a weight of their own: which pairs they list, and what they refuse."""

from __future__ import annotations

import math
import shutil
import tracemalloc
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from netsim.errors import SpecificationError
from netsim.files import file_sha256
from netsim.seams import connectivities
from netsim.specification import (
    Connectivity,
    Convolution,
    Dense,
    Distance,
    EdgeList,
    IntensityEncoder,
    Layer,
    LocallyConnected,
    Network,
    OneToOne,
    Random,
)
from netsim.specification.toml import network_from_dict, network_to_dict, read_network, with_files_beside, write_network
from netsim.sweeps.plan import read_plan
from netsim.weights.initial import initial_weights

MAPS, COARSE = (5, 6, 2), (3, 2, 3)
degrees = st.integers(1, 12)


def _pairs(rule: Connectivity, source: tuple[int, ...], target: tuple[int, ...]) -> set[tuple[int, int]]:
    """The pairs of a rule, after what holds for all of these rules has been seen to hold."""
    connections = rule.checked_connections(source, target)
    assert rule.weight_shape(source, target) == (connections.pre.size,)
    keys = connections.pre.astype(np.int64) * math.prod(target) + connections.post
    assert (np.diff(keys) > 0).all()  # sorted by the presynaptic neuron, and none twice
    np.testing.assert_array_equal(connections.post, rule.connections(source, target).post)
    assert rule.about(source, target) >= 0  # type: ignore[attr-defined]
    return set(zip(connections.pre.tolist(), connections.post.tolist(), strict=True))


@given(seed=st.integers(0, 10**6), inputs=st.integers(1, 40), neurons=st.integers(1, 40), data=st.data())
@settings(deadline=None, max_examples=40)
def test_random_pairs_have_the_degrees_asked_for(seed: int, inputs: int, neurons: int, data: st.DataObject) -> None:
    indegree, outdegree = data.draw(st.integers(1, inputs)), data.draw(st.integers(1, neurons))
    pairs = _pairs(Random(indegree=indegree, seed=seed), (inputs,), (neurons,))
    assert np.bincount([post for _, post in pairs]).tolist() == [indegree] * neurons
    pairs = _pairs(Random(outdegree=outdegree, seed=seed), (inputs,), (neurons,))
    assert np.bincount([pre for pre, _ in pairs]).tolist() == [outdegree] * inputs
    assert len(_pairs(Random(probability=1.0, seed=seed), (inputs,), (neurons,))) == inputs * neurons


@pytest.mark.parametrize("probability", [0.003, 0.1, 0.7])
def test_each_pair_has_the_probability_asked_for(probability: float) -> None:
    counts = np.zeros((30, 20))
    for seed in range(300):
        connections = Random(probability=probability, seed=seed).connections((30,), (20,))
        counts[connections.pre, connections.post] += 1
    deviation = math.sqrt(300 * probability * (1 - probability))
    assert abs(counts.sum() - 600 * 300 * probability) < 5 * deviation * math.sqrt(600)
    assert np.abs(counts - 300 * probability).max() < 6 * deviation + 2


def test_a_seed_is_a_draw() -> None:
    first, second = (Random(probability=0.2, seed=seed).connections((50,), (40,)) for seed in (1, 2))
    assert set(zip(*first[:2], strict=True)) != set(zip(*second[:2], strict=True))


def _by_definition(rule: Distance, source: tuple[int, ...], target: tuple[int, ...]) -> np.ndarray:
    """Probability of each pair of neurons, written out pair by pair."""
    chances = np.zeros((math.prod(source), math.prod(target)))
    for pre, post in np.ndindex(chances.shape):
        square = 0.0
        places = np.unravel_index(pre, source), np.unravel_index(post, target)
        for axis in (0, 1):
            side = source[axis]
            far = abs(places[0][axis] + 0.5 - (places[1][axis] + 0.5) * side / target[axis])
            square += min(far, side - far) ** 2 if rule.wrap else far**2
        if rule.radius is None or square <= rule.radius**2 + 1e-9:
            chances[pre, post] = rule.probability
            if rule.sigma is not None:
                chances[pre, post] *= math.exp(-square / (2 * rule.sigma**2))
    return chances


@pytest.mark.parametrize("target", [MAPS, COARSE, (10, 12, 1)])
@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("radius", [0.4, 1.0, 2.3, 50.0])
def test_a_ball_holds_all_within_its_radius(target: tuple[int, ...], wrap: bool, radius: float) -> None:
    rule = Distance(radius=radius, wrap=wrap)
    expected = {tuple(pair) for pair in np.argwhere(_by_definition(rule, MAPS, target)).tolist()}
    connections = rule.connections(MAPS, target)
    assert set(zip(connections.pre.tolist(), connections.post.tolist(), strict=True)) == expected


@pytest.mark.parametrize(
    ("rule", "target"),
    [
        (Distance(sigma=1.1), (3, 3, 1)),
        (Distance(sigma=0.8, radius=2.0, probability=0.6), COARSE),
        (Distance(sigma=1.5, wrap=True, probability=0.9), (6, 5, 1)),
    ],
)
def test_a_gaussian_has_its_probabilities(rule: Distance, target: tuple[int, ...]) -> None:
    expected = _by_definition(rule, MAPS, target)
    counts, draws = np.zeros_like(expected), 60
    for seed in range(draws):
        connections = Distance(None, rule.sigma, rule.radius, rule.probability, rule.wrap, seed).connections(
            MAPS, target
        )
        np.add.at(counts, (connections.pre, connections.post), 1)
    assert counts.max() <= draws  # no pair twice
    deviation = np.sqrt(draws * expected * (1 - expected))
    assert (np.abs(counts - draws * expected) < 6 * deviation + 1e-9 + 3 * (expected > 0)).all()
    assert abs(counts.sum() - draws * expected.sum()) < 5 * math.sqrt(np.square(deviation).sum())
    assert rule.about(MAPS, target) >= 0.8 * expected.sum()


def test_locally_connected_neurons_see_what_those_of_a_convolution_do() -> None:
    local, shared = LocallyConnected(4, 3, stride=2), Convolution(4, 3, stride=2)
    source = (7, 9, 2)
    target = local.target_shape(source)
    assert target == shared.target_shape(source)
    connections = shared.connections(source, target)
    assert _pairs(local, source, target) == set(zip(connections.pre.tolist(), connections.post.tolist(), strict=True))


def test_one_to_one_is_one_to_one() -> None:
    assert _pairs(OneToOne(), MAPS, MAPS) == {(k, k) for k in range(60)}


def _write_sonata(path: Path, populations: dict[str, tuple[list[int], list[int], list[float] | None]]) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, (pre, post, weights) in populations.items():
            group = file.create_group(f"edges/{name}")
            group["source_node_id"], group["target_node_id"] = np.array(pre, np.uint64), np.array(post, np.uint64)
            group["edge_group_id"] = np.zeros(len(pre), np.uint16)
            group["edge_group_index"] = np.arange(len(pre), dtype=np.uint64)[::-1]
            if weights is not None:
                group["0/syn_weight"] = np.array(weights)[::-1]
    return path


@pytest.mark.parametrize("suffix", [".csv", ".h5"])
def test_an_edge_list_is_the_network(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"edges{suffix}"
    if suffix == ".csv":
        path.write_text("post, weight ,pre\n1,0.5,3\n0,-1.5,3\n1,2,0\n")
    else:
        _write_sonata(path, {"edges": ([3, 3, 0], [1, 0, 1], [0.5, -1.5, 2.0])})
    rule = EdgeList(2, str(path))
    connections = rule.checked_connections((2, 2, 1), (2,))
    assert (connections.pre.tolist(), connections.post.tolist()) == ([0, 3, 3], [1, 0, 1])
    network = Network.chain("listed", IntensityEncoder((2, 2, 1), 5.0), [Layer("output", rule)], 20.0)
    np.testing.assert_array_equal(initial_weights(network, 7)["output.kernel"], [2.0, -1.5, 0.5])
    assert network_from_dict(network_to_dict(network)) == network
    excitatory = network.projections[0].__class__("stimulus", "output", rule, sign="excitatory")
    signed = Network("signed", network.encoder, network.populations, (excitatory,), 20.0)
    with pytest.raises(
        SpecificationError, match=r"projections.stimulus_to_output.connectivity: defines weights that are not exc"
    ):
        initial_weights(signed, 0)
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(SpecificationError, match=r"file: .* has another SHA-256 .* than this network was"):
        network_from_dict(network_to_dict(signed))


def test_a_list_of_edges_moves_with_its_network(tmp_path: Path) -> None:
    there, here, elsewhere = (tmp_path / name for name in ("there", "here", "elsewhere"))
    for folder in (there, here, elsewhere):
        folder.mkdir()
    (there / "edges.csv").write_text("pre,post\n0,1\n3,0\n")
    rule = EdgeList(2, str(there / "edges.csv"))
    network = Network.chain("listed", IntensityEncoder((2, 2, 1), 5.0), [Layer("output", rule)], 20.0)
    write_network(network, here / "network.toml")
    shutil.move(there / "edges.csv", elsewhere)
    with pytest.raises(SpecificationError, match=r"edges.csv does not exist; bring it back, or put it next to the"):
        read_network(here / "network.toml")
    shutil.copy(elsewhere / "edges.csv", here)
    assert read_network(here / "network.toml") == network
    # what lies where the list was is not taken for it, nor what has its name
    (there / "edges.csv").write_text("pre,post\n0,1\n")
    assert read_network(here / "network.toml") == network
    (here / "edges.csv").write_text("pre,post\n0,1\n")
    with pytest.raises(SpecificationError, match="has another SHA-256"):
        read_network(here / "network.toml")


@connectivities.register("in-a-file")
@dataclass(frozen=True)
class InAFile(Dense):
    """A rule of one's own that has a file, and calls its checksum as it likes."""

    files: ClassVar[Mapping[str, str]] = MappingProxyType({"table": "digest", "remark": ""})
    table: str = ""
    digest: str = ""
    remark: str = ""


def test_files_of_a_rule_of_ones_own_move_with_its_network(tmp_path: Path) -> None:
    for folder, text in (("one", "1"), ("two", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "numbers.txt").write_text(text)
    (tmp_path / "two" / "remark.txt").write_text("")
    digest = file_sha256(tmp_path / "two" / "numbers.txt")
    rule = {"rule": "in-a-file", "table": "gone/numbers.txt", "digest": digest, "remark": "remark.txt"}
    result = with_files_beside({"layers": [rule]}, tmp_path / "one", tmp_path / "two")["layers"][0]
    assert result["table"] == str(tmp_path / "two" / "numbers.txt")  # of two of this name, that of the checksum
    assert result["remark"] == str(tmp_path / "two" / "remark.txt")
    unknown = with_files_beside({"layers": [rule | {"remark": "gone/remark.txt"}]}, tmp_path / "two")["layers"][0]
    assert unknown["remark"] == "gone/remark.txt"  # without a checksum a file of another folder is another file


def test_a_relative_path_of_a_list_counts_from_the_network_if_nothing_else_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "edges.csv").write_text("pre,post\n0,1\n3,0\n")
    rule = EdgeList(2, "mine/edges.csv")
    network = Network.chain("listed", IntensityEncoder((2, 2, 1), 5.0), [Layer("output", rule)], 20.0)
    table = network_to_dict(network)
    table["layers"][0] |= {"file": "edges.csv"}
    del table["layers"][0]["sha256"]
    (folder / "network.toml").write_text(tomli_w.dumps(table))
    assert read_network(folder / "network.toml") == network
    Path("sweep.toml").write_text('base = "mine/network.toml"\n[grid]\nlearning.rate = [0.1, 0.2]\n', encoding="utf-8")
    assert [run.network.projections for run in read_plan(Path("sweep.toml")).runs] == 2 * [network.projections]
    Path("edges.csv").write_text("pre,post\n1,1\n", encoding="utf-8")  # the current folder comes first
    assert read_network(folder / "network.toml") != network


@pytest.mark.parametrize("name", ["source_node_id", "target_node_id", "edge_group_index"])
@pytest.mark.parametrize("value", [0.5, np.nan, np.inf])
@pytest.mark.usefixtures("scanned_here")
def test_numbers_of_sonata_that_are_no_whole_ones_are_refused(name: str, value: float, tmp_path: Path) -> None:
    import h5py

    path = _write_sonata(tmp_path / "edges.h5", {"edges": ([0, 3], [0, 1], [1.0, 2.0])})
    for number in (1.0, value):
        with h5py.File(path, "r+") as file:
            del file[f"edges/edges/{name}"]
            file[f"edges/edges/{name}"] = np.array([0.0, number])
        if number == 1.0:  # floats that are whole numbers are taken
            assert EdgeList(2, str(path)).about((2, 2, 1), (2,)) == 2
    with pytest.raises(SpecificationError, match=rf"edges.h5 has {name} of float64 that are not whole numbers"):
        EdgeList(2, str(path)).connections((2, 2, 1), (2,))


@pytest.mark.usefixtures("scanned_here")
def test_weights_that_a_list_lacks_are_drawn(tmp_path: Path) -> None:
    path = _write_sonata(tmp_path / "edges.h5", {"one": ([0, 0], [1, 1], None), "other": ([1], [0], [1.0])})
    rule = EdgeList(2, str(path), "one")  # two synapses between the same neurons
    network = Network.chain("listed", IntensityEncoder((2, 1, 1), 5.0), [Layer("output", rule)], 20.0)
    assert initial_weights(network, 1)["output.kernel"].shape == (2,)
    with pytest.raises(SpecificationError, match=r"population: is missing; .* has one, other"):
        EdgeList(2, str(path)).connections((2, 1, 1), (2,))
    with pytest.raises(SpecificationError, match=r"population: 'no' is not in .*, which has one, other"):
        EdgeList(2, str(path), "no").connections((2, 1, 1), (2,))


def test_other_files_than_csv_and_sonata_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "edges.parquet"
    path.write_bytes(b"PAR1 and more")
    with pytest.raises(SpecificationError, match=r"edges\.parquet is neither CSV nor HDF5; write the edges as"):
        EdgeList(2, str(path)).connections((2, 1, 1), (2,))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("pre,post\n0,0\n4,1\n", "file: .* has source neurons from 0 to 4, but there are 0 to 3"),
        ("pre,post\n0,-1\n", "file: .* has target neurons from -1 to -1, but there are 0 to 1"),
        ("pre,post\n", "file: .* has no edges"),
        ("0,1\n1,1\n", "file: .* needs a line with the names pre, post and, if there are weights, weight"),
        ("pre,post,weight\n0,1,nan\n", "file: .* has weights that are NaN or infinite"),
        ("pre,post\n0,1.5\n", "file: .* cannot be read as a list of edges"),
        ("pre,post\n0\n", "file: .* has 1 values in line 2, but 2 columns"),
        ("pre,post,weight\n0,1,1.0\n1,1,0,5\n", "file: .* has 4 values in line 3, but 3 columns; write decimals with"),
        ("pre,post,delay\n0,1,5.0\n", "file: .* has other columns than pre, post and weight: 'delay'; leave them out"),
        ("pre,post,weight,weight\n0,1,1,2\n", "file: .* columns than pre, post and weight: 'weight'; leave them out"),
        (None, "file: .* does not exist"),
    ],
)
def test_lists_that_cannot_be(content: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    if content is not None:
        path.write_text(content)
    rule = {"rule": "edge-list", "file": str(path)}
    table = {
        "name": "x",
        "duration": 99.0,
        "encoder": {"shape": [2, 2, 1]},
        "populations": [{"name": "output", "shape": [2]}],
        "projections": [{"source": "stimulus", "target": "output", "connectivity": rule}],
    }
    with pytest.raises(SpecificationError, match=message):
        network_from_dict(table)


def test_names_of_columns_may_have_quotes(tmp_path: Path) -> None:
    (tmp_path / "edges.csv").write_text('"post","pre","weight"\n1,0,0.5\n')
    rule = EdgeList(2, str(tmp_path / "edges.csv"))
    assert rule.connections((4,), (2,)).post.tolist() == [1]
    np.testing.assert_array_equal(rule.known_weights((4,), (2,)), [0.5])


def test_delays_that_are_not_read_are_noticed(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = _write_sonata(tmp_path / "edges.h5", {"one": ([0, 1], [1, 1], [1.0, 2.0])})
    with h5py.File(path, "r+") as file:
        file["edges/one/0/delay"] = [0.0, 1.5]
    with pytest.warns(UserWarning, match=r"delays of edges are not read; .* PROJECTION.delay"):
        EdgeList(2, str(path)).connections((4,), (2,))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "edges.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(SpecificationError, match=r"file: .* cannot be read as a list of edges"):
        EdgeList(2, str(path)).connections((4,), (2,))


def test_a_gaussian_is_not_looked_for_where_it_is_nothing() -> None:
    rule, near = Distance(1, 0.2), Distance(1, 0.2, radius=9.0)
    for shape in ((200, 200, 1), (40, 3, 2)):
        result, expected = (each.pairs(shape, (*shape[:2], 1)) for each in (rule, near))
        assert all((first == second).all() for first, second in zip(result, expected, strict=True))
    alone = Distance(1, 0.05).pairs((5, 4, 1), (5, 4, 1))
    assert all(ends.tolist() == list(range(20)) for ends in alone)
    wide = Distance(1, radius=5e29)
    with pytest.raises(SpecificationError, match=r"at most 1,048,576 work; give a smaller radius"):
        wide.check((2**63, 4, 1), (2**63, 4, 1))


@pytest.mark.parametrize(
    "rule",
    [Random(10**6, 1.0), Random(10**6, indegree=10**6), Distance(10**4, radius=400.0), LocallyConnected(10**4, 30)],
)
def test_too_many_synapses_are_refused_before_memory_is_taken(rule: Connectivity) -> None:
    encoder = IntensityEncoder((1000, 1000, 1), 5.0)
    tracemalloc.start()
    try:
        with pytest.raises(
            SpecificationError, match=r"layers.wide: has about [0-9,]+ synapses; at most 268,435,456 can"
        ):
            Network.chain("x", encoder, [Layer("wide", rule), Layer("output", Dense(2))], 20.0)
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


def test_as_many_synapses_as_are_allowed_can_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsim.specification.connectivity._per_synapse.MOST_SYNAPSES", 12)
    Random(3, indegree=4).check_size_of((2, 2, 1), (3,))
    with pytest.raises(SpecificationError, match="has about 15 synapses; at most 12 can be listed"):
        Random(5, indegree=3).check_size_of((2, 2, 1), (5,))
