"""Readers of networks: specifications, plans of sweeps, weights, lists of edges, networks of other simulators."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from functools import cache, partial
from itertools import pairwise
from pathlib import Path

import numpy as np

import netsim
from fuzzing.reader import Parts, Reader, archive_of, content_of, zipped
from netsim.models.presets import preset_file
from netsim.specification.toml import dumps_network
from netsim.sweeps.plan import read_plan
from netsim.weights.layout import delay_name, weight_shapes
from netsim.weights.packing import pack, read_packed


@cache
def small_network() -> netsim.Network:
    """A chain with convolution, pooling and dense layers, phased and staggered."""
    phased = partial(netsim.Neurons, "phased", drive=1.0, bias=True)
    layers = (
        netsim.Layer("conv", netsim.Convolution(3, 3), phased(onset=16.0, end=32.0)),
        netsim.Layer("pool", netsim.Pooling(2)),
        netsim.Layer("hidden", netsim.Dense(5), netsim.Neurons("staggered", 2.0, onset=24.0, end=40.0, drive=1.0)),
        netsim.Layer("output", netsim.Dense(3), phased(onset=40.0)),
    )
    learning = netsim.Learning(averaging=0.9, revive_below=0.01)
    return netsim.Network.chain("small", netsim.IntensityEncoder((4, 5, 2), 16.0), layers, 64.0, learning=learning)


@cache
def graphs() -> list[netsim.Network]:
    """Small networks with a loop, winners, learned delays, signs, pooling, drawn synapses, and every PSP."""
    population, projection, psp = netsim.Population, netsim.Projection, netsim.PSP
    free, encoder = netsim.Neurons(threshold=0.5, tau=10.0, end=70.0, bias=True), netsim.IntensityEncoder((4, 4, 1), 20)
    learned = netsim.Delays("synapse", mean=2.0, spread=1.0, longest=8.0, learned=True)
    maps, pool = population("maps", (4, 4, 2), free), population("pool", (2, 2, 2), None)
    hidden = population("hidden", (6,), free, winners=netsim.PopulationWinners(2))
    conv = projection("stimulus", "maps", netsim.Convolution(2, 3, padding=1))
    triangle, breakpoints = (
        psp("triangle", rise=5.2, fall=9.1),
        psp("breakpoints", breakpoints=((0, 0), (3, 1), (8, 0))),
    )
    fixed, some = netsim.Delays(mean=1.0, spread=0.5), netsim.Random(probability=0.4, seed=1)
    loop = (
        conv,
        projection("maps", "hidden", netsim.Dense(), triangle, delay=learned),
        projection("hidden", "maps", netsim.Dense(), sign="inhibitory", name="back", delay=fixed),
    )
    edges = netsim.EdgeList(file=str(Path(__file__).with_name("edges.csv")))  # several between some neurons
    apart = netsim.Delays("synapse", mean=2.0, spread=1.0)
    pooled = (
        conv,
        projection("maps", "pool", netsim.Pooling(2)),
        projection("pool", "hidden", some, psp("plateau", rise=7.3), sign="excitatory"),
        projection("stimulus", "hidden", edges, delay=apart),
    )
    drawn = (
        projection("stimulus", "maps", netsim.Distance(sigma=1.0, seed=3)),
        projection("maps", "output", netsim.Random(indegree=9, seed=2), breakpoints, delay=1.3),
        projection("stimulus", "output", edges, delay=apart),
    )
    return [
        netsim.Network("loop", encoder, (maps, hidden), loop, 90.0),
        netsim.Network("pooled", encoder, (maps, pool, hidden), pooled, 90.0),
        netsim.Network("drawn", encoder, (maps, population("output", (3,), free)), drawn, 90.0),
    ]


def weights_of(network: netsim.Network) -> dict[str, np.ndarray]:
    """Initial weights in double precision."""
    return {name: array.astype(float) for name, array in netsim.initial_weights(network, 0).items()}


def _specifications(*networks: netsim.Network) -> list[Parts]:
    return [{"toml": dumps_network(network).encode()} for network in networks]


def _all_specifications() -> list[Parts]:
    return [{"toml": preset_file(name).read_bytes()} for name in netsim.preset_names()] + _specifications(
        small_network()
    )


def _read_specification(path: Path) -> None:
    network = netsim.read_network(path)
    path.write_text(dumps_network(network), encoding="utf-8")
    assert netsim.read_network(path) == network


def _simulate(path: Path) -> None:
    """Present a stimulus to whatever network a specification describes, if it is small."""
    network = netsim.read_network(path)
    sizes = [*weight_shapes(network).values(), *network.shapes.values()]
    if sum(map(math.prod, sizes)) > 10**5:
        return
    engine = netsim.make_engine("event", network, network.training.dt)
    stimulus = np.linspace(0, network.encoder.t_max, math.prod(network.encoder.shape), endpoint=False)
    weights = netsim.forward_weights(network, netsim.initial_weights(network, 0))
    latencies = engine.present(netsim.Batch(stimulus.reshape(1, *network.encoder.shape), weights))
    assert not any(np.isnan(layer).any() for layer in latencies.values())


PLANS = (
    'base = "digits"\nseeds = [0, 1]\nlimit = 100\n[overrides]\n"training.epochs" = 2\n'
    '[grid]\n"learning.rate" = [0.001, 0.01]\n"layers.hidden.dropout" = [0.0, 0.2]\n',
    'base = "mlp-mnist"\n[random]\ncount = 3\nseed = 2\n"learning.rate" = { loguniform = [1e-4, 1e-2] }\n'
    '"layers.hidden.size" = { integers = [10, 20] }\n"learning.optimizer" = { choice = ["adam", "sgd"] }\n'
    "[random.learning]\nmargin = { uniform = [1.0, 2.0] }\n",
)


def _binary() -> netsim.Network:
    return dataclasses.replace(small_network(), weighting=netsim.Weighting("binary"))


def _check_finite(weights: dict[str, np.ndarray]) -> None:
    assert all(np.isfinite(array).all() for array in weights.values())


def _read_delays(path: Path) -> None:
    network = graphs()[0]
    weights = netsim.read_weights(network, path)
    for projection in network.projections:
        if projection.delays is not None:
            delays = weights[delay_name(projection)]  # those of a file may be beyond the bounds of what is drawn
            assert ((delays >= 0) & (delays < np.inf)).all()


EDGES = (
    b"pre,post,weight\n0,1,0.5\n2,0,-0.5\n5,3,1e-3\n2,0,7\n",
    b"post, weight, pre\n" + b"".join(b"%d,%d,%d\n" % (number % 4, number, number % 6) for number in range(40)),
)


def _sonata_edges() -> list[Parts]:
    import h5py

    def write(path: Path, weights: bool) -> None:
        with h5py.File(path, "w") as file:
            group = file.create_group("edges/mine")
            group["source_node_id"], group["target_node_id"] = np.arange(24) % 6, np.arange(24, dtype=np.uint64) % 4
            group["edge_type_id"] = np.zeros(24, np.int64)
            if weights:
                group["0/syn_weight"] = np.linspace(-1, 1, 24)
                group["edge_group_id"], group["edge_group_index"] = np.zeros(24, np.int64), np.arange(24)[::-1]

    return [{"edges.h5": content_of(partial(write, weights=weights))} for weights in (True, False)]


def _read_edges(path: Path) -> None:
    rule, source, target = netsim.EdgeList(4, str(path)), (6,), (4,)
    rule.check(source, target)
    pre, post, _ = rule.connections(source, target)
    assert 0 <= pre.min() <= pre.max() < 6
    assert 0 <= post.min() <= post.max() < 4
    weights = rule.known_weights(source, target)
    assert weights is None or (np.isfinite(weights).all() and weights.shape == pre.shape)


def _nir(*networks: netsim.Network) -> list[Parts]:
    def write(network: netsim.Network, path: Path) -> None:
        netsim.export(netsim.Model(network, weights_of(network)), path, "nir")

    return [{"network.nir": content_of(partial(write, network), ".nir")} for network in networks]


def _nir_elsewhere() -> list[Parts]:
    """A graph of another tool."""
    import nir

    weights = np.random.default_rng(0).random((4, 6)).astype(np.float32)
    nodes = {
        "in": nir.Input(np.array([6])),
        "affine": nir.Affine(weights, np.array([0, 0.25, 0, -1], np.float32)),
        "neurons": nir.IF(r=np.full(4, 1000.0), v_threshold=np.full(4, 1.0)),
        "out": nir.Output(np.array([4])),
    }
    return [{"network.nir": content_of(lambda path: nir.write(path, nir.NIRGraph(nodes, list(pairwise(nodes)))))}]


def _sonata_networks() -> list[Parts]:
    wholes = []
    for network in graphs()[:2]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.sonata"
            model = netsim.Model(network, weights_of(network))
            netsim.export(model, path, "sonata-network", record={"seed": 0})
            read = ("network.toml", "provenance.json", "nodes.h5", "edges.h5")
            wholes.append({name: (path / name).read_bytes() for name in read})
    return wholes


READERS = {
    "toml": Reader(_all_specifications, _read_specification, "network.toml"),
    "simulation": Reader(
        lambda: _specifications(small_network(), netsim.load_preset("digits")), _simulate, "network.toml"
    ),
    "graph": Reader(lambda: _specifications(*graphs()), _simulate, "network.toml"),
    "sweep": Reader(lambda: [{"toml": plan.encode()} for plan in PLANS], read_plan, "plan.toml"),
    "weights": Reader(
        lambda: [archive_of(weights_of(small_network()))],
        lambda path: _check_finite(netsim.read_weights(small_network(), path)),
        "weights.npz",
        zipped,
    ),
    "delays": Reader(lambda: [archive_of(weights_of(graphs()[0]))], _read_delays, "weights.npz", zipped),
    "packed": Reader(
        lambda: [archive_of(pack(_binary(), weights_of(small_network())))],
        lambda path: _check_finite(read_packed(_binary(), path)),
        "packed.npz",
        zipped,
    ),
    "edges": Reader(lambda: [{"csv": text} for text in EDGES], _read_edges, "edges.csv"),
    "edges sonata": Reader(_sonata_edges, _read_edges, "edges.h5"),
    "nir": Reader(lambda: _nir(small_network()), netsim.import_network, "network.nir"),
    "nir loop": Reader(lambda: _nir(*graphs()[:2]) + _nir_elsewhere(), netsim.import_network, "network.nir"),
    "sonata network": Reader(_sonata_networks, netsim.import_network, "network.sonata", None),
}
