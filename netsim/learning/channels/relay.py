"""Channels onto relays, which forward spikes without integration, such as pooling."""

import numpy as np

from netsim.learning.channels.channel import Channel, Synapses
from netsim.learning.channels.fields import flat
from netsim.numerics.compilation import compiled
from netsim.numerics.receptive_fields import scatter_to_earliest
from netsim.specification import Connections, Projection, Window


class Pooling(Channel):
    """Pooling over windows. The neuron whose spike was forwarded receives the whole displacement."""

    def __init__(self, projection: Projection, window: Window) -> None:
        super().__init__(projection)
        self.window = window

    def back(self, source: np.ndarray, until: np.ndarray, signal: np.ndarray, synapses: Synapses) -> np.ndarray:
        """See `Channel`. Ties go to the first neuron, row by row."""
        handed, window = np.empty(source.shape, source.dtype), self.window
        scatter_to_earliest(np.ascontiguousarray(signal), source, until, window.size, window.stride, handed)
        return handed


class Relay(Channel):
    """Listed connections onto relays. The neuron whose spike was forwarded receives the whole displacement."""

    def __init__(self, projection: Projection, connections: Connections) -> None:
        super().__init__(projection)
        self.connections = connections

    def back(self, source: np.ndarray, until: np.ndarray, signal: np.ndarray, synapses: Synapses) -> np.ndarray:
        """See `Channel`. Ties go to the lowest number."""
        times = flat(source, source.dtype)
        handed = np.zeros(times.shape, signal.dtype)
        _hand_to_earliest(self.connections, flat(signal, signal.dtype), times, flat(until, until.dtype), handed)
        return handed.reshape(source.shape)


@compiled
def _hand_to_earliest(
    connections: Connections, values: np.ndarray, times: np.ndarray, relayed: np.ndarray, handed: np.ndarray
) -> None:
    for b in range(len(times)):
        taken = np.zeros(values.shape[1], np.bool_)
        for s in range(connections.pre.size):  # by presynaptic neuron
            pre, post = connections.pre[s], connections.post[s]
            if not taken[post] and times[b, pre] == relayed[b, post] and times[b, pre] < np.inf:
                handed[b, pre] += values[b, post]
                taken[post] = True
