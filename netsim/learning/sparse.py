"""The learning step of any connectivity, synapse by synapse; `netsim.learning.synapses` has the rule."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from netsim.learning.fields import breakpoints
from netsim.learning.gradients import LayerStep
from netsim.numerics.compilation import compiled
from netsim.numerics.psp import Breakpoints
from netsim.specification import Network, Projection


class SparseSynapses(NamedTuple):
    """Index arrays of a projection's synapses, and its PSP.

    Attributes
    ----------
    pre, post, weight : ndarray of int32, shape (synapses,)
        As in `netsim.specification.Connections`.
    psp : Breakpoints
    """

    pre: np.ndarray
    post: np.ndarray
    weight: np.ndarray
    psp: Breakpoints


def sparse_synapses(network: Network, projection: Projection) -> SparseSynapses:
    """The synapses of a projection, as the step takes them."""
    pre, post, weight = network.connections(projection)
    return SparseSynapses(pre, post, weight, breakpoints(projection.psp, np.dtype(float)))


def step_sparse(
    synapses: SparseSynapses,
    plastic: bool,
    source: np.ndarray,
    limit: np.ndarray,
    signal: np.ndarray,
    kernel: np.ndarray,
    causal: bool,
    downward: bool = True,
) -> LayerStep:
    """Visit each synapse whose postsynaptic neuron carries a signal.

    Parameters
    ----------
    synapses : SparseSynapses
    plastic : bool
        Whether the gradient of the weights is asked for.
    source : ndarray, shape (presentations, *source)
        Presynaptic latencies (ms).
    limit : ndarray, shape (presentations, *target), or a number
        Until when synaptic current counts (ms).
    signal : ndarray, shape (presentations, *target)
        Displacement over ``tau`` times the slope at threshold.
    kernel : ndarray
        Weights, of whatever shape.
    causal : bool
        Propagate by the order of spikes alone, not by the slope of the PSP.
    downward : bool
        Whether the displacement of the source is asked for.
    """
    dtype, presentations = source.dtype, len(source)
    signals = np.ascontiguousarray(signal, dtype).reshape(presentations, -1)
    limits = np.ascontiguousarray(np.broadcast_to(limit, signal.shape), dtype).reshape(presentations, -1)
    times = np.ascontiguousarray(source).reshape(presentations, -1)
    weights = np.ascontiguousarray(kernel, dtype).ravel()
    gradient = np.zeros_like(weights if plastic else weights[:0])
    displacement = np.zeros_like(times if downward else times[:0])
    _step(synapses, times, limits, signals, weights, causal, gradient, displacement)
    maps = signal.shape[-1]
    return LayerStep(
        gradient.reshape(kernel.shape) if plastic else None,
        (signals * limits).reshape(-1, maps).sum(axis=0),
        displacement.reshape(source.shape) if downward else None,
    )


def current_before(synapses: SparseSynapses, source: np.ndarray, times: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Synaptic current of neurons just before given times.

    Parameters
    ----------
    synapses, source, kernel
        As in `step_sparse`.
    times : ndarray, shape (presentations, *target)
        In ms.

    Returns
    -------
    ndarray, shape of `times`
    """
    current = np.zeros((len(times), times[0].size), source.dtype)
    flat = np.ascontiguousarray(source).reshape(len(source), -1)
    limits = np.ascontiguousarray(times, source.dtype).reshape(len(times), -1)
    _current(synapses, flat, limits, np.ascontiguousarray(kernel, source.dtype).ravel(), current)
    return current.reshape(times.shape)


def earliest_sparse(
    synapses: SparseSynapses, values: np.ndarray, source: np.ndarray, relayed: np.ndarray
) -> np.ndarray:
    """Hand a value of each relay to the neuron whose spike it passed on: of several, the one with the lowest number.

    Parameters
    ----------
    synapses : SparseSynapses
    values, relayed : ndarray, shape (presentations, *target)
        The values, and the latencies of the relays (ms).
    source : ndarray, shape (presentations, *source)
        Presynaptic latencies (ms).

    Returns
    -------
    ndarray, shape of `source`
    """
    count = len(values)
    handed = np.zeros((count, source[0].size), values.dtype)
    times, passed = (np.ascontiguousarray(array).reshape(count, -1) for array in (source, relayed))
    _hand_to_earliest(synapses, np.ascontiguousarray(values).reshape(count, -1), times, passed, handed)
    return handed.reshape(source.shape)


@compiled
def _hand_to_earliest(
    synapses: SparseSynapses, values: np.ndarray, times: np.ndarray, relayed: np.ndarray, handed: np.ndarray
) -> None:
    for b in range(len(times)):
        taken = np.zeros(values.shape[1], np.bool_)
        for s in range(synapses.pre.size):  # by presynaptic neuron
            pre, post = synapses.pre[s], synapses.post[s]
            if not taken[post] and times[b, pre] == relayed[b, post] and times[b, pre] < np.inf:
                handed[b, pre] += values[b, post]
                taken[post] = True


@compiled
def _step(
    synapses: SparseSynapses,
    times: np.ndarray,
    limits: np.ndarray,
    signals: np.ndarray,
    weights: np.ndarray,
    causal: bool,
    gradient: np.ndarray,
    displacement: np.ndarray,
) -> None:
    """The step; nothing is written to an empty array."""
    for b in range(len(times)):
        for s in range(synapses.pre.size):
            pre, post = synapses.pre[s], synapses.post[s]
            signal, since = signals[b, post], limits[b, post] - times[b, pre]
            if signal == 0 or since <= 0:
                continue
            potential, slope = times.dtype.type(0), times.dtype.type(0)
            for k in range(synapses.psp.delays.size):
                if since > synapses.psp.delays[k]:
                    potential += synapses.psp.changes[k] * (since - synapses.psp.delays[k])
                    slope += synapses.psp.changes[k]
            if gradient.size:
                gradient[synapses.weight[s]] += signal * potential
            if displacement.size:
                displacement[b, pre] += signal * weights[synapses.weight[s]] * (1 if causal else slope)


@compiled
def _current(
    synapses: SparseSynapses, times: np.ndarray, limits: np.ndarray, weights: np.ndarray, current: np.ndarray
) -> None:
    for b in range(len(times)):
        for s in range(synapses.pre.size):
            since = limits[b, synapses.post[s]] - times[b, synapses.pre[s]]
            for k in range(synapses.psp.delays.size):
                if since > synapses.psp.delays[k]:
                    current[b, synapses.post[s]] += synapses.psp.changes[k] * weights[synapses.weight[s]]
