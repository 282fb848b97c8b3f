"""The loop of a training: present a batch, learn from its spikes, write the weights back."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from netsim.data.stimuli import Stimuli
from netsim.engines import Engine
from netsim.errors import FormerWarning, warn_user
from netsim.learning import Constraint, Learner, Targets
from netsim.runs.folder import RunFolder
from netsim.specification import Network
from netsim.training.callbacks import Callbacks
from netsim.training.checkpoint import TrainingState
from netsim.training.session import Session

CHECKPOINT_SECONDS = 60.0
"""Longest time between checkpoints (s). Each epoch also ends with a checkpoint."""


def run_training(
    engine: Engine,
    network: Network,
    training: Stimuli,
    validation: Stimuli,
    state: TrainingState,
    seed: int,
    run: RunFolder | None = None,
    callbacks: Callbacks | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    learner: Learner | None = None,
    constraints: Sequence[Constraint] | None = None,
    targets: Targets | None = None,
) -> TrainingState:
    """Train a network on an engine, from a state to the last epoch.

    Parameters
    ----------
    engine : Engine
        Presents the stimuli. If it does not solve the equation of the specification, learning rates are fitted to
        measured shifts of first spikes.
    network : Network
    training, validation : Stimuli
        Training keeps the weights of the epoch with the best validation. If ``training.validation`` is 0, `validation`
        may be empty. Training then keeps the weights of the last epoch.
    state : TrainingState
        Position to continue from, with the optimizer. It is changed in place.
    seed : int
    run : RunFolder, optional
        Folder for checkpoints, metrics and the best weights.
    callbacks : Callbacks, optional
    checkpoint_seconds : float
        Longest time between checkpoints within an epoch (s). 0 writes a checkpoint after every batch.
    learner : Learner, optional
        The default is the learner of the network's settings.
    constraints : sequence of Constraint, optional
        Further constraints on the weights. After every step, those of the network are enforced first
        (`netsim.learning.constraints.constraints_of`), then these in this order.
    targets : Targets, optional
        Targets of the output neurons, for the learner of the settings. A `learner` has its own targets.

    Returns
    -------
    TrainingState

    Raises
    ------
    DataError
        If there are no stimuli, or one has no label.
    TrainingError
        If a loss, a weight step or a weight is not finite. Values that are not finite are never written.
    SpecificationError
        If `targets` are given with `learner`, or the learner of the settings uses no targets. If `EarlyStopping` has no
        criterion, or only some epochs would be validated.

    Examples
    --------
    The shortest training on a custom engine, without files.

    >>> import netsim
    >>> network = netsim.load_preset("digits")
    >>> stimuli = netsim.load_splits(network).training.first(20)
    >>> state = netsim.start_training(network, seed=0)
    >>> engine = netsim.make_engine("event", network)
    >>> stop = netsim.Callbacks(stop=lambda history: True)
    >>> state = netsim.run_training(engine, network, stimuli, stimuli, state, seed=0, callbacks=stop)
    >>> state.epoch, sorted(state.best_weights)
    (1, ['hidden.bias', 'hidden.kernel', 'output.bias', 'output.kernel'])
    """
    session = Session.of(
        *(engine, network, training, validation, state, seed, run, callbacks or Callbacks(), checkpoint_seconds),
        *(learner, constraints or (), targets),
    )
    learner, optimizer = session.learner, state.optimizer
    while session.goes_on():
        for stimuli in session.batches():
            batch = session.vary(stimuli)
            spikes = engine.present(batch)
            session.before_learning(spikes, batch)
            learned = learner.learn(spikes, stimuli.labels, batch.weights, batch.delays)
            gradients = session.gradients_of(learned, batch)
            with np.errstate(over="ignore", invalid="ignore"):  # the session checks the weights
                optimizer.step(state.weights, gradients, session.rate(), session.rates())
            session.after_step(gradients)
            session.after_batch(spikes, stimuli.labels, learned.loss)
        session.after_epoch()
    return state


def training_conversation(*parts: Any, by_equation: bool = True, **more: Any) -> Callable[[Engine], TrainingState]:
    """Return a training that an engine's former method ``run`` starts.

    Deprecated since 0.4: call `netsim.run_training` with the engine. The engine decides what `by_equation` said.

    Parameters
    ----------
    *parts, **more
        Parameters of `netsim.run_training`, without the engine.
    by_equation : bool

    Returns
    -------
    callable
        Takes the engine, and returns the `TrainingState`.

    Examples
    --------
    >>> import netsim, warnings
    >>> with warnings.catch_warnings(record=True) as former:
    ...     training = netsim.training_conversation()
    >>> str(former[0].message)
    'training_conversation: is a former name; call netsim.run_training(engine, ...)'
    """
    warn_user("training_conversation: is a former name; call netsim.run_training(engine, ...)", FormerWarning)
    return lambda engine: run_training(engine, *parts, **more)
