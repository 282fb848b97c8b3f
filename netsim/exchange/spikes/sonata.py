"""SONATA spikes: one population per layer, consecutive presentations, times in ms. See ``docs/howto/exchange.md``.

SONATA has no presentations. The group ``/presentations``, which other readers ignore, describes them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.errors import DataError, DataWarning, warn_user
from netsim.exchange.formats import SpikeFormat
from netsim.exchange.presentations import (
    Presentations,
    check_size,
    check_trials,
    choose_layer,
    cut_recording,
    indices_of,
    labels_of,
    neuron_numbers,
    spikes_in_trials,
    warn_of_dropped,
    whole_numbers,
)
from netsim.exchange.trains import TRIAL_COLUMNS, chosen_layers, session, session_times, to_json, trials
from netsim.seams import spike_formats

if TYPE_CHECKING:
    import h5py

    from netsim.specification import Shape
    from netsim.spikes import Spikes

_MILLISECONDS = np.bytes_(b"ms")  # of fixed length, because HDF5 can hang on other strings in damaged files
_POSITION = "position"
"""Attribute of a population: its place in the order of layers, which HDF5 does not keep."""
_SORTING = {"none": 0, "by_id": 1, "by_time": 2}


def write(spikes: Spikes, path: Path, layers: Sequence[str] | None, record: Mapping[str, Any] | None) -> None:
    """Write spikes. See `netsim.exchange.export`."""
    from netsim.exchange.hdf5 import write_hdf5

    chosen = chosen_layers(spikes, layers)
    bounds = session(spikes, per_ms=1.0)

    def fill(file: h5py.File) -> None:
        file.attrs["magic"] = np.uint32(0x0A7A)
        file.attrs["version"] = np.array((0, 1), np.uint32)
        for position, (name, latencies) in enumerate(chosen.items()):
            group = file.create_group(f"spikes/{name}")
            group.attrs[_POSITION] = position
            _write_population(group, latencies, bounds)
        group = file.create_group("presentations")
        for name, values in trials(spikes, bounds).items():
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
    # not compressed, because libsonata lacks HDF5's filters
    group["node_ids"] = nodes[order]
    group["timestamps"] = times[order]
    group["timestamps"].attrs["units"] = _MILLISECONDS


def read(path: Path, layer: str | None, shape: Shape) -> Presentations:
    """Read the spikes of a layer. See `netsim.exchange.read_layer`.

    Without the group ``/presentations`` all spikes belong to one presentation that starts at 0 ms.
    """
    import h5py

    from netsim.exchange.hdf5 import reading_hdf5

    with reading_hdf5(path, "SONATA"):
        with h5py.File(path, "r") as file:
            name = choose_layer(path, layer, _populations(path, file))
            population = file["spikes"][name]
            own_shape = tuple(population.attrs.get("shape", shape))
            if own_shape != shape:
                raise DataError(
                    f"{path}: {population.name} has the shape {own_shape}, not {shape}; choose the network of the file"
                )
            nodes, times = _trains(path, population)
            presented = _trials(file)
        return cut_recording(path, times, neuron_numbers(path, {"neuron": nodes}, shape), presented, shape, per_ms=1.0)


def read_spikes(path: Path) -> Spikes:
    """Read the spikes of all populations. See `netsim.exchange.read_spikes`.

    The attribute ``shape`` of a population defines its neurons. The default is up to the highest number that fires.
    The attribute ``position`` defines the order of layers. Without it, they are in the order of their names, and a
    `netsim.errors.DataWarning` names the last.
    """
    import h5py

    from netsim.exchange.hdf5 import reading_hdf5
    from netsim.spikes import LayerSpikes, Spikes

    with reading_hdf5(path, "SONATA"), h5py.File(path, "r") as file:
        trials = check_trials(path, _trials(file))
        starts, stops = trials["start_time"], trials["stop_time"]
        layers, complete, count, within = [], True, 0, 0
        names = _populations(path, file)
        ordered = len(names) < 2 or all(_POSITION in file["spikes"][name].attrs for name in names)
        for name in names:
            population = file["spikes"][name]
            nodes, times = _trains(path, population)
            inside, rows, latencies = spikes_in_trials(path, times, starts, stops, 1.0)
            count, within = count + len(times), within + len(inside)
            shape = population.attrs.get("shape")
            known = None if shape is None else whole_numbers(path, f"shape of {name}", shape, None).tolist()
            size = int(nodes.max(initial=-1)) + 1 if known is None else math.prod(known)
            size = check_size(path, name, size)
            complete &= shape is not None
            if len(nodes) and not nodes.max() < size:
                raise DataError(
                    f"{path}: {population.name} has the node {nodes.max()}, but {size} neurons; correct its node_ids"
                )
            layers.append(LayerSpikes.of_columns(name, size, len(starts), rows, nodes[inside], latencies))
        if not layers:
            raise DataError(f"{path}: has no spikes; SONATA stores them in /spikes/<population>")
        spikes = Spikes.of_layers(layers, labels_of(path, trials), indices_of(path, trials))
    warn_of_dropped(path, count, within, layers)
    if not ordered:
        order = f"the file does not say which layer is last, so that {names[-1]} counts as the output"
        warn_user(f"{path}: {order}; export it again, or do not compare decisions", DataWarning)
    return replace(spikes, complete=complete)


def _populations(path: Path, file: h5py.File) -> list[str]:
    import h5py

    if not isinstance(file.get("spikes"), h5py.Group):
        raise DataError(f"{path}: has no spikes; SONATA stores them in /spikes/<population>")
    populations = {name: group for name, group in file["spikes"].items() if isinstance(group, h5py.Group)}
    if not all(_POSITION in group.attrs for group in populations.values()):
        return list(populations)
    return sorted(populations, key=lambda name: int(populations[name].attrs[_POSITION]))


def _trains(path: Path, population: h5py.Group) -> tuple[np.ndarray, np.ndarray]:
    """Return neurons and times (ms) of the spikes of a population."""
    nodes, times = population["node_ids"][:], population["timestamps"][:].astype(np.float64)
    units = population["timestamps"].attrs.get("units", _MILLISECONDS)
    units = units if isinstance(units, str) else units.decode("utf-8")
    if units not in ("ms", "milliseconds"):
        raise DataError(f"{path}: has timestamps in {units!r}; convert them to ms, which SONATA requires")
    if len(nodes) != len(times):
        raise DataError(f"{path}: is damaged: {len(nodes)} node_ids for {len(times)} timestamps; write it again")
    return whole_numbers(path, "node_ids", nodes), times


def _trials(file: h5py.File) -> dict[str, np.ndarray]:
    """Return the presentations. Without the group, a single presentation."""
    if "presentations" not in file:
        return {"start_time": np.zeros(1), "stop_time": np.array([math.inf])}
    group = file["presentations"]
    return {name: group[name][:] for name in TRIAL_COLUMNS if name in group}


_SUMMARY = "SONATA spikes: one population per layer"
_FORMAT = SpikeFormat(_SUMMARY, (".h5", ".hdf5"), write, read, ("h5py",), order=1, read_spikes=read_spikes)
spike_formats.add("sonata", _FORMAT, __name__)
