"""Neuron families: the protocol, and one module for each family.

A family says how a potential moves between events. The seam, in short:

1. Between events the potential is ``u(t) = a·f(t) + b·g(t)`` plus a constant. A family names the two functions.
2. `Neurons.family` is the name of a family in `netsim.seams.families`. One file per family registers a subclass.
3. `Family.rates` returns the rates of the two functions, or None if PSPs have breakpoints (piecewise-linear).
4. The event engine asks for rates once per population. With rates it uses `netsim.engines.event.flow`.
5. The Brian2 network reads `Family.equations`, and learners read the kernel and its slope from the rates.
6. `Family.check` refuses what the family does not support, and `Family.describe` writes its rows of the description.
7. A family from another package is registered in the same way, and needs no change in netsim.
"""

from netsim.specification.families._protocol import Described, Family, Rates
