"""The learning step of any connectivity onto neurons that share one limit, the gate.

What each spike has built up by then, and its slope, is the same for all postsynaptic neurons, so that the step is two
products with a sparse matrix. `netsim.learning.gated` has the step for windows.
"""

import numpy as np

from netsim.learning.fields import breakpoints_per_drive, handing_down
from netsim.learning.gradients import LayerStep
from netsim.numerics.psp import integrate, multiply_by_slope
from netsim.numerics.sparse_products import SparseMatrix, add_outer_products, add_products, picked
from netsim.specification import Neurons, Projection


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
    """The step of synapses onto neurons that the drive alone carries from the gate (ms) to threshold.

    Parameters are those of `netsim.learning.gated.step_gated`.
    """
    dtype = source.dtype
    gate, per_drive = dtype.type(gate), dtype.type(1 / neurons.drive)
    psp = breakpoints_per_drive(projection.psp, dtype, neurons.drive)
    slopes = handing_down(projection.psp, causal, dtype, neurons.drive)
    times = np.ascontiguousarray(source).reshape(len(source), -1)
    signal = np.ascontiguousarray(displacement, dtype).reshape(len(source), -1)
    weights = np.ascontiguousarray(kernel, dtype).reshape(-1)
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
