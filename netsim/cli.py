"""The command line. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from netsim.errors import NetsimError, RunError, SpecificationError

if TYPE_CHECKING:
    from rich.progress import Progress as ProgressBar
    from rich.table import Table

    from netsim.engines import Engine
    from netsim.evaluation import Evaluation
    from netsim.simulation import Simulation
    from netsim.specification import Network
    from netsim.stimuli import Stimuli
    from netsim.subject import Subject
    from netsim.training import Progress, Watcher

# Wide enough for every table, where no terminal says how wide it is.
_PIPED_WIDTH = 140

app = typer.Typer(
    name="netsim",
    help="Simulate and train single-spike neural networks: information is in when a neuron fires.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")]
DataDir = Annotated[
    str | None,
    typer.Option("--data-dir", metavar="DIR", help="Where the data set lies; by default NETSIM_DATA, then the cache."),
]
DatasetOption = Annotated[
    str | None,
    typer.Option("--dataset", metavar="NAME|DIR", help="digits, mnist, fashion-mnist, or a folder of IDX files."),
]
EngineOption = Annotated[
    str | None,
    typer.Option("--engine", metavar="event|brian2", help="Who simulates; by default as the preset or run says."),
]
Dt = Annotated[
    float | None,
    typer.Option(
        "--dt", metavar="MS", help="Time grid in ms; 0 is exact (event only); by default as the preset or run says."
    ),
]
SubjectArgument = Annotated[str, typer.Argument(metavar="RUN|PRESET", help="A run folder, a preset or a TOML file.")]
Split = Annotated[
    str, typer.Option("--split", metavar="test|validation", help="Test images, or those set aside from training.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Seed of every random draw.")]
InitialSeed = Annotated[
    int,
    typer.Option(
        "--seed", min=0, metavar="N", help="Seed of the initial weights, used where there are no trained ones."
    ),
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="Use the first N stimuli only.")]


_INTERRUPTED = 130
"""Exit code that shells give to a command stopped by Ctrl-C."""


def main() -> None:
    """Run the command line; an error the user can mend is one line on stderr and an exit code that is not 0."""
    arguments = sys.argv[1:] or ["--help"]
    try:
        code = app(arguments, prog_name="netsim", standalone_mode=False)
        sys.stdout.flush()
    except NetsimError as error:
        _fail(str(error))
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted", _INTERRUPTED)
    except MemoryError:
        _fail("not enough memory; use a smaller network, --limit or training.batch")
    except BrokenPipeError:
        _drop_output()
        sys.exit(1)
    except OSError as error:
        _drop_output()
        _fail(f"{error.filename or 'output'}: {error.strerror or error}")
    except Exception as error:
        # typer names the base of its usage errors nowhere
        explain = getattr(error, "format_message", None)
        if explain is None:
            raise
        command = next((name for name in arguments[:1] if not name.startswith("-") and name in _command_names()), "")
        help_command = " ".join(["netsim", *filter(None, [command]), "--help"])
        _fail(f"{explain().rstrip('.')}; see {help_command}", 2)
    if code == _INTERRUPTED:  # typer turns Ctrl-C into its exit code
        _fail("interrupted", _INTERRUPTED)
    sys.exit(code or 0)


def _fail(message: str, code: int = 1) -> NoReturn:
    print("netsim: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(code)


def _drop_output() -> None:
    """Forget what stdout still holds, so that Python does not try to write it again at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError:  # stdout is no file
        return


def _command_names() -> set[str]:
    return {command.callback.__name__ for command in app.registered_commands if command.callback is not None}


@app.command()
def models(as_json: Json = False) -> None:
    """List the presets: architecture, regime, neurons, synapses, parameters."""
    from netsim.models.presets import load_preset, preset_names, trained_weights_file
    from netsim.summary import summarise

    rows = [
        summarise(load_preset(name)) | {"trained": trained_weights_file(name) is not None} for name in preset_names()
    ]
    if as_json:
        _print_json({"presets": rows})
        return
    table = _table("preset", "layers", "regime", "weights", "neurons>", "synapses>", "parameters>", fold=1)
    for row in rows:
        table.add_row(
            row["name"] + ("*" if row["trained"] else ""),
            row["architecture"],
            row["regime"],
            row["weights"],
            f"{row['neurons']:,}",
            _rounded(row["synapses"]),
            _rounded(row["parameters"]),
        )
    _print_table(table)
    if any(row["trained"] for row in rows):
        _say("* comes with trained weights")


@app.command()
def data(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="digits, mnist or fashion-mnist.")] = None,
    fetch: Annotated[bool, typer.Option("--fetch", help="Download into the user's cache, checked by SHA-256.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show which data sets are found, and where."""
    from netsim.data import KNOWN, where
    from netsim.data import fetch as download
    from netsim.specification_file import nearest

    if name is not None and name not in KNOWN:
        raise SpecificationError(f"data set {name!r}", f"is not known{nearest(name, KNOWN)}")
    if fetch:
        if name is None:
            raise SpecificationError("--fetch", "needs the name of a data set")
        with _progress() as progress:
            task = progress.add_task(f"downloading {name}", total=None)
            download(
                name,
                progress=lambda file, done, total: progress.update(task, description=file, completed=done, total=total),
            )
    places = {known: where(known, data_dir) for known in ([name] if name else KNOWN)}
    if as_json:
        _print_json(
            {
                known: [{"origin": p.origin, "path": str(p.path), "found": p.found, "note": p.note} for p in looked]
                for known, looked in places.items()
            }
        )
    else:
        table = _table("data set", "place", "path", "found", "note", fold=2)
        for known, looked in places.items():
            for place in looked:
                table.add_row(known, place.origin, str(place.path), "yes" if place.found else "no", place.note)
        _print_table(table)
    missing = [known for known, looked in places.items() if not any(place.found for place in looked)]
    if name is not None and missing:
        raise SpecificationError(name, "is not found; get it with --fetch or point --data-dir to it")


@app.command()
def train(
    model: Annotated[
        str,
        typer.Argument(metavar="PRESET|FILE.toml", help="A preset (see netsim models) or a specification of your own."),
    ],
    dataset: DatasetOption = None,
    data_dir: DataDir = None,
    engine: EngineOption = None,
    dt: Dt = None,
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", min=1, metavar="N", help="Passes over the training images; by default the preset's."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=2, metavar="N", help="Train on the first N images, validate on up to N/5."),
    ] = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="RUN", help="New run folder; by default runs/PRESET-seedN.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run folder where it stopped.")] = False,
    as_json: Json = False,
) -> None:
    """Train a network and keep what validates best. The test images are not touched.

    Ctrl-C stops it after the batch under way, and a second one at once; --resume goes on.
    """
    from netsim.checkpoint import write_checkpoint
    from netsim.runs import create_run, describe_run, open_run
    from netsim.stimuli import load_splits
    from netsim.subject import load_network
    from netsim.training import resume_training
    from netsim.training import train as train_network

    network = _with_options(load_network(model), dataset=dataset, engine=engine, dt=dt, epochs=epochs)
    path = out or Path("runs") / f"{network.name}-seed{seed}"
    if resume:
        record = open_run(path).record()
        if open_run(path).network() != network or record["seed"] != seed or record.get("limit") != limit:
            raise RunError(
                f"{path}: was started with other options; go on with: {_resuming(record.get('command', ''))}"
            )
        data_dir = data_dir or record.get("data_dir")
    elif path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(f"{path}: exists already; continue it with --resume or choose another --out")
    splits = load_splits(network, None, data_dir)
    training, validation = splits.training.first(limit), splits.validation.first(limit and max(1, limit // 5))
    settings = network.training
    simulator = _build(settings.engine, network, settings.dt, precision=settings.precision)
    run = (
        open_run(path)
        if resume
        else create_run(
            path,
            network,
            describe_run(
                seed, limit=limit, data_dir=_absolute(data_dir), training=len(training), validation=len(validation)
            ),
        )
    )
    try:
        with run.lock(), _interrupt_noted() as interrupted, _training_progress(network, interrupted) as watcher:
            state = resume_training(network, run, seed)
            if state.history and not run.best.exists():
                raise RunError(f"{run.best}: is missing, though epochs are finished; start again with another --out")

            def on_batch(report: Progress) -> None:
                watcher.on_batch(report)
                if interrupted():
                    write_checkpoint(state, run.checkpoint)
                    raise KeyboardInterrupt

            stoppable = dataclasses.replace(watcher, on_batch=on_batch)
            simulator.run(train_network(network, training, validation, state, seed, run, stoppable))
    except KeyboardInterrupt:
        when = "; the last checkpoint is kept" if run.checkpoint.exists() else " before the first checkpoint"
        _fail(f"{path}: interrupted{when}. Go on with: {_resuming(['netsim', *sys.argv[1:]])}", _INTERRUPTED)
    best = max(state.history, key=lambda row: (row["validation_strict_accuracy"], -row["validation_loss"]))
    result = {
        "run": str(path),
        "epochs": len(state.history),
        "best_epoch": best["epoch"],
        "validation_accuracy": best["validation_accuracy"],
        "validation_strict_accuracy": best["validation_strict_accuracy"],
        "seconds": sum(row["training_seconds"] + row["validation_seconds"] for row in state.history),
    }
    if as_json:
        _print_json(result)
        return
    _say(
        f"best epoch {best['epoch']}: validation accuracy {best['validation_accuracy']:.2%}"
        f" (a tie is an error: {best['validation_strict_accuracy']:.2%})"
    )
    _say(f"run folder: {path}")


@app.command()
def evaluate(
    subject: SubjectArgument,
    split: Split = "test",
    dataset: DatasetOption = None,
    data_dir: DataDir = None,
    engine: EngineOption = None,
    dt: Dt = None,
    limit: Limit = None,
    seed: InitialSeed = 0,
    as_json: Json = False,
) -> None:
    """Measure how well a network decides: the first output spike counts.

    The figures of a run on all stimuli of a split, as it was trained, are kept in it as evaluation-SPLIT.json.
    """
    from netsim.evaluation import evaluate as evaluate_network

    chosen, network = _subject(subject, seed, engine=engine, dt=dt, dataset=dataset)
    whole = _split(chosen, network, split, data_dir)
    stimuli = whole.first(limit)
    simulator = _build(network.training.engine, network, network.training.dt)
    with _counting("evaluating", len(stimuli)) as advance:
        result = evaluate_network(simulator, chosen.weights, stimuli, advance)
    figures = {
        "subject": subject,
        "weights": chosen.origin,
        "dataset": network.training.dataset,
        "split": split,
        "engine": network.training.engine,
        "dt_ms": network.training.dt,
        **result.to_dict(),
    }
    if as_json:
        _print_json(figures)
    else:
        _print_evaluation(subject, figures, result)
    if chosen.run is None:
        return
    if network == chosen.network and len(stimuli) == len(whole):
        _note(f"kept in {chosen.run.write_json(f'evaluation-{split}.json', figures)}")
    else:
        _note(f"not kept in {chosen.run.path}: it keeps figures on a whole split with its own settings only")


def _print_evaluation(subject: str, figures: dict[str, Any], result: Evaluation) -> None:
    grid = f"dt = {figures['dt_ms']} ms" if figures["dt_ms"] else "exact times"
    _say(
        f"{subject}: {result.presentations:,} {figures['split']} stimuli of {figures['dataset']},"
        f" engine {figures['engine']}, {grid}, {result.seconds:.1f} s"
    )
    table = _table("figure", "value>")
    table.add_row("accuracy (first output spike decides)", f"{result.accuracy:.2%}")
    table.add_row("strict accuracy (a tie is an error)", f"{result.strict_accuracy:.2%}")
    table.add_row("ties", f"{result.tie_rate:.2%}")
    table.add_row("no output spike", f"{result.silent_rate:.2%}")
    table.add_row("mean decision latency", f"{result.mean_decision_latency_ms:.2f} ms")
    _print_table(table)
    table = _table("layer", "spikes per presentation>", "synaptic operations per presentation>")
    for name, spikes in result.spikes_per_presentation.items():
        operations = result.synaptic_operations_per_presentation.get(name)
        table.add_row(name, f"{spikes:,.1f}", "" if operations is None else f"{operations:,.0f}")
    _print_table(table)


@app.command()
def simulate(
    subject: SubjectArgument,
    index: Annotated[
        list[int] | None,
        typer.Option("--index", min=0, metavar="N", help="Stimulus to present, counted from 0; repeatable."),
    ] = None,
    split: Split = "test",
    dataset: DatasetOption = None,
    data_dir: DataDir = None,
    engine: EngineOption = None,
    dt: Dt = None,
    record: Annotated[
        list[str] | None,
        typer.Option("--record", metavar="LAYER:NEURON", help="Record a neuron's potential; repeatable."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where files go; by default RUN/simulation, or simulation-PRESET."),
    ] = None,
    seed: InitialSeed = 0,
    as_json: Json = False,
) -> None:
    """Present single stimuli: spikes as a table, potentials, and a raster of each."""
    from netsim.simulation import simulate as simulate_network

    chosen, network = _subject(subject, seed, engine=engine, dt=dt, dataset=dataset)
    stimuli = _split(chosen, network, split, data_dir)
    indices = list(dict.fromkeys(index or [0]))
    if max(indices) >= len(stimuli):
        raise SpecificationError(
            f"--index {max(indices)}", f"is too large; the {split} split has 0 to {len(stimuli) - 1}"
        )
    recorded = [_recorded(text) for text in record or []]
    simulator = _build(network.training.engine, network, network.training.dt, record=recorded)
    folder = out or (chosen.run.path / "simulation" if chosen.run else Path(f"simulation-{network.name}"))
    _make_folder(folder)
    simulation = simulate_network(simulator, chosen.weights, stimuli, indices)
    result = _simulation_record(subject, chosen, network, split, seed, simulation)
    files = _write_simulation(simulation, folder, result)
    if as_json:
        _print_json(result | {"files": files})
        return
    table = _table("stimulus>", "label>", "decision>", "decision latency>", "spikes>")
    for row in result["presentations"]:
        latency = row["decision_latency_ms"]
        table.add_row(
            str(row["index"]),
            str(row["label"]),
            "silent" if row["decision"] is None else str(row["decision"]) + (" (tied)" if row["tied"] else ""),
            "" if latency is None else f"{latency:.3f} ms",
            f"{row['spikes']:,}",
        )
    _print_table(table)
    for file in files:
        _say(file)


@app.command()
def compare(
    subject: SubjectArgument,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="Present the first N test stimuli.")] = 100,
    dataset: DatasetOption = None,
    data_dir: DataDir = None,
    dt: Annotated[
        float | None,
        typer.Option("--dt", metavar="MS", help="Time grid in ms; by default as the preset or run says, else 1."),
    ] = None,
    seed: InitialSeed = 0,
    as_json: Json = False,
) -> None:
    """Present the same stimuli on both engines; exit code 1 if fewer than 99.99 % of spikes agree."""
    from netsim.comparison import REQUIRED
    from netsim.comparison import compare as compare_engines

    chosen, network = _subject(subject, seed, dataset=dataset)
    step = dt if dt is not None else network.training.dt or 1.0
    stimuli = _split(chosen, network, "test", data_dir).first(limit)
    event, brian2 = _build("event", network, step), _build("brian2", network, step)
    with _counting("comparing", len(stimuli)) as advance:
        result = compare_engines(event, brian2, chosen.weights, stimuli, advance)
    if as_json:
        _print_json({"subject": subject, "weights": chosen.origin, **result.to_dict()})
    else:
        table = _table("layer", "same step>")
        for name, share in result.by_layer.items():
            table.add_row(name, f"{share:.4%}")
        table.add_row("all", f"{result.agreement:.4%}", end_section=True)
        _print_table(table)
        _say(
            f"{result.presentations} presentations, dt = {step} ms: same decision in {result.same_decisions:.2%},"
            f" largest difference {result.largest_difference_steps:g} steps"
        )
    if not result.agrees:
        _fail(
            f"the engines agree in {result.agreement:.4%} of neurons and presentations only; {REQUIRED:.2%} is required"
        )


def _with_options(
    network: Network,
    dataset: str | None = None,
    engine: str | None = None,
    dt: float | None = None,
    epochs: int | None = None,
) -> Network:
    """The network with the options of the command line in place of its own settings."""
    options: dict[str, Any] = {"dataset": dataset, "engine": engine, "dt": dt, "epochs": epochs}
    if dataset is not None and Path(dataset).is_dir():
        options["dataset"] = str(Path(dataset).resolve())
    given = {name: value for name, value in options.items() if value is not None}
    if given.get("engine") == "brian2" and dt is None and not network.training.dt:
        given["dt"] = 1.0
    try:
        return dataclasses.replace(network, training=dataclasses.replace(network.training, **given))
    except SpecificationError as error:
        option = error.field.removeprefix("training.")
        if option not in given:
            raise
        raise SpecificationError(f"--{option}", str(error).removeprefix(f"{error.field}: ")) from error


def _subject(name: str, seed: int, **options: Any) -> tuple[Subject, Network]:
    """What a command works on, and its network with the options applied; says so if it was never trained."""
    from netsim.subject import load_subject

    chosen = load_subject(name, seed)
    if chosen.origin == "initial":
        _note(f"{name}: has no trained weights; initial weights of seed {seed} are used")
    return chosen, _with_options(chosen.network, **options)


def _split(chosen: Subject, network: Network, split: str, data_dir: str | None) -> Stimuli:
    from netsim.stimuli import load_splits

    if split not in ("test", "validation"):
        raise SpecificationError(f"--split {split!r}", "must be test or validation")
    splits = load_splits(network, None, data_dir or chosen.data_dir)
    return splits.test if split == "test" else splits.validation


def _simulation_record(
    subject: str, chosen: Subject, network: Network, split: str, seed: int, simulation: Simulation
) -> dict[str, Any]:
    """What was simulated, to the letter."""
    from netsim.runs import describe_run
    from netsim.specification_file import network_to_dict

    return describe_run(
        seed,
        subject=subject,
        weights=chosen.origin,
        dataset=network.training.dataset,
        split=split,
        engine=network.training.engine,
        dt_ms=simulation.dt,
        presentations=simulation.to_dict(),
        network=network_to_dict(network),
    )


def _write_simulation(simulation: Simulation, folder: Path, record: dict[str, Any]) -> list[str]:
    import matplotlib

    from netsim.files import write_text

    matplotlib.use("agg")
    from netsim.analysis.simulation_files import write_simulation

    write_text(folder / "simulation.json", json.dumps(record, indent=2) + "\n")
    return [str(folder / "simulation.json"), *map(str, write_simulation(simulation, folder))]


def _resuming(command: list[str]) -> str:
    """The command that goes on with a training that `command` has started."""
    return shlex.join([*command, *(["--resume"] if "--resume" not in command else [])])


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot be made ({error.strerror}); choose another --out") from error


def _recorded(text: str) -> Any:
    from netsim.engines import Recorded

    layer, _, neuron = text.partition(":")
    if not neuron.isdecimal():
        raise SpecificationError(f"--record {text}", "must be LAYER:NEURON, for example hidden:3")
    return Recorded(layer, int(neuron))


def _build(name: str, network: Network, dt: float, **options: Any) -> Engine:
    from rich.console import Console

    from netsim.engines import make_engine

    with Console(stderr=True).status(f"building the network for the engine {name}"):
        return make_engine(name, network, dt, **options)


def _absolute(path: str | None) -> str | None:
    return None if path is None else str(Path(path).resolve())


def _print_json(content: dict[str, Any]) -> None:
    print(json.dumps(content, indent=2, allow_nan=False))


def _say(text: str) -> None:
    print(text)


def _note(text: str) -> None:
    print(text, file=sys.stderr)


def _rounded(count: int) -> str:
    """A count to three digits, for a table."""
    if count < 100_000:
        return f"{count:,}"
    return f"{count / 1e6:.3g} M"


def _table(*headings: str, fold: int | None = None) -> Table:
    """A table; a heading that ends in ``>`` has its column right-aligned, column `fold` gives way if space is short."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for position, heading in enumerate(headings):
        right = heading.endswith(">")
        table.add_column(
            heading.rstrip(">"),
            justify="right" if right else "left",
            overflow="fold",
            no_wrap=fold is not None and position != fold,
        )
    return table


def _print_table(table: Table) -> None:
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH).print(table)


def _progress() -> ProgressBar:
    """A progress bar on stderr with counts and the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


@contextmanager
def _counting(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how many presentations are done; gives the function to tell."""
    with _progress() as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)


@contextmanager
def _interrupt_noted() -> Iterator[Callable[[], bool]]:
    """Only note the first Ctrl-C, so that nothing is left half done; gives the function that tells of it.

    An exception out of nowhere can also get lost where Python cannot raise it, which happens while Brian2
    builds a network. The second Ctrl-C interrupts as usual.
    """
    noted = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal noted
        if noted:
            raise KeyboardInterrupt
        noted = True

    previous = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: noted
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def _training_progress(network: Network, interrupted: Callable[[], bool]) -> Iterator[Watcher]:
    """Show a training as it goes, and a line for each finished epoch."""
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from netsim.training import Watcher

    progress = _progress()
    task = progress.add_task("epoch 1", total=None)
    figures = Text()

    def on_batch(report: Progress) -> None:
        progress.update(
            task,
            description=f"epoch {report.epoch + 1}/{network.training.epochs}",
            total=report.expected,
            completed=report.presentations,
        )
        silent = ", ".join(f"{name} {fraction:.0%}" for name, fraction in report.silent.items())
        figures.plain = f"loss {report.loss:.4f}, accuracy {report.accuracy:.2%}; silent: {silent}"

    def on_epoch(metrics: dict[str, Any]) -> None:
        progress.console.print(
            f"epoch {metrics['epoch']}: training loss {metrics['training_loss']:.4f},"
            f" accuracy {metrics['training_strict_accuracy']:.2%};"
            f" validation loss {metrics['validation_loss']:.4f},"
            f" accuracy {metrics['validation_strict_accuracy']:.2%};"
            f" {metrics['training_seconds'] + metrics['validation_seconds']:.1f} s",
            highlight=False,
            soft_wrap=True,
        )
        progress.reset(task)

    def shown() -> Group:
        stopping = Text("stopping after this batch; Ctrl-C again stops at once")
        return Group(progress, stopping if interrupted() else figures)

    with Live(console=progress.console, transient=True, get_renderable=shown):
        yield Watcher(on_batch, on_epoch)


importlib.import_module("netsim.cli_plot")  # adds the command plot
