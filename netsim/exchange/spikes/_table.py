"""The tidy spike table as a file, and latencies from one: one row per spike."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from netsim.errors import DataError
from netsim.exchange import presentations
from netsim.exchange.trains import chosen_layers, to_json
from netsim.files import open_regular

if TYPE_CHECKING:
    import pandas as pd

    from netsim.measuring.simulation import Simulation
    from netsim.specification import Shape

_NEURON = {"y": "y", "x": "x", "channel": "map", "neuron": "neuron"}


def write(simulation: Simulation, path: Path, layers: Sequence[str] | None, record: Mapping[str, Any] | None) -> None:
    """Write `netsim.analysis.spike_table`; see `netsim.exchange.export`.

    The record goes into a Parquet file's metadata; CSV has no place for it, so that it is a JSON file beside.
    """
    from netsim.analysis.tables import spike_table, write_table
    from netsim.files import write_text, write_together

    table = spike_table(simulation.network, simulation.latencies, simulation.labels, simulation.indices)
    table["layer"] = table["layer"].cat.set_categories(list(chosen_layers(simulation, layers)))
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
    spike; such a row can stand for a presentation in which all neurons are silent. They are sorted by number.

    `load` makes a table of path, open file and its size in bytes, if it does not unpack to much more than that.
    """
    with presentations.reading(path, "a table of spikes"):
        with open_regular(path) as file:
            table = load(path, file, os.fstat(file.fileno()).st_size)
        missing = [name for name in ("presentation", "latency_ms") if name not in table.columns]
        if missing:
            raise DataError(f"{path}: lacks the column {' and '.join(missing)}")
        indices, rows = np.unique(_integers(path, table, "presentation"), return_inverse=True)
        labels = _labels(path, table, rows, len(indices))
        if "layer" in table.columns:
            # Parquet knows of layers that never fired
            names = list(table["layer"].astype("category").cat.categories)
            own = table["layer"] == presentations.choose_layer(path, layer, names)
            table, rows = table[own], rows[own]
        latencies = _numbers(path, table, "latency_ms")
        columns = {
            place: _integers(path, table, name)
            for name, place in _NEURON.items()
            if name in table.columns and (table.empty or table[name].notna().any())
        }
        neurons = presentations.neuron_numbers(path, columns, shape)
        first = presentations.first_spikes(path, latencies, rows, neurons, len(indices), shape)
        return presentations.Presentations(first, labels, indices)


def _numbers(path: Path, table: pd.DataFrame, name: str) -> np.ndarray:
    """A column of numbers, none of them missing."""
    import pandas as pd

    numbers = pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = np.flatnonzero(np.isnan(numbers))
    if len(wrong):
        row = table.index[wrong[0]]
        found = repr(str(table[name].loc[row]))
        raise DataError(f"{path}: {name} is no number in row {row + 1} below the heading: {found}")
    return numbers


def _integers(path: Path, table: pd.DataFrame, name: str) -> np.ndarray:
    return presentations.whole_numbers(path, name, _numbers(path, table, name), None)


def _labels(path: Path, table: pd.DataFrame, rows: np.ndarray, count: int) -> np.ndarray | None:
    """One label per presentation, if there are any."""
    if "label" not in table.columns or table["label"].isna().all():
        return None
    tags = presentations.whole_numbers(path, "label", _numbers(path, table, "label"))
    labels = np.zeros(count, np.int64)
    labels[rows] = tags
    if (labels[rows] != tags).any():
        raise DataError(f"{path}: has several labels in one presentation")
    return labels
