"""Displacements within a loop, propagated from spike to spike backwards in time.

A spike changes only the latencies of later spikes. The displacement of a neuron is therefore complete once all later
spikes have propagated theirs. Silent neurons, and neurons that fired at their onset, receive nothing: small changes do
not move their latencies, so the derivative is 0. This applies to outputs, too.

The current of a loop starts at the onset. At the latency ``t_j``, a spike has contributed
``PSP(t_j - t_i) - PSP(onset - t_i)``. Slopes follow the same rule. In families that leak, currents count at any time.
Families without own channels use their local derivative.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from netsim.learning.channels import Channel, Credit, Local, Response, Synapses
from netsim.learning.channels.effects import Fading, slope_after
from netsim.learning.channels.leaky import Leaky
from netsim.learning.channels.listed import bent
from netsim.learning.feedback import Feedback
from netsim.numerics.compilation import compiled
from netsim.numerics.groups import starts_of
from netsim.numerics.order import bits_of, in_order_of_time
from netsim.specification import Network, Population, Shape
from netsim.specification.grid import PopulationTimes


class _Connections(NamedTuple):
    """Synapses of a loop by presynaptic neuron ``i``, starting at entry ``first[i]``.

    Each has a postsynaptic neuron, a weight, a delay and the row of its effects (`netsim.learning.channels.effects`).
    """

    first: np.ndarray
    post: np.ndarray
    weights: np.ndarray
    late: np.ndarray
    row: np.ndarray


class Loop:
    """The synapses within a component of a network, whose neurons are of one family.

    Parameters
    ----------
    network : Network
    component : sequence of Population
        A component with a loop (see `netsim.specification.Network.components`).
    channels : sequence of Channel
        Channels onto its populations.
    times : mapping of PopulationTimes
    feedbacks : mapping of Feedback
        Feedback weights, by projection.
    """

    def __init__(
        self,
        network: Network,
        component: Sequence[Population],
        channels: Sequence[Channel],
        times: Mapping[str, PopulationTimes],
        feedbacks: Mapping[str, Feedback],
    ) -> None:
        self.names, self._feedbacks = [population.name for population in component], feedbacks
        self.channels = [channel for channel in channels if channel.recurrent]
        rates = [channel.rates for channel in self.channels if isinstance(channel, Leaky)]
        self._fading = Fading(*np.array(rates).T.copy()) if rates else None
        self._times = {name: times[name] for name in self.names}
        self._sizes = [population.size for population in component]
        self._offsets = offsets = dict(zip(self.names, np.cumsum([0, *self._sizes]).tolist(), strict=False))
        projections = {each.name: each for each in network.projections}
        connections = [network.connections(projections[channel.name]) for channel in self.channels]
        pres, posts, rows = [], [], []
        for row, (channel, each) in enumerate(zip(self.channels, connections, strict=True)):
            pres.append(each.pre.astype(np.int64) + offsets[channel.source])
            posts.append(each.post.astype(np.int64) + offsets[channel.target])
            rows.append(np.full(each.pre.size, row))
        self._connections = connections
        pre = np.concatenate(pres)
        self._order = np.argsort(pre, kind="stable")
        self._post, self._rows = np.concatenate(posts)[self._order], np.concatenate(rows)[self._order]
        self._first = starts_of(np.bincount(pre, minlength=sum(self._sizes)))

    def complete(self, credits: Mapping[str, Credit]) -> None:
        """Add what the loop hands back to the displacements of its spikes, which targets and later populations gave."""
        own = [credits[name] for name in self.names]
        dtype, windows = own[0].latency.dtype, self._times.values()
        onsets, ends = (
            np.repeat(np.array(each, dtype), self._sizes)
            for each in ([window.onset for window in windows], [window.end for window in windows])
        )
        synapses = {name: each for credit in own for name, each in credit.synapses.items()}
        slopes = [np.broadcast_to(credit.slope, credit.latency.shape) for credit in own if credit.slope is not None]
        shapes = {name: credits[name].latency.shape[1:] for name in self.names}
        handed = _side_by_side([credit.displacement for credit in own])
        times, divisors = _side_by_side([credit.latency for credit in own]), _side_by_side(slopes)
        limits = np.minimum(times, ends)
        movable = np.isfinite(times) & (times > np.where(onsets > 0, onsets, dtype.type(-1)))
        if isinstance(self.channels[0], Local):
            handed = _hand_back_by_response(self._responses(synapses), times, divisors, movable, handed)
        else:
            effects = self._fading or bent([channel.psp for channel in self.channels], dtype)
            begins = onsets if self._fading is None else np.full_like(onsets, -np.inf)
            _hand_back(
                self._synapses(shapes, synapses, dtype), effects, times, limits, divisors, movable, begins,
                self.channels[0].causal, bits_of(dtype), handed,
            )  # fmt: skip
        for credit, part in zip(own, np.split(handed, np.cumsum(self._sizes)[:-1], axis=1), strict=True):
            credit.displacement = np.ascontiguousarray(part).reshape(credit.latency.shape)

    def _weights_back(self, channel: Channel, weights: np.ndarray) -> np.ndarray:
        """Return the weights through which displacements pass."""
        return self._feedbacks[channel.name].weights(weights) if channel.name in self._feedbacks else weights

    def _synapses(self, shapes: Mapping[str, Shape], synapses: Mapping[str, Synapses], dtype: np.dtype) -> _Connections:
        late, kernels = [], []
        for channel, (pre, _, number) in zip(self.channels, self._connections, strict=True):
            own = synapses[channel.name]
            delay = np.broadcast_to(0.0 if own.axons is None else own.axons, shapes[channel.source]).ravel()[pre]
            late.append(delay if own.delays is None else delay + own.delays.ravel()[number])
            kernels.append(self._weights_back(channel, own.weights).ravel()[number])
        return _Connections(
            self._first,
            self._post,
            np.concatenate(kernels)[self._order].astype(dtype),
            np.concatenate(late)[self._order].astype(dtype),
            self._rows,
        )

    def _responses(self, synapses: Mapping[str, Synapses]) -> np.ndarray:
        """Return changes of potentials times ``tau`` by earlier spikes, shape (presentations, from, to)."""
        total = None
        for channel in self.channels:
            own = synapses[channel.name]
            assert isinstance(channel, Local)
            assert isinstance(own.response, Response)
            change = own.response.by_arrival(channel, None, self._weights_back(channel, own.weights))
            if total is None:
                total = np.zeros((len(change), sum(self._sizes), sum(self._sizes)))
            first = self._offsets[channel.target]
            columns = total[:, :, first : first + channel.size].swapaxes(0, 1)
            np.add.at(columns, self._offsets[channel.source] + channel.sources, change.swapaxes(0, 1))
        assert total is not None
        return total


def _side_by_side(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.ascontiguousarray(np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1))


def _hand_back_by_response(
    responses: np.ndarray, times: np.ndarray, slopes: np.ndarray, movable: np.ndarray, displacement: np.ndarray
) -> np.ndarray:
    """Return displacements with the contributions of later spikes, from the responses of all pairs of neurons."""
    total = displacement.astype(np.float64)
    for b, order in enumerate(np.argsort(-times, axis=1, kind="stable")):
        for pre in order[movable[b, order]]:
            total[b, pre] += responses[b, pre] @ (total[b] / slopes[b])
    return total.astype(displacement.dtype)


@compiled
def _hand_back(
    synapses: _Connections,
    effects: Any,
    times: np.ndarray,
    limits: np.ndarray,
    slopes: np.ndarray,
    movable: np.ndarray,
    begins: np.ndarray,
    causal: bool,
    bits: np.ndarray,
    displacement: np.ndarray,
) -> None:
    """Add the contributions of later spikes to displacements. Arrays have the shape (presentations, neurons).

    Currents of the loop count from the times `begins` of their targets.
    """
    for b in range(len(times)):
        for pre in in_order_of_time(times[b], times[b].view(bits.dtype), times.dtype.type(np.inf))[::-1]:
            if not movable[b, pre]:
                continue
            total = displacement[b, pre]
            for s in range(synapses.first[pre], synapses.first[pre + 1]):
                post, row = synapses.post[s], synapses.row[s]
                arrival = times[b, pre] + synapses.late[s]
                since, before = limits[b, post] - arrival, begins[post] - arrival
                if since <= 0 or displacement[b, post] == 0:
                    continue
                slope = times.dtype.type(1)
                if not causal:
                    slope = slope_after(effects, row, since)
                    if before > 0:
                        slope -= slope_after(effects, row, before)
                total += displacement[b, post] / slopes[b, post] * synapses.weights[s] * slope
            displacement[b, pre] = total
