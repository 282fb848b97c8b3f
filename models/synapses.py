"""Brian2 synapses: a pathway for each breakpoint of the PSP, kernels shared by linked variables, pooling fields.

Both sides of every synapse answer for the latency of their neuron: ``synapses.latency_pre[:]`` and
``synapses.latency_post[:]`` are read from the neurons, nothing is stored per synapse. Names are those of projections;
``common`` is what all Brian2 objects of a network are made with.
"""

from typing import Any

from brian2 import NeuronGroup, Synapses, linked_var, second
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject

from netsim.specification import PSP, Connections


def weighted_synapses(
    name: str,
    source: NeuronGroup,
    neurons: NeuronGroup,
    psp: PSP,
    delays: tuple[int, ...],
    kernel: NeuronGroup | None,
    common: dict[str, Any],
    current: str = "current",
) -> Synapses:
    """Synapses whose spikes change the slope of the postsynaptic potential at each breakpoint of the PSP.

    They add it to the `current` of the neurons, or to what that is called.

    The delays of the breakpoints are in steps. Synapses may share weights, a `shared_kernel`; else each has its own.
    """
    pathways: dict[str, str] = {}
    constants: dict[str, float] = {}
    for number, (steps, (_, change)) in enumerate(zip(delays, psp.kernel, strict=True)):
        constants |= {f"change_{number}": change, f"delay_{number}": steps}
        # an event that arrives sooner than its delay was sent before the presentation began
        in_time = f"*int(step_post >= delay_{number})" if steps > 0 else ""
        pathways[f"breakpoint_{number}"] = f"{current}_post += change_{number}*w{in_time}"
    synapses = Synapses(
        source,
        neurons,
        "w : 1" if kernel is None else "w : 1 (linked)\nkernel_index : integer (constant)",
        on_pre=pathways,
        delay={pathway: steps * source.clock.dt for pathway, steps in zip(pathways, delays, strict=True)},
        name=f"synapses_{name}",
        namespace=constants,
        **common,
    )
    if kernel is not None:
        synapses.w = linked_var(kernel, "w", index="kernel_index")
    return synapses


def shared_kernel(name: str, size: int, common: dict[str, Any]) -> NeuronGroup:
    """The weights ``w`` that synapses share, such as all positions of a convolution."""
    return NeuronGroup(size, "w : 1", name=f"kernel_{name}", namespace={}, **common)


def pooling_synapses(name: str, source: NeuronGroup, neurons: NeuronGroup, common: dict[str, Any]) -> Synapses:
    """Synapses that tell a pooling neuron, within the step, that a spike of its field has reached it."""
    return _within_the_step(f"synapses_{name}", source, neurons, "reached_post = True", common)


def axon_hillocks(name: str, source: NeuronGroup, axons: NeuronGroup, common: dict[str, Any]) -> Synapses:
    """Tells each axon, within the step, that its neuron has fired."""
    return _within_the_step(f"hillocks_{name}", source, axons, "arrival_post = step_post + lag_post", common)


def _within_the_step(
    name: str, source: NeuronGroup, neurons: NeuronGroup, on_pre: str, common: dict[str, Any]
) -> Synapses:
    """Synapses that act after the source's spikes and before those of the target."""
    synapses = Synapses(source, neurons, on_pre=on_pre, delay=0 * second, name=name, namespace={}, **common)
    synapses.pre.when = "thresholds"
    synapses.pre.order = neurons.order - 1
    return synapses


def connect(synapses: Synapses, connections: Connections) -> None:
    """Create synapses from index arrays; they keep the order of the arrays."""
    code = synapses.codeobj_class
    synapses.codeobj_class = NumpyCodeObject  # not worth compiling
    synapses.connect(i=connections.pre, j=connections.post)
    synapses.codeobj_class = code
    if "kernel_index" in synapses.variables:
        synapses.variables["kernel_index"].set_value(connections.weight)
