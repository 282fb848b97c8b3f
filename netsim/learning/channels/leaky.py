"""Channels onto neurons whose potentials leak (`netsim.specification.families.Rates`).

The potential of neuron ``j`` depends on weight ``w_ij`` through ``PSP(L_j - t_i)``, and on the latency of ``i`` through
``-w_ij·PSP'(L_j - t_i)``. Both are sums of two products of a function of ``t_i`` and a function of ``L_j``, for example
of ``exp(leak·t_i)`` and ``exp(-leak·L_j)``. Dense projections therefore need exponentials of spikes only, not of pairs
of spikes.
"""

from typing import NamedTuple

import numpy as np

from netsim.learning.channels.channel import Synapses
from netsim.learning.channels.effects import Fading
from netsim.learning.channels.fields import flat, for_loops
from netsim.learning.channels.listed import Listed
from netsim.numerics.compilation import compiled_with
from netsim.numerics.flows import DOUBLE
from netsim.specification import Connections, Projection, Rates

_LARGEST_EXPONENT = 600.0
"""Largest exponent of a factor; larger exponents overflow, and each pair of spikes is computed on its own."""
_APART = 1e-3
"""Relative difference of rates below which the two products nearly cancel."""


class _Factors(NamedTuple):
    """Factors of the kernel and of its slope: ``of_source[k]·of_target[0] + of_source[k + 1]·of_target[1]``.

    The first two rows of `of_source`, shape (4, presentations, sources), belong to the kernel, the others to the slope.
    `of_target` has the shape (2, presentations, targets).
    """

    of_source: np.ndarray
    of_target: np.ndarray


class Leaky(Listed):
    """Synapses onto leaky neurons. Their currents count at any time. Arithmetic has double precision.

    Parameters
    ----------
    projection, causal
        See `Channel`.
    rates : Rates
        Rates of the family, in the unit of times.
    connections : Connections
    dense : bool
        Whether the synapses connect all neurons, in the order of their weights.
    recurrent : bool
        Whether the projection is part of a loop.
    """

    dtype = DOUBLE

    def __init__(
        self,
        projection: Projection,
        rates: Rates,
        connections: Connections,
        dense: bool = False,
        causal: bool = False,
        recurrent: bool = False,
    ) -> None:
        super().__init__(projection, connections, causal=causal, effects=Fading(*(np.array([rate]) for rate in rates)))
        self.rates, self.dense, self.recurrent = rates, dense, recurrent

    def slope(self, source: np.ndarray, times: np.ndarray, asked: np.ndarray, synapses: Synapses) -> np.ndarray | float:
        """See `Channel`."""
        spikes, limits = flat(source, DOUBLE), flat(times, DOUBLE)
        factors = _factors(self.rates, spikes, limits) if self.dense else None
        if factors is None:
            return super().slope(source, times, asked, synapses)
        slopes, weights = np.zeros(limits.shape), for_loops(synapses.weights, DOUBLE)
        _slope_dense(spikes, limits, factors.of_source, factors.of_target, weights, slopes)
        return slopes.reshape(times.shape).astype(times.dtype)

    def bias(self, until: np.ndarray, signal: np.ndarray) -> np.ndarray:
        """See `Channel`."""
        acted = signal * self.rates.constant(self._limit(until).astype(DOUBLE))
        return np.asarray(acted.sum(axis=0).astype(signal.dtype))

    def constant_slope(self, since: np.ndarray) -> np.ndarray | float:
        """See `Channel`. The effect of a constant current fades."""
        return np.exp(-self.rates.leak * np.maximum(since, 0)).astype(since.dtype)

    def _visit(
        self,
        source: np.ndarray,
        until: np.ndarray,
        signal: np.ndarray,
        synapses: Synapses,
        weights: np.ndarray,
        delays: np.ndarray,
        displacement: np.ndarray,
    ) -> None:
        times, limits, signals = flat(source, DOUBLE), flat(self._limit(until), DOUBLE), flat(signal, DOUBLE)
        factors = _factors(self.rates, times, limits) if self.dense else None
        if factors is None:
            super()._visit(source, until, signal, synapses, weights, delays, displacement)
            return
        gradient, kernel = weights if weights.size else displacement[:0], for_loops(synapses.weights, DOUBLE)
        of_target = factors.of_target * signals
        _step_dense(times, limits, factors.of_source, of_target, signals, kernel, self.causal, gradient, displacement)


def _factors(rates: Rates, times: np.ndarray, limits: np.ndarray) -> _Factors | None:
    """Return the factors of kernel and slope, or None if they would overflow or nearly cancel."""
    leak, decay = rates
    sent, until = (np.where(np.isfinite(each), each, 0) for each in (times, limits))
    latest = max(float(sent.max(initial=0)), float(until.max(initial=0)))
    if max(leak, decay) * latest > _LARGEST_EXPONENT:
        return None
    if leak == decay:
        grown, left = np.exp(leak * sent), np.exp(-leak * until)
        both = sent * grown
        return _Factors(np.stack([-both, grown, grown + leak * both, -leak * grown]), np.stack([left, until * left]))
    if abs(decay - leak) < _APART * max(leak, decay):
        return None
    slow, fast = np.exp(leak * sent), np.exp(decay * sent)
    of_target = np.stack([np.exp(-leak * until), np.exp(-decay * until)]) / (decay - leak)
    return _Factors(np.stack([slow, -fast, -leak * slow, decay * fast]), of_target)


@compiled_with(fastmath={"contract", "reassoc"})
def _step_dense(
    times: np.ndarray,
    limits: np.ndarray,
    of_source: np.ndarray,
    of_target: np.ndarray,
    signals: np.ndarray,
    weights: np.ndarray,
    causal: bool,
    gradient: np.ndarray,
    displacement: np.ndarray,
) -> None:
    """Add to gradient and displacement, unless they are empty. `of_target` includes the signals."""
    neurons = limits.shape[1]
    for b in range(len(times)):
        limit, target_first, target_second, signal = limits[b], of_target[0, b], of_target[1, b], signals[b]
        for i in range(times.shape[1]):
            time = times[b, i]
            if not time < np.inf:
                continue
            first, second = of_source[0, b, i], of_source[1, b, i]
            if gradient.size:
                row = gradient[i]
                for j in range(neurons):
                    added = first * target_first[j] + second * target_second[j]
                    row[j] += added if limit[j] > time else 0.0
            if displacement.size:
                first, second, total = of_source[2, b, i], of_source[3, b, i], 0.0
                weight = weights[i]
                for j in range(neurons):
                    added = signal[j] if causal else first * target_first[j] + second * target_second[j]
                    total += weight[j] * added if limit[j] > time else 0.0
                displacement[b, i] = total


@compiled_with(fastmath={"contract", "reassoc"})
def _slope_dense(
    times: np.ndarray,
    limits: np.ndarray,
    of_source: np.ndarray,
    of_target: np.ndarray,
    weights: np.ndarray,
    slopes: np.ndarray,
) -> None:
    neurons = limits.shape[1]
    for b in range(len(times)):
        limit, target_first, target_second, row = limits[b], of_target[0, b], of_target[1, b], slopes[b]
        for i in range(times.shape[1]):
            time = times[b, i]
            if not time < np.inf:
                continue
            first, second, weight = of_source[2, b, i], of_source[3, b, i], weights[i]
            for j in range(neurons):
                added = weight[j] * (first * target_first[j] + second * target_second[j])
                row[j] += added if limit[j] > time else 0.0
