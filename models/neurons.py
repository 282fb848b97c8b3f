"""Brian2 neuron groups: stimulus, integrating and pooling neurons, each firing at most once per presentation.

A presentation begins at the time ``start``, which a group shares. ``step`` counts time steps since then. ``latency`` is
the time of the neuron's spike in the presentation, infinite before it. Brian2's refractoriness keeps a neuron silent
after its spike (``refractory='True'``). Brian2's ``lastspike`` is the time of the spike.

In all functions ``size`` is the number of neurons, and ``common`` are the arguments of all Brian2 objects.
"""

import math
from typing import Any

from brian2 import NeuronGroup, ms, second

from netsim.seams import families
from netsim.specification import Neurons
from netsim.specification.grid import TOLERANCE, PopulationTimes

# Thresholds precede the update of potentials, so that a spike in step n is the first with v(n) >= threshold
SCHEDULE = ["start", "thresholds", "synapses", "resets", "groups", "end"]

# A step that no presentation reaches
NEVER = 2**31 - 1

PRESENTATION = """
start : second (shared)
step = timestep(t - start, dt) : integer (shared)
"""

STIMULUS = f"""
{PRESENTATION}
latency : second
"""

INTEGRATING = f"""
{PRESENTATION}
dv/dt = ((bias + current)*int(step < gate) + drive*int(step >= onset)) / tau : 1
bias : 1
current : 1
threshold : 1
silenced : boolean
latency = lastspike - start : second
"""

IN_A_LOOP = INTEGRATING.replace("+ drive*", "+ (recurrent + drive)*").replace(
    "current : 1", "current : 1\nrecurrent : 1"
)

OF_A_FAMILY = """
rest = bias + drive*int(step >= onset) : 1 (constant over dt)
bias : 1
threshold : 1
silenced : boolean
latency = lastspike - start : second
"""
"""Equations of neurons whose family defines its own (`netsim.specification.families`)."""

POOLING = f"""
{PRESENTATION}
reached : boolean
silenced : boolean
latency = lastspike - start : second
"""


def stimulus_neurons(size: int, common: dict[str, Any]) -> NeuronGroup:
    """Create neurons that fire at the step nearest to their variable ``latency``."""
    condition = "abs(t - start - latency) < dt/2"
    group = NeuronGroup(size, STIMULUS, threshold=condition, reset="", name="neurons_stimulus", namespace={}, **common)
    group.resetter["spike"].active = False  # an empty reset, because Brian2 requires one
    group.latency = math.inf * second
    return group


def integrating_neurons(
    name: str, size: int, neurons: Neurons, steps: PopulationTimes, common: dict[str, Any], in_a_loop: bool = False
) -> NeuronGroup:
    """Create neurons that integrate a constant ``bias``, the slopes of all PSPs (``current``) and a drive.

    For a population in a loop, ``recurrent`` is the slope from the projections of the loop, which counts from the
    onset. Thresholds can be set for each neuron later. Onset, gate and end are in steps of the clock. Neurons of a
    family with rates have the equations of the family, which Brian2 solves exactly.
    """
    equations, method = IN_A_LOOP if in_a_loop else INTEGRATING, "euler"
    if neurons.rates is not None:
        equations, method = f"{PRESENTATION}{families[neurons.family].equations(neurons)}{OF_A_FAMILY}", "exact"
    group = NeuronGroup(
        size,
        equations,
        threshold="v >= threshold and step >= onset and step < end and not silenced",
        refractory="True",
        method=method,  # euler is exact here, because the slope is constant within a step
        name=f"neurons_{name}",
        namespace={
            "tau": neurons.tau * ms,
            "tau_syn": (neurons.tau_syn or neurons.tau) * ms,
            "drive": neurons.drive,
            "onset": steps.onset,
            # in `PopulationTimes` an ungated current ends with the window, but here the potential is recorded after it
            "gate": steps.gate if neurons.gated else NEVER,
            "end": steps.end,
        },
        **common,
    )
    if neurons.rates is not None:
        group.subexpression_updater.when = "before_groups"  # after a presentation has begun, before potentials move
    group.threshold = neurons.threshold * (1 - TOLERANCE)
    group.lastspike = math.inf * second
    return group


def pooling_neurons(name: str, size: int, depth: int, common: dict[str, Any]) -> NeuronGroup:
    """Create relays that fire in the step in which the earliest spike of their field has ``reached`` them.

    Relay populations run one after another within a step. `depth` is the number of consecutive relays up to this one.
    """
    group = NeuronGroup(
        size,
        POOLING,
        threshold="reached and not silenced",
        refractory="True",
        order=2 * depth,
        name=f"neurons_{name}",
        namespace={},
        **common,
    )
    group.state_updater.active = False
    group.lastspike = math.inf * second
    return group
