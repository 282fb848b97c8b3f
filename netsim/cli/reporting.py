"""The commands ``netsim models``, ``data``, ``new``, ``report`` and ``describe``."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from netsim.cli import options
from netsim.cli.generating import Given
from netsim.cli.terminal import data_progress, new_table, note, print_json, print_table, progress_bar
from netsim.data import loading
from netsim.data.places import DATA_FOLDER, remember_folder
from netsim.description import describe as describe_network
from netsim.description import to_latex, to_markdown
from netsim.description.provenance import UNREADABLE
from netsim.errors import SpecificationError
from netsim.files import check_folder, make_folder, write_text
from netsim.models.presets import load_preset, preset_names, trained_weights_file
from netsim.reporting.making import report as make_report
from netsim.reporting.making import with_engine_of_reports
from netsim.reporting.page import engine_caution
from netsim.runs.creating import new_network
from netsim.runs.folder import WEIGHTS_SHA256
from netsim.runs.model import with_training
from netsim.runs.names import find_run, load_network
from netsim.seams import figures
from netsim.specification.keys import parse_settings
from netsim.specification.summary import summarise


def models(given: Given, as_json: bool = False) -> None:
    """List the presets: layers, regime, binary weights, neurons, synapses, parameters."""
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
    given: Given, name: str | None = None, fetch: bool = False, data_dir: str | None = None, as_json: bool = False
) -> None:
    """List the data sets and their folders. netsim remembers a folder given with --data-dir if it contains data.

    Parameters
    ----------
    name : NAME
        One of {datasets}.
    fetch : bool
        Download into --data-dir or the cache of the user, with a check by SHA-256.
    data_dir : str
        Folder of the data sets; by default NETSIM_DATA, the folder that netsim data remembers, or the cache.
    """
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


def new(given: Given, settings: Sequence[str] = (), as_json: bool = False) -> None:
    """To train it: netsim train NAME.toml."""
    path = given.call(new_network, settings=parse_settings(settings))
    base = given.get("base", "digits")
    if as_json:
        print_json({"file": str(path), "from": base})
        return
    print(f"{path}: a copy of {base}; edit it, then train it: netsim train {path}")


def report(given: Given, model: str, out: Path | None = None, as_json: bool = False) -> None:
    """The file needs no other file and no internet connection. Use --split validation while you still choose between
    networks.

    Parameters
    ----------
    out : FILE
        An .html file; by default RUN/report.html or report-PRESET.html.
    """
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise SpecificationError(f"--out {out}", "must end in .html")
    opened = options.open_model(given, model, dataset=None, engine=None, dt=None, data_dir=None)
    network = given.call(with_training, network=with_engine_of_reports(opened))
    splits, split = options.splits_of(opened, network, given.get("data_dir"), few=False), given.get("split", "test")
    available = len(splits.of(split, network.training.validation))
    options.check_index(given.get("presentation", 0), available, f"the {split} split")
    page = out or (opened.run.path / "report.html" if opened.run else Path(f"report-{network.name}.html"))
    if page.is_dir():
        raise SpecificationError(f"--out {page}", "is a folder; name a file")
    folder = page.with_name(f"{page.stem}-figures")
    if opened.run and not out:
        opened.run.subfolder(folder.name)
    check_folder(folder)
    options.note_initial_weights(given, model, opened)
    with progress_bar() as progress:
        task = progress.add_task("evaluating", total=None)
        content = given.call(
            make_report,
            model=opened,
            path=page,
            name=model,
            network=network,
            splits=splits,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
            drawing=lambda name: progress.reset(task, description=f"drawing {name}", total=None),
        )
    if caution := engine_caution(content):
        note(caution)
    warned = UNREADABLE in content.trained
    for picture in content.pictures:
        if picture.reason and not (warned and figures[picture.kind].of_training):
            note(f"{picture.kind}: not drawn ({picture.reason})")
    if as_json:
        training = network.training
        figures_of = {"subject": model, "weights": opened.origin, "dataset": training.dataset, "split": content.split}
        if opened.run is not None:
            figures_of |= {"epoch": opened.epoch, WEIGHTS_SHA256: opened.sha256}
        figures_of |= {"engine": training.engine, "dt_ms": training.dt} | content.evaluation.to_dict()
        print_json(figures_of | {"file": str(page), "figures": str(folder)})
    else:
        print(page)


def describe(given: Given, network: str, form: str | None = None, out: Path | None = None) -> None:
    """The tables follow Nordlie, Gewaltig and Plesser (2009). The description of a run includes its provenance.

    Parameters
    ----------
    form : markdown|latex
        Tables for GitHub, or a document for pdflatex; by default latex if FILE ends in .tex, else markdown.
    out : FILE
        The file to write; by default stdout.
    """
    writers = {"markdown": to_markdown, "latex": to_latex}
    if form not in (None, *writers):
        raise SpecificationError(f"--format {form}", f"must be {' or '.join(writers)}")
    if form is None and out is not None and not out.is_dir() and out.suffix not in (".md", ".txt", ".tex"):
        raise SpecificationError(
            f"--out {out}", "must end in .md, .txt or .tex; pandoc converts these to other formats"
        )
    run = find_run(network)
    default = "latex" if out is not None and out.suffix == ".tex" else "markdown"
    text = writers[form or default](describe_network(run.network() if run else load_network(network), run))
    if out is None:
        print(text.rstrip("\n"))
    else:
        make_folder(out.parent)
        write_text(out, text)
        print(out)
