"""Neuron families: the protocol, and one module for each family.

A family is one file. It says how the potential of a neuron moves between events. The engines, the learner, model
descriptions and exports call its functions:

1. `Family.advance` moves a state, `Family.arrive` adds an event, and `Family.crossing` returns the next spike. The
   event engine needs no more (`netsim.engines.event.loop`). Faster loops are optional (`Family.kernels`).
2. `Family.field` and `Family.jacobian` determine how a spike time changes with each input. `netsim.local_derivative`
   combines them, and the learner uses it.
3. `Family.equations` and `Family.step` are the equations for Brian2, and their solution within a step.
4. `Family.check` refuses what the family does not support, and `Family.describe` writes its rows of the description.

`Neurons.family` is the name of a family in `netsim.seams.families`. A family from another package is registered in the
same way, and needs no change in netsim.
"""

from netsim.specification.families._exponential import Exponential, Rates
from netsim.specification.families._protocol import Described, Family
