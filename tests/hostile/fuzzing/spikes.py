"""Readers of spikes: as stimuli, and as analyses read them, in parts and layer by layer."""

from __future__ import annotations

import gzip
from functools import cache, partial
from pathlib import Path

import numpy as np

import netsim
from fuzzing.networks import small_network
from fuzzing.reader import Parts, Reader, content_of, gzipped, joined
from netsim.spikes import LayerSpikes, Spikes
from netsim.spikes.files import write_table

SUFFIXES = {"csv": ".csv", "parquet": ".parquet", "sonata": ".h5", "nwb": ".nwb", "nirdata": ".nird"}


@cache
def _simulation() -> Spikes:
    network, generator = small_network(), np.random.default_rng(4)
    layers = []
    for name, shape in network.shapes.items():
        times = np.where(generator.random((3, *shape)) < 0.5, generator.uniform(0, 64, (3, *shape)), np.inf)
        layers.append(LayerSpikes.of_latencies(name, times))
    labels, indices = np.array([1, 0, 2]), np.array([7, 3, 0])
    return Spikes.of_layers(layers, labels, indices, shapes=network.shapes, model=netsim.Model(network, {}))


def _exported(to: str, suffix: str, layers: list[str]) -> bytes:
    return content_of(lambda path: netsim.export(_simulation(), path, to, populations=layers, record={"a": 1}), suffix)


def _stimuli(to: str, suffix: str) -> list[Parts]:
    whole = _exported(to, suffix, ["stimulus"])
    zipped = suffix.endswith(".gz")
    return [{f"spikes{suffix.removesuffix('.gz')}": gzip.decompress(whole) if zipped else whole}]


def _read_stimuli(path: Path) -> None:
    latencies = netsim.read_stimuli(path, small_network().encoder.shape).latencies
    assert latencies.shape[1:] == small_network().encoder.shape
    assert (latencies >= 0).all()


def _analysed(to: str, suffix: str) -> list[Parts]:
    layers = ["stimulus", "output"]
    wholes = [_exported(to, suffix, layers)]
    if to in ("csv", "parquet"):  # rows may come in any order
        table = _simulation().table()
        mixed = table[table["layer"].isin(layers)].sample(frac=1, random_state=0).drop(columns="neuron")
        wholes.append(content_of(partial(write_table, mixed), suffix))
    return [{f"spikes{suffix}": whole} for whole in wholes]


def _read_analysed(path: Path) -> None:
    spikes = netsim.read_spikes(path)
    counts = dict.fromkeys(spikes.sizes, 0)
    for first, part in spikes.parts():
        assert 0 <= first <= first + part.presentations <= spikes.presentations
        _check_layer(part)
        counts[part.name] += len(part.latencies)
    for layer in spikes.layers():
        assert layer.presentations == spikes.presentations
        assert counts[layer.name] == len(layer.latencies)
        _check_layer(layer)


def _check_layer(layer: LayerSpikes) -> None:
    assert layer.starts[0] == 0
    assert layer.starts[-1] == len(layer.neurons) == len(layer.latencies)
    assert (np.diff(layer.starts) >= 0).all()
    assert ((layer.neurons >= 0) & (layer.neurons < layer.size)).all()
    assert ((layer.latencies >= 0) & (layer.latencies < np.inf)).all()


READERS = {
    **{to: Reader(partial(_stimuli, to, end), _read_stimuli, f"spikes{end}", joined) for to, end in SUFFIXES.items()},
    "csv.gz": Reader(partial(_stimuli, "csv", ".csv.gz"), _read_stimuli, "spikes.csv.gz", gzipped),
    **{
        f"analysed {to}": Reader(partial(_analysed, to, SUFFIXES[to]), _read_analysed, f"spikes{SUFFIXES[to]}")
        for to in ("csv", "parquet", "sonata", "nwb")
    },
}
