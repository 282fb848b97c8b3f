"""Spikes: read as stimuli, and read to be analysed."""

from __future__ import annotations

import gzip
from functools import cache, partial
from pathlib import Path

import numpy as np

from fuzzing.parts import Parts, content_of, gzipped, joined
from fuzzing.targets._networks import small_network
from fuzzing.targets._target import Target
from netsim.runs.model import Model
from netsim.spikes import LayerSpikes, Spikes


@cache
def _simulation() -> Spikes:
    network, generator = small_network(), np.random.default_rng(4)
    layers = []
    for name, shape in network.shapes.items():
        times = np.where(generator.random((3, *shape)) < 0.5, generator.uniform(0, 64, (3, *shape)), np.inf)
        layers.append(LayerSpikes.of_latencies(name, times, network.firing_window(name)))
    labels, indices = np.array([1, 0, 2]), np.array([7, 3, 0])
    return Spikes.of_layers(layers, labels, indices, shapes=network.shapes, model=Model(network, {}))


def _stimuli(to: str, suffix: str) -> Target:
    def seeds() -> list[Parts]:
        from netsim.exchange import export

        whole = content_of(
            lambda path: export(_simulation(), path, to, populations=["stimulus"], record={"a": 1}), suffix
        )
        return [{f"spikes{suffix.removesuffix('.gz')}": gzip.decompress(whole) if suffix.endswith(".gz") else whole}]

    def read(path: Path) -> object:
        from netsim.exchange import read_stimuli

        presentations = read_stimuli(path, small_network().encoder.shape)
        assert presentations.latencies.shape[1:] == small_network().encoder.shape
        assert (presentations.latencies >= 0).all()
        return presentations

    return Target(seeds, read, f"spikes{suffix}", gzipped if suffix.endswith(".gz") else joined)


def _analysed(to: str, suffix: str) -> Target:
    """Layers, as analyses read them: in parts, and each as a whole."""

    def seeds() -> list[Parts]:
        from netsim.exchange import export
        from netsim.spikes.files import write_table

        layers, simulation = ["stimulus", "output"], _simulation()
        ordered = content_of(lambda path: export(simulation, path, to, populations=layers, record={"a": 1}), suffix)
        if to not in ("csv", "parquet"):
            return [{f"spikes{suffix}": ordered}]
        table = simulation.table()
        mixed = table[table["layer"].isin(layers)].sample(frac=1, random_state=0).drop(columns="neuron")
        return [{f"spikes{suffix}": content} for content in (ordered, content_of(partial(write_table, mixed), suffix))]

    def read(path: Path) -> object:
        from netsim.exchange import read_spikes

        spikes = read_spikes(path)
        found = dict.fromkeys(spikes.sizes, 0)
        for first, part in spikes.parts():
            assert 0 <= first <= first + part.presentations <= spikes.presentations
            _check_layer(part)
            found[part.name] += len(part.latencies)
        for layer in spikes.layers():
            assert layer.presentations == spikes.presentations
            assert found[layer.name] == len(layer.latencies)
            _check_layer(layer)
        return spikes

    return Target(seeds, read, f"spikes{suffix}")


def _check_layer(layer: LayerSpikes) -> None:
    assert layer.starts[0] == 0
    assert layer.starts[-1] == len(layer.neurons) == len(layer.latencies)
    assert (np.diff(layer.starts) >= 0).all()
    assert ((layer.neurons >= 0) & (layer.neurons < layer.size)).all()
    assert ((layer.latencies >= 0) & (layer.latencies < np.inf)).all()


TARGETS = {
    "csv": _stimuli("csv", ".csv"),
    "csv.gz": _stimuli("csv", ".csv.gz"),
    "parquet": _stimuli("parquet", ".parquet"),
    "sonata": _stimuli("sonata", ".h5"),
    "nwb": _stimuli("nwb", ".nwb"),
    "nirdata": _stimuli("nirdata", ".nird"),
    "analysed csv": _analysed("csv", ".csv"),
    "analysed parquet": _analysed("parquet", ".parquet"),
    "analysed sonata": _analysed("sonata", ".h5"),
    "analysed nwb": _analysed("nwb", ".nwb"),
}
