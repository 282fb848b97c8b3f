"""Neurodata Without Borders: one unit per neuron, one trial per presentation, times in seconds of the session."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from netsim import __version__
from netsim.errors import DataError
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
from netsim.exchange.trains import TRIAL_COLUMNS, chosen_layers, coordinates_of, session, session_times, to_json, trials
from netsim.seams import spike_formats

if TYPE_CHECKING:
    import pynwb

    from netsim.specification import Shape
    from netsim.spikes import Spikes

SECONDS = 1e-3  # in a ms
_COLUMNS = {
    "layer": "layer of the network; stimulus is what was presented",
    "map": "map or channel; in a layer without maps the neuron's number",
    "y": "row in the map, from 0; -1 in a layer without maps",
    "x": "column in the map, from 0; -1 in a layer without maps",
    "neuron": "number in the layer: row by row, maps last",
}


def write(spikes: Spikes, path: Path, layers: Sequence[str] | None, record: Mapping[str, Any] | None) -> None:
    """Write spikes. See `netsim.exchange.export`.

    A silent neuron is a unit with an empty spike train. The file has no keywords, because neo does not read them.
    """
    import pynwb

    from netsim.exchange.hdf5 import write_hdf5

    network = spikes.network
    file = pynwb.NWBFile(
        session_description=f"simulated first spikes of {network.name}, presentations one after the other",
        identifier=str(uuid.uuid4()),
        session_start_time=datetime.now(UTC),
        experiment_description=network.description or f"the single-spike network {network.name}",
        was_generated_by=[["netsim", __version__]],
        subject=pynwb.file.Subject(
            subject_id=network.name,
            description="a simulated network; age, sex and species are there because archives ask for them",
            age="P0D",
            sex="U",
            species="http://purl.obolibrary.org/obo/NCBITaxon_32630",  # synthetic
        ),
    )
    bounds = session(spikes, SECONDS)
    columns = [_column(name, TRIAL_COLUMNS[name], data) for name, data in trials(spikes, bounds).items()]
    presented = "presentations, with times in seconds; a spike's latency is its time from start_time"
    file.trials = pynwb.epoch.TimeIntervals(name="trials", description=presented, columns=columns)
    file.units = _units(spikes, layers, bounds)
    file.add_scratch(to_json(record), name="simulation", description="what was simulated, as JSON")
    write_hdf5(path, lambda stream: pynwb.NWBHDF5IO(mode="w", file=stream).write(file))


def _column(name: str, description: str, data: Any) -> pynwb.core.VectorData:
    import pynwb

    return pynwb.core.VectorData(name=name, description=description, data=data)


def _units(spikes: Spikes, layers: Sequence[str] | None, bounds: np.ndarray) -> pynwb.misc.Units:
    import pynwb

    chosen = chosen_layers(spikes, layers)
    times, counts = [], []
    for latencies in chosen.values():
        trains = session_times(latencies, bounds, SECONDS).T
        fired = np.isfinite(trains)
        times.append(trains[fired])
        counts.append(np.count_nonzero(fired, axis=1))
    where = [coordinates_of(latencies.shape[1:]) for latencies in chosen.values()]
    data: dict[str, Any] = {name: np.concatenate([coordinates[name] for coordinates in where]) for name in where[0]}
    data["layer"] = np.repeat(np.array(list(chosen), dtype=object), [len(count) for count in counts])
    compressed = partial(pynwb.H5DataIO, compression="gzip", shuffle=True)
    number = sum(map(len, counts))
    # Neo needs obs_intervals, so every unit is observed throughout; spikeinterface adds 0 to the index, which
    # converts uint64 to floats
    observed = _column("obs_intervals", "the session (s)", compressed(np.tile([[0.0, bounds[-1]]], (number, 1))))
    ends = compressed(np.cumsum(np.concatenate(counts), dtype=np.uint64))
    spike_times = _column("spike_times", "times of spikes (s)", compressed(np.concatenate(times)))
    return pynwb.misc.Units(
        name="units",
        description="neurons of the network; each fires at most once in a presentation",
        resolution=spikes.dt * SECONDS or 1e-12,  # exact times are read to 1 ps
        columns=[
            spike_times,
            pynwb.core.VectorIndex(name="spike_times_index", data=ends, target=spike_times),
            observed,
            pynwb.core.VectorIndex(
                name="obs_intervals_index", data=compressed(np.arange(1, number + 1, dtype=np.uint32)), target=observed
            ),
            *(_column(name, text, data[name]) for name, text in _COLUMNS.items()),
        ],
    )


def read(path: Path, layer: str | None, shape: Shape) -> Presentations:
    """Read the spikes of a layer. See `netsim.exchange.read_layer`.

    Units need no column ``layer``. Without it all are read. The columns ``y``, ``x`` and ``map``, or ``neuron``,
    identify neurons. Without them the number of units must match the layer.
    """
    from netsim.exchange.hdf5 import reading_hdf5

    with reading_hdf5(path, "NWB"):
        recorded = _recording(path)
        unit, neuron_of = _neurons(path, dict(recorded.units), recorded.number, layer, shape)
        chosen = unit[recorded.unit_of]
        times, neurons = recorded.times[chosen], neuron_of[recorded.unit_of[chosen]]
        return cut_recording(path, times, neurons, recorded.trials, shape, SECONDS)


class _Recording(NamedTuple):
    """Contents of a file."""

    times: np.ndarray  # all spikes (s)
    unit_of: np.ndarray  # unit of each spike
    number: int  # number of units
    units: dict[str, np.ndarray]  # columns of units
    trials: dict[str, np.ndarray]


@contextmanager
def open_units(path: Path) -> Iterator[pynwb.NWBFile]:
    """Open a file that has units with spike times, and trials."""
    import pynwb

    with pynwb.NWBHDF5IO(path, mode="r") as stream:
        file = stream.read()
        if file.units is None or "spike_times" not in file.units.colnames:
            raise DataError(f"{path}: has no units with spike times; choose a file with units.spike_times")
        if file.trials is None:
            raise DataError(f"{path}: has no trials, which define the presentations; choose a file with trials")
        yield file


def _recording(path: Path) -> _Recording:
    with open_units(path) as file:
        trials = {name: file.trials[name].data[:] for name in file.trials.colnames}
        units = {name: file.units[name].data[:] for name in _COLUMNS if name in file.units.colnames}
        index = file.units.spike_times_index
        ends = whole_numbers(path, "spike_times_index", index.data[:])
        counts, spikes = np.diff(ends, prepend=0), len(index.target.data)
        if (counts < 0).any() or counts.sum() != spikes:
            raise DataError(f"{path}: is damaged: spike_times_index does not fit {spikes} spike times; write it again")
        unit_of = np.repeat(np.arange(len(counts)), counts)
        return _Recording(index.target.data[:], unit_of, len(counts), units, trials)


def read_spikes(path: Path) -> Spikes:
    """Read the spikes of all layers. See `netsim.exchange.read_spikes`.

    Without a column ``layer`` all units form one layer. The column ``neuron`` numbers the neurons. The default is the
    position of the unit in its layer.
    """
    from netsim.exchange.hdf5 import reading_hdf5
    from netsim.spikes import LayerSpikes, Spikes

    with reading_hdf5(path, "NWB"):
        recorded = _recording(path)
        trials = check_trials(path, {name: recorded.trials[name] for name in TRIAL_COLUMNS if name in recorded.trials})
        starts, stops = trials["start_time"], trials["stop_time"]
        inside, rows, latencies = spikes_in_trials(path, recorded.times, starts, stops, SECONDS)
        unit_of = recorded.unit_of[inside]
        names = recorded.units["layer"].astype(str) if "layer" in recorded.units else np.full(recorded.number, "units")
        layers = []
        for name in dict.fromkeys(names.tolist()):
            units = np.flatnonzero(names == name)
            numbers = np.arange(len(units))
            if "neuron" in recorded.units:
                numbers = whole_numbers(path, "neuron", recorded.units["neuron"][units])
            if len(np.unique(numbers)) < len(units):
                raise DataError(f"{path}: names a neuron of {name} twice; give each neuron one unit")
            neuron_of = np.full(recorded.number, -1)
            neuron_of[units] = numbers
            chosen = neuron_of[unit_of] >= 0
            size = check_size(path, name, max(int(numbers.max(initial=-1)) + 1, len(units)))
            columns = rows[chosen], neuron_of[unit_of[chosen]], latencies[chosen]
            layers.append(LayerSpikes.of_columns(name, size, len(starts), *columns))
        spikes = Spikes.of_layers(layers, labels_of(path, trials), indices_of(path, trials))
    warn_of_dropped(path, len(recorded.times), len(inside), layers)
    return spikes


def _neurons(
    path: Path, units: dict[str, np.ndarray], count: int, layer: str | None, shape: Shape
) -> tuple[np.ndarray, np.ndarray]:
    """Return which units belong to the layer, and the neuron of each."""
    chosen = np.ones(count, dtype=bool)
    if "layer" in units:
        names = units.pop("layer").astype(str)
        chosen = names == choose_layer(path, layer, sorted(set(names)))
    size = np.count_nonzero(chosen)
    if size != math.prod(shape):
        raise DataError(
            f"{path}: has {size} units, but a layer of shape {shape} has {math.prod(shape)} neurons; choose its network"
        )
    columns = {name: whole_numbers(path, name, column[chosen], None) for name, column in units.items()}
    neuron_of = np.full(count, -1)
    neuron_of[chosen] = neuron_numbers(path, columns, shape) if {"neuron", "y"} & set(columns) else np.arange(size)
    return chosen, neuron_of


_SUMMARY = "Neurodata Without Borders: one unit per neuron, one trial per presentation"
_FORMAT = SpikeFormat(_SUMMARY, (".nwb",), write, read, ("pynwb",), order=0, read_spikes=read_spikes)
spike_formats.add("nwb", _FORMAT, __name__)
