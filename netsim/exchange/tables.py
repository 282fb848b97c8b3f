"""The tidy spike table as a file, and latencies from one: a row a spike."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from netsim.analysis.tables import spike_table, write_table
from netsim.errors import DataError
from netsim.exchange.presentations import (
    Presentations,
    choose_layer,
    first_spikes,
    neuron_numbers,
    reading,
    whole_numbers,
)
from netsim.exchange.trains import chosen_layers
from netsim.files import check_expansion, most_expanded, open_regular
from netsim.measuring.simulation import Simulation
from netsim.specification import Shape

_BYTES_OF_A_VALUE = 8
_NEURON = {"y": "y", "x": "x", "channel": "map", "neuron": "neuron"}


def write(
    simulation: Simulation, path: Path, layers: Sequence[str] | None = None, record: Mapping[str, Any] | None = None
) -> None:
    """Write `netsim.analysis.spike_table`; see `netsim.exchange.export`. The record has no place in a table."""
    table = spike_table(simulation.network, simulation.latencies, simulation.labels, simulation.indices)
    table["layer"] = table["layer"].cat.set_categories(list(chosen_layers(simulation, layers)))
    write_table(table[table["layer"].notna()], path)


def read(path: Path, layer: str | None, shape: Shape) -> Presentations:
    """Read the spikes of a layer; see `netsim.exchange.read_layer`.

    Needed are the columns ``presentation``, ``latency_ms`` and ``neuron``, or ``y``, ``x`` and ``channel`` in its
    place (which may lack if there is one channel); ``layer`` and ``label`` may be there. A latency of ``inf`` is no
    spike; such a row can stand for a presentation in which all neurons are silent. Presentations are sorted by
    their numbers.
    """
    with reading(path, "a table of spikes"):
        table = _table(path)
        missing = [name for name in ("presentation", "latency_ms") if name not in table.columns]
        if missing:
            raise DataError(f"{path}: lacks the column {' and '.join(missing)}")
        indices, presentations = np.unique(_integers(path, table, "presentation"), return_inverse=True)
        labels = _labels(path, table, presentations, len(indices))
        if "layer" in table.columns:
            # Parquet knows of layers that never fired
            own = table["layer"] == choose_layer(path, layer, list(table["layer"].astype("category").cat.categories))
            table, presentations = table[own], presentations[own]
        latencies = _numbers(path, table, "latency_ms")
        columns = {
            place: _integers(path, table, name)
            for name, place in _NEURON.items()
            if name in table.columns and (table.empty or table[name].notna().any())
        }
        neurons = neuron_numbers(path, columns, shape)
        return Presentations(
            first_spikes(path, latencies, presentations, neurons, len(indices), shape), labels, indices
        )


def _table(path: Path) -> pd.DataFrame:
    """The table of a file, if it does not unpack to much more than its size."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if path.suffix == ".parquet":
            import pyarrow.parquet

            packed = pyarrow.parquet.ParquetFile(file).metadata
            check_expansion(path, _BYTES_OF_A_VALUE * packed.num_rows * packed.num_columns, size)
            return pd.read_parquet(file)
        if path.suffix != ".gz":
            return pd.read_csv(file, float_precision="round_trip")
        with gzip.open(file) as stream:
            content = stream.read(most_expanded(size) + 1)
        check_expansion(path, len(content), size)
        return pd.read_csv(io.BytesIO(content), float_precision="round_trip")


def _numbers(path: Path, table: pd.DataFrame, name: str) -> np.ndarray:
    """A column of numbers, none of them missing."""
    numbers = pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = np.flatnonzero(np.isnan(numbers))
    if len(wrong):
        row = table.index[wrong[0]]
        raise DataError(f"{path}: {name} is no number in row {row + 1} below the heading: {table[name].loc[row]!r}")
    return numbers


def _integers(path: Path, table: pd.DataFrame, name: str) -> np.ndarray:
    return whole_numbers(path, name, _numbers(path, table, name), None)


def _labels(path: Path, table: pd.DataFrame, presentations: np.ndarray, count: int) -> np.ndarray | None:
    """One label a presentation, if there are any."""
    if "label" not in table.columns or table["label"].isna().all():
        return None
    tags = whole_numbers(path, "label", _numbers(path, table, "label"))
    labels = np.zeros(count, np.int64)
    labels[presentations] = tags
    if (labels[presentations] != tags).any():
        raise DataError(f"{path}: has several labels in one presentation")
    return labels
