"""The spike table as Parquet, which knows of layers that never fired."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from netsim.exchange.formats import SpikeFormat
from netsim.exchange.presentations import Presentations
from netsim.exchange.spikes._table import read_table, write
from netsim.files import check_expansion
from netsim.seams import spike_formats

if TYPE_CHECKING:
    import pandas as pd

    from netsim.specification import Shape

_BYTES_PER_VALUE = 8


def _load(path: Path, file: BinaryIO, size: int) -> pd.DataFrame:
    import pandas as pd
    import pyarrow.parquet

    packed = pyarrow.parquet.ParquetFile(file).metadata
    check_expansion(path, _BYTES_PER_VALUE * packed.num_rows * packed.num_columns, size)
    return pd.read_parquet(file)


def read(path: Path, layer: str | None, shape: Shape) -> Presentations:
    """Read the spikes of a layer; see `netsim.exchange.spikes._table.read_table`."""
    return read_table(path, layer, shape, _load)


spike_formats.add(
    "parquet",
    SpikeFormat(
        summary="the spike table", suffixes=(".parquet",), packages=("pyarrow",), order=4, write=write, read=read
    ),
    __name__,
)
