"""What the output neurons should have done: targets and displacements of the output layer.

A displacement is the wanted change of a latency (ms): negative where a neuron should fire earlier.
A silent output neuron counts as firing at the end of its window, so that it learns too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class OutputDisplacement(NamedTuple):
    """Displacements of the output layer.

    Attributes
    ----------
    displacement : ndarray, shape (presentations, neurons)
        Wanted change of latency (ms).
    loss : ndarray, shape (presentations,)
        What descends as the displacements are followed; dimensionless.
    """

    displacement: np.ndarray
    loss: np.ndarray


def softmax_displacement(
    latencies: np.ndarray,
    labels: np.ndarray,
    t_max: float,
    sharpness: float,
    label_smoothing: float = 0.0,
) -> OutputDisplacement:
    """Displacements that follow the cross-entropy of a softmax over negative latencies.

    With ``p = softmax(-sharpness·latency/t_max)`` and the target distribution ``q``, the displacement is
    ``t_max·(p - q)``: the negative gradient of the cross-entropy, up to a constant factor.

    Parameters
    ----------
    latencies : ndarray, shape (presentations, neurons)
        Finite latencies (ms).
    labels : ndarray of int, shape (presentations,)
    t_max : float
        Encoding window (ms).
    sharpness, label_smoothing : float
        See `netsim.specification.Learning`.
    """
    evidence = latencies * (-sharpness / t_max)
    evidence = evidence - evidence.max(axis=1, keepdims=True)
    logarithm = evidence - np.log(np.exp(evidence).sum(axis=1, keepdims=True))
    target = np.full_like(evidence, label_smoothing / evidence.shape[1])
    target[np.arange(len(labels)), labels] += 1.0 - label_smoothing
    loss = -(target * logarithm).sum(axis=1)
    return OutputDisplacement(t_max * (np.exp(logarithm) - target), loss)


def relative_displacement(
    latencies: np.ndarray,
    labels: np.ndarray,
    t_max: float,
    margin: float,
    end: float,
) -> OutputDisplacement:
    """Displacements towards targets that are relative to the earliest output spike (S4NN).

    The labelled neuron should fire when the earliest does, every other at least `margin` later; if none
    fired, the labelled one should fire `margin` before the end.

    Parameters
    ----------
    latencies : ndarray, shape (presentations, neurons)
        Finite latencies (ms); silent neurons at `end`.
    labels : ndarray of int, shape (presentations,)
    t_max, margin, end : float
        Encoding window, margin and end of the output window (ms).

    References
    ----------
    Kheradpisheh and Masquelier (2020), Temporal backpropagation for spiking neural networks with one
    spike per neuron, International Journal of Neural Systems.
    """
    rows = np.arange(len(labels))
    first = latencies.min(axis=1, keepdims=True)
    silent = first[:, 0] >= end
    target = np.maximum(latencies, np.minimum(first + margin, end))
    target[rows, labels] = np.where(silent, end - margin, first[:, 0])
    displacement = target - latencies
    return OutputDisplacement(displacement, 0.5 * np.square(displacement / t_max).sum(axis=1))
