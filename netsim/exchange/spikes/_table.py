"""Write the spike table to a file, and read latencies from it: one row per spike."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from netsim.exchange import presentations
from netsim.exchange.spikes._rows import AXES, Rows, check_columns, check_one_label
from netsim.exchange.trains import chosen_layers, to_json
from netsim.files import open_regular
from netsim.spikes.labels import in_order

if TYPE_CHECKING:
    import pandas as pd

    from netsim.specification import Shape
    from netsim.spikes import Spikes

_NEURON = {"y": "y", "x": "x", "channel": "map", "neuron": "neuron"}


def write(spikes: Spikes, path: Path, layers: Sequence[str] | None, record: Mapping[str, Any] | None) -> None:
    """Write `netsim.analysis.spike_table`. See `netsim.exchange.export`.

    The record is written to the metadata of a Parquet file, or to a JSON file next to a CSV file. Both also have units
    and descriptions of the columns.
    """
    from netsim.files import write_text, write_together
    from netsim.spikes.files import write_table
    from netsim.spikes.units import described

    table = spikes.table()
    table["layer"] = table["layer"].cat.set_categories(list(chosen_layers(spikes, layers)))
    table = _with_silent(table[table["layer"].notna()], spikes)
    if record is None and _words_number_equally(spikes):
        table["label"] = table["label"].map(dict(enumerate(spikes.classes)))
    if record is None or path.suffix == ".parquet":
        write_table(table, path, None if record is None else {"netsim": to_json(record)})
        provenance(path).unlink(missing_ok=True)  # of the file that this one replaces
        return

    def both(folder: Path) -> list[Path]:
        files = [provenance(folder / path.name), folder / path.name]
        write_text(files[0], to_json({**record, "columns": described(map(str, table.columns))}) + "\n")
        write_table(table, files[1])
        return files

    write_together(path.parent, both)


def _words_number_equally(spikes: Spikes) -> bool:
    """Return whether a reader of the names of classes would give the labels the same numbers."""
    import pandas as pd

    if spikes.labels is None or not spikes.classes:
        return False
    used = [spikes.classes[label] for label in np.unique(spikes.labels)]
    text = io.StringIO(pd.Series(used).to_csv(index=False))
    are_words = pd.read_csv(text).iloc[:, 0].to_list() == used and all(word[:1].isalpha() for word in used)
    numbers = pd.to_numeric(pd.Series(used), errors="coerce")
    return are_words and bool(numbers.isna().all()) and in_order(used) == spikes.classes


def _with_silent(table: pd.DataFrame, spikes: Spikes) -> pd.DataFrame:
    """Add a row with the latency ``inf`` for each presentation without a spike, so that a reader can count them."""
    import pandas as pd

    silent = ~np.isin(spikes.indices, table["presentation"])
    if not silent.any():
        return table
    first = table["layer"].cat.categories[0]
    shape = spikes.shapes[first]
    rows = pd.DataFrame(
        {
            "presentation": spikes.indices[silent],
            "label": None if spikes.labels is None else spikes.labels[silent],
            "layer": first,
            **{axis: size - 1 for axis, size in zip(AXES[-len(shape) :], shape, strict=True)},
            "neuron": math.prod(shape) - 1,
            "latency_ms": np.inf,
        }
    )
    joined = pd.concat([table, rows.reindex(columns=table.columns).astype(table.dtypes)])
    return joined.sort_values("presentation", kind="stable", ignore_index=True)


def provenance(path: Path) -> Path:
    """Return the file with the provenance of a CSV file."""
    return path.with_name(f"{path.name}.provenance.json")


def read(
    path: Path, layer: str | None, shape: Shape, load: Callable[[Path, BinaryIO, int], pd.DataFrame]
) -> presentations.Presentations:
    """Read the spikes of a layer. See `netsim.exchange.read_layer`.

    The table needs the columns ``presentation`` and ``latency_ms``, and either ``neuron`` or ``y``, ``x`` and
    ``channel``. With a single channel ``channel`` may be missing. The columns ``layer`` and ``label`` are optional. A
    row with the latency ``inf`` is no spike. It need not name a neuron, and represents a silent presentation.
    Presentations are sorted by number.

    `load` reads a table from path, open file and its size in bytes, and refuses files that expand too much.
    """
    with presentations.reading(path, "a table of spikes"):
        with open_regular(path) as file:
            table = load(path, file, os.fstat(file.fileno()).st_size)
        check_columns(path, table.columns)
        rows = Rows(path, table)
        indices, positions = np.unique(rows.presentations(), return_inverse=True)
        labels = _labels(path, rows.labels(), positions, len(indices))
        chosen = np.ones(len(table), dtype=bool)
        if "layer" in table.columns:
            # Parquet also lists layers that never fired
            names = list(table["layer"].astype("category").cat.categories)
            chosen = (table["layer"] == presentations.choose_layer(path, layer, names)).to_numpy()
        latencies = rows.latencies()
        known = [name for name in _NEURON if name in table]
        columns = [name for name in known if not chosen.any() or table.loc[chosen, name].notna().any()]
        placed = chosen & (np.isfinite(latencies) | table[columns].notna().all(axis=1).to_numpy())
        coordinates = {_NEURON[name]: rows.whole(name, None, placed)[placed] for name in columns}
        neurons = presentations.neuron_numbers(path, coordinates, shape)
        first = presentations.first_spikes(path, latencies[placed], positions[placed], neurons, len(indices), shape)
        later = presentations.later_spikes(latencies[placed], first)
        return presentations.Presentations(first, labels, indices, later)


def _labels(path: Path, tags: np.ndarray | None, positions: np.ndarray, count: int) -> np.ndarray | None:
    """Return a label for each of `count` presentations from the labels of rows, or None."""
    if tags is None:
        return None
    labels = np.zeros(count, tags.dtype)
    labels[positions] = tags
    check_one_label(path, tags, labels[positions])
    return labels
