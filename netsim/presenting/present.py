"""Present stimuli to a model and keep all spikes."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Engine, Potential, Recorded
from netsim.engines.protocol import solves_equation
from netsim.errors import DataError, SpecificationError
from netsim.presenting.batches import Presented, as_they_are, present_parts
from netsim.presenting.workers import Workers, distribution_of
from netsim.runs.model import Subject, open_model, stimuli_for
from netsim.seams import studies
from netsim.specification.checks import finite, limit_in, names_in, require, whole
from netsim.spikes.columns import LayerSpikes, joined
from netsim.spikes.labels import UNLABELLED
from netsim.spikes.latencies import BATCH
from netsim.spikes.spikes import Conditions, Progress, Spikes, no_progress


def present(
    model: Subject,
    stimuli: Stimuli | None = None,
    *,
    index: Sequence[int] | None = None,
    limit: int | None = None,
    populations: Sequence[str] | None = None,
    engine: Engine | None = None,
    disturbance: tuple[str, float] | None = None,
    seed: int = 0,
    record: Sequence[Recorded] = (),
    workers: Workers = None,
    progress: Progress = no_progress,
) -> Spikes:
    """Present stimuli to a model, and record the first spikes of all populations.

    Parameters
    ----------
    model : Model, Network, str or Path
        A model, a network with initial weights, or the name of a run, preset or TOML file.
    stimuli : Stimuli, optional
        The default is the test stimuli of the model's data set.
    index : sequence of int, optional
        Stimuli to present, counted from 0. The default is all. Tables and files need each index once.
    limit : int, optional
        Maximum number of stimuli to present, from the first.
    populations : sequence of str, optional
        Populations to keep, such as ``stimulus``. The default is all.
    engine : Engine, optional
        The default is the engine and time grid of the network's ``training``.
    disturbance : tuple of str and float, optional
        Name of a study and its level, such as ``("lesion-neurons", 0.5)``.
    seed : int
        Seed of the disturbance. It has no effect without a disturbance.
    record : sequence of Recorded
        Neurons whose potentials are recorded. Ignored with an `engine`, which defines its recorded neurons.
    workers : int, str or Distribution, optional
        Number of processes that share the presentations, or the address of a Dask scheduler. The default is this
        process. A program needs the guard ``if __name__ == "__main__":`` around the call.
    progress : callable
        Called with (done, total).

    Returns
    -------
    Spikes
        A mapping from population name to latencies (ms) of shape (presentations, \\*population).

    Raises
    ------
    DataError
        If an index has no stimulus, or there are no stimuli.
    SpecificationError
        If a population, study or neuron does not exist, the level is out of bounds, or `seed` has no effect.
    RunError
        If no `engine` is given for a model that was trained with an engine object.

    Examples
    --------
    >>> import netsim
    >>> spikes = netsim.present("digits", index=[0, 7])
    >>> spikes["output"].shape
    (2, 10)
    """
    model = open_model(model)
    network = model.network
    names = list(network.shapes) if populations is None else names_in(populations, "populations")
    require(bool(names), "populations", "is empty; name one at least, or leave it out for all")
    for name in names:
        network.position(name)
    stimuli = stimuli_for(model, stimuli)
    indices, seed = _chosen(index, limit, len(stimuli)), whole(seed, "seed", least=0)
    require(disturbance is not None or seed == 0, "seed", "has no effect without a disturbance; leave it out")
    shown = stimuli.pick(indices)
    simulator = model.make_engine(record) if engine is None else engine
    batch = as_they_are(model.weights)
    if disturbance is not None:
        pair = isinstance(disturbance, tuple) and len(disturbance) == 2 and isinstance(disturbance[0], str)
        example = f'must be a study and a level, such as ("lesion-neurons", 0.5), not {disturbance!r}'
        require(pair and finite(disturbance[1]), "disturbance", example)
        study, level = disturbance
        batch = studies.require(study).batches(network, model.weights, level, seed)
    kept = [name for name in network.shapes if name in names]
    with distribution_of(workers) as distribution:
        read = partial(_columns, {name: network.firing_window(name) for name in kept})
        parts = present_parts(simulator, shown, batch, read, progress, distribution, BATCH if disturbance else None)
    layers = [joined(len(shown), ((first, columns[name]) for first, columns, _ in parts)) for name in kept]
    labels = None if (shown.labels == UNLABELLED).any() else shown.labels
    return Spikes.of_layers(
        layers,
        labels,
        indices,
        shown.classes,
        network.shapes,
        model=model,
        conditions=Conditions(repr(simulator), simulator.dt, disturbance, seed, solves_equation(simulator)),
        potentials=[potential for _, _, potentials in parts for potential in potentials],
    )


def _chosen(index: Sequence[int] | None, limit: int | None, count: int) -> np.ndarray:
    """Return the indices of the stimuli to present, from 0 to `count` - 1."""
    limit = limit_in(limit)
    if index is None:
        return np.arange(count if limit is None else min(limit, count))
    if limit is not None:
        raise SpecificationError("limit", "cannot be combined with index; leave one out")
    need = "index: must be a sequence of integers, such as np.flatnonzero(mask)"
    try:
        given = list(index)
        if any(isinstance(number, bool) for number in given):
            raise DataError(need)
        chosen = [operator.index(number) for number in given]
    except TypeError as error:
        raise DataError(need) from error
    if not chosen:
        raise DataError("index: is empty; choose at least one stimulus")
    if not 0 <= min(chosen) <= max(chosen) < count:
        wrong = next(number for number in chosen if not 0 <= number < count)
        raise DataError(f"index: contains {wrong}; there are stimuli 0 to {count - 1}")
    return np.array(chosen)


def _columns(
    windows: Mapping[str, tuple[float, float]], engine: Engine, presented: Presented
) -> tuple[int, dict[str, LayerSpikes], list[Potential]]:
    """Return the spikes of some populations as columns, and the recorded potentials."""
    first, latencies = presented.first, presented.latencies
    columns = {
        # a grid or a disturbance may move spikes out of the window
        name: replace(LayerSpikes.of_latencies(name, latencies[name]), window=window, observed=False)
        for name, window in windows.items()
    }
    potentials = [each._replace(presentation=each.presentation + first) for each in engine.potentials]
    return first, columns, potentials
