"""Brian2 neuron groups: stimulus, integrating and pooling neurons, each firing at most once per presentation.

A presentation begins at the time ``start``, which a group shares. ``step`` counts time steps since then. ``latency`` is
the time of the neuron's spike in the presentation, infinite before it. Brian2's refractoriness keeps a neuron silent
after its spike (``refractory='True'``). Brian2's ``lastspike`` is the time of the spike.

In all functions ``size`` is the number of neurons, and ``common`` are the arguments of all Brian2 objects.
"""

import math
import re
import textwrap
from typing import Any

from brian2 import Equations, NeuronGroup, ms, second
from brian2.utils.stringtools import get_identifiers

from netsim.errors import SpecificationError
from netsim.specification import Neurons
from netsim.specification.grid import TOLERANCE, PopulationTimes

# Thresholds precede the update of potentials, so that a spike in step n is the first with v(n) >= threshold
SCHEDULE = ["start", "thresholds", "synapses", "resets", "groups", "end"]
NEVER = 2**31 - 1  # a step that no presentation reaches

PRESENTATION = """
start : second (shared)
step = timestep(t - start, dt) : integer (shared)
"""

STIMULUS = f"{PRESENTATION}latency : second"

INTEGRATING = """
bias : 1
threshold : 1
silenced : boolean
latency = lastspike - start : second
"""
"""Equations of all integrating neurons. Their family adds those of ``v`` and ``current``."""

REST = "rest = bias + drive*int(step >= onset) : 1 (constant over dt)"
RECURRENT = "recurrent : 1"

_OF_BRIAN2 = {"t", "dt", "t_in_timesteps", "i", "N", "lastspike", "not_refractory"}
_TAKEN = _OF_BRIAN2 | Equations("\n".join([PRESENTATION, REST, INTEGRATING])).names
"""Variables of neurons that the step of a family must not assign."""
_ASSIGNED = re.compile(r"^[ \t]*(\w+)[ \t]*[-+*/]?=(?!=)", re.MULTILINE)

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

    The family of the neurons defines the equations, and a step of their exact solution. In some families ``recurrent``
    is the current from the projections of a loop, which counts from the onset. Thresholds can be set for each neuron
    later. Onset, gate and end are in steps of the clock.
    """
    family = neurons.kind
    looped = in_a_loop and family.currents_from_onset
    equations = family.equations(neurons, looped=True) if looped else family.equations(neurons)
    needs_rest = "rest" in get_identifiers(equations)
    step = textwrap.dedent(family.step(neurons)).strip()
    rates = {name: value / ms for name, value in neurons.rates._asdict().items()} if neurons.rates else {}
    parts = [PRESENTATION, equations, REST * needs_rest, RECURRENT * looped, INTEGRATING]
    namespace = {
        "tau": neurons.tau * ms,
        "tau_syn": (neurons.tau_syn or neurons.tau) * ms,
        **rates,
        "drive": neurons.drive,
        "onset": steps.onset,
        # in `PopulationTimes` an ungated current ends with the window, but here the potential is recorded after it
        "gate": steps.gate if neurons.gated else NEVER,
        "end": steps.end,
    }
    for word in sorted((_TAKEN | namespace.keys()).intersection(_ASSIGNED.findall(step))):
        other = f"{neurons.family} assigns {word} in its step, a word of Brian2 or netsim; choose another name"
        raise SpecificationError("neurons.family", other)
    group = NeuronGroup(
        size,
        "\n".join(parts),
        threshold="v >= threshold and step >= onset and step < end and not silenced",
        refractory="True",
        method=(lambda *_: step) if step else family.method,
        name=f"neurons_{name}",
        namespace=namespace,
        **common,
    )
    if needs_rest:
        group.subexpression_updater.when = "before_groups"  # after a presentation has begun, before potentials move
    group.threshold = neurons.threshold * (1 - TOLERANCE)
    group.lastspike = math.inf * second
    return group


def pooling_neurons(name: str, size: int, order: int, common: dict[str, Any]) -> NeuronGroup:
    """Create relays that fire in the step in which the earliest spike of their field has ``reached`` them.

    Relay populations run one after another within a step, by their `order`.
    """
    condition, name = "reached and not silenced", f"neurons_{name}"
    group = NeuronGroup(
        size, POOLING, threshold=condition, refractory="True", order=order, name=name, namespace={}, **common
    )
    group.state_updater.active = False
    group.lastspike = math.inf * second
    return group
