"""SONATA networks: what libsonata and bmtk read of them, and networks that come back with the same weights."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from netsim.engines import Batch, make_engine
from netsim.errors import DataError, RunError
from netsim.exchange import export, import_network
from netsim.exchange.networks.sonata_network import without_primitive
from netsim.runs.model import Model
from netsim.specification import (
    PSP,
    Dense,
    IntensityEncoder,
    Network,
    Neurons,
    Population,
    PopulationWinners,
    Projection,
    Training,
)
from netsim.weights.layout import Weights, initial_delays, weight_shapes

libsonata = pytest.importorskip("libsonata", reason="networks of SONATA need libsonata, of the extra 'exchange'")
h5py = pytest.importorskip("h5py")


@pytest.fixture
def network(free_network: Callable[..., Network]) -> Network:
    """As NEST's neurons can have it."""
    return free_network(training=Training(dt=0.1))


def _weights(network: Network, seed: int = 0) -> Weights:
    generator = np.random.default_rng(seed)
    weights = {name: generator.normal(0.2, 0.3, shape) for name, shape in weight_shapes(network).items()}
    for projection in network.weighted:
        signs = network.weight_signs(projection)
        if signs is not None:
            name = f"{projection.name}.kernel"
            weights[name] = np.where(signs == 0, weights[name], np.abs(weights[name]) * signs)
    return weights | {name: array.round(1) for name, array in initial_delays(network, seed).items()}


def _same(first: Weights, second: Weights) -> bool:
    return first.keys() == second.keys() and all(first[name].tobytes() == second[name].tobytes() for name in first)


@pytest.mark.parametrize("seed", range(4))
def test_any_network_comes_back(seed: int, drawn: ModuleType) -> None:
    """Loops, several projections between two populations, winners, delays of axons and synapses, relays."""
    network = drawn.random_network(seed)
    weights = _weights(network, seed)
    export(Model(network, weights), "network.sonata", "sonata-network", record={"seed": seed})
    back = import_network("network.sonata")
    assert back.network == network
    assert (back.record, back.assumed) == ({"seed": seed}, ())
    assert _same(back.weights, weights)
    assert [path.name for path in Path().iterdir()] == ["network.sonata"]


def test_libsonata_reads_nodes_and_edges(network: Network) -> None:
    weights = _weights(network)
    export(Model(network, weights), "network.sonata", "sonata-network")
    circuit = libsonata.CircuitConfig.from_file("network.sonata/circuit_config.json")
    assert circuit.node_populations == set(network.shapes)
    assert circuit.edge_populations == {projection.name for projection in network.projections}
    assert circuit.node_population_properties("stimulus").type == "virtual"
    conv = circuit.node_population("conv")
    every = conv.select_all()
    places = zip(*(conv.get_attribute(axis, every).tolist() for axis in ("y", "x", "map")), strict=True)
    assert list(places) == list(np.ndindex(4, 5, 2))
    np.testing.assert_array_equal(conv.get_dynamics_attribute("I_e", every), np.tile(weights["conv.bias"], 20))

    edges = circuit.edge_population("i")
    assert (edges.source, edges.target, edges.size) == ("e", "i", 12 * 4)
    onto = edges.afferent_edges([3])
    assert edges.source_nodes(onto).tolist() == list(range(12))
    np.testing.assert_array_equal(edges.get_attribute("syn_weight", onto), weights["i.kernel"][:, 3])
    np.testing.assert_array_equal(edges.get_attribute("delay", onto), weights["i.delay"][:, 3].clip(0.1))
    axons = circuit.edge_population("output")
    np.testing.assert_array_equal(
        axons.get_attribute("delay", axons.efferent_edges([7])), np.full(3, weights["output.delay"][7].clip(0.1))
    )
    pooled = circuit.edge_population("pool")
    assert pooled.size == network.synapse_count(network.projection("pool"))
    assert set(pooled.get_attribute("syn_weight", pooled.select_all())) == {1.0}


def test_bmtk_runs_it_with_the_same_first_spikes(network: Network) -> None:
    """In NEST, where a current of step k counts from step k + 1 on, all is one step late for each delay that is 0."""
    for package in ("bmtk", "nest"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is of no extra, for it is large; pip install bmtk nest-simulator")
    weights = _weights(network, 3)
    stimuli = np.random.default_rng(1).uniform(0.1, 16, (1, *network.encoder.shape)).round(1)
    expected = make_engine("event", network, dt=0.1).present(Batch(stimuli, weights))
    export(Model(network, weights), "network.sonata", "sonata-network")
    with h5py.File("network.sonata/stimulus.h5", "r+") as file:
        group = file["spikes/stimulus"]
        del group["node_ids"], group["timestamps"]
        order = np.argsort(stimuli.ravel())
        group["node_ids"], group["timestamps"] = order.astype(np.uint64), stimuli.ravel()[order]
    program = """
from bmtk.simulator import pointnet
config = pointnet.Config.from_json("simulation_config.json", validate=True)
config.build_env(force=True)
network = pointnet.PointNetwork.from_config(config)
pointnet.PointSimulator.from_config(config, network).run()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd="network.sonata", capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    fired = 0
    with h5py.File("network.sonata/output/spikes.h5") as file:
        for population in network.populations:
            result = np.full(population.size, np.inf)
            spikes = file["spikes"].get(population.name, {"node_ids": [], "timestamps": []})
            assert len(set(spikes["node_ids"][:])) == len(spikes["node_ids"])
            result[spikes["node_ids"][:]] = spikes["timestamps"][:]
            np.testing.assert_allclose(result, expected[population.name].ravel(), rtol=0, atol=0.45)
            fired += int(np.isfinite(result).sum())
    assert fired > 30


def test_parameters_of_nest_are_those_of_the_neurons(network: Network) -> None:
    """A current I moves V by I/C_m per ms, as by I/tau here; a neuron that has fired is refractory from then on."""
    weights = _weights(network)
    export(Model(network, weights), "network.sonata", "sonata-network")
    parameters = {path.stem: json.loads(path.read_text()) for path in Path("network.sonata/models").glob("*.json")}
    for name in ("conv", "e", "i", "output"):
        neurons = network.neurons(name)
        assert (parameters[name]["C_m"], parameters[name]["V_th"]) == (neurons.tau, neurons.threshold)
        assert [parameters[name][key] for key in ("V_m", "E_L", "t_ref")] == [0.0, 0.0, network.duration]
    assert parameters["conv"]["I_e"] == np.tile(weights["conv.bias"], 20).tolist()
    assert "I_e" not in parameters["e"]


def test_a_drive_is_a_current_from_the_onset_to_the_end() -> None:
    hidden = Neurons("staggered", onset=16.0, drive=0.5)
    output = Neurons("staggered", onset=32.0, drive=2.0)
    populations = (Population("hidden", (4,), hidden), Population("output", (2,), output))
    joined = (Projection("stimulus", "hidden", Dense()), Projection("hidden", "output", Dense()))
    network = Network("driven", IntensityEncoder((2, 2, 1)), populations, joined, 64.0)
    export(Model(network, _weights(network)), "network.sonata", "sonata-network")
    inputs = json.loads(Path("network.sonata/simulation_config.json").read_text(encoding="utf-8"))["inputs"]
    amplitudes = {
        name: (each["amp"], each["delay"], each["duration"]) for name, each in inputs.items() if name != "stimulus"
    }
    assert amplitudes == {"drive_hidden": (0.5, 16.0, 48.0), "drive_output": (2.0, 32.0, 32.0)}


def test_a_current_ends_the_window(network: Network) -> None:
    export(Model(network, _weights(network)), "network.sonata", "sonata-network")
    inputs = json.loads(Path("network.sonata/simulation_config.json").read_text(encoding="utf-8"))["inputs"]
    assert set(inputs) == {"stimulus", "end_e", "end_i", "end_output"}
    assert (inputs["end_e"]["delay"], inputs["end_e"]["duration"]) == (40.0, 24.0)
    assert inputs["end_e"]["amp"] < 0


def test_what_nest_passes_over_is_named(network: Network) -> None:
    assert without_primitive(network) == ["delays below the time step of 0.1 ms", "the latency code", "learning"]
    phased = Neurons("phased", onset=16.0, end=32.0, drive=1.0)
    layers = (
        Population("hidden", (4,), phased, winners=PopulationWinners()),
        Population("output", (2,), Neurons("phased", onset=32.0, drive=1.0)),
    )
    joined = (
        Projection("stimulus", "hidden", Dense(), PSP("plateau", rise=4.0)),
        Projection("hidden", "output", Dense()),
    )
    assert without_primitive(Network("phased", IntensityEncoder((2, 2, 1)), layers, joined, 64.0)) == [
        "onsets, before which no neuron fires",
        "gates, which close for synaptic currents",
        "postsynaptic potentials (plateau; replaced by exponential currents)",
        "winners",
        "delays below the time step of 0.1 ms",
        "the latency code",
        "learning",
    ]


def _fractions(file: Any) -> None:
    attributes, numbers = dict(file["e/source_node_id"].attrs), file["e/source_node_id"][:]
    del file["e/source_node_id"]
    file["e/source_node_id"] = numbers + 0.25
    file["e/source_node_id"].attrs.update(attributes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "edges['conv/0/conduction_delay'][:] += 1.0",
            "has the delay .* in network.toml, but another conduction_delay; change both",
        ),
        ("edges['e/0/syn_weight'][0] = np.nan", "e.kernel contains NaN"),
        (
            "index = edges['e/edge_group_index']; index[:] = index[:][::-1]",
            "e has an edge_group_index in another order than",
        ),
        (
            "edges['conv/0/syn_weight'][3] += 1.0",
            "has different syn_weight for synapses that share one in the network; make",
        ),
        ("edges['e/target_node_id'][0] = 11", "e has other edges than network.toml"),
        ("_fractions(edges)", "e/source_node_id must contain integers"),
        ("edges.move('e', 'another')", "has other populations than network.toml"),
        (
            "edges['output/0/conduction_delay'][0] += 1.0",
            "has different conduction_delay for synapses that share one in the",
        ),
    ],
)
def test_edges_that_contradict_the_specification_are_refused(change: str, message: str, network: Network) -> None:
    export(Model(network, _weights(network)), "network.sonata", "sonata-network")
    with h5py.File("network.sonata/edges.h5", "r+") as file:
        exec(change, globals() | {"edges": file["edges"]})
    with pytest.raises(DataError, match=message):
        import_network("network.sonata")


def test_weights_that_another_tool_changed_come_back_changed(network: Network) -> None:
    weights = _weights(network)
    export(Model(network, weights), "network.sonata", "sonata-network")
    with h5py.File("network.sonata/edges.h5", "r+") as file:
        file["edges/e/0/syn_weight"][5] = 0.75
        file["edges/i/0/conduction_delay"][6] = 4.5
    back = import_network("network.sonata")
    assert back.weights["e.kernel"].ravel()[5] == 0.75
    assert back.weights["i.delay"].ravel()[6] == 4.5
    assert (back.weights["e.kernel"] != weights["e.kernel"]).sum() == 1


def test_folders_of_others_are_left_alone(network: Network) -> None:
    Path("mine.sonata").mkdir()
    Path("mine.sonata/notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(RunError, match=r"mine\.sonata: is another folder, not a SONATA network of netsim"):
        export(Model(network, _weights(network)), "mine.sonata", "sonata-network")
    assert [path.name for path in Path("mine.sonata").iterdir()] == ["notes.txt"]
    with pytest.raises(DataError, match=r"mine\.sonata: has no network\.toml, which netsim writes"):
        import_network("mine.sonata")
    with pytest.raises(DataError, match=r"nosuch\.sonata: no such file"):
        import_network("nosuch.sonata")
    assert not list(Path().glob(".*"))


def test_an_older_network_is_replaced(network: Network) -> None:
    for seed in (0, 1):
        export(Model(network, _weights(network, seed)), "network.sonata", "sonata-network")
    assert _same(import_network("network.sonata").weights, _weights(network, 1))
    assert [path.name for path in Path().iterdir()] == ["network.sonata"]
