"""Decisions and rates, computed from latencies. The first output spike decides."""

import math
from collections.abc import Mapping
from typing import NamedTuple, Self

import numpy as np

from netsim.errors import DataError
from netsim.reprs import short_repr
from netsim.specification import Network
from netsim.specification.checks import check_array, whole_numbers
from netsim.spikes import Spikes

Z_975 = 1.959963984540054
"""97.5 % quantile of the normal distribution."""

ROUNDING = 1e-6
"""Relative tolerance for equal times. Latencies may have single precision."""


class Decisions(NamedTuple):
    """Decisions of the output population, one per presentation.

    Attributes
    ----------
    choice : ndarray of int, shape (presentations,)
        Neuron that fired first. Ties go to the lowest number, and silence is -1.
    tied : ndarray of bool, shape (presentations,)
        Whether several neurons fired first.
    latency : ndarray of float, shape (presentations,)
        First output spike (ms), or ``inf`` for silence.
    """

    choice: np.ndarray
    tied: np.ndarray
    latency: np.ndarray

    def __repr__(self) -> str:
        return short_repr(self)

    def correct(self, labels: np.ndarray) -> np.ndarray:
        """Compare the choices with labels, with ties broken towards the lowest number. Silence is an error.

        Raise DataError for labels that are no whole numbers, or not one for each decision.
        """
        given = np.asarray(labels)
        numbers = whole_numbers(given.astype(np.int64) if given.dtype == bool else given)
        if numbers is None:
            raise DataError(f"labels: must be whole numbers, not {given.dtype}; number the classes from 0")
        if numbers.shape != self.choice.shape:
            raise DataError(f"labels: have shape {numbers.shape}; give one for each decision, {self.choice.shape}")
        return (self.choice == numbers) & (self.choice >= 0)

    def strictly_correct(self, labels: np.ndarray) -> np.ndarray:
        """Compare the choices with labels, as `correct`. Ties and silence are errors."""
        return self.correct(labels) & ~self.tied

    def same(self, other: Self) -> np.ndarray:
        """Compare with other decisions about the same presentations. A tie differs from a decision without one."""
        return (self.choice == other.choice) & (self.tied == other.tied)


def decide(outputs: np.ndarray) -> Decisions:
    """Derive decisions from the latencies of the output population.

    Parameters
    ----------
    outputs : ndarray of float, shape (presentations, neurons)
        Latencies (ms), with ``inf`` for silence.

    Returns
    -------
    Decisions

    Raises
    ------
    DataError
        If a latency is NaN or negative, or `outputs` has another shape.

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
    check_array(outputs, "outputs:")
    if np.ndim(outputs) != 2 or np.shape(outputs)[1] == 0:
        expected = "latencies (ms) of shape (presentations, outputs) are needed"
        raise DataError(f"outputs: have the shape {np.shape(outputs)}; {expected}")
    first = outputs.min(axis=1)
    if not (first >= 0).all():  # also NaN
        raise DataError("outputs: contain NaN or negative times; a latency is in ms, or inf for a silent neuron")
    fired = np.isfinite(first)
    choice = np.where(fired, outputs.argmin(axis=1), -1)
    tied = fired & ((outputs == first[:, None]).sum(axis=1) > 1)
    return Decisions(choice, tied, first)


def decision_figures(decisions: Decisions, labels: np.ndarray) -> dict[str, float]:
    """Return accuracies and rates of decisions, see `netsim.measuring.evaluation.Evaluation`."""
    fired = np.isfinite(decisions.latency)
    return {
        "accuracy": float(decisions.correct(labels).mean()),
        "strict_accuracy": float(decisions.strictly_correct(labels).mean()),
        "tie_rate": float(decisions.tied.mean()),
        "silent_rate": float((~fired).mean()),
        "mean_decision_latency_ms": float(decisions.latency[fired].mean()) if fired.any() else float("nan"),
    }


def at_onset(decisions: Decisions, onset: float) -> np.ndarray:
    """Return which presentations were decided at the onset (ms) of an output window that starts after 0 ms."""
    return (decisions.latency <= onset * (1 + ROUNDING)) & (onset > 0)


def timing_figures(decisions: Decisions, onset: float) -> dict[str, float]:
    """Return timing figures for an output window with this onset (ms), see `Evaluation`."""
    made = decisions.latency[np.isfinite(decisions.latency)]
    lower, median, upper = np.percentile(made, [25, 50, 75]) if made.size else 3 * [np.nan]
    return {
        "median_decision_latency_ms": float(median),
        "decision_latency_iqr_ms": float(upper - lower),
        "onset_rate": float(at_onset(decisions, onset).mean()),
    }


def latency_text(latency: float, digits: int = 2) -> str:
    """Return a latency (ms) for a table or figure. NaN is the latency of no spike.

    A time that is too short for so many digits after the point has two significant digits. A time of 100 s or more is
    in whole ms.
    """
    if np.isnan(latency):
        return "none"
    if 0 < abs(latency) < 10.0 ** (1 - digits):
        return f"{latency:.{1 - math.floor(math.log10(float(f'{abs(latency):.1e}')))}f} ms"
    return f"{latency:.{digits}f} ms" if abs(latency) < 1e5 else f"{latency:,.0f} ms"


def range_text(low: float, high: float, digits: int = 2) -> str:
    """Return two latencies (ms) like `latency_text`, with the unit once."""
    return f"{latency_text(low, digits).removesuffix(' ms')} to {latency_text(high, digits)}"


def presentation_records(spikes: Spikes) -> list[dict[str, object]]:
    """Return label, decision and number of spikes (with the stimulus) of each presentation, ready for JSON."""
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


def wilson_interval(share: np.ndarray, count: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds of the 95 % Wilson confidence interval for fractions of `count` presentations."""
    middle = (share + Z_975**2 / (2 * count)) / (1 + Z_975**2 / count)
    half = Z_975 / (1 + Z_975**2 / count) * np.sqrt(share * (1 - share) / count + Z_975**2 / (4 * count**2))
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)  # against rounding errors


def silent_fractions(network: Network, latencies: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return the mean fraction of silent neurons in a presentation, by population."""
    from netsim.numerics.threads import finite_share  # compiled code, loaded only when needed

    return {population.name: 1.0 - finite_share(latencies[population.name]) for population in network.populations}


def neuron_spikes(latencies: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the spike count of each neuron over all presentations, by population (and stimulus), in its shape."""
    return {name: np.isfinite(times).sum(axis=0) for name, times in latencies.items()}


def synaptic_operations(network: Network, latencies: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Return the number of weighted synapses that received a spike, by projection, over all presentations."""
    operations = {}
    for projection in network.weighted:
        source, target = network.ends(projection)
        spikes = np.isfinite(latencies[projection.source]).sum(axis=0).reshape(source)
        operations[projection.name] = int((spikes * projection.connectivity.fan_out(source, target)).sum())
    return operations
