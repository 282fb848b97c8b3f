"""Which hidden neuron decides: the one whose lesion costs the decision most of its lead."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsim.engines import Recorded
from netsim.engines.event.potentials import causes_of
from netsim.exploring.asking import questions
from netsim.exploring.explorer import Explorer, Shown
from netsim.exploring.questions.effects import effects_of
from netsim.exploring.view import View

_LISTED = 3
"""Neurons of each population that are sent, the largest losses first."""


@questions.register("deciding-neurons")
def deciding_neurons(explorer: Explorer, view: View, rival: int | None = None) -> dict[str, Any]:
    """Lesion each hidden neuron that fires, one at a time, and return those whose lesion costs most of the lead (ms).

    A neuron of a population that projects to the output also has what its spike adds to the potential of the deciding
    output at the decision. Both measures can rank neurons differently, because a lesion changes all later spikes, also
    those of the other outputs.
    """
    shown = explorer.show(view)
    answer: dict[str, Any] = {"choice": -1, "lead": None, "rival": None, "tried": 0, "neurons": []}
    listed: list[dict[str, Any]] = []
    for population in shown.network.integrating:
        if population.name == shown.network.output.name:
            continue
        effect = effects_of(explorer, view, population.name, "neurons", rival)
        if effect is None:
            return answer
        answer |= {"choice": effect.choice, "lead": effect.lead, "rival": None if rival == effect.choice else rival}
        answer["tried"] += len(effect.numbers)
        for k in np.argsort(effect.leads, kind="stable")[:_LISTED].tolist():
            entry = {"layer": population.name, "neuron": int(effect.numbers[k]), "choice": int(effect.choices[k])}
            listed.append(entry | {"lead": float(effect.leads[k])})
    added = _added(explorer, view, shown, answer["choice"]) if listed else {}
    ranks = {neuron: rank for rank, neuron in enumerate(sorted(added, key=lambda neuron: -added[neuron]), 1)}
    for each in listed:
        key = each["layer"], each["neuron"]
        each |= {"added": added.get(key), "rank": ranks.get(key)}
    return answer | {"neurons": sorted(listed, key=lambda each: each["lead"])}


def _added(explorer: Explorer, view: View, shown: Shown, choice: int) -> dict[tuple[str, int], float]:
    """Return what each input spike adds to the potential of the deciding output, at the decision."""
    output = Recorded(shown.network.output.name, choice)
    time, dt = shown.latency(output), view.grid(explorer.network)
    added: dict[tuple[str, int], float] = {}
    for cause in causes_of(shown.network, shown.batch, shown.spikes, output, time, dt):
        for k in np.flatnonzero(cause.potentials).tolist():
            key = cause.source, int(cause.neurons[k])
            added[key] = added.get(key, 0.0) + float(cause.potentials[k])
    return added
