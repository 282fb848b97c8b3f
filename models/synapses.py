"""Brian2 synapses: a pathway for each breakpoint of the PSP, kernels shared by linked variables, pooling fields.

``synapses.latency_pre[:]`` and ``synapses.latency_post[:]`` are the first spikes of the neurons on both sides of each
synapse. Brian2 reads them from the neurons: a neuron fires once, so that all its synapses would store the same time.
Objects are named after projections. ``common`` are the arguments of all Brian2 objects.
"""

from typing import Any

from brian2 import NeuronGroup, Synapses, linked_var

from netsim.specification import PSPShape

PATHWAY = "breakpoint_{}"
"""Name of the pathway of a breakpoint of the PSP."""


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
    delays: dict[str, Any] = {}
    constants: dict[str, float] = {}
    for number, (steps, (_, change)) in enumerate(zip(breakpoints, psp.kernel, strict=True)):
        constants |= {f"change_{number}": change, f"delay_{number}": steps + (lag or 0)}
        due = f"delay_{number}" if lag is not None else f"lag + delay_{number}"
        # an event earlier than its delay was sent before the presentation began
        in_time = f"*int(step_post >= {due})" if lag is None or steps + lag > 0 else ""
        pathways[PATHWAY.format(number)] = f"{current}_post += change_{number}*w{in_time}"
        delays[PATHWAY.format(number)] = (steps + (lag or 0)) * source.clock.dt
    weight = "w : 1\n" if kernel is None else "w : 1 (linked)\nkernel_index : integer (constant)\n"
    variables, delay = weight + "lag : integer" * (lag is None), delays if lag is not None else None
    synapses = Synapses(
        source, neurons, variables, on_pre=pathways, delay=delay, name=f"synapses_{name}", namespace=constants, **common
    )
    if kernel is not None:
        synapses.w = linked_var(kernel, "w", index="kernel_index")
    return synapses


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
    reach, variable = f"reached_post = reached_post or step_post >= {due}", "lag : integer" if lag is None else ""
    delay, name = None if lag is None else lag * source.clock.dt, f"synapses_{name}"
    synapses = Synapses(source, neurons, variable, on_pre=reach, delay=delay, name=name, namespace={}, **common)
    synapses.pre.when = "thresholds"
    synapses.pre.order = neurons.order - 1
    return synapses
