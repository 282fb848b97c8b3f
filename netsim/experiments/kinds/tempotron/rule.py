"""The tempotron rule for piecewise-linear postsynaptic potentials, whose peak is at a breakpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from netsim.numerics.compilation import compiled


class Arrivals(NamedTuple):
    """Slope changes of all patterns in temporal order, arrays of shape (patterns, changes)."""

    times: np.ndarray
    afferents: np.ndarray
    changes: np.ndarray


def arrivals(latencies: np.ndarray, kernel: Sequence[tuple[float, float]], end: float) -> Arrivals:
    """Return the slope changes of patterns of shape (patterns, afferents) until the `end` (ms).

    The potential at the end counts too, as a change of 0.
    """
    patterns, count = latencies.shape
    times = np.concatenate([latencies + delay for delay, _ in kernel] + [np.full((patterns, 1), end)], axis=1)
    afferents = np.append(np.tile(np.arange(count), len(kernel)), 0)
    changes = np.append(np.repeat([change for _, change in kernel], count), 0.0)
    late = times > end
    order = np.argsort(times, axis=1, kind="stable")
    ordered = np.where(late, 0.0, changes)
    return Arrivals(
        np.minimum(np.take_along_axis(times, order, 1), end), afferents[order], np.take_along_axis(ordered, order, 1)
    )


@compiled
def learn_epoch(
    times: np.ndarray,
    afferents: np.ndarray,
    changes: np.ndarray,
    latencies: np.ndarray,
    labels: np.ndarray,
    kernel: np.ndarray,
    order: np.ndarray,
    weights: np.ndarray,
    steps: np.ndarray,
    rate: float,
    momentum: float,
) -> int:
    """Present each pattern once, correct the weights after each error, and return the number of errors.

    A neuron fires if its potential reaches 1. After an error, each weight changes by the postsynaptic potential of its
    afferent at the peak. It increases after a miss and decreases after a false alarm.
    """
    errors = 0
    for pattern in order:
        potential, slope, last = 0.0, 0.0, 0.0
        peak, at = -np.inf, 0.0
        for position in range(times.shape[1]):
            now = times[pattern, position]
            potential += slope * (now - last)
            last = now
            if position > 0 and potential > peak:
                peak, at = potential, now
            slope += weights[afferents[pattern, position]] * changes[pattern, position]
        if (peak >= 1.0) == labels[pattern]:
            continue
        errors += 1
        signed = rate if labels[pattern] else -rate
        for afferent in range(weights.size):
            since, response = at - latencies[pattern, afferent], 0.0
            for piece in range(kernel.shape[0]):
                response += kernel[piece, 1] * max(since - kernel[piece, 0], 0.0)
            steps[afferent] = momentum * steps[afferent] + signed * response
            weights[afferent] += steps[afferent]
    return errors
