"""Neo: a block with a segment per presentation in memory, a block with one session in a file.

Neo writes files in MATLAB's format. A spike train takes about 0.6 ms and 1.5 kB there, so the file has one train per
neuron through all presentations. netsim does not read these files, because SciPy can crash on damaged files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netsim.errors import DataWarning, warn_user
from netsim.exchange.formats import SpikeFormat
from netsim.exchange.presentations import PICOSECOND
from netsim.exchange.trains import chosen_layers, coordinates_of, judged, session, session_times, to_json
from netsim.files import write_by_name
from netsim.seams import spike_formats

_MANY_PARTS = 20_000
"""Parts of trains that Neo cuts in a minute; it takes about 3 ms for each."""

if TYPE_CHECKING:
    import neo

    from netsim.spikes import Spikes


def to_block(spikes: Spikes, layers: Sequence[str] | None = None, record: Mapping[str, Any] | None = None) -> neo.Block:
    """Return spikes as a Neo block.

    The block has one segment per presentation, annotated with ``presentation`` (number of the stimulus in its data
    set), ``label``, ``decision``, ``tied`` and ``correct``. Spike trains, also of silent neurons, are annotated with
    ``layer``, ``map``, ``y``, ``x`` and ``neuron``. In layers without maps ``y`` and ``x`` are -1. The trains of a
    segment are stored as arrays (`neo.core.spiketrainlist.SpikeTrainList`), and become objects on access.

    Parameters
    ----------
    spikes : Spikes
    layers : sequence of str, optional
        Layers to convert; by default all.
    record : mapping, optional
        Provenance, as for `netsim.exchange.export`.

    Returns
    -------
    neo.Block

    Examples
    --------
    >>> import netsim
    >>> from netsim.exchange.spikes.neo import to_block
    >>> block = to_block(netsim.present("digits", index=range(3)), ["hidden"])
    >>> len(block.segments), len(block.segments[0].spiketrains)
    (3, 200)
    """
    import neo
    import quantities as pq
    from neo.core.spiketrainlist import SpikeTrainList

    chosen = chosen_layers(spikes, layers)
    times = np.concatenate([latencies.reshape(len(latencies), -1) for latencies in chosen.values()], axis=1)
    where = {name: values.tolist() for name, values in _where(chosen).items()}
    trains = list(range(times.shape[1]))
    bounds = {"t_start": 0 * pq.ms, "t_stop": spikes.network.duration * pq.ms}
    block, annotations = _block(spikes, record), judged(spikes)
    for position, index in enumerate(spikes.indices):
        segment = neo.Segment(name=f"presentation {index}", index=position, presentation=int(index))
        segment.annotate(**{name: values[position].item() for name, values in annotations.items()})
        fired = np.flatnonzero(np.isfinite(times[position]))
        fired_at = times[position, fired] * pq.ms
        segment.spiketrains = SpikeTrainList.from_spike_time_array(fired_at, fired, trains, **bounds, **where)
        segment.spiketrains.segment = segment
        block.segments.append(segment)
    return block


def to_session(
    spikes: Spikes, layers: Sequence[str] | None = None, record: Mapping[str, Any] | None = None
) -> neo.Block:
    """Return spikes as a block with one segment of consecutive presentations, with a spike train per neuron.

    The epoch ``presentations`` has their times, and the annotations of `to_block`'s segments as arrays.
    `neo.utils.cut_segment_by_epoch` restores these segments from its array annotations. MATLAB files of Neo lack array
    annotations, so the same arrays are also plain annotations. Neo includes both ends of a slice, so a presentation
    ends 1 ps before the next starts.
    """
    import neo

    chosen = chosen_layers(spikes, layers)
    bounds = session(spikes, per_ms=1.0)
    length = spikes.network.duration - 10.0**-PICOSECOND
    segment = neo.Segment(name="session")
    named = {"presentation": np.array(spikes.indices, np.int64), **judged(spikes)}
    labels = np.array([str(index) for index in spikes.indices])
    durations = np.full(len(labels), length)
    epoch = neo.Epoch(bounds[:-1], durations, labels, units="ms", name="presentations", **named)
    epoch.array_annotate(**named)
    segment.epochs.append(epoch)
    where = {name: values.tolist() for name, values in _where(chosen).items()}
    times = np.concatenate([session_times(latencies, bounds, per_ms=1.0) for latencies in chosen.values()], axis=1).T
    times = np.minimum(times, bounds[:-1] + length, where=np.isfinite(times), out=times)
    fired = np.isfinite(times)
    trains = np.split(times[fired], np.cumsum(fired.sum(axis=1))[:-1])
    segment.spiketrains = [
        neo.SpikeTrain(train, t_stop=bounds[-1], units="ms", **dict(zip(where, coordinates, strict=True)))
        for train, *coordinates in zip(trains, *where.values(), strict=True)
    ]
    block = _block(spikes, record)
    block.segments.append(segment)
    return block


def _block(spikes: Spikes, record: Mapping[str, Any] | None) -> neo.Block:
    import neo

    network = spikes.network
    return neo.Block(name=network.name, description=network.description, simulation=to_json(record))


def _where(chosen: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return layer and coordinates of each neuron of the chosen layers."""
    coordinates = [coordinates_of(latencies.shape[1:]) for latencies in chosen.values()]
    sizes = [latencies[0].size for latencies in chosen.values()]
    columns = {name: np.concatenate([each[name] for each in coordinates]) for name in coordinates[0]}
    return {"layer": np.repeat(np.array(list(chosen), dtype=object), sizes), **columns}


def write(spikes: Spikes, path: Path, layers: Sequence[str] | None, record: Mapping[str, Any] | None) -> None:
    """Write spikes. See `netsim.exchange.export`."""
    import neo

    block = to_session(spikes, layers, record)
    parts = len(block.segments[0].spiketrains) * len(spikes.indices)
    if parts > _MANY_PARTS:
        slow = f"Neo takes minutes to cut all presentations out of this file ({parts:,} parts of trains)"
        fast = "netsim.exchange.spikes.neo.to_block returns them at once, or choose fewer layers or presentations"
        warn_user(f"{path}: {slow}; {fast}", DataWarning)
    write_by_name(path, lambda temporary: neo.io.NeoMatlabIO(str(temporary)).write_block(block))


_SUMMARY = "a Neo block in MATLAB's format, one spike train per neuron, presentations as an epoch"
spike_formats.add("neo", SpikeFormat(_SUMMARY, (".mat",), write, packages=("neo",), order=2), __name__)
