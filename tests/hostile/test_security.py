"""No code comes out of a file: no pickle, no evaluation, nowhere in the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SOURCES = [path for folder in ("netsim", "models", "analysis") for path in sorted((REPOSITORY / folder).rglob("*.py"))]
PICKLERS = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
EVALUATORS = {"eval", "exec", "compile", "__import__"}
READERS = {"load", "read_array", "open_memmap"}  # of numpy


def _suspicious(source: str) -> Iterator[str]:
    """What could run code that a file holds."""
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        yield from (f"imports {name}" for name in names if name.partition(".")[0] in PICKLERS)
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if options.get("allow_pickle", "False") != "False":
            yield f"{called} allows pickles"
        if called.startswith("np.") and called.rpartition(".")[2] in READERS and "allow_pickle" not in options:
            yield f"{called} does not forbid pickles"
        if called in EVALUATORS or called in {"yaml.load", "torch.load", "pd.read_pickle"} or options.get("shell"):
            yield f"calls {called}"


BY_NAME = {"netsim/runs/plugin_files.py": ["calls exec", "calls compile"], "netsim/data/cifar.py": ["imports pickle"]}
"""Allowed are a file that the user named as code (``--plugin FILE``), and a reader of pickles that calls only the
makers of arrays (`tests/data/test_cifar.py`).
"""


def test_no_code_comes_out_of_files() -> None:
    calls = {
        path.relative_to(REPOSITORY).as_posix(): list(_suspicious(path.read_text(encoding="utf-8"))) for path in SOURCES
    }
    assert len(calls) > 400
    assert {path: what for path, what in calls.items() if what} == BY_NAME


def test_what_the_search_finds() -> None:
    for source in (
        "import pickle",
        "from joblib import load",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.savez(path, allow_pickle=flag)",
        "eval(text)",
        "subprocess.run(text, shell=True)",
        "pd.read_pickle(path)",
    ):
        assert list(_suspicious(source)), source
    assert len(SOURCES) > 100
