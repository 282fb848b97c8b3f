"""The training loop, a generator that presents batches, applies learning steps and stores the best weights."""

import math
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netsim.data.augmentation import augment, jitter
from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, Conversation, Latencies
from netsim.errors import DataError, SpecificationError, TrainingError, nearest
from netsim.learning import BatchGradients, Constraint, Learner, Optimizer, Targets
from netsim.learning.constraints import constraints_of
from netsim.learning.elementwise import update_ema
from netsim.learning.gradients import arrays_of
from netsim.measuring.health import BatchHealth
from netsim.measuring.metrics import decide
from netsim.numerics.clock import working_time
from netsim.numerics.draws import Purpose, generator_for
from netsim.reprs import short_repr
from netsim.runs.folder import RunFolder
from netsim.seams import learners, optimizers, schedules
from netsim.specification import Network
from netsim.specification.checks import check_size, require
from netsim.spikes.batches import BATCH, Presented, as_they_are, in_parts, presenting
from netsim.training import checkpoint
from netsim.training.checkpoint import (
    EpochFigures,
    EpochTotals,
    TrainingState,
    ValidationFigures,
    epoch_score,
    is_validated,
    write_checkpoint,
    write_epochs,
)
from netsim.training.fitting import STIMULI, Fitted, fit
from netsim.training.pretraining import Pretrained, load_pretrained
from netsim.training.watching import Watch
from netsim.weights.binary import forward_weights, kept_weights, log_scale_gradients, log_scales, with_log_scales
from netsim.weights.delays import delay_rates
from netsim.weights.incoming import Incoming
from netsim.weights.initial import draw, initial_weights
from netsim.weights.layout import Weights, all_finite, bias_name, kernel_name, log_scale_name

CHECKPOINT_SECONDS = 60.0
"""Longest time between checkpoints (s). Each epoch also ends with a checkpoint."""
_NOTHING_BETTER = "has no validation stimuli to go by; set training.validation above 0, or train without it"


@dataclass(frozen=True)
class Progress:
    """Report of a training after each batch: means over the current epoch.

    `epoch` counts from 0. `presentations` of the `expected` presentations of the epoch are done.

    Attributes
    ----------
    silent, onset, late : dict of float
        Mean fractions of neurons by population that are silent, fire at the onset of a window that starts after 0 ms,
        or fire too late to affect any target.
    tie_rate : float
        Fraction of presentations with several first output spikes.

    Examples
    --------
    >>> import netsim
    >>> progress = netsim.Progress(0, 500, 1000, loss=0.7, accuracy=0.8, silent={"hidden": 0.25})
    >>> f"{progress.presentations / progress.expected:.0%} of epoch {progress.epoch + 1}"
    '50% of epoch 1'
    """

    __repr__ = short_repr

    epoch: int
    presentations: int
    expected: int
    loss: float
    accuracy: float
    silent: dict[str, float]
    onset: dict[str, float] = field(default_factory=dict)
    late: dict[str, float] = field(default_factory=dict)
    tie_rate: float = 0.0


@dataclass(frozen=True)
class Callbacks:
    """Functions that a training calls. By default it only issues warnings.

    Parameters
    ----------
    on_batch : callable
        Called with a `Progress`.
    on_epoch : callable
        Called with the metrics of a finished epoch.
    on_warning : callable
        Called with one line about a problem. The default issues a Python warning.
    stop : callable
        Called with the metrics of all epochs, after each epoch and when a training resumes. The training ends if it
        returns True. Use `EarlyStopping` or your own function.

    Examples
    --------
    >>> import netsim
    >>> losses = []
    >>> callbacks = netsim.Callbacks(on_epoch=lambda metrics: losses.append(metrics["validation_loss"]))
    >>> callbacks.on_epoch({"validation_loss": 0.5})
    >>> losses
    [0.5]
    """

    __repr__ = short_repr

    on_batch: Callable[[Progress], None] = lambda progress: None
    on_epoch: Callable[[dict[str, Any]], None] = lambda metrics: None
    on_warning: Callable[[str], None] = warnings.warn
    stop: Callable[[Sequence[Mapping[str, Any]]], bool] = lambda history: False


@dataclass(frozen=True)
class EarlyStopping:
    """Stop a training after `patience` consecutive epochs without better validation.

    The criterion is the same as for the stored weights: strict validation accuracy, then loss. Without validation
    stimuli there is no criterion, and a training raises a `SpecificationError`.

    Parameters
    ----------
    patience : int

    Examples
    --------
    >>> import netsim
    >>> callbacks = netsim.Callbacks(stop=netsim.EarlyStopping(patience=5))
    >>> epochs = [{"validation_strict_accuracy": share, "validation_loss": 1.0} for share in (0.5, 0.8, 0.7, 0.8)]
    >>> netsim.EarlyStopping(2)(epochs), netsim.EarlyStopping(3)(epochs)
    (True, False)
    """

    patience: int

    def __post_init__(self) -> None:
        check_size(self.patience, "patience")

    def __call__(self, history: Sequence[Mapping[str, Any]]) -> bool:
        """Return whether the best epoch is at least `patience` epochs ago."""
        require(all(map(is_validated, history)), "EarlyStopping", _NOTHING_BETTER)
        scores = [epoch_score(metrics) for metrics in history]
        return bool(scores) and len(scores) - 1 - scores.index(max(scores)) >= self.patience


def start_training(
    network: Network, seed: int, optimizer: Optimizer | None = None, pretrained: Pretrained | None = None
) -> TrainingState:
    """Return the state before the first batch. Equal seeds produce bit-identical trainings.

    Parameters
    ----------
    network : Network
    seed : int
        Seed of the initial weights.
    optimizer : Optimizer, optional
        The default is the optimizer of the network's settings.
    pretrained : Pretrained, optional
        The default is the pretrained weights of the network's settings, if any.

    Returns
    -------
    TrainingState

    Raises
    ------
    SpecificationError, RunError, DataError
        If the pretrained weights cannot be loaded or do not fit.

    Examples
    --------
    >>> import netsim
    >>> state = netsim.start_training(netsim.load_preset("digits"), seed=3)
    >>> state.weights["hidden.kernel"].shape
    (64, 200)
    """
    pretrained = pretrained or load_pretrained(network)
    first = initial_weights(network, seed) if pretrained is None else pretrained.weights
    dtype = np.float32 if network.training.precision == "single" else np.float64
    weights = with_log_scales(network, {name: np.array(array, dtype) for name, array in first.items()})
    mean = {name: array.copy() for name, array in weights.items()} if network.learning.averaging else None
    optimizer = optimizer or optimizers[network.learning.optimizer].from_network(network)
    optimizer.begin(weights)
    to_fit = pretrained is None and network.learning.fitted and not network.weighting.is_binary
    return TrainingState(weights, optimizer, mean, to_fit=to_fit)


def resume_training(
    network: Network,
    run: RunFolder,
    seed: int,
    warn: Callable[[str], None] = warnings.warn,
    optimizer: Optimizer | None = None,
    pretrained: Pretrained | None = None,
) -> TrainingState:
    """Return the state of a run (see `resume_state`), or a new state without a checkpoint."""
    return checkpoint.resume_state(network, run, warn, optimizer) or start_training(
        network, seed, optimizer, pretrained
    )


def training_conversation(
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
    by_equation: bool = True,
) -> Conversation[TrainingState]:
    """Return a generator that trains a network. Pass it to the ``run`` method of an engine.

    Parameters
    ----------
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
        Constraints on the weights, enforced after every step in this order. The default is
        `netsim.learning.constraints.constraints_of` of the network.
    targets : Targets, optional
        Targets of the output neurons, for the learner of the settings. A `learner` has its own targets.
    by_equation : bool
        Whether the engine solves the equation of the specification, as the engines of netsim do. Otherwise learning
        rates are fitted to measured shifts of first spikes.

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
    >>> state = engine.run(netsim.training_conversation(network, stimuli, stimuli, state, seed=0, callbacks=stop))
    >>> state.epoch, sorted(state.best_weights)
    (1, ['hidden.bias', 'hidden.kernel', 'output.bias', 'output.kernel'])
    """
    callbacks = callbacks or Callbacks()
    if not len(training):
        raise DataError("training: has no stimuli; give at least one")
    if not len(validation) and network.training.validation:
        raise DataError("validation: has no stimuli; give at least one, or set training.validation to 0")
    for stimuli in (training, validation):
        stimuli.check_labels(network.outputs)
    stops_early = isinstance(callbacks.stop, EarlyStopping)
    require(len(validation) > 0 or not stops_early, "EarlyStopping", _NOTHING_BETTER)
    mixed = "epochs with validation stimuli and without cannot be compared; continue as the training started"
    require(all(is_validated(row) == (len(validation) > 0) for row in state.history), "validation", mixed)
    if not state.history and not state.batch:  # a started training continues unchanged
        check_settings(network, learner)
    learner = chosen_learner(network, learner, targets)
    constraints = constraints_of(network) if constraints is None else constraints
    if state.to_fit:
        yield from fit_state(network, constraints, training, state, seed, by_equation)
    session = _Session(network, learner, constraints, training, state, seed, run, callbacks, checkpoint_seconds)
    while state.epoch < network.training.epochs and not (state.history and callbacks.stop(state.history)):
        yield from session.learn()
        kept = kept_weights(network, state.current)
        figures: dict[str, float] = {}
        if len(validation):
            figures = (yield from _validate(network, learner, kept, validation))._asdict()
            if not math.isfinite(figures["validation_loss"]):
                raise session.diverged("the validation loss is not finite", network.output.name)
        metrics = _epoch_metrics(state, session.rate(), figures)
        state.history.append(metrics)
        session.watch.epoch(state.history)
        if epoch_score(metrics) > state.best:
            state.best = epoch_score(metrics)
            state.best_weights = {name: array.copy() for name, array in kept.items()}
        _revive(network, state, seed)
        state.epoch, state.batch, state.totals = state.epoch + 1, 0, EpochTotals()
        if run is not None:
            write_checkpoint(state, run)
            write_epochs(state, run)
        callbacks.on_epoch(state.history[-1])
    return state


def fit_state(
    network: Network,
    constraints: Sequence[Constraint],
    training: Stimuli,
    state: TrainingState,
    seed: int,
    by_equation: bool = True,
) -> Conversation[Fitted]:
    """Fit drawn weights and learning rates to the network with some training stimuli."""
    some = np.sort(generator_for(Purpose.FITTING, seed).permutation(len(training))[:STIMULI])
    stimuli = training.pick(some)
    fitted = yield from fit(network, state.weights, stimuli.latencies(np.arange(len(stimuli))), by_equation)
    fitted.apply(state.weights)
    for constraint in constraints:
        constraint.enforce(state.weights)
    state.optimizer.begin(state.weights)
    if state.mean is not None:
        state.mean = {name: array.copy() for name, array in state.weights.items()}
    biases = {name: float(bias.mean()) for name, bias in fitted.biases.items()}
    state.fitted = {"scales": fitted.scales, "rates": fitted.rates, "biases": biases}
    state.to_fit = False
    return fitted


def check_settings(network: Network, learner: Learner | None) -> None:
    """Refuse a training that cannot learn, before it starts.

    Examples are a network without parameters that netsim's learner changes, and augmentation that erases stimuli or
    does not apply to them. A custom `learner` may change any parameter.
    """
    training, (height, width, _) = network.training, network.encoder.shape
    for name in ("flips", "shift", "occlusion") if network.encoder.samples == "tables" else ():
        none = "has no meaning for rows of a table, whose columns are no places of an image; remove it"
        require(not getattr(training, name), f"training.{name}", none)
    largest, pixels = min(height, width) - 1, f"all {height} x {width} pixels"
    far = f"of {training.shift} moves {pixels} out of sight; {f'take at most {largest}' if largest else 'remove it'}"
    require(training.shift <= largest, "training.shift", far)
    covers = training.occlusion >= 2 * max(height, width) - 1
    whole = f"of {training.occlusion} covers {pixels} wherever it is; take less"
    require(not (training.occlusion and covers), "training.occlusion", whole)
    if learner is None and learners.is_own(network.learning.learner):
        plastic = any(projection.plastic for projection in network.weighted) or any(
            projection.learns_delays for projection in network.projections
        )
        biased = any(population.has_bias for population in network.populations)
        nothing = "are all static, no delay is learned and there is no bias, so that nothing is to be learned"
        require(plastic or biased, "projections", f"{nothing}; remove a plastic = false")


def chosen_learner(network: Network, learner: Learner | None, targets: Targets | None) -> Learner:
    """Return a given learner, or the learner of the settings with optional targets."""
    if learner is not None and targets is not None:
        raise SpecificationError("targets", "belong to the learner, which is handed in too; make it with them")
    entry = learners[network.learning.learner]
    if targets is not None:
        return entry.with_targets(network, targets)
    return learner or entry.from_network(network)


@dataclass
class _Session:
    """State of one training."""

    network: Network
    learner: Learner
    constraints: Sequence[Constraint]
    stimuli: Stimuli
    state: TrainingState
    seed: int
    run: RunFolder | None
    callbacks: Callbacks
    checkpoint_seconds: float
    watch: Watch = field(init=False)
    _saved: float = 0.0
    _began: float = 0.0
    _forward: Weights = field(default_factory=dict)

    def __post_init__(self) -> None:
        begins = not self.state.epoch and not self.state.batch
        how = f"netsim check {self.run.network_file}" if self.run else "netsim.check(network)"
        self.watch = Watch(self.network, self.callbacks.on_warning, begins, how)

    def steps(self, epochs: int) -> int:
        """Return the number of steps in `epochs` epochs."""
        return epochs * math.ceil(len(self.stimuli) / self.network.training.batch)

    def rate(self) -> float:
        """Return the learning rate of the next step."""
        settings = self.network.learning
        done = self.steps(self.state.epoch) + self.state.batch
        share = schedules[settings.schedule](done / self.steps(self.network.training.epochs))
        return settings.rate * float(share)

    def learn(self) -> Conversation[None]:
        """Present the rest of the epoch and learn from it."""
        size = self.network.training.batch
        order = order_of_presentations(self.seed, self.state.epoch, len(self.stimuli))
        self._saved = time.monotonic()
        left = range(self.state.batch * size, len(order), size)
        yield from presenting((self.stimuli.pick(order[k : k + size]) for k in left), self._batch, self._learn)

    def _batch(self, stimuli: Stimuli, first: int) -> Batch:
        """Augment stimuli and draw the dropout of the batch."""
        self._began = working_time()
        network, state, settings = self.network, self.state, self.network.training
        generator = generator_of_batch(self.seed, state.epoch, state.batch)
        latencies = network.encoder.change_coded(
            stimuli.latencies(np.arange(len(stimuli))),
            lambda coded: augment(coded, generator, settings.flips, settings.shift, settings.occlusion),
        )
        latencies = jitter(latencies, generator, settings.jitter, network.duration)
        masks = dropout_masks(network, len(stimuli), generator)
        self._forward = forward_weights(network, state.weights)
        return Batch(latencies, _scaled(self._forward, dropout_factors(network)), masks)

    def _learn(self, presented: Presented) -> None:
        """Learn from a batch, and report it."""
        network, state, batch, latencies = self.network, self.state, presented.batch, presented.latencies
        labels = presented.stimuli.labels
        health = self.watch.batch(latencies, batch.weights)
        learned = self.learner.learn(latencies, labels, batch.weights, batch.delays)
        _check_learned(learned, batch.weights, type(self.learner).__name__)
        factors_by_name = ((name, each) for name, array in learned.gradients.items() for each in arrays_of(array))
        self._check_finite("a weight step is not finite", factors_by_name)
        self._check_finite("the loss is not finite", [(network.output.name, learned.loss)])
        gradients = _scaled(learned.gradients, dropout_factors(network))
        self._step(gradients, log_scale_gradients(network, self._forward, gradients))
        state.batch += 1
        _accumulate(network, state.totals, latencies, labels, learned.loss, health)
        state.totals.seconds += working_time() - self._began
        self.callbacks.on_batch(_progress(state, len(self.stimuli)))
        if self.run is not None and time.monotonic() - self._saved >= self.checkpoint_seconds:
            write_checkpoint(state, self.run)
            self._saved = time.monotonic()

    def _step(self, gradients: Weights, of_scales: Weights) -> None:
        """Move the weights and the logarithms of their scales, and the mean of both."""
        network, state = self.network, self.state
        with np.errstate(over="ignore", invalid="ignore"):  # checked below
            rates = dict.fromkeys(of_scales, network.weighting.scale_rate) | delay_rates(network)
            if getattr(state.optimizer, "normalises", False):
                rates |= state.fitted.get("rates", {})
            state.optimizer.step(state.weights, gradients | of_scales, self.rate(), rates)
            for constraint in self.constraints:
                constraint.enforce(state.weights)
            if state.mean is not None:
                steps = self.steps(state.epoch) + state.batch + 1
                update_ema(state.mean, state.weights, share_kept(network.learning.averaging, steps))
            scales = [(name, np.exp(state.weights[name])) for name in of_scales]
        self._check_finite("its weights are not finite", state.weights.items())
        self._check_finite("the scales of its weights are not finite", scales)
        self._check_finite("the mean of its weights is not finite", (state.mean or {}).items())
        moments = ((name.partition(".")[2], array) for name, array in state.optimizer.state.items())
        self._check_finite("the optimizer's moments are not finite", moments)

    def _check_finite(self, what: str, arrays: Iterable[tuple[str, np.ndarray]]) -> None:
        for name, array in arrays:
            if not all_finite(array):
                raise self.diverged(what, name.partition(".")[0])

    def diverged(self, what: str, layer: str) -> TrainingError:
        """Return the error that names the layer in which a training diverged."""
        run, state, rate = self.run, self.state, self.network.learning.rate
        kept = f" (the last good checkpoint is kept in {run.path})" if run and run.checkpoint.exists() else ""
        return TrainingError(
            f"training diverged in {layer} at epoch {state.epoch + 1}, batch {state.batch + 1}: {what}; lower"
            f" learning.rate (now {rate:g}) and start again{kept}"
        )


def order_of_presentations(seed: int, epoch: int, count: int) -> np.ndarray:
    """Return the order of `count` stimuli in an epoch."""
    return generator_for(Purpose.ORDER, seed, epoch).permutation(count)


def generator_of_batch(seed: int, epoch: int, batch: int) -> np.random.Generator:
    """Return the generator for augmentation, jitter and dropout of a batch, in this order."""
    return generator_for(Purpose.VARIATION, seed, epoch, batch)


def share_kept(averaging: float, steps: int) -> float:
    """Return the share of an EMA that the next step keeps. It starts low, which forgets the initial weights."""
    return min(averaging, (1 + steps) / (10 + steps))


def dropout_factors(network: Network) -> dict[str, float]:
    """Return factors of kernels that compensate dropout of their sources, so that the mean current stays."""
    factors = {}
    for population in network.populations:
        for projection in network.outgoing(population.name) if population.dropout else ():
            if network.population(projection.target).integrates:
                factors[kernel_name(projection)] = 1.0 / (1.0 - population.dropout)
    return factors


def dropout_masks(network: Network, presentations: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw the neurons that dropout silences in each presentation, by population."""
    return {
        population.name: generator.random((presentations, *population.shape), dtype=np.float32) < population.dropout
        for population in network.populations
        if population.dropout
    }


def _check_learned(learned: Any, weights: Weights, learner: str) -> None:
    """Refuse results of a learner that are not gradients of the forward weights."""
    where = f"learner {learner}"
    if not isinstance(learned, BatchGradients):
        raise SpecificationError(where, f"must return netsim.learning.BatchGradients, not {type(learned).__name__}")
    for name, gradient in learned.gradients.items():
        if name not in weights:
            raise SpecificationError(where, f"gives a gradient of {name!r}, which is no weight{nearest(name, weights)}")
        given, needed = np.shape(gradient), weights[name].shape
        if given != needed:
            raise SpecificationError(where, f"gives a gradient of {name} of shape {given}; it must be {needed}")


def _scaled(arrays: Weights, factors: Mapping[str, float]) -> Weights:
    return arrays | {
        name: arrays[name] * arrays[name].dtype.type(factors[name]) for name in factors.keys() & arrays.keys()
    }


def _accumulate(
    network: Network,
    totals: EpochTotals,
    latencies: Latencies,
    labels: np.ndarray,
    loss: np.ndarray,
    health: BatchHealth,
) -> None:
    """Add a batch to the sums of the epoch."""
    count = len(labels)
    totals.presentations += count
    totals.loss += float(loss.sum())
    totals.correct += int(health.decisions.strictly_correct(labels).sum())
    totals.tied += int(health.decisions.tied.sum())
    totals.watched += count
    for sums, shares in ((totals.silent, health.silent), (totals.onset, health.onset), (totals.late, health.late)):
        for name, share in shares.items():
            sums[name] = sums.get(name, 0.0) + share * count
    if network.learning.revive_below:
        for population in network.populations:
            times = latencies[population.name]
            fired = np.isfinite(times.reshape(count, -1, times.shape[-1])).any(axis=1).sum(axis=0)
            totals.fired[population.name] = totals.fired.get(population.name, np.zeros_like(fired)) + fired


def _progress(state: TrainingState, expected: int) -> Progress:
    totals = state.totals
    watched = max(totals.watched, 1)
    return Progress(
        epoch=state.epoch,
        presentations=totals.presentations,
        expected=expected,
        loss=totals.loss / totals.presentations,
        accuracy=totals.correct / totals.presentations,
        silent={name: total / totals.presentations for name, total in totals.silent.items()},
        onset={name: total / watched for name, total in totals.onset.items()},
        late={name: total / watched for name, total in totals.late.items()},
        tie_rate=totals.tied / watched,
    )


def _validate(
    network: Network, learner: Learner, weights: Weights, stimuli: Stimuli
) -> Conversation[ValidationFigures]:
    """Present the validation stimuli with the given weights, and return their figures."""
    began, output = working_time(), network.output.name

    def read(presented: Presented) -> list[float]:
        outputs, labels = presented.latencies[output], presented.stimuli.labels
        decisions, loss = decide(outputs), learner.loss(outputs, labels)
        right, strictly_right = decisions.correct(labels), decisions.strictly_correct(labels)
        return [float(values.sum()) for values in (loss, right, strictly_right, decisions.tied)]

    batch = as_they_are(forward_weights(network, weights))
    totals = np.zeros(4)
    for sums in (yield from presenting(in_parts(stimuli, BATCH), batch, read)):
        totals += sums
    loss, accuracy, strict_accuracy, tie_rate = (totals / len(stimuli)).tolist()
    return ValidationFigures(loss, accuracy, strict_accuracy, tie_rate, working_time() - began)


def _epoch_metrics(state: TrainingState, rate: float, validation: dict[str, float]) -> dict[str, Any]:
    """Return the row of metrics.csv for the finished epoch."""
    progress = _progress(state, state.totals.presentations)
    metrics = EpochFigures(
        epoch=state.epoch + 1,
        rate=rate,
        training_loss=progress.loss,
        training_strict_accuracy=progress.accuracy,
        training_seconds=state.totals.seconds,
    )
    shares = {"silent": progress.silent, "onset": progress.onset, "late": progress.late}
    row = metrics._asdict() | {"training_tie_rate": progress.tie_rate} | validation
    row |= {f"{what}_{name}": share for what, by_name in shares.items() for name, share in by_name.items()}
    # a run that an earlier version started keeps its columns
    return {name: row[name] for name in state.history[0]} if state.history else row


def _revive(network: Network, state: TrainingState, seed: int) -> None:
    """Redraw the incoming weights of maps and dense neurons that hardly fired in this epoch, and reset biases."""
    threshold = network.learning.revive_below * state.totals.presentations
    generator = generator_for(Purpose.REVIVAL, seed, state.epoch)
    for population in network.integrating[:-1]:
        name = population.name
        incoming = network.incoming(name)
        if name not in state.totals.fired or not all(projection.plastic for projection in incoming):
            continue
        silent = np.flatnonzero(state.totals.fired[name] < threshold)
        redrawn: list[tuple[str, Any]] = []  # name and indices of the redrawn values
        for projection in incoming:
            kernel, incoming_weights = state.weights[kernel_name(projection)], Incoming(network, projection)
            receivers = incoming_weights.in_maps(silent)
            chosen_weights = incoming_weights.of(receivers)
            scale = state.fitted.get("scales", {}).get(kernel_name(projection), 1.0)
            kernel[chosen_weights] = draw(network, projection, generator, chosen_weights) * scale
            redrawn.append((kernel_name(projection), chosen_weights))
            if log_scale_name(projection) in state.weights and not network.weighting.shares_scale:
                scales = log_scales(network, projection, kernel)[receivers]
                state.weights[log_scale_name(projection)][receivers] = scales
                redrawn.append((log_scale_name(projection), receivers))
        if population.has_bias:
            biases = state.fitted.get("biases", {})
            bias = biases.get(bias_name(population), network.initial_bias(population))
            state.weights[bias_name(population)][silent] = bias
            redrawn.append((bias_name(population), silent))
        if state.mean is not None:
            for array, where in redrawn:
                state.mean[array][where] = state.weights[array][where]
