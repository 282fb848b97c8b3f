"""Networks of other simulators, with their weights."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from fuzzing.parts import Parts, content_of
from fuzzing.targets._networks import double, drawn, exchanged, small_network, small_weights
from fuzzing.targets._target import FolderTarget, Target
from netsim.runs.model import Model
from netsim.specification import Network


def _nir_seeds() -> list[Parts]:
    from netsim.exchange import export

    network = small_network()
    whole = content_of(lambda path: export(Model(network, double(small_weights())), path, "nir"), ".nir")
    return [{"network.nir": whole}]


def _nir_loop_seeds() -> list[Parts]:
    """Networks with a loop and with pooling, and a graph of another tool."""
    import nir

    from netsim.exchange import export

    def elsewhere(path: Path) -> None:
        generator = np.random.default_rng(0)
        nodes = {
            "in": nir.Input(np.array([6])),
            "affine": nir.Affine(generator.random((4, 6)).astype(np.float32), np.array([0, 0.25, 0, -1], np.float32)),
            "neurons": nir.IF(r=np.full(4, 1000.0), v_threshold=np.full(4, 1.0)),
            "out": nir.Output(np.array([4])),
        }
        nir.write(path, nir.NIRGraph(nodes, list(pairwise(nodes))))

    def own(network: Network, path: Path) -> None:
        export(Model(network, drawn(network)), path, "nir")

    writers: list[Callable[[Path], object]] = [*(partial(own, network) for network in exchanged()), elsewhere]
    return [{"network.nir": content_of(write, ".nir")} for write in writers]


def _sonata_network_seeds() -> list[Parts]:
    from netsim.exchange import export

    seeds = []
    for network in exchanged():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.sonata"
            export(Model(network, drawn(network)), path, "sonata-network", record={"seed": 0})
            read = ("network.toml", "provenance.json", "nodes.h5", "edges.h5")
            seeds.append({name: (path / name).read_bytes() for name in read})
    return seeds


def _read_nir(path: Path) -> object:
    from netsim.exchange import import_network

    return import_network(path)


TARGETS = {
    "nir": Target(_nir_seeds, _read_nir, "network.nir"),
    "nir loop": Target(_nir_loop_seeds, _read_nir, "network.nir"),
    "sonata network": FolderTarget(_sonata_network_seeds, _read_nir, "network.sonata"),
}
