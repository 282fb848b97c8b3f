"""The spike table as Parquet, which knows of layers that never fired."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from netsim.exchange.formats import SpikeFormat
from netsim.exchange.spikes._table import read, write
from netsim.files import check_expansion
from netsim.seams import spike_formats

if TYPE_CHECKING:
    import pandas as pd


def _load(path: Path, file: BinaryIO, size: int) -> pd.DataFrame:
    import pandas as pd
    import pyarrow.parquet

    packed = pyarrow.parquet.ParquetFile(file).metadata
    check_expansion(path, 8 * packed.num_rows * packed.num_columns, size)  # 8 bytes per value
    return pd.read_parquet(file)


_FORMAT = SpikeFormat("the spike table", (".parquet",), write, partial(read, load=_load), ("pyarrow",), order=4)
spike_formats.add("parquet", _FORMAT, __name__)
