"""Read-outs: rules that derive a decision from the output population. Each is one module."""

from netsim.measuring.read_outs._protocol import Outputs, ReadOut
