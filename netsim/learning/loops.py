"""Displacements within a loop, propagated from spike to spike backwards in time.

A spike changes only the latencies of later spikes. The displacement of a neuron is therefore complete once all later
spikes have propagated theirs. Silent neurons, and neurons that fired at their onset, receive nothing: small changes do
not move their latencies, so the derivative is 0. This applies to outputs, too.

The current of a loop starts at the onset. At the latency ``t_j``, a spike has contributed
``PSP(t_j - t_i) - PSP(onset - t_i)``. Slopes follow the same rule. In families that leak, currents count at any time.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from netsim.learning.channels import Channel, Synapses
from netsim.learning.channels.leaky import Leaky, kernel_slope_after
from netsim.learning.feedback import Feedback
from netsim.numerics.compilation import compiled
from netsim.numerics.groups import starts_of
from netsim.numerics.order import bits_of, in_order_of_time
from netsim.specification import Network, Population
from netsim.specification.grid import PopulationTimes


class _Connections(NamedTuple):
    """Synapses of a loop by presynaptic neuron ``i``, starting at entry ``first[i]``.

    Each has a postsynaptic neuron, a weight, a delay and the index of its PSP in `after`, `until` and `slopes`.
    """

    first: np.ndarray
    post: np.ndarray
    weights: np.ndarray
    late: np.ndarray
    psp: np.ndarray
    after: np.ndarray
    until: np.ndarray
    slopes: np.ndarray


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
        self._rates = np.array([channel.rates for channel in self.channels if isinstance(channel, Leaky)])
        self._times = {name: times[name] for name in self.names}
        self._sizes = [population.size for population in component]
        offsets = dict(zip(self.names, np.cumsum([0, *self._sizes]).tolist(), strict=False))
        most = max(len(channel.psp.kernel) for channel in self.channels)
        pieces = np.zeros((3, len(self.channels), most))
        projections = {each.name: each for each in network.projections}
        connections = [network.connections(projections[channel.name]) for channel in self.channels]
        pres, posts, rows = [], [], []
        for row, (channel, each) in enumerate(zip(self.channels, connections, strict=True)):
            slopes = channel.psp.slopes
            pieces[:, row, : len(slopes)] = np.reshape(slopes, (-1, 3)).T
            pres.append(each.pre.astype(np.int64) + offsets[channel.source])
            posts.append(each.post.astype(np.int64) + offsets[channel.target])
            rows.append(np.full(each.pre.size, row))
        self._pieces, self._connections = pieces, connections
        pre = np.concatenate(pres)
        self._order = np.argsort(pre, kind="stable")
        self._post, self._rows = np.concatenate(posts)[self._order], np.concatenate(rows)[self._order]
        self._first = starts_of(np.bincount(pre, minlength=sum(self._sizes)))

    def complete(
        self,
        displacements: Mapping[str, np.ndarray],
        latencies: Mapping[str, np.ndarray],
        slopes: Mapping[str, np.ndarray | None],
        synapses: Mapping[str, Synapses],
    ) -> dict[str, np.ndarray]:
        """Return the displacements (ms) of the loop's spikes, from displacements by targets and later populations.

        `slopes` are slopes at threshold times ``tau``; neurons in a loop have some.
        """
        shapes = {name: latencies[name].shape for name in self.names}
        dtype, causal = latencies[self.names[0]].dtype, self.channels[0].causal
        late, kernels = [], []
        for channel, (pre, _, number) in zip(self.channels, self._connections, strict=True):
            weights, delays, axons = synapses[channel.name]
            delay = np.broadcast_to(0.0 if axons is None else axons, shapes[channel.source][1:]).ravel()[pre]
            late.append(delay if delays is None else delay + delays.ravel()[number])
            if channel.name in self._feedbacks:
                weights = self._feedbacks[channel.name].weights(weights)
            kernels.append(weights.ravel()[number])
        connections = _Connections(
            self._first,
            self._post,
            np.concatenate(kernels)[self._order].astype(dtype),
            np.concatenate(late)[self._order].astype(dtype),
            self._rows,
            *self._pieces.astype(dtype),
        )
        windows = self._times.values()
        onsets, ends = (
            np.repeat(np.array(each, dtype), self._sizes)
            for each in ([window.onset for window in windows], [window.end for window in windows])
        )
        handed, times, divisors = map(self._side_by_side, (displacements, latencies, slopes))
        limits = np.minimum(times, ends)
        movable = np.isfinite(times) & (times > np.where(onsets > 0, onsets, dtype.type(-1)))
        if len(self._rates):
            _hand_back_of_flow(
                connections, self._rates, times, limits, divisors, movable, causal, bits_of(dtype), handed
            )
        else:
            _hand_back(connections, times, limits, divisors, movable, onsets, causal, bits_of(dtype), handed)
        parts = np.split(handed, np.cumsum(self._sizes)[:-1], axis=1)
        return {
            name: np.ascontiguousarray(part).reshape(shapes[name]) for name, part in zip(self.names, parts, strict=True)
        }

    def _side_by_side(self, arrays: Mapping[str, np.ndarray | None]) -> np.ndarray:
        found = [array for name in self.names if (array := arrays[name]) is not None]
        flat = [array.reshape(len(array), -1) for array in found]
        return np.ascontiguousarray(np.concatenate(flat, axis=1))


@compiled
def _hand_back(
    synapses: _Connections,
    times: np.ndarray,
    limits: np.ndarray,
    slopes: np.ndarray,
    movable: np.ndarray,
    onsets: np.ndarray,
    causal: bool,
    bits: np.ndarray,
    displacement: np.ndarray,
) -> None:
    """Add the contributions of later spikes to displacements. Arrays have the shape (presentations, neurons)."""
    for b in range(len(times)):
        for pre in in_order_of_time(times[b], times[b].view(bits.dtype), times.dtype.type(np.inf))[::-1]:
            if not movable[b, pre]:
                continue
            total = displacement[b, pre]
            for s in range(synapses.first[pre], synapses.first[pre + 1]):
                post, row = synapses.post[s], synapses.psp[s]
                arrival = times[b, pre] + synapses.late[s]
                since, before = limits[b, post] - arrival, onsets[post] - arrival
                if since <= 0 or displacement[b, post] == 0:
                    continue
                slope = times.dtype.type(1 if causal else 0)
                if not causal:
                    for k in range(synapses.slopes.shape[1]):
                        after, until = synapses.after[row, k], synapses.until[row, k]
                        if after < since <= until:
                            slope += synapses.slopes[row, k]
                        if after < before <= until:
                            slope -= synapses.slopes[row, k]
                total += displacement[b, post] / slopes[b, post] * synapses.weights[s] * slope
            displacement[b, pre] = total


@compiled
def _hand_back_of_flow(
    synapses: _Connections,
    rates: np.ndarray,
    times: np.ndarray,
    limits: np.ndarray,
    slopes: np.ndarray,
    movable: np.ndarray,
    causal: bool,
    bits: np.ndarray,
    displacement: np.ndarray,
) -> None:
    """Do the same for neurons whose potentials leak. Their currents count at any time. Rates are by projection."""
    for b in range(len(times)):
        for pre in in_order_of_time(times[b], times[b].view(bits.dtype), times.dtype.type(np.inf))[::-1]:
            if not movable[b, pre]:
                continue
            total = displacement[b, pre]
            for s in range(synapses.first[pre], synapses.first[pre + 1]):
                post, row = synapses.post[s], synapses.psp[s]
                since = limits[b, post] - times[b, pre] - synapses.late[s]
                if since > 0 and displacement[b, post] != 0:
                    slope = 1.0 if causal else kernel_slope_after(rates[row, 0], rates[row, 1], since)
                    total += displacement[b, post] / slopes[b, post] * synapses.weights[s] * slope
            displacement[b, pre] = total
