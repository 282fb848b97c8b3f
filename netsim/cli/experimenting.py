"""The command ``netsim experiment``: questions of neuroscience with a published control."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from netsim.cli import options, terminal
from netsim.errors import SpecificationError
from netsim.seams import experiments

if TYPE_CHECKING:
    from netsim.experiments.running import ExperimentResult


def experiment(
    name: Annotated[
        str | None,
        Argument(
            metavar="EXPERIMENT",
            help="What is run, see above; by default all experiments are listed.",
            show_default=False,
            autocompletion=lambda: list(experiments),
        ),
    ] = None,
    quick: Annotated[bool, Option("--quick", help="Use settings that take minutes and show the protocol.")] = False,
    seeds: Annotated[
        int | None, Option(min=1, max=1000, metavar="N", help="Number of seeds; by default at least 5.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        Option("--set", metavar="KEY=VALUE", help="A setting, such as depths=[2,4]; repeatable."),
    ] = None,
    out: Annotated[
        Path | None, Option(metavar="DIR", help="New folder; by default experiments/EXPERIMENT, or with -quick.")
    ] = None,
    resume: Annotated[
        bool, Option("--resume", help="Continue the experiment where it stopped, if there is one.")
    ] = False,
    notebook: Annotated[
        Path | None,
        Option(metavar="FILE", help="Write a notebook of the experiment to copy and change, and run nothing."),
    ] = None,
    data_dir: options.DataDir = None,
    workers: Annotated[
        int | None,
        Option(
            min=1,
            metavar="N",
            help="Distribute conditions and seeds over N processes; by default one.",
        ),
    ] = None,
    scheduler: options.Scheduler = None,
    as_json: options.Json = False,
) -> None:
    """Run an experiment: a question of neuroscience, its protocol, and a comparison with a published result.

    EXPERIMENT is one of:

    {experiments}

    Files are results.csv, results.parquet, the figure EXPERIMENT.png, page.html, page.md and experiment.json, a \
record of settings, seeds, versions and checksums. Each condition and seed is kept when it ends. Press Ctrl-C to stop. \
--resume continues. --notebook writes a notebook instead, with the given settings and seeds.
    """
    options.check_workers(scheduler, workers)
    if name is None:
        given = {"--quick": quick, "--seeds": seeds, "--set": settings, "--out": out, "--resume": resume}
        given["--notebook"] = notebook
        if needless := [option for option, value in given.items() if value]:
            raise SpecificationError(needless[0], "needs an experiment; netsim experiment lists them")
        list_experiments(as_json)
        return
    from netsim.experiments.settings import make_experiment
    from netsim.specification.keys import parse_settings
    from netsim.spikes.files import records

    chosen = make_experiment(name, quick, parse_settings(settings or ()))
    if notebook is not None:
        from netsim.experiments.experiment import LEAST_SEEDS
        from netsim.experiments.notebook import write_notebook

        of_runs: dict[str, Any] = {"--out": out, "--resume": resume, "--data-dir": data_dir}
        of_runs |= {"--workers": workers, "--scheduler": scheduler}
        if needless := [option for option, value in of_runs.items() if value]:
            raise SpecificationError(needless[0], "has no meaning with --notebook, which runs nothing; remove it")
        write_notebook(chosen, notebook, quick, seeds or LEAST_SEEDS)
        if as_json:
            terminal.print_json({"experiment": name, "files": [str(notebook)]})
        else:
            print(notebook)
        return
    folder = out or Path("experiments") / (f"{name}-quick" if quick else name)
    try:
        result = run(chosen.name, quick, seeds, chosen.settings, folder, resume, data_dir, scheduler or workers)
    except KeyboardInterrupt:
        terminal.fail_interrupted(folder, "")
    if as_json:
        results = {"rows": records(result.table), "files": [str(file) for file in result.files]}
        terminal.print_json({**result.record, **results})
        return
    print_results(result)


def run(
    name: str,
    quick: bool,
    seeds: int | None,
    settings: dict[str, Any],
    folder: Path,
    resume: bool,
    data_dir: str | None,
    workers: int | str | None,
) -> ExperimentResult:
    """Run an experiment into a folder, and show how many of its units have ended."""
    from netsim.experiments.running import experiment as run_experiment

    with terminal.notes_for(UserWarning), terminal.counting(f"experiment {name}", 1) as advance:
        return run_experiment(
            name,
            quick=quick,
            seeds=seeds,
            settings=settings,
            out=folder,
            resume=resume,
            workers=workers,
            data_dir=data_dir,
            progress=lambda done, total, unit: advance(done, total),
        )


def list_experiments(as_json: bool) -> None:
    """Print all experiments, each with its question and its duration."""
    rows = [
        {"experiment": name, "question": each.summary, "duration": each.duration, "quick": each.quick_duration}
        for name, each in experiments.items()
    ]
    if as_json:
        terminal.print_json({"experiments": rows})
        return
    table = terminal.new_table("experiment", "question", "duration", "--quick", fold=1)
    for row in rows:
        table.add_row(*row.values())
    terminal.print_table(table)


def print_results(result: ExperimentResult) -> None:
    """Print the means with their intervals, the verdict, and the names of the files."""
    results = result.experiment.results(result.table)
    table = terminal.new_table(*results.headings)
    for row in results.rows:
        table.add_row(*row)
    terminal.print_table(table)
    print(f"{result.verdict.outcome}: {result.verdict.reason}")
    print(*result.files, sep="\n")
