"""Indices of synapses: copies for simultaneous presentations, and delays that each synapse has."""

import math

import numpy as np
from brian2 import Synapses
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject

from netsim.models.synapses import PATHWAY
from netsim.specification import Connections


def connect(synapses: Synapses, connections: Connections) -> None:
    """Create synapses from index arrays, in the order of the arrays."""
    code = synapses.codeobj_class
    synapses.codeobj_class = NumpyCodeObject  # not worth compiling
    synapses.connect(i=connections.pre, j=connections.post)
    synapses.codeobj_class = code
    if "kernel_index" in synapses.variables:
        synapses.variables["kernel_index"].set_value(connections.weight)


def side_by_side(single: Connections, source: tuple[int, ...], shape: tuple[int, ...], copies: int) -> Connections:
    """Repeat connections for several copies of a projection, each with its copy of the source."""
    if copies == 1:
        return single
    copy = np.arange(copies, dtype=np.int32)[:, None]
    return Connections(
        (single.pre + copy * np.int32(math.prod(source))).ravel(),
        (single.post + copy * np.int32(math.prod(shape))).ravel(),
        np.tile(single.weight, copies),
    )


def set_lags(synapses: Synapses, lags: np.ndarray, breakpoints: tuple[int, ...]) -> None:
    """Write the delays (steps) of synapses with a variable ``lag``, also as delays of Brian2."""
    synapses.variables["lag"].set_value(lags)
    pathways = [PATHWAY.format(number) for number in range(len(breakpoints))] if breakpoints else ["pre"]
    for name, steps in zip(pathways, breakpoints or (0,), strict=True):
        pathway = getattr(synapses, name)
        delays = (lags + steps) * synapses.clock.dt_
        if np.array_equal(pathway.variables["delay"].get_value(), delays):
            continue
        pathway.variables["delay"].set_value(delays)
        # queued spikes belong to an earlier presentation, and their lags are no longer known
        pathway.queue._restore_from_full_state(None)
        pathway.initialise_queue()  # Brian2 does this only when a run begins
