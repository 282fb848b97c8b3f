"""The causes of a spike, followed back to the stimulus."""

from __future__ import annotations

from typing import Any

from netsim.exploring.asking import questions
from netsim.exploring.explorer import Explorer
from netsim.exploring.tracing import shares_of
from netsim.exploring.view import View


@questions.register("shares")
def shares(explorer: Explorer, view: View, layer: str, neuron: int) -> dict[str, Any]:
    """Return the share of each stimulus spike in a spike, and the chain of largest causes."""
    chosen, shown = explorer.neuron(layer, neuron), explorer.show(view)
    dt = view.grid(explorer.network)
    shares_by_neuron, chain = shares_of(shown.network, shown.batch, shown.spikes, chosen, dt, explorer.check_newest)
    return {
        "layer": layer,
        "neuron": neuron,
        "neurons": list(shares_by_neuron),
        "shares": list(shares_by_neuron.values()),
        "chain": [{"layer": each.layer, "neuron": each.neuron} for each in chain],
    }
