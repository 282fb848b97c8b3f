"""Write the reference from the public names at build time, and link names in pages to it.

Public names and their order come from the stubs. Introductions are the first sentences of the packages. Commands come
from the command line. Protocols come from the table of seams in ``contribute/extending.md``.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer.cli
import typer.core
import typer.main
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.images import get_image_size

import netsim
import netsim.analysis
import netsim.models
from netsim import cli
from netsim.cli.generating import Command

_NAME = re.compile(r"(netsim|brian2|numpy|np|pandas|tonic)(\.\w+)+(\(\))?")
_TASKS = {
    "specification": "Define networks",
    "models": "Load models and presets",
    "data": "Load and encode data",
    "engines": "Simulate with an engine",
    "presenting": "Present stimuli",
    "spikes": "Read spikes",
    "measuring": "Measure and compare",
    "calibration": "Calibrate and fit",
    "learning": "Define learning",
    "training": "Train",
    "weights": "Weights",
    "runs": "Runs and models",
    "analysis": "Draw and analyse",
    "studies": "Perturb",
    "experiments": "Run experiments",
    "exploring": "Explore presentations",
    "description": "Describe a model",
    "reporting": "Report",
    "exchange": "Exchange with other tools",
    "classifier": "Use scikit-learn",
}
"""Titles of the reference by package, in the order for newcomers. Others follow by name."""

PASSED = (
    "netsim.engines.protocol.Engine",
    "netsim.spikes.latencies.Potential",
    "netsim.engines.brian2.own.OwnBrian2Engine",
    "netsim.presenting.batches.Distribution",
    "netsim.runs.folder.RunFolder",
    "netsim.training.checkpoint.TrainingState",
    "netsim.description.document.Description",
    "netsim.runs.pretraining.Pretrained",
    "netsim.data.stored.Samples",
    "netsim.measuring.health.PopulationHealth",
    "netsim.measuring.health.ProjectionHealth",
    "netsim.measuring.health.Finding",
    "netsim.studies.study.Scope",
    "netsim.experiments.experiment.Control",
    "netsim.models.competition.Competition",
    "netsim.models.windows.Windows",
)
"""Types that public functions take or return, and that have no public name."""

_COLUMN = 1100
"""Width (pixels) of a figure for one column of a journal. Text in wider figures is relatively smaller."""

_BESIDE = {
    "CHANGELOG": "reference/changelog",
    "CONTRIBUTING": "contribute/contributing",
    "RESULTS": "results/all",
    "SECURITY": "contribute/security",
}
"""Pages in the folder above the documentation, and the pages that they become."""


def _offered(module: Any) -> dict[str, list[str]]:
    """Return the public names of a module by package."""
    stub = Path(module.__file__).with_suffix(".pyi")
    rooms: dict[str, list[str]] = {}
    for node in ast.parse(stub.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            room = (node.module or "").partition(".")[0]
            rooms.setdefault(room, []).extend(name.asname or name.name for name in node.names)
    order = list(_TASKS)
    return dict(sorted(rooms.items(), key=lambda each: (order.index(each[0]) if each[0] in order else 99, each[0])))


def _first_paragraph(name: str) -> str:
    text = (importlib.import_module(name).__doc__ or "").strip().partition("\n\n")[0]
    return " ".join(text.split())


def _table(names: Iterable[str]) -> str:
    listed = "\n".join(f"   {name}" for name in names)
    return f".. autosummary::\n   :toctree: objects\n   :nosignatures:\n\n{listed}\n"


def _titled(title: str, underline: str, *parts: str) -> str:
    return "\n\n".join([f"{title}\n{underline * len(title)}", *parts]) + "\n"


def _public_page() -> str:
    parts = []
    for room, names in _offered(netsim).items():
        if room:
            title = _TASKS.get(room, room.capitalize())
            parts.append(
                _titled(title, "-", _first_paragraph(f"netsim.{room}"), _table(f"netsim.{name}" for name in names))
            )
    return _titled("netsim", "=", "The names of ``import netsim``, by task.", *parts)


def _analysis_page() -> str:
    offered = _offered(netsim.analysis)
    figures, kinds = offered.pop("figures"), offered.pop("kinds")
    # names that netsim offers too are described there
    only_here = {name for name in netsim.analysis.__all__ if not _is_of_netsim(name)}
    rest = sorted(name for names in offered.values() for name in names if name in only_here)
    return _titled(
        "netsim.analysis",
        "=",
        _first_paragraph("netsim.analysis"),
        _titled("Figures", "-", _table(f"netsim.analysis.{name}" for name in figures)),
        _titled("Analyses", "-", _table(f"netsim.analysis.{name}" for name in kinds)),
        _titled("Tables, drawing and style", "-", _table(f"netsim.analysis.{name}" for name in rest)),
    )


def _is_of_netsim(name: str) -> bool:
    return name in netsim.__all__ and getattr(netsim, name) is getattr(netsim.analysis, name)


def _models_page() -> str:
    names = [name for names in _offered(netsim.models).values() for name in names]
    return _titled(
        "netsim.models", "=", _first_paragraph("netsim.models"), _table(f"netsim.models.{name}" for name in names)
    )


def _seams_page() -> str:
    registries = ".. automodule:: netsim.seams\n   :members:\n   :exclude-members: SEAMS"
    return _titled("netsim.seams", "=", registries, ".. autodata:: netsim.seams.SEAMS\n   :no-value:")


def _protocols_page(source: Path) -> str:
    seams = re.compile(r"^\| [\w -]+ \| `\w+`, `netsim\.\w+` \| [^|`]*`(netsim\.[\w.]+)` \|", re.MULTILINE)
    protocols = dict.fromkeys(seams.findall(source.read_text("utf-8")))
    public = {f"{module.__name__}.{name}" for module in (netsim, netsim.analysis) for name in module.__all__}
    names = [name for name in protocols if name not in public]
    introduction = "Types of registry entries that are not in `netsim` or `netsim.analysis`."
    passed = _titled("Types that functions take or return", "-", _table(name for name in PASSED if name not in names))
    return _titled("Protocols", "=", introduction, _table([*names, "netsim.registry.Registry"]), passed)


def _commands_page() -> str:
    command = typer.main.get_command(cli.app)
    assert isinstance(command, typer.core.TyperGroup)
    for subcommand in command.commands.values():
        if isinstance(subcommand, Command):
            subcommand.list_entries()
    context = typer.Context(command, info_name="netsim")
    context.obj = {typer.core.MARKUP_MODE_KEY: cli.app.rich_markup_mode}
    return typer.cli.get_docs_for_click(obj=command, ctx=context, name="netsim", title="Commands").strip() + "\n"


def _copy(page: Path) -> str:
    """A page from the folder above, with its links as seen from a folder of ``docs/``."""
    text = page.read_text("utf-8").replace("](docs/", "](../")
    text = text.replace("](LICENSE)", "](../../LICENSE)")
    return re.sub(rf"\]\(({'|'.join(_BESIDE)})\.md", r"](../../\1.md", text)


def _write(app: Sphinx, config: Any) -> None:
    source = Path(app.srcdir)
    pages = {
        "reference/netsim.rst": _public_page(),
        "reference/analysis.rst": _analysis_page(),
        "reference/models.rst": _models_page(),
        "reference/seams.rst": _seams_page(),
        "reference/protocols.rst": _protocols_page(source / "contribute" / "extending.md"),
        "reference/commands.md": _commands_page(),
    } | {f"{page}.md": _copy(source.parent / f"{name}.md") for name, page in _BESIDE.items()}
    for name, text in pages.items():
        path = source / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, encoding="utf-8")


class _LinkNames(SphinxTransform):
    """Link code in pages that names a documented object to this object."""

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        for literal in list(self.document.findall(nodes.literal)):
            text = literal.astext()
            if isinstance(literal.parent, nodes.reference | addnodes.pending_xref) or not _NAME.fullmatch(text):
                continue
            target = re.sub(r"^np\.", "numpy.", text.removesuffix("()"))
            link = addnodes.pending_xref(
                "",
                reftype="obj",
                refdomain="py",
                reftarget=target,
                refwarn=False,
                refexplicit=True,
                refdoc=self.env.docname,
            )
            literal.replace_self(link)
            link += literal


class _LinkWide(SphinxTransform):
    """A picture that is too small to read on a narrow screen leads to its full size."""

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        for image in self.document.findall(nodes.image):
            size = get_image_size(self.env.relfn2path(image["uri"])[1])
            if size is not None and size[0] > _COLUMN:
                image["width"] = "100%"


def _name_functions(app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str, returns: str) -> Any:
    """Show functions that are defaults by their names, and those without a name as dots."""
    if signature is None:
        return None
    signature = re.sub(r"<function [^<>]*<lambda>[^<>]*>", "...", signature)
    signature = re.sub(r"lambda ?[\w, ]*: [^,()]*(\([^()]*\))?", "...", signature)
    signature = re.sub(r"<built-in function (\w+)>", r"\1", signature)
    signature = re.sub(r"<function ([\w.]+)[^<>]*>", lambda match: match[1].rpartition(".")[2], signature)
    return signature, returns


def _lead_to_copies(app: Sphinx, document: str, source: list[str]) -> None:
    """Redirect links to pages in the folder above ``docs/`` to their copies in the documentation."""
    for name, page in _BESIDE.items():
        source[0] = re.sub(rf"\]\((?:\.\./)+{name}\.md", f"](/{page}.md", source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    app.connect("config-inited", _write, priority=100)
    app.connect("source-read", _lead_to_copies)
    app.connect("autodoc-process-signature", _name_functions)
    app.add_transform(_LinkNames)
    app.add_transform(_LinkWide)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
