"""How a decision is read from what the output population did: the protocol, and one module for each read-out."""

from netsim.measuring.read_outs._protocol import Outputs, ReadOut
