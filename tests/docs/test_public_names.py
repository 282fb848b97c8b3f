"""The README, the pages and the examples of docstrings use what `netsim` and `netsim.analysis` give by name."""

from __future__ import annotations

import ast
import inspect
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

import netsim
import netsim.analysis

ROOT = Path(__file__).parents[2]
_IGNORED = [line[1:] for line in (ROOT / ".gitignore").read_text("utf-8").splitlines() if line.startswith("/docs/")]


def _is_written(page: Path) -> bool:
    """The build writes pages that git ignores."""
    name = page.relative_to(ROOT).as_posix()
    return any(name.startswith(each) or fnmatch(name, each) for each in _IGNORED)


PAGES = [ROOT / "README.md", *(page for page in sorted((ROOT / "docs").rglob("*.md")) if not _is_written(page))]
PUBLIC = {"netsim": set(netsim.__all__), "netsim.analysis": set(netsim.analysis.__all__)}
PROTOCOLS = {
    "training_by_hand.md": {"netsim.learning", "netsim.seams"},
    "extending.md": {
        "netsim.errors",
        "netsim.exchange",
        "netsim.files",
        "netsim.measuring",
        "netsim.seams",
        "netsim.specification",
        "netsim.studies",
    },
    "explorer.md": {"netsim.exploring"},
    "experiments.md": {"netsim.analysis", "netsim.experiments", "netsim.seams"},
    "studies.md": {"netsim.studies"},
}
"""Rooms whose protocols the pages on extensions import from, by page."""


def _programs(page: Path) -> list[ast.Module]:
    blocks = re.findall(r"^```(?:python|py)\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [ast.parse(block) for block in blocks]


def _imported(program: ast.Module) -> set[str]:
    """Full names of what a program imports from netsim."""
    names = set()
    for node in ast.walk(program):
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{name.name}" for name in node.names}
    return {name for name in names if name.partition(".")[0] == "netsim"}


def _is_public(name: str) -> bool:
    room, _, last = name.rpartition(".")
    return name in PUBLIC or last in PUBLIC.get(room, ())


def _attributes(program: ast.Module) -> set[str]:
    """Names after ``netsim.`` and ``netsim.analysis.`` in a program."""
    return {
        f"{ast.unparse(node.value)}.{node.attr}"
        for node in ast.walk(program)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in PUBLIC
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_programs_import_public_names(page: Path) -> None:
    rooms = PROTOCOLS.get(page.name, set())
    deep = {name for program in _programs(page) for name in _imported(program) if not _is_public(name)}
    assert {name for name in deep if ".".join(name.split(".")[:2]) not in rooms} == set()
    used = {name for program in _programs(page) for name in _attributes(program)}
    assert {name for name in used if not _is_public(name) and name not in rooms} == set()


@pytest.mark.parametrize("name", PUBLIC)
def test_every_name_is_told(name: str) -> None:
    """A public name can be had, and says what it is."""
    module = netsim if name == "netsim" else netsim.analysis
    assert [name for name in module.__all__ if not (getattr(module, name).__doc__ or "").strip()] == []


@pytest.mark.parametrize("name", PUBLIC)
def test_every_function_documents_its_result(name: str) -> None:
    """Sections are not indented below the parameters, where they would be part of the last parameter."""
    module = netsim if name == "netsim" else netsim.analysis
    functions = {each: getattr(module, each) for each in module.__all__ if inspect.isfunction(getattr(module, each))}
    lacking = [
        each
        for each, function in functions.items()
        if inspect.signature(function).return_annotation not in (None, "None")
        and not re.search(r"^(Returns|Yields)\n-+$", inspect.getdoc(function) or "", re.MULTILINE)
    ]
    assert lacking == []
