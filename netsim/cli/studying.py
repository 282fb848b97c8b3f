"""The command ``netsim study``: effects of disturbances on the decisions of a network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt

from netsim.analysis.members import members_of
from netsim.analysis.nesting import nested_intervals
from netsim.analysis.networks import compare_networks
from netsim.analysis.studies import StudyOfNetwork, join_networks, run_studies, study_panels
from netsim.analysis.style import save_figure
from netsim.cli import options
from netsim.cli.generating import Given
from netsim.cli.terminal import counting, new_table, print_json, print_table
from netsim.engines import make_engine
from netsim.errors import SpecificationError
from netsim.files import make_folder, write_json, write_together
from netsim.measuring.metrics import latency_text
from netsim.runs.folder import RunFolder
from netsim.seams import studies
from netsim.spikes.files import check_table_suffix, records, write_table
from netsim.studies.plans import make_plan

if TYPE_CHECKING:
    import pandas as pd

_MOST_SEEDS = 10_000


def study(
    given: Given,
    model: Sequence[str],
    name: str,
    against: Sequence[str] = (),
    levels: Sequence[float] | None = None,
    layers: Sequence[str] | None = None,
    degradations: Sequence[str] | None = None,
    seeds: int | None = None,
    seed: int = 0,
    limit: int = 1000,
    out: Path | None = None,
    parquet: bool = False,
    as_json: bool = False,
) -> None:
    """Files are STUDY.csv, with one row per level and seed, STUDY.png and .svg, with 95 % confidence bands, and
    STUDY.json, a record of what was simulated. Chosen layers follow the name, as in STUDY-LAYER.csv.

    Each of several networks counts once: the table has a row per network, and intervals are over networks.
    STUDY-networks.csv splits the variance into networks, draws and stimuli. Its intervals include stimuli if the
    measure is a fraction of presentations. The rows of accuracy_change say how much accuracy is lost. With --against,
    STUDY-comparison.csv has the differences of two groups of networks, with interval, effect and test, and
    STUDY-against.csv the rows of the second group.

    Parameters
    ----------
    against : RUN|SWEEP
        Compare with these networks, a second group; repeatable.
    degradations : NAME
        For degrade: contrast, noise, blur, occlusion or morph, or several such as contrast+noise; repeatable, one curve
        each; by default all five.
    seeds : N
        Number of seeds; by default 5.
    seed : N
        First seed, also of initial weights.
    limit : N
        Present only the first N stimuli.
    out : DIR
        Where files go; by default RUN/studies, or studies-PRESET.
    parquet : bool
        Write the table as STUDY.parquet too.
    """
    if degradations and name != "degrade":
        raise SpecificationError("--degradation", f"has no meaning for {name}, only for degrade; remove it")
    if layers and name == "degrade":
        raise SpecificationError("--layer", "has no meaning for degrade; use --degradation")
    if seeds is not None and seeds > _MOST_SEEDS:
        raise SpecificationError("--seeds", f"must be at most {_MOST_SEEDS:,}, not {seeds:,}")
    layers, given["seed"] = layers or degradations, seed
    members, others = members_of(model), members_of(against)
    if both := {each.name for each in members} & {each.name for each in others}:
        raise SpecificationError(f"--against {min(both)}", "is in both groups; a network belongs to one of them")
    opened = {member: options.open_model(given, member.name) for member in [*members, *others]}
    plans = {
        member: make_plan(each.network, name, levels, range(seed, seed + (seeds or 5)), layers)
        for member, each in opened.items()
    }
    options.check_different({member.name: each for member, each in opened.items()})
    entry, several = studies[name], len(opened) > 1
    if seeds is not None and not entry.random:
        raise SpecificationError(
            f"--seeds {seeds}", f"has no meaning for {name}, which draws nothing at random; remove it"
        )
    if entry.is_grid and "dt" in given:
        raise SpecificationError(f"--dt {given['dt']:g}", f"has no meaning for {name}; give time steps with --level")
    first = opened[members[0]]
    folder = out or folder_of(model, first.run if not several else None, first.network.name, several)
    stem = options.file_stem(name, layers)
    tables = [folder / f"{stem}.{suffix}" for suffix in ("csv", *(["parquet"] if parquet else []))]
    for table in tables:
        check_table_suffix(table)
    stimuli = {member: given.call(options.split_of, model=each, limit=limit) for member, each in opened.items()}
    make_folder(folder)
    chosen, described = [], []
    for member, each in opened.items():
        options.note_initial_weights(given, member.name, each)
        more: dict[str, Any] = {"dt_ms": None} if entry.is_grid else {}
        more |= {"presentations": len(stimuli[member]), **plans[member].to_dict()}
        source = {"dataset": each.network.training.dataset, "split": given.get("split", "test")}
        described.append(options.record_of(given, member.name, each, source, [(studies, name)], **more))
        engine_at = partial(make_engine, each.network.training.engine, each.network)
        about = stimuli[member], engine_at, member.name, member.settings
        chosen.append(StudyOfNetwork(each, plans[member], *about))
    total = sum(each.plan.passes * len(each.stimuli) for each in chosen)
    with given.call(options.distributed_over) as distribution, counting(f"studying {name}", total) as advance:
        frames = run_studies(chosen, advance, distribution)
    compared = nested = second = None
    record: dict[str, Any] = described[0]
    if not several:
        frame = frames[0].drop(columns=["network", "group"])
    else:
        record = {"networks": described[: len(members)], "against": described[len(members) :]}
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
    if second is not None and compared is not None:
        print("against:")
        print_levels(second)
        measures = ("strict_accuracy", "accuracy_change", "mean_decision_latency_ms")
        print_comparison(compared[compared["measure"].isin(measures)])
    print(*files, sep="\n")


def folder_of(subjects: Sequence[str], run: RunFolder | None, network: str, several: bool) -> Path:
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
