"""NIRData: spikes of the nodes of a NIR graph, as events. See ``docs/howto/exchange.md``.

Names of nodes and numbers of neurons match the graph that ``export --to nir`` writes, channels first. NIRData has no
labels. The group ``/presentations``, which the package nir ignores, describes the stimuli.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.errors import DataError
from netsim.exchange.formats import SpikeFormat
from netsim.exchange.networks._layout import INPUT, NEURONS, POOLING, numbers
from netsim.exchange.presentations import (
    PICOSECOND,
    Presentations,
    choose_layer,
    first_spikes,
    labels_of,
    later_spikes,
    whole_numbers,
)
from netsim.exchange.trains import chosen_layers, judged, to_json
from netsim.seams import spike_formats
from netsim.specification import STIMULUS, Shape

if TYPE_CHECKING:
    from netsim.spikes import Spikes

_SPIKES = "spikes"


def write(spikes: Spikes, path: Path, layers: Sequence[str] | None, record: Mapping[str, Any] | None) -> None:
    """Write spikes. See `netsim.exchange.export`."""
    import h5py
    import nir

    from netsim.files import write_atomically

    network = spikes.network
    relays = {population.name for population in network.populations if not population.integrates}
    nodes, shapes = {}, {}
    for name, latencies in chosen_layers(spikes, layers).items():
        node = INPUT if name == STIMULUS else name + (POOLING if name in relays else NEURONS)
        shapes[node] = latencies.shape[1:]
        nodes[node] = nir.NIRNodeData({_SPIKES: nir.EventData(*_events(latencies), network.duration / 1000)})
    buffer = io.BytesIO()
    nir.write_data(buffer, nir.NIRGraphData(nodes))
    with h5py.File(buffer, "r+") as file:
        for node, shape in shapes.items():
            file["nodes"][node].attrs["shape"] = shape  # NIRData only supports vectors
        group = file.create_group("presentations")
        group["presentation"] = np.array(spikes.indices, np.int64)
        for name, values in judged(spikes).items():
            group[name] = values
        file["simulation"] = np.bytes_(to_json(record).encode("utf-8"))
    write_atomically(path, lambda stream: stream.write(buffer.getbuffer()))


def _events(latencies: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Return neurons, sorted times (s) of shape (presentations, most spikes), and the number of neurons."""
    times = latencies.reshape(len(latencies), -1)[:, numbers(latencies.shape[1:])]
    most = np.isfinite(times).sum(axis=1).max(initial=1)  # HDF5 does not compress empty arrays
    order = np.argsort(times, axis=1, kind="stable")[:, :most]
    first = np.take_along_axis(times, order, axis=1)
    return np.where(np.isfinite(first), order, -1), first / 1000, times.shape[1]


def read(path: Path, layer: str | None, shape: Shape) -> Presentations:
    """Read the spikes of a layer or node. See `netsim.exchange.read_layer`."""
    import h5py
    import nir

    from netsim.exchange.hdf5 import reading_hdf5

    with reading_hdf5(path, "NIRData"):
        nodes = nir.read_data(path).nodes
        with h5py.File(path, "r") as file:
            trials = {name: array[:] for name, array in file.get("presentations", {}).items()}
            shapes = {_layer_of(name): tuple(node.attrs.get("shape", ())) for name, node in file["nodes"].items()}
    observed = {
        _layer_of(name): node.observables[_SPIKES]
        for name, node in nodes.items()
        if isinstance(getattr(node, "observables", {}).get(_SPIKES), nir.EventData)
    }
    name = choose_layer(path, layer, list(observed))
    events = observed[name]
    if shapes[name] not in ((), shape):
        raise DataError(f"{path}: {name} has the shape {shapes[name]}, not {shape}; choose the network of the file")
    if events.n_neurons != math.prod(shape):
        raise DataError(
            f"{path}: {name} has {events.n_neurons} neurons, but the shape {shape} has {math.prod(shape)}; correct it"
        )
    presentation, column = np.nonzero(events.idx != -1)
    neurons = whole_numbers(path, "idx", events.idx[presentation, column])
    if len(neurons) and neurons.max() >= events.n_neurons:
        raise DataError(
            f"{path}: idx contains {neurons.max()}, but there are only {events.n_neurons} neurons; write it again"
        )
    times = np.round(events.time[presentation, column].astype(np.float64) * 1000, PICOSECOND)
    count = len(events.idx)
    first = first_spikes(path, times, presentation, numbers(shape)[neurons], count, shape)
    indices = whole_numbers(path, "presentation", trials.get("presentation", np.arange(count)))
    return Presentations(first, labels_of(path, trials), indices, later_spikes(times, first))


def _layer_of(node: str) -> str:
    return STIMULUS if node == INPUT else node.removesuffix(NEURONS).removesuffix(POOLING)


_SUMMARY = "NIRData: spikes of the nodes of a NIR graph, as events"
spike_formats.add("nirdata", SpikeFormat(_SUMMARY, (".nird",), write, read, ("nir>=1.0.8", "h5py"), order=2), __name__)
