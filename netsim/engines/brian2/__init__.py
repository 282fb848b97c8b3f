"""The engine that runs the Brian2 network of a specification."""

from typing import Any

from netsim.engines.protocol import Engine, EngineEntry
from netsim.seams import engines
from netsim.specification import Network


def _make(network: Network, dt: float, precision: str, **settings: Any) -> Engine:
    """Make the engine. Potentials always have double precision."""
    from netsim.engines.brian2.engine import Brian2Engine

    return Brian2Engine(network, dt, **settings)


engines.add("brian2", EngineEntry(_make, "clock-driven in Brian2", exact=False), __name__)
