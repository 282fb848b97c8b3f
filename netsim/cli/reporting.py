"""The command ``report``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from netsim.cli import options
from netsim.cli.terminal import note, print_json, progress_bar, say
from netsim.errors import SpecificationError


def report(
    subject: options.ModelArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="An .html; by default RUN/report.html or report-PRESET.html."),
    ] = None,
    split: options.Split = "test",
    limit: options.Limit = None,
    index: Annotated[int, typer.Option("--index", min=0, metavar="N", help="Stimulus of the single presentation.")] = 0,
    dataset: options.DatasetOption = None,
    data_dir: options.DataDir = None,
    dt: options.Dt = None,
    seed: options.InitialSeed = 0,
    as_json: options.Json = False,
) -> None:
    """Write a report: one HTML file with configuration, results, figures and provenance.

    The file needs no other and no network, and it prints well; the figures lie beside it as PNG and SVG.

    Everything is measured with the event engine. Use --split validation while you still choose between networks.
    """
    import matplotlib

    from netsim.data.loading import load_dataset
    from netsim.engines import make_engine
    from netsim.measuring.evaluation import evaluate
    from netsim.runs.folder import describe_run

    matplotlib.use("agg")
    from netsim.analysis.gallery import Source
    from netsim.report import Report, draw_pictures, write_report

    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise SpecificationError(f"--out {out}", "must end in .html")
    chosen, network = options.model_of(subject, seed, engine="event", dt=dt, dataset=dataset)
    stimuli = options.split_of(chosen, network, split, data_dir)
    options.check_index(index, len(stimuli), f"the {split} split")
    page = out or (chosen.run.path / "report.html" if chosen.run else Path(f"report-{network.name}.html"))
    if page.is_dir():
        raise SpecificationError(f"--out {page}", "is a folder; name a file")
    folder = page.with_name(f"{page.stem}-figures")
    options.make_folder(folder)
    options.note_initial_weights(subject, chosen, seed)
    part = stimuli.first(limit)
    dataset, step = network.training.dataset, network.training.dt
    with progress_bar() as progress:
        task = progress.add_task("evaluating", total=len(part))

        def count(done: int, of: int = len(part)) -> None:
            progress.update(task, completed=done, total=of)

        evaluation = evaluate(make_engine("event", network, step), chosen.weights, part, count)
        source = Source.of(replace(chosen, network=network), lambda: stimuli, seed, count)
        pictures = draw_pictures(
            source, folder, index, limit, lambda name: progress.reset(task, description=f"drawing {name}", total=None)
        )
    content = Report(
        name=subject,
        subject=chosen,
        network=network,
        dataset=load_dataset(dataset, data_dir or chosen.data_dir, network.encoder),
        split=split,
        available=len(stimuli),
        evaluation=evaluation,
        pictures=pictures,
        folder=folder.name,
        made=describe_run(seed),
    )
    write_report(content, page)
    for picture in pictures:
        if picture.reason:
            note(f"{picture.kind}: not drawn ({picture.reason})")
    if as_json:
        measured = {"subject": subject, "weights": chosen.origin, "dataset": dataset, "split": split, "dt_ms": step}
        print_json(measured | evaluation.to_dict() | {"file": str(page), "figures": str(folder)})
    else:
        say(str(page))
