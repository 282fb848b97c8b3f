"""The command ``netsim experiment``: questions of neuroscience with a published control."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from netsim.cli import options, terminal
from netsim.cli.generating import Given
from netsim.errors import SpecificationError
from netsim.experiments.experiment import LEAST_SEEDS
from netsim.experiments.notebook import write_notebook
from netsim.experiments.running import ExperimentResult
from netsim.experiments.running import experiment as run_experiment
from netsim.experiments.settings import make_experiment
from netsim.seams import experiments
from netsim.specification.keys import parse_settings
from netsim.spikes.files import records


def experiment(
    given: Given,
    name: str | None = None,
    settings: Sequence[str] = (),
    out: Path | None = None,
    notebook: Path | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    as_json: bool = False,
) -> None:
    """Files are results.csv, results.parquet, the figure EXPERIMENT.png, page.html, page.md and experiment.json, a
    record of settings, seeds, versions and checksums. Each condition and seed is kept when it ends. Press Ctrl-C to
    stop. --resume continues. --notebook writes a notebook instead, with the given settings and seeds.

    Parameters
    ----------
    name : EXPERIMENT
        One of `netsim.seams.experiments`; by default all experiments are listed.
    settings : KEY=VALUE
        A setting, such as depths=[2,4]; repeatable.
    out : DIR
        New folder; by default experiments/EXPERIMENT, or with -quick.
    notebook : FILE
        Write a notebook of the experiment to copy and change, and run nothing.
    workers : N
        Distribute conditions and seeds over N processes; by default one.
    """
    options.check_workers(workers, scheduler)
    if name is None:
        own = {"quick": "quick" in given, "seeds": "seeds" in given, "set": settings, "out": out}
        for option, value in (own | {"resume": "resume" in given, "notebook": notebook}).items():
            if value:
                raise SpecificationError(f"--{option}", "needs an experiment; netsim experiment lists them")
        list_experiments(as_json)
        return
    quick = given.get("quick", False)
    chosen = make_experiment(name, quick, parse_settings(settings))
    if notebook is not None:
        useless = {"--out": out, "--resume": "resume" in given, "--data-dir": given.get("data_dir")}
        for option, value in (useless | {"--workers": workers, "--scheduler": scheduler}).items():
            if value:
                raise SpecificationError(option, "has no meaning with --notebook, which runs nothing; remove it")
        write_notebook(chosen, notebook, quick, given.get("seeds", LEAST_SEEDS))
        if as_json:
            terminal.print_json({"experiment": name, "files": [str(notebook)]})
        else:
            print(notebook)
        return
    folder = out or Path("experiments") / (f"{name}-quick" if quick else name)
    try:
        with terminal.counting(f"experiment {name}", 1) as advance:
            result = given.call(
                run_experiment,
                name=name,
                settings=chosen.settings,
                out=folder,
                workers=scheduler or workers,
                progress=lambda done, total, unit: advance(done, total),
            )
    except KeyboardInterrupt:
        terminal.fail_interrupted(folder, "")
    if as_json:
        results = {"rows": records(result.table), "files": [str(file) for file in result.files]}
        terminal.print_json({**result.record, **results})
    else:
        print_results(result)


def list_experiments(as_json: bool) -> None:
    """Print all experiments, each with its question and its duration."""
    rows = [
        {"experiment": name, "question": each.summary, "duration": each.duration, "quick": each.quick_duration}
        for name, each in experiments.items()
    ]
    if as_json:
        terminal.print_json({"experiments": rows})
    else:
        table = terminal.new_table("experiment", "question", "duration", "--quick", fold=1)
        terminal.print_table(table, (row.values() for row in rows))


def print_results(result: ExperimentResult) -> None:
    """Print the means with their intervals, the verdict, and the names of the files."""
    results = result.experiment.results(result.table)
    terminal.print_table(terminal.new_table(*results.headings), results.rows)
    print(f"{result.verdict.outcome}: {result.verdict.reason}")
    print(*result.files, sep="\n")
