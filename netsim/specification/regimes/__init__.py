"""Regimes of integration and firing: the protocol, and one module for each regime.

All regimes are choices of onset, gate and drive in one equation (`netsim.specification`).
"""

from netsim.specification.regimes._protocol import Regime
