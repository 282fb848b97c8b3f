"""The effect of each pixel, neuron or map on the decision, one at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np

from netsim.errors import DataError
from netsim.exploring.asking import questions
from netsim.exploring.explorer import Explorer, decision_of
from netsim.exploring.trying import outcomes_of, tried
from netsim.exploring.view import View


class Effects(NamedTuple):
    """The decision and its lead (ms) over a rival, and both after each change of one part."""

    choice: int
    lead: float
    numbers: np.ndarray
    """Numbers of the parts."""
    choices: np.ndarray
    leads: np.ndarray


def effects_of(explorer: Explorer, view: View, layer: str, part: str, rival: int | None) -> Effects | None:
    """Change each part of a population in turn, see `netsim.exploring.trying`. Without a decision, return None.

    The lead is over the next output, or over a rival.
    """
    shown, outputs = explorer.show(view), explorer.network.outputs
    if rival is not None and rival >= outputs:
        raise DataError(f"question: the rival must be an output from 0 to {outputs - 1}")
    numbers, batches = tried(shown.network, shown.batch, shown.spikes, layer, part)
    choice = decision_of(shown.spikes)["choice"]
    if choice < 0:
        return None
    rival = None if rival == choice else rival
    name, outcomes = shown.network.output.name, []
    for batch in (shown.batch, *batches):
        latencies = explorer.present_batch(view, batch, name)
        outcomes.append(outcomes_of(latencies, choice, rival, shown.network.duration))
    before, after = outcomes[0][0], np.concatenate([*outcomes[1:], np.zeros((0, 2))])
    return Effects(choice, float(before[1]), numbers, after[:, 0].astype(int), after[:, 1])


@questions.register("effects")
def effects(
    explorer: Explorer,
    view: View,
    layer: str,
    part: Literal["pixels", "neurons", "maps"],
    rival: int | None = None,
    count: int = 0,
) -> dict[str, Any]:
    """Change each pixel, neuron or map of a population in turn.

    For maps, also count how many of the first test stimuli are right, and how many decisions change, without each map.
    """
    effect = effects_of(explorer, view, layer, part, rival)
    answer: dict[str, Any] = {"layer": layer, "part": part, "rival": rival, "accuracy": None}
    if effect is None:
        return answer | {"choice": -1, "lead": None, "numbers": [], "choices": [], "leads": []}
    if rival == effect.choice:
        answer["rival"] = None
    if count and part == "maps":
        answer["accuracy"] = _accuracy(explorer, view, layer, effect.numbers, count)
    return answer | {
        "choice": effect.choice,
        "lead": effect.lead,
        "numbers": effect.numbers.tolist(),
        "choices": effect.choices.tolist(),
        "leads": effect.leads.tolist(),
    }


def _accuracy(explorer: Explorer, view: View, layer: str, numbers: np.ndarray, count: int) -> dict[str, Any]:
    """Return right and changed decisions of the first test stimuli, with all maps and without each."""
    before, lost = explorer.decisions(view, count).decisions, view.maps.get(layer, ())
    right, changed = [], []
    for number in numbers.tolist():
        without = replace(view, maps={**view.maps, layer: (*lost, number)})
        after = explorer.decisions(without, count).decisions
        right.append(int(explorer.right(after).sum()))
        changed.append(int((~after.same(before)).sum()))
    right_before = int(explorer.right(before).sum())
    return {"count": len(before.choice), "before": right_before, "right": right, "changed": changed}
