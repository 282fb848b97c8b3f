"""Feedback weights, which pass displacements back in place of the weights of a projection."""

import math
from collections.abc import Mapping

import numpy as np

from netsim.learning.channels import Channel, Credit
from netsim.specification import Network, Projection, Shape


class Feedback:
    """The feedback weights of a projection (see `netsim.specification.Feedback`).

    Parameters
    ----------
    network : Network
    projection : Projection
    """

    def __init__(self, network: Network, projection: Projection) -> None:
        assert projection.feedback is not None
        self._feedback, self._output = projection.feedback, network.output.name
        self._deviation = projection.initial.spread / math.sqrt(network.fan_in(projection))
        self._position = network.canonical.index(projection)

    def weights(self, kernel: np.ndarray, shape: Shape | None = None) -> np.ndarray:
        """Return the feedback weights, by default in the shape of the weights."""
        weights = self._feedback.weights(kernel, shape or kernel.shape, self._deviation, self._position)
        return weights.astype(kernel.dtype)

    def back(self, channel: Channel, credits: Mapping[str, Credit]) -> np.ndarray:
        """Return the displacement of the source, by the signals of all later populations."""
        target = credits[channel.target]
        source, synapses = target.arriving[channel.name], target.synapses[channel.name]
        if not self._feedback.direct:
            back = synapses._replace(weights=self.weights(synapses.weights))
            return channel.back(source, target.until, target.signal, back)
        output = credits[self._output].signal
        back_weights = self.weights(synapses.weights, (source[0].size, output.shape[1]))
        # a matrix product of a library would have threads of its own
        return np.asarray(np.einsum("bo,so->bs", output, back_weights).reshape(source.shape) * np.isfinite(source))
