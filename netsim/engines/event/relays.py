"""Relays: neurons that pass on the earliest spike that reaches them."""

from collections.abc import Sequence

import numpy as np

from netsim.engines.event.clock import Clock
from netsim.engines.event.sparse import earliest_arrivals, lay_out_synapses, side_by_side
from netsim.engines.event.windows import FirstSpikes
from netsim.numerics.receptive_fields import earliest
from netsim.specification import Population
from netsim.weights.layout import Weights


class RelayStage:
    """A population of relays, which receive by one projection."""

    def __init__(self, clock: Clock, population: Population) -> None:
        (projection,) = clock.network.incoming(population.name)
        self.window = clock.network.window(projection)
        self.layout = None if self.window is not None else lay_out_synapses(clock, population)

    def prepare(self, weights: Weights, thresholds: np.ndarray | None = None) -> FirstSpikes:
        """See `netsim.engines.event.engine.Stage`; there are neither weights nor thresholds."""
        return self._first_spikes

    def _first_spikes(self, arriving: Sequence[np.ndarray], spikes: np.ndarray) -> None:
        if self.window is not None:
            earliest(np.ascontiguousarray(arriving[0]), self.window.size, self.window.stride, spikes)
            return
        assert self.layout is not None
        found = np.empty((len(spikes), spikes[0].size), spikes.dtype)
        earliest_arrivals(side_by_side(arriving, spikes.dtype), self.layout.first, self.layout.post, found)
        spikes[...] = found.reshape(spikes.shape)
