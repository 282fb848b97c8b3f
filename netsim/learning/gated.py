"""The local learning step of synapses onto neurons that share one limit, the gate.

The contribution of each spike at the gate, and its slope, are the same for all postsynaptic neurons. The step is
therefore two products, over receptive fields for windows, and otherwise with a sparse matrix of synapses. Each loop is
compiled by itself, so that a network compiles only the loops that it needs.
"""

import numpy as np

from netsim.learning.fields import (
    breakpoints_per_drive,
    contiguous,
    for_loops,
    handing_down,
    kernel_gradient,
    propagate,
)
from netsim.learning.gradients import Deferred, Factors, LayerStep
from netsim.numerics.psp import integrate, multiply_by_slope
from netsim.numerics.sparse_products import SparseMatrix, add_outer_products, add_products, picked
from netsim.specification import Neurons, Projection, Window


def step_gated(
    projection: Projection,
    neurons: Neurons,
    window: Window,
    source: np.ndarray,
    gate: float,
    displacement: np.ndarray,
    kernel: np.ndarray,
    causal: bool,
) -> LayerStep:
    """Compute the step of synapses onto gated neurons, which only the drive raises from the gate (ms) to threshold.

    `source` are presynaptic latencies (ms). `displacement` (ms) belongs to the spikes of the target. Both have one row
    per presentation in the shape of their population. `causal` propagates only by the order of spikes, not by the slope
    of the PSP.
    """
    dtype, maps, downward = source.dtype, kernel.shape[-1], projection.asks_for_displacement
    per_drive = dtype.type(1 / neurons.drive)
    psp = breakpoints_per_drive(projection.psp, dtype, neurons.drive)
    slopes = handing_down(projection.psp, causal, dtype, neurons.drive)
    times, signal = contiguous(source, window.source, dtype), contiguous(displacement, window.shape, dtype)
    weights = for_loops(kernel, dtype).reshape(-1, maps)
    shared = kernel.ndim > 2 or window.shape[:2] != (1, 1)
    limit = dtype.type(gate)
    bias = propagated = None
    if neurons.bias:
        bias = signal.reshape(-1, maps).sum(axis=0) * (limit * per_drive)
    if downward:
        propagated = np.empty(times.shape, dtype)
        propagate(signal, weights, window, times, limit, propagated)
        multiply_by_slope(propagated.reshape(-1), times.reshape(-1), limit, slopes)
        propagated = propagated.reshape(source.shape)
    gradients: np.ndarray | Deferred | None = None
    if projection.plastic:
        inputs = np.empty(times.shape, dtype)
        integrate(times.reshape(-1), limit, psp, inputs.reshape(-1))
        if shared:
            gradient = np.empty(weights.shape, dtype)
            kernel_gradient(inputs, signal, window, gradient)
            gradients = gradient.reshape(kernel.shape)
        else:
            gradients = Factors(inputs.reshape(len(inputs), -1), displacement.reshape(len(displacement), -1))
    return LayerStep(gradients, bias, propagated)


def step_gated_sparse(
    projection: Projection,
    neurons: Neurons,
    matrix: SparseMatrix,
    source: np.ndarray,
    gate: float,
    displacement: np.ndarray,
    kernel: np.ndarray,
    causal: bool,
) -> LayerStep:
    """Compute the step of synapses onto gated neurons, which only the drive raises from the gate (ms) to threshold.

    See `step_gated` for the parameters.
    """
    dtype = source.dtype
    gate, per_drive = dtype.type(gate), dtype.type(1 / neurons.drive)
    psp = breakpoints_per_drive(projection.psp, dtype, neurons.drive)
    slopes = handing_down(projection.psp, causal, dtype, neurons.drive)
    times = np.ascontiguousarray(source).reshape(len(source), -1)
    signal = np.ascontiguousarray(displacement, dtype).reshape(len(source), -1)
    weights = for_loops(kernel, dtype).reshape(-1)
    gradient = propagated = None
    if projection.plastic:
        inputs, gradient = np.empty_like(times), np.zeros_like(weights)
        integrate(times.reshape(-1), gate, psp, inputs.reshape(-1))
        add_outer_products(inputs, signal, matrix, gradient)
    if projection.asks_for_displacement:
        propagated = np.zeros_like(times)
        add_products(signal, matrix.by_source, picked(weights, matrix.weight, dtype), propagated)
        multiply_by_slope(propagated.reshape(-1), times.reshape(-1), gate, slopes)
    return LayerStep(
        None if gradient is None else gradient.reshape(kernel.shape),
        signal.reshape(-1, displacement.shape[-1]).sum(axis=0) * (gate * per_drive) if neurons.bias else None,
        None if propagated is None else propagated.reshape(source.shape),
    )
