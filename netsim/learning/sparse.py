"""The learning step of any connectivity, synapse by synapse. `netsim.learning.synapses` has the rule.

A synaptic delay shifts the arrival of a spike like the presynaptic latency does, but only at this synapse. The desired
change of the delay is therefore the displacement through the synapse, ``signal_j · w_ij · PSP'(L_j - t_i - delay_ij)``.
The gradient is its negative.
"""

import numpy as np

from netsim.learning.fields import breakpoints, flat, for_loops, handing_down
from netsim.learning.gradients import LayerStep
from netsim.numerics.compilation import compiled
from netsim.numerics.psp import Breakpoints, Slopes
from netsim.specification import Connections, Projection


def step_sparse(
    projection: Projection,
    connections: Connections,
    source: np.ndarray,
    limit: np.ndarray,
    signal: np.ndarray,
    kernel: np.ndarray,
    causal: bool,
    delays: np.ndarray | None = None,
) -> LayerStep:
    """Visit each synapse whose postsynaptic neuron carries a signal. See `step_pairwise` for other parameters.

    Arrays of neurons have the shape (presentations, *population). A kernel may have any shape. The limit may be one
    number. Synapses may have individual delays (ms), in the shape of the kernel.
    """
    dtype, double, downward = source.dtype, np.dtype(float), projection.asks_for_displacement
    psp, slopes = breakpoints(projection.psp, double), handing_down(projection.psp, causal, double)
    times, signals = flat(source, dtype), flat(signal, dtype)
    every = limit if np.shape(limit) == signal.shape else np.broadcast_to(limit, signal.shape)
    limits, weights = flat(every, dtype), for_loops(kernel, dtype).ravel()
    late = _delays(delays, dtype)
    gradient = np.zeros_like(weights if projection.plastic else weights[:0])
    of_delays = np.zeros_like(late if projection.learns_delays else late[:0])
    displacement = np.zeros_like(times if downward else times[:0])
    _step(connections, psp, slopes, times, limits, signals, weights, late, gradient, of_delays, displacement)
    return LayerStep(
        gradient.reshape(kernel.shape) if projection.plastic else None,
        (signals * limits).reshape(-1, signal.shape[-1]).sum(axis=0),
        displacement.reshape(source.shape) if downward else None,
        None if delays is None or not projection.learns_delays else of_delays.reshape(delays.shape),
    )


def current_before(
    projection: Projection,
    connections: Connections,
    source: np.ndarray,
    times: np.ndarray,
    kernel: np.ndarray,
    delays: np.ndarray | None = None,
) -> np.ndarray:
    """Return the synaptic current of neurons just before given times (ms), shape (presentations, *target)."""
    dtype, psp = source.dtype, breakpoints(projection.psp, np.dtype(float))
    limits, weights = flat(times, dtype), for_loops(kernel, dtype).ravel()
    current = np.zeros_like(limits)
    _current(connections, psp, flat(source, dtype), limits, weights, _delays(delays, dtype), current)
    return current.reshape(times.shape)


def earliest_sparse(
    connections: Connections, values: np.ndarray, source: np.ndarray, relayed: np.ndarray
) -> np.ndarray:
    """Assign a value of each relay to the neuron whose spike it forwarded. Ties go to the lowest number.

    Values and `relayed`, the latencies of the relays, have the shape (presentations, *target). The latencies of the
    source and the result have the shape (presentations, *source).
    """
    times = flat(source, source.dtype)
    handed = np.zeros(times.shape, values.dtype)
    _hand_to_earliest(connections, flat(values, values.dtype), times, flat(relayed, relayed.dtype), handed)
    return handed.reshape(source.shape)


def _delays(delays: np.ndarray | None, dtype: np.dtype) -> np.ndarray:
    """Return delays by index of the weight, or an empty array without delays."""
    return np.empty(0, dtype) if delays is None else for_loops(delays, dtype).ravel()


@compiled
def _hand_to_earliest(
    connections: Connections, values: np.ndarray, times: np.ndarray, relayed: np.ndarray, handed: np.ndarray
) -> None:
    for b in range(len(times)):
        taken = np.zeros(values.shape[1], np.bool_)
        for s in range(connections.pre.size):  # by presynaptic neuron
            pre, post = connections.pre[s], connections.post[s]
            if not taken[post] and times[b, pre] == relayed[b, post] and times[b, pre] < np.inf:
                handed[b, pre] += values[b, post]
                taken[post] = True


@compiled
def _step(
    connections: Connections,
    psp: Breakpoints,
    slopes: Slopes,
    times: np.ndarray,
    limits: np.ndarray,
    signals: np.ndarray,
    weights: np.ndarray,
    late: np.ndarray,
    gradient: np.ndarray,
    of_delays: np.ndarray,
    displacement: np.ndarray,
) -> None:
    """Compute the step. Empty arrays are not written."""
    for b in range(len(times)):
        for s in range(connections.pre.size):
            pre, post, number = connections.pre[s], connections.post[s], connections.weight[s]
            signal, since = signals[b, post], limits[b, post] - times[b, pre]
            if late.size:
                since -= late[number]
            if signal == 0 or since <= 0:
                continue
            potential, slope = times.dtype.type(0), times.dtype.type(0)
            for k in range(psp.delays.size):
                if since > psp.delays[k]:
                    potential += psp.changes[k] * (since - psp.delays[k])
            for k in range(slopes.slopes.size):
                if slopes.after[k] < since <= slopes.until[k]:
                    slope += slopes.slopes[k]
            wanted = signal * weights[number] * slope
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
            since = limits[b, connections.post[s]] - times[b, connections.pre[s]]
            if late.size:
                since -= late[number]
            for k in range(psp.delays.size):
                if since > psp.delays[k]:
                    current[b, connections.post[s]] += psp.changes[k] * weights[number]
