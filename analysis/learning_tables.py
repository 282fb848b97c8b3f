"""Tidy tables of learning: displacements of the output neurons, weights, and the metrics of a training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from netsim.analysis.tables import check_latencies, per_presentation
from netsim.errors import DataError
from netsim.learning import Learner
from netsim.specification import Convolution, Network, Shape, WeightedLayer
from netsim.weights.layout import Weights, bias_name, check_shapes, kernel_name, layer_shapes

_PLACES = ("map", "neuron", "channel", "y", "x", "input")


def displacement_table(
    network: Network,
    outputs: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    indices: Sequence[int] | np.ndarray | None = None,
) -> pd.DataFrame:
    """Actual and target latency of every output neuron in each presentation, by the network's targets.

    Parameters
    ----------
    network : Network
    outputs : ndarray of float, shape (presentations, neurons)
        Latencies of the output layer (ms); ``inf`` is silent.
    labels, indices : sequence of int, shape (presentations,)
        As for `netsim.analysis.spike_table`.

    Returns
    -------
    pandas.DataFrame
        With the columns

        ===============  =======  ==============================================================
        presentation     int64    from `indices`, else counted from 0
        label            int64    label of the stimulus
        neuron           int64    output neuron
        latency_ms       float64  when it fired (ms); missing if it stayed silent
        target_ms        float64  when it should have fired (ms)
        displacement_ms  float64  target less latency (ms), a silent neuron counted as firing at
                                  the end of its window; negative: it should fire earlier
        ===============  =======  ==============================================================

    Raises
    ------
    DataError
        If the latencies are not those of the network, or labels or indices do not fit.
    """
    count = check_latencies(network, [outputs], [network.layers[-1].name], [network.shapes[-1]])
    numbers = per_presentation("indices", indices, count, default=np.arange(count))
    tags = per_presentation("labels", labels, count, default=numbers)
    if count and not (tags.min() >= 0 and tags.max() < network.outputs):
        raise DataError(f"labels: must be 0 to {network.outputs - 1}, one of the output neurons of {network.name}")
    latencies = outputs.astype(np.float64)
    displacement = Learner(network).output_displacement(latencies, tags).displacement
    end = network.window_end(network.weighted_layers[-1])
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
    """Weights and biases, one row each.

    Parameters
    ----------
    network : Network
    weights : dict of ndarray
    layers : sequence of str, optional
        Names of the layers; by default all that have weights.

    Returns
    -------
    pandas.DataFrame
        With the columns

        =======  ===========  =======================================================================
        layer    categorical  name of the layer that the synapses end in
        kind     categorical  ``kernel`` or ``bias``
        map      Int32        map of a convolution; missing in a dense layer
        neuron   Int32        neuron of a dense layer; missing in a convolution
        channel  Int32        channel of the source; missing for a bias, or if the source is dense
        y, x     Int32        row and column, in the kernel of a convolution or in the source of a dense
                              layer; missing as for `channel`
        input    Int32        presynaptic neuron of a dense layer; missing in a convolution
        weight   float64      dimensionless; a bias is a constant current in the same units
        =======  ===========  =======================================================================

    Raises
    ------
    DataError
        If the weights are not the network's, or it has no such layer with weights.
    """
    check_shapes(network, weights, "weights")
    known = {layer.name: (layer, source) for layer, source, _ in layer_shapes(network)}
    chosen = list(known) if layers is None else list(layers)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise DataError(f"layer {unknown[0]}: has no weights in {network.name}; choose one of {', '.join(known)}")
    parts = [part for name in chosen for part in _layer_rows(*known[name], weights)]
    return pd.concat(parts, ignore_index=True).astype(
        {
            "layer": pd.CategoricalDtype(chosen, ordered=True),
            "kind": pd.CategoricalDtype(["kernel", "bias"]),
            **dict.fromkeys(_PLACES, "Int32"),
        }
    )


def _layer_rows(layer: WeightedLayer, source: Shape, weights: Weights) -> list[pd.DataFrame]:
    kernel = weights[kernel_name(layer)]
    index = np.indices(kernel.shape).reshape(kernel.ndim, -1)
    if isinstance(layer, Convolution):
        places = dict(zip(("y", "x", "channel", "map"), index, strict=True))
        own = "map"
    else:
        places = {"input": index[0], "neuron": index[1]}
        own = "neuron"
        if len(source) == 3:
            places |= dict(zip(("y", "x", "channel"), np.unravel_index(index[0], source), strict=True))
    rows = [_rows(layer.name, "kernel", places, kernel)]
    if layer.neurons.bias:
        bias = weights[bias_name(layer)]
        rows.append(_rows(layer.name, "bias", {own: np.arange(len(bias))}, bias))
    return rows


def _rows(name: str, kind: str, places: dict[str, np.ndarray], values: np.ndarray) -> pd.DataFrame:
    """Rows of one array; places that it does not have are missing."""
    size = math.prod(values.shape)
    columns = {
        place: pd.array(places[place], dtype="Int32")
        if place in places
        else pd.arrays.IntegerArray(np.zeros(size, np.int32), np.ones(size, bool))
        for place in _PLACES
    }
    return pd.DataFrame({"layer": name, "kind": kind, **columns, "weight": values.ravel().astype(np.float64)})


def metrics_table(path: str | Path) -> pd.DataFrame:
    """The metrics of a training, one row an epoch, from the file that a run keeps.

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
        training_strict_accuracy      float64  fraction, as presented in training; a tie is an error
        validation_loss               float64
        validation_accuracy           float64  fraction; a tie goes to the lowest neuron
        validation_strict_accuracy    float64  fraction; a tie is an error
        validation_tie_rate           float64  fraction of presentations with several first spikes
        training_seconds              float64  duration (s)
        validation_seconds            float64  duration (s)
        silent_<layer>                float64  mean fraction of neurons that stayed silent in training
        ============================  =======  ======================================================

    Raises
    ------
    DataError
        If the file is missing or is no such table.
    """
    try:
        frame = pd.read_csv(path, engine="python")  # which reads numbers to the last bit
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; a run has it after its first epoch") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: is no readable table ({error})") from error
    needed = {"epoch", "training_strict_accuracy", "validation_strict_accuracy"}
    if not needed <= set(frame.columns) or frame.empty or frame.select_dtypes("number").shape != frame.shape:
        raise DataError(f"{path}: holds no metrics of a training; a run's metrics.csv is needed")
    shares = frame[[name for name in frame.columns if name.startswith("silent_") or name.endswith("_accuracy")]]
    if ((shares < 0) | (shares > 1 + 1e-9)).any(axis=None):
        raise DataError(f"{path}: holds fractions that are not from 0 to 1; a run's metrics.csv is needed")
    return frame


def best_epoch(metrics: pd.DataFrame) -> int:
    """The position of the epoch whose weights a run keeps: by strict validation accuracy, then by validation loss.

    Parameters
    ----------
    metrics : pandas.DataFrame
        As from `metrics_table`.
    """
    order = {"validation_strict_accuracy": False, "validation_loss": True}
    columns = [column for column in order if column in metrics]
    ranked = metrics.reset_index(drop=True).sort_values(
        columns, ascending=[order[column] for column in columns], kind="stable"
    )
    return int(ranked.index[0])
