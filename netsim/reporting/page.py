"""The page of a report: what it holds, and the HTML that shows it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from latex2mathml.converter import convert
from markupsafe import Markup, escape

from netsim.data.dataset import Dataset
from netsim.description import describe
from netsim.description.document import pieces
from netsim.description.provenance import Fact, record_facts
from netsim.files import file_sha256, write_text
from netsim.measuring.costs import CAVEAT
from netsim.measuring.evaluation import Evaluation
from netsim.models.presets import trained_weights_file
from netsim.reporting.pictures import Picture, in_rows, sections
from netsim.reporting.tables import activity_table, costs_table, model_facts, results
from netsim.runs.model import Model
from netsim.runs.plugins import foreign_engine, handed_in
from netsim.seams import engines
from netsim.specification import Network
from netsim.specification.toml import dumps_network


@dataclass(frozen=True)
class Report:
    """What a report shows."""

    name: str
    """The run or preset, as the user calls it."""
    subject: Model
    """The network as it was specified or trained, with its weights."""
    network: Network
    """The same as it was measured: with another data set or time grid, perhaps."""
    dataset: Dataset
    split: str
    """``test`` or ``validation``."""
    available: int
    """How many stimuli the split holds."""
    evaluation: Evaluation
    """Of the first of these stimuli."""
    pictures: Sequence[Picture]
    folder: str
    """Where the pictures lie as files, seen from the page."""
    made: Mapping[str, Any]
    """How this report was made, as from `netsim.runs.folder.describe_run`; the seed is that of initial weights."""
    trained: Sequence[Fact] = ()
    """What the run's metrics tell of the weights, as from `netsim.description.provenance.training_facts`."""


def render(report: Report) -> str:
    """The HTML of a report: one page that needs no other file, no network and no script.

    Whatever came from files is text in it, never markup.
    """
    network, run = report.subject.network, report.subject.run
    pictures = {picture.kind: picture for picture in report.pictures}
    chosen = {title: [pictures[name] for name in names if name in pictures] for title, names in sections().items()}
    page = environment().get_template("page.html")
    return page.render(
        report=report,
        measured=_measured_on(report),
        cautions=cautions(report),
        results=results(report.network, report.evaluation),
        activity=activity_table(report.network, report.evaluation),
        costs=costs_table(report.evaluation),
        caveat=CAVEAT,
        sections={title: in_rows(found) for title, found in chosen.items() if found},
        model=model_facts(network),
        description=describe(network, run, provenance=False),
        trained=[*report.trained, *record_facts(run.record())] if run else [],
        made=record_facts({key: value for key, value in report.made.items() if key != "seed"}),
        data=_data_facts(report),
        specification=dumps_network(network),
    )


def write_report(report: Report, path: Path) -> None:
    """Write the HTML of a report; the file appears whole or not at all."""
    write_text(path, render(report))


def _measured_on(report: Report) -> str:
    """On which stimuli the results were measured."""
    count = report.evaluation.presentations
    which = f"all {count:,}" if count == report.available else f"the first {count:,} of {report.available:,}"
    return f"{which} {report.split} stimuli of {report.dataset.name}"


def cautions(report: Report) -> list[str]:
    """What one has to know before one believes the results."""
    trained, measured = report.subject.network.training, report.network.training
    said = []
    if report.subject.origin == "initial":
        said.append(f"These weights were never trained: they are the initial ones of seed {report.made['seed']}.")
    elif report.subject.origin == "imported":
        said.append("These weights were imported: it is not known here which stimuli they were learned from.")
    elif report.split == "test":
        said.append(
            "Measured on the test stimuli, which served neither to learn nor to choose the epoch. They are a test as"
            " long as nothing else is chosen by them: until the last choice is made, set stimuli aside"
            " (training.validation) and report with --split validation."
        )
    else:
        said.append(
            "Measured on the validation stimuli, by which the epoch was chosen: expect a little less on stimuli that"
            " served no choice."
        )
    if report.evaluation.presentations < report.available:
        said.append(f"Only the first {report.evaluation.presentations:,} of {report.available:,} were presented.")
    if report.subject.run and file_sha256(report.subject.run.best) != report.subject.sha256:
        said.append("The training went on meanwhile: the run has better weights by now than those measured here.")
    if measured.dataset != trained.dataset:
        said.append(f"The network was made for {trained.dataset} and is measured on {measured.dataset}.")
    if report.subject.run:
        if other := engine_caution(report):
            said.append(other)
        if change := report.subject.change_of(report.dataset, report.network):
            said.append(f"{change}.")
    if measured.dt != trained.dt:
        said.append(f"The network was made for {_grid(trained.dt)} and is measured with {_grid(measured.dt)}.")
    return said


def engine_caution(report: Report) -> str:
    """What to say if another engine measured than the one, not of netsim, that trained; else empty."""
    run, trained = report.subject.run, report.subject.network
    if run is None or not (foreign := foreign_engine(trained, plugins := run.record().get("plugins", []))):
        return ""
    measured = report.network.training.engine
    if measured == trained.training.engine and not handed_in(plugins, engines):
        return ""
    return f"The network was trained with {foreign}, and is measured with the engine {measured}."


def _grid(dt: float) -> str:
    return f"a time grid of {dt:g} ms" if dt else "exact times"


def _data_facts(report: Report) -> list[Fact]:
    """Where stimuli and weights come from, with checksums."""
    subject, data = report.subject, report.dataset
    file, origin = None, f"initial, of seed {report.made['seed']}"
    if subject.run:
        file = subject.run.best
        origin = str(file)
    elif subject.origin == "trained":
        file = trained_weights_file(subject.network.name)
        origin = f"come with netsim {report.made['netsim']}"
    facts = [
        Fact("data set", f"{data.name}, from {data.origin}"),
        Fact("SHA-256 of its stimuli and labels", data.sha256, True),
        Fact("weights", origin),
    ]
    if file and subject.sha256:
        facts.append(Fact(f"SHA-256 of {file.name}", subject.sha256, True))
    return [*facts, Fact("engine", f"{report.network.training.engine}, {_grid(report.network.training.dt)}")]


@cache
def environment() -> Environment:
    """Return what renders the pages of this folder; whatever a page is given is text in it."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked_up"] = _marked_up
    return environment


def _marked_up(text: str) -> Markup:
    """The markup of descriptions as HTML, mathematics as MathML."""
    written: dict[str, Callable[[str], Markup]] = {"text": escape, "math": _mathml}
    written["name"] = Markup("<code>{}</code>").format
    lines = (Markup().join(written[sort](content) for sort, content in pieces(line)) for line in text.split("\n"))
    return Markup("<br>").join(lines)


@cache
def _mathml(latex: str) -> Markup:
    # the converter knows no \arg, sets nothing around \ln, and names a space as browsers no longer do
    spaced = re.sub(r"\\(arg|ln)(?![a-z])", r"\\hspace{0.17em} \\mathrm{\1} \\hspace{0.17em}", latex)
    return Markup(convert(spaced).replace('"thinmathspace"', '"0.167em"'))


def _printable(value: Any) -> Any:
    """Text without characters that a page cannot hold or show, which a file may bring."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return type(value)("".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in value))
