"""Decisions and rates, computed from latencies alone. The first output spike decides."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from netsim.errors import DataError
from netsim.reprs import short_repr
from netsim.specification import Network
from netsim.spikes import Spikes

_Z = 1.959963984540054
"""Of the two-sided 95 % of a normal distribution."""


class Decisions(NamedTuple):
    """What the output layer decided, one entry per presentation."""

    choice: np.ndarray  # int, the neuron that fired first; of several, the one with the lowest number; -1 for silence
    tied: np.ndarray  # bool, whether several neurons fired first
    latency: np.ndarray  # of the first output spike (ms); inf for silence

    def __repr__(self) -> str:
        return short_repr(self)

    def correct(self, labels: np.ndarray) -> np.ndarray:
        """Whether the choice is the label, a tie broken towards the lowest number; silence is an error."""
        labels = np.asarray(labels)
        if labels.shape != self.choice.shape:
            raise DataError(f"labels: have shape {labels.shape}, not {self.choice.shape}, one for each decision")
        return (self.choice == labels) & (self.choice >= 0)

    def strictly_correct(self, labels: np.ndarray) -> np.ndarray:
        """Whether the label's neuron alone fired first: ties and silence are errors."""
        return self.correct(labels) & ~self.tied


def decide(outputs: np.ndarray) -> Decisions:
    """Read the decision from the latencies of the output layer.

    Parameters
    ----------
    outputs : ndarray of float, shape (presentations, neurons)
        Latencies (ms); ``inf`` is silent.

    Raises
    ------
    DataError
        If a latency is NaN, or `outputs` has another shape.

    Examples
    --------
    >>> import numpy as np
    >>> import netsim
    >>> decisions = netsim.decide(np.array([[3.0, 1.5], [2.0, 2.0], [np.inf, np.inf]]))
    >>> decisions.choice
    array([ 1,  0, -1])
    >>> decisions.tied
    array([False,  True, False])
    >>> decisions.strictly_correct(np.array([1, 0, 0]))
    array([ True, False, False])
    """
    if np.ndim(outputs) != 2 or np.shape(outputs)[1] == 0:
        expected = "latencies (ms) of shape (presentations, outputs) are needed"
        raise DataError(f"outputs: have the shape {np.shape(outputs)}; {expected}")
    first = outputs.min(axis=1)
    if np.isnan(first).any():
        raise DataError("outputs: hold NaN; a latency is a time in ms, or inf where a neuron is silent")
    fired = np.isfinite(first)
    choice = np.where(fired, outputs.argmin(axis=1), -1)
    tied = fired & ((outputs == first[:, None]).sum(axis=1) > 1)
    return Decisions(choice, tied, first)


def decision_figures(decisions: Decisions, labels: np.ndarray) -> dict[str, float]:
    """How good decisions are; what the figures are is said in `netsim.measuring.evaluation.Evaluation`."""
    fired = np.isfinite(decisions.latency)
    return {
        "accuracy": float(decisions.correct(labels).mean()),
        "strict_accuracy": float(decisions.strictly_correct(labels).mean()),
        "tie_rate": float(decisions.tied.mean()),
        "silent_rate": float((~fired).mean()),
        "mean_decision_latency_ms": float(decisions.latency[fired].mean()) if fired.any() else float("nan"),
    }


def timing_figures(decisions: Decisions, onset: float) -> dict[str, float]:
    """When decisions come, with the onset of the output window (ms); see `netsim.measuring.evaluation.Evaluation`."""
    made = decisions.latency[np.isfinite(decisions.latency)]
    lower, median, upper = np.percentile(made, [25, 50, 75]) if made.size else 3 * [np.nan]
    return {
        "median_decision_latency_ms": float(median),
        "decision_latency_iqr_ms": float(upper - lower),
        "onset_rate": float((decisions.latency <= onset).mean()),
    }


def presentation_records(spikes: Spikes) -> list[dict[str, object]]:
    """Return label, decision and number of spikes of each presentation, ready for JSON."""
    decisions = decide(spikes.outputs)
    counts = sum(layer.counts for layer in spikes.layers())
    fired = decisions.choice >= 0
    return [
        {
            "index": int(index),
            "label": None if spikes.labels is None else int(spikes.labels[k]),
            "decision": int(decisions.choice[k]) if fired[k] else None,
            "tied": bool(decisions.tied[k]),
            "decision_latency_ms": float(decisions.latency[k]) if fired[k] else None,
            "spikes": int(np.asarray(counts)[k]),
        }
        for k, index in enumerate(spikes.indices)
    ]


def wilson_interval(share: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the 95 % confidence interval of shares of `count` presentations (Wilson)."""
    middle = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z / (1 + _Z**2 / count) * np.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)  # whatever the rounding


def silent_fractions(network: Network, latencies: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Mean fraction of neurons that stayed silent in a presentation, by population."""
    from netsim.numerics.counting import finite_share  # compiled code, which nobody else here needs

    return {population.name: 1.0 - finite_share(latencies[population.name]) for population in network.populations}


def neuron_spikes(latencies: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """How often each neuron fired over all presentations, by population and the stimulus, in its shape."""
    return {name: np.isfinite(times).sum(axis=0) for name, times in latencies.items()}


def synaptic_operations(network: Network, latencies: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Number of weighted synapses that carried a spike, by projection, over all presentations."""
    operations = {}
    for projection in network.weighted:
        source, target = network.ends(projection)
        spikes = np.isfinite(latencies[projection.source]).sum(axis=0).reshape(source)
        operations[projection.name] = int((spikes * projection.connectivity.fan_out(source, target)).sum())
    return operations
