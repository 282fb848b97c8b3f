"""The spike table as CSV, compressed with gzip if the suffix is ``.gz``."""

from __future__ import annotations

import gzip
import io
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from netsim.errors import DataError
from netsim.exchange.formats import SpikeFormat
from netsim.exchange.spikes._columns import PartsOf, read_columns
from netsim.exchange.spikes._table import provenance, read, write
from netsim.files import LARGEST_TABLE, bounded_lines, check_expansion, most_expanded, open_regular
from netsim.seams import spike_formats

if TYPE_CHECKING:
    import pandas as pd


def _load(path: Path, file: BinaryIO, size: int) -> pd.DataFrame:
    from netsim.spikes.files import read_exactly

    if path.suffix == ".gz":
        with gzip.open(file) as stream:
            content = stream.read(min(most_expanded(size), LARGEST_TABLE) + 1)
        check_expansion(path, len(content), size)
        file, size = io.BytesIO(content), len(content)
    if size > LARGEST_TABLE:
        raise DataError(f"{path}: is larger than {LARGEST_TABLE} bytes; use .parquet for this number of spikes")
    return read_exactly(bounded_lines(path, file))


def _parts(path: Path) -> PartsOf:
    """Return the columns of the whole table, which stays in memory because text is slow to parse."""
    with open_regular(path) as file:
        table = _load(path, file, os.fstat(file.fileno()).st_size)
    return [str(name) for name in table.columns], lambda names: iter([table[names]])


_FORMAT = SpikeFormat(
    "the spike table",
    (".csv", ".csv.gz"),
    write,
    partial(read, load=_load),
    order=3,
    read_spikes=partial(read_columns, parts_of=_parts),
    beside=lambda path: (provenance(path),),
)
spike_formats.add("csv", _FORMAT, __name__)
