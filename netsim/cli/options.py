"""Options that commands share, and functions that open their networks, weights, stimuli and engines."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Context, Option
from typer.core import TyperCommand, TyperGroup, TyperOption

from netsim import seams
from netsim.cli.terminal import data_progress, note, notes_for
from netsim.data.loading import dataset_notations, find_source
from netsim.errors import DataWarning, NetsimError, SpecificationError

if TYPE_CHECKING:
    from distributed import Client

    from netsim.data.stimuli import Splits, Stimuli
    from netsim.engines import Engine
    from netsim.registry import Registry
    from netsim.runs.model import Model
    from netsim.specification import Network
    from netsim.spikes.batches import Distribution

GROUPS = {
    "Stimuli": ("index", "limit", "split", "dataset", "data_dir", "stimuli_file"),
    "Simulation": ("engine", "dt", "seed", "workers", "scheduler", "plugin"),
    "Output": ("out", "table", "width", "palette", "parquet", "as_json"),
}
"""Groups of options in help texts, by the names of parameters. Other options form the first group."""
Json = Annotated[bool, Option("--json", help="Print one JSON object on stdout, and nothing else.")]
DataDir = Annotated[
    str | None,
    Option(
        metavar="DIR",
        help="Folder of the data set; by default NETSIM_DATA, the folder that netsim data remembers, or the cache.",
    ),
]
DatasetOption = Annotated[str | None, Option(metavar="NAME|DIR", help=f"{dataset_notations()}.")]
EngineOption = Annotated[
    str | None,
    Option(
        metavar="|".join(seams.engines),
        help="Compute spike times, or integrate with Brian2; by default the engine of the preset or run.",
    ),
]
Dt = Annotated[
    float | None,
    Option(
        metavar="MS",
        help="Time grid in ms; 0 means exact times (event only); by default that of the preset or run.",
    ),
]
ModelArgument = Annotated[str, Argument(metavar="RUN|PRESET", help="A run folder, a preset or a TOML file.")]
NetworksArgument = Annotated[
    list[str],
    Argument(
        metavar="RUN|PRESET|SWEEP",
        help="A run folder, a preset or a TOML file; or several, or the folder of a sweep, for results over networks.",
    ),
]
StimuliFile = Annotated[
    Path | None,
    Option("--stimuli", metavar="FILE", help="Present the spikes of this file, as netsim export writes them."),
]
Split = Annotated[
    str,
    Option(
        metavar="test|validation",
        help="Test stimuli, or the stimuli set aside for validation.",
    ),
]


def _complete_setting(ctx: Context, incomplete: str) -> list[str]:
    """Return keys of the network's settings that begin as the word does, or values of the key that the word names."""
    from netsim.runs.names import network_file
    from netsim.specification.keys import known_keys, known_values
    from netsim.specification.toml import read_toml

    key, equals, value = incomplete.partition("=")
    if equals:
        return [f"{key}={known}" for known in known_values(key) if known.startswith(value)]
    table: dict[str, Any] = {}
    with suppress(NetsimError):
        words = [ctx.params.get("model"), ctx.params.get("base"), *ctx.args]  # what follows --set stays in `args`
        named = str(next(filter(None, words), ""))
        is_run = Path(named, "network.toml").is_file()
        table = read_toml(Path(named, "network.toml") if is_run else network_file(named))
    return [f"{known}=" for known in known_keys(table) if known.startswith(incomplete)]


SettingsOption = Annotated[
    list[str] | None,
    Option(
        "--set",
        metavar="KEY=VALUE",
        help="A setting of the network, such as learning.rate=0.001 or layers.hidden.size=50; repeatable.",
        autocompletion=_complete_setting,
    ),
]
Seed = Annotated[int, Option(min=0, metavar="N", help="Seed of every random draw.")]
InitialSeed = Annotated[
    int,
    Option(
        min=0,
        metavar="N",
        help="Seed of the initial weights, if there are no trained weights.",
    ),
]
Index = Annotated[
    list[int] | None,
    Option(
        min=0,
        metavar="N",
        help="Stimulus to present, counted from 0; repeatable; by default 0.",
    ),
]
Limit = Annotated[int | None, Option(min=1, metavar="N", help="Present only the first N stimuli.")]
PaletteOption = Annotated[
    str | None,
    Option(
        metavar="NAME",
        help="A palette of seaborn, such as Set2; the default suits colour-blind readers.",
    ),
]
Scheduler = Annotated[
    str | None,
    Option(
        metavar="ADDRESS",
        help="Address of a Dask scheduler whose workers present, such as tls://node7:8786.",
    ),
]
Workers = Annotated[
    int | None,
    Option(
        min=1,
        metavar="N",
        help="Distribute the stimuli over N processes; by default one.",
    ),
]


def _load_plugins(files: list[str] | None) -> None:
    if files:
        from netsim.runs.plugin_files import load_plugin

        for file in files:
            load_plugin(file)


Plugins = Annotated[
    list[str] | None,
    Option(
        "--plugin",
        metavar="FILE.py",
        help="Load a file that registers your own entries, such as a learner; repeatable.",
        is_eager=True,
        callback=_load_plugins,
    ),
]


def with_plugins(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option ``--plugin`` to a command. Its files are loaded before other options are read."""

    @functools.wraps(command)
    def run(*arguments: Any, plugin: Any = None, **given: Any) -> None:
        command(*arguments, **given)

    signature = inspect.signature(command, eval_str=True)
    option = inspect.Parameter("plugin", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Plugins)
    parameters = [*signature.parameters.values(), option]
    vars(run)["__signature__"] = signature.replace(parameters=parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def as_printed(parameters: list[Any]) -> list[Any]:
    """Put options into `GROUPS`, in their order, and print flags in help texts without a type."""
    names = list(GROUPS)
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
        if isinstance(parameter, TyperOption):
            groups = (group for group in names if parameter.name in GROUPS[group])
            parameter.rich_help_panel = next(groups, None)
    return sorted(
        parameters, key=lambda each: names.index(each.rich_help_panel) if each.rich_help_panel in names else -1
    )


class Command(TyperCommand):
    """A command whose flags are printed without a type, and whose groups of options come in one order."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, ``--help`` included."""
        return as_printed(super().get_params(ctx))


class Commands(TyperGroup):
    """The group of all commands (see `Command`)."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, ``--help`` included."""
        return as_printed(super().get_params(ctx))


class ListingCommand(Command):
    """A command whose help text lists the entries of a seam, such as ``{figures}``, with their summaries.

    ``{network_formats.read}`` lists only entries that have this attribute. The entries are loaded only when the help is
    printed.
    """

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help with the entries in it."""
        self.list_entries()
        super().format_help(ctx, formatter)

    def list_entries(self) -> None:
        """Insert the entries into the help text, once."""

        def listed(match: re.Match[str]) -> str:
            entries = getattr(seams, match[1]).items()
            shown = [(name, entry) for name, entry in entries if not match[2] or getattr(entry, match[2]) is not None]
            return "\n".join(f"* {name}: {entry.summary}" for name, entry in shown)

        self.help = re.sub(r"{(\w+)\.?(\w*)}", listed, self.help or "")


def with_options(
    network: Network,
    dataset: str | None = None,
    engine: str | None = None,
    dt: float | None = None,
    epochs: int | None = None,
) -> Network:
    """Return the network with its settings replaced by options of the command line."""
    if dataset is not None and (source := find_source(dataset)) is not None:
        dataset = source.lasting_name(dataset)
    clocked = engine is not None and engine in seams.engines and not seams.engines[engine].exact
    if clocked and dt is None and not network.training.dt:
        dt = 1.0
    options: dict[str, Any] = {"dataset": dataset, "engine": engine, "dt": dt, "epochs": epochs}
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return dataclasses.replace(network, training=dataclasses.replace(network.training, **given))
    except SpecificationError as error:
        option = error.field.removeprefix("training.")
        if option not in given:
            raise
        raise SpecificationError(f"--{option}", error.message) from error


def model_of(name: str, seed: int, remedy: str = "", **options: Any) -> tuple[Model, Network]:
    """Return the model of a command, and its network with options applied. Print a note if a plug-in has changed.

    `netsim.runs.model.Model.check_engine` explains `remedy`.
    """
    from netsim.runs.model import load_model
    from netsim.runs.plugins import changed_plugins

    chosen = load_model(name, seed)
    if chosen.run is not None:
        if options.get("engine") is None:
            chosen.check_engine(remedy)
        if changed := changed_plugins(chosen.run.record().get("plugins", [])):
            note(f"{name}: {changed}")
    return chosen, with_options(chosen.network, **options)


def check_different(models: Mapping[str, Model]) -> None:
    """Refuse networks with equal weights, which are one network."""
    named: dict[str, str] = {}
    for name, model in models.items():
        if model.sha256 is not None and (other := named.setdefault(model.sha256, name)) != name:
            raise SpecificationError(name, f"has the same weights as {other}; a network counts once, leave one out")


def note_initial_weights(name: str, chosen: Model, seed: int) -> None:
    """Print a note if the model was never trained."""
    if chosen.origin == "initial":
        note(f"{name}: has no trained weights; initial weights of seed {seed} are used, without a fit")


def splits_of(chosen: Model, network: Network, data_dir: str | None, as_needed: bool = False) -> Splits:
    """Return the stimuli of the options. Print a note if the data set of a run has changed.

    `netsim.load_splits` explains `as_needed`.
    """
    with data_progress() as on_progress:
        return chosen.splits(network, data_dir, on_progress, note, as_needed)


def split_of(
    chosen: Model, network: Network, split: str, data_dir: str | None, limit: int | None = None, few: bool = False
) -> Stimuli:
    """Return the test or validation stimuli of the options, up to a limit. `few` loads them as needed."""
    check_split(split)
    splits = splits_of(chosen, network, data_dir, few or limit is not None)
    return first_of(splits.of(split, network.training.validation), limit)


def first_of(stimuli: Stimuli, limit: int | None) -> Stimuli:
    """Return the first or all stimuli, ready for presentation."""
    if limit is None:
        return stimuli
    from netsim.data.stimuli import lost_classes

    part = stimuli.first(limit)
    if lost := lost_classes(stimuli, part):
        note(f"the first {len(part)} stimuli lack {lost}; shuffle the data, or leave out --limit")
    with data_progress() as on_progress:
        return part.prepare(on_progress)


def check_split(split: str) -> None:
    """Refuse a split that is not for measuring."""
    if split not in ("test", "validation"):
        raise SpecificationError(f"--split {split!r}", "must be test or validation")


def stimuli_of(
    chosen: Model, network: Network, file: Path | None, split: str, dataset: str | None, data_dir: str | None
) -> tuple[Stimuli, dict[str, str], str]:
    """Return the stimuli of a split or a file of spikes, with their record and their name in messages."""
    if file is None:
        source = {"dataset": network.training.dataset, "split": split}
        return split_of(chosen, network, split, data_dir, few=True), source, f"the {split} split"
    for option, given in {"--dataset": dataset, "--data-dir": data_dir, "--split": split != "test"}.items():
        if given:
            raise SpecificationError("--stimuli", f"replaces a data set; leave out {option}")
    from netsim.data.tally import latest_spike, too_early
    from netsim.exchange import read_stimuli
    from netsim.files import file_sha256

    spikes = read_stimuli(file, network.encoder.shape)
    if early := too_early(latest_spike(spikes.latencies), network.encoder):
        note(f"{file}: {early}; latencies are in ms: are these in another unit?")
    source = {"stimuli": str(file), "stimuli_sha256": file_sha256(file)}
    classes = chosen.classes
    if not classes and spikes.labels is not None and spikes.labels.dtype.kind == "U":
        with suppress(NetsimError):  # without the data set, labels cannot be words
            classes = splits_of(chosen, network, None, as_needed=True).dataset.classes
    with notes_for(DataWarning):
        return spikes.stimuli(network.encoder, classes, network), source, str(file)


def chosen_indices(index: list[int] | None, limit: int | None, count: int, where: str) -> list[int]:
    """Return the indices of the stimuli to present among `count` stimuli."""
    if limit is not None and index:
        raise SpecificationError(
            "--limit", "has no meaning with --index, which chooses the stimuli; remove one of them"
        )
    indices = list(range(min(limit, count))) if limit else list(dict.fromkeys(index or [0]))
    check_index(max(indices), count, where)
    return indices


def ready(stimuli: Stimuli, indices: list[int]) -> Stimuli:
    """Return the stimuli after preparing some indices for presentation."""
    import numpy as np

    with data_progress() as on_progress:
        stimuli.pick(np.array(indices)).prepare(on_progress)
    return stimuli


def check_index(index: int, count: int, where: str) -> None:
    """Refuse an index beyond the number of stimuli."""
    if index >= count:
        raise SpecificationError(f"--index {index}", f"is too large; {where} has 0 to {count - 1}")


def recorded_neuron(text: str, option: str) -> Any:
    """Parse a neuron such as ``hidden:3``."""
    from netsim.engines import Recorded

    layer, _, neuron = text.partition(":")
    if not neuron.isdecimal():
        raise SpecificationError(f"{option} {text}", "must be LAYER:NEURON, for example hidden:3")
    return Recorded(layer, int(neuron))


def build(name: str, network: Network, dt: float, **options: Any) -> Engine:
    """Make an engine by name. Print a note if this takes time."""
    from rich.console import Console

    from netsim.engines import make_engine

    with Console(stderr=True).status("building the network"):
        return make_engine(name, network, dt, **options)


def record_of(
    subject: str,
    chosen: Model,
    network: Network,
    source: Mapping[str, str],
    seed: int,
    entries: Sequence[tuple[Registry[Any], str]] = (),
    **more: Any,
) -> dict[str, Any]:
    """Return an exact record of a simulation.

    `source` describes the origin of the stimuli. `entries` are registry entries that take part, besides the entries of
    the network.
    """
    from netsim.runs.folder import describe_run
    from netsim.runs.plugins import plugins_of
    from netsim.specification.toml import network_to_dict

    weights = {"weights_sha256": chosen.sha256} if chosen.sha256 else {}
    settings = network.training
    return describe_run(
        seed,
        **from_elsewhere(entries, plugins_of(network)),
        subject=subject,
        weights=chosen.origin,
        **weights,
        **source,
        **{"engine": settings.engine, "dt_ms": settings.dt, **more},
        network=network_to_dict(network),
    )


def from_elsewhere(
    entries: Sequence[tuple[Registry[Any], str]], others: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """Return the record of plug-ins, from entries and others. Empty without plug-ins."""
    from netsim.runs.plugins import plugin_record

    origins = [plugin_record(known.origin(name)) for known, name in entries if not known.is_own(name)]
    return {"plugins": [*others, *origins]} if others or origins else {}


@contextmanager
def dask_client(scheduler: str | None, workers: int) -> Iterator[Client]:
    """Connect to the Dask workers of a scheduler, or start `workers` on this machine."""
    from rich.console import Console

    from netsim.spikes.cluster import connect

    with ExitStack() as stack:
        with Console(stderr=True).status("connecting to the workers"):
            client = stack.enter_context(connect(scheduler, workers))
        if not client.scheduler_info()["workers"]:
            note(f"{scheduler}: has no workers yet; waiting for them")
        yield client


@contextmanager
def distributed_over(scheduler: str | None, workers: int | None) -> Iterator[Distribution]:
    """Yield the distribution of presentations over workers."""
    from netsim.spikes.batches import serial
    from netsim.spikes.cluster import OverWorkers

    check_workers(scheduler, workers)
    if scheduler is None and workers is None:
        yield serial
        return
    with dask_client(scheduler, workers or 1) as client:
        yield OverWorkers(client)


def check_workers(scheduler: str | None, workers: int | None) -> None:
    """Refuse a number of local workers together with a scheduler."""
    if scheduler is not None and workers is not None:
        raise SpecificationError(
            "--workers", "has no meaning with --scheduler, which has its own workers; remove one of them"
        )


def file_stem(what: str, layers: Sequence[str] | None) -> str:
    """Return the name of output files without suffix: their content, and the chosen layers."""
    return "-".join([what, *(layers or [])])


def make_folder(folder: Path) -> None:
    """Create a folder and its parents, if missing."""
    from netsim.files import make_folder as make

    make(folder)
