"""Models: a run folder, a preset or a specification file, with its weights."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from netsim import __version__
from netsim.data.dataset import IDENTITY, Dataset, described
from netsim.data.loading import find_source
from netsim.data.source import OnProgress, ignore_progress
from netsim.data.stimuli import Splits, Stimuli, load_splits
from netsim.engines import Engine, Recorded, engine_of
from netsim.errors import DataError, FormerWarning, RunError, SpecificationError, warn_user
from netsim.models.presets import preset_names, trained_weights_file
from netsim.reprs import short_repr
from netsim.runs.folder import RunFolder
from netsim.runs.names import find_run, load_network
from netsim.runs.plugins import handed_in
from netsim.seams import engines
from netsim.specification import STIMULUS, Network
from netsim.specification.checks import check_kind, path_in, whole
from netsim.weights.binary import forward_weights
from netsim.weights.initial import first_weights
from netsim.weights.layout import Weights
from netsim.weights.packing import read_packed


@dataclass(frozen=True, eq=False)  # comparing arrays yields no truth value
class Model:
    """A network with weights.

    Attributes
    ----------
    network : Network
    weights : dict of ndarray
        Forward weights (`netsim.forward_weights`).
    origin : {"run", "imported", "trained", "initial", "given"}
        Source of the weights: the best epoch of a run, another tool's file, the preset, a draw from the seed, or
        the caller.
    run : RunFolder, optional
    data_dir : str, optional
        Folder of the run's data.
    sha256 : str, optional
        Checksum of the weights file.
    epoch : int, optional
        Epoch of the weights, counted from 1, if the file contains it.
    chosen_engine : bool
        Whether `load_model` was told the engine, in place of the engine of the training.

    Examples
    --------
    >>> import netsim
    >>> model = netsim.load_model("digits")
    >>> model.origin
    'initial'
    >>> sorted(model.weights)
    ['hidden.bias', 'hidden.kernel', 'output.bias', 'output.kernel']
    """

    network: Network
    weights: Weights
    origin: str = "given"
    run: RunFolder | None = None
    data_dir: str | None = None
    sha256: str | None = None
    epoch: int | None = None
    chosen_engine: bool = False

    __repr__ = short_repr

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the output neurons, as the run recorded them from its data set. Otherwise empty."""
        return classes_of(self.run.record()) if self.run is not None else ()

    def splits(
        self,
        network: Network | None = None,
        data_dir: str | None = None,
        on_progress: OnProgress = ignore_progress,
        on_warning: Callable[[str], None] = warn_user,
        as_needed: bool = False,
    ) -> Splits:
        """Load the stimuli of the model's data set, and warn if the data set has changed since the training.

        The stimuli are presented without learning. A data set that is too small for validation stimuli has none.

        Parameters
        ----------
        network : Network, optional
            The default is the model's network. Another network may name another data set.
        data_dir : str, optional
            The default is the model's data folder, for its own data set.
        on_progress, as_needed
            See `netsim.load_splits`.
        on_warning : callable
            Called with the warning. The default is a Python warning.

        Returns
        -------
        Splits

        Examples
        --------
        >>> import netsim
        >>> netsim.load_model("digits").splits().test
        Stimuli(360 of shape (8, 8, 1), 10 classes, IntensityEncoder)
        """
        network = network or self.network
        if data_dir is None and network.training.dataset == self.network.training.dataset:
            data_dir = self.data_dir  # of the model's own data
        splits = load_splits(network, None, data_dir, on_progress, as_needed, presented=True)
        if change := self.change_of(splits.dataset, network):
            on_warning(change)
        return splits

    def make_engine(self, record: Sequence[Recorded] = ()) -> Engine:
        """Make the engine of ``network.training`` on its time grid, which records the potentials of `record`.

        Parameters
        ----------
        record : sequence of Recorded

        Returns
        -------
        Engine

        Raises
        ------
        RunError
            If the model was trained with an engine object.

        Examples
        --------
        >>> import netsim
        >>> netsim.load_model("digits").make_engine()
        EventEngine('digits', dt=1.0, precision='double')
        """
        self.check_engine()
        return engine_of(self.network, record)

    def check_engine(self, remedy: str = "") -> None:
        """Raise RunError if the model was trained with an engine object, which cannot be made again.

        The default `remedy` is to register that engine in a plug-in, or to choose another one.
        """
        if self.run is None or self.chosen_engine:
            return
        if not (handed := handed_in(self.run.record().get("plugins", []), engines)):
            return
        plugged = [name for name in engines if not engines.is_own(name)]
        register = "" if plugged else "register it in FILE.py and add --plugin FILE.py --engine NAME, "
        others = " or ".join(f"--engine {name}" for name in plugged or engines)
        others += "" if plugged else " (other neurons, other spikes)"
        remedy = remedy or f"present it in that program, {register}or choose another engine with {others}"
        raise RunError(f"{self.run.path}: was trained with {handed}, an object in Python; {remedy}")

    def change_of(self, dataset: Dataset, network: Network | None = None) -> str:
        """Describe changes of the run's data set since the training. Empty if it is unchanged or unknown."""
        named = (network or self.network).training.dataset
        if not dataset.is_whole or self.run is None or named != self.run.network().training.dataset:
            return ""
        return change_of_data(self.run, described(dataset))


def classes_of(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the classes in the record of a run, or an empty tuple."""
    names = record.get("data", {}).get("classes")
    return tuple(map(str, names)) if isinstance(names, list) else ()


def change_of_data(run: RunFolder, now: Mapping[str, Any]) -> str:
    """Describe in one line how a `described` data set differs from the run's record. Empty if it does not."""
    former = run.record().get("data", {})
    name = former.get("name", now["name"])  # the name may have changed too
    changes = [
        f"{what} {_brief(former[what])} then and {_brief(now[what])} now"
        for what in IDENTITY
        if what in former and former[what] != now[what]
    ]
    return f"{run.path}: {name} has changed since the training: {'; '.join(changes)}" if changes else ""


def _brief(value: Any) -> str:
    return str(value) if len(str(value)) <= 64 else f"{str(value)[:64]} …"


def load_model(
    name: str | Path,
    seed: int = 0,
    *,
    dataset: str | None = None,
    data_dir: str | None = None,
    engine: str | None = None,
    dt: float | None = None,
) -> Model:
    """Load a run folder, a preset or a TOML file, with weights.

    Parameters
    ----------
    name : str or Path
        A run folder, a preset or a TOML file. Write ``./name`` for a folder with the name of a preset.
    seed : int
        Seed of the initial weights, if there are no trained weights.
    dataset : str, optional
        One of `netsim.seams.datasets`, in place of the data set of the network.
    data_dir : str, optional
        Folder of the data set; by default the folder of the run, NETSIM_DATA, the folder that ``netsim data``
        remembers, or the cache.
    engine : str, optional
        Compute spike times (event), or integrate with Brian2 (brian2); by default the engine of the preset or run.
    dt : float, optional
        Time grid in ms; 0 means exact times (event only); by default that of the preset or run.

    Returns
    -------
    Model

    Raises
    ------
    SpecificationError, RunError, DataError
        If `name` does not exist or is not a name, its files are damaged, or an option does not fit the network.

    Examples
    --------
    >>> model = load_model("rcsnn-mnist")
    >>> model.origin, model.network.outputs
    ('trained', 10)
    >>> load_model("digits", engine="brian2", dt=0.5).make_engine().dt
    0.5
    """
    if not isinstance(name, str | os.PathLike):
        given = f"must be a preset, a TOML file or a run, not a {type(name).__name__}"
        raise SpecificationError("name", f"{given}; other functions, such as present, take networks and models")
    name = name if isinstance(name, str) else os.path.join(os.curdir, name)  # a path never names a preset
    model = _load(name, whole(seed, "seed", least=0))
    network = with_training(model.network, dataset=dataset, engine=engine, dt=dt)
    own_data = network.training.dataset == model.network.training.dataset
    folder = str(path_in(data_dir, "data_dir")) if data_dir is not None else model.data_dir if own_data else None
    return replace(model, network=network, data_dir=folder, chosen_engine=engine is not None)


def _load(name: str, seed: int) -> Model:
    """Return a model with the settings of its file or run."""
    run, digest = find_run(name), hashlib.sha256()
    if run is not None:
        network = run.network()
        kept, epoch = run.weights_of_epoch(network, digest)
        weights, record = forward_weights(network, kept), run.record()
        if (made_by := record.get("netsim", __version__)) != __version__:
            other = f"was made by netsim {made_by}, this is {__version__}, which may compute other numbers"
            warn_user(f"{run.path}: {other}; train it again to compare it with new runs", FormerWarning)
        origin = "imported" if "imported" in record else "run"
        return Model(network, weights, origin, run, run.data_dir(), digest.hexdigest(), epoch)
    network = load_network(name)
    trained = trained_weights_file(name) if name in preset_names() else None
    if trained is None:
        return Model(network, first_weights(network, seed), "initial")
    return Model(network, read_packed(network, trained, digest), "trained", sha256=digest.hexdigest())


def with_training(
    network: Network,
    *,
    dataset: str | None = None,
    engine: str | None = None,
    dt: float | None = None,
    epochs: int | None = None,
) -> Network:
    """Return the network with other settings of its ``training``. None keeps a setting.

    An engine that needs a time grid uses 1 ms, unless `dt` or the network says otherwise.
    """
    if dataset is not None and (source := find_source(dataset)) is not None:
        dataset = source.lasting_name(dataset)
    needs_grid = engine is not None and engine in engines and not engines[engine].exact
    if needs_grid and dt is None and not network.training.dt:
        dt = 1.0
    options: dict[str, Any] = {"dataset": dataset, "engine": engine, "dt": dt, "epochs": epochs}
    given = {name: value for name, value in options.items() if value is not None}
    return replace(network, training=replace(network.training, **given))


Subject = Model | Network | str | Path
"""Argument of many functions: a model, a network with initial weights, or the name of a run, preset or TOML file."""


def open_model(subject: Subject, seed: int = 0) -> Model:
    """Return the model of a subject.

    Parameters
    ----------
    subject : Model, Network, str or Path
        A network receives initial weights. `load_model` explains names.
    seed : int
        Seed of the initial weights, for a network without trained weights.

    Returns
    -------
    Model

    Raises
    ------
    SpecificationError
        If the subject has another type or does not exist.
    RunError, DataError
        See `load_model`.
    """
    if isinstance(subject, Model):
        return subject
    if isinstance(subject, Network):
        return Model(subject, first_weights(subject, seed), "initial")
    if isinstance(subject, str | Path):
        return load_model(subject, seed)
    such = 'such as netsim.load_model("digits"), a Network, or the name of a run, preset or TOML file'
    latencies = isinstance(subject, dict) and STIMULUS in subject
    spikes = "; netsim.present(model, stimuli, engine=engine) returns Spikes" if latencies else ""
    raise SpecificationError("model", f"must be a model, {such}, not {type(subject).__name__}{spikes}")


def stimuli_for(model: Model, stimuli: Stimuli | None, limit: int | None = None) -> Stimuli:
    """Return the first `limit` of the given stimuli, or of the test stimuli of the model's data set.

    Raises
    ------
    DataError
        If there are none.
    SpecificationError
        If `stimuli` are of another kind.
    """
    if stimuli is None:
        stimuli = model.splits().test
    check_kind(stimuli, Stimuli, "stimuli", "such as netsim.load_splits(network).test")
    if not len(stimuli):
        raise DataError("stimuli: there are none; give at least one stimulus")
    return stimuli.first(limit)
