"""Brian2 synapses: a pathway for each breakpoint of the PSP, kernels shared by linked variables, pooling fields.

``synapses.latency_pre[:]`` and ``synapses.latency_post[:]`` are the latencies of the neurons on both sides of each
synapse. They are read from the neurons, and not stored per synapse. Objects are named after projections. ``common``
are the arguments of all Brian2 objects.
"""

from typing import Any

import numpy as np
from brian2 import NeuronGroup, Synapses, linked_var
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject

from netsim.specification import Connections, PSPShape


def weighted_synapses(
    name: str,
    source: NeuronGroup,
    neurons: NeuronGroup,
    psp: PSPShape,
    breakpoints: tuple[int, ...],
    lag: int | None,
    kernel: NeuronGroup | None,
    common: dict[str, Any],
    current: str = "current",
) -> Synapses:
    """Create synapses whose spikes change the slope of the postsynaptic potential at each breakpoint of the PSP.

    The change is added to the variable `current` of the neurons. `breakpoints` are in steps after the arrival of the
    spike, which takes `lag` steps. With None, each synapse has a ``lag``, which `set_lags` writes. Synapses may share
    weights, a `shared_kernel`.
    """
    pathways: dict[str, str] = {}
    constants: dict[str, float] = {}
    for number, (steps, (_, change)) in enumerate(zip(breakpoints, psp.kernel, strict=True)):
        constants |= {f"change_{number}": change, f"delay_{number}": steps + (lag or 0)}
        due = f"delay_{number}" if lag is not None else f"lag + delay_{number}"
        # an event earlier than its delay was sent before the presentation began
        in_time = f"*int(step_post >= {due})" if lag is None or steps + lag > 0 else ""
        pathways[_pathway(number)] = f"{current}_post += change_{number}*w{in_time}"
    equations = ["w : 1" if kernel is None else "w : 1 (linked)\nkernel_index : integer (constant)"]
    synapses = Synapses(
        source,
        neurons,
        "\n".join(equations + ["lag : integer"] * (lag is None)),
        on_pre=pathways,
        delay=None
        if lag is None
        else {pathway: (steps + lag) * source.clock.dt for pathway, steps in zip(pathways, breakpoints, strict=True)},
        name=f"synapses_{name}",
        namespace=constants,
        **common,
    )
    if kernel is not None:
        synapses.w = linked_var(kernel, "w", index="kernel_index")
    return synapses


def _pathway(number: int) -> str:
    """Return the name of the pathway of a breakpoint."""
    return f"breakpoint_{number}"


def shared_kernel(name: str, size: int, common: dict[str, Any]) -> NeuronGroup:
    """Create the weights ``w`` that synapses share, for example all positions of a convolution."""
    return NeuronGroup(size, "w : 1", name=f"kernel_{name}", namespace={}, **common)


def pooling_synapses(
    name: str, source: NeuronGroup, neurons: NeuronGroup, lag: int | None, common: dict[str, Any]
) -> Synapses:
    """Create synapses that tell a pooling neuron of a spike in its field, `lag` steps after the spike.

    They act after the source's spikes and before the target's spikes, within the step. If `lag` is None, each synapse
    has a ``lag``, which `set_lags` writes.
    """
    due = "lag" if lag is None else str(lag)
    synapses = Synapses(
        source,
        neurons,
        "lag : integer" if lag is None else "",
        on_pre=f"reached_post = reached_post or step_post >= {due}",
        delay=None if lag is None else lag * source.clock.dt,
        name=f"synapses_{name}",
        namespace={},
        **common,
    )
    synapses.pre.when = "thresholds"
    synapses.pre.order = neurons.order - 1
    return synapses


def set_lags(synapses: Synapses, lags: np.ndarray, breakpoints: tuple[int, ...]) -> None:
    """Write the delays (steps) of synapses with a variable ``lag``, also as delays of Brian2."""
    synapses.variables["lag"].set_value(lags)
    pathways = [_pathway(number) for number in range(len(breakpoints))] if breakpoints else ["pre"]
    for name, steps in zip(pathways, breakpoints or (0,), strict=True):
        pathway = getattr(synapses, name)
        delays = (lags + steps) * synapses.clock.dt_
        if np.array_equal(pathway.variables["delay"].get_value(), delays):
            continue
        pathway.variables["delay"].set_value(delays)
        # queued spikes belong to an earlier presentation, and their lags are no longer known
        pathway.queue._restore_from_full_state(None)
        pathway.initialise_queue()  # Brian2 does this only when a run begins


def connect(synapses: Synapses, connections: Connections) -> None:
    """Create synapses from index arrays, in the order of the arrays."""
    code = synapses.codeobj_class
    synapses.codeobj_class = NumpyCodeObject  # not worth compiling
    synapses.connect(i=connections.pre, j=connections.post)
    synapses.codeobj_class = code
    if "kernel_index" in synapses.variables:
        synapses.variables["kernel_index"].set_value(connections.weight)
