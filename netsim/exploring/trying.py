"""Change each pixel, neuron or map in turn, and see how the decision changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from netsim.engines import Batch
from netsim.errors import DataError
from netsim.specification import STIMULUS, Network

PARTS = ("pixels", "neurons", "maps")
_TOGETHER = 64
"""Variants of a presentation in one batch, after which a newer question may take over."""


def tried(
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


def outcomes_of(outputs: np.ndarray, choice: int, rival: int | None, duration: float) -> np.ndarray:
    """Return the choice of each presentation and the lead of one output, shape (presentations, 2).

    The lead (ms) is the time from the spike of `choice` to the spike of `rival`, by default of the earliest other
    output. Silent outputs count as if they fired at the end of the presentation.
    """
    from netsim.measuring.metrics import decide

    times = np.minimum(outputs, duration)
    others = np.delete(times, choice, axis=1).min(axis=1, initial=duration) if rival is None else times[:, rival]
    return np.stack([decide(outputs).choice, others - times[:, choice]], axis=1)
