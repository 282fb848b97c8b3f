"""SONATA spikes: one population per layer, presentations one after the other, times in ms; see ``docs/exchange.md``.

SONATA knows no presentations: theirs is the group ``/presentations`` beside ``/spikes``, which other readers pass over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.errors import DataError
from netsim.exchange.formats import SpikeFormat
from netsim.exchange.presentations import Presentations, choose_layer, cut_recording, neuron_numbers, whole_numbers
from netsim.exchange.trains import TRIAL_COLUMNS, chosen_layers, session, session_times, to_json, trials
from netsim.seams import spike_formats

if TYPE_CHECKING:
    import h5py

    from netsim.measuring.simulation import Simulation
    from netsim.specification import Shape

_MILLISECONDS = np.bytes_(b"ms")  # of fixed length: HDF5 can hang on others in a damaged file
_MAGIC, _VERSION = 0x0A7A, (0, 1)
_SORTING = {"none": 0, "by_id": 1, "by_time": 2}


def write(simulation: Simulation, path: Path, layers: Sequence[str] | None, record: Mapping[str, Any] | None) -> None:
    """Write the spikes of a simulation; see `netsim.exchange.export`."""
    from netsim.exchange.hdf5 import write_hdf5

    chosen = chosen_layers(simulation, layers)
    bounds = session(simulation, per_ms=1.0)

    def fill(file: h5py.File) -> None:
        file.attrs["magic"] = np.uint32(_MAGIC)
        file.attrs["version"] = np.array(_VERSION, np.uint32)
        for name, latencies in chosen.items():
            _write_population(file.create_group(f"spikes/{name}"), latencies, bounds)
        group = file.create_group("presentations")
        for name, values in trials(simulation, bounds).items():
            group[name] = values
            if name.endswith("_time"):
                group[name].attrs["units"] = _MILLISECONDS
        file["simulation"] = np.bytes_(to_json(record).encode("utf-8"))

    write_hdf5(path, fill)


def _write_population(group: h5py.Group, latencies: np.ndarray, bounds: np.ndarray) -> None:
    import h5py

    times = session_times(latencies, bounds, per_ms=1.0)
    nodes = np.broadcast_to(np.arange(times.shape[1], dtype=np.uint64), times.shape)
    fired = np.isfinite(times)
    times, nodes = times[fired], nodes[fired]
    order = np.argsort(times, kind="stable")
    group.attrs["shape"] = latencies.shape[1:]
    group.attrs.create("sorting", _SORTING["by_time"], dtype=h5py.enum_dtype(_SORTING, basetype="i1"))
    # not compressed: libsonata is built without HDF5's filters
    group["node_ids"] = nodes[order]
    group["timestamps"] = times[order]
    group["timestamps"].attrs["units"] = _MILLISECONDS


def read(path: Path, layer: str | None, shape: Shape) -> Presentations:
    """Read the spikes of a layer; see `netsim.exchange.read_layer`.

    Without the group ``/presentations`` all spikes belong to one, which starts at 0 ms.
    """
    import h5py

    from netsim.exchange.hdf5 import reading_hdf5

    with reading_hdf5(path, "SONATA"):
        with h5py.File(path, "r") as file:
            if not isinstance(file.get("spikes"), h5py.Group):
                raise DataError(f"{path}: holds no spikes; SONATA has them in /spikes/<population>")
            populations = [name for name, group in file["spikes"].items() if isinstance(group, h5py.Group)]
            population = file["spikes"][choose_layer(path, layer, populations)]
            own_shape = tuple(population.attrs.get("shape", shape))
            if own_shape != shape:
                raise DataError(f"{path}: {population.name} has the shape {own_shape}, not {shape}")
            nodes, times = population["node_ids"][:], population["timestamps"][:].astype(np.float64)
            units = population["timestamps"].attrs.get("units", _MILLISECONDS)
            presented = {"start_time": np.zeros(1), "stop_time": np.array([math.inf])}
            if "presentations" in file:
                group = file["presentations"]
                presented = {name: group[name][:] for name in TRIAL_COLUMNS if name in group}
        units = units if isinstance(units, str) else units.decode("utf-8")
        if units not in ("ms", "milliseconds"):
            raise DataError(f"{path}: has timestamps in {units!r}; SONATA has them in ms")
        if len(nodes) != len(times):
            raise DataError(f"{path}: is damaged: {len(nodes)} node_ids for {len(times)} timestamps")
        neurons = neuron_numbers(path, {"neuron": whole_numbers(path, "node_ids", nodes)}, shape)
        return cut_recording(path, times, neurons, presented, shape, per_ms=1.0)


_SUMMARY = "SONATA spikes: one population per layer"
spike_formats.add("sonata", SpikeFormat(_SUMMARY, (".h5", ".hdf5"), write, read, ("h5py",), order=1), __name__)
