"""The event engine, which computes spike times without time steps."""

from typing import Any

from netsim.engines.protocol import Engine, EngineEntry
from netsim.seams import engines
from netsim.specification import Network


def _make(network: Network, **settings: Any) -> Engine:
    from netsim.engines.event.engine import EventEngine

    return EventEngine(network, **settings)


engines.add("event", EngineEntry(_make, "event-driven", exact=True), __name__)
