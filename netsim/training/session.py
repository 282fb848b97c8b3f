"""What surrounds the loop of a training: stimuli, health, checkpoints, validation, best weights and revival."""

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from netsim.data.augmentation import augment, jitter
from netsim.data.stimuli import Stimuli
from netsim.engines import Batch, Engine, Latencies
from netsim.errors import DataError, SpecificationError, TrainingError, nearest
from netsim.learning import BatchGradients, Constraint, Learner, Targets
from netsim.learning.constraints import constraints_of
from netsim.learning.gradients import arrays_of, update_ema
from netsim.measuring.health import BatchHealth
from netsim.measuring.metrics import decide
from netsim.numerics.compiling import working_time
from netsim.numerics.draws import Purpose, generator_for
from netsim.presenting.batches import Presented, as_they_are, in_parts, present_each
from netsim.runs.folder import RunFolder
from netsim.seams import learners, schedules
from netsim.specification import Network
from netsim.specification.checks import require
from netsim.spikes.latencies import BATCH, check_latencies
from netsim.training.callbacks import NOTHING_BETTER, Callbacks, EarlyStopping, Progress
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
from netsim.training.starting import changed_at_once, check_settings, fit_state
from netsim.training.watching import Watch
from netsim.weights.binary import forward_weights, kept_weights, log_scale_gradients, log_scales
from netsim.weights.incoming import Incoming
from netsim.weights.initial import draw
from netsim.weights.layout import (
    Weights,
    all_finite,
    bias_name,
    delay_rates,
    kernel_name,
    log_scale_name,
    projections_with_learned_scales,
)


def revive(network: Network, constraints: Sequence[Constraint], state: TrainingState, seed: int) -> None:
    """Redraw the incoming weights of maps and dense neurons that hardly fired in this epoch, and reset biases."""
    threshold = network.learning.revive_below * state.totals.presentations
    generator = generator_for(Purpose.REVIVAL, seed, state.epoch)
    redrawn: list[tuple[str, Any]] = []  # name and indices of the redrawn values
    silent: dict[str, np.ndarray] = {}  # maps or neurons, by population
    for population in network.integrating[:-1]:
        name = population.name
        if name not in state.totals.fired or not all(projection.plastic for projection in network.incoming(name)):
            continue
        silent[name] = np.flatnonzero(state.totals.fired[name] < threshold)
        if population.has_bias and silent[name].size:
            biases = state.fitted.get("biases", {})
            bias = biases.get(bias_name(population), network.initial_bias(population))
            state.weights[bias_name(population)][silent[name]] = bias
            redrawn.append((bias_name(population), silent[name]))
    for projection in network.canonical:
        if projection.target not in silent or not silent[projection.target].size:
            continue
        kernel, incoming_weights = state.weights[kernel_name(projection)], Incoming(network, projection)
        receivers = incoming_weights.in_maps(silent[projection.target])
        chosen_weights = incoming_weights.of(receivers)
        scale = state.fitted.get("scales", {}).get(kernel_name(projection), 1.0)
        kernel[chosen_weights] = draw(network, projection, generator, chosen_weights) * scale
        redrawn.append((kernel_name(projection), chosen_weights))
        if log_scale_name(projection) in state.weights and not network.weighting.shares_scale:
            scales = log_scales(network, projection, kernel)[receivers]
            state.weights[log_scale_name(projection)][receivers] = scales
            redrawn.append((log_scale_name(projection), receivers))
    for constraint in constraints if redrawn else ():
        constraint.enforce(state.weights)
    if state.mean is not None:
        for array, where in redrawn:
            state.mean[array][where] = state.weights[array][where]


def chosen_learner(network: Network, learner: Learner | None, targets: Targets | None) -> Learner:
    """Return a given learner, or the learner of the settings with optional targets."""
    if learner is not None and targets is not None:
        raise SpecificationError("targets", "belong to the learner, which is handed in too; make it with them")
    entry = learners[network.learning.learner]
    if targets is not None:
        return entry.with_targets(network, targets)
    return learner or entry.from_network(network)


@dataclass
class Session:
    """State of one training, and what surrounds its loop: order, variation, health, checkpoints and validation."""

    engine: Engine
    network: Network
    learner: Learner
    constraints: Sequence[Constraint]
    stimuli: Stimuli
    validation: Stimuli
    state: TrainingState
    seed: int
    run: RunFolder | None
    callbacks: Callbacks
    checkpoint_seconds: float
    watch: Watch = field(init=False)
    _saved: float = 0.0
    _began: float = 0.0
    _forward: Weights = field(default_factory=dict)
    _health: BatchHealth = field(init=False)

    def __post_init__(self) -> None:
        begins = not self.state.epoch and not self.state.batch
        how = f"netsim check {self.run.network_file}" if self.run else "netsim.check(network)"
        self.watch = Watch(
            self.network, self.callbacks.on_warning, begins, how, getattr(self.learner, "supervised", True)
        )

    @classmethod
    def of(
        cls,
        engine: Engine,
        network: Network,
        training: Stimuli,
        validation: Stimuli,
        state: TrainingState,
        seed: int,
        run: RunFolder | None,
        callbacks: Callbacks,
        checkpoint_seconds: float,
        learner: Learner | None,
        constraints: Sequence[Constraint],
        targets: Targets | None,
    ) -> Self:
        """Check the parts of a training, fit its initial weights, and return its session. See `run_training`."""
        if not len(training):
            raise DataError("training: has no stimuli; give at least one")
        if not len(validation) and network.training.validation:
            raise DataError("validation: has no stimuli; give at least one, or set training.validation to 0")
        for stimuli in (training, validation):
            stimuli.check_labels(network.outputs)
        stops_early = isinstance(callbacks.stop, EarlyStopping)
        require(len(validation) > 0 or not stops_early, "EarlyStopping", NOTHING_BETTER)
        mixed = "epochs with validation stimuli and without cannot be compared; continue as the training started"
        require(all(is_validated(row) == (len(validation) > 0) for row in state.history), "validation", mixed)
        if not state.history and not state.batch:  # a started training continues unchanged
            check_settings(network, learner)
        learner = chosen_learner(network, learner, targets)
        constraints = [*constraints_of(network), *constraints]
        if network.training.pretrained and not state.history and not state.batch:
            for change in changed_at_once(constraints, state.weights):
                callbacks.on_warning(f"{network.training.pretrained}: {change}")
        if state.to_fit:
            fit_state(engine, network, constraints, training, state, seed)
        return cls(
            engine, network, learner, constraints, training, validation, state, seed, run, callbacks, checkpoint_seconds
        )

    def goes_on(self) -> bool:
        """Return whether another epoch follows."""
        history = self.state.history
        return self.state.epoch < self.network.training.epochs and not (history and self.callbacks.stop(history))

    def steps(self, epochs: int) -> int:
        """Return the number of steps in `epochs` epochs."""
        return epochs * math.ceil(len(self.stimuli) / self.network.training.batch)

    def rate(self) -> float:
        """Return the learning rate of the next step."""
        settings = self.network.learning
        done = self.steps(self.state.epoch) + self.state.batch
        share = schedules[settings.schedule](done / self.steps(self.network.training.epochs))
        return settings.rate * float(share)

    def batches(self) -> Iterator[Stimuli]:
        """Yield the stimuli of the remaining batches of the epoch."""
        size = self.network.training.batch
        order = order_of_presentations(self.seed, self.state.epoch, len(self.stimuli))
        self._saved = time.monotonic()
        for first in range(self.state.batch * size, len(order), size):
            yield self.stimuli.pick(order[first : first + size])

    def vary(self, stimuli: Stimuli) -> Batch:
        """Return the presentations of a batch: augmented stimuli, forward weights, and neurons lost to dropout."""
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

    def before_learning(self, spikes: Latencies, batch: Batch) -> None:
        """Check the spikes of a batch, and measure its health."""
        check_latencies(self.network.shapes, spikes, len(batch.stimuli))
        self._health = self.watch.batch(spikes, batch.weights)

    def gradients_of(self, learned: BatchGradients, batch: Batch) -> Weights:
        """Return the gradients of all that is learned: weights, biases, delays, and the logarithms of scales."""
        _check_learned(learned, batch.weights, type(self.learner).__name__)
        self._check_finite("the loss is not finite", [(self.network.output.name, learned.loss)])
        gradients = _scaled(learned.gradients, dropout_factors(self.network))
        return gradients | log_scale_gradients(self.network, self._forward, gradients)

    def rates(self) -> dict[str, float]:
        """Return the learning rates of single arrays, relative to the common rate."""
        network, state = self.network, self.state
        scales = map(log_scale_name, projections_with_learned_scales(network))
        rates = dict.fromkeys(scales, network.weighting.scale_rate) | delay_rates(network)
        if getattr(state.optimizer, "normalises", False):
            rates |= state.fitted.get("rates", {})
        return rates

    def after_step(self, gradients: Weights) -> None:
        """Enforce the constraints on the new weights, add them to the mean, and check that all are finite."""
        network, state = self.network, self.state
        with np.errstate(over="ignore", invalid="ignore"):  # checked below
            for constraint in self.constraints:
                constraint.enforce(state.weights)
            if state.mean is not None:
                steps = self.steps(state.epoch) + state.batch + 1
                update_ema(state.mean, state.weights, share_kept(network.learning.averaging, steps))
            names = map(log_scale_name, projections_with_learned_scales(network))
            scales = [(name, np.exp(state.weights[name])) for name in names]
        if not all(all_finite(array) for array in state.weights.values()):
            # checked afterwards, because each check reads all numbers
            steps_by_name = ((name, each) for name, array in gradients.items() for each in arrays_of(array))
            self._check_finite("a weight step is not finite", steps_by_name)
            self._check_finite("its weights are not finite", state.weights.items())
        self._check_finite("the scales of its weights are not finite", scales)

    def after_batch(self, spikes: Latencies, labels: np.ndarray, loss: np.ndarray) -> None:
        """Count a batch, report it, and write a checkpoint if it is time or the training is interrupted."""
        state = self.state
        state.batch += 1
        _accumulate(self.network, state.totals, spikes, labels, loss, self._health)
        state.totals.seconds += working_time() - self._began
        try:
            self.callbacks.on_batch(_progress(state, len(self.stimuli)))
        except KeyboardInterrupt:
            self.save()
            raise
        if time.monotonic() - self._saved >= self.checkpoint_seconds:
            self.save()
            self._saved = time.monotonic()

    def after_epoch(self) -> None:
        """Validate, keep the best weights, revive silent neurons, and write a checkpoint and the metrics."""
        network, state = self.network, self.state
        kept = kept_weights(network, state.current)
        figures: dict[str, float] = {}
        if len(self.validation):
            figures = _validate(self.engine, network, self.learner, kept, self.validation)._asdict()
            if not math.isfinite(figures["validation_loss"]):
                raise self.diverged("the validation loss is not finite", network.output.name)
        metrics = _epoch_metrics(state, self.rate(), figures)
        state.history.append(metrics)
        self.watch.epoch(state.history)
        if epoch_score(metrics) > state.best:
            state.best = epoch_score(metrics)
            state.best_weights = {name: array.copy() for name, array in kept.items()}
        revive(network, self.constraints, state, self.seed)
        state.epoch, state.batch, state.totals = state.epoch + 1, 0, EpochTotals()
        self.save()
        if self.run is not None:
            write_epochs(state, self.run)
            for line in self.run.remove_stale_evaluations():
                self.callbacks.on_warning(line)
        self.callbacks.on_epoch(state.history[-1])

    def save(self) -> None:
        """Check that moments and mean are finite, and write a checkpoint into the run folder, if there is one."""
        state = self.state
        moments = ((name.partition(".")[2], array) for name, array in state.optimizer.state.items())
        self._check_finite("the optimizer's moments are not finite", moments)
        self._check_finite("the mean of its weights is not finite", (state.mean or {}).items())
        if self.run is not None:
            write_checkpoint(state, self.run)

    def _check_finite(self, what: str, arrays: Iterable[tuple[str, np.ndarray]]) -> None:
        for name, array in arrays:
            if not all_finite(array):
                raise self.diverged(what, name.partition(".")[0])

    def diverged(self, what: str, layer: str) -> TrainingError:
        """Return the error that names the layer in which a training diverged."""
        run, state, rate = self.run, self.state, self.network.learning.rate
        again = ""
        if run is not None:
            kept = f" (the last good checkpoint is kept in {run.path})" if run.checkpoint.exists() else ""
            again = f" with another --out than {run.path}{kept}"
        return TrainingError(
            f"training diverged in {layer} at epoch {state.epoch + 1}, batch {state.batch + 1}: {what}; lower"
            f" learning.rate (now {rate:g}) or learning.sharpness (now {self.network.learning.sharpness:g}) and start"
            f" again{again}"
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
    engine: Engine, network: Network, learner: Learner, weights: Weights, stimuli: Stimuli
) -> ValidationFigures:
    """Present the validation stimuli with the given weights, and return their figures."""
    began, output = working_time(), network.output.name

    def read(_: Engine, presented: Presented) -> list[float]:
        outputs, labels = presented.latencies[output], presented.stimuli.labels
        decisions, loss = decide(outputs), learner.loss(outputs, labels)
        right, strictly_right = decisions.correct(labels), decisions.strictly_correct(labels)
        return [float(values.sum()) for values in (loss, right, strictly_right, decisions.tied)]

    batch = as_they_are(forward_weights(network, weights))
    totals = np.zeros(4)
    for sums in present_each(engine, in_parts(stimuli, BATCH), batch, read):
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
