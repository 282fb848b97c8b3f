"""Tables as files: CSV and Parquet, written whole or not at all, and read to the last bit."""

import gzip
import importlib.util
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from netsim.errors import DataError
from netsim.files import read_text, write_atomically

_LARGEST_TEXT = 256 * 2**20
"""Bytes of a table that is read as text."""
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
"""What spreadsheets take for the start of a formula."""


def write_table(frame: pd.DataFrame, path: str | Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a table as CSV or Parquet, by the suffix of its name; it appears whole or not at all.

    In CSV (``.csv``, gzip if ``.csv.gz``) numbers are written so that reading gives the same ones, and what is
    missing is an empty field; words that a spreadsheet would run as a formula follow an apostrophe. Parquet
    (``.parquet``) keeps the types too, and texts of `metadata` beside them; it needs the package pyarrow.

    Raises
    ------
    DataError
        If the suffix is another one, or pyarrow is missing.
    RunError
        If the file cannot be written.

    Examples
    --------
    >>> import netsim
    >>> from netsim import analysis
    >>> model = netsim.load_model("digits")
    >>> test = netsim.load_splits(model.network).test.first(40)
    >>> engine = netsim.make_engine("event", model.network)
    >>> latencies = engine.present(netsim.Batch(test.latencies(range(40)), model.weights))
    >>> analysis.write_table(analysis.spike_table(model.network, latencies), "spikes.csv")
    """
    path = Path(path)
    check_table_suffix(path)

    def write(stream: BinaryIO) -> None:
        if path.suffix == ".parquet":
            import pyarrow
            import pyarrow.parquet

            packed = pyarrow.Table.from_pandas(frame, preserve_index=False)
            pyarrow.parquet.write_table(
                packed.replace_schema_metadata({**packed.schema.metadata, **(metadata or {})}), stream
            )
        elif path.suffix == ".gz":
            with gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as zipped:
                _without_formulas(frame).to_csv(zipped, mode="wb", index=False, lineterminator="\n")
        else:
            _without_formulas(frame).to_csv(stream, mode="wb", index=False, lineterminator="\n")

    write_atomically(path, write)


def table_text(path: str | Path) -> io.StringIO:
    """The text of a table's file, for a reader that would wait for a pipe, or take all memory for a device.

    Raises DataError if it is no regular file, or larger than any that a run or a sweep writes; OSError or
    UnicodeDecodeError if it cannot be read, or is no text.
    """
    return io.StringIO(read_text(Path(path), _LARGEST_TEXT))


def read_exactly(text: Any, **options: Any) -> pd.DataFrame:
    """Read a table as CSV with every number to its last bit; options are those of pandas."""
    if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):  # from then on the default is exact
        options["float_precision"] = "round_trip"
    return pd.read_csv(text, **options)


def _without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """A table whose words no spreadsheet takes for a formula: those that begin like one follow an apostrophe."""
    written = frame.copy(deep=False)
    for name, column in frame.items():
        words = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column
        if words.dtype.kind in "OSU" and any(map(_is_formula, words)):
            written[name] = column.astype(object).map(_quoted)
    return written.rename(columns=_quoted)


def _is_formula(word: Any) -> bool:
    return isinstance(word, str) and word.startswith(_FORMULA)


def _quoted(word: Any) -> Any:
    return f"'{word}" if _is_formula(word) else word


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as dictionaries, what is missing as None, ready for JSON."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def check_table_suffix(path: Path) -> None:
    """Refuse a file's suffix that names no format of tables, or one that cannot be written here."""
    if not path.name.endswith((".csv", ".csv.gz", ".parquet")):
        raise DataError(f"{path}: tables are saved as .csv, .csv.gz or .parquet; choose one of these suffixes")
    if path.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise DataError(f"{path}: Parquet needs the package pyarrow; pip install pyarrow, or choose .csv")
