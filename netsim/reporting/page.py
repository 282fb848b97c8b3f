"""The page of a report: its contents and its HTML."""

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
    """The contents of a report."""

    name: str
    """Name of the run or preset, as the user gave it."""
    subject: Model
    """The model as specified or trained."""
    network: Network
    """The measured network, possibly with another data set or time grid."""
    dataset: Dataset
    split: str
    """``test`` or ``validation``."""
    available: int
    """Number of stimuli in the split."""
    evaluation: Evaluation
    """Results for the first stimuli of the split."""
    pictures: Sequence[Picture]
    folder: str
    """Folder of the picture files, relative to the page."""
    made: Mapping[str, Any]
    """Provenance of the report, from `netsim.runs.folder.describe_run`; the seed is that of initial weights."""
    trained: Sequence[Fact] = ()
    """Facts of the training, from `netsim.description.provenance.training_facts`."""


def render(report: Report) -> str:
    """Return the HTML of a report, a page that needs no other file, no network and no script.

    Text from files is escaped.
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
        sections={title: in_rows(group) for title, group in chosen.items() if group},
        model=model_facts(network),
        description=describe(network, run, provenance=False),
        trained=[*report.trained, *record_facts(run.record())] if run else [],
        made=record_facts({key: value for key, value in report.made.items() if key != "seed"}),
        data=_data_facts(report),
        specification=dumps_network(network),
    )


def write_report(report: Report, path: Path) -> None:
    """Write the HTML of a report atomically."""
    write_text(path, render(report))


def _measured_on(report: Report) -> str:
    """Describe the stimuli of the results."""
    count = report.evaluation.presentations
    which = f"all {count:,}" if count == report.available else f"the first {count:,} of {report.available:,}"
    return f"{which} {report.split} stimuli of {report.dataset.name}"


def cautions(report: Report) -> list[str]:
    """Return the caveats about the results."""
    trained, measured = report.subject.network.training, report.network.training
    notes = []
    if report.subject.origin == "initial":
        notes.append(f"These weights were never trained. They are the initial weights of seed {report.made['seed']}.")
    elif report.subject.origin == "imported":
        notes.append("These weights were imported. The stimuli that they learned from are unknown.")
    elif report.split == "test":
        notes.append(
            "Measured on the test stimuli, which served neither to learn nor to choose the epoch. They remain a test"
            " as long as they serve no other choice. Until the last choice is made, set stimuli aside"
            " (training.validation) and report with --split validation."
        )
    else:
        notes.append(
            "Measured on the validation stimuli, by which the epoch was chosen. Expect slightly lower results on other"
            " stimuli."
        )
    if report.evaluation.presentations < report.available:
        notes.append(f"Only the first {report.evaluation.presentations:,} of {report.available:,} were presented.")
    if report.subject.run and file_sha256(report.subject.run.best) != report.subject.sha256:
        notes.append("The training continued during the measurement. By now the run has better weights than these.")
    if measured.dataset != trained.dataset:
        notes.append(f"The network was made for {trained.dataset} and is measured on {measured.dataset}.")
    if report.subject.run:
        if other := engine_caution(report):
            notes.append(other)
        if change := report.subject.change_of(report.dataset, report.network):
            notes.append(f"{change}.")
    if measured.dt != trained.dt:
        notes.append(f"The network was made for {_grid(trained.dt)} and is measured with {_grid(measured.dt)}.")
    return notes


def engine_caution(report: Report) -> str:
    """Return a caveat if a plug-in's engine trained the network and another engine measured. Else an empty text."""
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
    """Return the origin of stimuli and weights, with checksums."""
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
    """Return the environment that renders the pages of this folder, with escaped values."""
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
    """Convert the markup of descriptions to HTML, and mathematics to MathML."""
    written: dict[str, Callable[[str], Markup]] = {"text": escape, "math": _mathml}
    written["name"] = Markup("<code>{}</code>").format
    lines = (Markup().join(written[sort](content) for sort, content in pieces(line)) for line in text.split("\n"))
    return Markup("<br>").join(lines)


@cache
def _mathml(latex: str) -> Markup:
    # the converter lacks \arg, adds no space around \ln, and names a space that browsers no longer support
    spaced = re.sub(r"\\(arg|ln)(?![a-z])", r"\\hspace{0.17em} \\mathrm{\1} \\hspace{0.17em}", latex)
    return Markup(convert(spaced).replace('"thinmathspace"', '"0.167em"'))


def _printable(value: Any) -> Any:
    """Replace characters that a page cannot contain or show. They may come from files."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return type(value)("".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in value))
