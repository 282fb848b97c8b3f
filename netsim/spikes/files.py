"""Tables as CSV or Parquet files. Numbers are stored exactly, and files are written completely or not at all."""

import gzip
import importlib.util
import io
import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from netsim.errors import DataError
from netsim.files import read_text, write_atomically
from netsim.specification.checks import check_kind, path_in
from netsim.spikes.units import described

_LARGEST_TEXT = 256 * 2**20
"""Maximum bytes of a text table."""
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
"""Characters that begin a formula in spreadsheets."""
_NUMBER = re.compile(r"[+-]\d+(\.\d+)?")


def write_table(frame: pd.DataFrame, path: str | Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a table as CSV or Parquet, depending on the suffix.

    CSV stores numbers exactly and missing values as empty fields. An apostrophe precedes words that a spreadsheet would
    run as a formula, but not numbers such as -45. Parquet also stores the types. Its columns carry their unit and
    description as metadata of the Arrow schema. Pandas reads them as ``DataFrame.attrs["columns"]``, and other tools as
    the entry ``columns`` of the file.

    Parameters
    ----------
    frame : pandas.DataFrame
    path : str or Path
        File to write, ending in ``.csv``, ``.csv.gz`` or ``.parquet``. It is written completely or not at all.
    metadata : mapping of str, optional
        Texts to store in a Parquet file.

    Raises
    ------
    DataError
        If the suffix is not supported, two columns have one name, Parquet cannot store a column, or Parquet is chosen
        without the package pyarrow.
    RunError
        If the file cannot be written.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", limit=40)
    >>> netsim.analysis.write_table(spikes.table(), "spikes.csv")
    """
    path = path_in(path, "path")
    check_kind(frame, pd.DataFrame, "frame")
    check_table_suffix(path)
    if not frame.columns.is_unique:
        raise DataError(f"{path}: two columns have one name; rename one")

    def write(stream: BinaryIO) -> None:
        if path.suffix == ".parquet":
            import pyarrow
            import pyarrow.parquet

            try:
                packed = pyarrow.Table.from_pandas(frame, preserve_index=False)
            except pyarrow.ArrowException as error:
                raise DataError(f"{path}: Parquet cannot store these columns ({error.args[0]}); write .csv") from error
            columns = described(packed.schema.names)
            fields = [field.with_metadata(columns.get(field.name)) for field in packed.schema]
            texts = {"columns": json.dumps(columns), "PANDAS_ATTRS": json.dumps({"columns": columns})}
            kept = {**packed.schema.metadata, **texts, **(metadata or {})}
            pyarrow.parquet.write_table(packed.cast(pyarrow.schema(fields, kept)), stream)
        elif path.suffix == ".gz":
            with gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as zipped:
                _without_formulas(frame).to_csv(zipped, mode="wb", index=False, lineterminator="\n")
        else:
            _without_formulas(frame).to_csv(stream, mode="wb", index=False, lineterminator="\n")

    write_atomically(path, write)


def table_text(path: str | Path) -> io.StringIO:
    """Return the text of a table file, without waiting for pipes or reading devices.

    Raises DataError for other than regular files or for too large files. Raises OSError or UnicodeDecodeError if the
    file cannot be read or is not text.
    """
    return io.StringIO(read_text(Path(path), _LARGEST_TEXT))


def read_exactly(text: Any, **options: Any) -> pd.DataFrame:
    """Read CSV with exact numbers. `options` are options of `pandas.read_csv`.

    Raise a ParserError of pandas if a row has more values than the heading.
    """
    if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):  # exact is the default from pandas 3.1
        options["float_precision"] = "round_trip"
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:  # by default, pandas takes surplus first values as names of the rows
            return pd.read_csv(text, index_col=False, **options)
        except pd.errors.ParserWarning as warning:
            raise pd.errors.ParserError("rows have more values than the heading has columns") from warning


def _without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with an apostrophe before each word that a spreadsheet would run as a formula."""
    written = frame.copy(deep=False)
    for name, column in frame.items():
        words = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column
        if words.dtype.kind in "OSU" and any(map(_is_formula, words)):
            written[name] = column.astype(object).map(_quoted)
    return written.rename(columns=_quoted)


def _is_formula(word: Any) -> bool:
    return isinstance(word, str) and word.startswith(_FORMULA) and not _NUMBER.fullmatch(word)


def _quoted(word: Any) -> Any:
    return f"'{word}" if _is_formula(word) else word


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as dictionaries for JSON, with None for missing values."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def check_table_suffix(path: Path) -> None:
    """Raise DataError for a suffix without a table format, or for Parquet without pyarrow."""
    if not path.name.endswith((".csv", ".csv.gz", ".parquet")):
        raise DataError(f"{path}: tables are saved as .csv, .csv.gz or .parquet; choose one of these suffixes")
    if path.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise DataError(f"{path}: Parquet needs the package pyarrow; pip install pyarrow, or choose .csv")
