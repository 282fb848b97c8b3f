"""Neo: a block with one segment per presentation, in it one spike train per neuron, from 0 ms to the duration.

Neo writes the file in MATLAB's format. Every spike train is an object of its own there, of some 0.6 ms and 1.5 kB;
in NIX it would be 20 ms and 30 kB. It is not read: SciPy, which reads such files for Neo, can crash on a damaged one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsim.exchange.formats import SpikeFormat
from netsim.exchange.trains import chosen_layers, judged, places, to_json
from netsim.files import write_by_name
from netsim.seams import spike_formats

if TYPE_CHECKING:
    import neo
    import numpy as np

    from netsim.measuring.simulation import Simulation


def to_block(
    simulation: Simulation, layers: Sequence[str] | None = None, record: Mapping[str, Any] | None = None
) -> neo.Block:
    """The spikes of a simulation as a Neo block; layers and record are as in `netsim.exchange.export`.

    It has one segment per presentation, annotated with ``presentation`` (number of the stimulus in its data set),
    ``label``, ``decision``, ``tied`` and ``correct``. Its spike trains, of silent neurons too, are annotated with
    ``layer``, ``map``, ``y``, ``x`` and ``neuron``; y and x are -1 in layers without maps.
    """
    import neo

    chosen = chosen_layers(simulation, layers)
    block = neo.Block(name=simulation.network.name, description=simulation.network.description)
    block.annotate(simulation=to_json(record))
    said = judged(simulation)
    for position, index in enumerate(simulation.indices):
        segment = neo.Segment(name=f"presentation {index}", index=position, presentation=int(index))
        segment.annotate(**{name: values[position].item() for name, values in said.items()})
        for name, latencies in chosen.items():
            segment.spiketrains.extend(_trains(name, latencies[position], simulation.network.duration))
        block.segments.append(segment)
    return block


def _trains(layer: str, latencies: np.ndarray, duration: float) -> list[neo.SpikeTrain]:
    import neo

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


def write(simulation: Simulation, path: Path, layers: Sequence[str] | None, record: Mapping[str, Any] | None) -> None:
    """Write the spikes of a simulation; see `netsim.exchange.export`."""
    import neo

    block = to_block(simulation, layers, record)
    write_by_name(path, lambda temporary: neo.io.NeoMatlabIO(str(temporary)).write_block(block))


_SUMMARY = "a Neo block in MATLAB's format, one segment per presentation"
spike_formats.add("neo", SpikeFormat(_SUMMARY, (".mat",), write, packages=("neo",), order=2), __name__)
