"""The rooms of the package stand on floors: a module imports from its own room and from those below, never in a circle.

Imports in functions and for type hints count like all others.
"""

from __future__ import annotations

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PACKAGES = {"netsim": "netsim", "models": "netsim.models", "analysis": "netsim.analysis"}  # by folder
FLOORS = (
    "reprs",
    *(
        "errors",
        "files",
        "registry",
        "seams",
        "numerics",
        "hdf5",
        "specification",
        "spikes",
        "weights",
    ),
    *("data", "models", "engines", "learning", "runs", "presenting", "measuring", "training", "classifier", "studies"),
    *("analysis", "calibration", "exchange", "description", "reporting", "sweeps", "experiments", "exploring"),
    *("cli", "__main__"),
)
"""Rooms from the ground up."""


def _name(path: Path, folder: str) -> str:
    parts = [PACKAGES[folder], *path.relative_to(REPOSITORY / folder).with_suffix("").parts]
    return ".".join(parts).removesuffix(".__init__")


MODULES = {_name(path, folder): path for folder in PACKAGES for path in (REPOSITORY / folder).rglob("*.py")}


@cache
def _code(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def _imported(module: str) -> set[str]:
    """Modules of the package that a module imports anywhere; the package itself for names that it has from above."""
    imported = set()
    for node in ast.walk(_code(module)):
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{name.name}" for name in node.names} - {"netsim.__version__"}
            imported |= {name if name in MODULES else str(node.module) for name in inner}
    return {name for name in imported if name in MODULES and name != module}


@cache
def _imports() -> dict[str, set[str]]:
    return {module: _imported(module) for module in MODULES if module != "netsim"}


def _floor(module: str) -> int:
    return FLOORS.index(module.split(".")[1]) if module != "netsim" else len(FLOORS)


WITH_TABLES = {"spikes", "analysis", "exchange"}
"""Rooms that know pandas. Others hand tables on, and name their type in hints alone."""


def _imports_pandas(node: ast.AST) -> bool:
    """Whether code imports pandas when it runs, at once or in a function."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return any(map(_imports_pandas, node.orelse))
    if isinstance(node, ast.Import):
        return any(name.name.partition(".")[0] == "pandas" for name in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] == "pandas"
    return any(map(_imports_pandas, ast.iter_child_nodes(node)))


def test_only_rooms_with_tables_import_pandas() -> None:
    naming = [name for name, path in MODULES.items() if "pandas" in path.read_text("utf-8")]
    importing = {name for name in naming if _imports_pandas(_code(name))}
    assert {module.split(".")[1] for module in importing} == WITH_TABLES


def test_imports_go_down() -> None:
    upward = {
        module: {other for other in others if _floor(other) > _floor(module)} for module, others in _imports().items()
    }
    assert {module: others for module, others in upward.items() if others} == {}


def test_no_circles() -> None:
    circle: list[str] = []
    try:
        TopologicalSorter(_imports()).prepare()
    except CycleError as error:
        circle = error.args[1]
    assert " imports ".join(reversed(circle)) == ""
