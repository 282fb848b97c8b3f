"""The learning step of dense synapses for each pair of spikes, as defined in `netsim.learning.channels.window`.

The synapses of a presynaptic neuron are contiguous. The loops therefore visit only synapses of neurons that fired,
without copies. If few postsynaptic neurons carry a signal, the loops visit only these neurons. The gradient is summed
after all presentations are known.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from netsim.learning.channels.fields import list_signals
from netsim.learning.gradients import SinglePresentation
from netsim.numerics.compilation import compiled, compiled_with
from netsim.numerics.psp import Breakpoints, Slopes
from netsim.numerics.threads import over_elements
from netsim.numerics.vectors import broadcast, lanes_of, load, total, where_at_least

# Cost of visiting a single neuron with a signal, relative to one neuron in a vectorised visit of all (measured).
_PER_SIGNAL = 6
# Overhead per input and presentation, in vectors of neurons (measured).
_PER_INPUT = 8
# Maximum number of presentations in the estimated work per input; more would not make the parts of threads smaller.
_MOST_PER_PART = 8


class PairFactors(NamedTuple):
    """Unsummed gradient of a dense kernel in one part of a batch: ``signal_j · PSP(L_j - t_i)`` over presentations.

    Presynaptic times ``t`` (ms) have the shape (presentations, inputs). Synaptic limits ``L`` (ms) and the signal have
    the shape (presentations, neurons).
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
        carrying = _carrying(limits, signal)
        sums = np.empty((first.times.shape[1], signal.shape[1]), signal.dtype)

        def add_up(rows: slice) -> None:
            times = np.concatenate([part.times[:, rows] for part in parts]).T
            _add_up(np.ascontiguousarray(times), limits, signal, carrying, first.psp, sums[rows])

        over_elements(len(sums), add_up, sums.shape[1] * min(len(signal), _MOST_PER_PART))
        return sums


class PairProduct(SinglePresentation):
    """The gradient of dense synapses for a single presentation: ``signal_j · PSP(L_j - t_i)``.

    Presynaptic times (ms) have the shape (inputs,). The other arrays have the shape (neurons,). Few synapses learn,
    because most inputs are silent.
    """

    def __init__(self, times: np.ndarray, limits: np.ndarray, signal: np.ndarray, psp: Breakpoints) -> None:
        super().__init__((len(times), len(signal)), signal.dtype)
        self.times, self.limits, self.signal, self.psp = times, limits, signal, psp

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """See `SinglePresentation`."""
        return self.limits, self.signal

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """See `SinglePresentation`."""
        fired = np.flatnonzero(np.isfinite(self.times))
        slopes = np.empty((len(fired), len(self.signal)), self.dtype)
        limits, signal = self.limits[None], self.signal[None]
        _add_up(self.times[fired, None], limits, signal, _carrying(limits, signal), self.psp, slopes)
        return fired, slopes

    def scaled(self, factor: np.floating) -> "PairProduct":
        """See `SinglePresentation`."""
        return PairProduct(self.times, self.limits, self.signal * factor, self.psp)

    def subtract_from(self, weight: np.ndarray, rate: float) -> None:
        """See `SinglePresentation`."""
        _subtract(weight, self.times, self.limits, self.signal, self.psp, weight.dtype.type(rate))


def are_enough(presentations: int, neurons: int, dtype: np.dtype) -> bool:
    """Return whether there are enough neurons for loops over inputs. One presentation needs no preparation."""
    return neurons >= lanes_of(dtype) * (1 if presentations == 1 else _PER_INPUT)


def displacement_of_dense(
    times: np.ndarray, limits: np.ndarray, signal: np.ndarray, slopes: Slopes, kernel: np.ndarray
) -> np.ndarray:
    """Return the displacement of the source of dense synapses if `are_enough` is true."""
    displacement = np.empty_like(times)
    _propagate(times, limits, signal, slopes, kernel, displacement)
    return displacement


class _Carrying(NamedTuple):
    """The neurons with a signal, in order: their number per presentation, indices, limits and signals.

    All arrays except the counts have the shape (presentations, neurons + vector). Limits and signals are padded with
    zeros.
    """

    counts: np.ndarray
    neurons: np.ndarray
    limits: np.ndarray
    signal: np.ndarray


@compiled
def _carrying(limits: np.ndarray, signal: np.ndarray) -> _Carrying:
    presentations, neurons = signal.shape
    shape = presentations, neurons + lanes_of(signal)
    carrying = _Carrying(
        np.zeros(presentations, np.int64),
        np.zeros(shape, np.uint32),
        np.zeros(shape, signal.dtype),
        np.zeros(shape, signal.dtype),
    )
    for b in range(presentations):
        carrying.counts[b] = list_signals(signal.reshape(-1), b * neurons, neurons, carrying.neurons[b])
        for n in range(carrying.counts[b]):
            m = carrying.neurons[b, n]
            carrying.limits[b, n], carrying.signal[b, n] = limits[b, m], signal[b, m]
    return carrying


@compiled_with(fastmath={"contract"})
def _propagate(
    times: np.ndarray,
    limits: np.ndarray,
    signal: np.ndarray,
    psp: Slopes,
    kernel: np.ndarray,
    displacement: np.ndarray,
) -> None:
    """Write, for each presynaptic spike, the sum of ``signal_j · w_ij · PSP'(L_j - t_i)``.

    There must be at least one vector of neurons.
    """
    inputs, neurons = kernel.shape
    lanes = lanes_of(kernel)
    nothing, whole, last = broadcast(kernel.dtype.type(0)), neurons // lanes * lanes, neurons - lanes
    carrying, seen = _carrying(limits, signal), np.empty(neurons + lanes, kernel.dtype)
    # the last vector overlaps the preceding vectors, with zero signals there
    rest = np.zeros((len(signal), lanes), signal.dtype)
    rest[:, whole - last :] = signal[:, whole:]
    for i in range(inputs):
        weights = kernel[i]
        for b in range(len(times)):
            displacement[b, i] = 0
            if not times[b, i] < np.inf:
                continue
            time, count = broadcast(times[b, i]), carrying.counts[b]
            few = _are_few(count, neurons)
            if few:
                chosen = carrying.neurons[b]
                for n in range(count):
                    seen[n] = weights[chosen[n]]
                seen[count : count + lanes] = 0
            signals, until = (carrying.signal[b], carrying.limits[b]) if few else (signal[b], limits[b])
            row, end = (seen, count) if few else (weights, whole)
            for k in range(psp.slopes.size):
                begin, stop, sums = broadcast(psp.after[k]), broadcast(psp.until[k]), nothing
                for m in range(0, end, lanes):
                    # compare differences, because comparing times would round differently
                    since, step = load(until, m) - time, load(signals, m) * load(row, m)
                    sums = sums + where_at_least(begin, since, nothing, where_at_least(stop, since, step, nothing))
                if not few:
                    since, step = load(until, last) - time, load(rest[b], 0) * load(row, last)
                    sums = sums + where_at_least(begin, since, nothing, where_at_least(stop, since, step, nothing))
                displacement[b, i] += psp.slopes[k] * total(sums)


@compiled
def _add_up(
    times: np.ndarray,
    limits: np.ndarray,
    signal: np.ndarray,
    carrying: _Carrying,
    psp: Breakpoints,
    sums: np.ndarray,
) -> None:
    """Write the gradient of the synapses of some inputs. Times have the shape (inputs, presentations)."""
    sums[:] = 0
    for i in range(len(times)):
        for b in range(len(signal)):
            if times[i, b] < np.inf:
                _add_pairs(times[i, b], limits[b], signal[b], b, carrying, psp, sums[i])


@compiled
def _subtract(
    weight: np.ndarray, times: np.ndarray, limits: np.ndarray, signal: np.ndarray, psp: Breakpoints, rate: float
) -> None:
    carrying = _carrying(limits.reshape(1, -1), signal.reshape(1, -1))
    slopes, chosen = np.empty(len(signal), signal.dtype), carrying.neurons[0, : carrying.counts[0]]
    for i in range(len(times)):
        if not times[i] < np.inf:
            continue
        slopes[:] = 0
        _add_pairs(times[i], limits, signal, 0, carrying, psp, slopes)
        row = weight[i]
        if _are_few(len(chosen), len(signal)):
            for m in chosen:
                row[m] -= rate * slopes[m]
        else:
            for m in range(len(row)):
                row[m] -= rate * slopes[m]


@compiled_with(fastmath={"contract"})
def _add_pairs(
    time: float, limits: np.ndarray, signal: np.ndarray, b: int, carrying: _Carrying, psp: Breakpoints, row: np.ndarray
) -> None:
    """Add the contributions of a presynaptic spike in presentation `b` to its row of the gradient."""
    zero, count = row.dtype.type(0), carrying.counts[b]
    few = _are_few(count, len(row))
    chosen, until, signals = carrying.neurons[b], carrying.limits[b], carrying.signal[b]
    for k in range(psp.delays.size):
        delay, change = psp.delays[k], psp.changes[k]
        if few:
            for n in range(count):
                row[chosen[n]] += change * signals[n] * max(until[n] - delay - time, zero)
        else:
            for m in range(len(row)):
                row[m] += change * signal[m] * max(limits[m] - delay - time, zero)


@compiled
def _are_few(count: int, neurons: int) -> bool:
    """Return whether visiting single neurons with a signal is faster than a vectorised visit of all."""
    return bool(count * _PER_SIGNAL < neurons)
