"""NIR: graphs that NIR's own checks accept, and networks that come back from them with the same spikes."""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate

from netsim.engines import Batch, Latencies, make_engine
from netsim.errors import DataError, NetsimError, RunError
from netsim.exchange import export, import_network
from netsim.runs.folder import create_run, describe_run
from netsim.runs.model import Model, load_model
from netsim.seams import connectivities
from netsim.specification import (
    PSP,
    Connections,
    Connectivity,
    Convolution,
    Delays,
    Dense,
    IntensityEncoder,
    Layer,
    NeighbourhoodWinners,
    Network,
    Neurons,
    Pooling,
    Population,
    Projection,
    Shape,
    Weighting,
)
from netsim.spikes import Spikes
from netsim.weights.binary import forward_weights
from netsim.weights.layout import Weights, bound_to_signs, initial_delays, weight_shapes

nir = pytest.importorskip("nir", reason="graphs of NIR need nir, of the extra 'exchange'")

from netsim.exchange.networks._graph import _close, from_graph, to_graph  # noqa: E402
from netsim.exchange.networks.nir import without_primitive  # noqa: E402

PSPS = [
    PSP(),
    PSP("plateau", rise=7.3),
    PSP("triangle", rise=5.2, fall=9.1),
    PSP("breakpoints", breakpoints=((1.2, 1.0), (4.0, -2.5), (11.7, 2.0))),
]

DELAYS = [0.0, 2.5, Delays("axon", 2.0, 1.0), Delays("synapse", 2.0, 1.0, learned=True)]


@st.composite
def _networks(draw: st.DrawFn) -> Network:
    """Small networks of all kinds of layers, regimes and postsynaptic potentials."""
    shape = draw(st.tuples(st.integers(3, 7), st.integers(3, 7), st.integers(1, 3)))
    layers: list[Layer] = []
    onsets = iter((12.5, 30.0, 45.0))

    def options() -> dict[str, Any]:
        regime, bias, onset = draw(st.sampled_from(["free", "staggered", "phased"])), draw(st.booleans()), next(onsets)
        limits: dict[str, Any] = (
            {} if regime == "free" else {"onset": onset, "end": onset + 20.0, "drive": draw(st.floats(0.1, 2))}
        )
        neurons = Neurons(regime, draw(st.floats(0.1, 1)), draw(st.floats(1, 30)), bias=bias, **limits)
        return {"neurons": neurons, "psp": draw(st.sampled_from(PSPS)), "delay": draw(st.sampled_from(DELAYS))}

    if draw(st.booleans()):
        kernel = draw(st.integers(1, 3))
        stride, padding = draw(st.integers(1, 2)), draw(st.integers(0, kernel - 1))
        layers.append(Layer("conv", Convolution(draw(st.integers(1, 4)), kernel, stride, padding), **options()))
    side = min((layers[0].connectivity.target_shape(shape) if layers else shape)[:2])
    if draw(st.booleans()):
        layers.append(Layer("pool", Pooling(draw(st.integers(1, side)), draw(st.one_of(st.none(), st.integers(1, 3))))))
    if draw(st.booleans()):
        layers.append(Layer("conv_neurons", Dense(draw(st.integers(1, 6))), **options()))
    layers.append(Layer("output", Dense(draw(st.integers(1, 5))), **options()))
    weightings = [Weighting(), Weighting("binary", "channel"), Weighting("binary", "layer")]
    weighting = draw(st.sampled_from(weightings))
    return Network.chain("small", IntensityEncoder(shape, 20.0), tuple(layers), duration=70.0, weighting=weighting)


def _drawn_weights(network: Network, seed: int = 0) -> Weights:
    generator = np.random.default_rng(seed)
    weights = {name: generator.normal(0.1, 0.4, shape) for name, shape in weight_shapes(network).items()}
    weights |= initial_delays(network, seed)
    for projection in network.weighted:
        name = f"{projection.name}.kernel"
        weights[name] = bound_to_signs(weights[name], network.weight_signs(projection))
    return forward_weights(network, weights)


def _latencies(network: Network, weights: Weights, seed: int = 0, dt: float = 0.0) -> Latencies:
    generator = np.random.default_rng(seed)
    stimuli = generator.uniform(0, network.encoder.t_max, (3, *network.encoder.shape))
    stimuli[generator.random(stimuli.shape) < 0.3] = np.inf
    return make_engine("event", network, dt).present(Batch(stimuli, weights))


def _written(network: Network, weights: Weights, record: dict[str, Any] | None = None) -> Any:
    """A graph that NIR wrote, read and checked."""
    buffer = io.BytesIO()
    nir.write(buffer, to_graph(network, weights, record))
    return nir.read(buffer, type_check=True)


def _same_bits(first: Weights, second: Weights) -> bool:
    return first.keys() == second.keys() and all(first[name].tobytes() == second[name].tobytes() for name in first)


@given(_networks(), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_networks_come_back_with_the_same_spikes(network: Network, seed: int) -> None:
    weights = _drawn_weights(network, seed)
    back = from_graph(_written(network, weights, {"seed": seed}), "file")
    assert back.network == network
    assert (back.record, back.assumed) == ({"seed": seed}, ())
    assert _same_bits(back.weights, weights)
    assert _same_bits(forward_weights(network, back.weights), weights)  # as the run folder feeds them forward
    again = _latencies(back.network, back.weights)
    for name, times in _latencies(network, weights).items():
        np.testing.assert_array_equal(again[name], times)


@pytest.mark.parametrize("name", ["digits", "rcsnn-mnist", "bcsnn-mnist"])
def test_presets_come_back_as_runs_with_the_same_spikes(name: str) -> None:
    before = load_model(name)
    export(before, "network.nir")
    imported = import_network("network.nir")
    create_run("run", imported.network, describe_run(0, imported="network.nir"), imported.weights)
    after = load_model("run")
    assert after.network == before.network
    assert after.origin == "imported"
    spikes = _latencies(before.network, before.weights)
    assert np.isfinite(spikes["output"]).any()
    again = _latencies(after.network, after.weights)
    for name, times in spikes.items():
        np.testing.assert_array_equal(again[name], times)


@pytest.fixture
def network() -> Network:
    """Layers of all kinds; height, width and channels differ everywhere."""
    phased = Neurons("phased", 2.0, 16.0, onset=20.0, end=40.0, drive=0.5, bias=True)
    return Network.chain(
        "small",
        IntensityEncoder((7, 6, 2), 20.0),
        (
            Layer("conv", Convolution(5, 3, stride=2, padding=1), neurons=phased, psp=PSPS[2]),
            Layer("pool", Pooling(2, stride=1)),
            Layer("narrow", Convolution(4, 2)),
            Layer("hidden", Dense(8), phased),
            Layer("output", Dense(3), Neurons(threshold=0.5)),
        ),
        duration=90.0,
    )


def test_weights_lie_as_nir_says(network: Network) -> None:
    """Each node is carried out as the documentation of NIR has it, and as netsim connects its neurons."""
    weights = _drawn_weights(network)
    graph = to_graph(network, weights)
    generator = np.random.default_rng(1)
    for projection in network.weighted:
        source, target = network.ends(projection)
        activity = generator.random(source)
        wired = network.connections(projection)
        expected = np.zeros(target)
        kernel = weights[f"{projection.name}.kernel"].ravel()[wired.weight]
        np.add.at(expected.reshape(-1), wired.post, kernel * activity.ravel()[wired.pre])

        node = graph.nodes[f"{projection.name}_synapses"]
        if isinstance(node, nir.Conv2d):
            window = network.window(projection)
            assert window is not None
            padded = np.pad(np.moveaxis(activity, -1, 0), [(0, 0), *[(window.padding, window.padding)] * 2])
            summed = np.stack([correlate(padded, kernel, mode="valid")[0] for kernel in node.weight])
            result = np.moveaxis(summed[:, :: window.stride, :: window.stride], 0, -1)
        else:
            result = node.weight @ (np.moveaxis(activity, -1, 0) if len(source) == 3 else activity).ravel()
        np.testing.assert_allclose(result, expected)


@connectivities.register("drawn-pairs")
@dataclass(frozen=True)
class DrawnPairs(Connectivity):
    """Two synapses per neuron, some of which join the same neurons, and a row of weights that no synapse has."""

    def target_shape(self, source: Shape) -> Shape:
        return source

    def weight_shape(self, source: Shape, target: Shape) -> Shape:
        return (3, math.prod(target))

    def connections(self, source: Shape, target: Shape) -> Connections:
        neurons = math.prod(target)
        pre = np.random.default_rng(0).integers(0, math.prod(source), 2 * neurons)
        pre[neurons:][:2] = pre[:2]
        order = np.argsort(pre, kind="stable")
        weight = np.arange(2 * neurons, dtype=np.int32)[order]
        return Connections(pre[order].astype(np.int32), weight % np.int32(neurons), weight)


@connectivities.register("backwards")
@dataclass(frozen=True)
class Backwards(Connectivity):
    """The first neuron to the last one, without weights."""

    def target_shape(self, source: Shape) -> Shape:
        return source

    def weight_shape(self, source: Shape, target: Shape) -> Shape:
        return ()

    def connections(self, source: Shape, target: Shape) -> Connections:
        pre = np.arange(math.prod(source), dtype=np.int32)
        return Connections(pre, pre[::-1], np.full_like(pre, -1))


@pytest.fixture
def graph_network() -> Network:
    """Populations with several projections onto them, and connectivity that NIR does not know."""
    biased = Neurons("staggered", onset=10.0, drive=0.5, bias=True)
    return Network(
        "branched",
        IntensityEncoder((4, 5, 3), 20.0),
        (
            Population("conv", (2, 3, 3)),
            Population("local", (4, 5, 3), biased),
            Population("pool", (1, 2, 3), None),
            Population("late", (3, 4, 2), biased),
            Population("turned", (3, 4, 2), None),
            Population("output", (6,), biased),
        ),
        (
            Projection("stimulus", "conv", Convolution(3, 3)),
            Projection("stimulus", "local", DrawnPairs(), delay=1.5),
            Projection("conv", "local", Dense(), PSPS[2]),
            Projection("conv", "pool", Pooling(2, 1)),
            Projection("local", "late", Convolution(2, 2)),
            Projection("late", "turned", Backwards()),
            Projection("turned", "output", Dense()),
            Projection("pool", "output", Dense(), sign="inhibitory"),
        ),
        duration=70.0,
    )


def test_any_network_comes_back(graph_network: Network) -> None:
    weights = _drawn_weights(graph_network)
    graph = _written(graph_network, weights)
    expected = "input Input, conv_synapses Conv2d, conv_neurons IF, local_delay Delay, local_flatten Flatten, "
    expected += (
        "local_synapses Affine, conv_to_local_flatten Flatten, conv_to_local_synapses Affine, local_neurons IF, "
    )
    expected += "pool_pooling SumPool2d, late_synapses Affine, late_neurons IF, turned_pooling Linear, output_synapses "
    expected += (
        "Affine, pool_to_output_flatten Flatten, pool_to_output_synapses Affine, output_neurons IF, output Output"
    )
    assert sorted(f"{name} {type(node).__name__}" for name, node in graph.nodes.items()) == sorted(expected.split(", "))
    joined = {source for source, target in graph.edges if target == "local_neurons"}
    assert joined == {"local_synapses", "conv_to_local_synapses"}
    assert (graph.nodes["local_delay"].delay == 0.0015).all()
    assert graph.nodes["local_synapses"].metadata["connectivity"] == "Own rule"
    back = from_graph(graph, "file")
    assert back.network == graph_network
    assert _same_bits(back.weights, weights)
    assert "sparse connectivity (replaced by matrices with zeros)" in without_primitive(graph_network)


@pytest.mark.parametrize("seed", range(4))
def test_loops_and_winners_come_back(seed: int, drawn: ModuleType) -> None:
    """Several projections between two populations, too, and delays of all kinds."""
    network = drawn.random_network(seed)
    weights = _drawn_weights(network, seed)
    graph = _written(network, weights)
    back = from_graph(graph, "file")
    assert back.network == network
    assert _same_bits(back.weights, weights)
    recurrent = [projection for projection in network.projections if network.is_recurrent(projection)]
    assert recurrent
    for projection in recurrent:
        synapses = f"{projection.name}_synapses"
        assert (synapses, f"{projection.target}_neurons") in graph.edges
        onset = network.neurons(projection.target).onset
        assert graph.nodes[synapses].metadata["counts_from_ms"] == onset


def test_winners_and_recurrent_maps_are_said() -> None:
    network = Network(
        "competing",
        IntensityEncoder((4, 5, 1), 20.0),
        (Population("maps", (4, 5, 2), winners=NeighbourhoodWinners(radius=2)), Population("output", (3,))),
        (
            Projection("stimulus", "maps", Convolution(2, 3, padding=1)),
            Projection("maps", "maps", Convolution(2, 3, padding=1), delay=1.0),
            Projection("maps", "output", Dense()),
        ),
        duration=70.0,
    )
    graph = to_graph(network, _drawn_weights(network))
    assert graph.nodes["maps_neurons"].metadata["winners"] == {"scope": "neighbourhood", "first": 1, "radius": 2}
    assert isinstance(graph.nodes["maps_to_maps_synapses"], nir.Conv2d)
    assert set(graph.edges) >= {
        ("maps_neurons", "maps_to_maps_delay"),
        ("maps_to_maps_delay", "maps_to_maps_synapses"),
        ("maps_to_maps_synapses", "maps_neurons"),
    }
    assert "winners" in without_primitive(network)


def test_files_of_version_0_1_come_back(graph_network: Network) -> None:
    weights = _drawn_weights(graph_network)
    graph = to_graph(graph_network, weights, in_seconds=True)
    assert graph.nodes["output_neurons"].r.flat[0] == 1000 / graph_network.output.dynamics.tau
    assert _same_bits(from_graph(graph, "file").weights, weights)


def test_matrices_are_what_the_connections_say(graph_network: Network) -> None:
    weights = _drawn_weights(graph_network)
    graph = to_graph(graph_network, weights)
    generator = np.random.default_rng(1)
    for name in ("local", "conv_to_local", "late", "output", "pool_to_output"):
        projection = graph_network.projection(name)
        source, target = graph_network.ends(projection)
        pre, post, number = graph_network.connections(projection)
        activity, expected = generator.random(source), np.zeros(target)
        np.add.at(expected.reshape(-1), post, weights[f"{name}.kernel"].ravel()[number] * activity.ravel()[pre])
        node = graph.nodes[f"{name}_synapses"]
        result = node.weight @ np.moveaxis(activity, -1, 0).ravel()
        if name in ("local", "late", "output"):
            expected += weights[f"{name}.bias"]
            result += node.bias
        np.testing.assert_allclose(result, np.moveaxis(expected, -1, 0).ravel())
    turned = graph.nodes["turned_pooling"].weight @ np.arange(24)
    order = np.arange(24).reshape(2, 3, 4)  # maps, rows, columns
    assert turned.tolist() == order[::-1, ::-1, ::-1].ravel().tolist()


def test_matrices_that_another_tool_changed_come_back_changed(graph_network: Network) -> None:
    weights = _drawn_weights(graph_network)
    changed = weights | {"late.kernel": weights["late.kernel"].copy()}
    changed["late.kernel"][0, 1, 2, 1] *= 2
    graph = to_graph(graph_network, weights)
    node = graph.nodes["late_synapses"]
    node.weight = to_graph(graph_network, changed).nodes["late_synapses"].weight
    assert _same_bits(from_graph(graph, "file").weights, changed)
    del node.metadata["kernel"]
    assert _same_bits(from_graph(graph, "file").weights, changed)
    node.weight[0, 0] += 1  # no longer shared
    with pytest.raises(DataError, match="file: late_synapses has another weight than its specification"):
        from_graph(graph, "file")
    node.metadata["kernel"] = np.ones(3)
    with pytest.raises(DataError, match="file: has metadata that netsim does not write"):
        from_graph(graph, "file")


def test_matrices_that_are_too_large_are_refused(graph_network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsim.exchange.networks._layout.LARGEST", 1000)
    message = r"layer 'local': in NIR the projection local is a matrix of 3,600 weights; at most 1,000 are supported"
    with pytest.raises(DataError, match=message):
        to_graph(graph_network, _drawn_weights(graph_network))


def test_nir_reads_types_parameters_and_metadata(network: Network) -> None:
    export(Model(network, _drawn_weights(network)), "network.nir", "nir", record={"weights": "initial"})
    graph = nir.read("network.nir", type_check=True)
    assert graph.check_types()
    names = (
        "input conv_synapses conv_neurons pool_pooling narrow_synapses narrow_neurons hidden_flatten hidden_synapses "
    )
    types = "Input Conv2d IF SumPool2d Conv2d IF Flatten Affine IF Affine IF Output"
    chain = f"{names}hidden_neurons output_synapses output_neurons output".split()
    assert {name: type(node).__name__ for name, node in graph.nodes.items()} == dict(
        zip(chain, types.split(), strict=True)
    )
    assert sorted(graph.edges) == sorted(pairwise(chain))
    shapes = {"input": (2, 7, 6), "conv_neurons": (5, 4, 3), "pool_pooling": (5, 3, 2), "narrow_neurons": (4, 2, 1)}
    for name, shape in (shapes | {"hidden_flatten": (8,), "hidden_neurons": (8,), "output": (3,)}).items():
        assert tuple(graph.nodes[name].output_type["output"]) == shape
    neurons = graph.nodes["conv_neurons"]
    assert (neurons.r == 1).all()  # all that snnTorch and SpikingJelly take, and what others take it for
    assert (neurons.v_threshold == 2 * 16).all()
    assert neurons.metadata["regime"] == "phased"
    assert (neurons.metadata["onset_ms"], neurons.metadata["end_ms"], neurons.metadata["drive"]) == (20, 40, 0.5)
    assert graph.nodes["output_neurons"].metadata["gate_ms"] == np.inf
    synapses = graph.nodes["conv_synapses"]
    assert synapses.weight.dtype == np.float64
    np.testing.assert_array_equal(synapses.metadata["psp_breakpoints"], PSPS[2].kernel)
    assert (graph.nodes["narrow_synapses"].bias == 0).all()
    assert 'name = "narrow"' in graph.metadata["netsim"]["specification"]
    assert json.loads(graph.metadata["netsim"]["exported"]) == {"weights": "initial"}


def test_what_nir_lacks_is_named(network: Network) -> None:
    assert without_primitive(network) == [
        "single spikes",
        "postsynaptic potentials (triangle, ramp)",
        "onsets, windows and drives (phased)",
        "pooling of the earliest spike (replaced by sums)",
        "the latency code",
        "learning",
    ]
    plain = Network.chain("plain", IntensityEncoder((2, 2, 1)), (Layer("output", Dense(2), Neurons(end=80.0)),), 90.0)
    assert without_primitive(plain)[1:3] == ["postsynaptic potentials (ramp)", "windows"]


def test_weights_that_another_tool_changed_come_back_changed(network: Network) -> None:
    graph = to_graph(network, _drawn_weights(network))
    for node in graph.nodes.values():  # as PyTorch keeps numbers
        for name in ("weight", "bias", "r", "v_threshold", "v_reset"):
            if hasattr(node, name):
                setattr(node, name, getattr(node, name).astype(np.float32))
    graph.nodes["output_synapses"].weight[2, 5] = 0.75
    back = from_graph(graph, "file")
    assert back.network == network
    assert back.weights["output.kernel"][5, 2] == 0.75
    assert back.weights["output.kernel"].dtype == np.float64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("del nodes['hidden_neurons']", "no node hidden_neurons"),
        ("edges[2] = 'conv_neurons', 'narrow_synapses'", "other nodes or edges"),
        ("nodes['conv_neurons'].v_threshold[0, 0, 0] = 3", "conv_neurons has another v_threshold"),
        ("nodes['output_neurons'] = nir.LIF(*np.ones((4, 3)))", "output_neurons has another"),
        ("hidden.weight = hidden.weight[:, :-1]", r"no node hidden_synapses with weight of shape \(8, 8\)"),
        ("hidden.weight[0, 0] = np.nan", "hidden.kernel contains NaN or infinity"),
        ("nodes['narrow_synapses'].bias[0] = 1", "narrow_synapses has another bias"),
        ("nodes['hidden_neurons'].metadata['tau_ms'] = 99.0", "hidden_neurons has another tau_ms in its metadata"),
        (
            "about['specification'] = said.replace('threshold', 'treshold')",
            "treshold.* 'layers.conv.neurons.threshold'",
        ),
        ("about['exported'] = '[]'", "metadata that netsim does not write"),
        ('about[\'exported\'] = f\'{{"a": "{"b" * 10**6}"}}\'', "metadata that netsim does not write"),
    ],
)
def test_a_graph_that_contradicts_its_metadata_is_refused(change: str, message: str, network: Network) -> None:
    graph = to_graph(network, _drawn_weights(network))
    nodes, about = graph.nodes, graph.metadata["netsim"]
    names = {"nodes": nodes, "edges": graph.edges, "hidden": nodes["hidden_synapses"], "about": about, "nir": nir}
    exec(change, names | {"np": np, "said": about["specification"]})
    with pytest.raises(NetsimError, match=f"^file: .*{message}"):
        from_graph(graph, "file")


def test_what_cannot_be_exported(network: Network, simulation: Spikes) -> None:
    weights = _drawn_weights(network)
    with pytest.raises(DataError, match=r"network.h5: files of the format nir are named \*.nir"):
        export(Model(network, weights), "network.h5", "nir")
    with pytest.raises(DataError, match=r"format 'csv': is not known; known are nir"):
        export(Model(network, weights), "network.csv", "csv")
    with pytest.raises(DataError, match=r"format 'nir': is not known; did you mean 'nirdata'"):
        export(simulation, "network.nir", "nir")
    with pytest.raises(RunError, match=r"nosuch/network.nir.*cannot be written"):
        export(Model(network, weights), "nosuch/network.nir", "nir")
    with pytest.raises(DataError, match=r"missing or unknown: output.kernel"):
        export(Model(network, {name: weights[name] for name in weights if name != "output.kernel"}), "n.nir", "nir")
    assert list(Path().iterdir()) == []


def test_a_missing_package_is_named(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsim.exchange.formats.find_spec", lambda name: None)
    message = r"n.nir: the format nir needs nir>=1.0.8; pip install 'netsim-snn\[exchange\]'"
    with pytest.raises(DataError, match=message):
        export(Model(network, _drawn_weights(network)), "n.nir", "nir")
    with pytest.raises(DataError, match=message):
        import_network("n.nir")


def test_metadata_are_compared_to_single_precision() -> None:
    assert _close(np.float32(0.1), 0.1)
    assert not _close(0.1001, 0.1)
    assert not _close([1.0, 2.0], [1.0])
    assert _close("ramp", "ramp")
    assert not _close([1, 2], [1, 3])
