"""Presets, and the Brian2 definitions of neurons, synapses and networks.

Brian2 is imported when `build_network` or `NetworkModel` is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netsim.models.network import NetworkModel, build_network

__all__ = ["NetworkModel", "build_network"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from netsim.models import network

        return getattr(network, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
