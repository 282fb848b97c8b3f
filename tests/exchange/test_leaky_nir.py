"""Leaky neurons in NIR: CubaLIF nodes, out and in."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import pytest

from netsim import seams
from netsim.engines import Batch
from netsim.engines.event.engine import EventEngine
from netsim.errors import DataError
from netsim.exchange.networks._graph import from_graph, to_graph
from netsim.specification import Convolution, Dense, IntensityEncoder, Layer, Network, Neurons, Population, Projection
from netsim.weights.initial import initial_weights


def _network() -> Network:
    first = Neurons(threshold=0.2, tau=10.0, family="leaky", tau_syn=4.0, bias=True)
    layers = [
        Layer("maps", Convolution(2, 3), neurons=first),
        Layer("output", Dense(3), neurons=Neurons(threshold=0.3, tau=8.0, family="leaky", bias=True), delay=1.5),
    ]
    return Network.chain("leaky", IntensityEncoder((5, 5, 1), 20.0), layers, 80.0)


def _weights(network: Network) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(1)
    return {name: generator.uniform(0.0, 0.4, array.shape) for name, array in initial_weights(network, 0).items()}


def _comes_back(graph: nir.NIRGraph, network: Network, weights: dict[str, np.ndarray]) -> None:
    back = from_graph(graph, "leaky.nir")
    assert back.network == network
    for name, array in weights.items():
        np.testing.assert_array_equal(back.weights[name], array)


def test_leaky_networks_come_back_exactly() -> None:
    network = _network()
    weights = _weights(network)
    graph = to_graph(network, weights)
    node = graph.nodes["maps_neurons"]
    assert isinstance(node, nir.CubaLIF)
    assert np.unique(node.tau_mem).tolist() == [0.01]
    assert np.unique(node.tau_syn).tolist() == np.unique(node.w_in).tolist() == [0.004]
    np.testing.assert_array_equal(node.v_leak[:, 0, 0], weights["maps.bias"])
    _comes_back(graph, network, weights)


def test_maps_that_become_a_vector_keep_their_biases() -> None:
    """They raised a ValueError of numpy."""
    leaky = Neurons(threshold=0.2, tau=10.0, family="leaky", tau_syn=4.0, bias=True)
    populations = (Population("maps", (2, 2, 3), leaky), Population("output", (3,), leaky))
    projections = (Projection("stimulus", "maps", Dense()), Projection("maps", "output", Dense()))
    network = Network("leaky", IntensityEncoder((2, 3, 1), 20.0), populations, projections, 80.0)
    weights = _weights(network)
    graph = to_graph(network, weights)
    np.testing.assert_array_equal(graph.nodes["maps_neurons"].v_leak, np.repeat(weights["maps.bias"], 4))
    _comes_back(graph, network, weights)


def test_the_equation_of_the_nodes_gives_the_spikes_of_netsim() -> None:
    """Euler steps of the equations of NIR, with spikes as impulses of area 1."""
    neurons = Neurons(threshold=0.2, tau=10.0, family="leaky", tau_syn=4.0, bias=True)
    network = Network.chain("one", IntensityEncoder((3, 3, 1), 20.0), [Layer("output", Dense(4), neurons)], 80.0)
    weights = _weights(network)
    stimulus = np.random.default_rng(2).uniform(0, 20, (1, 3, 3, 1))
    spikes = EventEngine(network).present(Batch(stimulus, weights))["output"][0]
    graph = to_graph(network, weights)
    node, weight = graph.nodes["output_neurons"], graph.nodes["output_synapses"].weight
    dt, current, v, result = 2e-6, np.zeros(4), np.zeros(4), np.full(4, np.inf)
    steps = np.rint(stimulus.ravel() * 1e-3 / dt).astype(int)
    for step in range(15_000):
        result[(v > node.v_threshold) & np.isinf(result)] = step * dt * 1e3
        arriving = weight[:, steps == step].sum(axis=1)
        v += dt / node.tau_mem * (node.v_leak - v + node.r * current)
        current += (-dt * current + node.w_in * arriving) / node.tau_syn
    fired = np.isfinite(result)
    assert fired.any()
    np.testing.assert_allclose(spikes[fired], result[fired], rtol=0, atol=5e-3)


def _foreign(**given: object) -> nir.NIRGraph:
    values = {"tau_syn": 0.005, "tau_mem": 0.02, "r": 2.0, "v_leak": 0.1, "v_threshold": 0.5, "w_in": 0.005}
    arrays = {name: np.full(3, value) for name, value in values.items()} | given
    nodes = {
        "input": nir.Input(np.array([4])),
        "fc": nir.Linear(np.random.default_rng(1).uniform(0, 0.5, (3, 4))),
        "neurons": nir.CubaLIF(**arrays),
        "output": nir.Output(np.array([3])),
    }
    return nir.NIRGraph(nodes, [("input", "fc"), ("fc", "neurons"), ("neurons", "output")])


def test_graphs_of_other_tools_become_leaky_networks() -> None:
    graph = _foreign()
    result = from_graph(graph, "other.nir")
    neurons = result.network.output.dynamics
    assert (neurons.family, neurons.tau, neurons.tau_syn, neurons.threshold) == ("leaky", 20.0, 5.0, 0.5)
    assert result.network.training.dt == 0
    np.testing.assert_allclose(result.weights["fc.kernel"], 2 * graph.nodes["fc"].weight.T)
    np.testing.assert_allclose(result.weights["fc.bias"], 0.1)
    assert any("w_in" in text for text in result.assumed)


def test_neurons_in_steps_next_to_neurons_in_seconds_are_refused() -> None:
    graph = _foreign()
    nodes = {"first": nir.Linear(np.ones((4, 4))), "steps": nir.IF(np.ones(4), np.ones(4)), **graph.nodes}
    names = ["input", "first", "steps", "fc", "neurons", "output"]
    mixed = nir.NIRGraph({name: nodes[name] for name in names}, list(pairwise(names)))
    with pytest.raises(DataError, match="has IF or LIF next to CubaLIF; only CubaLIF has a time in seconds"):
        from_graph(mixed, "other.nir")


def test_sonata_refuses_leaky_neurons(tmp_path: Path) -> None:
    network = _network()
    with pytest.raises(DataError, match="family leaky"):
        seams.network_formats["sonata-network"].write(network, _weights(network), tmp_path / "net.sonata", None)
    assert not list(tmp_path.iterdir())


def test_neurons_that_differ_are_refused() -> None:
    with pytest.raises(DataError, match="different values of tau_mem"):
        from_graph(_foreign(tau_mem=np.array([0.01, 0.02, 0.03])), "other.nir")
