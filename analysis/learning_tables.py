"""Tidy tables of learning: displacements of the output neurons, weights, and training metrics."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from netsim.errors import DataError
from netsim.seams import targets
from netsim.specification import Network, Projection
from netsim.spikes.files import read_exactly, table_text
from netsim.spikes.latencies import check_latencies
from netsim.spikes.table import Integers, per_presentation
from netsim.weights.layout import Weights, bias_name, check_shapes, kernel_name, weight_shapes

_POSITIONS = ("map", "neuron", "channel", "y", "x", "input")
_SHARES = ("silent_", "onset_", "late_")
"""Prefixes of columns with fractions of neurons."""


def displacement_table(
    network: Network, outputs: np.ndarray, labels: Integers, indices: Integers | None = None
) -> pd.DataFrame:
    """Tabulate the actual and the target latency of every output neuron in each presentation.

    Parameters
    ----------
    network : Network
        Its targets define the target latencies.
    outputs : ndarray of float, shape (presentations, neurons)
        Latencies of the output layer (ms); ``inf`` is silent.
    labels : sequence of int, shape (presentations,)
        Output neurons of the labels.
    indices : sequence of int, shape (presentations,), optional
        Numbers of the presentations.

    Returns
    -------
    pandas.DataFrame
        With the columns

        ===============  =======  ==============================================================
        presentation     int64    from `indices`, otherwise counted from 0
        label            int64    label of the stimulus
        neuron           int64    output neuron
        latency_ms       float64  latency (ms); missing if the neuron stayed silent
        target_ms        float64  target latency (ms)
        displacement_ms  float64  target minus latency (ms); negative: the neuron should fire
                                  earlier; a silent neuron counts at the end of its window
        ===============  =======  ==============================================================

    Raises
    ------
    DataError
        If the latencies do not match the network, or labels or indices do not match the latencies.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", limit=40)
    >>> list(netsim.analysis.displacement_table(spikes.network, spikes["output"], spikes.labels).columns)
    ['presentation', 'label', 'neuron', 'latency_ms', 'target_ms', 'displacement_ms']
    """
    count = check_latencies({network.output.name: network.output.shape}, {network.output.name: outputs})
    numbers, tags = per_presentation("indices", indices, count), per_presentation("labels", labels, count)
    if count and not (tags.min() >= 0 and tags.max() < network.outputs):
        raise DataError(f"labels: must be numbers of output neurons of {network.name}, 0 to {network.outputs - 1}")
    latencies = outputs.astype(np.float64)
    wanted = targets[network.learning.targets].from_network(network)
    displacement = wanted.displacement(latencies, tags).displacement
    end = network.window_end(network.output)
    return pd.DataFrame(
        {
            "presentation": np.repeat(numbers, network.outputs),
            "label": np.repeat(tags, network.outputs),
            "neuron": np.tile(np.arange(network.outputs), count),
            "latency_ms": np.where(np.isfinite(latencies), latencies, np.nan).ravel(),
            "target_ms": (np.minimum(latencies, end) + displacement).ravel(),
            "displacement_ms": displacement.ravel(),
        }
    )


def weight_table(network: Network, weights: Weights, layers: Sequence[str] | None = None) -> pd.DataFrame:
    """Tabulate weights and biases, one row each.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
    layers : sequence of str, optional
        Names of projections and of populations with biases; by default all. In a chain both have the layer's name.

    Returns
    -------
    pandas.DataFrame
        With the columns

        =======  ===========  =======================================================================
        layer    categorical  name of the projection, or of the population of a bias
        kind     categorical  ``kernel`` or ``bias``
        map      Int32        map of a sliding kernel, or of a bias that a map shares
        neuron   Int32        postsynaptic neuron, if the kernel does not slide
        channel  Int32        channel of the source; missing for a bias or a dense source
        y, x     Int32        row and column in the sliding kernel, otherwise in the source; missing like
                              `channel`
        input    Int32        presynaptic neuron, if the kernel does not slide
        weight   float64      dimensionless; a bias is a constant current in the same units
        =======  ===========  =======================================================================

    Raises
    ------
    DataError
        If the weights do not fit the network, or a layer does not exist or has no weights.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> list(netsim.analysis.weight_table(model.network, model.weights, ["hidden"]).columns)
    ['layer', 'kind', 'map', 'neuron', 'channel', 'y', 'x', 'input', 'weight']
    """
    check_shapes(network, weights, "weights")
    parts_of_names = (name.rpartition(".") for name in weight_shapes(network))
    known = list(dict.fromkeys(name for name, _, part in parts_of_names if part in ("kernel", "bias")))
    chosen = known if layers is None else list(layers)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise DataError(f"layer {unknown[0]}: has no weights in {network.name}; choose one of {', '.join(known)}")
    parts = [part for name in chosen for part in _parts(network, name, weights)]
    types = {"layer": pd.CategoricalDtype(chosen, ordered=True), "kind": pd.CategoricalDtype(["kernel", "bias"])}
    return pd.concat(parts, ignore_index=True).astype(types)


def _parts(network: Network, name: str, weights: Weights) -> Iterator[pd.DataFrame]:
    """Yield the rows of the kernel and of the biases with this name."""
    for projection in network.weighted:
        if projection.name == name:
            yield _rows(name, "kernel", *_synapses(network, projection, weights[kernel_name(projection)]))
    for population in network.integrating:
        if population.name == name and population.has_bias:
            bias = weights[bias_name(population)]
            yield _rows(name, "bias", {"map" if len(population.shape) == 3 else "neuron": np.arange(len(bias))}, bias)


def _synapses(network: Network, projection: Projection, kernel: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return positions and weights of a sliding kernel, or of each synapse."""
    window, source = network.window(projection), network.shapes[projection.source]
    if window is not None and kernel.shape == (window.size, window.size, window.source[2], window.shape[2]):
        return dict(zip(("y", "x", "channel", "map"), np.indices(kernel.shape).reshape(4, -1), strict=True)), kernel
    synapses = network.connections(projection)
    positions = {"input": synapses.pre, "neuron": synapses.post}
    if len(source) == 3:
        positions |= dict(zip(("y", "x", "channel"), np.unravel_index(synapses.pre, source), strict=True))
    return positions, kernel.ravel()[synapses.weight]


def _rows(name: str, part: str, positions: dict[str, np.ndarray], values: np.ndarray) -> pd.DataFrame:
    """Return the rows of one array. Missing position columns are filled with NA."""
    rows = pd.DataFrame({"layer": name, "kind": part, **positions, "weight": values.ravel().astype(np.float64)})
    return rows.reindex(columns=["layer", "kind", *_POSITIONS, "weight"]).astype(dict.fromkeys(_POSITIONS, "Int32"))


def metrics_table(path: str | Path) -> pd.DataFrame:
    """Read the metrics of a training, one row per epoch.

    Parameters
    ----------
    path : str or Path
        ``metrics.csv`` of a run folder.

    Returns
    -------
    pandas.DataFrame
        With the columns

        ============================  =======  ======================================================
        epoch                         int64    counted from 1
        rate                          float64  learning rate at the end of the epoch
        training_loss                 float64  mean over the epoch, with dropout and augmentation
        training_strict_accuracy      float64  fraction during training; a tie is an error
        training_seconds              float64  duration (s)
        training_tie_rate             float64  fraction of presentations with several first spikes
        validation_loss               float64
        validation_accuracy           float64  fraction; a tie goes to the lowest neuron
        validation_strict_accuracy    float64  fraction; a tie is an error
        validation_tie_rate           float64  fraction of presentations with several first spikes
        validation_seconds            float64  duration (s)
        silent_<layer>                float64  mean fraction of silent neurons during training
        onset_<layer>                 float64  mean fraction of neurons that fired at the onset of a window
                                               after 0 ms
        late_<layer>                  float64  mean fraction of neurons that fired too late to affect any
                                               target
        ============================  =======  ======================================================

        The validation columns are missing if no stimuli were set aside for validation. Runs of earlier versions lack
        ``training_tie_rate`` and the columns of onset and late spikes.

    Raises
    ------
    DataError
        If the file is missing, contains no metrics or has an incomplete row.

    Examples
    --------
    >>> import netsim
    >>> run = netsim.train("digits", "runs/metrics", limit=100).run
    >>> netsim.analysis.metrics_table(run.metrics)["epoch"].tolist()[:3]
    [1, 2, 3]
    """
    try:
        text = table_text(path)
        frame = read_exactly(text)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; a run has it after its first epoch") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: is not a readable table ({error}); give the metrics.csv of a run") from error
    needed = {"epoch", "training_strict_accuracy"}
    if not needed <= set(frame.columns) or frame.empty or frame.select_dtypes("number").shape != frame.shape:
        raise DataError(f"{path}: contains no metrics of a training; give the metrics.csv of a run")
    if not text.getvalue().endswith("\n") or frame.isna().any(axis=None):
        raise DataError(f"{path}: is damaged (a row is incomplete); restore it from a copy, or train again")
    fractions = [
        name for name in frame.columns if name.startswith(_SHARES) or name.endswith(("_accuracy", "_tie_rate"))
    ]
    shares = frame[fractions]
    if ((shares < 0) | (shares > 1 + 1e-9)).any(axis=None):
        raise DataError(f"{path}: contains fractions outside 0 to 1; give the metrics.csv of a run")
    return frame


def best_epoch(metrics: pd.DataFrame) -> int:
    """Return the row of the epoch whose weights a run keeps: by strict validation accuracy, then validation loss.

    Without validation this is the last epoch.
    """
    order = {"validation_strict_accuracy": False, "validation_loss": True}
    known = {column: ascending for column, ascending in order.items() if column in metrics} or {"epoch": False}
    ranked = metrics.reset_index(drop=True).sort_values([*known], ascending=[*known.values()], kind="stable")
    return int(ranked.index[0])
