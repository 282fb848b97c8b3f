"""Postsynaptic potentials: the protocol, and one module for each shape."""

from netsim.specification.psps._protocol import PSP, PSPShape, rounded
