"""The effect of each pixel, neuron or map on the decision, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np

from netsim.engines import Batch
from netsim.errors import DataError
from netsim.exploring.asking import questions
from netsim.exploring.explorer import Explorer, decision_of
from netsim.exploring.view import View
from netsim.measuring.metrics import decide
from netsim.specification import STIMULUS, Network

PARTS = ("pixels", "neurons", "maps")
_TOGETHER = 64
"""Variants of a presentation in one batch, after which a newer question may take over."""


class Effects(NamedTuple):
    """The decision and its lead (ms) over a rival, and both after each change of one part."""

    choice: int
    lead: float
    numbers: np.ndarray
    """Numbers of the parts."""
    choices: np.ndarray
    leads: np.ndarray


def effects_of(explorer: Explorer, view: View, layer: str, part: str, rival: int | None) -> Effects | None:
    """Change each part of a population in turn, see `_tried`. Without a decision, return None.

    The lead is over the next output, or over a rival.
    """
    shown, outputs = explorer.show(view), explorer.network.outputs
    if rival is not None and rival >= outputs:
        raise DataError(f"question: the rival must be an output from 0 to {outputs - 1}")
    numbers, batches = _tried(shown.network, shown.batch, shown.spikes, layer, part)
    choice = decision_of(shown.spikes)["choice"]
    if choice < 0:
        return None
    rival = None if rival == choice else rival
    name, outcomes = shown.network.output.name, []
    for batch in (shown.batch, *batches):
        latencies = explorer.present_batch(view, batch, name)
        outcomes.append(_outcomes(latencies, choice, rival, shown.network.duration))
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


def _tried(
    network: Network, batch: Batch, spikes: Mapping[str, np.ndarray], layer: str, part: str
) -> tuple[np.ndarray, Iterator[Batch]]:
    """Return the numbers of the parts to change, and batches with one change each.

    Each pixel of the stimulus is switched: its spike is removed, or a spike at 0 ms is added. Neurons that fire are
    silenced one by one. The lesion of a silent neuron changes nothing. Maps are silenced with all their neurons, except
    maps that are silenced already.

    Parameters
    ----------
    network, batch, spikes
        A presented batch of one presentation.
    layer : str
        Population, or ``stimulus`` for pixels.
    part : {"pixels", "neurons", "maps"}
    """
    if part not in PARTS or (part == "pixels") != (layer == STIMULUS):
        raise DataError(f"question: part must be one of {', '.join(PARTS)}, and pixels belong to the stimulus")
    if part == "pixels":
        numbers = np.arange(batch.stimuli[0].size)
        return numbers, (_switched(batch, some) for some in _chunks(numbers))
    population = network.population(layer)
    maps = np.arange(population.size) % population.maps
    if part == "neurons":
        numbers = np.flatnonzero(np.isfinite(spikes[layer].ravel()))
    else:
        silent = np.broadcast_to(batch.silenced.get(layer, False), (1, *population.shape))
        numbers = np.flatnonzero(~silent.reshape(-1, population.maps).all(axis=0))
    of = np.arange(population.size) if part == "neurons" else maps
    return numbers, (
        _silenced(batch, layer, of[None, :] == some[:, None], population.shape) for some in _chunks(numbers)
    )


def _chunks(numbers: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, len(numbers), _TOGETHER):
        yield numbers[first : first + _TOGETHER]


def _switched(batch: Batch, pixels: np.ndarray) -> Batch:
    stimuli = np.repeat(batch.stimuli, len(pixels), axis=0)
    flat = stimuli.reshape(len(pixels), -1)
    rows = np.arange(len(pixels))
    flat[rows, pixels] = np.where(np.isfinite(flat[rows, pixels]), np.inf, 0.0)
    return replace(batch, stimuli=stimuli)


def _silenced(batch: Batch, layer: str, masks: np.ndarray, shape: tuple[int, ...]) -> Batch:
    count = len(masks)
    silenced = batch.silenced | {layer: masks.reshape(count, *shape) | batch.silenced.get(layer, False)}
    return replace(batch, stimuli=np.repeat(batch.stimuli, count, axis=0), silenced=silenced)


def _outcomes(outputs: np.ndarray, choice: int, rival: int | None, duration: float) -> np.ndarray:
    """Return the choice of each presentation and the lead of one output, shape (presentations, 2).

    The lead (ms) is the time from the spike of `choice` to the spike of `rival`, by default of the earliest other
    output. Silent outputs count as if they fired at the end of the presentation.
    """
    times = np.minimum(outputs, duration)
    others = np.delete(times, choice, axis=1).min(axis=1, initial=duration) if rival is None else times[:, rival]
    return np.stack([decide(outputs).choice, others - times[:, choice]], axis=1)
