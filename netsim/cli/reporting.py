"""The commands ``netsim models``, ``data``, ``report`` and ``describe``."""

import textwrap
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from netsim.cli import options
from netsim.cli.terminal import data_progress, new_table, note, notes_for, print_json, print_table, progress_bar
from netsim.data import loading
from netsim.data.places import DATA_FOLDER, remember_folder
from netsim.errors import DataWarning, SpecificationError
from netsim.seams import figures


def models(as_json: options.Json = False) -> None:
    """List the presets: layers, regime, binary weights, neurons, synapses, parameters."""
    from netsim.models.presets import load_preset, preset_names, trained_weights_file
    from netsim.specification.summary import summarise

    trained = {name: trained_weights_file(name) is not None for name in preset_names()}
    rows = [summarise(load_preset(name)) | {"trained": known} for name, known in trained.items()]
    if as_json:
        print_json({"presets": rows})
        return
    table = new_table("preset and layers", "regime", "neurons>", "synapses>", "parameters>", fold=0)
    for row in rows:
        name = row["name"] + "*" * row["trained"]
        counts = (f"{row[count]:,}" for count in ("neurons", "synapses", "parameters"))
        table.add_row(name, row["regime"], *counts)
        layers = textwrap.fill(row["architecture"], 35, initial_indent="  ", subsequent_indent="    ")
        weights = "" if row["weights"] == "real" else row["weights"]
        table.add_row(layers, "\n" * layers.count("\n") + weights)  # in the last line of the layers
    print_table(table)
    if any(trained.values()):
        print("* comes with trained weights")


def data(
    name: Annotated[str | None, Argument(metavar="NAME", help=f"{loading.dataset_notations()}.")] = None,
    fetch: Annotated[
        bool, Option("--fetch", help="Download into --data-dir or the cache of the user, with a check by SHA-256.")
    ] = False,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> None:
    """List the data sets and their folders. netsim remembers a folder given with --data-dir if it contains data."""
    if fetch:
        if name is None:
            raise SpecificationError("--fetch", "needs the name of a data set")
        with data_progress() as on_progress:
            loading.fetch(name, data_dir and Path(data_dir) / name, on_progress=on_progress)
    places = {known: loading.where(known, data_dir) for known in ([name] if name else loading.listed_datasets())}
    if data_dir is not None and any(
        location.found for looked in places.values() for location in looked if location.origin == DATA_FOLDER
    ):
        note(f"{data_dir}: is remembered in {remember_folder(data_dir)}; later commands look there too")
    if as_json:
        print_json({known: [p._asdict() | {"path": str(p.path)} for p in looked] for known, looked in places.items()})
    else:
        table = new_table("data set", "place", "path", "found", "note", fold=2)
        for known, looked in places.items():
            for location in looked:
                table.add_row(
                    known, location.origin, str(location.path), "yes" if location.found else "no", location.note
                )
            if not looked:
                table.add_row(known, "", "", "yes", "needs no files")
        print_table(table)
    if name is not None and places[name] and not any(location.found for location in places[name]):
        source = loading.find_source(name)
        assert source is not None  # a data set with a path has a source
        wrong = "; ".join(f"{location.path} {location.note}" for location in places[name] if location.note)
        raise SpecificationError(name, f"is not found{f' ({wrong})' if wrong else ''}; {source.remedy(name)}")


def report(
    subject: options.ModelArgument,
    out: Annotated[
        Path | None, Option(metavar="FILE", help="An .html file; by default RUN/report.html or report-PRESET.html.")
    ] = None,
    split: options.Split = "test",
    limit: options.Limit = None,
    index: Annotated[int, Option(min=0, metavar="N", help="Stimulus of the figures of one presentation.")] = 0,
    dataset: options.DatasetOption = None,
    data_dir: options.DataDir = None,
    engine: options.EngineOption = None,
    dt: options.Dt = None,
    seed: options.InitialSeed = 0,
    as_json: options.Json = False,
) -> None:
    """Write a report: one HTML file with configuration, results, figures and provenance.

    The file needs no other file and no internet connection. The figures are next to it as PNG and SVG.

    The event engine measures everything, except for runs of an engine from a plug-in.
    Use --split validation while you still choose between networks.
    """
    from netsim.description.provenance import UNREADABLE
    from netsim.files import check_folder
    from netsim.reporting.making import report as make_report
    from netsim.reporting.making import with_engine_of_reports
    from netsim.reporting.page import engine_caution

    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise SpecificationError(f"--out {out}", "must end in .html")
    chosen, _ = options.model_of(subject, seed, engine=engine)
    network = options.with_options(with_engine_of_reports(chosen), dataset, engine, dt)
    options.check_split(split)
    splits = options.splits_of(chosen, network, data_dir)
    stimuli = splits.of(split, network.training.validation)
    options.check_index(index, len(stimuli), f"the {split} split")
    page = out or (chosen.run.path / "report.html" if chosen.run else Path(f"report-{network.name}.html"))
    if page.is_dir():
        raise SpecificationError(f"--out {page}", "is a folder; name a file")
    folder = page.with_name(f"{page.stem}-figures")
    if chosen.run and not out:
        chosen.run.subfolder(folder.name)
    check_folder(folder)
    options.note_initial_weights(subject, chosen, seed)
    with notes_for(DataWarning), progress_bar() as progress:
        task = progress.add_task("evaluating", total=None)
        content = make_report(
            chosen,
            page,
            split=split,
            limit=limit,
            presentation=index,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
            drawing=lambda name: progress.reset(task, description=f"drawing {name}", total=None),
            network=network,
            splits=splits,
            name=subject,
            seed=seed,
        )
    if caution := engine_caution(content):
        note(caution)
    warned = UNREADABLE in content.trained
    for picture in content.pictures:
        if picture.reason and not (warned and figures[picture.kind].of_training):
            note(f"{picture.kind}: not drawn ({picture.reason})")
    if as_json:
        training = network.training
        measured = {"subject": subject, "weights": chosen.origin, "dataset": training.dataset, "split": split}
        settings = {"engine": training.engine, "dt_ms": training.dt}
        print_json(measured | settings | content.evaluation.to_dict() | {"file": str(page), "figures": str(folder)})
    else:
        print(str(page))


def describe(
    subject: options.ModelArgument,
    form: Annotated[
        str | None,
        Option(
            "--format",
            metavar="markdown|latex",
            help="Tables for GitHub, or a document for pdflatex; by default latex if FILE ends in .tex, else markdown.",
        ),
    ] = None,
    out: Annotated[Path | None, Option(metavar="FILE", help="The file to write; by default stdout.")] = None,
) -> None:
    """Describe a model for a methods section: tables and equations, from its specification.

    The tables follow Nordlie, Gewaltig and Plesser (2009). The description of a run includes its provenance.
    """
    from netsim import description
    from netsim.files import write_text
    from netsim.runs.names import find_run, load_network

    writers = {"markdown": description.to_markdown, "latex": description.to_latex}
    if form not in (None, *writers):
        raise SpecificationError(f"--format {form}", f"must be {' or '.join(writers)}")
    if form is None and out is not None and not out.is_dir() and out.suffix not in (".md", ".txt", ".tex"):
        raise SpecificationError(
            f"--out {out}", "must end in .md, .txt or .tex; pandoc converts these to other formats"
        )
    run = find_run(subject)
    default = "latex" if out is not None and out.suffix == ".tex" else "markdown"
    with notes_for(DataWarning):
        described = description.describe(run.network() if run else load_network(subject), run)
    text = writers[form or default](described)
    if out is None:
        print(text.rstrip("\n"))
    else:
        options.make_folder(out.parent)
        write_text(out, text)
        print(str(out))
