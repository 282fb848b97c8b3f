"""The spike table as CSV, compressed with gzip if its name ends so."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from netsim.exchange.formats import SpikeFormat
from netsim.exchange.presentations import Presentations
from netsim.exchange.spikes._table import read_table, write
from netsim.files import check_expansion, most_expanded
from netsim.seams import spike_formats

if TYPE_CHECKING:
    import pandas as pd

    from netsim.specification import Shape


def _load(path: Path, file: BinaryIO, size: int) -> pd.DataFrame:
    import pandas as pd

    if path.suffix == ".gz":
        with gzip.open(file) as stream:
            content = stream.read(most_expanded(size) + 1)
        check_expansion(path, len(content), size)
        file = io.BytesIO(content)
    return pd.read_csv(file, float_precision="round_trip")


def read(path: Path, layer: str | None, shape: Shape) -> Presentations:
    """Read the spikes of a layer; see `netsim.exchange.spikes._table.read_table`."""
    return read_table(path, layer, shape, _load)


spike_formats.add(
    "csv",
    SpikeFormat(summary="the spike table", suffixes=(".csv", ".csv.gz"), order=3, write=write, read=read),
    __name__,
)
