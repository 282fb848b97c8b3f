"""The causes of a spike, followed back to the stimulus."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from typing import Any

import numpy as np

from netsim.engines import Batch, Recorded
from netsim.engines.event.potentials import arrivals_at, causes_of
from netsim.exploring.asking import questions
from netsim.exploring.explorer import Explorer
from netsim.exploring.view import View
from netsim.specification import STIMULUS, Connections, Network


@questions.register("shares")
def shares(explorer: Explorer, view: View, layer: str, neuron: int) -> dict[str, Any]:
    """Return the share of each stimulus spike in a spike, and the chain of largest causes."""
    chosen, shown = explorer.neuron(layer, neuron), explorer.show(view)
    dt = view.grid(explorer.network)
    shares_by_neuron, chain = _shares_of(shown.network, shown.batch, shown.spikes, chosen, dt, explorer.check_newest)
    return {
        "layer": layer,
        "neuron": neuron,
        "neurons": list(shares_by_neuron),
        "shares": list(shares_by_neuron.values()),
        "chain": [{"layer": each.layer, "neuron": each.neuron} for each in chain],
    }


def _shares_of(
    network: Network,
    batch: Batch,
    spikes: Mapping[str, np.ndarray],
    neuron: Recorded,
    dt: float,
    go_on: Callable[[], None] = lambda: None,
) -> tuple[dict[int, float], list[Recorded]]:
    """Return the share of each stimulus spike in a spike, and the chain of largest causes back to the stimulus.

    A neuron hands its share to its causal input spikes in proportion to what they add to its potential. Shares of
    inhibition are negative. The absolute shares of the causes of one neuron sum to the absolute share of the neuron. A
    relay hands its share to its earliest input. Causes precede their effects, so loops end as well.

    Parameters
    ----------
    network, batch, spikes
        A presented batch of one presentation.
    neuron : Recorded
        A silent neuron is read at the end of its firing window.
    dt : float
        Time grid (ms), or 0.
    go_on : callable
        Called before each neuron. May raise an error to stop.

    Returns
    -------
    dict of float
        Shares by number of the stimulus neuron.
    list of Recorded
        From the neuron to the stimulus, or to a neuron without excitatory causes.
    """
    shares: dict[Recorded, float] = defaultdict(float, {neuron: 1.0})
    largest: dict[Recorded, Recorded] = {}
    traced: dict[int, float] = {}
    relayed: dict[str, Connections] = {}

    def latency(of: Recorded) -> float:
        return float(spikes[of.layer].ravel()[of.neuron])

    places = {name: index for index, name in enumerate(network.shapes)}
    # the latest spike first, and a relay before its input, which fires at the same time
    waiting: list[tuple[float, int, Recorded]] = [(-math.inf, 0, neuron)]
    while waiting:
        last = heappop(waiting)[2]
        share = shares.pop(last)
        if last.layer == STIMULUS:
            traced[last.neuron] = traced.get(last.neuron, 0.0) + share
            continue
        go_on()
        parts: list[tuple[Recorded, float]] = []
        if not network.population(last.layer).integrates:
            if last.layer not in relayed:
                relayed[last.layer] = network.connections(network.incoming(last.layer)[0])
            layer, inputs, _ = arrivals_at(network, batch, spikes, last, dt, relayed[last.layer])
            parts += [(Recorded(layer, int(first)), 1.0) for first in inputs[:1]]
        else:
            time = latency(last)
            time = time if math.isfinite(time) else network.firing_window(last.layer)[1]
            for cause in causes_of(network, batch, spikes, last, time, dt):
                for k in np.flatnonzero(cause.potentials).tolist():
                    parts.append((Recorded(cause.source, int(cause.neurons[k])), float(cause.potentials[k])))
        total = sum(abs(part) for _, part in parts)
        for source, part in parts:
            if source not in shares:
                heappush(waiting, (-latency(source), -places[source.layer], source))
            shares[source] += share * part / total
        if parts:
            source, part = max(parts, key=lambda each: each[1])
            if part > 0:
                largest[last] = source
    chain = [neuron]
    while chain[-1] in largest:
        chain.append(largest[chain[-1]])
    return traced, chain
