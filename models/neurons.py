"""Brian2 neuron groups: stimulus, integrating and pooling neurons, each firing at most once per presentation.

A presentation begins at the time ``start``, shared by a group; ``step`` counts the time steps since then and
``latency`` is the time of the neuron's spike in the presentation, infinite while it has not fired. Brian2's own
refractoriness keeps a neuron that has fired silent (``refractory='True'``) and its ``lastspike`` records when.

Of all groups ``size`` is the number of neurons, and ``common`` what all Brian2 objects of a network are made with.
"""

import math
from typing import Any

from brian2 import NeuronGroup, ms, second

from netsim.specification import Neurons
from netsim.specification.grid import TOLERANCE, PopulationTimes

# Spikes are checked before the potential advances, so that a spike of step n is the first with v(n) >= threshold
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

POOLING = f"""
{PRESENTATION}
reached : boolean
silenced : boolean
latency = lastspike - start : second
"""


def stimulus_neurons(size: int, common: dict[str, Any]) -> NeuronGroup:
    """Neurons that fire at the step nearest to their ``latency``, which is theirs to be set."""
    condition = "abs(t - start - latency) < dt/2"
    group = NeuronGroup(size, STIMULUS, threshold=condition, reset="", name="neurons_stimulus", namespace={}, **common)
    group.resetter["spike"].active = False  # an empty reset, so that Brian2 does not ask for one
    group.latency = math.inf * second
    return group


def integrating_neurons(
    name: str, size: int, neurons: Neurons, steps: PopulationTimes, common: dict[str, Any], in_a_loop: bool = False
) -> NeuronGroup:
    """Neurons of a population that integrate a constant ``bias``, the slopes of all PSPs (``current``) and a drive.

    Slopes by the projections of a loop, if it is part of one, are ``recurrent``, which counts from the onset on. Each
    neuron's own threshold can be set later; onset, gate and end are counted in steps of the clock.
    """
    group = NeuronGroup(
        size,
        IN_A_LOOP if in_a_loop else INTEGRATING,
        threshold="v >= threshold and step >= onset and step < end and not silenced",
        refractory="True",
        method="euler",  # exact here: the slope is constant within a step
        name=f"neurons_{name}",
        namespace={
            "tau": neurons.tau * ms,
            "drive": neurons.drive,
            "onset": steps.onset,
            # in `PopulationTimes` a current without a gate ends with the window; here the potential is seen after it
            "gate": steps.gate if neurons.gated else NEVER,
            "end": steps.end,
        },
        **common,
    )
    group.threshold = neurons.threshold * (1 - TOLERANCE)
    group.lastspike = math.inf * second
    return group


def pooling_neurons(name: str, size: int, depth: int, common: dict[str, Any]) -> NeuronGroup:
    """Relays that fire in the very step in which the earliest spike of their field has ``reached`` them.

    They are run one population after another within a step: `depth` is the number of those in a row up to this one.
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
