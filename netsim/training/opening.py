"""Start, resume and summarise trainings in run folders."""

import dataclasses
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from netsim.data.dataset import Dataset, check_name, described
from netsim.data.packed import SUFFIX
from netsim.data.source import OnProgress, ignore_progress
from netsim.data.stimuli import Stimuli, load_splits
from netsim.engines import Engine, make_engine
from netsim.errors import DataError, RunError, SpecificationError, warn_user
from netsim.files import read_text
from netsim.learning import Constraint, Learner, Optimizer, Targets
from netsim.numerics.threads import threads
from netsim.reprs import short_repr
from netsim.runs.folder import (
    LARGEST_METRICS,
    RunFolder,
    changed_versions,
    check_free,
    create_run,
    describe_run,
    is_free,
    open_run,
)
from netsim.runs.model import change_of_data
from netsim.runs.plugins import changed_plugins, names_of, plugins_of
from netsim.seams import optimizers, schedules
from netsim.specification import Network
from netsim.specification.checks import check_function, check_kind, path_in, require, whole
from netsim.specification.toml import network_to_dict
from netsim.training.callbacks import Callbacks, Progress
from netsim.training.checkpoint import epoch_score, write_checkpoint
from netsim.training.loop import CHECKPOINT_SECONDS, training_conversation
from netsim.training.pretraining import Pretrained, load_pretrained, weights_sha256
from netsim.training.starting import check_settings, resume_training
from netsim.weights.initial import known_weights
from netsim.weights.synapses import drawn_alike

_RECORDED = {"seed", "plugins", "limit", "data_dir", "data", "training", "validation", "imported", "synapses"}
_RECORDED |= {"parent", "extended", "pretrained_sha256", "learned_before", "specification_sha256", "started", "resumed"}
_RECORDED |= {"netsim", "git_revision", "versions", "machine"}
"""Keys that netsim itself writes into the record of a run."""
_MOST_TOLD = 3  # differing options per message


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
            See `netsim.training_conversation`.
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
                    write_checkpoint(state, self.folder)
                    raise KeyboardInterrupt

            stoppable = dataclasses.replace(callbacks, on_batch=on_batch)
            conversation = training_conversation(
                self.network,
                self.training,
                self.validation,
                state,
                self.seed,
                self.folder,
                stoppable,
                checkpoint_seconds,
                self.learner,
                self.constraints,
                self.targets,
                getattr(self.engine, "solves_equation", False),
            )
            return self.engine.run(conversation).history


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
        Replacements for parts of the network's settings.
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
    seed, limit = whole(seed, "seed", least=0), None if limit is None else whole(limit, "limit")
    network = _with_data(network, data)
    pretrained = load_pretrained(network)
    begun_with: dict[str, Any] = {} if pretrained is None else {"pretrained_sha256": weights_sha256(pretrained.weights)}
    plugins = plugins_of(network, learner, optimizer, constraints or (), targets, engine)
    if optimizer is None:  # refuse settings of the optimizer before creating a folder
        optimizers[network.learning.optimizer].from_network(network)
    begun = None if not resume or is_free(path) else open_run(path)
    if begun is not None:
        former = _resumable(begun, network, {"seed": seed, "limit": limit}, plugins, begun_with)
        known = begun.record()
        data_dir = data_dir or (str(begun.data) if begun.data.is_dir() else known.get("data_dir"))
        if changed := changed_versions(known):
            on_warning(f"{path}: continues with other versions, weights may differ: {changed}")
    else:
        check_free(path)
        check_settings(network, learner)
        for names in drawn_alike(network):
            alike = f"{' and '.join(names)} have the same synapses, being drawn with the same seed"
            on_warning(f"{network.name}: {alike}; give them different ones, unless that is meant")
    splits = load_splits(network, data, data_dir, on_progress)
    if not splits.dataset.has_labels:
        raise DataError(f"{splits.dataset.name}: has no labels to learn from; give some with the samples")
    if begun is not None and (change := change_of_data(begun, splits.dataset)):
        raise RunError(f"{change}; restore the data, or choose another --out")
    if pretrained is not None:
        pretrained.check_unseen(network, splits.dataset)
    training, validation = splits.training.first(limit), splits.validation.first(limit and max(1, limit // 5))
    engine = _engine_of(network, engine)
    threads()  # refuse a wrong number of threads and unusable weights before creating a folder
    for projection in network.weighted if pretrained is None else ():
        known_weights(network, projection)
    if begun is None:
        for part, stimuli in (("training", training), ("validation", validation)):
            stimuli.check_encoded(f"{splits.dataset.name} {part}")
        if pretrained is not None:
            learned = {"learned_before": pretrained.learned, "parent": pretrained.parent}
            begun_with |= {name: value for name, value in learned.items() if value}
        described_run = describe_run(
            seed,
            plugins=plugins,
            limit=limit,
            data_dir=None if data_dir is None else str(Path(data_dir).resolve()),
            data=described(splits.dataset),
            training=len(training),
            validation=len(validation),
            **begun_with,
            **record,
        )
        kept = data if data is not None and not data.reference else None
        folder = create_run(path, network, described_run, kept=kept)
    else:
        folder = begun
        if _extends(former, network):
            _extend(folder, former, network, len(training), on_warning)
    parts = learner, optimizer, constraints, targets, pretrained
    run = TrainingRun(folder, network, seed, training, validation, engine, *parts)
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


def _resumable(
    folder: RunFolder,
    network: Network,
    options: dict[str, Any],
    plugins: list[dict[str, Any]],
    begun_with: dict[str, Any],
) -> Network:
    """Return the network of a run. Refuse another network, other options, plug-ins or pretrained weights."""
    path, known, former = folder.path, folder.record(), folder.network()
    if "imported" in known:
        raise RunError(f"{path}: was imported, not trained; train {folder.network_file} and choose another --out")
    before = {"seed": known["seed"], "limit": known.get("limit")}
    if (former != network and not _extends(former, network)) or before != options:
        others = _differences(before | _flat(network_to_dict(former)), options | _flat(network_to_dict(network)))
        latest = known.get("extended", [])
        command = latest[-1]["command"] if latest else known.get("command", [])
        raise RunError(f"{path}: was started with other options{others}; {_way_on(command, path)}")
    if (begun_plugins := names_of(known.get("plugins", []))) != names_of(plugins):
        raise RunError(f"{path}: was started with {begun_plugins or 'no plug-ins'}; resume it with the same in Python")
    if changed := changed_plugins(known.get("plugins", [])):
        raise RunError(f"{path}: {changed}; restore it, or choose another --out")
    if {key: known.get(key) for key in begun_with} != begun_with:
        raise RunError(f"{path}: {network.training.pretrained} has other weights by now; choose another --out")
    return former


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


def _extend(
    folder: RunFolder, former: Network, network: Network, stimuli: int, on_warning: Callable[[str], None]
) -> None:
    """Extend a run to the epochs of a network. Warn if a training of this length from the start had other rates."""
    path, epochs = folder.path, network.training.epochs
    exact = not folder.checkpoint.exists() or _rates_agree(former, network, stimuli)
    if not exact:
        depends = f"{path}: its schedule {network.learning.schedule} depends on the"
        if _finished_epochs(folder) < former.training.epochs:
            first = f"finish its {former.training.epochs} epochs with --resume before you extend it"
            raise RunError(f"{depends} epochs; {first}")
        differ = f"so the weights will differ from those of {epochs} epochs from the start"
        on_warning(f"{depends} number of epochs, {differ}")
    with folder.lock():
        folder.extend(network, exact)


def _extends(former: Network, network: Network) -> bool:
    """Whether a network differs from a former one in a larger number of epochs alone."""
    before, now = former.training.epochs, network.training.epochs
    return now > before and network == dataclasses.replace(
        former, training=dataclasses.replace(former.training, epochs=now)
    )


def _finished_epochs(folder: RunFolder) -> int:
    return len(read_text(folder.metrics, LARGEST_METRICS).splitlines()) - 1 if folder.metrics.exists() else 0


def _rates_agree(former: Network, network: Network, stimuli: int) -> bool:
    """Whether both networks have the same learning rates in all steps of the former training."""
    steps = -(-stimuli // former.training.batch)
    before, now = former.training.epochs * steps, network.training.epochs * steps
    schedule = schedules[network.learning.schedule]
    return all(schedule(step / before) == schedule(step / now) for step in range(before))


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return the first differing options, in parentheses. Missing options have their defaults."""
    keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    shown = [f"{key} {_shown(before.get(key))}, now {_shown(now.get(key))}" for key in keys[:_MOST_TOLD]]
    more = [f"{len(keys) - len(shown)} more"] if len(keys) > len(shown) else []
    return f" ({'; '.join(shown + more)})" if keys else ""


def _flat(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Return settings by dotted names. Parts in lists have their own names."""
    if isinstance(settings, list) and all(isinstance(part, dict) and "name" in part for part in settings):
        settings = {part["name"]: part for part in settings}
    if not isinstance(settings, dict):
        return {prefix: settings}
    named = ((f"{prefix}.{key}" if prefix else key, value) for key, value in settings.items())
    return {name: value for key, part in named for name, value in _flat(part, key).items()}


def _shown(value: Any) -> str:
    return "by default" if value is None else str(value)


def resuming(command: Sequence[str]) -> str:
    """Return the command that resumes the work of `command`."""
    return shlex.join([*command, *(["--resume"] if "--resume" not in command else [])])


def _way_on(command: Sequence[str], path: Path) -> str:
    """Return how to resume the training of `command` in a folder that may have moved.

    For a custom program, the text is general.
    """
    if command[:2] == ["netsim", "train"]:
        kept = [
            word
            for before, word in pairwise(["", *command])
            if "--out" not in (before, word) and not word.startswith("--out=")
        ]
        return f"continue with: {resuming([*kept, '--out', str(path)])}"
    if command[:1] == ["netsim"]:
        return f"continue with: {resuming(command)}"
    return "resume it with its original network, seed and limit (netsim.open_training(..., resume=True))"


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
