"""Tidy tables of what was decided: one row per presentation, or per presentation and layer."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from netsim.analysis.frames import require
from netsim.errors import DataError
from netsim.learning.targets import output_probabilities
from netsim.measuring.metrics import decide
from netsim.specification import Network
from netsim.spikes.table import Integers, check_latencies, per_presentation


def decision_table(
    network: Network, outputs: np.ndarray, labels: Integers, indices: Integers | None = None
) -> pd.DataFrame:
    """What the output layer decided in each presentation: the first output spike counts.

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

        ============  =======  ===================================================================
        presentation  int64    from `indices`, else counted from 0
        label         int64    label of the stimulus
        decision      Int64    output neuron that fired first; of several, the one with the lowest
                               number; missing if none fired
        tied          bool     whether several fired first
        correct       bool     whether the label's neuron alone fired first
        latency_ms    float64  latency of the first output spike (ms); missing if there is none
        gap_ms        float64  time from the first to the second output spike (ms), or to the end of
                               the window if there is no second one; missing if there is no first
        confidence    float64  how probable the softmax of the targets has the decision, see
                               `netsim.learning.targets`; missing if the targets are others
        ============  =======  ===================================================================

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
    >>> list(analysis.decision_table(model.network, latencies["output"], test.labels).columns)
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
    """The probability of the most probable neuron, which is the one that decides; that of all alike in silence."""
    probabilities = output_probabilities(network, outputs.astype(np.float64))
    return np.full(len(outputs), np.nan) if probabilities is None else probabilities.max(axis=1)


def calibration_table(decisions: pd.DataFrame, bins: int = 15) -> pd.DataFrame:
    """How often decisions are right that are about equally confident.

    The expected calibration error (ECE) is the mean distance of accuracy and confidence, weighted with the
    presentations of the bins.

    Parameters
    ----------
    decisions : pandas.DataFrame
        As from `decision_table`.
    bins : int
        Into so many equal parts the confidence from 0 to 1 is divided.

    Returns
    -------
    pandas.DataFrame
        A row per part that holds presentations, with the columns

        =============  =======  ======================================================
        from, to       float64  bounds of the confidence; the upper one belongs to it
        presentations  int64    how many
        confidence     float64  their mean
        accuracy       float64  share that is right; a tie is an error, as silence is
        =============  =======  ======================================================

    Raises
    ------
    DataError
        If the table is no decision table or has no confidence, or there are no bins.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, arXiv:1706.04599.

    Examples
    --------
    >>> import netsim
    >>> from netsim import analysis
    >>> decisions = analysis.Source.of(netsim.load_model("digits")).decisions(limit=40)
    >>> int(analysis.calibration_table(decisions)["presentations"].sum())
    40
    """
    require(decisions, ("confidence", "correct"), "decision")
    if decisions["confidence"].isna().any():
        raise DataError("table: has no confidence, which the softmax targets of a network give")
    if bins < 1:
        raise DataError(f"bins: must be at least 1, not {bins}")
    edges = np.linspace(0.0, 1.0, bins + 1)
    part = np.clip(np.searchsorted(edges, decisions["confidence"].to_numpy(), side="left"), 1, bins)
    grouped = decisions.groupby(part)
    found = grouped.agg(
        presentations=("correct", "size"), confidence=("confidence", "mean"), accuracy=("correct", "mean")
    )
    at = found.index.to_numpy()
    found.insert(0, "from", edges[at - 1])
    found.insert(1, "to", edges[at])
    return found.reset_index(drop=True)


def spike_count_table(
    network: Network, latencies: Mapping[str, np.ndarray], indices: Integers | None = None
) -> pd.DataFrame:
    """How many neurons of each layer fired in each presentation.

    Parameters and errors are those of `netsim.analysis.spike_table`.

    Returns
    -------
    pandas.DataFrame
        With the columns

        ============  ===========  ================================================================
        presentation  int64        from `indices`, else counted from 0
        layer         categorical  ``stimulus`` and the layers' names, ordered from first to last
        spikes        int64        neurons that fired; each fires once at most
        neurons       int64        neurons that the layer has
        ============  ===========  ================================================================

    Examples
    --------
    >>> import netsim
    >>> from netsim import analysis
    >>> model = netsim.load_model("digits")
    >>> test = netsim.load_splits(model.network).test.first(40)
    >>> engine = netsim.make_engine("event", model.network)
    >>> latencies = engine.present(netsim.Batch(test.latencies(range(40)), model.weights))
    >>> list(analysis.spike_count_table(model.network, latencies).columns)
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
