"""Responses of single-spike neurons, and how sparse they are."""

from __future__ import annotations

import numpy as np

from netsim.analysis.spikes import LayerSpikes


def responses_by_label(layer: LayerSpikes, tag: np.ndarray, labels: int) -> np.ndarray:
    """Mean earliness of each neuron over the presentations of each label, shape (labels, neurons)."""
    place = tag[layer.rows].astype(np.int64) * layer.size + layer.neurons
    total = np.bincount(place, layer.earliness(), minlength=labels * layer.size).reshape(labels, layer.size)
    means: np.ndarray = total / np.bincount(tag, minlength=labels)[:, None]
    return means


def treves_rolls(responses: np.ndarray, groups: np.ndarray, count: int, size: int) -> np.ndarray:
    """Sparseness (1 - a) / (1 - 1/n) of groups of n = `size` responses, those not given being 0; NaN of none.

    Groups are whole numbers from 0, `count` of them.
    """
    total = np.bincount(groups, responses, minlength=count) / size
    square = np.bincount(groups, responses**2, minlength=count) / size
    ratio = np.divide(total**2, square, out=np.full(count, np.nan), where=square > 0)
    return (1 - ratio) / (1 - 1 / size) if size > 1 else np.full(count, np.nan)
