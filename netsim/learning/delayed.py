"""The learning step of synapses with delays of their own; `netsim.learning.synapses` has the rule.

A delay moves the arrival of a spike as the presynaptic latency does, but at one synapse alone: the wanted change of the
delay is what the synapse hands down, ``signal_j · w_ij · PSP'(L_j - t_i - delay_ij)``, and its gradient the negative.
"""

import numpy as np

from netsim.learning.fields import breakpoints
from netsim.learning.gradients import LayerStep
from netsim.numerics.compilation import compiled
from netsim.numerics.psp import Breakpoints
from netsim.specification import Connections, Projection


def step_delayed(
    projection: Projection,
    connections: Connections,
    source: np.ndarray,
    limit: np.ndarray,
    signal: np.ndarray,
    kernel: np.ndarray,
    delays: np.ndarray,
    causal: bool,
) -> LayerStep:
    """Visit each synapse whose postsynaptic neuron carries a signal.

    Parameters are those of `netsim.learning.sparse.step_sparse`; delays (ms) have the shape of the kernel.
    """
    dtype, psp, downward = source.dtype, breakpoints(projection.psp, np.dtype(float)), projection.asks_for_displacement
    times, signals, limits = (_flat(values, dtype) for values in (source, signal, np.broadcast_to(limit, signal.shape)))
    weights, late = (np.ascontiguousarray(values, dtype).ravel() for values in (kernel, delays))
    gradient = np.zeros_like(weights if projection.plastic else weights[:0])
    of_delays = np.zeros_like(late if projection.learns_delays else late[:0])
    displacement = np.zeros_like(times if downward else times[:0])
    _step(connections, psp, times, limits, signals, weights, late, causal, gradient, of_delays, displacement)
    return LayerStep(
        gradient.reshape(kernel.shape) if projection.plastic else None,
        (signals * limits).reshape(-1, signal.shape[-1]).sum(axis=0),
        displacement.reshape(source.shape) if downward else None,
        of_delays.reshape(delays.shape) if projection.learns_delays else None,
    )


def delayed_current_before(
    projection: Projection,
    connections: Connections,
    source: np.ndarray,
    times: np.ndarray,
    kernel: np.ndarray,
    delays: np.ndarray,
) -> np.ndarray:
    """Synaptic current of neurons just before given times (ms), shape (presentations, *target)."""
    dtype, psp = source.dtype, breakpoints(projection.psp, np.dtype(float))
    weights, late = (np.ascontiguousarray(values, dtype).ravel() for values in (kernel, delays))
    limits = _flat(times, dtype)
    current = np.zeros_like(limits)
    _current(connections, psp, _flat(source, dtype), limits, weights, late, current)
    return current.reshape(times.shape)


def _flat(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Values in C order, shape (presentations, neurons)."""
    return np.ascontiguousarray(values, dtype).reshape(len(values), -1)


@compiled
def _step(
    connections: Connections,
    psp: Breakpoints,
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
    """The step; nothing is written to an empty array."""
    for b in range(len(times)):
        for s in range(connections.pre.size):
            pre, post, number = connections.pre[s], connections.post[s], connections.weight[s]
            signal, since = signals[b, post], limits[b, post] - times[b, pre] - late[number]
            if signal == 0 or since <= 0:
                continue
            potential, slope = times.dtype.type(0), times.dtype.type(0)
            for k in range(psp.delays.size):
                if since > psp.delays[k]:
                    potential += psp.changes[k] * (since - psp.delays[k])
                    slope += psp.changes[k]
            wanted = signal * weights[number] * (1 if causal else slope)
            if gradient.size:
                gradient[number] += signal * potential
            if of_delays.size:
                of_delays[number] -= wanted
            if displacement.size:
                displacement[b, pre] += wanted


@compiled
def _current(
    connections: Connections,
    psp: Breakpoints,
    times: np.ndarray,
    limits: np.ndarray,
    weights: np.ndarray,
    late: np.ndarray,
    current: np.ndarray,
) -> None:
    for b in range(len(times)):
        for s in range(connections.pre.size):
            number = connections.weight[s]
            since = limits[b, connections.post[s]] - times[b, connections.pre[s]] - late[number]
            for k in range(psp.delays.size):
                if since > psp.delays[k]:
                    current[b, connections.post[s]] += psp.changes[k] * weights[number]
