"""The tidy spike table as a file, and latencies from one: one row per spike."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from netsim.exchange import presentations
from netsim.exchange.spikes._rows import Rows, check_columns, check_one_label
from netsim.exchange.trains import chosen_layers, to_json
from netsim.files import open_regular

if TYPE_CHECKING:
    import pandas as pd

    from netsim.specification import Shape
    from netsim.spikes import Spikes

_NEURON = {"y": "y", "x": "x", "channel": "map", "neuron": "neuron"}


def write(spikes: Spikes, path: Path, layers: Sequence[str] | None, record: Mapping[str, Any] | None) -> None:
    """Write `netsim.analysis.spike_table`; see `netsim.exchange.export`.

    The record goes into a Parquet file's metadata; CSV has no place for it, so that it is a JSON file beside.
    """
    from netsim.files import write_text, write_together
    from netsim.spikes.files import write_table

    table = spikes.table()
    table["layer"] = table["layer"].cat.set_categories(list(chosen_layers(spikes, layers)))
    table = table[table["layer"].notna()]
    if record is None or path.suffix == ".parquet":
        write_table(table, path, None if record is None else {"netsim": to_json(record)})
        return

    def both(folder: Path) -> list[Path]:
        files = [provenance(folder / path.name), folder / path.name]
        write_text(files[0], to_json(record) + "\n")
        write_table(table, files[1])
        return files

    write_together(path.parent, both)


def provenance(path: Path) -> Path:
    """The file beside a CSV that says what was simulated."""
    return path.with_name(f"{path.name}.provenance.json")


def read(
    path: Path, layer: str | None, shape: Shape, load: Callable[[Path, BinaryIO, int], pd.DataFrame]
) -> presentations.Presentations:
    """Read the spikes of a layer; see `netsim.exchange.read_layer`.

    Needed are the columns ``presentation``, ``latency_ms`` and ``neuron``, or ``y``, ``x`` and ``channel`` in its
    place (which may lack if there is one channel); ``layer`` and ``label`` may be there. A latency of ``inf`` is no
    spike; such a row, which need not name a neuron, can stand for a presentation in which all are silent. They are
    sorted by number.

    `load` makes a table of path, open file and its size in bytes, if it does not unpack to much more than that.
    """
    with presentations.reading(path, "a table of spikes"):
        with open_regular(path) as file:
            table = load(path, file, os.fstat(file.fileno()).st_size)
        check_columns(path, table.columns)
        rows = Rows(path, table)
        indices, positions = np.unique(rows.presentations(), return_inverse=True)
        labels = _labels(path, rows.labels(words=True), positions, len(indices))
        own = np.ones(len(table), dtype=bool)
        if "layer" in table.columns:
            # Parquet knows of layers that never fired
            names = list(table["layer"].astype("category").cat.categories)
            own = (table["layer"] == presentations.choose_layer(path, layer, names)).to_numpy()
        latencies = rows.latencies()
        columns = [name for name in _NEURON if name in table and (not own.any() or table.loc[own, name].notna().any())]
        told = own & (np.isfinite(latencies) | table[columns].notna().all(axis=1).to_numpy())
        placed = {_NEURON[name]: rows.whole(name, None, told)[told] for name in columns}
        neurons = presentations.neuron_numbers(path, placed, shape)
        first = presentations.first_spikes(path, latencies[told], positions[told], neurons, len(indices), shape)
        later = presentations.later_spikes(latencies[told], first)
        return presentations.Presentations(first, labels, indices, later)


def _labels(path: Path, tags: np.ndarray | None, positions: np.ndarray, count: int) -> np.ndarray | None:
    """One label for each of so many presentations, from those of rows, if there are any."""
    if tags is None:
        return None
    labels = np.zeros(count, tags.dtype)
    labels[positions] = tags
    check_one_label(path, tags, labels[positions])
    return labels
