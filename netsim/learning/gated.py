"""The local learning step of synapses onto neurons that share one limit, the gate.

The contribution of each spike at the gate, and its slope, are the same for all postsynaptic neurons. The step is
therefore two products, over receptive fields for windows, and otherwise with a sparse matrix of synapses. The step of a
window is compiled as a whole. Array expressions would traverse memory once per operation, and threads would wait for
the GIL.
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
from netsim.numerics.compilation import compiled
from netsim.numerics.psp import Breakpoints, Slopes, integrate, multiply_by_slope
from netsim.numerics.sparse_products import SparseMatrix, add_outer_products, add_products, picked
from netsim.numerics.vectors import broadcast, lanes_of, load, store
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
    # unneeded results are empty arrays
    shared = kernel.ndim > 2 or window.shape[:2] != (1, 1)
    inputs, bias = np.empty(times.shape, dtype), np.empty(maps if neurons.bias else 0, dtype)
    gradient = np.empty(weights.shape if projection.plastic and shared else (0, maps), dtype)
    propagated = np.empty(times.shape if downward else (0, *times.shape[1:]), dtype)
    _step(times, window, psp, slopes, dtype.type(gate), signal, weights, per_drive, inputs, gradient, bias, propagated)
    gradients: np.ndarray | Deferred | None = None
    if projection.plastic:
        factors = Factors(inputs.reshape(len(inputs), -1), displacement.reshape(len(displacement), -1))
        gradients = gradient.reshape(kernel.shape) if shared else factors
    return LayerStep(gradients, bias if bias.size else None, propagated.reshape(source.shape) if downward else None)


@compiled
def _step(
    times: np.ndarray,
    window: Window,
    psp: Breakpoints,
    slopes: Slopes,
    gate: float,
    signal: np.ndarray,
    kernel: np.ndarray,
    per_drive: float,
    inputs: np.ndarray,
    gradient: np.ndarray,
    bias: np.ndarray,
    propagated: np.ndarray,
) -> None:
    """Compute the step, with the PSP and its slopes per drive. Empty arrays are not written."""
    flat = times.reshape(-1)
    integrate(flat, gate, psp, inputs.reshape(-1))
    if gradient.size:
        kernel_gradient(inputs, signal, window, gradient)
    if bias.size:
        sum_over_positions(signal.reshape(-1, bias.size), bias)
        for m in range(bias.size):
            bias[m] *= gate * per_drive
    if propagated.size:
        propagate(signal, kernel, window, times, gate, propagated)
        multiply_by_slope(propagated.reshape(-1), flat, gate, slopes)


@compiled
def sum_over_positions(rows: np.ndarray, total: np.ndarray) -> None:
    """Write the column sums of a matrix, shape (positions, maps)."""
    flat, count, lanes = rows.reshape(-1), len(total), lanes_of(rows)
    in_vectors = count - count % lanes
    for first in range(0, in_vectors, lanes):
        sums = broadcast(rows.dtype.type(0))
        for index in range(first, len(flat), count):
            sums = sums + load(flat, index)
        store(total, first, sums)
    for m in range(in_vectors, count):
        rest = rows.dtype.type(0)
        for index in range(m, len(flat), count):
            rest += flat[index]
        total[m] = rest


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
