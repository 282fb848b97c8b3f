"""The command ``netsim study``: effects of disturbances on the decisions of a network."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from netsim.cli import options
from netsim.cli.terminal import counting, new_table, print_json, print_table
from netsim.errors import SpecificationError
from netsim.seams import studies

if TYPE_CHECKING:
    import pandas as pd


def study(
    name: Annotated[
        str, Argument(metavar="STUDY", help="What is disturbed, see above.", autocompletion=lambda: list(studies))
    ],
    subject: options.ModelArgument,
    level: Annotated[
        list[float] | None,
        Option(metavar="X", help="Level of the disturbance, see STUDY; repeatable; by default several levels."),
    ] = None,
    layer: Annotated[
        list[str] | None,
        Option(
            metavar="LAYER|all",
            help="Disturb only this layer; repeatable, one curve each; by default all layers together.",
        ),
    ] = None,
    seeds: Annotated[int | None, Option(min=1, max=10_000, metavar="N", help="Number of seeds; by default 5.")] = None,
    seed: Annotated[int, Option(min=0, metavar="N", help="First seed, also of initial weights.")] = 0,
    limit: Annotated[int, Option(min=1, metavar="N", help="Present only the first N stimuli.")] = 1000,
    out: Annotated[
        Path | None, Option(metavar="DIR", help="Where files go; by default RUN/studies, or studies-PRESET.")
    ] = None,
    parquet: Annotated[bool, Option("--parquet", help="Write the table as STUDY.parquet too.")] = False,
    split: options.Split = "test",
    dataset: options.DatasetOption = None,
    data_dir: options.DataDir = None,
    engine: options.EngineOption = None,
    dt: options.Dt = None,
    workers: options.Workers = None,
    scheduler: options.Scheduler = None,
    as_json: options.Json = False,
) -> None:
    """Disturb a network, its stimuli or its simulation, and measure its decisions: table and figure.

    STUDY is one of:

    {studies}

    Files are STUDY.csv, with one row per level and seed, STUDY.png and .svg, with 95 % confidence bands over seeds, \
and STUDY.json, a record of what was simulated. Chosen layers follow the name, as in STUDY-LAYER.csv.
    """
    from netsim.analysis.studies import study_table
    from netsim.engines import make_engine
    from netsim.spikes.files import check_table_suffix, records
    from netsim.studies.plans import make_plan
    from netsim.studies.runner import StudyRunner

    chosen, network = options.model_of(subject, seed, engine=engine, dt=dt, dataset=dataset)
    plan = make_plan(network, name, level, range(seed, seed + (seeds or 5)), layer)
    if seeds is not None and not plan.seeds:
        raise SpecificationError(
            f"--seeds {seeds}", f"has no meaning for {name}, which draws nothing at random; remove it"
        )
    if studies[name].is_grid and dt is not None:
        raise SpecificationError(f"--dt {dt:g}", f"has no meaning for {name}; give time steps with --level")
    folder = out or (chosen.run.subfolder("studies") if chosen.run else Path(f"studies-{network.name}"))
    stem = options.file_stem(name, layer)
    tables = [folder / f"{stem}.{suffix}" for suffix in ("csv", *(["parquet"] if parquet else []))]
    for table in tables:
        check_table_suffix(table)
    stimuli = options.split_of(chosen, network, split, data_dir, limit)
    options.make_folder(folder)
    options.note_initial_weights(subject, chosen, seed)
    kind = (studies, plan.study)
    more: dict[str, Any] = {"dt_ms": None} if studies[plan.study].is_grid else {}
    more |= {"presentations": len(stimuli), **plan.to_dict()}
    source = {"dataset": network.training.dataset, "split": split}
    record = options.record_of(subject, chosen, network, source, seed, [kind], **more)
    total = plan.passes * len(stimuli)
    with options.distributed_over(scheduler, workers) as distribution, counting(f"studying {name}", total) as advance:
        model = replace(chosen, network=network)
        engine_at = functools.partial(make_engine, network.training.engine, network)
        frame = study_table(StudyRunner(plan, model, stimuli, engine_at, advance, distribution).run())
    files = write_study(frame, record, folder, tables)
    if as_json:
        print_json(record | {"rows": records(frame), "files": files})
        return
    print_levels(frame)
    print(*files, sep="\n")


def write_study(frame: pd.DataFrame, record: dict[str, Any], folder: Path, tables: list[Path]) -> list[str]:
    """Write tables, figures and record of a study under one stem, all or none. Return the names of the files."""
    import matplotlib.pyplot as plt

    from netsim.analysis.studies import study_panels
    from netsim.analysis.style import save_figure
    from netsim.files import write_json, write_together
    from netsim.spikes.files import write_table

    name = tables[0].stem
    figure = study_panels(frame)

    def fill(hidden: Path) -> list[Path]:
        written = [hidden / table.name for table in tables]
        for table in written:
            write_table(frame, table)
        for suffix in ("png", "svg"):
            written.append(hidden / f"{name}.{suffix}")
            save_figure(figure, written[-1])
        written.append(hidden / f"{name}.json")
        write_json(written[-1], record)
        return written

    try:
        return [str(path) for path in write_together(folder, fill)]
    finally:
        plt.close(figure)


def print_levels(frame: pd.DataFrame) -> None:
    """Print one line per curve and level: means over seeds, with the interval of the accuracy."""
    accuracy = ("accuracy,\nstrict>", "95 % interval>")  # lines of 80 columns keep intervals whole
    table = new_table("", "layer", "level>", *accuracy, "same\ndecisions>", "change of\nlatency>")
    by = ["condition", "layer", "level"]
    curves = frame.fillna({"layer": ""}).groupby(by, sort=False, dropna=False, observed=True)
    for row in curves.mean(numeric_only=True).reset_index().to_dict("records"):
        change = row["latency_difference_ms"]
        table.add_row(
            row["condition"],
            row["layer"],
            "" if math.isnan(row["level"]) else f"{row['level']:g}",
            f"{row['strict_accuracy']:.2%}",
            f"{row['low']:.2%} to {row['high']:.2%}",
            f"{row['same_decisions']:.2%}",
            "" if math.isnan(change) else f"{change:.2f} ms",
        )
    print_table(table)
