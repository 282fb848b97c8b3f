"""The check before a training, which presents training stimuli to the initial weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from netsim.data.source import OnProgress, ignore_progress
from netsim.data.stimuli import Stimuli, load_splits
from netsim.engines import Engine
from netsim.errors import warn_user
from netsim.learning.constraints import constraints_of
from netsim.measuring.checking import Check, check_latencies
from netsim.presenting.batches import as_they_are, present_parts
from netsim.runs.model import Model, Subject, load_model, stimuli_for
from netsim.runs.names import find_run, load_network
from netsim.specification import InitialWeights, Network
from netsim.specification.checks import whole
from netsim.spikes import Progress, no_progress
from netsim.training.checkpoint import TrainingState
from netsim.training.fitting import proposed
from netsim.training.starting import fit_state, start_training
from netsim.weights.binary import forward_weights
from netsim.weights.initial import first_weights
from netsim.weights.layout import Weights

_PART = 50


def check(
    model: Subject,
    stimuli: Stimuli | None = None,
    *,
    limit: int = 100,
    engine: Engine | None = None,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Check:
    """Check before a training whether and when the neurons of a network fire.

    Training stimuli are presented to the initial weights of a preset or file, or to the weights of a run.

    Parameters
    ----------
    model : Model, Network, str or Path
        A preset, a TOML file or a `Network` is checked with its initial weights. A run folder or a `Model` is checked
        with its own weights.
    stimuli : Stimuli, optional
        The default is the training stimuli of the network's data set.
    limit : int
        Number of stimuli to present, from the first. Fitting of initial weights uses 100 of all stimuli, as before a
        training.
    engine : Engine, optional
        The default is the engine and time grid of the network's ``training``.
    seed : int
        Seed of the initial weights.
    progress : callable
        Called with (done, total).

    Returns
    -------
    Check
        Its `advice` lists problems and remedies, one line each. Its `table` has one row per population.

    Raises
    ------
    DataError
        If there are no stimuli.
    SpecificationError, RunError
        If the network does not exist.

    Examples
    --------
    An unreachable threshold:

    >>> import netsim
    >>> neurons = netsim.Neurons(threshold=1000.0)
    >>> initial = netsim.InitialWeights(spread=1.0)
    >>> hidden = netsim.Layer("hidden", netsim.Dense(20), neurons, initial=initial)
    >>> layers = [hidden, netsim.Layer("output", netsim.Dense(10))]
    >>> training = netsim.Training("digits", validation=100)
    >>> encoder = netsim.IntensityEncoder((8, 8, 1), t_max=16.0)
    >>> network = netsim.Network.chain("mine", encoder, layers, duration=64.0, training=training)
    >>> netsim.check(network).advice[0].partition(";")[0]
    'hidden: no neuron fires'
    """
    limit = whole(limit, "limit", least=1)
    known, state = _begun(model, seed)
    stimuli = stimuli_for(known, training_stimuli(known) if stimuli is None else stimuli)
    engine = engine or known.make_engine()
    known, initial = (known, {}) if state is None else _fitted(known, state, stimuli, engine, seed)
    stimuli = stimuli.first(limit)
    parts = present_parts(
        engine, stimuli, as_they_are(known.weights), lambda _, presented: presented.latencies, progress, size=_PART
    )
    latencies = {name: np.concatenate([part[name] for part in parts]) for name in known.network.shapes}
    return replace(check_latencies(known.network, known.weights, latencies, engine.dt), proposed=initial)


def training_stimuli(
    model: Model,
    data_dir: str | None = None,
    on_progress: OnProgress = ignore_progress,
    on_warning: Callable[[str], None] = warn_user,
) -> Stimuli:
    """Return the training stimuli of a model. Before a training, refuse what the training will refuse."""
    if model.origin == "initial":
        return load_splits(model.network, None, data_dir, on_progress, as_needed=True).training
    return model.splits(None, data_dir, on_progress, on_warning, as_needed=True).training


def weights_before_learning(model: Model, seed: int) -> Weights | None:
    """Return the forward weights with which the training of a model began, including their fit to training stimuli.

    The seed is for presets, because runs record theirs. None if the model is untrained, trained elsewhere, or began
    with weights of another network.
    """
    network, record = model.network, model.run.record() if model.run else {}
    if model.origin in ("initial", "imported", "given") or network.training.pretrained:
        return None
    seed = record.get("seed", seed)
    state = start_training(network, seed)
    if not state.to_fit:
        return first_weights(network, seed)
    stimuli = model.splits().training.first(record.get("limit"))
    return _fitted(model, state, stimuli, model.make_engine(), seed)[0].weights


def _fitted(
    known: Model, state: TrainingState, stimuli: Stimuli, engine: Engine, seed: int
) -> tuple[Model, dict[str, InitialWeights]]:
    """Return a model with fitted initial weights, as in a training, and their distributions for a specification."""
    network = known.network
    if not state.to_fit:
        return known, {}
    fitted = fit_state(engine, network, constraints_of(network), stimuli, state, seed)
    return replace(known, weights=forward_weights(network, state.weights)), proposed(network, fitted)


def _begun(model: Subject, seed: int) -> tuple[Model, TrainingState | None]:
    """Return a model with the initial weights of a training, and its state. Known weights have no such state."""
    if isinstance(model, Model):
        return model, None
    if isinstance(model, str | Path) and find_run(str(model)) is not None:
        return load_model(model, seed), None
    network = model if isinstance(model, Network) else load_network(str(model))
    state = start_training(network, seed)
    return Model(network, forward_weights(network, state.weights), "initial"), state
