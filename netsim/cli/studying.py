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

    from netsim.runs.folder import RunFolder


def study(
    name: Annotated[
        str, Argument(metavar="STUDY", help="What is disturbed, see above.", autocompletion=lambda: list(studies))
    ],
    subjects: options.NetworksArgument,
    against: Annotated[
        list[str] | None,
        Option(metavar="RUN|SWEEP", help="Compare with these networks, a second group; repeatable."),
    ] = None,
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
    degradation: Annotated[
        list[str] | None,
        Option(
            metavar="NAME",
            help="For degrade: contrast, noise, blur, occlusion or morph, or several such as contrast+noise;"
            " repeatable, one curve each; by default all five.",
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

    Files are STUDY.csv, with one row per level and seed, STUDY.png and .svg, with 95 % confidence bands, \
and STUDY.json, a record of what was simulated. Chosen layers follow the name, as in STUDY-LAYER.csv.

    Each of several networks counts once: the table has a row per network, and intervals are over networks. \
STUDY-networks.csv splits the variance into networks, draws and stimuli. Its intervals include stimuli if the measure \
is a fraction of presentations. The rows of accuracy_change say how much accuracy is lost. With --against, \
STUDY-comparison.csv has the differences of two groups of networks, with interval, effect and test, and \
STUDY-against.csv the rows of the second group.
    """
    from netsim.analysis.members import members_of
    from netsim.analysis.nesting import nested_intervals
    from netsim.analysis.networks import compare_networks
    from netsim.analysis.studies import StudyOfNetwork, join_networks, run_studies
    from netsim.engines import make_engine
    from netsim.spikes.files import check_table_suffix, records
    from netsim.studies.plans import make_plan

    if degradation is not None and name != "degrade":
        raise SpecificationError("--degradation", f"has no meaning for {name}, only for degrade; remove it")
    if layer is not None and name == "degrade":
        raise SpecificationError("--layer", "has no meaning for degrade; use --degradation")
    layer = layer or degradation
    members, others = members_of(subjects), members_of(against or ())
    if both := {each.name for each in members} & {each.name for each in others}:
        raise SpecificationError(f"--against {min(both)}", "is in both groups; a network belongs to one of them")
    records_of_each, plans = [], []
    for member in [*members, *others]:
        chosen, network = options.model_of(member.name, seed, engine=engine, dt=dt, dataset=dataset)
        plan = make_plan(network, name, level, range(seed, seed + (seeds or 5)), layer)
        plans.append((member, chosen, network, plan))
    first = plans[0]
    options.check_different({member.name: chosen for member, chosen, _, _ in plans})
    if seeds is not None and not first[3].seeds:
        raise SpecificationError(
            f"--seeds {seeds}", f"has no meaning for {name}, which draws nothing at random; remove it"
        )
    if studies[name].is_grid and dt is not None:
        raise SpecificationError(f"--dt {dt:g}", f"has no meaning for {name}; give time steps with --level")
    several = len(plans) > 1
    folder = out or folder_of(subjects, first[1].run if not several else None, first[2].name, several)
    stem = options.file_stem(name, layer)
    tables = [folder / f"{stem}.{suffix}" for suffix in ("csv", *(["parquet"] if parquet else []))]
    for table in tables:
        check_table_suffix(table)
    stimuli = [options.split_of(chosen, network, split, data_dir, limit) for _, chosen, network, _ in plans]
    options.make_folder(folder)
    chosen_networks = []
    for (member, chosen, network, plan), shown in zip(plans, stimuli, strict=True):
        options.note_initial_weights(member.name, chosen, seed)
        more: dict[str, Any] = {"dt_ms": None} if studies[plan.study].is_grid else {}
        more |= {"presentations": len(shown), **plan.to_dict()}
        source = {"dataset": network.training.dataset, "split": split}
        records_of_each.append(
            options.record_of(member.name, chosen, network, source, seed, [(studies, plan.study)], **more)
        )
        model = replace(chosen, network=network)
        engine_at = functools.partial(make_engine, network.training.engine, network)
        chosen_networks.append(StudyOfNetwork(model, plan, shown, engine_at, member.name, member.settings))
    total = sum(each.plan.passes * len(each.stimuli) for each in chosen_networks)
    with options.distributed_over(scheduler, workers) as distribution, counting(f"studying {name}", total) as advance:
        frames = run_studies(chosen_networks, advance, distribution)
    record = records_of_each[0]
    if several:
        record = {"networks": records_of_each[: len(members)], "against": records_of_each[len(members) :]}
    compared = nested = second = None
    if not several:
        frame = frames[0].drop(columns=["network", "group"])
    else:
        frame = join_networks(frames[: len(members)])
        nested = nested_intervals(frame)
        if others:
            second = join_networks(frames[len(members) :])
            compared = compare_networks(frame, second)
    summaries = {"networks": nested, "comparison": compared, "against": second}
    files = write_study(frame, record, folder, tables, summaries)
    if as_json:
        rows = {"rows": records(frame), "files": files}
        print_json(record | rows | ({"comparison": records(compared)} if compared is not None else {}))
        return
    print_levels(frame)
    if second is not None:
        print("against:")
        print_levels(second)
    if compared is not None:
        measures = ("strict_accuracy", "accuracy_change", "mean_decision_latency_ms")
        print_comparison(compared[compared["measure"].isin(measures)])
    print(*files, sep="\n")


def folder_of(subjects: list[str], run: RunFolder | None, network: str, several: bool) -> Path:
    """The folder of a study: in the run or the one sweep, else in the current folder."""
    if several:
        return Path(subjects[0], "studies") if len(subjects) == 1 else Path("studies-networks")
    return run.subfolder("studies") if run else Path(f"studies-{network}")


def print_comparison(compared: pd.DataFrame) -> None:
    """One line per measure and key: the difference of two groups of networks, with its false discovery rate q."""
    keys = [key for key in ("layer", "level", "condition") if key in compared]
    table = new_table("measure", *keys, "networks>", "difference>", "95 % interval>", "Hedges' g>", "q>")
    for row in compared.to_dict("records"):
        table.add_row(
            row["measure"],
            *("" if isinstance(row[key], float) and math.isnan(row[key]) else str(row[key]) for key in keys),
            f"{row['networks']} / {row['against_networks']}",
            f"{row['difference']:.4g}",
            "" if math.isnan(row["low"]) else f"{row['low']:.4g} to {row['high']:.4g}",
            "" if math.isnan(row["effect"]) else f"{row['effect']:.2f}",
            "" if math.isnan(row["q"]) else f"{row['q']:.3g}",
        )
    print_table(table)


def write_study(
    frame: pd.DataFrame, record: dict[str, Any], folder: Path, tables: list[Path], summaries: dict[str, Any]
) -> list[str]:
    """Write tables, figures and record of a study under one stem, all or none. Return the names of the files.

    Summaries that are None are removed, because they belong to an earlier study whose other tables are replaced.
    """
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
        for what, summary in summaries.items():
            if summary is not None:
                written.append(hidden / f"{name}-{what}.csv")
                write_table(summary, written[-1])
        return written

    try:
        files = [str(path) for path in write_together(folder, fill)]
        for what, summary in summaries.items():
            if summary is None:
                (folder / f"{name}-{what}.csv").unlink(missing_ok=True)
        return files
    finally:
        plt.close(figure)


def print_levels(frame: pd.DataFrame) -> None:
    """Print one line per curve and level: means over seeds, with the interval of the accuracy.

    The change of latency is signed: negative if decisions are earlier.
    """
    from netsim.measuring.metrics import latency_text

    accuracy = ("accuracy,\nstrict>", "95 % interval>")  # lines of 80 columns keep intervals whole
    several = "network" in frame
    by = [*(["group"] if "group" in frame else []), "condition", "layer", "level"]
    more = [*(["settings"] if "group" in frame else []), *(["networks>"] if several else [])]
    table = new_table(*more, "", "layer", "level>", *accuracy, "same\ndecisions>", "mean change\nof latency>")
    curves = frame.fillna({"layer": ""}).groupby(by, sort=False, dropna=False, observed=True)
    means = curves.mean(numeric_only=True)
    if several:
        means["networks"] = curves["network"].nunique().to_numpy()
    for row in means.reset_index().to_dict("records"):
        change = row["latency_change_ms"]
        table.add_row(
            *([row["group"]] if "group" in row else []),
            *([str(row["networks"])] if several else []),
            row["condition"],
            row["layer"],
            "" if math.isnan(row["level"]) else f"{row['level']:g}",
            f"{row['strict_accuracy']:.2%}",
            "" if math.isnan(row["low"]) else f"{row['low']:.2%} to {row['high']:.2%}",
            f"{row['same_decisions']:.2%}",
            "" if math.isnan(change) else f"{'+' if change > 0 else ''}{latency_text(change)}",
        )
    print_table(table)
