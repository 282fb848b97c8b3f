"""Tidy tables: one row per spike, or per sample of a potential."""

import gzip
import importlib.util
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from netsim.data.stimuli import UNLABELLED
from netsim.engines import Latencies, Potential
from netsim.errors import DataError
from netsim.files import read_text, write_atomically
from netsim.specification import Network

Integers = Sequence[int] | np.ndarray
_LARGEST_TEXT = 256 * 2**20  # bytes
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


def spike_table(
    network: Network, latencies: Latencies, labels: Integers | None = None, indices: Integers | None = None
) -> pd.DataFrame:
    """All spikes of some presentations, sorted by presentation, layer, latency and neuron.

    Parameters
    ----------
    network : Network
    latencies : list of ndarray
        Latencies (ms) of the stimulus and of every layer, as an engine returns them.
    labels : sequence of int, shape (presentations,), optional
        Labels of the stimuli; -1 where there is none.
    indices : sequence of int, shape (presentations,), optional
        What the presentations are called in the table, for example their index in the data set. By default
        they are counted from 0.

    Returns
    -------
    pandas.DataFrame
        One row for each neuron that fired (none for a presentation in which all are silent), with the columns

        ============  ===========  ================================================================
        presentation  int64        from `indices`
        label         Int64        label of the stimulus; missing where there is none
        layer         categorical  ``stimulus`` and the layers' names, ordered from first to last
        channel       int32        channel or map; in a dense layer the neuron
        y, x          Int32        row and column in the map; missing in a dense layer
        neuron        int32        number in the layer: row by row, channels last
        latency_ms    float64      time of the spike from the start of the presentation (ms)
        ============  ===========  ================================================================

    Raises
    ------
    DataError
        If the latencies are not those of the network, or labels or indices do not fit.

    Examples
    --------
    >>> import netsim
    >>> from netsim import analysis
    >>> model = netsim.load_model("digits")
    >>> test = netsim.load_splits(model.network).test.first(40)
    >>> engine = netsim.make_engine("event", model.network)
    >>> latencies = engine.present(netsim.Batch(test.latencies(range(40)), model.weights))
    >>> list(analysis.spike_table(model.network, latencies, test.labels).columns)
    ['presentation', 'label', 'layer', 'channel', 'y', 'x', 'neuron', 'latency_ms']
    """
    names, shapes = list(network.shapes), network.shapes.values()
    count = check_latencies(network, latencies, names)
    numbers = per_presentation("indices", indices, count)
    if len(np.unique(numbers)) < count:
        raise DataError("indices: name a presentation twice; each needs its own")
    tags = np.full(count, UNLABELLED) if labels is None else per_presentation("labels", labels, count)

    order = np.argsort(numbers)
    spikes = [_in_order(layer[presentation].ravel()) for presentation in order for layer in latencies]
    counts = np.array([len(neurons) for neurons, _ in spikes], dtype=np.int64)
    layer_of = np.repeat(np.tile(np.arange(len(names), dtype=np.int16), count), counts)
    row_of = np.repeat(np.repeat(order, len(names)), counts)
    neuron = np.concatenate([neurons for neurons, _ in spikes] or [np.empty(0, np.int32)])
    times = np.concatenate([times for _, times in spikes] or [np.empty(0)])

    channels = np.array([shape[-1] for shape in shapes], dtype=np.int32)[layer_of]
    widths = np.array([shape[1] if len(shape) == 3 else 1 for shape in shapes], dtype=np.int32)[layer_of]
    vector = np.array([len(shape) == 1 for shape in shapes])[layer_of]
    position = neuron // channels
    return pd.DataFrame(
        {
            "presentation": numbers[row_of],
            "label": pd.arrays.IntegerArray(tags[row_of], tags[row_of] == UNLABELLED),
            "layer": pd.Categorical.from_codes(layer_of, dtype=pd.CategoricalDtype(names, ordered=True)),
            "channel": neuron % channels,
            "y": pd.arrays.IntegerArray(position // widths, vector),
            "x": pd.arrays.IntegerArray(position % widths, vector.copy()),
            "neuron": neuron,
            "latency_ms": times,
        },
        copy=False,
    )


def potential_table(potentials: Sequence[Potential], indices: Integers | None = None) -> pd.DataFrame:
    """Recorded potentials, one row per sample.

    Parameters
    ----------
    potentials : sequence of Potential
        As an engine records them.
    indices : sequence of int, shape (presentations,), optional
        What the presentations of the batch are called in the table; as for `spike_table`.

    Returns
    -------
    pandas.DataFrame
        With the columns

        ============  =======  ====================================================
        presentation  int64    from `indices`, else counted from 0 within the batch
        layer         str
        neuron        int32    number in the layer: row by row, channels last
        time_ms       float64  time from the start of the presentation (ms)
        potential     float64  dimensionless, to be compared with the threshold
        ============  =======  ====================================================

    Raises
    ------
    DataError
        If a recorded presentation has no index.

    Examples
    --------
    >>> import netsim
    >>> from netsim import analysis
    >>> model = netsim.load_model("digits")
    >>> test = netsim.load_splits(model.network).test.first(40)
    >>> engine = netsim.make_engine("event", model.network, record=[netsim.Recorded("hidden", 3)])
    >>> latencies = engine.present(netsim.Batch(test.latencies(range(1)), model.weights))
    >>> list(analysis.potential_table(engine.potentials).columns)
    ['presentation', 'layer', 'neuron', 'time_ms', 'potential']
    """
    numbers = np.arange(max((one.presentation for one in potentials), default=-1) + 1)
    if indices is not None:
        if len(indices) < len(numbers):
            raise DataError(f"indices: {len(indices)} given, but presentation {len(numbers) - 1} was recorded")
        numbers = np.asarray(indices, dtype=np.int64)
    samples = [len(one.time) for one in potentials]
    return pd.DataFrame(
        {
            "presentation": np.repeat(np.array([numbers[one.presentation] for one in potentials], np.int64), samples),
            "layer": np.repeat(np.array([one.layer for one in potentials], dtype=object), samples),
            "neuron": np.repeat(np.array([one.neuron for one in potentials], np.int32), samples),
            "time_ms": np.concatenate([one.time for one in potentials] or [np.empty(0)]),
            "potential": np.concatenate([one.potential for one in potentials] or [np.empty(0)]),
        }
    )


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


def _in_order(latencies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The neurons that fired, in the order of their spikes, and when they did."""
    fired = np.flatnonzero(latencies < np.inf)
    times = latencies[fired]
    order = np.argsort(times, kind="stable")
    return fired[order].astype(np.int32), times[order].astype(np.float64)


def check_latencies(network: Network, latencies: Latencies, names: Sequence[str]) -> int:
    """Refuse latencies that are not those of the named layers; returns how many presentations there are."""
    if len(latencies) != len(names):
        raise DataError(
            f"latencies: {len(latencies)} arrays given, {network.name} needs {len(names)} with the stimulus"
        )
    count = len(latencies[0])
    for name, array in zip(names, latencies, strict=True):
        shape = network.shapes[name]
        if array.shape != (count, *shape):
            raise DataError(f"latencies of {name}: have shape {array.shape}, {network.name} needs {(count, *shape)}")
        if np.isnan(array).any():
            raise DataError(f"latencies of {name}: hold NaN; a silent neuron has the latency inf")
    return count


def per_presentation(what: str, values: Integers | None, count: int) -> np.ndarray:
    """Integers, one per presentation, by default counted from 0; refuses what are none, or too few or too many."""
    array = np.asarray(range(count) if values is None else values)
    if array.shape != (count,) or (count and array.dtype.kind not in "iu"):
        what_it_is = f"{array.dtype} of shape {array.shape}"
        raise DataError(f"{what}: must be {count} integers, one per presentation, not {what_it_is}")
    return array.astype(np.int64)
