"""`import netsim` takes no time: what is slow to import is imported when it is used."""

from __future__ import annotations

import doctest
import importlib
import inspect
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType

import matplotlib.pyplot as plt
import pytest

import netsim
import netsim.analysis

SLOW = ("numpy", "scipy", "pandas", "matplotlib", "numba", "brian2", "tonic", "sklearn", "typer")


def _loaded(statements: str) -> set[str]:
    """Which of the slow packages are imported by a process that does this."""
    shown = f"{statements}\nimport sys\nprint(*[name for name in {SLOW} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_loads_nothing_slow() -> None:
    assert _loaded("import netsim") == set()
    assert _loaded("import netsim\nnetsim.analysis, netsim.seams, dir(netsim), netsim.__version__") == set()


def test_what_is_used_loads_what_it_needs() -> None:
    assert not _loaded("import netsim\nnetsim.load_preset('digits')") & {"brian2", "tonic", "pandas", "matplotlib"}


def _module_of(member: object) -> str:
    unwrapped = inspect.unwrap(member) if callable(member) else member
    return str(getattr(unwrapped, "__module__", ""))


def _documented() -> list[ModuleType]:
    """The modules that define public names."""
    objects = [getattr(module, name) for module in (netsim, netsim.analysis) for name in module.__all__]
    names = {_module_of(value) for value in objects if hasattr(value, "__module__")}
    names |= {"netsim.analysis", "netsim.registry", "netsim.seams"}
    return [importlib.import_module(name) for name in sorted(names)]


@pytest.mark.usefixtures("brian2_compiles_nothing")
@pytest.mark.parametrize("module", _documented(), ids=lambda module: module.__name__)
def test_examples_run(module: ModuleType, only_pictures: Callable[..., None]) -> None:
    if module.__name__ == "netsim.reporting.making":
        only_pictures("confusion")
    # public functions of packages are those of other modules
    finder = doctest.DocTestFinder(recurse=module not in (netsim, netsim.analysis))
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for example in finder.find(module):
        runner.run(example)
    plt.close("all")
    assert not runner.failures


@pytest.mark.parametrize("module", [netsim, netsim.analysis], ids=lambda module: module.__name__)
def test_every_public_object_has_an_example(module: ModuleType) -> None:
    public = {name: getattr(module, name) for name in module.__all__}
    assert [name for name, value in public.items() if ">>> " not in (value.__doc__ or "")] == []
