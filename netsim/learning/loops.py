"""Displacements within a loop, propagated from spike to spike backwards in time.

A spike changes only the latencies of later spikes. The displacement of a neuron is therefore complete once all later
spikes have propagated theirs. The current of a loop starts at the onset. At the latency ``t_j``, a spike has
contributed ``PSP(t_j - t_i) - PSP(onset - t_i)``. Slopes follow the same rule. In families that leak, currents count at
any time.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from netsim.learning.flow import kernel_slope_after
from netsim.numerics.compilation import compiled
from netsim.numerics.groups import starts_of
from netsim.numerics.order import bits_of, in_order_of_time
from netsim.specification import Network, Population, Projection
from netsim.weights.layout import Weights, kernel_name


class _Synapses(NamedTuple):
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


class LoopSpikes(NamedTuple):
    """Quantities of the spikes of a loop for the learner, by population.

    Arrays have the shape (presentations, \\*population). The class is not `netsim.spikes.Spikes`, because only the
    learner uses slopes and windows of single neurons.

    Times and delays are in ms or in steps of a grid. Displacements are in ms. `limits` are latencies clipped to the end
    of the window. `slopes` are slopes at threshold times ``tau``. `movable` marks neurons whose latency changes with a
    small change of the potential.
    """

    latencies: Mapping[str, np.ndarray]
    limits: Mapping[str, np.ndarray]
    slopes: Mapping[str, np.ndarray]
    movable: Mapping[str, np.ndarray]
    onsets: Mapping[str, float]


class Loop:
    """The synapses within a component of a network, whose neurons are of one family.

    Parameters
    ----------
    network : Network
    component : sequence of Population
        A component with a loop (see `netsim.specification.Network.components`).
    incoming : mapping of sequence of Projection
        Projections onto each population, by name. Delays of their PSPs have the unit of times.
    dt : float
        Unit of times, a step of a grid (ms), or 0 for ms.
    """

    def __init__(
        self,
        network: Network,
        component: Sequence[Population],
        incoming: Mapping[str, Sequence[Projection]],
        dt: float = 0.0,
    ) -> None:
        self.names = [population.name for population in component]
        self.projections = [
            projection
            for population in component
            for projection in incoming[population.name]
            if network.is_recurrent(projection)
        ]
        rates = [network.neurons(projection.target).rates for projection in self.projections]
        self._rates = np.array([each.per_step(dt) for each in rates if each is not None])
        offsets = dict(
            zip(self.names, np.cumsum([0, *(population.size for population in component)]).tolist(), strict=False)
        )
        most = max(len(projection.psp.kernel) for projection in self.projections)
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
        self._first = starts_of(np.bincount(pre, minlength=size))

    def displacements(
        self,
        displacements: Mapping[str, np.ndarray],
        spikes: LoopSpikes,
        weights: Weights,
        axons: Mapping[str, np.ndarray],
        synapses: Mapping[str, np.ndarray],
        causal: bool,
    ) -> dict[str, np.ndarray]:
        """Return the displacements (ms) of the loop's spikes, from displacements by targets and later populations.

        `axons` and `synapses` are delays by projection, in the shapes of its source and of its weights. `causal`
        propagates only by the order of spikes, not by the slope of the PSP.
        """
        shapes = {name: spikes.latencies[name].shape for name in self.names}
        dtype = spikes.latencies[self.names[0]].dtype
        late, kernels = [], []
        for projection, pre, number in zip(self.projections, self._own_pre, self._numbers, strict=True):
            source = shapes[projection.source][1:]
            delay = np.broadcast_to(axons.get(projection.name, 0.0), source).ravel()[pre]
            late.append(delay + synapses[projection.name].ravel()[number] if projection.name in synapses else delay)
            kernels.append(weights[kernel_name(projection)].ravel()[number])
        connections = _Synapses(
            self._first,
            self._post,
            np.concatenate(kernels)[self._order].astype(dtype),
            np.concatenate(late)[self._order].astype(dtype),
            self._rows,
            *self._pieces.astype(dtype),
        )
        onsets = [np.full(int(np.prod(shapes[name][1:])), spikes.onsets[name], dtype) for name in self.names]
        handed = self._side_by_side(displacements)
        of_all = (spikes.latencies, spikes.limits, spikes.slopes, spikes.movable)
        times, limits, slopes, movable = map(self._side_by_side, of_all)
        if len(self._rates):
            _hand_back_of_flow(connections, self._rates, times, limits, slopes, movable, causal, bits_of(dtype), handed)
        else:
            later = np.concatenate(onsets)
            _hand_back(connections, times, limits, slopes, movable, later, causal, bits_of(dtype), handed)
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
    synapses: _Synapses,
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
