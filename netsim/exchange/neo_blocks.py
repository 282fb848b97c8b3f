"""Neo: a block with a segment a presentation, and in it a spike train a neuron, from 0 ms to the duration.

Neo writes the file in MATLAB's format. Every spike train is an object of its own there, of some 0.6 ms and 1.5 kB;
in NIX it would be 20 ms and 30 kB.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import neo
import numpy as np

from netsim.errors import DataError
from netsim.exchange.presentations import (
    Presentations,
    check_exists,
    choose_layer,
    first_spikes,
    neuron_numbers,
    reading,
    whole_numbers,
)
from netsim.exchange.trains import chosen_layers, places, to_json
from netsim.files import write_by_name
from netsim.simulation import Simulation
from netsim.specification import Shape

_PLACE = ("map", "y", "x", "neuron")


def to_block(
    simulation: Simulation, layers: Sequence[str] | None = None, record: Mapping[str, Any] | None = None
) -> neo.Block:
    """The spikes of a simulation as a Neo block.

    Parameters
    ----------
    simulation : Simulation
    layers : sequence of str, optional
        Only these layers; by default all.
    record : mapping, optional
        What was simulated, ready for JSON.

    Returns
    -------
    neo.Block
        With a segment a presentation, annotated with ``presentation`` (number of the stimulus in its data set)
        and ``label``. Its spike trains, of silent neurons too, are annotated with ``layer``, ``map``, ``y``, ``x``
        and ``neuron``; y and x are -1 in layers without maps.

    Raises
    ------
    SpecificationError
        If the network has no such layer.
    """
    chosen = chosen_layers(simulation, layers)
    block = neo.Block(name=simulation.network.name, description=simulation.network.description)
    block.annotate(simulation=to_json(record))
    for position, index in enumerate(simulation.indices):
        segment = neo.Segment(name=f"presentation {index}", index=position, presentation=int(index))
        if simulation.labels is not None:
            segment.annotate(label=int(simulation.labels[position]))
        for name, latencies in chosen.items():
            segment.spiketrains.extend(_trains(name, latencies[position], simulation.network.duration))
        block.segments.append(segment)
    return block


def _trains(layer: str, latencies: np.ndarray, duration: float) -> list[neo.SpikeTrain]:
    where = places(latencies.shape)
    rows = zip(latencies.ravel(), *(column.tolist() for column in where.values()), strict=True)
    return [
        neo.SpikeTrain(
            [time] if math.isfinite(time) else [],
            t_stop=duration,
            units="ms",
            name=f"{layer}:{place[-1]}",
            layer=layer,
            **dict(zip(where, place, strict=True)),
        )
        for time, *place in rows
    ]


def write(
    simulation: Simulation, path: Path, layers: Sequence[str] | None = None, record: Mapping[str, Any] | None = None
) -> None:
    """Write the spikes of a simulation; see `netsim.exchange.export`."""
    block = to_block(simulation, layers, record)
    write_by_name(path, lambda temporary: neo.io.NeoMatlabIO(str(temporary)).write_block(block))


def read(path: Path, layer: str | None, shape: Shape) -> Presentations:
    """Read the spikes of a layer; see `netsim.exchange.read_layer`.

    Without the annotation ``layer`` all spike trains of a segment are read, and without one that says which neuron
    it is, they are numbered as they come.
    """
    with reading(path, "a Neo block"):
        check_exists(path)
        block = neo.io.NeoMatlabIO(str(path)).read_block()
        if block is None:
            raise DataError(f"{path}: holds no Neo block")
        segments = block.segments
        names = {_layer(train) for segment in segments for train in segment.spiketrains}
        chosen = None if names == {None} else choose_layer(path, layer, [name for name in names if name])
        latencies, presentations, neurons = [np.empty(0)], [], []
        for position, segment in enumerate(segments):
            trains = [train for train in segment.spiketrains if _layer(train) == chosen]
            if len(trains) != math.prod(shape):
                raise DataError(
                    f"{path}: holds {len(trains)} spike trains in segment {position}, a layer of shape {shape} has"
                    f" {math.prod(shape)} neurons"
                )
            spikes = [(train.rescale("ms") - train.t_start).magnitude for train in trains]
            counts = [len(times) for times in spikes]
            latencies += spikes
            neurons.append(np.repeat(_neurons(path, trains, shape), counts))
            presentations.append(np.full(sum(counts), position))
        labels, indices = (_of_segments(segments, name) for name in ("label", "presentation"))
        return Presentations(
            first_spikes(
                path,
                np.concatenate(latencies),
                np.concatenate([np.empty(0, int), *presentations]),
                np.concatenate([np.empty(0, int), *neurons]),
                len(segments),
                shape,
            ),
            None if labels is None else whole_numbers(path, "label", labels),
            np.arange(len(segments)) if indices is None else whole_numbers(path, "presentation", indices),
        )


def _layer(train: neo.SpikeTrain) -> str | None:
    return train.annotations.get("layer")


def _neurons(path: Path, trains: Sequence[neo.SpikeTrain], shape: Shape) -> np.ndarray:
    """Which neuron each train is."""
    columns = {
        name: whole_numbers(path, name, np.array([train.annotations[name] for train in trains]), None)
        for name in _PLACE
        if all(name in train.annotations for train in trains)
    }
    return neuron_numbers(path, columns, shape) if columns else np.arange(len(trains))


def _of_segments(segments: Sequence[neo.Segment], name: str) -> np.ndarray | None:
    """An annotation of the segments, if all of them have it."""
    if not all(name in segment.annotations for segment in segments):
        return None
    return np.array([segment.annotations[name] for segment in segments])
