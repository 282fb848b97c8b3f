"""netsim: event-driven simulation of single-spike networks, defined in Brian2 and trained with STiDi-BP."""

__version__ = "0.1.0"
