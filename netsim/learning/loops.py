"""Displacements of populations that a loop joins: handed from spike to spike, in reverse order of time.

A spike changes the latencies of later spikes alone, so that the displacement of a neuron is whole once all that fired
after it have handed theirs. The current of a loop counts from the onset on: what a spike has built up by the latency
``t_j`` is ``PSP(t_j - t_i) - PSP(onset - t_i)``, and so with the slopes.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from netsim.numerics.compilation import compiled
from netsim.numerics.order import bits_of, in_order_of_time
from netsim.specification import Network, Population, Projection
from netsim.weights.layout import Weights, kernel_name


class _Synapses(NamedTuple):
    """Synapses of a loop by presynaptic neuron ``i``, from entry ``first[i]`` on.

    Each has a postsynaptic neuron, a weight, a delay and the row of its PSP in `after`, `until` and `slopes`.
    """

    first: np.ndarray
    post: np.ndarray
    weights: np.ndarray
    late: np.ndarray
    psp: np.ndarray
    after: np.ndarray
    until: np.ndarray
    slopes: np.ndarray


class LoopSpikes(NamedTuple):
    """What the learner needs of the spikes of a loop, by population.

    Arrays have the shape (presentations, \\*population), times are in ms. It is no
    `netsim.spikes.Spikes`, because slopes and windows of single neurons belong to the learner alone.

    Times, and delays of axons and synapses, are in ms or in steps of a grid, displacements in ms.
    `limits` are latencies cut to the end of the window, `slopes` those at threshold times ``tau``; `movable` are those
    whose latency a small change of the potential changes.
    """

    latencies: Mapping[str, np.ndarray]
    limits: Mapping[str, np.ndarray]
    slopes: Mapping[str, np.ndarray]
    movable: Mapping[str, np.ndarray]
    onsets: Mapping[str, float]


class Loop:
    """The synapses within a component of a network.

    Parameters
    ----------
    network : Network
    component : sequence of Population
        With a loop; see `netsim.specification.Network.components`.
    incoming : mapping of sequence of Projection
        By the name of a population, the projections onto it; delays of their PSPs are counted as times are.
    """

    def __init__(
        self, network: Network, component: Sequence[Population], incoming: Mapping[str, Sequence[Projection]]
    ) -> None:
        self.names = [population.name for population in component]
        self.projections = [
            one for population in component for one in incoming[population.name] if network.is_recurrent(one)
        ]
        offsets = dict(zip(self.names, np.cumsum([0, *(one.size for one in component)]).tolist(), strict=False))
        most = max(len(one.psp.kernel) for one in self.projections)
        pieces = np.zeros((3, len(self.projections), most))
        pres, posts, numbers, rows = [], [], [], []
        for row, projection in enumerate(self.projections):
            pre, post, weight = network.connections(projection)
            slopes = projection.psp.slopes
            pieces[:, row, : len(slopes)] = np.reshape(slopes, (-1, 3)).T
            pres.append(pre.astype(np.int64) + offsets[projection.source])
            posts.append(post.astype(np.int64) + offsets[projection.target])
            numbers.append(weight)
            rows.append(np.full(pre.size, row))
        self._pieces = pieces
        self._own_pre = [network.connections(projection).pre for projection in self.projections]
        self._numbers = numbers
        pre = np.concatenate(pres)
        self._order = np.argsort(pre, kind="stable")
        self._post, self._rows = np.concatenate(posts)[self._order], np.concatenate(rows)[self._order]
        size = sum(population.size for population in component)
        self._first = np.concatenate([[0], np.cumsum(np.bincount(pre, minlength=size))]).astype(np.int64)

    def displacements(
        self,
        displacements: Mapping[str, np.ndarray],
        spikes: LoopSpikes,
        weights: Weights,
        axons: Mapping[str, np.ndarray],
        synapses: Mapping[str, np.ndarray],
        causal: bool,
    ) -> dict[str, np.ndarray]:
        """The displacements (ms) of the loop's spikes, from those that targets and later populations ask for.

        `axons` and `synapses` are delays by projection, of the shapes of its source and of its weights; `causal`
        propagates by the order of spikes alone, not by the slope of the PSP.
        """
        shapes = {name: spikes.latencies[name].shape for name in self.names}
        dtype = spikes.latencies[self.names[0]].dtype
        late, kernels = [], []
        for projection, pre, number in zip(self.projections, self._own_pre, self._numbers, strict=True):
            source = shapes[projection.source][1:]
            own = np.broadcast_to(axons.get(projection.name, 0.0), source).ravel()[pre]
            late.append(own + synapses[projection.name].ravel()[number] if projection.name in synapses else own)
            kernels.append(weights[kernel_name(projection)].ravel()[number])
        found = _Synapses(
            self._first,
            self._post,
            np.concatenate(kernels)[self._order].astype(dtype),
            np.concatenate(late)[self._order].astype(dtype),
            self._rows,
            *self._pieces.astype(dtype),
        )
        onsets = [np.full(int(np.prod(shapes[name][1:])), spikes.onsets[name], dtype) for name in self.names]
        handed = self._side_by_side(displacements)
        _hand_back(
            found,
            self._side_by_side(spikes.latencies),
            self._side_by_side(spikes.limits),
            self._side_by_side(spikes.slopes),
            self._side_by_side(spikes.movable),
            np.concatenate(onsets),
            causal,
            bits_of(dtype),
            handed,
        )
        cuts = np.cumsum([int(np.prod(shapes[name][1:])) for name in self.names])[:-1]
        parts = np.split(handed, cuts, axis=1)
        return {
            name: np.ascontiguousarray(part).reshape(shapes[name]) for name, part in zip(self.names, parts, strict=True)
        }

    def _side_by_side(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        flat = [arrays[name].reshape(len(arrays[name]), -1) for name in self.names]
        return np.ascontiguousarray(np.concatenate(flat, axis=1))


@compiled
def _hand_back(
    synapses: _Synapses,
    times: np.ndarray,
    limits: np.ndarray,
    slopes: np.ndarray,
    movable: np.ndarray,
    onsets: np.ndarray,
    causal: bool,
    bits: np.ndarray,
    displacement: np.ndarray,
) -> None:
    """Add to displacements what later spikes hand back; arrays have the shape (presentations, neurons)."""
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
