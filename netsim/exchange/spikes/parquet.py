"""The spike table as Parquet, which also lists layers that never fired."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from netsim.exchange.formats import SpikeFormat
from netsim.exchange.spikes._columns import PartsOf, read_columns
from netsim.exchange.spikes._table import read, write
from netsim.files import check_expansion, open_regular
from netsim.seams import spike_formats

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 2**20
_BUFFER = 2**20  # bytes of a column


def _load(path: Path, file: BinaryIO, size: int) -> pd.DataFrame:
    import pandas as pd
    import pyarrow.parquet

    packed = pyarrow.parquet.ParquetFile(file).metadata
    check_expansion(path, 8 * packed.num_rows * packed.num_columns, size)  # 8 bytes per value
    return pd.read_parquet(file)


def _parts(path: Path) -> PartsOf:
    """Return the columns of the table, and a function that reads a million rows at a time."""
    import pyarrow.parquet

    with open_regular(path) as opened, pyarrow.parquet.ParquetFile(opened) as file:
        names = list(file.schema_arrow.names)

    def parts(wanted: list[str]) -> Iterator[pd.DataFrame]:
        # a row group can be as large as the file, so its columns are read in parts
        with (
            open_regular(path) as opened,
            pyarrow.parquet.ParquetFile(opened, read_dictionary=["layer"], buffer_size=_BUFFER) as file,
        ):
            for group in range(file.num_row_groups):  # separately, which frees the memory of each group
                for batch in file.iter_batches(_ROWS, row_groups=[group], columns=wanted):
                    yield batch.to_pandas(split_blocks=True)

    return names, parts


_FORMAT = SpikeFormat(
    "the spike table",
    (".parquet",),
    write,
    partial(read, load=_load),
    ("pyarrow",),
    order=4,
    read_spikes=partial(read_columns, parts_of=_parts),
)
spike_formats.add("parquet", _FORMAT, __name__)
