"""Channels: what a projection contributes to learning, one module per kind. Each projection has one, chosen here."""

import math
from collections.abc import Callable

from netsim.learning.channels.channel import Channel, Credit, Step, Synapses
from netsim.learning.channels.gated import GatedList, GatedWindow
from netsim.learning.channels.leaky import Leaky
from netsim.learning.channels.listed import Listed
from netsim.learning.channels.local import Local, Respond, Response
from netsim.learning.channels.recurrent import Recurrent
from netsim.learning.channels.relay import Pooling, Relay
from netsim.learning.channels.window import WindowChannel
from netsim.specification import Network, Projection, Window
from netsim.specification.grid import PopulationTimes
from netsim.weights.sparse import matrix_of


def channel_of(network: Network, projection: Projection, times: PopulationTimes | None) -> Channel:
    """Return the channel of a projection.

    Parameters
    ----------
    network : Network
    projection : Projection
        The delays of its PSP have the unit of times.
    times : PopulationTimes
        Window of the target. None for relays.
    """
    target = network.population(projection.target)
    window = None if projection.is_delayed_per("synapse") else network.window(projection)
    if times is not None:
        faster = FASTER.get(target.dynamics.kind.kernels)
        return Local(network, projection, times) if faster is None else faster(network, projection, times, window)
    return Relay(projection, network.connections(projection)) if window is None else Pooling(projection, window)


def _piecewise_linear(
    network: Network, projection: Projection, times: PopulationTimes, window: Window | None
) -> Channel:
    """Return the channel onto neurons without leak: a closed gate needs products only, a loop counts from the onset."""
    neurons, causal = network.neurons(projection.target), network.learning.propagation == "causal"
    gated, gate = neurons.gated, times.gate
    delayed, recurrent = projection.is_delayed_per("synapse"), network.is_recurrent(projection)
    if gated and not recurrent and not delayed:
        if window is not None:
            return GatedWindow(projection, window, gate, causal)
        return GatedList(projection, matrix_of(network, projection), gate, causal)

    if window is None:
        inner: Channel = Listed(projection, network.connections(projection), gate, gated and not recurrent, causal)
    else:
        inner = WindowChannel(projection, window, causal)
    return Recurrent(projection, inner, times.onset, gate, gated, causal) if recurrent else inner


def _exponential(network: Network, projection: Projection, times: PopulationTimes, window: Window | None) -> Channel:
    """Return the channel onto leaky neurons. Dense synapses need no list."""
    rates, (source, target) = network.neurons(projection.target).rates, network.ends(projection)
    assert rates is not None
    dense = window is not None and window.shape[:2] == (1, 1)
    dense = dense and network.weight_shape(projection) == (math.prod(source), math.prod(target))
    return Leaky(
        projection,
        rates.per_step(network.training.dt),
        network.connections(projection),
        dense,
        network.learning.propagation == "causal",
        network.is_recurrent(projection),
    )


FASTER: dict[str, Callable[..., Channel]] = {"piecewise-linear": _piecewise_linear, "exponential": _exponential}
"""Functions that make channels faster than `Local`, by `Family.kernels` of the target."""
