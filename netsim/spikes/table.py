"""Tidy tables with one row per spike, or per sample of a potential."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from netsim.errors import DataError
from netsim.specification import Network, Shape
from netsim.spikes.labels import UNLABELLED
from netsim.spikes.latencies import Potential, check_latencies

Integers = Sequence[int] | np.ndarray


def spike_table(
    network: Network,
    latencies: Mapping[str, np.ndarray],
    labels: Integers | None = None,
    indices: Integers | None = None,
) -> pd.DataFrame:
    """Return a table of all spikes, sorted by presentation, layer, latency and neuron.

    Parameters
    ----------
    network : Network
    latencies : mapping of ndarray
        Latencies (ms) of the stimulus and of all layers, as an engine returns them.
    labels : sequence of int, shape (presentations,), optional
        Labels of the stimuli, or -1 for none.
    indices : sequence of int, shape (presentations,), optional
        Identifiers of the presentations, for example their index in the data set. The default counts from 0.

    Returns
    -------
    pandas.DataFrame
        One row for each spike, with the columns

        ============  ===========  ================================================================
        presentation  int64        from `indices`
        label         Int64        label of the stimulus, or missing
        layer         categorical  ``stimulus`` and the layers' names, ordered from first to last
        channel       int32        channel or map, or the neuron in a dense layer
        y, x          Int32        row and column in the map, or missing in a dense layer
        neuron        int32        number in the layer, in C order (row by row, channels last)
        latency_ms    float64      time of the spike from the start of the presentation (ms)
        ============  ===========  ================================================================

    Raises
    ------
    DataError
        If the latencies do not match the network, or labels or indices do not match the latencies.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", limit=40)
    >>> list(netsim.analysis.spike_table(spikes.network, spikes, spikes.labels).columns)
    ['presentation', 'label', 'layer', 'channel', 'y', 'x', 'neuron', 'latency_ms']
    """
    return table_of(network.shapes, latencies, labels, indices)


def table_of(
    shapes: Mapping[str, Shape],
    latencies: Mapping[str, np.ndarray],
    labels: Integers | None = None,
    indices: Integers | None = None,
) -> pd.DataFrame:
    """Return `spike_table` for populations of these shapes."""
    names, sizes = list(shapes), shapes.values()
    latencies = dict(latencies) if isinstance(latencies, Mapping) else latencies  # `Spikes` make an array at each look
    count = check_latencies(shapes, latencies)
    layers = [latencies[name] for name in names]
    numbers = per_presentation("indices", indices, count)
    if len(np.unique(numbers)) < count:
        raise DataError("indices: contain a number twice; give each presentation a different number")
    tags = np.full(count, UNLABELLED) if labels is None else per_presentation("labels", labels, count)

    order = np.argsort(numbers)
    spikes = [_in_order(layer[presentation].ravel()) for presentation in order for layer in layers]
    counts = np.array([len(neurons) for neurons, _ in spikes], dtype=np.int64)
    layer_of = np.repeat(np.tile(np.arange(len(names), dtype=np.int16), count), counts)
    row_of = np.repeat(np.repeat(order, len(names)), counts)
    neuron = np.concatenate([neurons for neurons, _ in spikes] or [np.empty(0, np.int32)])
    times = np.concatenate([times for _, times in spikes] or [np.empty(0)])

    channels = np.array([shape[-1] for shape in sizes], dtype=np.int32)[layer_of]
    widths = np.array([shape[1] if len(shape) == 3 else 1 for shape in sizes], dtype=np.int32)[layer_of]
    vector = np.array([len(shape) == 1 for shape in sizes])[layer_of]
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
    """Return a table of recorded potentials, with one row per sample.

    Parameters
    ----------
    potentials : sequence of Potential
        Potentials of an engine.
    indices : sequence of int, shape (presentations,), optional
        Identifiers of the presentations, as in `spike_table`.

    Returns
    -------
    pandas.DataFrame
        With the columns

        ============  =======  ====================================================
        presentation  int64    from `indices`, else counted from 0 within the batch
        layer         str
        neuron        int32    number in the layer, in C order (row by row, channels last)
        time_ms       float64  time from the start of the presentation (ms)
        potential     float64  dimensionless, compared with the threshold
        ============  =======  ====================================================

    Raises
    ------
    DataError
        If a recorded presentation has no index.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", limit=1, record=[netsim.Recorded("hidden", 3)])
    >>> list(netsim.analysis.potential_table(spikes.potentials).columns)
    ['presentation', 'layer', 'neuron', 'time_ms', 'potential']
    """
    numbers = np.arange(max((trace.presentation for trace in potentials), default=-1) + 1)
    if indices is not None:
        if len(indices) < len(numbers):
            raise DataError(
                f"indices: {len(indices)} given, but presentation {len(numbers) - 1} was recorded; give one for each"
            )
        numbers = per_presentation("indices", indices, len(indices))
    samples = [len(trace.time) for trace in potentials]
    return pd.DataFrame(
        {
            "presentation": np.repeat(np.array([numbers[each.presentation] for each in potentials], np.int64), samples),
            "layer": np.repeat(np.array([trace.layer for trace in potentials], dtype=object), samples),
            "neuron": np.repeat(np.array([trace.neuron for trace in potentials], np.int32), samples),
            "time_ms": np.concatenate([trace.time for trace in potentials] or [np.empty(0)]),
            "potential": np.concatenate([trace.potential for trace in potentials] or [np.empty(0)]),
        }
    )


def _in_order(latencies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the neurons that fired, sorted by time, and their latencies."""
    fired = np.flatnonzero(latencies < np.inf)
    times = latencies[fired]
    order = np.argsort(times, kind="stable")
    return fired[order].astype(np.int32), times[order].astype(np.float64)


def per_presentation(what: str, values: Integers | None, count: int) -> np.ndarray:
    """Return one integer per presentation, by default counted from 0. Raise DataError for anything else."""
    array = np.asarray(range(count) if values is None else values)
    if array.shape != (count,) or (count and array.dtype.kind not in "iu"):
        what_it_is = f"{array.dtype} of shape {array.shape}"
        raise DataError(f"{what}: must be {count} integers, one per presentation, not {what_it_is}")
    return array.astype(np.int64)


def rows_table(rows: Sequence[tuple[object, ...]], columns: Sequence[str]) -> pd.DataFrame:
    """Return a table of rows with equal columns. None counts as a missing number."""
    known = [tuple(np.nan if value is None else value for value in row) for row in rows]
    return pd.DataFrame(known, columns=list(columns))
