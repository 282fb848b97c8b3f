"""Measure how fast the engines are, beside a dense network and other simulators, in one run.

    python scripts/benchmark.py                        # all rows, some minutes
    python scripts/benchmark.py --rows 'event-*' --rows 'torch-*' --threads 1
    python scripts/benchmark.py --growth --memory --evaluate --starts --profile
    python scripts/benchmark.py --all --page docs/speed.md   # for maintainers, on a machine without other jobs

Rows are timed in turn, with the same images, batch and number of threads. torch, snnTorch and SpikingJelly come
with ``pip install 'netsim-snn[bench]'``; a row whose library is missing says so.
"""

from __future__ import annotations

import os
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import typer

from netsim.cli.options import make_folder
from netsim.cli.terminal import counting, note
from netsim.errors import NetsimError

BATCH = 64
REPOSITORY = Path(__file__).resolve().parents[1]


def main(
    rows: Annotated[
        list[str] | None, typer.Option("--rows", metavar="NAME", help="Rows to measure, * for any; repeatable.")
    ] = None,
    repetitions: Annotated[int, typer.Option(min=1, help="Blocks of calls of each row.")] = 7,
    threads: Annotated[int, typer.Option(min=1, help="Threads, the same for all.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Of initial weights and random images.")] = 0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where tables, JSON and figures are written.")] = (
        REPOSITORY / "runs" / "benchmark"
    ),
    page: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the tables into this page, between its marks.")
    ] = None,
    data_dir: Annotated[str | None, typer.Option(metavar="DIR", help="Where Fashion-MNIST lies.")] = None,
    random_images: Annotated[bool, typer.Option("--random-images", help="Random images in place of it.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Few repetitions of less; not for quoting.")] = False,
    growth: Annotated[
        bool, typer.Option("--growth", help="Cost against spikes, neurons, synapses, batch, threads, steps.")
    ] = False,
    memory: Annotated[bool, typer.Option("--memory", help="Peak memory of an epoch of training.")] = False,
    evaluate: Annotated[bool, typer.Option("--evaluate", help="Time of netsim evaluate as a process.")] = False,
    starts: Annotated[bool, typer.Option("--starts", help="First and second start of the Brian2 engine.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Where the time goes, and what the limit is.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="All of these.")] = False,
) -> None:
    """Measure, print the tables, and keep them with all figures."""
    # before torch is imported, which reads it once
    os.environ["OMP_NUM_THREADS"] = str(threads)
    from benchmarks import brian2_rows, event_rows, torch_rows
    from benchmarks.growth import CURVES, growth_points, measure_growth
    from benchmarks.limits import measure_limits
    from benchmarks.processes import measure_epoch, measure_evaluation, measure_starts
    from benchmarks.report import Results, library_versions, read_page, update_page, write_results
    from benchmarks.rows import Setting, measure, set_threads
    from benchmarks.shares import measure_shares
    from benchmarks.stimuli import benchmark_images

    from netsim.runs.folder import describe_run

    if quick and page is not None:
        raise typer.BadParameter("--quick measures something smaller; a page is for a whole run")
    known = (*event_rows.ROWS, *brian2_rows.ROWS, *torch_rows.ROWS)
    chosen = [row for row in known if not rows or any(fnmatchcase(row.name, pattern) for pattern in rows)]
    for pattern in rows or []:
        if not any(fnmatchcase(row.name, pattern) for row in known):
            raise typer.BadParameter(f"{pattern} is no row; rows are {', '.join(row.name for row in known)}")
    make_folder(out)
    if page is not None:
        read_page(page)
    repetitions = min(repetitions, 2) if quick else repetitions
    set_threads(threads)
    images, labels, origin = benchmark_images(16 if quick else BATCH, seed, data_dir, random_images)
    setting = Setting(images, labels, origin, seed, threads, 16 if quick else 256, 1 if quick else 16)
    record = describe_run(seed, repetitions=repetitions, threads=threads, quick=quick, load_before=os.getloadavg()[0])
    record["versions"] |= library_versions()
    with counting("measuring", len(chosen) * (repetitions + 1)) as advance:
        results = Results(record, setting, measure(chosen, setting, repetitions, advance))
    if growth or everything:
        points = sum(1 for _ in growth_points(tuple(CURVES), quick))
        with counting("growth", points * (repetitions + 1)) as advance:
            results.growth = measure_growth(tuple(CURVES), setting, repetitions, quick, advance)
    if profile or everything:
        note("profiling ...")
        results.shares, results.limits = measure_shares(setting), measure_limits(setting)
    subject = "digits" if quick else event_rows.PHASED
    if memory or everything:
        note("training for an epoch ...")
        results.processes["epoch"] = measure_epoch(subject, data_dir, seed)
    if evaluate or everything:
        note("evaluating ...")
        results.processes["evaluation"] = measure_evaluation(subject, data_dir, 1 if quick else 3)
    if starts or everything:
        note("starting the Brian2 engine with an empty cache ...")
        results.processes["starts"] = measure_starts(subject, data_dir)
    record["load_after"] = os.getloadavg()[0]
    written = write_results(results, out)
    if page is not None:
        written += update_page(results, page)
    print("\n\n".join(results.sections().values()))
    note("written: " + ", ".join(str(path) for path in written))


if __name__ == "__main__":
    try:
        typer.run(main)
    except NetsimError as error:
        sys.exit(f"benchmark: {error}")
