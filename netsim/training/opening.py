"""Start, resume and summarise trainings in run folders."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netsim.data.dataset import Dataset, check_name, described
from netsim.data.packed import SUFFIX
from netsim.data.source import OnProgress, ignore_progress
from netsim.data.stimuli import Stimuli, load_splits, lost_classes
from netsim.engines import Engine, make_engine
from netsim.errors import DataError, RunError, SpecificationError, warn_user
from netsim.learning import Constraint, Learner, Optimizer, Targets
from netsim.numerics.threads import threads
from netsim.reprs import short_repr
from netsim.runs.folder import (
    RunFolder,
    changed_versions,
    check_free,
    describe_run,
    is_free,
    new_run,
    open_run,
)
from netsim.runs.model import change_of_data
from netsim.runs.plugins import plugins_of
from netsim.runs.pretraining import Pretrained, load_pretrained
from netsim.runs.resuming import extend, resumable
from netsim.seams import optimizers
from netsim.specification import Network
from netsim.specification.checks import check_function, check_kind, limit_in, path_in, require, whole
from netsim.training.callbacks import Callbacks, Progress
from netsim.training.checkpoint import epoch_score, finished_epochs
from netsim.training.loop import CHECKPOINT_SECONDS, run_training
from netsim.training.starting import check_settings, check_training_memory, resume_training, without_effect
from netsim.weights.initial import known_weights
from netsim.weights.synapses import drawn_alike

_RECORDED = {"seed", "plugins", "limit", "data_dir", "data", "training", "validation", "imported", "synapses"}
_RECORDED |= {"parent", "extended", "pretrained_sha256", "learned_before", "specification_sha256", "started", "resumed"}
_RECORDED |= {"netsim", "git_revision", "versions", "machine"}
"""Keys that netsim itself writes into the record of a run."""


@dataclass(frozen=True)
class TrainingRun:
    """A run folder and all parts of its training. `open_training` explains the optional parts."""

    folder: RunFolder
    network: Network
    seed: int
    training: Stimuli
    validation: Stimuli
    engine: Engine
    learner: Learner | None = None
    optimizer: Optimizer | None = None
    constraints: Sequence[Constraint] | None = None
    targets: Targets | None = None
    pretrained: Pretrained | None = None
    _recorded: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """All parts as described in the record of the folder."""

    __repr__ = short_repr

    def train(
        self,
        callbacks: Callbacks | None = None,
        interrupted: Callable[[], bool] = lambda: False,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> list[dict[str, Any]]:
        """Train from the last checkpoint to the end, and return the metrics of all epochs.

        Parameters
        ----------
        callbacks, checkpoint_seconds
            See `netsim.run_training`.
        interrupted : callable
            Called after each batch. The training stops if it returns True.

        Returns
        -------
        list of dict

        Raises
        ------
        KeyboardInterrupt
            If the training was interrupted, after a checkpoint.
        RunError
            If another process trains in the folder, its files are damaged, or a part was replaced after opening.
        TrainingError
            If the training diverges.
        """
        if changed := [name for name, value in self._recorded.items() if getattr(self, name) is not value]:
            given = "data" if changed[0] in ("training", "validation") else changed[0]
            raise RunError(f"{self.folder.path}: its record says another {changed[0]}; give {given} to open_training")
        callbacks = Callbacks() if callbacks is None else callbacks
        check_kind(callbacks, Callbacks, "callbacks")
        check_function(interrupted, "interrupted", "nothing")
        with self.folder.lock():
            state = resume_training(
                self.network, self.folder, self.seed, callbacks.on_warning, self.optimizer, self.pretrained
            )
            if (state.history or state.batch) and state.epoch < self.network.training.epochs:
                self.folder.note_resumed(state.epoch + 1)

            def on_batch(report: Progress) -> None:
                callbacks.on_batch(report)
                if interrupted():
                    raise KeyboardInterrupt  # the loop writes a checkpoint

            stoppable = dataclasses.replace(callbacks, on_batch=on_batch)
            run_training(
                *(self.engine, self.network, self.training, self.validation, state, self.seed, self.folder),
                *(stoppable, checkpoint_seconds, self.learner, self.constraints, self.targets),
            )
            return state.history


def open_training(
    path: str | Path,
    network: Network,
    seed: int = 0,
    limit: int | None = None,
    data_dir: str | None = None,
    resume: bool = False,
    on_progress: OnProgress = ignore_progress,
    learner: Learner | None = None,
    optimizer: Optimizer | None = None,
    constraints: Sequence[Constraint] | None = None,
    targets: Targets | None = None,
    engine: Engine | None = None,
    data: Dataset | None = None,
    on_warning: Callable[[str], None] = warn_user,
    record: Mapping[str, Any] | None = None,
) -> TrainingRun:
    """Open a new run folder, or a run to resume, with its stimuli and its engine.

    Parameters
    ----------
    path : str or Path
    network : Network
    seed : int
    limit : int, optional
        Number of training stimuli, from the first. Validation uses up to a fifth of this number.
    data_dir : str, optional
        Folder of the data set. The default for a resumed run is its former folder.
    resume : bool
        Whether to resume the run at `path`, if it exists. Otherwise a new run starts. A network with more epochs
        extends the run. The weights are then those of a longer training from the start, unless the schedule depends on
        the number of epochs.
    on_progress : callable
        Called with (text, done, total) while recordings are converted.
    learner, optimizer, constraints, targets : Learner, Optimizer, sequence of Constraint, Targets, optional
        Replacements for parts of the network's settings. Constraints are added to those of the network instead.
    engine : Engine, optional
        Replacement for the engine of the settings, for example a `netsim.brian2_engine`. Its network must have the same
        shapes.
    data : Dataset, optional
        Replacement for the data set of the settings, see `netsim.make_dataset`. The run folder stores data from memory.
        For files it stores the path.
    on_warning : callable
        Called with one line if a run is resumed with other versions of libraries, or if its extension differs from a
        longer training from the start. The default issues a Python warning.
    record : mapping, optional
        Further entries of the record of a new run.

    Returns
    -------
    TrainingRun

    Raises
    ------
    RunError
        If the run to resume was imported, or was started with other options, data or pretrained weights. If the new
        folder exists already.
    SpecificationError, DataError
        If the engine, the data or the pretrained weights do not fit the network.

    Examples
    --------
    >>> import netsim, tempfile
    >>> from sklearn.datasets import load_digits
    >>> network = netsim.load_preset("digits")
    >>> data = netsim.make_dataset(load_digits(return_X_y=True), network.encoder, name="mine")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = netsim.open_training(f"{folder}/run", network, limit=200, data=data)
    ...     run.folder.record()["data"]["name"], run.network.training.dataset, len(run.training)
    ('mine', 'mine.npz', 200)
    """
    path, record = path_in(path, "path"), _checked_record(record)
    if data_dir is not None:
        path_in(data_dir, "data_dir")
    require(isinstance(resume, bool), "resume", f"must be True or False, not {resume!r}")
    network = _with_data(network, data)
    check_training_memory(network)
    chosen_engine = _engine_of(network, engine)
    check_settings(network, learner)
    seed, limit = whole(seed, "seed", least=0), limit_in(limit)
    pretrained = load_pretrained(network)
    begun_with: dict[str, Any] = {} if pretrained is None else {"pretrained_sha256": pretrained.sha256}
    plugins = plugins_of(network, learner, optimizer, constraints or (), targets, engine)
    if optimizer is None:  # refuse settings of the optimizer before creating a folder
        optimizers[network.learning.optimizer].from_network(network)
    begun = None if not resume or is_free(path) else open_run(path)
    if begun is not None:
        former = resumable(begun, network, {"seed": seed, "limit": limit}, plugins, begun_with)
        known = begun.record()
        data_dir = data_dir or begun.data_dir()
        if changed := changed_versions(known):
            on_warning(f"{path}: continues with other versions, weights may differ: {changed}")
    else:
        check_free(path)
        for names in drawn_alike(network):
            alike = f"{' and '.join(names)} have the same synapses, being drawn with the same seed"
            on_warning(f"{network.name}: {alike}; give them different ones, unless that is meant")
        for idle in without_effect(network) if targets is None else ():
            on_warning(f"{network.name}: {idle}; remove it")
    splits = load_splits(network, data, data_dir, on_progress)
    if not splits.dataset.has_labels:
        raise DataError(f"{splits.dataset.name}: has no labels to learn from; give some with the samples")
    about_data = described(splits.dataset)
    training, validation = splits.training.first(limit), splits.validation.first(limit and max(1, limit // 5))
    threads()  # refuse a wrong number of threads and unusable weights before creating a folder
    for projection in network.weighted if pretrained is None else ():
        known_weights(network, projection)
    if pretrained is not None:
        pretrained.check_unseen(network, splits.dataset)
    if begun is not None:
        if change := change_of_data(begun, about_data):
            raise RunError(f"{change}; restore the data, or choose another --out")
        if former != network:
            extend(begun, former, network, len(training), finished_epochs(begun), on_warning)
        folder = begun
    else:
        for part, stimuli in (("training", training), ("validation", validation)):
            stimuli.check_encoded(f"{splits.dataset.name} {part}")
        classes = len(splits.dataset.classes)
        if limit is not None and (lost := lost_classes(splits.training, training)):
            few = f"the first {len(training)} training {splits.dataset.noun} lack {lost}"
            on_warning(f"{splits.dataset.name}: {few}; shuffle them, or leave out the limit")
        if limit is None and len(training) < classes:
            few = f"only {len(training)} training {splits.dataset.noun} for {classes} classes"
            remedy = "lower training.validation, or give more" if len(splits.validation) else "give more"
            on_warning(f"{splits.dataset.name}: {few}; {remedy}")
        if network.outputs > classes:
            idle = f"has {network.outputs} output neurons for {classes} classes, so that some are always wrong"
            on_warning(f"{network.name}: {idle}; make one for each class")
        if pretrained is not None:
            learned = {"learned_before": pretrained.learned, "parent": pretrained.parent}
            begun_with |= {name: value for name, value in learned.items() if value}
        described_run = describe_run(
            seed,
            plugins=plugins,
            limit=limit,
            data_dir=None if data_dir is None else str(Path(data_dir).resolve()),
            data=about_data,
            training=len(training),
            validation=len(validation),
            **begun_with,
            **record,
        )
        with new_run(path, network, described_run) as folder:
            if data is not None and not data.reference:
                folder.write_data(data, network.training.dataset)
    parts = learner, optimizer, constraints, targets, pretrained
    run = TrainingRun(folder, network, seed, training, validation, chosen_engine, *parts)
    run._recorded.update(vars(run))
    return run


def _checked_record(record: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return further entries of the record of a run, without names that netsim uses."""
    record = record or {}
    require(isinstance(record, Mapping), "record", f"must be a mapping, not {type(record).__name__}")
    taken = ", ".join(sorted(_RECORDED & set(record)))
    require(not taken, "record", f"contains {taken}, which netsim records itself")
    return record


def _with_data(network: Network, data: Dataset | None) -> Network:
    """Return the network with the name of the data, if they replace its data set."""
    if data is None:
        return network
    check_kind(data, Dataset, "data", "such as netsim.make_dataset gives")
    if not data.reference:
        check_name(data.name, "data")
    named = data.reference or f"{data.name}{SUFFIX}"
    return dataclasses.replace(network, training=dataclasses.replace(network.training, dataset=named))


def _engine_of(network: Network, engine: Engine | None) -> Engine:
    """Return the engine of the settings, or a replacement that presents the same populations."""
    settings = network.training
    if engine is None:
        return make_engine(settings.engine, network, settings.dt, precision=settings.precision)
    if engine.network.shapes != network.shapes or engine.dt != settings.dt:
        raise SpecificationError(
            "engine",
            f"presents populations {engine.network.shapes} in steps of {engine.dt:g} ms; the network has"
            f" {network.shapes} and training.dt {settings.dt:g}",
        )
    return engine


def training_figures(history: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the best epoch of a training, its validation figures if any, and the duration."""
    best = max(history, key=epoch_score)
    validation = ("validation_accuracy", "validation_strict_accuracy", "validation_loss")
    return {
        "epochs": len(history),
        "best_epoch": int(best["epoch"]),
        **{name: best[name] for name in validation if name in best},
        "seconds": sum(map(seconds_of, history)),
    }


def seconds_of(metrics: Mapping[str, float]) -> float:
    """Return the duration of an epoch with its validation (s)."""
    return metrics["training_seconds"] + metrics.get("validation_seconds", 0.0)
