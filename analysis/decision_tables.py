"""Tidy tables of decisions: one row per presentation, or one row per presentation and layer."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from netsim.analysis.frames import require
from netsim.errors import DataError
from netsim.learning.targets import output_probabilities
from netsim.measuring.metrics import decide
from netsim.specification import Network
from netsim.spikes.latencies import check_latencies
from netsim.spikes.table import Integers, per_presentation


def decision_table(
    network: Network, outputs: np.ndarray, labels: Integers, indices: Integers | None = None
) -> pd.DataFrame:
    """Tabulate the decision of the output layer in each presentation. The first output spike decides.

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

        ============  =======  ==============================================================
        presentation  int64    from `indices`, otherwise counted from 0
        label         int64    label of the stimulus
        decision      Int64    output neuron that fired first; a tie goes to the lowest
                               number; missing if no neuron fired
        tied          bool     several neurons fired first
        correct       bool     the neuron of the label alone fired first
        latency_ms    float64  latency of the first output spike (ms); missing without a spike
        gap_ms        float64  time from the first to the second output spike (ms), or to the
                               end of the window if only one neuron fired; missing without a
                               spike
        confidence    float64  probability of the decision in the softmax of the targets, see
                               `netsim.learning.targets`; missing for other targets
        ============  =======  ==============================================================

    Raises
    ------
    DataError
        If the latencies do not match the network, or labels or indices do not match the latencies.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", limit=40)
    >>> list(netsim.analysis.decision_table(spikes.network, spikes["output"], spikes.labels).columns)
    ['presentation', 'label', 'decision', 'tied', 'correct', 'latency_ms', 'gap_ms', 'confidence']
    """
    count = check_latencies({network.output.name: network.output.shape}, {network.output.name: outputs})
    numbers, tags = per_presentation("indices", indices, count), per_presentation("labels", labels, count)
    decisions = decide(outputs)
    fired = decisions.choice >= 0
    end = network.window_end(network.output)
    ordered = np.sort(np.minimum(outputs, end), axis=1)
    gap = ordered[:, 1] - ordered[:, 0] if network.outputs > 1 else end - ordered[:, 0]
    return pd.DataFrame(
        {
            "presentation": numbers,
            "label": tags,
            "decision": pd.arrays.IntegerArray(decisions.choice.astype(np.int64), ~fired),
            "tied": decisions.tied,
            "correct": decisions.strictly_correct(tags),
            "latency_ms": np.where(fired, decisions.latency, np.nan).astype(np.float64),
            "gap_ms": np.where(fired, gap, np.nan).astype(np.float64),
            "confidence": _confidence(network, outputs),
        }
    )


def _confidence(network: Network, outputs: np.ndarray) -> np.ndarray:
    """Probability of the deciding neuron, which is the most probable. All are equally probable in silence."""
    probabilities = output_probabilities(network, outputs.astype(np.float64))
    return np.full(len(outputs), np.nan) if probabilities is None else probabilities.max(axis=1)


def calibration_table(decisions: pd.DataFrame, bins: int = 15) -> pd.DataFrame:
    """Tabulate how often decisions of about equal confidence are correct.

    The expected calibration error (ECE) is the mean absolute difference between accuracy and confidence. Each bin
    is weighted with its number of presentations.

    Parameters
    ----------
    decisions : pandas.DataFrame
        As from `decision_table`.
    bins : int
        Number of bins of equal width, from 0 to 1.

    Returns
    -------
    pandas.DataFrame
        One row per bin with presentations, with the columns

        =============  =======  ==========================================================
        from, to       float64  bounds of the confidence; the bin includes the upper bound
        presentations  int64    number of presentations
        confidence     float64  mean confidence
        accuracy       float64  fraction that is correct; ties and silence are errors
        =============  =======  ==========================================================

    Raises
    ------
    DataError
        If the table is not a decision table or lacks a confidence, or `bins` is below 1.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, arXiv:1706.04599.

    Examples
    --------
    >>> import netsim
    >>> decisions = netsim.analysis.Source.of(netsim.load_model("digits")).decisions(limit=40)
    >>> int(netsim.analysis.calibration_table(decisions)["presentations"].sum())
    40
    """
    require(decisions, ("confidence", "correct"), "decision")
    if decisions["confidence"].isna().any():
        raise DataError("table: has no confidence; only networks with softmax targets have one")
    if bins < 1:
        raise DataError(f"bins: must be at least 1, not {bins}")
    edges = np.linspace(0.0, 1.0, bins + 1)
    part = np.clip(np.searchsorted(edges, decisions["confidence"].to_numpy(), side="left"), 1, bins)
    grouped = decisions.groupby(part)
    table = grouped.agg(
        presentations=("correct", "size"), confidence=("confidence", "mean"), accuracy=("correct", "mean")
    )
    index = table.index.to_numpy()
    table.insert(0, "from", edges[index - 1])
    table.insert(1, "to", edges[index])
    return table.reset_index(drop=True)


def spike_count_table(
    network: Network, latencies: Mapping[str, np.ndarray], indices: Integers | None = None
) -> pd.DataFrame:
    """Count the neurons of each layer that fired in each presentation.

    Parameters
    ----------
    network : Network
    latencies : dict of ndarray of float
        Latencies (ms) by layer, of shape ``(presentations, *layer)``; ``inf`` is silent.
    indices : sequence of int, shape (presentations,), optional
        Numbers of the presentations.

    Returns
    -------
    pandas.DataFrame
        With the columns

        ============  ===========  ================================================================
        presentation  int64        from `indices`, otherwise counted from 0
        layer         categorical  ``stimulus`` and the names of the layers, from first to last
        spikes        int64        number of neurons that fired; each fires at most once
        neurons       int64        number of neurons in the layer
        ============  ===========  ================================================================

    Raises
    ------
    DataError
        If the latencies do not match the network, or indices do not match the latencies.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", limit=40)
    >>> list(netsim.analysis.spike_count_table(spikes.network, spikes).columns)
    ['presentation', 'layer', 'spikes', 'neurons']
    """
    names = list(network.shapes)
    count = check_latencies(network.shapes, latencies)
    numbers = per_presentation("indices", indices, count)
    spikes = [np.isfinite(layer).reshape(count, -1).sum(axis=1) for layer in map(latencies.__getitem__, names)]
    return pd.DataFrame(
        {
            "presentation": np.tile(numbers, len(names)),
            "layer": pd.Categorical(np.repeat(names, count), names, ordered=True),
            "spikes": np.concatenate(spikes).astype(np.int64),
            "neurons": np.repeat([int(np.prod(shape)) for shape in network.shapes.values()], count),
        }
    )
