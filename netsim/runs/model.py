"""What a command works on: a run folder, a preset, or a specification file, with the weights that belong to it."""

import hashlib
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netsim.data.dataset import IDENTITY, Dataset, described
from netsim.data.source import OnProgress, ignore_progress
from netsim.data.stimuli import Splits, load_splits
from netsim.engines import Engine, Recorded, engine_of
from netsim.errors import RunError, SpecificationError, nearest
from netsim.models.presets import preset_file, preset_names, trained_weights_file
from netsim.reprs import short_repr
from netsim.runs.folder import RunFolder, is_run, open_run
from netsim.runs.plugins import handed_in
from netsim.seams import engines
from netsim.specification import Network
from netsim.specification.checks import whole
from netsim.specification.toml import read_network
from netsim.weights.binary import forward_weights
from netsim.weights.initial import initial_weights
from netsim.weights.layout import Weights
from netsim.weights.packing import read_packed


@dataclass(frozen=True)
class Model:
    """A network with weights.

    Attributes
    ----------
    network : Network
    weights : dict of ndarray
        The weights that feed forward.
    origin : {"run", "imported", "trained", "initial", "given"}
        Whether the weights are the best of a run, come from another tool's file, come with the preset, are drawn
        from the seed, or come from elsewhere.
    run : RunFolder, optional
    data_dir : str, optional
        Where the run found its data, or keeps them.
    sha256 : str, optional
        Checksum of the file that the weights were read from.
    epoch : int, optional
        The epoch, counted from 1, that a run has them from, if the file says it.

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

    __repr__ = short_repr

    @property
    def classes(self) -> tuple[str, ...]:
        """What the output neurons stand for, as a run recorded it of its data set; else empty."""
        return classes_of(self.run.record()) if self.run is not None else ()

    def splits(
        self,
        network: Network | None = None,
        data_dir: str | None = None,
        on_progress: OnProgress = ignore_progress,
        on_warning: Callable[[str], None] = warnings.warn,
        as_needed: bool = False,
    ) -> Splits:
        """The stimuli of its data set, as of `netsim.load_splits`; with one line to `on_warning`, if it has changed.

        They are only presented: of a data set that is too small for validation stimuli there are none.

        Parameters
        ----------
        network : Network, optional
            By default its own; it may name another data set.
        data_dir : str, optional
            By default its own.
        on_progress, as_needed
            As of `netsim.load_splits`.
        on_warning : callable
            By default it becomes a warning of Python's.

        Examples
        --------
        >>> import netsim
        >>> netsim.load_model("digits").splits().test
        Stimuli(360 of shape (8, 8, 1), 10 classes, IntensityEncoder)
        """
        found = load_splits(
            network or self.network, None, data_dir or self.data_dir, on_progress, as_needed, presented=True
        )
        if change := self.change_of(found.dataset, network):
            on_warning(change)
        return found

    def make_engine(self, record: Sequence[Recorded] = ()) -> Engine:
        """The engine of its ``network.training``, on its time grid, which keeps potentials of the `record`.

        Raises
        ------
        RunError
            If the model was trained with an engine that was handed in as an object.

        Examples
        --------
        >>> import netsim
        >>> netsim.load_model("digits").make_engine()
        EventEngine('digits', dt=1.0, precision='double')
        """
        self.check_engine()
        return engine_of(self.network, record)

    def check_engine(self, remedy: str = "") -> None:
        """Refuse, by a RunError, to take another engine for one that the training was handed as an object.

        By default the `remedy` is to say which other engine is taken.
        """
        if self.run is None or not (handed := handed_in(self.run.record().get("plugins", []), engines)):
            return
        others = " or ".join(f"--engine {name}" for name in engines)
        remedy = remedy or f"present it there, or say {others} to take another"
        raise RunError(f"{self.run.path}: was trained with {handed}, an object in Python; {remedy}")

    def change_of(self, dataset: Dataset, network: Network | None = None) -> str:
        """What to say if the run's data set is not any more what it learned from; empty if it is, or is not known."""
        named = (network or self.network).training.dataset
        if not dataset.is_whole or self.run is None or named != self.run.network().training.dataset:
            return ""
        return change_of_data(self.run, dataset)


def classes_of(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the classes in the record of a run; empty if it does not tell them."""
    names = record.get("data", {}).get("classes")
    return tuple(map(str, names)) if isinstance(names, list) else ()


def change_of_data(run: RunFolder, dataset: Dataset) -> str:
    """In which way a data set differs from the one of a run's record, in a line; empty if it does not."""
    former, now = run.record().get("data", {}), described(dataset)
    name = former.get("name", dataset.name)  # which may be another by now, too
    changes = [
        f"{what} {_brief(former[what])} then and {_brief(now[what])} now"
        for what in IDENTITY
        if what in former and former[what] != now[what]
    ]
    return f"{run.path}: {name} has changed since the training: {'; '.join(changes)}" if changes else ""


def _brief(value: Any) -> str:
    return str(value) if len(str(value)) <= 64 else f"{str(value)[:64]} …"


def load_network(name: str) -> Network:
    """The specification of a preset or of a TOML file; a SpecificationError, if it is neither or cannot be built."""
    return read_network(network_file(name))


def network_file(name: str) -> Path:
    """The TOML file of a preset, or that of this name; a SpecificationError, if it is called unlike a file."""
    if name.endswith(".toml") or os.path.isfile(name):  # of any text, also one that no file can be called
        return Path(name)
    names = preset_names()
    if name in names:
        return preset_file(name)
    if os.path.isdir(name) and is_run(name):
        file = Path(name) / "network.toml"
        go_on = f"give {file} to train anew, and with --out {name} --resume to go on with it"
        raise SpecificationError(name, f"is a run folder, not a preset or a TOML file; {go_on}")
    shown = name if name.strip() else repr(name)
    folder, last = os.path.split(name.rstrip(os.sep))
    if os.path.isdir(folder) and not os.path.lexists(name):  # a path to nothing
        beside = _beside(folder)
        hint = nearest(last, beside) if beside else f"; {folder} holds neither run folders nor TOML files"
        raise SpecificationError(shown, f"does not exist{hint}")
    if folder and not os.path.lexists(folder):
        raise SpecificationError(shown, f"does not exist, for there is no folder {folder}")
    raise SpecificationError(shown, f"is neither a preset nor a TOML file{nearest(name, names)}")


def _beside(folder: str) -> list[str]:
    """Names of the run folders and TOML files in a folder, as far as it can be read."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [name for name in names if name.endswith(".toml") or os.path.isfile(f"{folder}/{name}/network.toml")]


def find_run(name: str) -> RunFolder | None:
    """The run folder of that name; None if it is no folder's, or a preset's. A RunError, if it is another folder."""
    return open_run(name) if os.path.isdir(name) and name not in preset_names() else None


def load_model(name: str | Path, seed: int = 0) -> Model:
    """A run folder, a preset or a TOML file, with weights; a folder called like a preset is written ``./name``.

    Parameters
    ----------
    name : str or Path
    seed : int
        Of the initial weights, where there are no others.

    Raises
    ------
    SpecificationError, RunError, DataError
        If there is no such thing, its files are damaged, or its training was handed an engine, which only Python has.

    Examples
    --------
    >>> model = load_model("rcsnn-mnist")
    >>> model.origin, model.network.outputs
    ('trained', 10)
    """
    name = name if isinstance(name, str) else os.path.join(os.curdir, name)  # a path is no preset's name
    seed = whole(seed, "seed", least=0)
    run, digest = find_run(name), hashlib.sha256()
    if run is not None:
        network = run.network()
        kept, epoch = run.weights_of_epoch(network, digest)
        weights, record = forward_weights(network, kept), run.record()
        origin = "imported" if "imported" in record else "run"
        found = str(run.data) if run.data.is_dir() else record.get("data_dir")
        return Model(network, weights, origin, run, found, digest.hexdigest(), epoch)
    network = load_network(name)
    trained = None if name.endswith(".toml") else trained_weights_file(name)
    if trained is not None:
        return Model(network, read_packed(network, trained, digest), "trained", sha256=digest.hexdigest())
    return open_model(network, seed)


Subject = Model | Network | str | Path
"""What a function works on: a model, a network with initial weights, or the name of a run, preset or TOML file."""


def open_model(subject: Subject, seed: int = 0) -> Model:
    """Return the model that a subject stands for.

    Parameters
    ----------
    subject : Model, Network, str or Path
        A network gets initial weights; names are those of `load_model`.
    seed : int
        Seed of the initial weights, where there are no others.

    Raises
    ------
    SpecificationError
        If the subject is something else, or does not exist.
    RunError, DataError
        As `load_model`.
    """
    if isinstance(subject, Model):
        return subject
    if isinstance(subject, Network):
        return Model(subject, forward_weights(subject, initial_weights(subject, seed)), "initial")
    if isinstance(subject, str | Path):
        return load_model(subject, seed)
    such = 'such as netsim.load_model("digits"), a Network, or the name of a run, preset or TOML file'
    raise SpecificationError("model", f"must be a model, {such}, not {type(subject).__name__}")


def weights_before_learning(model: Model, seed: int) -> Weights | None:
    """The initial weights of what was trained, as they fed forward; the seed is that of a preset, a run has its own.

    None for what was not, or elsewhere, or began with the weights of another network, which need not be there any more.
    """
    if model.origin in ("initial", "imported", "given") or model.network.training.pretrained:
        return None
    first = model.run.record()["seed"] if model.run else seed
    return forward_weights(model.network, initial_weights(model.network, first))
