"""The local learning step of dense synapses, pair by pair of spikes, as `netsim.learning.synapses` defines it.

The synapses of a presynaptic neuron lie side by side, so that only those of neurons that fired are visited, where they
are: nothing is laid out anew. The gradient is not added up before all presentations are known.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from netsim.learning.fields import breakpoints
from netsim.learning.gradients import LayerStep, SinglePresentation
from netsim.numerics.compilation import compiled, compiled_with
from netsim.numerics.psp import Breakpoints
from netsim.numerics.threads import over_elements
from netsim.numerics.vectors import broadcast, lanes_of, load, total, where_at_least
from netsim.specification import Projection


class PairFactors(NamedTuple):
    """A part's gradient of a dense kernel, not added up yet: ``signal_j · PSP(L_j - t_i)`` over presentations.

    Presynaptic times ``t`` (ms) have the shape (presentations, inputs), synaptic limits ``L`` (ms) and the signal
    (presentations, neurons).
    """

    times: np.ndarray
    limits: np.ndarray
    signal: np.ndarray
    psp: Breakpoints

    @classmethod
    def total(cls, parts: Sequence[Self], scale: np.floating) -> "np.ndarray | PairProduct":
        """See `netsim.learning.gradients.Deferred`."""
        first = parts[0]
        if len(parts) == 1 and len(first.signal) == 1:
            return PairProduct(first.times[0], first.limits[0], first.signal[0] * scale, first.psp)
        limits, signal = (np.concatenate([part[k] for part in parts]) for k in (1, 2))
        signal *= scale
        sums = np.empty((first.times.shape[1], signal.shape[1]), signal.dtype)

        def add_up(rows: slice) -> None:
            times = np.concatenate([part.times[:, rows] for part in parts]).T
            _add_up(np.ascontiguousarray(times), limits, signal, first.psp, sums[rows])

        over_elements(len(sums), add_up, sums.shape[1])
        return sums


class PairProduct(SinglePresentation):
    """The gradient of dense synapses by a single presentation: ``signal_j · PSP(L_j - t_i)``.

    Presynaptic times (ms) have the shape (inputs,), the others (neurons,). Most inputs are silent, so that few synapses
    learn.
    """

    def __init__(self, times: np.ndarray, limits: np.ndarray, signal: np.ndarray, psp: Breakpoints) -> None:
        super().__init__((len(times), len(signal)), signal.dtype)
        self.times, self.limits, self.signal, self.psp = times, limits, signal, psp

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """See `SinglePresentation`."""
        return self.limits, self.signal

    def multiplied(self) -> np.ndarray:
        """See `SinglePresentation`."""
        sums = np.empty(self.shape, self.dtype)
        _add_up(self.times[:, None], self.limits[None], self.signal[None], self.psp, sums)
        return sums

    def scaled(self, factor: np.floating) -> "PairProduct":
        """See `SinglePresentation`."""
        return PairProduct(self.times, self.limits, self.signal * factor, self.psp)

    def subtract_from(self, weight: np.ndarray, rate: float) -> None:
        """See `SinglePresentation`."""
        _subtract(weight, self.times, self.limits, self.signal, self.psp, weight.dtype.type(rate))


def step_dense(
    projection: Projection, source: np.ndarray, limit: np.ndarray, signal: np.ndarray, kernel: np.ndarray, causal: bool
) -> LayerStep:
    """The step of dense synapses; parameters are those of `netsim.learning.synapses.step_pairwise`."""
    dtype, count = source.dtype, len(source)
    psp = breakpoints(projection.psp, dtype)
    times, limits, signals = (np.ascontiguousarray(each, dtype).reshape(count, -1) for each in (source, limit, signal))
    displacement = None
    if projection.asks_for_displacement:
        displacement = np.empty_like(times)
        slopes = Breakpoints(np.zeros(1, dtype), np.ones(1, dtype)) if causal else psp
        _propagate(times, limits, signals, slopes, np.ascontiguousarray(kernel, dtype), displacement)
    return LayerStep(
        PairFactors(times, limits, signals, psp) if projection.plastic else None,
        np.einsum("bm,bm->m", signals, limits),
        None if displacement is None else displacement.reshape(source.shape),
    )


@compiled_with(fastmath={"contract"})
def _propagate(
    times: np.ndarray,
    limits: np.ndarray,
    signal: np.ndarray,
    psp: Breakpoints,
    kernel: np.ndarray,
    displacement: np.ndarray,
) -> None:
    """Write, for each presynaptic spike, the sum of ``signal_j · w_ij · PSP'(L_j - t_i)``."""
    inputs, neurons = kernel.shape
    lanes, zero = lanes_of(kernel.itemsize), kernel.dtype.type(0)
    nothing, whole = broadcast(zero), neurons // lanes * lanes
    for i in range(inputs):
        weights = kernel[i]
        for b in range(len(times)):
            displacement[b, i] = 0
            if not times[b, i] < np.inf:
                continue
            for k in range(psp.delays.size):
                # as differences: to compare the times themselves would be another rounding
                delay, here = times[b, i], psp.delays[k]
                own, until, sums, rest = signal[b], limits[b], nothing, zero
                for m in range(0, whole, lanes):
                    since = load(until, m) - broadcast(here) - broadcast(delay)
                    sums = sums + where_at_least(nothing, since, nothing, load(own, m) * load(weights, m))
                for m in range(whole, neurons):
                    if until[m] - here - delay > zero:
                        rest += own[m] * weights[m]
                displacement[b, i] += psp.changes[k] * (total(sums) + rest)


@compiled_with(fastmath={"contract"})
def _add_pair(time: float, limits: np.ndarray, signal: np.ndarray, psp: Breakpoints, row: np.ndarray) -> None:
    """Add the slopes of the synapses of a presynaptic spike to a row of them."""
    zero = row.dtype.type(0)
    for k in range(psp.delays.size):
        delay, change = psp.delays[k], psp.changes[k]
        for m in range(len(row)):
            row[m] += change * signal[m] * max(limits[m] - delay - time, zero)


@compiled
def _add_up(times: np.ndarray, limits: np.ndarray, signal: np.ndarray, psp: Breakpoints, sums: np.ndarray) -> None:
    """Write the gradient of the synapses of some inputs; times have the shape (inputs, presentations)."""
    for i in range(len(times)):
        sums[i, :] = 0
        for b in range(len(signal)):
            if times[i, b] < np.inf:
                _add_pair(times[i, b], limits[b], signal[b], psp, sums[i])


@compiled
def _subtract(
    weight: np.ndarray, times: np.ndarray, limits: np.ndarray, signal: np.ndarray, psp: Breakpoints, rate: float
) -> None:
    slopes = np.empty(len(signal), signal.dtype)
    for i in range(len(times)):
        if times[i] < np.inf:
            slopes[:] = 0
            _add_pair(times[i], limits, signal, psp, slopes)
            own = weight[i]
            for m in range(len(own)):
                own[m] -= rate * slopes[m]
