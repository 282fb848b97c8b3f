"""Channels onto neurons whose potentials leak (`netsim.specification.families.Rates`).

The potential of neuron ``j`` depends on weight ``w_ij`` through ``PSP(L_j - t_i)``, and on the latency of ``i`` through
``-w_ij·PSP'(L_j - t_i)``. Both are sums of two products of a function of ``t_i`` and a function of ``L_j``, for example
of ``exp(leak·t_i)`` and ``exp(-leak·L_j)``. Dense projections therefore need exponentials of spikes only, not of pairs
of spikes.
"""

from typing import NamedTuple

import numpy as np

from netsim.learning.channels.channel import Channel, Step, Synapses
from netsim.learning.channels.fields import flat, for_loops
from netsim.numerics.compilation import compiled, compiled_with
from netsim.numerics.flows import DOUBLE, by_current
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


class Leaky(Channel):
    """Synapses onto leaky neurons. Their currents count at any time. Arithmetic has double precision.

    Parameters
    ----------
    projection, causal
        See `Channel`.
    rates : Rates
        Rates of the family, in the unit of times.
    end : float
        End of the target's window.
    connections : Connections, optional
        None for dense synapses.
    recurrent : bool
        Whether the projection is part of a loop.
    """

    def __init__(
        self,
        projection: Projection,
        rates: Rates,
        end: float,
        connections: Connections | None,
        causal: bool = False,
        recurrent: bool = False,
    ) -> None:
        super().__init__(projection, end, None, causal)
        self.rates, self.connections, self.recurrent = rates, connections, recurrent

    def slope(self, source: np.ndarray, times: np.ndarray, asked: np.ndarray, synapses: Synapses) -> np.ndarray | float:
        """See `Channel`."""
        spikes, limits, weights = flat(source, DOUBLE), flat(times, DOUBLE), for_loops(synapses.weights, DOUBLE)
        slopes, rates = np.zeros(limits.shape), self.rates
        factors = None if self.connections is not None else _factors(rates, spikes, limits)
        if factors is not None:
            _slope_dense(spikes, limits, factors.of_source, factors.of_target, weights, slopes)
        else:
            listed, late = self._listed(weights), _delays(synapses)
            _slope_listed(listed, rates.leak, rates.decay, spikes, limits, weights.ravel(), late, slopes)
        return slopes.reshape(times.shape).astype(times.dtype)

    def step(self, source: np.ndarray, latency: np.ndarray, signal: np.ndarray, synapses: Synapses) -> Step:
        """See `Channel`."""
        shape = synapses.weights.shape
        gradient, delays = np.zeros(shape if self.plastic else (0, 0)), np.zeros(shape if self.learns_delays else 0)
        self._visit(source, latency, signal, synapses, gradient, delays, np.zeros((0, 0)))
        return Step(
            gradient.astype(source.dtype) if self.plastic else None,
            delays.astype(source.dtype) if self.learns_delays else None,
        )

    def back(self, source: np.ndarray, latency: np.ndarray, signal: np.ndarray, synapses: Synapses) -> np.ndarray:
        """See `Channel`."""
        displacement = np.zeros((len(source), source[0].size))
        self._visit(source, latency, signal, synapses, np.zeros((0, 0)), np.zeros(0), displacement)
        return displacement.reshape(source.shape).astype(source.dtype)

    def bias(self, latency: np.ndarray, signal: np.ndarray) -> np.ndarray:
        """See `Channel`."""
        acted = flat(signal, DOUBLE) * self.rates.constant(flat(self._limit(latency), DOUBLE))
        return np.asarray(acted.reshape(-1, signal.shape[-1]).sum(axis=0).astype(signal.dtype))

    def constant_slope(self, since: np.ndarray) -> np.ndarray | float:
        """See `Channel`. The effect of a constant current fades."""
        return np.exp(-self.rates.leak * np.maximum(since, 0)).astype(since.dtype)

    def _visit(
        self,
        source: np.ndarray,
        latency: np.ndarray,
        signal: np.ndarray,
        synapses: Synapses,
        gradient: np.ndarray,
        delays: np.ndarray,
        displacement: np.ndarray,
    ) -> None:
        """Add to gradients and displacement, unless they are empty."""
        if not (gradient.size or delays.size or displacement.size):
            return
        times, limits, signals = flat(source, DOUBLE), flat(self._limit(latency), DOUBLE), flat(signal, DOUBLE)
        weights, rates, causal = for_loops(synapses.weights, DOUBLE), self.rates, self.causal
        factors = None if self.connections is not None else _factors(rates, times, limits)
        if factors is not None:
            of_target = factors.of_target * signals
            _step_dense(times, limits, factors.of_source, of_target, signals, weights, causal, gradient, displacement)
        else:
            listed, late, each = self._listed(weights), _delays(synapses), weights.ravel()
            _step_listed(
                listed, rates.leak, rates.decay, times, limits, signals, each, late, causal, gradient.reshape(-1),
                delays.reshape(-1), displacement,
            )  # fmt: skip

    def _listed(self, weights: np.ndarray) -> Connections:
        return self.connections or _all_to_all(*weights.shape)


def _delays(synapses: Synapses) -> np.ndarray:
    return np.empty(0) if synapses.delays is None else for_loops(synapses.delays, DOUBLE).ravel()


def _all_to_all(inputs: int, neurons: int) -> Connections:
    pre, post = (each.astype(np.int32).ravel() for each in np.indices((inputs, neurons)))
    return Connections(pre, post, np.arange(inputs * neurons, dtype=np.int32))


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


@compiled
def kernel_slope_after(leak: float, decay: float, since: float) -> float:
    """Return the slope of the potential a time after a spike of weight 1."""
    return np.exp(-decay * since) - leak * by_current(leak, decay, since)


@compiled
def _step_listed(
    connections: Connections,
    leak: float,
    decay: float,
    times: np.ndarray,
    limits: np.ndarray,
    signals: np.ndarray,
    weights: np.ndarray,
    late: np.ndarray,
    causal: bool,
    gradient: np.ndarray,
    of_delays: np.ndarray,
    displacement: np.ndarray,
) -> None:
    """Add to gradients and displacement, unless they are empty, synapse by synapse."""
    for b in range(len(times)):
        for s in range(connections.pre.size):
            pre, post, number = connections.pre[s], connections.post[s], connections.weight[s]
            signal, since = signals[b, post], limits[b, post] - times[b, pre]
            if late.size:
                since -= late[number]
            if signal == 0 or not since > 0:
                continue
            if gradient.size:
                gradient[number] += signal * by_current(leak, decay, since)
            if of_delays.size or displacement.size:
                slope = 1.0 if causal else kernel_slope_after(leak, decay, since)
                wanted = signal * weights[number] * slope
                if of_delays.size:
                    of_delays[number] -= wanted
                if displacement.size:
                    displacement[b, pre] += wanted


@compiled
def _slope_listed(
    connections: Connections,
    leak: float,
    decay: float,
    times: np.ndarray,
    limits: np.ndarray,
    weights: np.ndarray,
    late: np.ndarray,
    slopes: np.ndarray,
) -> None:
    for b in range(len(times)):
        for s in range(connections.pre.size):
            number = connections.weight[s]
            since = limits[b, connections.post[s]] - times[b, connections.pre[s]]
            if late.size:
                since -= late[number]
            if since > 0:
                slopes[b, connections.post[s]] += weights[number] * kernel_slope_after(leak, decay, since)
