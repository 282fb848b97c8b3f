"""Responses of single-spike neurons, and their sparseness."""

from __future__ import annotations

import numpy as np

from netsim.spikes.columns import LayerSpikes


class ResponseSums:
    """Sums of a layer's responses (earliness of spikes) over the presentations of each label, for each neuron.

    All arrays have the shape (labels, neurons).
    """

    def __init__(self, labels: int, neurons: int) -> None:
        self.spikes = np.zeros((labels, neurons), np.int64)
        self.total = np.zeros((labels, neurons))
        self.square = np.zeros((labels, neurons))

    def add(self, layer: LayerSpikes, tag: np.ndarray) -> None:
        """Add presentations. `tag` is the position of each presentation's label."""
        index = tag[layer.rows].astype(np.int64) * layer.size
        index += layer.neurons
        responses = layer.earliness()
        for sums, values in ((self.spikes, 1), (self.total, responses), (self.square, responses**2)):
            np.add.at(sums.reshape(-1), index, values)


def treves_rolls(total: np.ndarray, square: np.ndarray, size: int) -> np.ndarray:
    """Sparseness (1 - a) / (1 - 1/n) of n = `size` responses from sums of values and squares. NaN without responses."""
    count = len(total)
    ratio = np.divide(total**2 / size, square, out=np.full(count, np.nan), where=square > 0)
    return (1 - ratio) / (1 - 1 / size) if size > 1 else np.full(count, np.nan)
